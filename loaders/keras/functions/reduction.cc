// Functions that reduce, accumulate, order and count.
#include <cmath>

#include "loaders/keras/functions/function_call.h"
#include "loaders/keras/operations/shared.h"

namespace thaw::keras {
namespace {

Expr reduction_input(const OpCall& c) {
  return c.tensor(need_first(c, {"input_tensor", "x", "input", "tensor", "values"}));
}

Results reduced(OpCall& c, const FunctionRow& row) {
  const Expr x = reduction_input(c);
  return {reduce(static_cast<ReduceKind>(row.kind), x, reduction_axes(c, x.rank()), keeps_dims(c))};
}

Results deviation(OpCall& c, const FunctionRow& row) {
  const Expr x = reduction_input(c);
  if (!is_floating(x.dtype())) c.unsupported("a variance of integers or complex numbers");
  const Expr y = variance(x, reduction_axes(c, x.rank()), keeps_dims(c));
  return {row.kind == 0 ? y : sqrt(y)};
}

Results log_sum(OpCall& c, const FunctionRow&) {
  const Expr x = reduction_input(c);
  return {log_sum_exp(x, reduction_axes(c, x.rank()), keeps_dims(c))};
}

Results euclidean(OpCall& c, const FunctionRow&) {
  const Expr x = reduction_input(c);
  return {sqrt(reduce(ReduceKind::sum, x * x, reduction_axes(c, x.rank()), keeps_dims(c)))};
}

Results norm(OpCall& c, const FunctionRow&) {
  const Expr x = c.tensor("tensor");
  const Operand* order = c.find("ord");
  Operand number;
  const bool named = order != nullptr && order->value.is_string();
  const Axes axes = c.has("axis") ? c.axes("axis", x.rank()) : all_axes(x);
  if (named && order->value.string() != "euclidean" && order->value.string() != "fro")
    c.unsupported("ord=" + order->value.string());
  // Without axes, or by the Euclidean norm, all elements count as one vector.
  const bool plain = order == nullptr || named ||
                     (order->value.is_number() && order->value.number() == 2 && axes.size() != 2);
  if (plain) return {sqrt(reduce(ReduceKind::sum, x * x, axes, keeps_dims(c)))};
  if (!c.has("axis") || axes.size() == 1) {
    const Expr flat = c.has("axis") ? x : flatten(x);
    const Expr y = norm_of(c, flat, order, c.has("axis") ? axes : Axes{0}, keeps_dims(c));
    if (c.has("axis") || !keeps_dims(c)) return {y};
    return {reshape(y, Axes(static_cast<std::size_t>(x.rank()), 1))};
  }
  return {norm_of(c, x, order, axes, keeps_dims(c))};
}

Results arg(OpCall& c, const FunctionRow& row) {
  const Expr x = reduction_input(c);
  const Operand* given = first_of(c, {"axis", "dimension"});
  const std::int64_t axis =
      given == nullptr ? 0 : constant_tensor(given->value, DType::int64).data<std::int64_t>()[0];
  return {c.expr(c.g.add1(
      ops::ArgReduce{row.kind == 1, c.normal(axis, x.rank()), c.dtype("output_type", DType::int64)},
      {x}))};
}

Results running(OpCall& c, const FunctionRow& row) {
  const Expr x = c.tensor("x");
  const ops::Scan op{static_cast<ScanKind>(row.kind), c.axis("axis", x.rank(), 0),
                     c.flag("exclusive", false), c.flag("reverse", false)};
  return {c.expr(c.g.add1(op, {x}))};
}

Results count_nonzero(OpCall& c, const FunctionRow&) {
  const Expr x = reduction_input(c);
  const Expr set = x.dtype() == DType::boolean ? x : x != 0.0;
  const DType dtype = c.dtype("dtype", DType::int64);
  return {reduce(ReduceKind::sum, cast(set, dtype), reduction_axes(c, x.rank()), keeps_dims(c))};
}

Results zero_fraction(OpCall& c, const FunctionRow&) {
  const Expr x = c.tensor("value");
  return {reduce(ReduceKind::mean, cast(x == 0.0, DType::float32), all_axes(x), false)};
}

Results moments(OpCall& c, const FunctionRow&) {
  const Expr x = c.tensor("x");
  const bool half = size_of(x.dtype()) == 2;
  const Expr wide = half ? cast(x, DType::float32) : x;
  const Axes axes = reduction_axes(c, x.rank());
  return {cast(reduce(ReduceKind::mean, wide, axes, keeps_dims(c)), x.dtype()),
          cast(variance(wide, axes, keeps_dims(c)), x.dtype())};
}

Results l2_normalize(OpCall& c, const FunctionRow&) {
  const Expr x = c.tensor("x");
  const Expr sum = reduce(ReduceKind::sum, square(x), reduction_axes(c, x.rank()), true);
  return {x * unary(UnaryKind::rsqrt, maximum(sum, c.real("epsilon", 1e-12)))};
}

Results clip_by_norm(OpCall& c, const FunctionRow&) {
  const Expr x = c.tensor("t");
  const Axes axes = c.axes("axes", x.rank());
  const Expr sum = reduce(ReduceKind::sum, x * x, axes, true);
  const Expr norm = select(sum > 0.0, sqrt(select(sum > 0.0, sum, 1.0)), sum);
  const Expr limit = c.tensor("clip_norm", x.dtype());
  return {x * limit / maximum(norm, limit)};
}

// ---- order ----
Results sort(OpCall& c, const FunctionRow& row) {
  const Expr x = c.tensor("values");
  const std::string direction = c.text("direction", "ASCENDING");
  if (direction != "ASCENDING" && direction != "DESCENDING") c.bad("direction=" + direction);
  const Sorted found = sorted(x, c.axis("axis", x.rank(), -1), direction == "DESCENDING");
  return {row.kind == 0 ? found.values : found.indices};
}

Results top_k(OpCall& c, const FunctionRow&) {
  const Expr x = c.tensor("input");
  const DType dtype = c.dtype("index_type", DType::int32);
  const Expr k = c.has("k") ? c.tensor("k") : c.number(1, DType::int32);
  Results results;
  for (ValueId value : c.g.add(ops::TopK{c.flag("sorted", true), dtype}, {x, k}, 2))
    results.push_back(c.expr(value));
  return results;
}

Results search_sorted(OpCall& c, const FunctionRow&) {
  const Expr sequence = c.tensor("sorted_sequence");
  const Expr values = c.tensor("values", sequence.dtype());
  const int rank = sequence.rank();
  if (rank != values.rank() || rank == 0) c.bad("sorted_sequence and values differ in dimensions");
  const bool left = c.text("side", "left") == "left";
  const Expr row = expand(sequence, rank - 1), at = expand(values, rank);
  const Expr below = left ? row < at : !(at < row);
  return {reduce(ReduceKind::sum, cast(below, c.dtype("out_type", DType::int32)), {rank}, false)};
}

// ---- segments and counts ----
Results unsorted_segment(OpCall& c, const FunctionRow& row) {
  return {
      c.tensorflow1(row.op, {c.tensor("data"), c.tensor("segment_ids"), c.tensor("num_segments")})};
}

Results sorted_segment(OpCall& c, const FunctionRow& row) {
  return {c.tensorflow1(row.op, {c.tensor("data"), c.tensor("segment_ids")})};
}

Results unique(OpCall& c, const FunctionRow& row) {
  return c.tensorflow(row.op, {c.tensor("x")}, {{"out_idx", c.dtype("out_idx", DType::int32)}});
}

constexpr int k(ReduceKind kind) { return static_cast<int>(kind); }

}  // namespace

std::span<const FunctionRow> reduction_functions() {
  static constexpr FunctionRow kRows[] = {
      {"argsort", "values axis direction stable", sort, "", 1},
      {"clip_by_norm", "t clip_norm axes", clip_by_norm},
      {"linalg.norm", "tensor ord axis keepdims", norm},
      {"math.argmax", "input axis output_type", arg, "", 0},
      {"math.argmin", "input axis output_type", arg, "", 1},
      {"math.count_nonzero", "input axis keepdims dtype", count_nonzero},
      {"math.cumprod", "x axis exclusive reverse", running, "", 1},
      {"math.cumsum", "x axis exclusive reverse", running, "", 0},
      {"math.l2_normalize", "x axis epsilon", l2_normalize},
      {"math.reduce_all", "input_tensor axis keepdims", reduced, "", k(ReduceKind::all)},
      {"math.reduce_any", "input_tensor axis keepdims", reduced, "", k(ReduceKind::any)},
      {"math.reduce_euclidean_norm", "input_tensor axis keepdims", euclidean},
      {"math.reduce_logsumexp", "input_tensor axis keepdims", log_sum},
      {"math.reduce_max", "input_tensor axis keepdims", reduced, "", k(ReduceKind::max)},
      {"math.reduce_mean", "input_tensor axis keepdims", reduced, "", k(ReduceKind::mean)},
      {"math.reduce_min", "input_tensor axis keepdims", reduced, "", k(ReduceKind::min)},
      {"math.reduce_prod", "input_tensor axis keepdims", reduced, "", k(ReduceKind::prod)},
      {"math.reduce_std", "input_tensor axis keepdims", deviation, "", 1},
      {"math.reduce_sum", "input_tensor axis keepdims", reduced, "", k(ReduceKind::sum)},
      {"math.reduce_variance", "input_tensor axis keepdims", deviation, "", 0},
      {"math.segment_max", "data segment_ids", sorted_segment, "SegmentMax"},
      {"math.segment_mean", "data segment_ids", sorted_segment, "SegmentMean"},
      {"math.segment_min", "data segment_ids", sorted_segment, "SegmentMin"},
      {"math.segment_prod", "data segment_ids", sorted_segment, "SegmentProd"},
      {"math.segment_sum", "data segment_ids", sorted_segment, "SegmentSum"},
      {"math.top_k", "input k sorted index_type", top_k},
      {"math.unsorted_segment_max", "data segment_ids num_segments", unsorted_segment,
       "UnsortedSegmentMax"},
      {"math.unsorted_segment_min", "data segment_ids num_segments", unsorted_segment,
       "UnsortedSegmentMin"},
      {"math.unsorted_segment_prod", "data segment_ids num_segments", unsorted_segment,
       "UnsortedSegmentProd"},
      {"math.unsorted_segment_sum", "data segment_ids num_segments", unsorted_segment,
       "UnsortedSegmentSum"},
      {"math.zero_fraction", "value", zero_fraction},
      {"nn.l2_normalize", "x axis epsilon", l2_normalize},
      {"nn.moments", "x axes shift keepdims", moments},
      {"nn.top_k", "input k sorted index_type", top_k},
      {"nn.zero_fraction", "value", zero_fraction},
      {"norm", "tensor ord axis keepdims", norm},
      {"reduce_all", "input_tensor axis keepdims", reduced, "", k(ReduceKind::all)},
      {"reduce_any", "input_tensor axis keepdims", reduced, "", k(ReduceKind::any)},
      {"reduce_logsumexp", "input_tensor axis keepdims", log_sum},
      {"reduce_max", "input_tensor axis keepdims", reduced, "", k(ReduceKind::max)},
      {"reduce_mean", "input_tensor axis keepdims", reduced, "", k(ReduceKind::mean)},
      {"reduce_min", "input_tensor axis keepdims", reduced, "", k(ReduceKind::min)},
      {"reduce_prod", "input_tensor axis keepdims", reduced, "", k(ReduceKind::prod)},
      {"reduce_sum", "input_tensor axis keepdims", reduced, "", k(ReduceKind::sum)},
      {"searchsorted", "sorted_sequence values side out_type", search_sorted},
      {"sort", "values axis direction", sort, "", 0},
      {"unique", "x out_idx", unique, "Unique"},
      {"unique_with_counts", "x out_idx", unique, "UniqueWithCounts"},
  };
  return kRows;
}

}  // namespace thaw::keras
