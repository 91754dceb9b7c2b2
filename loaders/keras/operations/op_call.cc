#include "loaders/keras/operations/op_call.h"

#include <algorithm>

#include "loaders/keras/layers/layers.h"
#include "runtime/base/check.h"

namespace thaw::keras {

OpCall::OpCall(const Layer& call, const OperationRow& table_row, GraphBuilder& builder,
               bool configured)
    : g(builder), layer(call), row(table_row) {
  std::string_view rest = row.parameters;
  std::size_t position = 0;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(' '), rest.size());
    std::string_view name = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (name.starts_with('*')) {
      Operand list;
      list.kind = Argument::Kind::list;
      for (; position < layer.args.size(); ++position) list.items.push_back(layer.args[position]);
      arguments_.emplace_back(name.substr(1), std::move(list));
    } else if (position < layer.args.size()) {
      arguments_.emplace_back(name, layer.args[position++]);
    }
  }
  if (position < layer.args.size())
    layer.unsupported(fmt::format("called with {} arguments", layer.args.size()));
  for (const auto& [name, operand] : layer.kwargs) arguments_.emplace_back(name, operand);
  if (!configured || !layer.config.config.is_object()) return;
  for (const auto& [name, value] : layer.config.config.object()) {
    if (find(name) != nullptr || name == "name") continue;
    Operand operand;
    operand.value = value;
    arguments_.emplace_back(name, std::move(operand));
  }
}

const Operand* OpCall::find(std::string_view name) const {
  for (const auto& [key, operand] : arguments_) {
    if (key != name) continue;
    const bool none = operand.kind == Argument::Kind::value && operand.value.is_null();
    if (!none) return &operand;
  }
  return nullptr;
}

const Operand& OpCall::need(std::string_view name) const {
  const Operand* operand = find(name);
  if (operand == nullptr) bad(fmt::format("argument {} is missing", name));
  return *operand;
}

namespace {

const Json* stored_array(const Json& json) {
  const Json* name = json.find("class_name");
  if (name == nullptr || !name->is_string()) return nullptr;
  if (name->string() != "__numpy__" && name->string() != "__tensor__") return nullptr;
  return json.find("config");
}

}  // namespace

Expr OpCall::tensor(const Operand& operand) const { return tensor(operand, DType::invalid); }

Expr OpCall::tensor(const Operand& operand, DType dtype) const {
  switch (operand.kind) {
    case Argument::Kind::tensor: {
      const Expr x = expr(operand.tensor.value);
      return dtype == DType::invalid ? x : cast(x, dtype);
    }
    case Argument::Kind::value: return expr(g.constant(constant_tensor(operand.value, dtype)));
    case Argument::Kind::list: {
      if (operand.items.empty()) break;
      Results parts;
      for (const Operand& item : operand.items) parts.push_back(tensor(item, dtype));
      const auto typed =
          std::find_if(operand.items.begin(), operand.items.end(),
                       [](const auto& i) { return i.kind != Argument::Kind::value; });
      const DType common = parts[static_cast<std::size_t>(typed - operand.items.begin())].dtype();
      std::vector<ValueId> values;
      for (const Expr& part : parts) values.push_back(cast(part, common));
      return expr(g.add1(ops::Stack{0}, values));
    }
    case Argument::Kind::dict: break;
  }
  unsupported("an argument that is no tensor");
}

Results OpCall::tensors(std::string_view name) const {
  Results all;
  for (const Operand& item : items_of(need(name))) all.push_back(tensor(item));
  if (all.empty()) bad(fmt::format("{} holds no tensor", name));
  return all;
}

ArgumentType OpCall::type(const Operand& operand) const {
  if (operand.kind == Argument::Kind::value && operand.value.is_number()) {
    return operand.value.is_integer() ? kPythonInt : kPythonFloat;
  }
  return {tensor(operand).dtype(), false};
}

std::pair<Expr, Expr> OpCall::promoted(const char* x, const char* y, bool floating) const {
  const Operand &left = need(x), &right = need(y);
  std::vector<ArgumentType> types{type(left), type(right)};
  if (floating) types.push_back(kPythonFloat);
  const DType dtype = result_type(types);
  return {tensor(left, dtype), tensor(right, dtype)};
}

std::pair<Expr, Expr> OpCall::promoted_tensors(const char* x, const char* y, bool floating) const {
  const Expr left = tensor(x), right = tensor(y);
  const DType dtype = floating ? floating_type(left.dtype(), right.dtype())
                               : result_type(left.dtype(), right.dtype());
  return {cast(left, dtype), cast(right, dtype)};
}

Results OpCall::promoted(Results all) const {
  const bool same = std::all_of(all.begin(), all.end(),
                                [&](const Expr& x) { return x.dtype() == all[0].dtype(); });
  if (same) return all;
  std::vector<ArgumentType> types;
  for (const Expr& x : all) types.push_back({x.dtype(), false});
  const DType dtype = result_type(types);
  for (Expr& x : all) x = cast(x, dtype);
  return all;
}

namespace {

const Json* plain(const Operand* operand) {
  return operand != nullptr && operand->kind == Argument::Kind::value ? &operand->value : nullptr;
}

// No size or index is larger; sums of them do not overflow.
std::int64_t in_range(const OpCall& call, std::string_view name, std::int64_t value) {
  constexpr std::int64_t kBound = std::int64_t{1} << 53;
  if (value < -kBound || value > kBound) call.bad(fmt::format("{} is {}", name, value));
  return value;
}

}  // namespace

