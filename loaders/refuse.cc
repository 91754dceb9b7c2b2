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
