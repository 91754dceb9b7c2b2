// What an op importer sees, and the table of importers.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "loaders/tf/node_view.h"
#include "runtime/ir/builder.h"

namespace thaw::tf {

/// One value per result of the node; kNoValue for a result that Thaw does not compute (an error
/// only if it is used).
using Results = std::vector<ValueId>;
constexpr ValueId kNoValue = -1;
using Ints = std::vector<std::int64_t>;

/// A node about to be imported: its operands in the graph under construction. Importers check, read
/// attributes and call the builder; they know nothing of functions, resources and control flow.
struct OpContext {
  GraphBuilder& g;
  const NodeView& node;
  const std::vector<ValueId>& inputs;
  int kind = 0;  // the table row's parameter

  int count() const { return static_cast<int>(inputs.size()); }
  /// Throws when the node has fewer operands.
  ValueId in(int i) const;
  void expect_count(int least, int most) const;
  void expect_count(int count) const { expect_count(count, count); }

  const Shape& shape(int i) const { return g.shape(in(i)); }
  DType dtype(int i) const { return g.dtype(in(i)); }
  /// Refuses an operand of unknown rank.
  int rank(int i) const;

  /// Elements of an integer operand that is known at load.
  std::optional<Ints> known_ints(int i) const;
  /// The same; refuses the node when it is computed at run time.
  Ints ints(int i, std::string_view what) const;
  std::int64_t integer(int i, std::string_view what) const;
  /// An integer operand as a vector: TensorFlow takes scalars for vectors of one element.
  ValueId vector(int i) const;

  /// Throws: this node cannot be run, and why. Collected with all others.
  [[noreturn]] void refuse(const std::string& why) const;
  /// Refuses the node unless the attribute is among `allowed`; gives its position.
  int one_of(std::string_view attr, std::initializer_list<std::string_view> allowed) const;
};

/// A node that Thaw cannot run; message: why.
class Refusal : public Error {
 public:
  explicit Refusal(const std::string& why) : Error(ErrorCode::unimplemented, why) {}
};

struct OpRow {
  std::string_view op;
  Results (*import)(OpContext&);
  int kind = 0;
};

/// Null for an op without an importer.
const OpRow* find_op(std::string_view op);
/// All rows, sorted by name.
std::span<const OpRow> op_table();
/// Dimensions of a shape vector as far as they are known at load (kUnknownDim elsewhere); nothing
/// if not even their number is.
std::optional<Ints> partial_dims(GraphBuilder& g, ValueId shape);
/// Sets dimensions of `value` that inference could not see.
ValueId refine(GraphBuilder& g, ValueId value, const Ints& dims);

namespace importers {
// One importer per shape of op; table.cc says which op uses which.
#define THAW_TF_IMPORTERS(X)                                                                       \
  X(unary)                                                                                         \
  X(leaky_relu)                                                                                    \
  X(relu6)                                                                                         \
  X(binary) X(divide) X(modulo) X(equality) X(approximate_equal) X(xlog1py) X(clip) X(add_n) X(    \
      select) X(select_rows) X(cast) X(bucketize) X(identity) X(identity_n) X(check_numerics)      \
      X(ensure_shape) X(shape_query) X(shape_n) X(reshape) X(squeeze) X(expand_dims) X(            \
          broadcast_to) X(broadcast_args) X(fill) X(like) X(invert_permutation) X(range)           \
          X(lin_space) X(concat_offset) X(transpose) X(pack) X(unpack) X(concat) X(concat_v2) X(   \
              split) X(split_v) X(slice) X(strided_slice) X(tile) X(pad) X(mirror_pad) X(reverse)  \
              X(reverse_v2) X(reverse_sequence) X(roll) X(gather) X(gather_v2) X(gather_nd)        \
                  X(one_hot) X(where) X(scatter_nd) X(tensor_scatter) X(space_to_batch) X(         \
                      space_to_batch_nd) X(batch_to_space) X(batch_to_space_nd) X(space_to_depth)  \
                      X(depth_to_space) X(matrix_band_part) X(reduce) X(arg_reduce) X(scan)        \
                          X(softmax) X(top_k) X(top_k_v2) X(euclidean_norm) X(l2_loss) X(bincount) \
                              X(matmul) X(batch_matmul) X(einsum) X(bias_add) X(fused_batch_norm)  \
                                  X(global_batch_norm) X(lrn) X(resize) X(scale_and_translate)     \
                                      X(conv) X(conv_any) X(conv_backprop) X(depthwise_conv)       \
                                          X(pool) X(pool_v2) X(list_reserve) X(list_empty)         \
                                              X(list_from_tensor) X(list_get) X(list_set)          \
                                                  X(list_stack) X(list_length) X(list_push)        \
                                                      X(list_pop) X(cudnn_rnn)
#define X(name) Results name(OpContext& c);
THAW_TF_IMPORTERS(X)
#undef X
}  // namespace importers

}  // namespace thaw::tf
