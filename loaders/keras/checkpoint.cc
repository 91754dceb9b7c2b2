#include "loaders/keras/checkpoint.h"

#include <algorithm>
#include <filesystem>

#include "loaders/source/wire.h"
#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

constexpr const char* kObjectGraphKey = "_CHECKPOINTABLE_OBJECT_GRAPH";
constexpr const char* kStateFile = "checkpoint";
constexpr const char* kVariables = "variables/variables";
constexpr const char* kWhat = "an object graph";

std::string text_of(std::span<const std::byte> bytes) { return std::string(as_text(bytes)); }

// ObjectReference {1 node_id, 2 local_name}
void parse_child(std::span<const std::byte> message, const std::string& name,
                 CheckpointObject& object) {
  WireReader reader(message, name, kWhat);
  std::uint64_t id = 0;
  std::string attribute;
  while (reader.next()) {
    if (reader.field() == 1) id = reader.varint();
    if (reader.field() == 2) attribute = text_of(reader.bytes());
  }
  object.children.emplace(std::move(attribute), static_cast<std::size_t>(id));
}

// SerializedTensor {1 name, 2 full_name, 3 checkpoint_key}
void parse_attribute(std::span<const std::byte> message, const std::string& name,
                     CheckpointObject& object) {
  WireReader reader(message, name, kWhat);
  std::string attribute, variable, key;
  while (reader.next()) {
    if (reader.field() == 1) attribute = text_of(reader.bytes());
    if (reader.field() == 2) variable = text_of(reader.bytes());
    if (reader.field() == 3) key = text_of(reader.bytes());
  }
  if (attribute != "VARIABLE_VALUE") return;
  object.key = std::move(key);
  object.variable = std::move(variable);
}

CheckpointObject parse_object(std::span<const std::byte> message, const std::string& name) {
  WireReader reader(message, name, kWhat);
  CheckpointObject object;
  while (reader.next()) {
    if (reader.field() == 1) parse_child(reader.bytes(), name, object);
    if (reader.field() == 2) parse_attribute(reader.bytes(), name, object);
  }
  return object;
}

bool is_file(const std::string& path) {
  std::error_code error;
  return std::filesystem::is_regular_file(path, error);
}

bool is_folder(const std::string& path) {
  std::error_code error;
  return std::filesystem::is_directory(path, error);
}

CheckpointPlace split(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return {".", path};
  return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

// `model_checkpoint_path: "ckpt-7"` of the state file; an absolute path loses its folder, for the
// checkpoint may have been moved together with its state.
std::string latest_of(const std::string& folder, const Limits& limits) {
  const Bytes state = read_file(folder + "/" + kStateFile, limits);
  const std::string_view text = state.text();
  constexpr std::string_view kField = "model_checkpoint_path:";
  std::size_t at = text.find(kField);
  while (at != std::string_view::npos && at != 0 && text[at - 1] != '\n') {
    at = text.find(kField, at + 1);  // "all_model_checkpoint_paths:" ends alike
  }
  const std::size_t begin = at == std::string_view::npos ? at : text.find('"', at);
  const std::size_t end = begin == std::string_view::npos ? begin : text.find('"', begin + 1);
  if (end == std::string_view::npos) {
    fail(ErrorCode::invalid_argument, "{}: names no model_checkpoint_path",
         printable(state.name, 1024));
  }
  std::string prefix(text.substr(begin + 1, end - begin - 1));
  std::replace(prefix.begin(), prefix.end(), '\\', '/');
  if (prefix.starts_with("/") || !is_file(folder + "/" + prefix + ".index")) {
    prefix = prefix.substr(prefix.rfind('/') + 1);
  }
  if (prefix.empty() || !is_file(folder + "/" + prefix + ".index")) {
    fail(ErrorCode::not_found, "{}: names the checkpoint '{}', but there is no such index file",
         printable(state.name, 1024), printable(prefix));
  }
  return prefix;
}

std::optional<CheckpointPlace> in_folder(const std::string& folder, const Limits& limits) {
  if (is_file(folder + "/" + kVariables + ".index")) return CheckpointPlace{folder, kVariables};
  if (is_file(folder + "/" + kStateFile)) return CheckpointPlace{folder, latest_of(folder, limits)};
  std::vector<std::string> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().extension() == ".index") found.push_back(entry.path().stem().string());
    if (found.size() > limits.max_entries) break;
  }
  if (found.empty()) return std::nullopt;
  if (found.size() > 1) {
    std::sort(found.begin(), found.end());
    found.resize(std::min<std::size_t>(found.size(), 8));
    fail(ErrorCode::failed_precondition, "{}: holds several checkpoints and no state file: {}",
         printable(folder, 1024), printable(fmt::format("{}", fmt::join(found, ", "))));
  }
  return CheckpointPlace{folder, found[0]};
}

}  // namespace

std::vector<CheckpointObject> parse_object_graph(std::string_view message, const std::string& name,
                                                 const Limits& limits) {
  WireReader reader(as_bytes(message), name, kWhat);
  std::vector<CheckpointObject> objects;
  while (reader.next()) {
    if (reader.field() != 1) continue;
    if (objects.size() >= limits.max_nodes) {
      fail(ErrorCode::resource_exhausted, "{}: more than {} objects", printable(name, 1024),
           limits.max_nodes);
    }
    objects.push_back(parse_object(reader.bytes(), name));
  }
  for (const CheckpointObject& object : objects) {
    for (const auto& [attribute, id] : object.children) {
      if (id >= objects.size()) {
        fail(ErrorCode::data_loss, "{}: object '{}' is number {} of {}", printable(name, 1024),
             printable(attribute), id, objects.size());
      }
    }
  }
  return objects;
}

Checkpoint::Checkpoint(std::unique_ptr<FileTree> tree, const std::string& prefix,
                       const Limits& limits)
    : path_(tree->path() == "." ? prefix : tree->path() + "/" + prefix),
      tree_(std::move(tree)),
      bundle_(TensorBundle::open(*tree_, prefix, limits)) {
  for (std::string& key : bundle_->keys()) {
    if (key != kObjectGraphKey) names_.push_back(std::move(key));
  }
  if (!bundle_->contains(kObjectGraphKey)) return;
  const Tensor graph = bundle_->read(kObjectGraphKey);
  if (graph.dtype() != DType::string || graph.num_elements() != 1) {
    fail(ErrorCode::data_loss, "{}: the object graph is {}", printable(path_, 1024),
         to_string(graph.type()));
  }
  objects_ = parse_object_graph(graph.data<std::string>()[0], path_, limits);
}

std::optional<CheckpointPlace> find_checkpoint(const std::string& path, const Limits& limits) {
  if (is_folder(path)) return in_folder(path, limits);
  if (is_file(path + ".index")) return split(path);
  if (!is_file(path)) return std::nullopt;
  if (path.ends_with(".index")) return split(path.substr(0, path.size() - 6));
  const CheckpointPlace place = split(path);
  if (place.prefix == kStateFile) {
    return CheckpointPlace{place.folder, latest_of(place.folder, limits)};
  }
  const auto data = path.rfind(".data-");
  if (data != std::string::npos && is_file(path.substr(0, data) + ".index")) {
    return split(path.substr(0, data));
  }
  return std::nullopt;
}

}  // namespace thaw::keras
