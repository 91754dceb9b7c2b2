// SavedModel: which MetaGraph, which signatures, and their import.
#include <algorithm>
#include <optional>

#include "loaders/tf/finish.h"
#include "loaders/tf/import.h"
#include "loaders/tf/parse.h"
#include "tf/proto/thaw_tf.pb.h"
#include "loaders/tf/raise_rnn.h"
#include "loaders/tf/tf.h"
#include "runtime/base/check.h"

namespace thaw {
namespace tf {
namespace {

constexpr const char* kInitSignature = "__saved_model_init_op";
constexpr const char* kDefaultSignature = "serving_default";
// Placeholders of graphs up to this version wrote "unknown" as the shape of a scalar.
constexpr int kScalarMeansUnknown = 21;

/// The folder of the tree in which the model stands: "" or "name/".
std::optional<std::string> model_folder(const FileTree& tree) {
  constexpr const char* kFiles[] = {"saved_model.pb", "saved_model.pbtxt", "saved_model.cpb"};
  for (const char* file : kFiles) {
    if (tree.contains(file)) return "";
  }
  std::optional<std::string> folder;
  for (const std::string& name : tree.names()) {
    for (const char* file : kFiles) {
      if (!name.ends_with(std::string("/") + file)) continue;
      const std::string found = name.substr(0, name.size() - std::string_view(file).size());
      if (folder && *folder != found) return std::nullopt;
      folder = found;
    }
  }
  return folder;
}

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
    std::vector<std::string> tags;
    for (const std::string& tag : meta.meta_info_def().tags()) tags.push_back(printable(tag));
    std::ranges::sort(tags);
    all += fmt::format("{}[{}]", all.empty() ? "" : " ", fmt::join(tags, ","));
    if (tags == wanted && chosen == nullptr) chosen = &meta;
  }
  if (chosen != nullptr) return *chosen;
  if (asked.empty() && model.meta_graphs_size() == 1) return model.meta_graphs(0);
  fail(ErrorCode::not_found, "'{}' has no graph with tags [{}]; it has {}", file,
       fmt::join(wanted, ","), all.empty() ? "none" : all);
}

/// Everything the import of one MetaGraph shares.
struct Session {
  const MetaGraphDef& meta;
  const LoadOptions& options;
  const Evaluator& evaluator;
  const GraphView& top;
  FunctionLibrary& functions;
  Variables& variables;
  std::string path;
};

struct Imported {
  Graph graph;
  std::map<std::string, std::int64_t> op_counts;
  std::vector<std::string> notes;
};

/// The type of a graph input: the placeholder's, and where that says nothing the signature's.
TensorType input_type(const Session& session, const TensorInfo& info, const Ref& ref) {
  const NodeView& node = session.top.nodes[static_cast<std::size_t>(ref.node)].node;
  TensorType type{DType::invalid, Shape::unknown_rank()};
  if (info.dtype() != DT_INVALID) type.dtype = dtype_from_proto(info.dtype());
  const bool placeholder = node.op().starts_with("Placeholder");
  if (placeholder) {
    type.dtype = node.type("dtype");
    type.shape = node.shape("shape");
    const auto& graph = session.meta.graph_def();
    const int version = graph.has_versions() ? graph.versions().producer() : graph.version();
    if (type.shape.has_rank() && type.shape.rank() == 0 && version <= kScalarMeansUnknown) {
      type.shape = Shape::unknown_rank();
    }
  }
  if (!type.shape.has_rank() && info.has_tensor_shape()) {
    const Shape stated = shape_from_proto(info.tensor_shape(), session.options.limits.max_rank);
    // A scalar is also what a writer says that does not know.
    if (stated.has_rank() && stated.rank() > 0) type.shape = stated;
  }
  if (type.dtype == DType::table || type.dtype == DType::tensor_list || type.dtype == DType::invalid) {
    throw Refusal(fmt::format("an input of {}", name_of(type.dtype)));
  }
  return type;
}

const std::string& tensor_name(const TensorInfo& info, const std::string& key) {
  if (info.has_coo_sparse() || info.has_composite_tensor()) {
    throw Refusal(fmt::format("'{}' is not one dense tensor", printable(key)));
  }
  return info.name();
}

// The last entry of a key wins, as in a protobuf map; sorted by name.
std::map<std::string, const TensorInfo*> sorted_infos(
    const google::protobuf::RepeatedPtrField<TensorInfoEntry>& entries) {
  std::map<std::string, const TensorInfo*> infos;
  for (const TensorInfoEntry& entry : entries) infos[entry.key()] = &entry.value();
  return infos;
}

/// What a graph is to compute: feeds and roots with their names.
struct Request {
  struct Input {
    std::string name;
    Ref ref;
    TensorType type;
  };
  std::vector<Input> inputs;
  std::vector<std::pair<std::string, Ref>> outputs;
};

Request request_of(const Session& session, const std::string& name, const SignatureDef& signature) {
  Request request;
  try {
    for (const auto& [key, info] : sorted_infos(signature.inputs())) {
      const std::string what =
          fmt::format("signature '{}': input '{}'", printable(name), printable(key));
      const Ref ref = session.top.resolve(tensor_name(*info, key), what);
      request.inputs.push_back({key, ref, input_type(session, *info, ref)});
    }
    for (const auto& [key, info] : sorted_infos(signature.outputs())) {
      const std::string what =
          fmt::format("signature '{}': output '{}'", printable(name), printable(key));
      request.outputs.emplace_back(key, session.top.resolve(tensor_name(*info, key), what));
    }
  } catch (const Error& error) {
    if (error.code() != ErrorCode::unimplemented) throw;
    throw UnsupportedError(session.path, {{"signature", name, error.what()}});
  }
  return request;
}

Imported import_once(const Session& session, const Request& request, Importer& importer) {
  Imported imported;
  Scope scope(imported.graph, session.evaluator, nullptr);
  Frame frame(session.top);
  for (const Request::Input& input : request.inputs) {
    const Edge edge{Edge::Kind::tensor, scope.builder.input(input.name, input.type)};
    frame.feeds.emplace(std::pair{input.ref.node, input.ref.port}, edge);
  }
  std::vector<Ref> roots;
  for (const auto& [name, ref] : request.outputs) roots.push_back(ref);
  const std::vector<Edge> results = importer.import(scope, frame, roots);
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (results[i].kind == Edge::Kind::poison) continue;
    const std::string what = fmt::format("output '{}'", printable(request.outputs[i].first));
    scope.builder.output(request.outputs[i].first, importer.tensor(scope, results[i], what.c_str()));
  }
  importer.store_variables(scope);
  imported.op_counts = importer.op_counts();
  return imported;
}

