#include "runtime/exec/launch_cost.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>

#include "runtime/ir/einsum.h"

namespace thaw {
namespace {

using Types = std::span<const TensorType* const>;

double elements(const TensorType& type) {
  return type.shape.is_static() ? static_cast<double>(type.shape.num_elements()) : 0;
}

double bytes_of_type(const TensorType& type) {
  return type.dtype == DType::string ? 0
                                     : elements(type) * static_cast<double>(size_of(type.dtype));
}

/// Dimension `axis`, counted from the end if negative; 0 where there is none.
double dim(const TensorType& type, int axis) {
  const int rank = type.shape.has_rank() ? type.shape.rank() : 0;
  if (axis < 0) axis += rank;
  return axis < 0 || axis >= rank ? 0 : static_cast<double>(type.shape[axis]);
}

/// The product of the sizes of all labels: the innermost loop's multiply-adds.
double einsum_steps(const ops::Einsum& op, Types in) {
  const EinsumEquation equation = parse_einsum(op.equation, static_cast<int>(in.size()));
  std::map<int, double> sizes;
  for (std::size_t i = 0; i < in.size(); ++i) {
    int axis = 0;
    for (const int label : axis_labels(equation.inputs[i], in[i]->shape.rank())) {
      double& size = sizes.emplace(label, 1).first->second;
      size = std::max(size, dim(*in[i], axis++));
    }
  }
  double steps = 1;
  for (const auto& [label, size] : sizes) steps *= size;
  return steps;
}

double multiply_adds(const Op& op, Types in, Types out) {
  if (in.size() < 2 || out.empty()) return 0;
  if (const auto* matmul = std::get_if<ops::MatMul>(&op)) {
    return elements(*out[0]) * dim(*in[0], matmul->transpose_a ? -2 : -1);
  }
  if (const auto* einsum = std::get_if<ops::Einsum>(&op)) return einsum_steps(*einsum, in);
  if (const auto* conv = std::get_if<ops::Conv>(&op)) {
    const double outputs = dim(*in[1], -1), spatial = in[0]->shape.rank() - 2;
    const double pixels = std::pow(static_cast<double>(conv->pool), spatial);
    return outputs == 0 ? 0 : pixels * elements(*out[0]) * elements(*in[1]) / outputs;
  }
  if (std::holds_alternative<ops::ConvTranspose>(op)) {
    const double inputs = dim(*in[1], -1);
    return inputs == 0 ? 0 : elements(*in[0]) * elements(*in[1]) / inputs;
  }
  if (std::holds_alternative<ops::Rnn>(op) && in.size() > 2) {
    return dim(*in[0], 0) * dim(*in[0], 1) * (elements(*in[1]) + elements(*in[2]));
  }
  if (std::holds_alternative<ops::ConvLstm>(op) && in.size() > 2) {
    const double filters = dim(*out[0], -1);
    const double pixels = filters == 0 ? 0 : elements(*out.back()) / filters;
    return pixels * dim(*in[0], 1) * (elements(*in[1]) + elements(*in[2]));
  }
  return 0;
}

}  // namespace

LaunchCost launch_cost(const Op& op, Types in, Types out) {
  LaunchCost cost;
  cost.flops = 2 * multiply_adds(op, in, out);
  for (const TensorType* type : in) cost.bytes += bytes_of_type(*type);
  for (const TensorType* type : out) cost.bytes += bytes_of_type(*type);
  if (std::holds_alternative<ops::Gather>(op) && !in.empty() && !out.empty()) {
    cost.bytes += bytes_of_type(*out[0]) - bytes_of_type(*in[0]);
  }
  return cost;
}

}  // namespace thaw
