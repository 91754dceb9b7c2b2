#include "loaders/tf/sequence_mask.h"

namespace thaw::tf {
namespace {

// 0, 1, ... of as many steps as the axis has, int64: lengths of any integer type fit.
ValueId step_numbers(GraphBuilder& g, ValueId x, int time_axis) {
  const ValueId dims = g.add1(ops::ShapeQuery{ShapeQueryKind::shape, DType::int64}, {x});
  const ValueId steps = g.squeeze(g.slice_axis(dims, 0, time_axis, time_axis + 1), 0);
  return g.add1(ops::Range{}, {g.scalar(0, DType::int64), steps, g.scalar(1, DType::int64)});
}

}  // namespace

ValueId mask_of_lengths(GraphBuilder& g, ValueId lengths, ValueId x, int time_axis) {
  const ValueId column = g.expand_dims(g.cast(lengths, DType::int64), 1);
  return g.binary(BinaryKind::less, step_numbers(g, x, time_axis), column);
}

ValueId mask_of_length(GraphBuilder& g, ValueId length, ValueId x) {
  const ValueId mask =
      g.binary(BinaryKind::less, step_numbers(g, x, 0), g.cast(length, DType::int64));
  return g.broadcast_like(mask, x, {GraphBuilder::dim_of(1), GraphBuilder::dim_of(0)});
}

}  // namespace thaw::tf
