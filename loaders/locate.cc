#include "loaders/locate.h"

#include <algorithm>
#include <array>
#include <set>

#include "runtime/base/check.h"

namespace thaw {
namespace {

constexpr std::array kSavedModelFiles = {"saved_model.pb", "saved_model.pbtxt", "saved_model.cpb"};
constexpr const char* kKerasFile = "metadata.json";

bool holds_model(const FileTree& tree, const std::string& folder) {
  const auto has = [&](const char* file) { return tree.contains(folder + file); };
  return std::any_of(kSavedModelFiles.begin(), kSavedModelFiles.end(), has) ||
         (has(kKerasFile) && has("config.json"));
}

bool is_number(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

// A folder with a slash at its end, taken apart: "a/b/2/" is "2" in "a/b/".
struct Place {
  std::string folder, parent, name;

  explicit Place(std::string path) : folder(std::move(path)) {
    const std::size_t slash = folder.rfind('/', folder.size() - 2);
    const std::size_t begin = slash == std::string::npos ? 0 : slash + 1;
    parent = folder.substr(0, begin);
    name = folder.substr(begin, folder.size() - begin - 1);
  }
  bool is_numbered() const { return is_number(name); }
};

std::string without_zeros(const std::string& digits) {
  return digits.substr(std::min(digits.find_first_not_of('0'), digits.size()));
}
// The order of numbers of any length.
bool is_lower(const Place& a, const Place& b) {
  const std::string x = without_zeros(a.name), y = without_zeros(b.name);
  return x.size() != y.size() ? x.size() < y.size() : x < y;
}

// Folders with models, outermost only: assets of a model may hold models of their own.
std::vector<Place> find_places(const FileTree& tree) {
  std::set<std::string> folders;
  for (const std::string& name : tree.names()) {
    const std::size_t slash = name.rfind('/');
    if (slash == std::string::npos) continue;
    const std::string file = name.substr(slash + 1), folder = name.substr(0, slash + 1);
    const bool is_mark =
        file == kKerasFile ||
        std::find(kSavedModelFiles.begin(), kSavedModelFiles.end(), file) != kSavedModelFiles.end();
    if (is_mark && holds_model(tree, folder)) folders.insert(folder);
  }
  std::vector<Place> places;  // sorted: an outer folder comes right before what lies in it
  for (const std::string& folder : folders) {
    if (places.empty() || !folder.starts_with(places.back().folder)) places.emplace_back(folder);
  }
  return places;
}

std::string list_of(const std::vector<Place>& places) {
  constexpr std::size_t kShown = 8;
  std::string list;
  for (std::size_t i = 0; i < std::min(places.size(), kShown); ++i)
    list += (i == 0 ? "'" : ", '") + printable(places[i].folder) + "'";
  return places.size() > kShown ? list + ", ..." : list;
}

}  // namespace

std::optional<std::string> find_model_folder(const FileTree& tree, const std::string& version) {
  const auto error = [&](ErrorCode code, const std::string& what) {
    fail(code, "{}: {}", printable(tree.path(), 1024), what);
  };
  const auto not_versioned = [&] {
    error(
        ErrorCode::failed_precondition,
        fmt::format("version '{}' was asked for, but the model does not stand in numbered folders",
                    printable(version)));
  };
  if (holds_model(tree, "")) {
    if (!version.empty()) not_versioned();
    return "";
  }
  const std::vector<Place> places = find_places(tree);
  std::vector<Place> numbered;
  for (const Place& place : places) {
    if (place.is_numbered()) numbered.push_back(place);
  }
  std::sort(numbered.begin(), numbered.end(), is_lower);
  const auto beside_first = [&](const Place& place) {
    return place.parent == places.front().parent;
  };
  const bool one_model = std::all_of(places.begin(), places.end(), beside_first);
  if (places.size() > 1 && (!one_model || numbered.empty())) {
    error(ErrorCode::invalid_argument, fmt::format("holds {} models: give the folder of one: {}",
                                                   places.size(), list_of(places)));
  }
  if (version.empty()) {
    if (places.empty()) return std::nullopt;
    return numbered.empty() ? places.front().folder : numbered.back().folder;
  }
  if (numbered.empty()) not_versioned();
  for (const Place& place : numbered) {
    if (is_number(version) && without_zeros(place.name) == without_zeros(version))
      return place.folder;
  }
  error(ErrorCode::not_found,
        fmt::format("has no version '{}', only {}", printable(version), list_of(numbered)));
  return std::nullopt;
}

std::optional<std::string> find_only_file(const FileTree& tree) {
  std::optional<std::string> found;
  for (const std::string& name : tree.names()) {
    const std::string file = name.substr(name.rfind('/') + 1);
    if (name.starts_with("__MACOSX/") || file.starts_with("._") || file == ".DS_Store") continue;
    if (found) return std::nullopt;
    found = name;
  }
  return found;
}

}  // namespace thaw
