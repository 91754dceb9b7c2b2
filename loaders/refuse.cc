#include "loaders/refuse.h"

#include <algorithm>
#include <filesystem>

#include "runtime/base/check.h"

namespace thaw {
namespace {

constexpr const char* kWayOut =
    "give the architecture (JSON of model.to_json()) and this as its weights, or read the arrays "
    "with thaw::WeightStore (thaw show lists them)";

[[noreturn]] void weights_only(const std::string& path, const char* what) {
  fail(ErrorCode::failed_precondition, "{}: {}: weights without an architecture; {}",
       printable(path, 1024), what, kWayOut);
}

// Models of other runtimes, and a part of a SavedModel. ONNX has no magic: it begins with its
// version and the name of what wrote it, where a SavedModel has a message.
void refuse_other_formats(const Bytes& file) {
  const std::string_view text = file.text();
  const auto refuse = [&](const char* what) {
    fail(ErrorCode::unimplemented,
         "{}: {}, which Thaw does not open: give the Keras file or the SavedModel that it was made "
         "from",
         printable(file.name, 1024), what);
  };
  if (text.size() >= 8 && text.substr(4, 4) == "TFL3") refuse("a TensorFlow Lite model");
  if (text.size() < 8 || text[0] != '\x08' || text[1] < 1 || text[2] != '\x12') return;
  const auto length = static_cast<std::size_t>(static_cast<unsigned char>(text[3]));
  const std::string_view writer = text.substr(4, std::min<std::size_t>(length, 127));
  const bool is_name =
      !writer.empty() && writer.size() == length &&
      std::all_of(writer.begin(), writer.end(), [](char c) { return c >= ' ' && c <= '~'; });
  if (is_name) refuse("an ONNX model");
  if (text[1] == 1) {
    fail(ErrorCode::failed_precondition,
         "{}: the graph of a SavedModel without its variables: give the folder that it stands in",
         printable(file.name, 1024));
  }
}

}  // namespace

void refuse_weights_tree(const FileTree& tree) {
  if (tree.contains("model.weights.h5")) {
    weights_only(tree.path(), "a Keras archive without config.json");
  }
  const std::vector<std::string> names = tree.names();
  const auto any = [&](auto&& condition) {
    return std::any_of(names.begin(), names.end(), condition);
  };
  if (tree.contains("checkpoint") ||
      any([](const std::string& name) { return name.ends_with(".index"); })) {
    weights_only(tree.path(), "a training checkpoint");
  }
  const bool numpy =
      !names.empty() && std::all_of(names.begin(), names.end(),
                                    [](const auto& name) { return name.ends_with(".npy"); });
  if (numpy) weights_only(tree.path(), "a numpy archive");
}

void refuse_other_file(const Bytes& file) {
  const std::string_view text = file.text();
  if (text.starts_with("model_checkpoint_path:")) weights_only(file.name, "a training checkpoint");
  refuse_other_formats(file);
  if (text.size() < 3 || text.back() != '.') return;
  // Protocol 2 to 5, or the text of protocol 0 that begins with a class or a mark.
  const bool binary = text[0] == '\x80' && text[1] >= 2 && text[1] <= 5;
  const bool old = text.starts_with("ccopy_reg\n") || text.starts_with("(dp0\n") ||
                   text.starts_with("(lp0\n") || text.starts_with("(i");
  if (!binary && !old) return;
  fail(ErrorCode::unimplemented,
       "{}: a Python pickle: reading one runs code that is in it, so Thaw never does. Where it was "
       "made, save a model with model.save('model.keras'), a tokenizer with tokenizer.to_json(), "
       "arrays with numpy.savez",
       printable(file.name, 1024));
}

void refuse_other_weights(const std::string& weights, const std::string& path) {
  if (weights.empty()) return;
  fail(ErrorCode::failed_precondition,
       "{}: a TensorFlow graph with values of its own; the weights {} would not be used",
       printable(path, 1024), printable(weights, 1024));
}

void refuse_checkpoint_prefix(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error) && std::filesystem::exists(path + ".index", error)) {
    weights_only(path, "a training checkpoint");
  }
}

}  // namespace thaw
