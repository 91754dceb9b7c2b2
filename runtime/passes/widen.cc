// float64 everywhere: what the reference device computes as the oracle.
#include <complex>
#include <cstdint>

#include "runtime/base/check.h"
#include "runtime/base/half.h"
#include "runtime/ir/host_functions.h"
#include "runtime/passes/passes.h"

namespace thaw {
namespace {

DType widened(DType dtype) {
  switch (dtype) {
    case DType::float16:
    case DType::bfloat16:
    case DType::float32: return DType::float64;
    case DType::complex64: return DType::complex128;
    default: return dtype;
  }
}

template <class From, class To, class Convert>
void convert(const Tensor& from, Tensor& to, Convert convert_one) {
  const auto* source = static_cast<const From*>(from.data());
  auto* target = static_cast<To*>(to.mutable_data());
  for (std::int64_t i = 0; i < from.num_elements(); ++i) target[i] = convert_one(source[i]);
}

void widen_attributes(Attributes& attributes) {
  for (auto& [name, value] : attributes.entries()) {
    if (auto* dtype = std::get_if<DType>(&value); dtype != nullptr && name == "dtype") {
      *dtype = widened(*dtype);
    } else if (auto* tensor = std::get_if<Tensor>(&value)) {
      *tensor = widen_to_float64(*tensor);
    }
  }
}

void widen_op(Op& op) {
  std::visit(
      []<class T>(T& alternative) {
        if constexpr (std::is_same_v<T, ops::HostCall>) {
          widen_attributes(alternative.attributes);
        } else if constexpr (requires { alternative.dtype; }) {
          alternative.dtype = widened(alternative.dtype);  // casts and the element types of lists
        } else if constexpr (std::is_same_v<T, ops::Constant>) {
          alternative.value = widen_to_float64(alternative.value);
        }
      },
      op);
}

bool narrows(const TensorType& type) { return widened(type.dtype) != type.dtype; }

/// The first operand that stays float32 in a graph of float64, or none. Where a sampling resize
/// stands is float32 in any case: its images may be of other types.
std::size_t first_kept_operand(const Op& op) {
  return std::holds_alternative<ops::Resize>(op) ? 2 : SIZE_MAX;
}

bool keeps_types(const Op& op) {
  const auto* call = std::get_if<ops::HostCall>(&op);
  if (call == nullptr) return false;
  if (call->custom != nullptr) return true;
  const HostFunction* function = find_host_function(call->function);
  return function != nullptr && function->keeps_types;
}

ValueId add_cast(Graph& graph, ValueId from, const TensorType& type) {
  const auto node = static_cast<NodeId>(graph.nodes.size());
  const auto to = static_cast<ValueId>(graph.values.size());
  graph.values.push_back({graph.values[static_cast<std::size_t>(from)].name, type, node});
  graph.nodes.push_back({ops::Cast{type.dtype}, {from}, {to}, {}});
  return to;
}

/// Casts the operands from `first` on of the node at `index` back to what they were, `types` being
/// those of all values before the graph was widened.
bool keep_operands(Graph& graph, std::size_t index, std::size_t first,
                   const std::vector<TensorType>& types) {
  bool any = false;
  for (std::size_t i = first; i < graph.nodes[index].inputs.size(); ++i) {
    const ValueId input = graph.nodes[index].inputs[i];
    if (!narrows(types[static_cast<std::size_t>(input)])) continue;
    const ValueId kept = add_cast(graph, input, types[static_cast<std::size_t>(input)]);
    graph.nodes[index].inputs[i] = kept;
    any = true;
  }
  return any;
}

/// Lets the node at `index` work in its own types: casts stand in front of it and behind it.
void keep_types(Graph& graph, std::size_t index, const std::vector<TensorType>& types) {
  keep_operands(graph, index, 0, types);
  for (std::size_t i = 0; i < graph.nodes[index].outputs.size(); ++i) {
    const ValueId output = graph.nodes[index].outputs[i];
    if (!narrows(types[static_cast<std::size_t>(output)])) continue;
    const auto result = static_cast<ValueId>(graph.values.size());
    graph.values.push_back({graph.values[static_cast<std::size_t>(output)].name,
                            types[static_cast<std::size_t>(output)], static_cast<NodeId>(index)});
    graph.nodes[index].outputs[i] = result;
    const auto cast = static_cast<NodeId>(graph.nodes.size());
    graph.values[static_cast<std::size_t>(output)].producer = cast;
    graph.nodes.push_back({ops::Cast{graph.values[static_cast<std::size_t>(output)].type.dtype},
                           {result},
                           {output},
                           {}});
  }
}

void widen(Graph& graph) {
  std::vector<TensorType> types;
  for (const Value& value : graph.values) types.push_back(value.type);
  for (Value& value : graph.values) value.type.dtype = widened(value.type.dtype);
  bool rewired = false;
  for (std::size_t i = 0, count = graph.nodes.size(); i < count; ++i) {
    if (keeps_types(graph.nodes[i].op)) {
      keep_types(graph, i, types);
      rewired = true;
    } else {
      widen_op(graph.nodes[i].op);
      rewired |= keep_operands(graph, i, first_kept_operand(graph.nodes[i].op), types);
    }
  }
  if (rewired) normalize(graph);
  for (Variable& variable : graph.variables) variable.initial = widen_to_float64(variable.initial);
  for (Graph& sub : graph.subgraphs) widen(sub);
}

}  // namespace

Tensor widen_to_float64(const Tensor& tensor) {
  if (tensor.empty() || widened(tensor.dtype()) == tensor.dtype()) return tensor;
  Tensor wide(widened(tensor.dtype()), tensor.shape());
  switch (tensor.dtype()) {
    case DType::float16:
      convert<std::uint16_t, double>(tensor, wide,
                                     [](std::uint16_t bits) { return half_to_float(bits); });
      break;
    case DType::bfloat16:
      convert<std::uint16_t, double>(tensor, wide,
                                     [](std::uint16_t bits) { return bfloat_to_float(bits); });
      break;
    case DType::float32:
      convert<float, double>(tensor, wide, [](float value) { return value; });
      break;
    default:  // complex64
      convert<std::complex<float>, std::complex<double>>(
          tensor, wide, [](std::complex<float> value) { return std::complex<double>(value); });
      break;
  }
  return wide;
}

Graph widen_to_float64(const Graph& graph) {
  Graph wide = graph;
  widen(wide);
#ifndef NDEBUG
  verify(wide, "widen_to_float64");
#endif
  return wide;
}

}  // namespace thaw