// Which variables are state shows only during the import; then it is run again with that known.
Imported import_request(const Session& session, const std::string& name, const Request& request) {
  std::set<std::string> stateful;
  while (true) {
    Importer importer(session.functions, session.variables, session.options, session.evaluator,
                      stateful);
    Imported imported = import_once(session, request, importer);
    if (!importer.unsupported().empty()) throw UnsupportedError(session.path, importer.unsupported());
    if (!std::ranges::includes(stateful, importer.assigned())) {
      stateful.insert(importer.assigned().begin(), importer.assigned().end());
      continue;
    }
    imported.graph.name = name;
    drop_unused(imported.graph);
    if (session.options.raise_recurrent) {
      raise_recurrent(imported.graph, session.evaluator, imported.notes);
      drop_unused(imported.graph);
    }
    verify(imported.graph, "TensorFlow import");
    return imported;
  }
}

struct Names {
  std::vector<std::string> all;  // of signatures, sorted
  std::size_t chosen = 0;
};

Names signature_names(const MetaGraphDef& meta, const LoadOptions& options, ModelInfo& info) {
  Names names;
  std::set<std::string> keys;
  for (const SignatureEntry& entry : meta.signature_def()) keys.insert(entry.key());
  keys.erase(kInitSignature);
  names.all.assign(keys.begin(), keys.end());
  if (names.all.empty()) {
    fail(ErrorCode::failed_precondition,
         "'{}' has no signatures: save the model with `signatures=` or with Keras's `export`", info.path);
  }
  const std::string wanted = options.signature.empty() ? kDefaultSignature : options.signature;
  const auto found = std::ranges::find(names.all, wanted);
  if (found != names.all.end()) {
    names.chosen = static_cast<std::size_t>(found - names.all.begin());
  } else if (!options.signature.empty()) {
    fail(ErrorCode::not_found, "'{}' has no signature '{}'; it has: {}", info.path,
         printable(options.signature), printable(fmt::format("{}", fmt::join(names.all, ", "))));
  } else if (names.all.size() > 1) {
    info.notes.push_back(fmt::format("no signature is called {}: '{}' is the default of {}",
                                     kDefaultSignature, printable(names.all[0]), names.all.size()));
  }
  return names;
}

