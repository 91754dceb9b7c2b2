#include "loaders/keras/weights.h"

#include "runtime/base/check.h"

namespace thaw::keras {

void ModelWeights::assign(const Variable& variable, StoredArray array) {
  const auto [position, fresh] = arrays_.emplace(variable.path(), std::move(array));
  if (!fresh) {
    fail(ErrorCode::invalid_argument, "variable {} is assigned twice: from {} and again",
         variable.path(), position->second.place);
  }
}

const StoredArray* ModelWeights::find(const std::string& path) const {
  const auto found = arrays_.find(path);
  return found == arrays_.end() ? nullptr : &found->second;
}

void ModelWeights::place(const std::string& path, std::string place) {
  if (path != place) places_.emplace(path, std::move(place));
}

std::string ModelWeights::place_of(const std::string& path) const {
  // The nearest object around it that is known to stand elsewhere takes its parts along.
  for (std::size_t end = path.size(); end != std::string::npos && end != 0;
       end = path.rfind('/', end - 1)) {
    const auto found = places_.find(path.substr(0, end));
    if (found != places_.end()) return found->second + path.substr(end);
  }
  return path;
}

std::int64_t ModelWeights::elements_below(const std::string& path) const {
  std::int64_t total = 0;
  const std::string prefix = path.empty() ? "" : path + "/";
  for (auto it = arrays_.lower_bound(prefix); it != arrays_.end() && it->first.starts_with(prefix);
       ++it) {
    total += it->second.elements;
  }
  return total;
}

}  // namespace thaw::keras
