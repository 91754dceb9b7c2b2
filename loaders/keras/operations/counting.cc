// Operations of Keras 3 that count or gather by value: histograms, segments, distinct elements.
#include <cmath>

#include "loaders/keras/operations/shared.h"
#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

// [..., n] -> [..., bins]: the weights (ones without) summed by the value of x.
Expr counts_of(OpCall& c, Expr x, Expr bins, Expr weights) {
  const ValueId hot = c.g.add1(
      ops::OneHot{-1}, {x, bins, c.g.scalar(1, weights.dtype()), c.g.scalar(0, weights.dtype())});
  return reduce(ReduceKind::sum, c.expr(hot) * expand(weights, -1), {x.rank() - 1}, false);
}

Expr bincount(OpCall& c) {
  c.refuse_flag("sparse");
  Expr x = c.tensor("x");
  const DType stored = x.dtype();
  if (stored != DType::int32 && stored != DType::int64) x = cast(x, DType::int32);
  if (x.rank() != 1 && x.rank() != 2)
    c.bad(fmt::format("x has {} dimensions, expected one or two", x.rank()));
  Expr weights = broadcast_like(c.number(1, DType::int32), x);
  DType result = DType::int32;
  if (c.has("weights")) {
    weights = c.tensor("weights");
    result = result_type(stored, weights.dtype());
    const DType dtype = weights.dtype();
    if (dtype == DType::float16 || dtype == DType::bfloat16) {
      weights = cast(weights, DType::float32);
    } else if (dtype != DType::int32 && dtype != DType::int64 && dtype != DType::float32 &&
               dtype != DType::float64) {
      weights = cast(weights, DType::int32);
    }
  }
  const Expr most = reduce(ReduceKind::max, x, all_axes(x), false);
  const Expr bins =
      maximum(maximum(most, -1.0) + 1.0, static_cast<double>(c.integer("minlength", 0)));
  return cast(counts_of(c, x, bins, weights), result);
}

Results histogram(OpCall& c) {
  const Expr x = c.tensor("x");
  if (!is_floating(x.dtype())) c.unsupported("a histogram of integers");
  const std::int64_t bins = c.integer("bins", 10);
  if (bins < 1 || bins > 1'000'000) c.bad(fmt::format("bins is {}, out of range", bins));
  const Expr flat = flatten(x);
  Expr low = reduce(ReduceKind::min, flat, {0}, false);
  Expr high = reduce(ReduceKind::max, flat, {0}, false);
  if (c.has("range")) {
    const Expr range = c.tensor("range", x.dtype());
    if (range.rank() != 1 || range.dim(0) != 2) c.bad("range must be two numbers");
    low = squeeze(slice_axis(range, 0, 0, 1), 0);
    high = squeeze(slice_axis(range, 0, 1, 2), 0);
  }
  const Expr edges = linear_space(low, high, bins + 1, 0);
  const Expr inner = slice_axis(edges, 0, 1, -1);
  const Expr bin =
      reduce(ReduceKind::sum, cast(!(expand(flat, 1) < inner), DType::int32), {1}, false);
  const Expr inside = cast((flat >= low) & (flat <= high), x.dtype());
  const Expr counts = counts_of(c, bin, c.number(static_cast<double>(bins), DType::int32), inside);
  return {counts, edges};
}

// ---- segments ----
enum Segment { kSum, kMax, kMin, kProd };

Expr segments_of(OpCall& c, Expr ids) {
  if (c.has("num_segments")) {
    const std::int64_t count = c.integer("num_segments");
    if (count < 0 || count > INT32_MAX)
      c.bad(fmt::format("num_segments is {}, out of range", count));
    return c.number(static_cast<double>(count), DType::int32);
  }
  if (c.kind<Segment>() == kSum) {
    // As many as there are distinct ids.
    const Expr distinct = c.tensorflow("Unique", {flatten(ids)}, {{"out_idx", DType::int32}}).at(0);
    return cast(size_of_axis(distinct, 0, DType::int64), DType::int32);
  }
  return cast(reduce(ReduceKind::max, ids, all_axes(ids), false) + 1.0, DType::int32);
}

