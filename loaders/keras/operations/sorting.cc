// Operations of Keras 3 that need an order: sorting, the largest elements, quantiles.
#include <algorithm>
#include <cmath>

#include "loaders/keras/operations/shared.h"
#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

using U = UnaryKind;

Expr sort(OpCall& c) {
  Expr x = c.tensor("x");
  const DType dtype = x.dtype();
  if (dtype == DType::boolean) x = cast(x, DType::int8);
  const bool flat = !c.has("axis") && c.layer.config.config.find("axis") != nullptr;
  if (flat) x = flatten(x);
  return cast(sorted(x, flat ? 0 : c.axis("axis", x.rank(), -1), false).values, dtype);
}

Expr argsort(OpCall& c) {
  Expr x = c.tensor("x");
  if (x.dtype() == DType::boolean) x = cast(x, DType::uint8);
  if (x.rank() == 0) return reshape(c.number(0, DType::int32), {1});
  const bool flat = !c.has("axis") && c.layer.config.config.find("axis") != nullptr;
  if (flat) x = flatten(x);
  return sorted(x, flat ? 0 : c.axis("axis", x.rank(), -1), false).indices;
}

Results top_k(OpCall& c) {
  const Expr x = c.tensor("x");
  const std::int64_t k = c.integer("k");
  if (k < 0 || k > INT32_MAX) c.bad(fmt::format("k is {}, out of range", k));
  const ops::TopK op{c.flag("sorted", true), DType::int32};
  Results results;
  for (ValueId value : c.g.add(op, {x, c.g.scalar(static_cast<double>(k), DType::int32)}, 2))
    results.push_back(c.expr(value));
  return results;
}

// Whether fewer than k classes are more probable than the target; never for a target outside the
// classes, nor among numbers that are not finite.
Expr in_top_k(OpCall& c) {
  const Expr targets = cast(c.tensor("targets"), DType::int64);
  const Expr x = c.tensor("predictions");
  if (x.rank() != 2 || targets.rank() != 1)
    c.bad("expected predictions of rows and one target each");
  const Expr classes = size_of_axis(x, 1, DType::int64);
  const Expr valid = (targets >= 0.0) & (targets < classes);
  const Expr safe = clip(targets, targets.number(0), classes - 1.0);
  const Expr own = gather(x, expand(safe, 1), 1, 1);
  const Expr better = reduce(ReduceKind::sum, cast(x > own, DType::int32), {1}, false);
  const Expr finite = reduce(ReduceKind::all, unary(U::is_finite, x), {1}, false);
  return valid & finite & (better < static_cast<double>(c.integer("k")));
}

// The smallest kth + 1 elements first. As Keras's TensorFlow backend has it, in int32, where the
// rest is ordered with the first ones counted as zeros.
Expr argpartition(OpCall& c) {
  const Expr x = cast(c.tensor("x"), DType::int32);
  if (x.rank() != 1) c.unsupported("more than one dimension");
  const Expr size = size_of_axis(x, 0, DType::int32);
  const Expr last = size - 1.0;
  const Expr kth = clip(c.tensor("kth", DType::int32), size.number(0), last);
  const ops::TopK op{true, DType::int32};
  const Expr first = c.expr(c.g.add(op, {-x, kth + 1.0}, 2)[1]);
  const ValueId hot = c.g.add1(
      ops::OneHot{-1}, {first, size, c.g.scalar(1, DType::int32), c.g.scalar(0, DType::int32)});
  const Expr taken = reduce(ReduceKind::sum, c.expr(hot), {0}, false);
  const Expr rest = select(taken != 0.0, 0.0, x);
  return concat({first, c.expr(c.g.add(op, {rest, last - kth}, 2)[1])}, 0);
}

