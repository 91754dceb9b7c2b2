// thaw show: what is in a saved model.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "loaders/source/json.h"
#include "runtime/base/check.h"
#include "tools/commands.h"
#include "tools/json_arrays.h"
#include "tools/show_tensorflow.h"

namespace thaw::tools {
namespace {

std::string bytes_text(std::uint64_t bytes) {
  const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  int unit = 0;
  while (value >= 1024 && unit < 4) {
    value /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, units[unit]);
}

// 1234567 -> "1,234,567"
std::string grouped(std::int64_t value) {
  std::string digits = std::to_string(value);
  for (auto i = static_cast<std::ptrdiff_t>(digits.size()) - 3; i > 0; i -= 3) {
    digits.insert(static_cast<std::size_t>(i), ",");
  }
  return digits;
}

std::string shapes_text(const std::vector<Shape>& shapes) {
  std::string text;
  for (const Shape& shape : shapes) text += (text.empty() ? "" : ", ") + shape.to_string();
  return text;
}

void print_layers(const std::vector<LayerInfo>& layers) {
  std::size_t name_width = 5, class_width = 5, shape_width = 12;
  for (const LayerInfo& layer : layers) {
    name_width = std::max(name_width, std::min<std::size_t>(printable(layer.name).size(), 40));
    class_width =
        std::max(class_width, std::min<std::size_t>(printable(layer.class_name).size(), 28));
    shape_width =
        std::max(shape_width, std::min<std::size_t>(shapes_text(layer.output_shapes).size(), 40));
  }
  fmt::print("\n{:<{}}  {:<{}}  {:<{}}  {:>12}  {}\n", "layer", name_width, "class", class_width,
             "output shape", shape_width, "parameters", "inputs");
  for (const LayerInfo& layer : layers) {
    std::string inputs;
    for (const std::string& input : layer.inputs)
      inputs += (inputs.empty() ? "" : ", ") + printable(input);
    fmt::print("{:<{}}  {:<{}}  {:<{}}  {:>12}  {}{}\n", printable(layer.name), name_width,
               printable(layer.class_name), class_width, shapes_text(layer.output_shapes),
               shape_width, grouped(layer.parameters), inputs, layer.trainable ? "" : " (frozen)");
  }
}

void print_human(const ModelInfo& info) {
  fmt::print("{}\n", printable(info.path, 1024));
  fmt::print("format      {}\n", info.format);
  if (!info.writer.empty()) fmt::print("writer      {}\n", printable(info.writer));
  if (!info.class_name.empty()) {
    fmt::print("model       {} '{}'\n", printable(info.class_name), printable(info.name));
  }
  if (!info.saved.empty()) fmt::print("saved       {}\n", printable(info.saved));
  fmt::print("parameters  {}\n", grouped(info.parameters));
  fmt::print("sizes       weights {}, file {}\n", bytes_text(info.weight_bytes),
             bytes_text(info.file_bytes));
  for (const SignatureInfo& signature : info.signatures) {
    fmt::print("\nsignature '{}'\n", printable(signature.name));
    for (const TensorSpec& input : signature.inputs) {
      fmt::print("  input   {:<24} {}\n", printable(input.name), to_string(input.type));
    }
    for (const TensorSpec& output : signature.outputs) {
      fmt::print("  output  {:<24} {}\n", printable(output.name), to_string(output.type));
    }
  }
  if (!info.layers.empty()) print_layers(info.layers);
  print_tensorflow(info);
  if (!info.op_counts.empty()) {
    fmt::print("\nops\n");
    for (const auto& [op, count] : info.op_counts)
      fmt::print("  {:<32} {}\n", printable(op), count);
  }
  if (!info.training_config.empty()) {
    fmt::print("\ntraining    {}\n", printable(info.training_config, 4096));
  }
  if (info.optimizer_arrays != 0) {
    fmt::print("optimizer   {} arrays, {}, not loaded\n", info.optimizer_arrays,
               bytes_text(info.optimizer_bytes));
  }
  for (const std::string& asset : info.assets) fmt::print("asset       {}\n", printable(asset));
  for (const std::string& note : info.notes) fmt::print("note: {}\n", printable(note, 1024));
}

Json specs_json(const std::vector<TensorSpec>& specs) {
  Json::Array array;
  for (const TensorSpec& spec : specs) {
    array.push_back(Json(Json::Object{{"name", Json(spec.name)},
                                      {"dtype", Json(std::string(name_of(spec.type.dtype)))},
                                      {"shape", shape_json(spec.type.shape)}}));
  }
  return Json(std::move(array));
}

Json layer_json(const LayerInfo& layer) {
  Json::Array shapes;
  for (const Shape& shape : layer.output_shapes) shapes.push_back(shape_json(shape));
  return Json(Json::Object{{"name", Json(layer.name)},
                           {"class", Json(layer.class_name)},
                           {"output_shapes", Json(std::move(shapes))},
                           {"parameters", Json(layer.parameters)},
                           {"trainable", Json(layer.trainable)},
                           {"inputs", strings_json(layer.inputs)}});
}

Json info_json(const ModelInfo& info) {
  Json::Array layers, signatures;
  for (const LayerInfo& layer : info.layers) layers.push_back(layer_json(layer));
  for (const SignatureInfo& signature : info.signatures) {
    signatures.push_back(Json(Json::Object{{"name", Json(signature.name)},
                                           {"inputs", specs_json(signature.inputs)},
                                           {"outputs", specs_json(signature.outputs)}}));
  }
  Json::Object ops;
  for (const auto& [op, count] : info.op_counts) ops.emplace_back(op, Json(count));
  Json::Object object{
      {"path", Json(info.path)},
      {"format", Json(info.format)},
      {"writer", Json(info.writer)},
      {"name", Json(info.name)},
      {"class", Json(info.class_name)},
      {"parameters", Json(info.parameters)},
      {"weight_bytes", Json(static_cast<std::int64_t>(info.weight_bytes))},
      {"file_bytes", Json(static_cast<std::int64_t>(info.file_bytes))},
      {"signatures", Json(std::move(signatures))},
      {"layers", Json(std::move(layers))},
      {"ops", Json(std::move(ops))},
      {"training_config", info.training_config.empty()
                              ? Json()
                              : parse_json(info.training_config, "training_config", Limits{})},
      {"saved", Json(info.saved)},
      {"optimizer_arrays", Json(info.optimizer_arrays)},
      {"optimizer_bytes", Json(static_cast<std::int64_t>(info.optimizer_bytes))},
      {"assets", strings_json(info.assets)},
      {"notes", strings_json(info.notes)},
  };
  add_tensorflow(info, object);
  return Json(std::move(object));
}

void print_weights(const std::string& path, const WeightStore& weights) {
  fmt::print("{}\nformat      {}: weights without an architecture\n\n", printable(path, 1024),
             weights.format());
  std::size_t width = 5;
  std::int64_t elements = 0;
  std::uint64_t bytes = 0;
  for (const TensorSpec& spec : weights.arrays()) {
    width = std::max(width, std::min<std::size_t>(printable(spec.name).size(), 80));
  }
  for (const TensorSpec& spec : weights.arrays()) {
    const bool known = spec.type.dtype != DType::invalid;
    fmt::print("{:<{}}  {}\n", printable(spec.name), width,
               known ? to_string(spec.type) : "of a type that Thaw does not read");
    if (!known) continue;
    elements += spec.type.shape.num_elements();
    bytes += static_cast<std::uint64_t>(spec.type.shape.num_elements()) * size_of(spec.type.dtype);
  }
  fmt::print("\n{} arrays, {} elements, {}\n", weights.arrays().size(), grouped(elements),
             bytes_text(bytes));
}

// Lists a file that holds nothing but weights; false if it is no such file.
bool show_weights(const ShowOptions& options) {
  std::optional<WeightStore> weights;
  try {
    weights = WeightStore::open(options.model.path);
  } catch (const Error&) {
    return false;  // what loading it as a model said stands
  }
  if (options.json) {
    fmt::print("{}\n", Json(Json::Object{{"path", Json(options.model.path)},
                                         {"format", Json(weights->format())},
                                         {"weights", specs_json(weights->arrays())}})
                           .dump());
  } else {
    print_weights(options.model.path, *weights);
  }
  return true;
}

int show_model(const ShowOptions& options) {
  const Model model = open_model(options.model);
  if (options.graph) {
    // What became of recurrent loops, and what else the import has to say.
    for (const std::string& note : model.info().notes) fmt::print("# {}\n", printable(note, 1024));
    fmt::print("{}", model.graph_text());
  } else if (options.json) {
    fmt::print("{}\n", info_json(model.info()).dump());
  } else {
    print_human(model.info());
  }
  return kMatch;
}

}  // namespace

int show(const ShowOptions& options) {
  try {
    return show_model(options);
  } catch (const Error& error) {
    const bool weights_only = error.code() == ErrorCode::failed_precondition &&
                              options.model.weights.empty() && !options.graph;
    if (weights_only && show_weights(options)) return kMatch;
    throw;
  }
}

int check(const CheckOptions& options) {
  Json::Array problems;
  int code = kMatch;
  try {
    const Model model = open_model(options.model);
    if (!options.json)
      fmt::print("ok: {} ({})\n", printable(model.info().path, 1024), model.info().format);
  } catch (const UnsupportedError& error) {
    code = kUnsupported;
    for (const Unsupported& item : error.items()) {
      problems.push_back(Json(Json::Object{
          {"what", Json(item.what)}, {"where", Json(item.where)}, {"why", Json(item.why)}}));
    }
    if (!options.json) throw;
    fmt::print(stderr, "{}\n", error.what());
  }
  if (options.json) {
    fmt::print("{}\n", Json(Json::Object{{"runs", Json(code == kMatch)},
                                         {"unsupported", Json(std::move(problems))}})
                           .dump());
  }
  return code;
}

}  // namespace thaw::tools
