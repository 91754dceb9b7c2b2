// Attention.
#include "runtime/ir/infer_util.h"

namespace thaw::inference {
namespace {

/// [B, steps] of an operand, whose heads must fit into it.
struct Sequence {
  std::int64_t batch = kUnknownDim, steps = kUnknownDim;
};

Sequence sequence_of(const Shape& shape, const char* what, std::int64_t heads, std::int64_t width,
                     std::int64_t at) {
  if (!shape.has_rank()) return {};
  if (shape.rank() == 4) {
    merge_shape(shape, Shape{kUnknownDim, heads, kUnknownDim, width}, what);
    if (at != 0) invalid("{}: expected column 0 of separate heads, found {}", what, at);
    return {shape[0], shape[2]};
  }
  expect_rank(shape, 3, what);
  const std::int64_t columns = checked_add(at, checked_mul(heads, width));
  if (shape[2] >= 0 && shape[2] < columns)
    invalid("{}: expected at least {} columns, found shape {}", what, columns, shape.to_string());
  return {shape[0], shape[1]};
}

void check_attention(const ops::Attention& op) {
  for (const auto& [what, value] : {std::pair{"heads", op.heads},
                                    {"key_heads", op.key_heads},
                                    {"key_width", op.key_width},
                                    {"value_width", op.value_width}}) {
    if (value < 1) invalid("{}: expected a positive number, found {}", what, value);
  }
  for (const auto& [what, value] :
       {std::pair{"query_at", op.query_at}, {"key_at", op.key_at}, {"value_at", op.value_at}}) {
    if (value < 0) invalid("{}: expected a column, found {}", what, value);
  }
  if (op.heads % op.key_heads != 0)
    invalid("{} heads do not divide among {}", op.heads, op.key_heads);
}

}  // namespace

Types infer_op(const ops::Attention& op, const Context& context) {
  expect_operands(context, 3, 4);
  expect_results(context, 1);
  const DType dtype = context.dtype(0);
  expect_type(is_floating(dtype), "q", "a floating type", dtype);
  expect_same_type(dtype, "k", context.dtype(1));
  expect_same_type(dtype, "v", context.dtype(2));
  check_attention(op);
  const Sequence q = sequence_of(context.shape(0), "q", op.heads, op.key_width, op.query_at),
                 k = sequence_of(context.shape(1), "k", op.key_heads, op.key_width, op.key_at),
                 v = sequence_of(context.shape(2), "v", op.key_heads, op.value_width, op.value_at);
  const std::int64_t batch = merge_dim(merge_dim(q.batch, k.batch, "batch"), v.batch, "batch");
  const std::int64_t steps = merge_dim(k.steps, v.steps, "steps of k and v");
  if (context.count() == 4) {
    if (context.dtype(3) != DType::boolean) expect_same_type(dtype, "mask", context.dtype(3));
    const Shape scores{batch, op.heads, q.steps, steps}, &mask = context.shape(3);
    if (mask.has_rank() && (mask.rank() > 4 || !compatible(scores, broadcast(scores, mask)))) {
      invalid("mask: expected a shape that broadcasts to {}, found {}", scores.to_string(),
              mask.to_string());
    }
  }
  return {{dtype, Shape{batch, q.steps, checked_mul(op.heads, op.value_width)}}};
}

}  // namespace thaw::inference