Expr search_sorted(OpCall& c) {
  const Expr sequence = c.tensor("sorted_sequence"), values = c.tensor("values");
  if (sequence.rank() != 1) c.bad("sorted_sequence must have one dimension");
  const std::string side = c.text("side", "left");
  if (side != "left" && side != "right") c.bad("side=" + side);
  const bool known = sequence.dim(0) != kUnknownDim && sequence.dim(0) <= INT32_MAX;
  const Expr at = expand(values, -1);
  const Expr below = side == "left" ? sequence < at : !(at < sequence);
  return reduce(ReduceKind::sum, cast(below, known ? DType::int32 : DType::int64), {values.rank()},
                false);
}

Expr digitize(OpCall& c) {
  Expr x = c.tensor("x");
  const Tensor bins = constant_tensor(c.need("bins").value, DType::float64);
  switch (x.dtype()) {
    case DType::boolean:
    case DType::int8:
    case DType::int16:
    case DType::uint8:
    case DType::uint16: x = cast(x, DType::int32); break;
    case DType::uint32: x = cast(x, DType::int64); break;
    case DType::float16:
    case DType::bfloat16: x = cast(x, DType::float32); break;
    default: break;
  }
  const double* first = bins.data<double>();
  return c.tensorflow1("Bucketize", {x},
                       {{"boundaries", std::vector<double>(first, first + bins.num_elements())}});
}

// ---- quantiles ----

// Where the quantiles of `count` ordered elements stand, by method.
Expr place(OpCall& c, const std::string& method, Expr exact, Expr last) {
  Expr at = exact;
  if (method == "lower") {
    at = unary(U::floor, exact);
  } else if (method == "higher") {
    at = unary(U::ceil, exact);
  } else if (method == "nearest") {
    at = unary(U::round, exact);
  } else {
    c.unsupported("method=" + method);
  }
  at = cast(at, DType::int32);
  return clip(at, at.number(0), last);
}

using Pick = Expr (*)(Expr ordered, Expr places);

// [rows..., n] in order -> [rows..., q...]. `last`: n - 1 per row, int32; `exact`: the positions in
// float64, both shaped so that they broadcast to the places that `pick` takes.
Expr interpolate(OpCall& c, Expr ordered, Expr exact, Expr last, Pick pick) {
  // Keras's Quantile node interpolates linearly whatever its method says.
  const std::string method = c.row.kind == 3 ? "linear" : c.text("method", "linear");
  if (method == "midpoint") {
    const Expr low = pick(ordered, place(c, "lower", exact, last));
    return 0.5 * (low + pick(ordered, place(c, "higher", exact, last)));
  }
  if (method != "linear") return pick(ordered, place(c, method, exact, last));
  const Expr higher = place(c, "higher", exact, last);
  const Expr smaller = maximum(higher - 1.0, 0.0);
  const Expr larger = minimum(smaller + 1.0, last);
  const Expr fraction = cast(cast(larger, DType::float64) - exact, ordered.dtype());
  return pick(ordered, larger) * (1.0 - fraction) + pick(ordered, smaller) * fraction;
}

// x with the reduced axes flattened at the end, and its axes.
struct Rows {
  Expr values;
  Axes axes;
  int kept = 0;
};

Rows rows_of(OpCall& c, Expr x) {
  Rows rows{x, c.axes("axis", x.rank()), 0};
  Axes order;
  for (std::int64_t axis : all_axes(x)) {
    if (std::find(rows.axes.begin(), rows.axes.end(), axis) == rows.axes.end())
      order.push_back(axis);
  }
  rows.kept = static_cast<int>(order.size());
  order.insert(order.end(), rows.axes.begin(), rows.axes.end());
  const Expr moved = transpose(x, order);
  Axes sizes = sizes_of(moved);
  sizes.resize(static_cast<std::size_t>(rows.kept));
  sizes.push_back(-1);
  rows.values = reshape(moved, sizes);
  std::sort(rows.axes.begin(), rows.axes.end());
  return rows;
}