Expr segment(OpCall& c) {
  constexpr const char* sorted_ops[] = {"SegmentSum", "SegmentMax", "SegmentMin", "SegmentProd"};
  constexpr const char* unsorted_ops[] = {"UnsortedSegmentSum", "UnsortedSegmentMax",
                                          "UnsortedSegmentMin", "UnsortedSegmentProd"};
  const Expr data = c.tensor("data");
  Expr ids = c.tensor("segment_ids");
  if (ids.dtype() != DType::int64) ids = cast(ids, DType::int32);
  if (c.flag("sorted", false)) {
    if (c.has("num_segments")) c.bad("num_segments cannot be set when sorted is True");
    return c.tensorflow1(sorted_ops[c.row.kind], {data, ids});
  }
  return c.tensorflow1(unsorted_ops[c.row.kind], {data, ids, segments_of(c, ids)});
}

// ---- distinct elements ----
Expr first_rows(Expr x, Expr count) { return gather(x, range(count), 0); }

// Cut or filled to `size` elements.
Expr in_size(Expr x, std::int64_t size, double fill) {
  const Expr count = size_of_axis(x, 0, DType::int64);
  const Expr want = count.number(static_cast<double>(size));
  const Expr cut = first_rows(x, minimum(count, want));
  const Expr missing = reshape(maximum(want - count, 0.0), {1});
  const ValueId filler = x.g->add1(ops::BroadcastTo{}, {x.number(fill), missing});
  return concat({cut, x.with(filler)}, 0);
}

Results unique(OpCall& c) {
  const Expr x = c.tensor("x");
  if (c.has("axis") && x.rank() != 1) c.unsupported("distinct slices along an axis");
  const Expr flat = flatten(x);
  const Results found = c.tensorflow("UniqueWithCounts", {flat}, {{"out_idx", DType::int32}});
  Expr values = found.at(0), inverse = found.at(1), counts = found.at(2);
  const Expr number = size_of_axis(values, 0, DType::int32);
  // Where each value stands first.
  Expr first = c.tensorflow1("UnsortedSegmentMin",
                             {range(size_of_axis(flat, 0, DType::int32)), inverse, number});
  if (c.flag("sorted", true)) {
    const Expr order = sorted(values, 0, false).indices;
    values = gather(values, order, 0);
    first = gather(first, order, 0);
    counts = gather(counts, order, 0);
    inverse = gather(sorted(order, 0, false).indices, inverse, 0);
  }
  if (c.has("size")) {
    const std::int64_t size = c.integer("size");
    if (size < 0 || size > INT32_MAX) c.bad(fmt::format("size is {}, out of range", size));
    values = in_size(values, size, c.real("fill_value", 0));
    first = in_size(first, size, 1);
    counts = in_size(counts, size, 0);
  }
  Results results{values};
  if (c.flag("return_index", false)) results.push_back(first);
  if (c.flag("return_inverse", false))
    results.push_back(c.has("axis") ? inverse : reshape_like(inverse, x, sizes_of(x)));
  if (c.flag("return_counts", false)) results.push_back(counts);
  return results;
}

}  // namespace

std::span<const OperationRow> counting_operations() {
  static constexpr OperationRow kRows[] = {
      {"Bincount", "x", bincount},
      {"Histogram", "x", histogram},
      {"SegmentMax", "data segment_ids", segment, kMax},
      {"SegmentMin", "data segment_ids", segment, kMin},
      {"SegmentProd", "data segment_ids", segment, kProd},
      {"SegmentSum", "data segment_ids", segment, kSum},
      {"Unique", "x", unique},
  };
  return kRows;
}

}  // namespace thaw::keras
