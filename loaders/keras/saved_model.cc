#include "loaders/keras/saved_model.h"

#include <algorithm>
#include <filesystem>

#include "loaders/keras/append_graph.h"
#include "loaders/saved_model_endpoint.h"
#include "loaders/source/file_tree.h"
#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxPathParts = 64;

// What is left of a stored path when everything that leads elsewhere is gone, of either separator.
std::vector<std::string> path_parts(const std::string& path) {
  std::vector<std::string> parts(1);
  for (const char c : path) {
    if (c == '/' || c == '\\') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  const auto above = std::find(parts.rbegin(), parts.rend(), "..");
  parts.erase(parts.begin(), above.base());
  std::erase_if(parts, [](const std::string& part) { return part.empty() || part == "."; });
  if (parts.size() > kMaxPathParts)
    parts.erase(parts.begin(), parts.end() - static_cast<std::ptrdiff_t>(kMaxPathParts));
  return parts;
}

// The folder that holds the model's file, and the model itself if it is a folder.
std::vector<fs::path> folders_of_model(const std::string& model_path) {
  std::error_code error;
  fs::path path = fs::path(model_path).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();  // a slash at the end
  std::vector<fs::path> folders;
  if (fs::is_directory(path, error)) folders.push_back(path);
  // A member of an archive ("models.zip!a/b.keras") stands where the archive does.
  do {
    path = path.parent_path();
  } while (!path.empty() && path.has_relative_path() && !fs::is_directory(path, error));
  folders.push_back(path.empty() ? fs::path(".") : path);
  return folders;
}

std::string find_folder(const std::string& stored, const std::string& model_path,
                        const std::string& title) {
  const std::vector<std::string> parts =
      stored.find('\0') == std::string::npos ? path_parts(stored) : std::vector<std::string>{};
  const std::vector<fs::path> folders = folders_of_model(model_path);
  for (std::size_t first = 0; first < parts.size(); ++first) {
    for (const fs::path& folder : folders) {
      fs::path place = folder;
      for (std::size_t i = first; i < parts.size(); ++i) place /= parts[i];
      std::error_code error;
      if (!fs::is_directory(place, error)) continue;
      const fs::path inside = fs::canonical(place, error), root = fs::canonical(folder, error);
      const auto [end, rest] =
          std::mismatch(root.begin(), root.end(), inside.begin(), inside.end());
      if (error || end != root.end()) {
        fail(ErrorCode::permission_denied, "{}: '{}' leads out of the model's folder '{}'", title,
             printable(place.string()), printable(folder.string()));
      }
      return place.string();
    }
  }
  fail(ErrorCode::not_found,
       "{}: the SavedModel '{}' is not there: it is looked for beneath the model's folder '{}' "
       "only, by the whole path or an end of it",
       title, printable(stored), printable(folders.back().string()));
}

std::string text_of_config(const LayerConfig& layer, const char* key, const char* otherwise,
                           const std::string& title) {
  const Json* value = layer.config.find(key);
  if (value == nullptr || value->is_null()) return otherwise;
  if (!value->is_string()) {
    fail(ErrorCode::invalid_argument, "{}: {} is {}, expected a string", title, key,
         printable(value->dump()));
  }
  return value->string();
}

}  // namespace

void open_saved_models(LayerConfig& root, const std::string& model_path, const LoadOptions& options,
                       const Evaluator& evaluator) {
  if (root.model) {
    for (LayerConfig& layer : root.model->layers)
      open_saved_models(layer, model_path, options, evaluator);
  }
  for (auto& [attribute, inner] : root.inner)
    open_saved_models(inner, model_path, options, evaluator);
  if (root.class_name != "TFSMLayer" || root.custom != nullptr) return;
  const std::string title =
      fmt::format("layer '{}' ({})", printable(root.name), printable(root.file_class));
  const std::string stored = text_of_config(root, "filepath", "", title);
  const std::string endpoint = text_of_config(root, "call_endpoint", "serve", title);
  const std::string folder = find_folder(stored, model_path, title);
  try {
    root.saved_model = open_saved_model_endpoint(folder, endpoint, options, evaluator);
  } catch (const UnsupportedError&) {
    throw;
  } catch (const Error& error) {
    fail(error.code(), "{}: {}", title, error.what());
  }
}

void saved_model_variables(VariableList& variables) {
  const LayerConfig& layer = variables.layer();
  if (layer.saved_model == nullptr) return;
  const auto& own = layer.saved_model->variables();
  for (std::size_t i = 0; i < own.size(); ++i)
    variables.add(fmt::format("variable_{}", i), own[i].trainable);
}

