// Types of an op's results from those of its operands.
#pragma once

#include <span>
#include <vector>

#include "runtime/ir/graph.h"

namespace thaw {

/// One operand as inference sees it.
struct Operand {
  TensorType type;
  const Tensor* constant = nullptr;  // its elements, if known
};

/// The result types of `op`. Unknown dimensions and ranks are allowed and give unknown results;
/// whatever is known is checked. `outputs` is the number of results the node has (split, unstack).
/// Sub-graphs of `graph` give the results of if and while; may be null for other ops. Throws
/// Error(invalid_argument) saying what was expected and found; the caller adds the node's name.
/// Input, Constant's and VariableRead's types: the caller's (Input), the tensor's,
/// `graph->variables`'.
std::vector<TensorType> infer(const Op& op, std::span<const Operand> operands, int outputs,
                              const Graph* graph);

/// As infer, for a node of a graph whose operands have their types.
std::vector<TensorType> infer_node(const Graph& graph, const Node& node, const Graph& root);

/// The shape that both broadcast to. Throws Error(invalid_argument).
Shape broadcast(const Shape& a, const Shape& b);
/// Output size of a window: TensorFlow's rules for valid, same, causal and explicit padding.
/// kUnknownDim if size is unknown.
std::int64_t window_output(std::int64_t size, std::int64_t window, std::int64_t stride,
                           std::int64_t dilation, const Padding& padding, int axis);
/// Padding in front and behind that `padding` means for a known size.
std::pair<std::int64_t, std::int64_t> window_padding(std::int64_t size, std::int64_t window,
                                                     std::int64_t stride, std::int64_t dilation,
                                                     const Padding& padding, int axis);

/// TensorFlow's strided-slice specification for a known input shape, made dense: per result axis.
struct DenseSlice {
  std::vector<std::int64_t> begin, size, stride;  // per input axis
  std::vector<std::int64_t> full_shape;           // with new axes of 1, before shrinking
  std::vector<std::int64_t> shape;                // of the result
};
DenseSlice dense_slice(const Shape& input, const ops::StridedSlice& op,
                       const std::vector<std::int64_t>& begin, const std::vector<std::int64_t>& end,
                       const std::vector<std::int64_t>& strides);

}  // namespace thaw