void add_notes(ModelInfo& info, const std::vector<std::string>& notes) {
  for (const std::string& note : notes) {
    if (std::ranges::find(info.notes, note) == info.notes.end()) info.notes.push_back(note);
  }
}

std::map<std::string, Tensor> defaults_of(const Session& session, const std::string& name,
                                          const SignatureDef& signature) {
  std::map<std::string, Tensor> defaults;
  for (const TensorEntry& entry : signature.defaults()) {
    try {
      defaults[entry.key()] = tensor_from_proto(entry.value(), session.options.limits, nullptr);
    } catch (const Error& error) {
      fail(error.code(), "signature '{}': default of '{}': {}", printable(name), printable(entry.key()),
           error.what());
    }
  }
  return defaults;
}

void import_signatures(const Session& session, LoadedModel& loaded) {
  const Names names = signature_names(session.meta, session.options, loaded.info);
  std::map<std::string, const SignatureDef*> signatures;
  for (const SignatureEntry& entry : session.meta.signature_def()) {
    signatures[entry.key()] = &entry.value();
  }
  for (std::size_t i = 0; i < names.all.size(); ++i) {
    const std::string& name = names.all[i];
    try {
      const Request request = request_of(session, name, *signatures.at(name));
      Imported imported = import_request(session, name, request);
      add_notes(loaded.info, imported.notes);
      if (i == names.chosen) {
        loaded.default_signature = loaded.signatures.size();
        loaded.info.op_counts = std::move(imported.op_counts);
      }
      loaded.signatures.push_back(
          {name, std::move(imported.graph), defaults_of(session, name, *signatures.at(name))});
    } catch (const UnsupportedError& error) {
      if (i == names.chosen) throw;
      loaded.info.notes.push_back(fmt::format("signature '{}' is left out: {}", printable(name),
                                              error.items().front().what + ": " +
                                                  error.items().front().why));
    }
    if (session.options.progress) {
      session.options.progress(static_cast<double>(i + 1) / static_cast<double>(names.all.size()),
                               name);
    }
  }
}

LoadedModel import_graph_alone(const Bytes& file, bool text, const LoadOptions& options,
                               const Evaluator& evaluator);

Bytes read_message(const FileTree& tree, const std::string& folder, bool& text) {
  text = false;
  if (tree.contains(folder + "saved_model.cpb") && !tree.contains(folder + "saved_model.pb")) {
    fail(ErrorCode::unimplemented,
         "'{}' is a SavedModel split into chunks, which is not supported: save it without "
         "experimental_image_format",
         folder + "saved_model.cpb");
  }
  text = !tree.contains(folder + "saved_model.pb");
  Bytes file = tree.read(folder + (text ? "saved_model.pbtxt" : "saved_model.pb"));
  if (sniff(file.data) == FileKind::git_lfs_pointer) {
    fail(ErrorCode::invalid_argument, "'{}' is a Git LFS pointer, not the file itself: run `git lfs pull`",
         file.name);
  }
  if (file.size() == 0) fail(ErrorCode::data_loss, "'{}' is empty", file.name);
  return file;
}

LoadedModel load(const FileTree& tree, const LoadOptions& options, const Evaluator& evaluator) {
  const auto folder = model_folder(tree);
  if (!folder) {
    fail(ErrorCode::not_found, "'{}' holds no saved_model.pb, or more than one", tree.path());
  }
  bool text = false;
  const Bytes file = read_message(tree, *folder, text);
  const Parsed<SavedModel> parsed = parse_saved_model(file, text, options.limits);
  if (parsed.message->meta_graphs_size() == 0) {
    // A frozen graph is sometimes given this name; its first field has the same number.
    return import_graph_alone(file, text, options, evaluator);
  }
  const MetaGraphDef& meta = choose_meta_graph(*parsed.message, options.tags, file.name);
  LoadedModel loaded;
  ModelInfo& info = loaded.info;
  info.path = tree.path();
  info.format = "TensorFlow SavedModel";
  info.writer = "TensorFlow " + printable(meta.meta_info_def().tensorflow_version());
  for (const std::string& name : tree.names()) info.file_bytes += tree.size_of(name);

  const std::string prefix = *folder + "variables/variables";
  std::unique_ptr<TensorBundle> bundle;
  if (tree.contains(prefix + ".index")) bundle = TensorBundle::open(tree, prefix, options.limits);
  const GraphView top = view_graph(meta.graph_def(), options.limits, parsed.owner);
  FunctionLibrary functions(meta.graph_def(), options.limits, parsed.owner);
  Variables variables(meta, top, functions, bundle.get(), options.limits);
  import_signatures({meta, options, evaluator, top, functions, variables, info.path}, loaded);
  info.parameters = variables.elements();
  info.weight_bytes = variables.bytes();
  return loaded;
}

