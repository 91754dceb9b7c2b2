#include "loaders/keras/layer.h"

#include "loaders/keras/import.h"
#include "runtime/base/check.h"

namespace thaw::keras {

void flatten(const Operand& operand, std::vector<MaskedValue>& tensors) {
  if (operand.kind == Argument::Kind::tensor) tensors.push_back(operand.tensor);
  for (const Operand& item : operand.items) flatten(item, tensors);
}

std::string Layer::title() const {
  return fmt::format("layer '{}' ({})", printable(name), printable(config.file_class));
}

void Layer::unsupported(const std::string& why) const {
  throw Error(ErrorCode::unimplemented, why);
}

void Layer::bad(const std::string& what) const {
  fail(ErrorCode::invalid_argument, "{}: {}", title(), what);
}

std::optional<std::string> Layer::asset(const std::string& file) const {
  return context.assets_.read(context.store_.place_of(path), file);
}

ValueId Layer::input() const {
  if (inputs.empty()) bad("called without an input");
  return inputs[0].value;
}

ValueId Layer::mask() const {
  if (const Operand* operand = argument("mask")) {
    std::vector<MaskedValue> given;
    flatten(*operand, given);
    if (!given.empty()) return given[0].value;
  }
  return inputs.empty() ? kNoValue : inputs[0].mask;
}

const Operand* Layer::argument(std::string_view key) const {
  for (const auto& [name_of_argument, operand] : kwargs) {
    if (name_of_argument == key) return &operand;
  }
  return nullptr;
}

std::vector<MaskedValue> Layer::tensors(std::string_view key) const {
  std::vector<MaskedValue> all;
  if (const Operand* operand = argument(key)) flatten(*operand, all);
  return all;
}

const Json* Layer::find(const char* key) const {
  const Json* value = config.config.find(key);
  return value == nullptr || value->is_null() ? nullptr : value;
}

bool Layer::flag(const char* key, bool otherwise) const {
  const Json* value = find(key);
  if (value == nullptr) return otherwise;
  if (value->is_bool()) return value->boolean();
  if (value->is_integer()) return value->integer() != 0;
  bad(fmt::format("{} is {}, expected true or false", key, printable(value->dump())));
}

std::int64_t Layer::integer(const char* key, std::int64_t otherwise) const {
  return find(key) == nullptr ? otherwise : integer(key);
}

std::int64_t Layer::integer(const char* key) const {
  const Json* value = find(key);
  if (value == nullptr) bad(fmt::format("{} is missing", key));
  const bool whole =
      value->is_number() &&
      value->number() ==
          static_cast<double>(static_cast<std::int64_t>(
              value->number() < 1e15 && value->number() > -1e15 ? value->number() : 0.5));
  if (!whole) bad(fmt::format("{} is {}, expected an integer", key, printable(value->dump())));
  return static_cast<std::int64_t>(value->number());
}

double Layer::real(const char* key, double otherwise) const {
  const Json* value = find(key);
  if (value == nullptr) return otherwise;
  if (value->is_number()) return value->number();
  // numpy scalars appear as {"class_name": "__numpy__", ...} or {"type": "ndarray", "value": x}.
  const Json* inner = value->find("value");
  if (inner == nullptr && value->find("config") != nullptr)
    inner = value->at("config").find("value");
  if (inner != nullptr && inner->is_number()) return inner->number();
  bad(fmt::format("{} is {}, expected a number", key, printable(value->dump())));
}

std::string Layer::text(const char* key, const std::string& otherwise) const {
  const Json* value = find(key);
  if (value == nullptr) return otherwise;
  if (!value->is_string())
    bad(fmt::format("{} is {}, expected a string", key, printable(value->dump())));
  return value->string();
}

std::vector<std::int64_t> Layer::ints(const char* key,
                                      const std::vector<std::int64_t>& otherwise) const {
  const Json* value = find(key);
  if (value == nullptr) return otherwise;
  std::vector<std::int64_t> result;
  if (const Json::Array* list = list_of(*value)) {
    for (const Json& item : *list) {
      if (!item.is_integer())
        bad(fmt::format("{} is {}, expected integers", key, printable(value->dump())));
      result.push_back(item.integer());
    }
    return result;
  }
  return {integer(key)};
}

std::vector<std::int64_t> Layer::sizes(const char* key, int rank, std::int64_t otherwise) const {
  std::vector<std::int64_t> result = ints(key, {otherwise});
  if (result.size() == 1) result.resize(static_cast<std::size_t>(rank), result[0]);
  bool fits = result.size() == static_cast<std::size_t>(rank);
  for (std::int64_t size : result) fits = fits && size > 0 && size < (std::int64_t{1} << 40);
  if (!fits)
    bad(fmt::format("{} is {}, expected {} positive integers", key, printable(find(key)->dump()),
                    rank));
  return result;
}

bool Layer::channels_first() const {
  const std::string format = text("data_format", "channels_last");
  if (format == "channels_last" || format == "default") return false;
  if (format != "channels_first") unsupported(fmt::format("data_format={}", printable(format)));
  return true;
}

void Layer::expect_rank(const GraphBuilder& g, ValueId value, int rank) const {
  const Shape& shape = g.shape(value);
  if (shape.has_rank() && shape.rank() == rank) return;
  bad(fmt::format("expected a {}-D input, got {}", rank, shape.to_string()));
}

Outputs Layer::import_inner(const LayerConfig& inner, const std::string& attribute,
                            std::vector<MaskedValue> inner_inputs,
                            std::vector<std::pair<std::string, Operand>> inner_kwargs) const {
  Layer child{inner,
              scoped(name, inner.name.empty() ? attribute : inner.name),
              join(path, attribute),
              writer,
              {},
              std::move(inner_inputs),
              {},
              std::move(inner_kwargs),
              context};
  Outputs outputs = context.import_layer(std::move(child));
  context.graph().set_scope(name, title());
  return outputs;
}

bool Weights::has(const std::string& name) const {
  return context_.store_.find(join(layer_.path, name)) != nullptr;
}

Tensor Weights::tensor(const std::string& name, const Shape& shape) {
  const StoredArray* stored = context_.store_.find(join(layer_.path, name));
  if (stored == nullptr) layer_.bad(fmt::format("there are no weights for variable {}", name));
  Tensor array = stored->read();
  bool fits = !shape.has_rank() || shape.rank() == array.shape().rank();
  for (int axis = 0; fits && shape.has_rank() && axis < shape.rank(); ++axis) {
    fits = shape[axis] == kUnknownDim || shape[axis] == array.shape()[axis];
  }
  if (!fits) {
    layer_.bad(fmt::format("variable {}: expected shape {}, found {} in {}", name,
                           shape.to_string(), array.shape().to_string(), printable(stored->place)));
  }
  if (!is_floating(array.dtype()) && !is_integer(array.dtype())) {
    layer_.bad(fmt::format("variable {} is stored as {} in {}", name, name_of(array.dtype()),
                           printable(stored->place)));
  }
  return array;
}

ValueId Weights::get(const std::string& name, const Shape& shape) {
  return get(name, shape, layer_.policy.compute);
}

ValueId Weights::get(const std::string& name, const Shape& shape, DType dtype) {
  const std::string key = join(layer_.path, name) + " " + name_of(dtype);
  if (const auto known = context_.constants_.find(key); known != context_.constants_.end()) {
    return known->second;
  }
  GraphBuilder& g = context_.graph();
  // Keras reads a file's array into the variable's type first and casts that to the compute type.
  const ValueId value = g.cast(
      g.cast(g.constant(tensor(name, shape), layer_.name + "/" + name), layer_.policy.variable),
      dtype);
  context_.constants_.emplace(key, value);
  return value;
}

VariableId Weights::state(const std::string& name, DType dtype, const Shape& shape) {
  const std::string key = join(layer_.path, name);
  if (const auto known = context_.states_.find(key); known != context_.states_.end())
    return known->second;
  const VariableId variable =
      context_.graph().variable(layer_.name + "/" + name, Tensor(dtype, shape));
  context_.states_.emplace(key, variable);
  return variable;
}

}  // namespace thaw::keras
