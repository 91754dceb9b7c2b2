// Reductions of Keras 3: sums, means, extremes and where they stand, running sums.
#include <limits>

#include "loaders/keras/operations/op_call.h"
#include "loaders/keras/operations/shared.h"
#include "runtime/base/check.h"

namespace thaw::keras {

Expr wide_sum_type(Expr x) {
  switch (x.dtype()) {
    case DType::boolean:
    case DType::int8:
    case DType::int16: return cast(x, DType::int32);
    case DType::uint8:
    case DType::uint16: return cast(x, DType::uint32);
    default: return x;
  }
}

Expr arg_extreme(OpCall& c, Expr x, bool minimum) {
  const int rank = x.rank();
  const bool flat = !c.has("axis") || rank == 0;
  if (is_floating(x.dtype()) && rank > 0) {
    x = cast(x, result_type(x.dtype(), DType::float32));
    // A negative zero counts as less than a positive one.
    const double tiny = x.dtype() == DType::float64 ? std::numeric_limits<double>::min()
                                                    : double{std::numeric_limits<float>::min()};
    x = select((x == 0.0) & (unary(UnaryKind::reciprocal, x) < 0.0), -tiny, x);
  } else if (x.dtype() == DType::boolean) {
    x = cast(x, DType::int32);
  }
  const int axis = flat ? 0 : c.axis("axis", rank, 0);
  const Expr values = flat ? reshape(x, {-1}) : x;
  Expr y = x.with(x.g->add1(ops::ArgReduce{minimum, axis, DType::int32}, {values}));
  if (!c.flag("keepdims", false)) return y;
  return flat ? reshape(y, Axes(static_cast<std::size_t>(rank), 1)) : expand(y, axis);
}

Expr variance(Expr x, const Axes& axes, bool keep_dims) {
  const Expr mean = reduce(ReduceKind::mean, x, axes, true);
  return reduce(ReduceKind::mean, square(x - mean), axes, keep_dims);
}

Expr log_sum_exp(Expr x, const Axes& axes, bool keep_dims) {
  const Expr most = reduce(ReduceKind::max, x, axes, true);
  const Expr shift = select(unary(UnaryKind::is_finite, most), most, 0.0);
  const Expr sum = reduce(ReduceKind::sum, exp(x - shift), axes, true);
  const Expr result = log(sum) + shift;
  return keep_dims ? result : reduce(ReduceKind::sum, result, axes, false);
}

Expr running(OpCall& c, Expr x) {
  x = cast(x, c.dtype("dtype", x.dtype()));
  if (x.dtype() == DType::boolean) x = cast(x, DType::int32);
  const bool flat = !c.has("axis");
  if (flat) x = flatten(x);
  const int axis = flat ? 0 : c.axis("axis", x.rank(), 0);
  return x.with(x.g->add1(ops::Scan{c.kind<ScanKind>(), axis, false, false}, {x}));
}

Expr reduced(OpCall& c, ReduceKind kind, Expr x) {
  return reduce(kind, x, c.axes("axis", x.rank()), c.flag("keepdims", false));
}

namespace {

Expr logical(OpCall& c) {
  return reduced(c, c.kind<ReduceKind>(), cast(c.tensor("x"), DType::boolean));
}

Expr extreme(OpCall& c) {
  const auto kind = c.kind<ReduceKind>();
  const Expr x = c.tensor("x");
  const bool truth = x.dtype() == DType::boolean;
  const ReduceKind as_bool = kind == ReduceKind::max ? ReduceKind::any : ReduceKind::all;
  const Expr y = reduced(c, truth ? as_bool : kind, x);
  const Operand* initial = c.find("initial");
  if (initial == nullptr) return y;
  const BinaryKind with = kind == ReduceKind::max ? BinaryKind::maximum : BinaryKind::minimum;
  if (!truth) return binary(with, y, c.tensor(*initial, x.dtype()));
  return cast(binary(with, cast(y, DType::int32), c.tensor(*initial, DType::int32)),
              DType::boolean);
}

Expr sum_of(OpCall& c) { return reduced(c, ReduceKind::sum, wide_sum_type(c.tensor("x"))); }

Expr product_of(OpCall& c) {
  const Expr x = c.tensor("x");
  // Keras's TensorFlow backend leaves x as it is where a type is asked for.
  return reduced(c, ReduceKind::prod, c.has("dtype") ? x : wide_sum_type(x));
}

Expr mean_of(OpCall& c) {
  const Expr x = c.tensor("x");
  const DType compute = result_type(x.dtype(), DType::float32);
  const bool whole = is_integer(x.dtype()) || x.dtype() == DType::boolean;
  return cast(reduced(c, ReduceKind::mean, cast(x, compute)), whole ? compute : x.dtype());
}

Expr average(OpCall& c) {
  Expr x = c.tensor("x");
  const Operand* given = c.find("weights");
  if (given == nullptr) {
    x = cast(x, floating_type(x.dtype()));
    return reduce(ReduceKind::mean, x, c.axes("axis", x.rank()), false);
  }
  Expr weights = c.tensor(*given);
  const DType dtype = floating_type(x.dtype(), weights.dtype());
  x = cast(x, dtype);
  weights = cast(weights, dtype);
  if (!c.has("axis") || x.rank() == weights.rank()) {
    const Expr sum = reduce(ReduceKind::sum, weights, c.axes("axis", weights.rank()), false);
    return reduce(ReduceKind::sum, x * weights, c.axes("axis", x.rank()), false) / sum;
  }
  if (weights.rank() != 1) c.bad("weights must have the shape of x or one dimension");
  const Expr sum = reduce(ReduceKind::sum, weights, {0}, false);
  return contract(x, {c.axis("axis", x.rank(), 0)}, weights, {0}) / sum;
}

Expr var_of(OpCall& c) {
  const Expr x = c.tensor("x");
  if (is_complex(x.dtype())) c.unsupported("the variance of complex numbers");
  const Expr wide = cast(x, result_type(x.dtype(), DType::float32));
  return cast(variance(wide, c.axes("axis", x.rank()), c.flag("keepdims", false)),
              floating_type(x.dtype()));
}

Expr std_of(OpCall& c) {
  const Expr x = c.tensor("x");
  if (is_complex(x.dtype())) c.unsupported("the deviation of complex numbers");
  return sqrt(variance(cast(x, floating_type(x.dtype())), c.axes("axis", x.rank()),
                       c.flag("keepdims", false)));
}

Expr peak_to_peak(OpCall& c) {
  const Expr x = c.tensor("x");
  return reduced(c, ReduceKind::max, x) - reduced(c, ReduceKind::min, x);
}

Expr count_nonzero(OpCall& c) {
  const Expr x = c.tensor("x");
  const Expr set = x.dtype() == DType::boolean ? x : x != 0.0;
  return reduce(ReduceKind::sum, cast(set, DType::int32), c.axes("axis", x.rank()), false);
}

Expr log_sum(OpCall& c) {
  const Expr x = c.tensor("x");
  return log_sum_exp(x, c.axes("axis", x.rank()), c.flag("keepdims", false));
}

Expr arg_of(OpCall& c) { return arg_extreme(c, c.tensor("x"), c.row.kind == 1); }
Expr running_of(OpCall& c) { return running(c, c.tensor("x")); }

Expr differences(OpCall& c) {
  Expr x = c.tensor("a");
  const std::int64_t order = c.integer("n", 1);
  if (order < 0 || order > 1000) c.bad(fmt::format("n is {}, expected 0 to 1000", order));
  const int axis = c.axis("axis", x.rank(), -1);
  for (std::int64_t i = 0; i < order; ++i) {
    const Expr after = slice_axis(x, axis, 1, GraphBuilder::kToEnd);
    const Expr before = slice_axis(x, axis, 0, -1);
    x = x.dtype() == DType::boolean ? after != before : after - before;
  }
  return x;
}

Results moments(OpCall& c) {
  const Expr x = c.tensor("x");
  const Axes axes = c.axes("axes", x.rank());
  const bool keep = c.flag("keepdims", false), half = size_of(x.dtype()) == 2;
  const Expr wide = half ? cast(x, DType::float32) : x;
  Results results{reduce(ReduceKind::mean, wide, axes, keep), variance(wide, axes, keep)};
  if (half) {
    for (Expr& y : results) {
      y = cast(clip(y, y.number(-65504), y.number(65504)), x.dtype());
    }
  }
  return results;
}

}  // namespace

std::span<const OperationRow> reduction_operations() {
  static constexpr OperationRow kRows[] = {
      {"All", "x", logical, ReduceKind::all},
      {"Amax", "x", extreme, ReduceKind::max},
      {"Amin", "x", extreme, ReduceKind::min},
      {"Any", "x", logical, ReduceKind::any},
      {"Argmax", "x", arg_of, 0},
      {"Argmin", "x", arg_of, 1},
      {"Average", "x weights", average},
      {"CountNonzero", "x", count_nonzero},
      {"Cumprod", "x", running_of, ScanKind::prod},
      {"Cumsum", "x", running_of, ScanKind::sum},
      {"Diff", "a", differences},
      {"Logsumexp", "x", log_sum},
      {"Max", "x", extreme, ReduceKind::max},
      {"Mean", "x", mean_of},
      {"Min", "x", extreme, ReduceKind::min},
      {"Moments", "x", moments},
      {"Prod", "x", product_of},
      {"Ptp", "x", peak_to_peak},
      {"Std", "x", std_of},
      {"Sum", "x", sum_of},
      {"Var", "x", var_of},
  };
  return kRows;
}

}  // namespace thaw::keras
