#include "loaders/tf/ops/run_time_axis.h"

namespace thaw::tf::importers {

Results reduce(OpContext& c) {
  c.expect_count(2);
  const ops::Reduce op{static_cast<ReduceKind>(c.kind), c.node.flag("keep_dims")};
  return {c.g.add1(op, {c.in(0), c.vector(1)})};
}

Results arg_reduce(OpContext& c) {
  c.expect_count(2);
  if (!c.known_ints(1)) {
    const RunTimeAxis axis(c.g, c.in(0), c.in(1));
    const ops::ArgReduce along{c.kind != 0, 1, c.node.type("output_type")};
    return {axis.without_axis(c.g.add1(along, {axis.flat(c.in(0))}))};
  }
  const ops::ArgReduce op{c.kind != 0, c.integer(1, "dimension"), c.node.type("output_type")};
  return {c.g.add1(op, {c.in(0)})};
}

Results scan(OpContext& c) {
  c.expect_count(2);
  ops::Scan op{static_cast<ScanKind>(c.kind), 1, c.node.flag("exclusive"), c.node.flag("reverse")};
  if (!c.known_ints(1)) {
    const RunTimeAxis axis(c.g, c.in(0), c.in(1));
    return {
        refine_like(c.g, axis.whole(c.g.add1(op, {axis.flat(c.in(0))}), axis.along()), c.in(0))};
  }
  op.axis = c.integer(1, "axis");
  return {c.g.add1(op, {c.in(0)})};
}

Results softmax(OpContext& c) {
  c.expect_count(1);
  return {c.g.add1(ops::Softmax{{-1}, c.kind != 0}, {c.in(0)})};
}

Results top_k(OpContext& c) {
  c.expect_count(1);
  const ValueId k = c.g.scalar(static_cast<double>(c.node.integer("k")), DType::int32);
  return c.g.add(ops::TopK{c.node.flag("sorted"), DType::int32}, {c.in(0), k}, 2);
}

Results top_k_v2(OpContext& c) {
  c.expect_count(2);
  const DType index = c.node.type("index_type");
  const bool narrow = index != DType::int32 && index != DType::int64;
  const ValueId k = c.dtype(1) == DType::int16 ? c.g.cast(c.in(1), DType::int32) : c.in(1);
  const ops::TopK op{c.node.flag("sorted"), narrow ? DType::int32 : index};
  Results results = c.g.add(op, {c.in(0), k}, 2);
  if (narrow) results[1] = c.g.cast(results[1], index);
  return results;
}

Results euclidean_norm(OpContext& c) {
  c.expect_count(2);
  const DType dtype = c.dtype(0);
  const ValueId other =
      is_complex(dtype) ? c.g.add1(ops::HostCall{"conj", {}, nullptr}, {c.in(0)}) : c.in(0);
  const ValueId squares = c.g.binary(BinaryKind::mul, other, c.in(0));
  const ops::Reduce op{ReduceKind::sum, c.node.flag("keep_dims")};
  const ValueId sum = c.g.add1(op, {squares, c.vector(1)});
  if (is_complex(dtype) || is_floating(dtype)) return {c.g.unary({UnaryKind::sqrt}, sum)};
  const ValueId root = c.g.unary({UnaryKind::sqrt}, c.g.cast(sum, DType::float64));
  return {c.g.cast(root, dtype)};  // towards zero
}

Results l2_loss(OpContext& c) {
  c.expect_count(1);
  const ValueId flat = c.g.reshape(c.g.unary({UnaryKind::square}, c.in(0)), {-1});
  const ValueId sum = c.g.reduce(ReduceKind::sum, flat, {0}, false);
  return {c.g.binary(BinaryKind::mul, sum, c.g.scalar(0.5, c.dtype(0)))};
}

namespace {

// Weights that may be missing, which an empty tensor stands for: ones then.
ValueId weights_or_ones(OpContext& c) {
  GraphBuilder& g = c.g;
  const auto ask = [&](ShapeQueryKind kind, ValueId x) {
    return g.add1(ops::ShapeQuery{kind, DType::int64}, {x});
  };
  const ValueId dims = ask(ShapeQueryKind::shape, c.in(0)),
                size = ask(ShapeQueryKind::size, c.in(0)),
                given = ask(ShapeQueryKind::size, c.in(2));
  const ValueId fits = g.binary(BinaryKind::logical_or, g.binary(BinaryKind::equal, given, size),
                                g.binary(BinaryKind::equal, given, g.scalar(0, DType::int64)));
  g.add(ops::Assert{"weights have another shape than the values"}, {fits}, 0);
  const ValueId ones = g.add1(ops::BroadcastTo{}, {g.scalar(1, c.dtype(2)), dims});
  const ValueId both = g.concat({g.reshape(c.in(2), {-1}), g.reshape(ones, {-1})}, 0);
  const ValueId first =
      g.add1(ops::StridedSlice{}, {both, g.ints({0}), g.reshape(size, {1}), g.ints({1})});
  return g.add1(ops::Reshape{}, {first, dims});
}

}  // namespace

// Counts along the last axis of [N] or [B, N]: one-hot rows, weighted, added up. Values outside the
// bins count nowhere. kind 1: DenseBincount, which has attribute binary_output; kind 0 counts all
// elements of a tensor of any rank.
Results bincount(OpContext& c) {
  c.expect_count(3);
  const bool binary = c.kind == 1 && c.node.flag("binary_output");
  const bool is_vector = c.shape(0).has_rank() && c.rank(0) == 1;
  if (!is_vector && (c.kind == 0 || (c.shape(0).has_rank() && c.rank(0) == 0))) {
    const std::vector<ValueId> flat{c.g.reshape(c.in(0), {-1}), c.in(1),
                                    c.g.reshape(c.in(2), {-1})};
    OpContext vector{c.g, c.node, flat, c.kind};
    return bincount(vector);
  }
  const int rank = c.rank(0);
  if (rank > 2) {
    fail(ErrorCode::invalid_argument, "expected a vector or a matrix, found {}",
         c.shape(0).to_string());
  }
  // No weights are written as an empty vector; others have the shape of the values.
  const Shape& weights = c.shape(2);
  const bool may_be_missing =
      !weights.is_static() && (!weights.has_rank() || weights.rank() != rank || rank == 1);
  const DType dtype = c.dtype(2);
  const bool weighted = !weights.is_static() || weights.num_elements() > 0;
  const ValueId depth = c.g.cast(c.in(1), DType::int32);
  ValueId hot =
      c.g.add1(ops::OneHot{-1}, {c.in(0), depth, c.g.scalar(1, dtype), c.g.scalar(0, dtype)});
  if (binary) return {c.g.reduce(ReduceKind::max, hot, {-2}, false)};
  if (weighted) {
    const ValueId weight = may_be_missing ? weights_or_ones(c) : c.in(2);
    hot = c.g.binary(BinaryKind::mul, hot, c.g.expand_dims(weight, -1));
  }
  return {c.g.reduce(ReduceKind::sum, hot, {-2}, false)};
}

}  // namespace thaw::tf::importers
