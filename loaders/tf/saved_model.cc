// SavedModel: where it stands in the tree, which MetaGraph, and its parts.
#include <algorithm>
#include <optional>

#include "loaders/source/checkpoint_v1.h"
#include "loaders/tf/model_info.h"
#include "loaders/tf/opened_model.h"
#include "loaders/tf/tf.h"
#include "runtime/base/check.h"
#include "tf/proto/thaw_tf.pb.h"

namespace thaw {
namespace tf {
namespace {

std::vector<std::string> split_tags(const std::string& text) {
  std::vector<std::string> tags;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    if (end > begin) tags.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  std::ranges::sort(tags);
  return tags;
}

const MetaGraphDef& choose_meta_graph(const SavedModel& model, const std::string& asked,
                                      const std::string& file) {
  std::string all;
  const MetaGraphDef* chosen = nullptr;
  const std::vector<std::string> wanted = split_tags(asked.empty() ? "serve" : asked);
  for (const MetaGraphDef& meta : model.meta_graphs()) {
    const std::vector<std::string> tags = tags_of(meta);
    all += fmt::format("{}[{}]", all.empty() ? "" : " ", fmt::join(tags, ","));
    if (tags == wanted && chosen == nullptr) chosen = &meta;
  }
  if (chosen != nullptr) return *chosen;
  if (asked.empty() && model.meta_graphs_size() == 1) return model.meta_graphs(0);
  // Modules of TensorFlow Hub: without tags for inference, another graph for training.
  for (const MetaGraphDef& meta : model.meta_graphs()) {
    if (asked.empty() && meta.meta_info_def().tags_size() == 0) return meta;
  }
  fail(ErrorCode::not_found, "'{}' has no graph with tags [{}]; it has {}", file,
       fmt::join(wanted, ","), all.empty() ? "none" : all);
}

std::unique_ptr<TensorBundle> open_variables(const FileTree& tree, const LoadOptions& options) {
  const std::string prefix = "variables/variables";
  if (!tree.contains(prefix + ".index") && checkpoint_v1_files(tree, prefix).empty()) return {};
  return TensorBundle::open(tree, prefix, options.limits);
}

}  // namespace

Bytes read_saved_model(const FileTree& tree, bool& text) {
  text = false;
  if (tree.contains("saved_model.cpb") && !tree.contains("saved_model.pb")) {
    fail(ErrorCode::unimplemented,
         "'{}' is a SavedModel split into chunks, which is not supported: save it without "
         "experimental_image_format",
         "saved_model.cpb");
  }
  text = !tree.contains("saved_model.pb");
  Bytes file = tree.read(text ? "saved_model.pbtxt" : "saved_model.pb");
  if (sniff(file.data) == FileKind::git_lfs_pointer) {
    fail(ErrorCode::invalid_argument,
         "'{}' is a Git LFS pointer, not the file itself: run `git lfs pull`", file.name);
  }
  if (file.size() == 0) fail(ErrorCode::data_loss, "'{}' is empty", file.name);
  return file;
}

OpenedModel::OpenedModel(const FileTree& tree, Parsed<SavedModel> parsed, const std::string& file,
                         const LoadOptions& options, const Evaluator& evaluator)
    : parsed_(std::move(parsed)),
      meta_(choose_meta_graph(*parsed_.message, options.tags, file)),
      bundle_(open_variables(tree, options)),
      top_(view_graph(meta_.graph_def(), options.limits, parsed_.owner)),
      functions_(meta_.graph_def(), options.limits, parsed_.owner),
      variables_(meta_, top_, functions_, bundle_.get(), options.limits),
      session_{meta_, options, evaluator, top_, functions_, variables_, tree.path()},
      initial_(session_) {
  variables_.tables().set_files(tree);
  variables_.set_fallback([this](const std::string& handle) { return initial_.find(handle); });
}

namespace {

LoadedModel load(const FileTree& tree, const LoadOptions& options, const Evaluator& evaluator) {
  bool text = false;
  const Bytes file = read_saved_model(tree, text);
  const Parsed<SavedModel> parsed = parse_saved_model(file, text, options.limits);
  if (parsed.message->meta_graphs_size() == 0) {
    // A frozen graph is sometimes given this name; its first field has the same number.
    return import_graph_alone(file, text, options, evaluator);
  }
  OpenedModel model(tree, parsed, file.name, options, evaluator);
  const MetaGraphDef& meta = model.meta();
  LoadedModel loaded;
  ModelInfo& info = loaded.info;
  info.path = tree.path();
  info.format = "TensorFlow SavedModel";
  info.writer = "TensorFlow " + printable(meta.meta_info_def().tensorflow_version());
  constexpr std::string_view kAssets = "assets/";
  for (const std::string& name : tree.names()) {
    info.file_bytes += tree.size_of(name);
    if (name.starts_with(kAssets)) info.assets.push_back(name.substr(kAssets.size()));
  }
  describe_graph(model.session(), info);
  for (const MetaGraphDef& other : parsed.message->meta_graphs()) {
    if (&other != &meta)
      info.other_tags.push_back(fmt::format("{}", fmt::join(tags_of(other), ",")));
  }
  if (tree.contains("keras_metadata.pb")) {
    info.notes.push_back("keras_metadata.pb is not read: the graph says what the model computes");
  }
  import_signatures(model.session(), loaded);
  info.parameters = model.variables().elements();
  info.weight_bytes = model.variables().bytes();
  return loaded;
}

}  // namespace
}  // namespace tf

LoadedModel load_saved_model(const FileTree& tree, const LoadOptions& options,
                             const Evaluator& evaluator) {
  return tf::load(tree, options, evaluator);
}

LoadedModel load_frozen_graph(const Bytes& file, const LoadOptions& options,
                              const Evaluator& evaluator) {
  const bool text = sniff(file.data) == FileKind::protobuf_text;
  return tf::import_graph_alone(file, text, options, evaluator);
}

}  // namespace thaw
