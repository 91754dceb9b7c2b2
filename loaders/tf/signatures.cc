#include "loaders/tf/signatures.h"

#include <algorithm>

#include "loaders/tf/finish.h"
#include "loaders/tf/import.h"
#include "loaders/tf/raise_rnn.h"
#include "loaders/tf/random_notes.h"
#include "runtime/base/check.h"
#include "tf/proto/thaw_tf.pb.h"

namespace thaw::tf {
namespace {

constexpr const char* kInitSignature = "__saved_model_init_op";
constexpr const char* kDefaultSignature = "serving_default";
// Placeholders of graphs up to this version wrote "unknown" as the shape of a scalar.
constexpr int kScalarMeansUnknown = 21;

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
  if (type.dtype == DType::table || type.dtype == DType::tensor_list ||
      type.dtype == DType::invalid) {
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

// By name. No writer gives a name twice, and readers would not agree on what it means.
std::map<std::string, const TensorInfo*> sorted_infos(
    const std::string& signature, const char* what,
    const google::protobuf::RepeatedPtrField<TensorInfoEntry>& entries) {
  std::map<std::string, const TensorInfo*> infos;
  for (const TensorInfoEntry& entry : entries) {
    if (infos.emplace(entry.key(), &entry.value()).second) continue;
    fail(ErrorCode::invalid_argument, "signature '{}': two {}s are called '{}'",
         printable(signature), what, printable(entry.key()));
  }
  return infos;
}

// A tensor that two inputs would feed has no value.
void check_fed_once(const std::string& signature, const std::vector<Request::Input>& inputs) {
  std::map<std::pair<int, std::int64_t>, std::string> fed;
  for (const Request::Input& input : inputs) {
    const auto [first, added] = fed.emplace(std::pair{input.ref.node, input.ref.port}, input.name);
    if (added) continue;
    fail(ErrorCode::invalid_argument, "signature '{}': inputs '{}' and '{}' are the same tensor",
         printable(signature), printable(first->second), printable(input.name));
  }
}

// Empty where the result is of another type. Results of these ops are of their operands' type, or
// of the type that they name.
std::string_view float8_result(const Session& session, const Ref& ref) try {
  const NodeView& node = session.top.nodes[static_cast<std::size_t>(ref.node)].node;
  if (session.functions.contains(node.op())) {
    const GraphView& body = session.functions.view(session.functions.direct_call(node));
    const auto result = static_cast<std::size_t>(ref.port);
    return result < body.result_types.size() ? float8_kind(body.result_types[result]) : "";
  }
  if (node.op() == "Rank" || node.op() == "Shape" || node.op() == "Size") return {};
  for (const char* attr : {"T", "Tout", "Tparams", "DstT", "dtype"}) {
    const std::string_view kind = node.float8(attr, ref.port);
    if (!kind.empty()) return kind;
  }
  return {};
} catch (const Error&) {
  return {};  // the import says what is wrong with the node
}

// Inside a graph 8-bit floats are held as float32; as results they would be another type than the
// graph's.
void refuse_float8_results(const Session& session, const Request& request) {
  for (const auto& [name, ref] : request.outputs) {
    const std::string_view kind = float8_result(session, ref);
    if (kind.empty()) continue;
    const std::string why = fmt::format("a result of float8 ({}); cast it to float32", kind);
    throw UnsupportedError(session.path, {{"output", name, why}});
  }
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
    try {
      scope.builder.output(request.outputs[i].first,
                           importer.tensor(scope, results[i], what.c_str()));
    } catch (const Refusal& refusal) {
      throw UnsupportedError(session.path, {{"output", request.outputs[i].first, refusal.what()}});
    }
  }
  importer.store_variables(scope);
  imported.op_counts = importer.op_counts();
  return imported;
}

}  // namespace

Request signature_request(const Session& session, const std::string& name,
                          const SignatureDef& signature) {
  Request request;
  try {
    for (const auto& [key, info] : sorted_infos(name, "input", signature.inputs())) {
      const std::string what =
          fmt::format("signature '{}': input '{}'", printable(name), printable(key));
      const Ref ref =
          session.top.resolve(tensor_name(*info, key), what, ErrorCode::invalid_argument);
      const NodeView& node = session.top.nodes[static_cast<std::size_t>(ref.node)].node;
      if (node.schema() != nullptr && ref.port >= node.num_outputs()) {
        node.fail(ErrorCode::invalid_argument, "{} is its result {}, it has {}", what, ref.port,
                  node.num_outputs());
      }
      request.inputs.push_back({key, ref, input_type(session, *info, ref)});
    }
    for (const auto& [key, info] : sorted_infos(name, "output", signature.outputs())) {
      const std::string what =
          fmt::format("signature '{}': output '{}'", printable(name), printable(key));
      if (!float8_kind(info->dtype()).empty()) dtype_from_proto(info->dtype());  // refused by name
      request.outputs.emplace_back(
          key, session.top.resolve(tensor_name(*info, key), what, ErrorCode::invalid_argument));
    }
    check_fed_once(name, request.inputs);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::unimplemented) throw;
    throw UnsupportedError(session.path, {{"signature", name, error.what()}});
  }
  return request;
}

