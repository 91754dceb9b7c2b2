#include "loaders/keras/assets.h"

#include <algorithm>

namespace thaw::keras {
namespace {

constexpr const char* kRoot = "assets/";

}  // namespace

Assets::Assets(const FileTree& tree) : tree_(&tree) {
  for (const std::string& member : tree.names()) {
    std::string name = member;
    std::replace(name.begin(), name.end(), '\\', '/');  // archives made on Windows
    if (name.starts_with(kRoot)) members_.emplace(std::move(name), member);
  }
}

std::optional<std::string> Assets::read(const std::string& place, const std::string& name) const {
  const auto found = members_.find(kRoot + place + "/" + name);
  if (found == members_.end()) return std::nullopt;
  return std::string(tree_->read(found->second).text());
}

}  // namespace thaw::keras