namespace {

// The call's tensors in the order of the graph's inputs. Lists go by the function's own order,
// dictionaries by name.
std::vector<ValueId> operands_of(const Layer& layer, const Graph& graph) {
  const std::size_t count = graph.inputs.size();
  if (layer.inputs.size() != count) {
    layer.bad(fmt::format("called with {} inputs, the SavedModel's function takes {}: {}",
                          layer.inputs.size(), count,
                          printable(fmt::format("{}", fmt::join(graph.input_names, ", ")))));
  }
  std::vector<std::string> names = layer.config.saved_model->argument_order();
  const Operand& first = layer.args.at(0);
  if (first.kind == Argument::Kind::dict) names = first.keys;
  if (names.size() != count && count > 1) {
    layer.unsupported(
        "called with a list of inputs: the SavedModel does not tell the order in which its "
        "function takes them");
  }
  std::vector<ValueId> operands(count, kNoValue);
  for (std::size_t i = 0; i < count; ++i) {
    const auto found =
        count == 1 ? graph.input_names.begin()
                   : std::find(graph.input_names.begin(), graph.input_names.end(), names[i]);
    if (found == graph.input_names.end()) {
      layer.bad(fmt::format("the SavedModel's function has no input '{}'; it has: {}",
                            printable(names[i]),
                            printable(fmt::format("{}", fmt::join(graph.input_names, ", ")))));
    }
    operands[static_cast<std::size_t>(found - graph.input_names.begin())] = layer.inputs[i].value;
  }
  return operands;
}

void check_operands(const Layer& layer, const Graph& graph, const std::vector<ValueId>& operands,
                    const GraphBuilder& g) {
  for (std::size_t i = 0; i < operands.size(); ++i) {
    const TensorType& want = graph.values[at(graph.inputs[i])].type;
    if (operands[i] == kNoValue) layer.bad("an input of the SavedModel's function is given twice");
    const TensorType& have = g.type(operands[i]);
    bool fits = want.dtype == have.dtype;
    if (want.shape.has_rank() && have.shape.has_rank()) {
      fits = fits && want.shape.rank() == have.shape.rank();
      for (int axis = 0; fits && axis < want.shape.rank(); ++axis) {
        const std::int64_t a = want.shape[axis], b = have.shape[axis];
        fits = a == b || a == kUnknownDim || b == kUnknownDim;
      }
    }
    if (!fits) {
      layer.bad(fmt::format("the SavedModel's function takes {}{} as '{}', got {}{}",
                            name_of(want.dtype), want.shape.to_string(),
                            printable(graph.input_names[i]), name_of(have.dtype),
                            have.shape.to_string()));
    }
  }
}

// "output_2" stands before "output_10" in the function's own list of results, behind it by name.
std::vector<std::size_t> result_order(const Graph& graph, bool by_position) {
  std::vector<std::size_t> order(graph.outputs.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  const std::vector<std::string>& names = graph.output_names;
  const bool numbered = std::all_of(names.begin(), names.end(), [](const std::string& name) {
    return name.starts_with("output_") &&
           std::all_of(name.begin() + 7, name.end(), [](char c) { return c >= '0' && c <= '9'; });
  });
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    if (by_position && numbered && names[a].size() != names[b].size())
      return names[a].size() < names[b].size();
    return names[a] < names[b];
  });
  return order;
}

}  // namespace

Outputs saved_model_layer(const Layer& layer, Weights& weights, GraphBuilder& g) {
  const auto& endpoint = layer.config.saved_model;
  if (endpoint == nullptr) layer.unsupported("a SavedModel outside of the file");
  std::vector<Tensor> values;
  for (std::size_t i = 0; i < endpoint->variables().size(); ++i) {
    const SavedModelEndpoint::Variable& variable = endpoint->variables()[i];
    const Tensor value = weights.tensor(fmt::format("variable_{}", i), variable.shape);
    if (value.dtype() != variable.dtype) {
      layer.bad(fmt::format("weight {} is {}, the SavedModel's variable {}", i,
                            name_of(value.dtype()), name_of(variable.dtype)));
    }
    values.push_back(value);
  }
  Graph graph = endpoint->graph(values);
  const std::vector<ValueId> operands = operands_of(layer, graph);
  check_operands(layer, graph, operands, g);
  const std::vector<std::size_t> order = result_order(graph, endpoint->is_attribute());
  const std::vector<ValueId> results = append_graph(g, std::move(graph), operands, layer.path);
  g.set_scope(layer.name, layer.title());
  std::vector<MaskedValue> outputs;
  for (const std::size_t i : order) outputs.push_back({results[i], kNoValue});
  return outputs;
}

}  // namespace thaw::keras