// Which variables are state shows only during the import; then it is run again with that known.
Imported import_request(const Session& session, const std::string& name, const Request& request) {
  std::set<std::string> stateful;
  while (true) {
    Importer importer(session.functions, session.variables, session.options, session.evaluator,
                      stateful);
    Imported imported = import_once(session, request, importer);
    if (!importer.unsupported().empty())
      throw UnsupportedError(session.path, importer.unsupported());
    refuse_float8_results(session, request);
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
    note_random_numbers(imported.graph, imported.notes);
    verify(imported.graph, "TensorFlow import");
    return imported;
  }
}

namespace {

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
    fail(ErrorCode::not_found,
         "'{}' has no signatures: save the model with `signatures=` or with Keras's `export`",
         info.path);
  }
  const std::string wanted = options.signature.empty() ? kDefaultSignature : options.signature;
  auto found = std::ranges::find(names.all, wanted);
  // What modules of TensorFlow Hub call it.
  if (found == names.all.end() && options.signature.empty()) {
    found = std::ranges::find(names.all, "default");
  }
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

}  // namespace

void add_notes(ModelInfo& info, const std::vector<std::string>& notes) {
  for (const std::string& note : notes) {
    if (std::ranges::find(info.notes, note) == info.notes.end()) info.notes.push_back(note);
  }
}

namespace {

std::map<std::string, Tensor> defaults_of(const Session& session, const std::string& name,
                                          const SignatureDef& signature) {
  std::map<std::string, Tensor> defaults;
  for (const TensorEntry& entry : signature.defaults()) {
    try {
      defaults[entry.key()] = tensor_from_proto(entry.value(), session.options.limits, nullptr);
    } catch (const Error& error) {
      fail(error.code(), "signature '{}': default of '{}': {}", printable(name),
           printable(entry.key()), error.what());
    }
  }
  return defaults;
}

}  // namespace

void import_signatures(const Session& session, LoadedModel& loaded) {
  const Names names = signature_names(session.meta, session.options, loaded.info);
  std::map<std::string, const SignatureDef*> signatures;
  for (const SignatureEntry& entry : session.meta.signature_def()) {
    signatures[entry.key()] = &entry.value();
  }
  for (std::size_t i = 0; i < names.all.size(); ++i) {
    const std::string& name = names.all[i];
    try {
      const Request request = signature_request(session, name, *signatures.at(name));
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
      loaded.info.notes.push_back(
          fmt::format("signature '{}' is left out: {}", printable(name),
                      error.items().front().what + ": " + error.items().front().why));
    }
    if (session.options.progress) {
      session.options.progress(static_cast<double>(i + 1) / static_cast<double>(names.all.size()),
                               name);
    }
  }
}

}  // namespace thaw::tf