std::int64_t OpCall::integer(std::string_view name) const {
  const Json* value = plain(find(name));
  if (value != nullptr && value->is_integer()) return in_range(*this, name, value->integer());
  if (value != nullptr && value->is_number()) {
    const double number = value->number();
    if (number ==
        static_cast<double>(static_cast<std::int64_t>(std::abs(number) < 1e15 ? number : 0.5)))
      return static_cast<std::int64_t>(number);
  }
  if (value == nullptr && has(name)) unsupported(fmt::format("{} is computed at run time", name));
  bad(fmt::format("{} is {}, expected an integer", name,
                  value == nullptr ? "missing" : printable(value->dump())));
}

std::int64_t OpCall::integer(std::string_view name, std::int64_t otherwise) const {
  return has(name) ? integer(name) : otherwise;
}

double OpCall::real(std::string_view name) const {
  const Operand& operand = need(name);
  const Json* value = plain(&operand);
  if (value == nullptr) unsupported(fmt::format("{} is computed at run time", name));
  if (value->is_number()) return value->number();
  if (const Json* config = stored_array(*value)) {
    const Json* number = config->find("value");
    if (number != nullptr && number->is_number()) return number->number();
  }
  bad(fmt::format("{} is {}, expected a number", name, printable(value->dump())));
}

double OpCall::real(std::string_view name, double otherwise) const {
  return has(name) ? real(name) : otherwise;
}

bool OpCall::flag(std::string_view name, bool otherwise) const {
  const Json* value = plain(find(name));
  if (value == nullptr && !has(name)) return otherwise;
  if (value != nullptr && value->is_bool()) return value->boolean();
  if (value != nullptr && value->is_integer()) return value->integer() != 0;
  bad(fmt::format("{} is neither true nor false", name));
}

std::string OpCall::text(std::string_view name, const std::string& otherwise) const {
  const Json* value = plain(find(name));
  if (value == nullptr && !has(name)) return otherwise;
  if (value != nullptr && value->is_string()) return value->string();
  bad(fmt::format("{} is no string", name));
}

std::optional<Axes> OpCall::ints(std::string_view name) const {
  const Operand* operand = find(name);
  if (operand == nullptr) return std::nullopt;
  const Json* value = plain(operand);
  if (value == nullptr) unsupported(fmt::format("{} is computed at run time", name));
  const Json* config = stored_array(*value);
  const Json* content = config != nullptr ? config->find("value") : value;
  const Json::Array* list = content != nullptr ? list_of(*content) : nullptr;
  if (list == nullptr) return Axes{integer(name)};
  Axes result;
  for (const Json& item : *list) {
    if (!item.is_integer())
      bad(fmt::format("{} is {}, expected integers", name, printable(value->dump())));
    result.push_back(in_range(*this, name, item.integer()));
  }
  return result;
}

Axes OpCall::sizes(std::string_view name, std::size_t count, std::int64_t otherwise) const {
  Axes result = ints(name).value_or(Axes{otherwise});
  if (result.size() == 1) result.resize(count, result[0]);
  bool fits = result.size() == count;
  for (std::int64_t size : result) fits = fits && size > 0 && size <= INT32_MAX;
  if (!fits) bad(fmt::format("{} must be {} positive integers", name, count));
  return result;
}

DType OpCall::dtype(std::string_view name, DType otherwise) const {
  const Json* value = plain(find(name));
  if (value == nullptr) return otherwise;
  std::string text = value->is_string() ? value->string() : "";
  if (text == "int") text = "int64";
  if (text == "float") text = "float32";
  const DType result = dtype_from_name(text);
  if (result == DType::invalid) unsupported(fmt::format("dtype={}", printable(value->dump())));
  return result;
}

int OpCall::normal(std::int64_t axis, int rank) const {
  return normal_axis(layer, axis, rank, "axis");
}

int OpCall::axis(std::string_view name, int rank, std::int64_t otherwise) const {
  return normal(integer(name, otherwise), rank);
}

Axes OpCall::axes(std::string_view name, int rank) const {
  std::optional<Axes> given = ints(name);
  Axes result;
  if (!given) {
    for (int axis = 0; axis < rank; ++axis) result.push_back(axis);
    return result;
  }
  for (std::int64_t axis : *given) result.push_back(normal(axis, rank));
  return result;
}

bool OpCall::channels_first() const {
  const std::string format = text("data_format", "channels_last");
  if (format != "channels_first" && format != "channels_last")
    unsupported(fmt::format("data_format={}", printable(format)));
  return format == "channels_first";
}

void OpCall::refuse_flag(std::string_view name) const {
  if (has(name) && flag(name, false)) unsupported(fmt::format("{}=True", name));
}

Results OpCall::tensorflow(const std::string& op, const Results& inputs,
                           const NodeAttributes& attributes) const {
  Results results;
  for (ValueId value : add_tensorflow_node(g, op, {inputs.begin(), inputs.end()}, attributes)) {
    results.push_back(expr(value));
  }
  return results;
}

Expr OpCall::tensorflow1(const std::string& op, const Results& inputs,
                         const NodeAttributes& attributes) const {
  return tensorflow(op, inputs, attributes).at(0);
}

Expr OpCall::ints_constant(const Axes& values, DType dtype) const {
  return cast(expr(g.ints(values)), dtype);
}

Expr OpCall::paddings(const Axes& pairs) const {
  return expr(
      g.constant(Tensor::from(Shape{static_cast<std::int64_t>(pairs.size() / 2), 2}, pairs)));
}

}  // namespace thaw::keras
