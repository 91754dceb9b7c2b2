// float64 everywhere: what the reference device computes as the oracle.
#include <complex>

#include "runtime/base/check.h"
#include "runtime/base/half.h"
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

void widen_op(Op& op) {
  std::visit(
      []<class T>(T& alternative) {
        if constexpr (requires { alternative.dtype; }) {
          alternative.dtype = widened(alternative.dtype);  // casts and the element types of lists
        } else if constexpr (std::is_same_v<T, ops::Constant>) {
          alternative.value = widen_to_float64(alternative.value);
        }
      },
      op);
}

void widen(Graph& graph) {
  for (Value& value : graph.values) value.type.dtype = widened(value.type.dtype);
  for (Node& node : graph.nodes) widen_op(node.op);
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
