// Graph passes: each changes the graph in place, leaves it normalised, and returns whether it
// changed it.
#pragma once

#include <string>
#include <vector>

#include "runtime/base/thread_pool.h"
#include "runtime/ir/builder.h"
#include "runtime/ir/graph.h"

namespace thaw {

// Shape-free passes, in pipeline order.
bool remove_identities(Graph& graph);
bool remove_dead_code(Graph& graph);
/// Of several pure nodes with equal attributes and operands, small constants too, one stays.
bool eliminate_common_subexpressions(Graph& graph);
/// space_to_batch -> conv -> batch_to_space -> a dilated conv.
bool fuse_dilation(Graph& graph);
/// Zeros padded in front of conv -> its explicit padding.
bool fuse_pad(Graph& graph);
/// Negated, repeated and stacked masks, and numbers taken away where one is false -> the shortest.
bool simplify_masks(Graph& graph);
/// x < 0 ? x + size : x in front of gather -> its from_end.
bool fuse_gather(Graph& graph);
/// Exchanges of the last two axes around matmul -> its transposed operands.
bool fuse_transpose(Graph& graph);
/// Reshapes, squeezes and expansions behind conv, matmul move behind the elementwise nodes that
/// follow, so that those can be fused.
bool sink_views(Graph& graph);
/// GELU, SiLU, Mish, hard sigmoid, clamp, ... spelled out in elementwise nodes -> one unary.
bool fuse_functions(Graph& graph);
/// Layer, group and RMS normalization spelled out in means and products -> normalize; constants
/// behind one -> its scale and offset.
bool fuse_normalization(Graph& graph);
/// exp(x - max) / sum -> softmax, and its logarithm.
bool fuse_softmax(Graph& graph);
/// Elementwise mul/add/sub by constants along the channel axis behind conv or matmul (what
/// inference BatchNormalization is) folded into the weights and the bias.
bool fold_batch_norm(Graph& graph);
/// add of a constant vector along the last axis behind conv, matmul -> their bias operand.
bool fuse_bias(Graph& graph);
/// unary behind conv, matmul -> their activation.
bool fuse_activation(Graph& graph);

/// einsum of a value and a constant -> matmul, where it is one. For a graph whose shapes are known.
bool fuse_einsum(Graph& graph);
/// Products with ones go, sums over their count are means. For a graph whose shapes are known.
bool fuse_moments(Graph& graph);
/// Trees of unary and binary functions of float32 or float64 -> elementwise. For a graph whose
/// shapes are known; `fusible` says which functions the backend is quicker at in one pass.
bool fuse_elementwise(Graph& graph, FunctionRef<bool(const Op&, DType)> fusible);

/// softmax(q k^T) v in float32, with scales, masks and the transposes that part heads -> attention.
/// For a graph whose shapes are known.
bool fuse_attention(Graph& graph);
/// float32 conv on two axes, then the largest of each 2 x 2 block -> conv that keeps only these.
/// For a graph whose shapes are known.
bool fuse_pool(Graph& graph);

/// Products of float32 (matmul, einsum, conv, conv_transpose, attention) and what moves, joins or
/// computes element by element, normalizes or reduces their results on the way to others become
/// bfloat16: what only the graph's outputs need, the results of the last products among it, stays
/// float32, and so do inputs, outputs, and nodes with operands that bfloat16 cannot hold. One cast
/// per value stands where types meet. `round` gives a constant in bfloat16, or an empty tensor if
/// that cannot hold it. Not in sub-graphs. For a graph whose shapes are known, behind every fusion.
bool narrow_activations(Graph& graph, FunctionRef<Tensor(const Tensor&)> round);

struct PipelineOptions {
  bool optimize = true;
  bool verify_after_each = false;  // on in debug builds
};
/// The visible ordered list of shape-free passes, repeated until nothing changes (bounded).
void run_pipeline(Graph& graph, const PipelineOptions& options);
/// The passes that see more once all shapes are known and make no large constants: for graphs that
/// specialise() has written for a plan.
void run_shaped_pipeline(Graph& graph);

/// Gives the inputs these shapes, infers every type again, folds what has become constant (shape
/// arithmetic, branches of if with a constant condition, variables that nothing assigns) and
/// removes dead code. Sub-graphs see their constant operands. Dimensions may stay unknown: then
/// what does not depend on them is folded. Folding is bounded: large results are made only by ops
/// that move elements about. Throws Error(invalid_argument), naming the node, when the shapes do
/// not fit.
Graph specialise(const Graph& graph, const std::vector<Shape>& input_shapes,
                 const Evaluator& evaluator);

/// float16, bfloat16 and float32 become float64 (complex64 complex128) everywhere: constants,
/// casts, inputs, outputs, variables, lists, sub-graphs.
Graph widen_to_float64(const Graph& graph);
/// The same for one tensor; shares the buffer when there is nothing to widen.
Tensor widen_to_float64(const Tensor& tensor);

}  // namespace thaw