// [rows..., q] -> [q, rows...] with the reduced axes as ones if they are kept.
Expr quantiles_first(OpCall& c, Expr y, const Rows& rows, int q_rank) {
  const int rank = y.rank();
  Axes order;
  for (int axis = rank - q_rank; axis < rank; ++axis) order.push_back(axis);
  for (int axis = 0; axis < rank - q_rank; ++axis) order.push_back(axis);
  y = transpose(y, order);
  if (!c.flag("keepdims", false)) return y;
  for (std::int64_t axis : rows.axes) y = expand(y, axis + q_rank);
  return y;
}

Expr positions(OpCall& c) {
  if (c.row.kind == 1) return c.number(0.5, DType::float64);  // a median
  Expr q = c.tensor("q");
  if (c.row.kind == 2) q = cast(q, DType::float32) / 100.0;
  if (q.rank() > 1) c.unsupported("q of more than one dimension");
  return cast(c.row.kind == 3 ? q : cast(q, DType::float32), DType::float64);
}

Expr pick_last(Expr ordered, Expr places) { return gather(ordered, places, ordered.rank() - 1); }

Expr quantile(OpCall& c) {
  Expr x = c.tensor("x");
  x = cast(x, floating_type(x.dtype()));
  const Expr q = positions(c);
  const Rows rows = rows_of(c, x);
  const Expr ordered = sorted(rows.values, rows.kept, false).values;
  const Expr last = size_of_axis(rows.values, rows.kept, DType::int32) - 1.0;
  Expr y = interpolate(c, ordered, cast(last, DType::float64) * q, last, pick_last);
  Expr bad = reduce(ReduceKind::any, is_nan(rows.values), {rows.kept}, false);
  if (q.rank() == 1) bad = expand(bad, -1);
  return quantiles_first(c, select(bad, std::nan(""), y), rows, q.rank());
}

// One more axis of places at the end, row by row.
Expr pick_rows(Expr ordered, Expr places) {
  const int rank = ordered.rank();
  return gather(ordered, places, rank - 1, rank - 1);
}

// The places depend on how many numbers each row has; NaN stand last.
Expr nan_quantile(OpCall& c) {
  Expr x = c.tensor("x");
  if (!is_floating(x.dtype())) c.unsupported("a quantile without NaN of integers");
  if (c.has("axis") && c.ints("axis")->empty()) return x;
  const Expr q = positions(c);
  const Rows rows = rows_of(c, x);
  const Expr missing = is_nan(rows.values);
  const Expr ordered = sorted(select(missing, HUGE_VAL, rows.values), rows.kept, false).values;
  const Expr count = reduce(ReduceKind::sum, cast(!missing, DType::int32), {rows.kept}, true);
  const Expr last = maximum(count - 1.0, 0.0);
  const Expr steps = q.rank() == 0 ? reshape(q, {1}) : q;
  const Expr exact = cast(last, DType::float64) * steps;
  const Expr y = interpolate(c, ordered, exact, last, pick_rows);
  const Expr result = select(count == 0.0, std::nan(""), y);
  return quantiles_first(c, q.rank() == 0 ? squeeze(result, -1) : result, rows, q.rank());
}

}  // namespace

std::span<const OperationRow> sorting_operations() {
  static constexpr OperationRow kRows[] = {
      {"Argpartition", "x", argpartition},
      {"Argsort", "x", argsort},
      {"Digitize", "x bins", digitize},
      {"InTopK", "targets predictions", in_top_k},
      {"Median", "x", quantile, 1},
      {"Nanmedian", "x", nan_quantile, 1},
      {"Nanpercentile", "x q", nan_quantile, 2},
      {"Nanquantile", "x q", nan_quantile, 0},
      {"Percentile", "x q", quantile, 2},
      {"Quantile", "x q", quantile, 3},
      {"SearchSorted", "sorted_sequence values", search_sorted},
      {"Sort", "x", sort},
      {"TopK", "x", top_k},
  };
  return kRows;
}

}  // namespace thaw::keras