// ---- frozen graphs ----

void add_input(Request& request, const GraphView& top, const std::string& name,
               const LoadOptions& options) {
  const Ref ref = top.resolve(name, "input");
  const NodeView& node = top.nodes[static_cast<std::size_t>(ref.node)].node;
  TensorType type;
  if (node.op() == "Const") {
    type = node.tensor("value").type();
  } else if (node.op().starts_with("Placeholder")) {
    type = {node.type("dtype"), node.shape("shape")};
    if (type.shape.has_rank() && type.shape.rank() == 0) type.shape = Shape::unknown_rank();
  } else {
    node.fail(ErrorCode::invalid_argument, "an input must be a Placeholder or a Const");
  }
  (void)options;
  request.inputs.push_back({name, ref, type});
}

Request frozen_request(const GraphView& top, const LoadOptions& options) {
  Request request;
  std::vector<bool> used(top.nodes.size(), false);
  for (const GraphView::Entry& entry : top.nodes) {
    for (const Ref& ref : entry.data) {
      if (ref.node >= 0) used[static_cast<std::size_t>(ref.node)] = true;
    }
  }
  for (const std::string& name : options.inputs) add_input(request, top, name, options);
  for (const std::string& name : options.outputs) {
    request.outputs.emplace_back(name, top.resolve(name, "output"));
  }
  for (std::size_t i = 0; i < top.nodes.size(); ++i) {
    const NodeView& node = top.nodes[i].node;
    const bool placeholder = node.op() == "Placeholder" || node.op() == "PlaceholderV2";
    if (placeholder && options.inputs.empty()) add_input(request, top, node.name() + ":0", options);
    if (!options.outputs.empty() || used[i] || placeholder || node.op() == "Const") continue;
    const std::int64_t count = node.schema() == nullptr ? 1 : node.num_outputs();
    for (std::int64_t k = 0; k < count; ++k) {
      request.outputs.emplace_back(fmt::format("{}:{}", node.name(), k), Ref{static_cast<int>(i), k});
    }
  }
  if (request.outputs.empty()) fail(ErrorCode::failed_precondition, "the graph has no outputs");
  return request;
}

LoadedModel import_graph_alone(const Bytes& file, bool text, const LoadOptions& options,
                               const Evaluator& evaluator) {
  const Parsed<GraphDef> parsed = parse_graph_def(file, text, options.limits);
  if (parsed.message->node_size() == 0) {
    fail(ErrorCode::data_loss, "'{}' holds neither a SavedModel nor a graph", file.name);
  }
  LoadedModel loaded;
  loaded.info.path = file.name;
  loaded.info.format = "TensorFlow frozen graph";
  loaded.info.writer = fmt::format("TensorFlow graph version {}", parsed.message->versions().producer());
  loaded.info.file_bytes = file.size();
  const MetaGraphDef meta;
  const GraphView top = view_graph(*parsed.message, options.limits, parsed.owner);
  FunctionLibrary functions(*parsed.message, options.limits, parsed.owner);
  Variables variables(meta, top, functions, nullptr, options.limits);
  const Session session{meta, options, evaluator, top, functions, variables, file.name};
  Imported imported = import_request(session, "default", frozen_request(top, options));
  add_notes(loaded.info, imported.notes);
  loaded.info.op_counts = std::move(imported.op_counts);
  loaded.signatures.push_back({"default", std::move(imported.graph), {}});
  return loaded;
}

}  // namespace
}  // namespace tf

bool is_saved_model(const FileTree& tree) { return tf::model_folder(tree).has_value(); }

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
