// The closed list of operations a graph is made of.
//
// An op is a plain struct of attributes; its operands are the node's inputs, described in the
// comment as (operand, [optional operand]) -> (results). Shapes, axes and permutations that may be
// computed at run time are operands (int32 or int64 tensors, nearly always constants); they are
// listed by host_operands(). Layouts are channels-last: [N, spatial..., C], weights [spatial...,
// C_in, C_out].
//
// Adding an op: a struct here, its name in THAW_OPS, a case in infer, a reference kernel;
// everything that visits the variant does not compile until the op is handled.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "runtime/ir/attributes.h"
#include "runtime/ir/op_attributes.h"
#include "thaw/custom_function.h"
#include "thaw/tensor.h"

namespace thaw {

// Every struct lists its attributes once in fields(), for printing, parsing and comparison.
#define THAW_FIELDS(...)                                                            \
  template <class Self, class Visit>                                                \
  static void fields([[maybe_unused]] Self& self, [[maybe_unused]] Visit&& visit) { \
    __VA_ARGS__                                                                     \
  }
#define THAW_FIELD(name) visit(#name, self.name);

namespace ops {

using Ints = std::vector<std::int64_t>;

// ---- sources, state, effects ----
/// () -> (value): a graph input. The value's type is given at creation.
struct Input {
  THAW_FIELDS()
};
/// () -> (value)
struct Constant {
  Tensor value;
  THAW_FIELDS(THAW_FIELD(value))
};
/// () -> (value): the session's copy of a variable.
struct VariableRead {
  VariableId variable = 0;
  THAW_FIELDS(THAW_FIELD(variable))
};
/// (value) -> (): an effect; nodes run in order.
struct VariableAssign {
  VariableId variable = 0;
  THAW_FIELDS(THAW_FIELD(variable))
};
/// (condition, data...) -> (): throws Error(invalid_argument) with `message` unless all is true.
struct Assert {
  std::string message;
  THAW_FIELDS(THAW_FIELD(message))
};
/// (x) -> (x)
struct Identity {
  THAW_FIELDS()
};

// ---- elementwise ----
/// (x) -> (y)
struct Unary {
  UnaryFn fn;
  THAW_FIELDS(THAW_FIELD(fn))
};
/// (x, y) -> (z): broadcasts as numpy does; both operands have one dtype.
struct Binary {
  BinaryKind kind = BinaryKind::add;
  THAW_FIELDS(THAW_FIELD(kind))
};
/// (condition bool, x, y) -> (z): broadcasts.
struct Select {
  THAW_FIELDS()
};
/// (x) -> (y): float to integer truncates toward zero; to bool is x != 0; complex keeps the real
/// part.
struct Cast {
  DType dtype = DType::float32;
  THAW_FIELDS(THAW_FIELD(dtype))
};

/// (operands...) -> (y): unary and binary functions of broadcast floats of one type, computed in
/// one pass: "relu(add($0, mul($1, $2)))" (elementwise.h). 16-bit floats are computed in float and
/// rounded once, behind the last function. Made when a graph is planned.
struct Elementwise {
  std::string expression;
  THAW_FIELDS(THAW_FIELD(expression))
};

// ---- linear algebra ----
/// (a [..., M, K], b [..., K, N], [bias [N]]) -> (y [..., M, N]): leading dimensions broadcast;
/// y = activation(a b + bias). A bias of float32 makes y float32, where a and b may be 16 bits.
struct MatMul {
  bool transpose_a = false, transpose_b = false;
  UnaryFn activation;
  THAW_FIELDS(THAW_FIELD(transpose_a) THAW_FIELD(transpose_b) THAW_FIELD(activation))
};
/// (operands...) -> (y): numpy notation with optional "...".
struct Einsum {
  std::string equation;
  THAW_FIELDS(THAW_FIELD(equation))
};

// ---- windows ----
/// (x [N, S..., C], w [K..., C / groups, O], [bias [O]]) -> (y [N, S'..., O]): correlation.
/// Depthwise: groups = C. Of blocks of `pool` pixels per spatial axis only the largest activation
/// is kept; incomplete blocks are left out. More than 1 only where a graph is planned.
struct Conv {
  Ints strides, dilations;
  Padding padding;
  std::int64_t groups = 1;
  UnaryFn activation;
  std::int64_t pool = 1;
  THAW_FIELDS(THAW_FIELD(strides) THAW_FIELD(dilations) THAW_FIELD(padding) THAW_FIELD(groups)
                  THAW_FIELD(activation) THAW_FIELD(pool))
};
/// (x [N, S..., C], w [K..., O, C], spatial [rank], [bias [O]]) -> (y [N, S'..., O]): the gradient
/// of conv with regard to its input. `spatial` is S'; the padding is that of the forward
/// convolution S' -> S, so out-of-range contributions are cut off.
struct ConvTranspose {
  Ints strides, dilations;
  Padding padding;
  THAW_FIELDS(THAW_FIELD(strides) THAW_FIELD(dilations) THAW_FIELD(padding))
};
/// (x [N, S..., C]) -> (y [N, S'..., C]): average does not count padding.
struct Pool {
  PoolKind kind = PoolKind::max;
  Ints window, strides;
  Padding padding;
  THAW_FIELDS(THAW_FIELD(kind) THAW_FIELD(window) THAW_FIELD(strides) THAW_FIELD(padding))
};
/// (x [N, H, W, C], size [2], [scale [2], translation [2]]) -> (y [N, H', W', C]): float32 scale
/// and translation are for sampling kernels alone, by default size / (H, W) and 0. Bicubic is Keys'
/// with half_pixel_centers, else the older one with a = -0.75. antialias widens a sampling kernel
/// when it shrinks x.
struct Resize {
  ResizeMethod method = ResizeMethod::nearest;
  bool align_corners = false, half_pixel_centers = false, antialias = false;
  THAW_FIELDS(THAW_FIELD(method) THAW_FIELD(align_corners) THAW_FIELD(half_pixel_centers)
                  THAW_FIELD(antialias))
};
/// (x [N, S..., ...], block [M], paddings [M, 2]) -> (y)
struct SpaceToBatch {
  THAW_FIELDS()
};
/// (x, block [M], crops [M, 2]) -> (y)
struct BatchToSpace {
  THAW_FIELDS()
};

// ---- reductions ----
/// (x, axes [n]) -> (y): negative axes count from the end; no axes: x itself.
struct Reduce {
  ReduceKind kind = ReduceKind::sum;
  bool keep_dims = false;
  THAW_FIELDS(THAW_FIELD(kind) THAW_FIELD(keep_dims))
};
/// (x) -> (index): the first extreme element along `axis`; a NaN counts as TensorFlow's comparison
/// does.
struct ArgReduce {
  bool minimum = false;
  std::int64_t axis = 0;
  DType dtype = DType::int64;
  THAW_FIELDS(THAW_FIELD(minimum) THAW_FIELD(axis) THAW_FIELD(dtype))
};
/// (x) -> (y): cumulative sum or product along `axis`.
struct Scan {
  ScanKind kind = ScanKind::sum;
  std::int64_t axis = 0;
  bool exclusive = false, reverse = false;
  THAW_FIELDS(THAW_FIELD(kind) THAW_FIELD(axis) THAW_FIELD(exclusive) THAW_FIELD(reverse))
};
/// (x) -> (y): over `axes` together (usually the last one); log: log-softmax.
struct Softmax {
  Ints axes;
  bool log = false;
  THAW_FIELDS(THAW_FIELD(axes) THAW_FIELD(log))
};
/// (x, [scale], [offset]) -> (y): (x - mean) / sqrt(variance + epsilon) over `axes`, then scaled.
/// scale and offset have x's rank or broadcast against it. `centered` off: y = x / sqrt(mean(x^2) +
/// epsilon).
struct Normalize {
  Ints axes;
  double epsilon = 1e-3;
  bool centered = true, has_scale = false, has_offset = false;
  THAW_FIELDS(THAW_FIELD(axes) THAW_FIELD(epsilon) THAW_FIELD(centered) THAW_FIELD(has_scale)
                  THAW_FIELD(has_offset))
};
/// (x [..., N], k scalar) -> (values [..., k], indices [..., k])
struct TopK {
  bool sorted = true;
  DType dtype = DType::int32;
  THAW_FIELDS(THAW_FIELD(sorted) THAW_FIELD(dtype))
};

/// (q, k, v, [mask]) -> (y [B, T, heads * value_width]): softmax(scale * q k^T) v for every head.
/// q is [B, T, columns], of which head h takes key_width from query_at + h * key_width on, or
/// [B, heads, T, key_width]; so are k and v, of S steps and key_heads heads, each for the next
/// heads / key_heads of q. The mask broadcasts to [B, heads, T, S]: floats are added to the scaled
/// scores; where bool is false, `masked` takes the score's place or, with `lowers`, is added to it.
/// Made when a graph is planned.
struct Attention {
  std::int64_t heads = 1, key_heads = 1;
  std::int64_t key_width = 1, value_width = 1;
  std::int64_t query_at = 0, key_at = 0, value_at = 0;
  double scale = 1, masked = 0;
  bool lowers = false;
  THAW_FIELDS(THAW_FIELD(heads) THAW_FIELD(key_heads) THAW_FIELD(key_width) THAW_FIELD(value_width)
                  THAW_FIELD(query_at) THAW_FIELD(key_at) THAW_FIELD(value_at) THAW_FIELD(scale)
                      THAW_FIELD(masked) THAW_FIELD(lowers))
};

// ---- shape and layout ----
/// (x) -> (shape [rank] | size | rank)
struct ShapeQuery {
  ShapeQueryKind kind = ShapeQueryKind::shape;
  DType dtype = DType::int32;
  THAW_FIELDS(THAW_FIELD(kind) THAW_FIELD(dtype))
};
/// (x, shape [n]) -> (y): one entry may be -1.
struct Reshape {
  THAW_FIELDS()
};
/// (x) -> (y): inserts dimensions of 1 at these axes of the result.
struct ExpandDims {
  Ints axes;
  THAW_FIELDS(THAW_FIELD(axes))
};
/// (x) -> (y): removes these dimensions, which must be 1; no axes: all that are 1.
struct Squeeze {
  Ints axes;
  THAW_FIELDS(THAW_FIELD(axes))
};
/// (x, permutation [rank]) -> (y)
struct Transpose {
  THAW_FIELDS()
};
/// (x, shape [n]) -> (y): numpy broadcasting; also tf.fill of a scalar.
struct BroadcastTo {
  THAW_FIELDS()
};
/// (x, multiples [rank]) -> (y)
struct Tile {
  THAW_FIELDS()
};
/// (start, limit, delta) -> (y [n])
struct Range {
  THAW_FIELDS()
};
/// (x...) -> (y)
struct Concat {
  std::int64_t axis = 0;
  THAW_FIELDS(THAW_FIELD(axis))
};
/// (x...) -> (y): along a new axis.
struct Stack {
  std::int64_t axis = 0;
  THAW_FIELDS(THAW_FIELD(axis))
};
/// (x) -> (y...): the inverse of stack; as many results as the node has outputs.
struct Unstack {
  std::int64_t axis = 0;
  THAW_FIELDS(THAW_FIELD(axis))
};
/// (x, [sizes [n]]) -> (y...): equal parts without sizes; one size may be -1.
struct Split {
  std::int64_t axis = 0;
  THAW_FIELDS(THAW_FIELD(axis))
};
/// (x, begin [rank], size [rank]) -> (y): size -1 means to the end.
struct Slice {
  THAW_FIELDS()
};
/// (x, begin [n], end [n], strides [n]) -> (y): TensorFlow's strided slice, masks as bits.
struct StridedSlice {
  std::int64_t begin_mask = 0, end_mask = 0, ellipsis_mask = 0, new_axis_mask = 0,
               shrink_axis_mask = 0;
  THAW_FIELDS(THAW_FIELD(begin_mask) THAW_FIELD(end_mask) THAW_FIELD(ellipsis_mask)
                  THAW_FIELD(new_axis_mask) THAW_FIELD(shrink_axis_mask))
};
/// (x, paddings [rank, 2], [value scalar]) -> (y): value defaults to 0; constant mode only.
struct Pad {
  PadMode mode = PadMode::constant;
  THAW_FIELDS(THAW_FIELD(mode))
};
/// (x) -> (y)
struct Reverse {
  Ints axes;
  THAW_FIELDS(THAW_FIELD(axes))
};
/// (x, lengths [batch]) -> (y)
struct ReverseSequence {
  std::int64_t sequence_axis = 1, batch_axis = 0;
  THAW_FIELDS(THAW_FIELD(sequence_axis) THAW_FIELD(batch_axis))
};
/// (params, indices) -> (y): an index outside the axis is an Error(invalid_argument); with
/// `from_end` those below 0 count from its end.
struct Gather {
  std::int64_t axis = 0, batch_dims = 0;
  bool from_end = false;
  THAW_FIELDS(THAW_FIELD(axis) THAW_FIELD(batch_dims) THAW_FIELD(from_end))
};
/// (params, indices [..., n]) -> (y)
struct GatherNd {
  std::int64_t batch_dims = 0;
  THAW_FIELDS(THAW_FIELD(batch_dims))
};
/// (tensor, indices [..., n], updates) -> (y): a copy of tensor with the updates applied in order.
struct Scatter {
  ScatterKind kind = ScatterKind::update;
  THAW_FIELDS(THAW_FIELD(kind))
};
/// (indices, depth scalar, on scalar, off scalar) -> (y)
struct OneHot {
  std::int64_t axis = -1;
  THAW_FIELDS(THAW_FIELD(axis))
};
/// (condition) -> (indices [n, rank] int64): n depends on the data.
struct Where {
  THAW_FIELDS()
};

// ---- recurrent ----
/// (x [B, T, I] | [T, B, I], kernel [I, G U], recurrent [U, G U], [bias], [mask [B, T] bool],
///  [h0 [B, U]], [c0 [B, U]]) -> (y, h [B, U], [c [B, U]])
/// One direction of a recurrent layer with Keras's exact semantics. G and the gate order in the
/// columns: lstm 4: i, f, c, o; gru 3: z, r, h; simple 1. bias is [G U], for a reset_after gru [2,
/// 3 U] (input row, recurrent row). y holds every step in processing order ([B, T, U], or [T, B, U]
/// if time_major) or, without return_sequences, the last output [B, U]. A masked step keeps the
/// states and repeats the previous output, which before the first step is zero; with
/// zero_output_for_mask it outputs zero. go_backwards processes x and mask from the last step on.
/// Without has_state the initial states are zero.
struct Rnn {
  CellKind cell = CellKind::lstm;
  UnaryFn activation{UnaryKind::tanh}, recurrent_activation{UnaryKind::sigmoid};
  bool reset_after = true;  // gru only
  bool return_sequences = false, go_backwards = false, time_major = false;
  bool zero_output_for_mask = false;
  bool has_bias = true, has_mask = false, has_state = false;
  THAW_FIELDS(THAW_FIELD(cell) THAW_FIELD(activation) THAW_FIELD(recurrent_activation)
                  THAW_FIELD(reset_after) THAW_FIELD(return_sequences) THAW_FIELD(go_backwards)
                      THAW_FIELD(time_major) THAW_FIELD(zero_output_for_mask) THAW_FIELD(has_bias)
                          THAW_FIELD(has_mask) THAW_FIELD(has_state))
};

/// (x [B, T, S..., C], kernel [K..., C, 4 F], recurrent [K..., F, 4 F], [bias [4 F]],
///  [mask [B, T] bool], [h0 [B, S'..., F], c0 [B, S'..., F]]) -> (y, h, c [B, S'..., F])
/// One direction of a convolutional LSTM with Keras's exact semantics; gates, masks and states as
/// in Rnn. The input is convolved with strides, dilations and padding (S -> S'), the state with
/// stride 1 and `same` padding. y is [B, T, S'..., F], or [B, S'..., F] without return_sequences.
struct ConvLstm {
  Ints strides, dilations;
  Padding padding;
  UnaryFn activation{UnaryKind::tanh}, recurrent_activation{UnaryKind::hard_sigmoid, 0.2, 0.5};
  bool return_sequences = false, go_backwards = false;
  bool has_bias = true, has_mask = false, has_state = false;
  THAW_FIELDS(THAW_FIELD(strides) THAW_FIELD(dilations) THAW_FIELD(padding) THAW_FIELD(activation)
                  THAW_FIELD(recurrent_activation) THAW_FIELD(return_sequences)
                      THAW_FIELD(go_backwards) THAW_FIELD(has_bias) THAW_FIELD(has_mask)
                          THAW_FIELD(has_state))
};

// ---- host functions ----
/// (operands...) -> (results...): a function of whole tensors that runs on the host and has no
/// device kernel: strings, tables, decoders, decompositions, random numbers (host_functions.h has
/// their types), or a user's own code.
struct HostCall {
  std::string function;
  Attributes attributes;
  std::shared_ptr<const CustomFunction> custom;  // runs instead of a built-in function
  THAW_FIELDS(THAW_FIELD(function) THAW_FIELD(attributes))
};

// ---- control flow: sub-graphs see only their inputs and constants ----
/// (condition, args...) -> (results...): a tensor condition is true if non-zero (scalar) or
/// non-empty.
struct If {
  SubgraphId then_graph = 0, else_graph = 0;
  THAW_FIELDS(THAW_FIELD(then_graph) THAW_FIELD(else_graph))
};
/// (variables...) -> (variables...): cond takes all of them and gives a scalar.
struct While {
  SubgraphId cond = 0, body = 0;
  THAW_FIELDS(THAW_FIELD(cond) THAW_FIELD(body))
};

// ---- tensor lists (values of dtype tensor_list; updates give a new list) ----
/// (element_shape, count, [list]) -> (list): elements unset, reading one gives zeros; with a list
/// its elements, as many as count has room for.
struct ListReserve {
  DType dtype = DType::float32;
  THAW_FIELDS(THAW_FIELD(dtype))
};
/// (tensor [n, ...]) -> (list)
struct ListFromTensor {
  THAW_FIELDS()
};
/// (list, index, element_shape) -> (item)
struct ListGet {
  DType dtype = DType::float32;
  THAW_FIELDS(THAW_FIELD(dtype))
};
/// (list, index, item) -> (list)
struct ListSet {
  bool resize = false;
  THAW_FIELDS(THAW_FIELD(resize))
};
/// (list, item) -> (list)
struct ListPushBack {
  THAW_FIELDS()
};
/// (list, element_shape) -> (list, item)
struct ListPopBack {
  DType dtype = DType::float32;
  THAW_FIELDS(THAW_FIELD(dtype))
};
/// (list, element_shape) -> (tensor [n, ...])
struct ListStack {
  DType dtype = DType::float32;
  THAW_FIELDS(THAW_FIELD(dtype))
};
/// (list) -> (count int32)
struct ListLength {
  THAW_FIELDS()
};

}  // namespace ops

// name in text and messages, struct
#define THAW_OPS(X)                    \
  X(input, Input)                      \
  X(constant, Constant)                \
  X(variable_read, VariableRead)       \
  X(variable_assign, VariableAssign)   \
  X(assert, Assert)                    \
  X(identity, Identity)                \
  X(unary, Unary)                      \
  X(binary, Binary)                    \
  X(select, Select)                    \
  X(cast, Cast)                        \
  X(elementwise, Elementwise)          \
  X(matmul, MatMul)                    \
  X(einsum, Einsum)                    \
  X(conv, Conv)                        \
  X(conv_transpose, ConvTranspose)     \
  X(pool, Pool)                        \
  X(resize, Resize)                    \
  X(space_to_batch, SpaceToBatch)      \
  X(batch_to_space, BatchToSpace)      \
  X(reduce, Reduce)                    \
  X(arg_reduce, ArgReduce)             \
  X(scan, Scan)                        \
  X(softmax, Softmax)                  \
  X(normalize, Normalize)              \
  X(top_k, TopK)                       \
  X(attention, Attention)              \
  X(shape_query, ShapeQuery)           \
  X(reshape, Reshape)                  \
  X(expand_dims, ExpandDims)           \
  X(squeeze, Squeeze)                  \
  X(transpose, Transpose)              \
  X(broadcast_to, BroadcastTo)         \
  X(tile, Tile)                        \
  X(range, Range)                      \
  X(concat, Concat)                    \
  X(stack, Stack)                      \
  X(unstack, Unstack)                  \
  X(split, Split)                      \
  X(slice, Slice)                      \
  X(strided_slice, StridedSlice)       \
  X(pad, Pad)                          \
  X(reverse, Reverse)                  \
  X(reverse_sequence, ReverseSequence) \
  X(gather, Gather)                    \
  X(gather_nd, GatherNd)               \
  X(scatter, Scatter)                  \
  X(one_hot, OneHot)                   \
  X(where, Where)                      \
  X(rnn, Rnn)                          \
  X(conv_lstm, ConvLstm)               \
  X(host_call, HostCall)               \
  X(if, If)                            \
  X(while, While)                      \
  X(list_reserve, ListReserve)         \
  X(list_from_tensor, ListFromTensor)  \
  X(list_get, ListGet)                 \
  X(list_set, ListSet)                 \
  X(list_push_back, ListPushBack)      \
  X(list_pop_back, ListPopBack)        \
  X(list_stack, ListStack)             \
  X(list_length, ListLength)

/// One alternative per op, in the order of THAW_OPS. (monostate only makes the macro's commas
/// work.)
using Op = std::variant<std::monostate
#define X(name, Struct) , ops::Struct
                            THAW_OPS(X)
#undef X
                        >;

/// "matmul", "rnn", ...
const char* name_of(const Op& op);
/// A default-constructed op of this name; monostate when there is none.
Op op_from_name(const std::string& name);
/// The positions of operands that decide the result's shape or the kernel's structure and must
/// therefore be known before a kernel is prepared (a reshape's shape, a reduction's axes).
std::vector<int> host_operands(const Op& op);
/// The op changes state or may throw on purpose: kept even if nothing uses its results.
bool has_effect(const Op& op);
/// Equal operands give equal results: false for random numbers and users' functions.
bool is_deterministic(const Op& op);
/// The result's shape depends on the operands' elements (where), so it cannot be planned.
bool is_data_dependent(const Op& op);

}  // namespace thaw
