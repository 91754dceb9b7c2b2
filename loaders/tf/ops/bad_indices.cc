#include "loaders/tf/ops/bad_indices.h"

#include "loaders/tf/ops/run_time_axis.h"

namespace thaw::tf {
namespace {

// Indices [..., depth] as int64 [n, depth], which of them are inside, and what they are made of.
struct CheckedIndices {
  ValueId indices, good, batch, depth;
};

CheckedIndices check_indices(GraphBuilder& g, ValueId dims, ValueId indices) {
  CheckedIndices checked;
  const ValueId all = run_time_dims(g, indices);
  const ValueId rank =
      g.reshape(g.add1(ops::ShapeQuery{ShapeQueryKind::rank, DType::int64}, {indices}), {1});
  const ValueId last = g.binary(BinaryKind::sub, rank, g.ints({1}));
  checked.batch = run_time_part(g, all, g.ints({0}), last);
  checked.depth = run_time_part(g, all, last, kNoValue);
  const ValueId count = g.reduce(ReduceKind::prod, checked.batch, {0}, true);
  checked.indices =
      g.add1(ops::Reshape{}, {g.cast(indices, DType::int64), g.concat({count, checked.depth}, 0)});
  refine(g, checked.indices, {kUnknownDim, kUnknownDim});
  const ValueId sizes = run_time_part(g, g.cast(dims, DType::int64), g.ints({0}), checked.depth);
  const ValueId inside =
      g.binary(BinaryKind::logical_and,
               g.binary(BinaryKind::greater_equal, checked.indices, g.scalar(0, DType::int64)),
               g.binary(BinaryKind::less, checked.indices, sizes));
  checked.good = g.reduce(ReduceKind::all, inside, {1}, false);
  return checked;
}

}  // namespace

bool ignores_bad_indices(OpContext& c) {
  return c.node.has("bad_indices_policy") &&
         c.one_of("bad_indices_policy", {"", "DEFAULT", "ERROR", "IGNORE"}) == 3;
}

ValueId gather_good_indices(GraphBuilder& g, ValueId x, ValueId indices) {
  const ValueId dims = run_time_dims(g, x);
  const CheckedIndices checked = check_indices(g, dims, indices);
  const ValueId rows = g.expand_dims(checked.good, 1);
  const ValueId safe = g.select(rows, checked.indices, g.scalar(0, DType::int64));
  const ValueId found = g.add1(ops::GatherNd{}, {x, safe});
  const ValueId slice = run_time_part(g, dims, checked.depth, kNoValue);
  const ValueId count = run_time_dims(g, checked.good);
  const ValueId size = g.reduce(ReduceKind::prod, slice, {0}, true);
  const ValueId flat = g.add1(ops::Reshape{}, {found, g.concat({count, size}, 0)});
  const ValueId zero = g.dtype(x) == DType::string
                           ? g.constant(Tensor::from(Shape{}, std::vector<std::string>{""}))
                           : g.scalar(0, g.dtype(x));
  return g.add1(ops::Reshape{}, {g.select(rows, flat, zero), g.concat({checked.batch, slice}, 0)});
}

void keep_good_updates(GraphBuilder& g, ValueId dims, ValueId& indices, ValueId& updates) {
  const CheckedIndices checked = check_indices(g, dims, indices);
  const ValueId slice = run_time_part(g, g.cast(dims, DType::int64), checked.depth, kNoValue);
  const ValueId count = run_time_dims(g, checked.good);
  const ValueId rows = g.add1(ops::Reshape{}, {updates, g.concat({count, slice}, 0)});
  const ValueId kept = g.reshape(g.add1(ops::Where{}, {checked.good}), {-1});
  indices = g.gather(checked.indices, kept);
  updates = g.gather(rows, kept);
}

}  // namespace thaw::tf
