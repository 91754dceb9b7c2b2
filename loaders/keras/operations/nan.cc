// Operations of Keras 3 that pass over NaN.
#include <cmath>
#include <limits>

#include "loaders/keras/operations/shared.h"

namespace thaw::keras {
namespace {

double largest(DType dtype) {
  switch (dtype) {
    case DType::float16: return 65504;
    case DType::bfloat16: return 3.38953138925153547590470800371487866880e+38;
    case DType::float64: return std::numeric_limits<double>::max();
    default: return double{std::numeric_limits<float>::max()};
  }
}

Expr nan_to_num(OpCall& c) {
  const Expr x = c.tensor("x");
  return is_floating(x.dtype()) ? finite_numbers(c, x, c.real("nan", 0)) : x;
}

Expr nan_sum(OpCall& c, Expr x) {
  if (is_floating(x.dtype())) x = select(is_nan(x), 0.0, x);
  return reduced(c, ReduceKind::sum, wide_sum_type(x));
}
Expr nansum(OpCall& c) { return nan_sum(c, c.tensor("x")); }

Expr nanprod(OpCall& c) {
  const Expr x = c.tensor("x");
  const Expr y = is_floating(x.dtype()) ? select(is_nan(x), 1.0, x) : wide_sum_type(x);
  return reduced(c, ReduceKind::prod, y);
}

Expr nanmean(OpCall& c) {
  const Expr x = c.tensor("x");
  if (c.has("axis") && c.ints("axis")->empty()) return x;
  if (!is_floating(x.dtype())) return reduced(c, ReduceKind::mean, cast(x, DType::float32));
  return nan_sum(c, x) / reduced(c, ReduceKind::sum, cast(!is_nan(x), x.dtype()));
}

Expr nanvar(OpCall& c) {
  Expr x = c.tensor("x");
  if (is_complex(x.dtype())) c.unsupported("the variance of complex numbers");
  x = cast(x, floating_type(x.dtype()));
  const Axes axes = c.axes("axis", x.rank());
  const Expr valid = !is_nan(x);
  const Expr count = reduce(ReduceKind::sum, cast(valid, x.dtype()), axes, true);
  const Expr mean = reduce(ReduceKind::sum, select(valid, x, 0.0), axes, true) / count;
  const Expr centered = square(select(valid, x - mean, 0.0));
  const Expr variance =
      reduced(c, ReduceKind::sum, centered) / reduced(c, ReduceKind::sum, cast(valid, x.dtype()));
  return c.row.kind == 0 ? variance : sqrt(variance);
}

Expr nan_extreme(OpCall& c) {
  const auto kind = c.kind<ReduceKind>();
  const Expr x = c.tensor("x");
  if (x.dtype() == DType::boolean)
    return reduced(c, kind == ReduceKind::max ? ReduceKind::any : ReduceKind::all, x);
  if (!is_floating(x.dtype())) return reduced(c, kind, x);
  const double worst = kind == ReduceKind::max ? -HUGE_VAL : HUGE_VAL;
  const Expr y = reduced(c, kind, select(is_nan(x), worst, x));
  return select(reduced(c, ReduceKind::all, is_nan(x)), std::nan(""), y);
}

Expr nan_arg(OpCall& c) {
  const Expr x = c.tensor("x");
  const bool minimum = c.row.kind == 1;
  if (!is_floating(x.dtype())) return arg_extreme(c, x, minimum);
  const Expr clean = select(is_nan(x), minimum ? HUGE_VAL : -HUGE_VAL, x);
  return select(reduced(c, ReduceKind::all, is_nan(x)), -1.0, arg_extreme(c, clean, minimum));
}

Expr nan_running(OpCall& c) {
  const Expr x = c.tensor("x");
  const double neutral = c.kind<ScanKind>() == ScanKind::prod ? 1 : 0;
  return running(c, is_floating(x.dtype()) ? finite_numbers(c, x, neutral) : x);
}

}  // namespace

Expr finite_numbers(OpCall& c, Expr x, double nan) {
  const double most = largest(x.dtype());
  x = select(is_nan(x), nan, x);
  x = select(x == HUGE_VAL, c.real("posinf", most), x);
  return select(x == -HUGE_VAL, c.real("neginf", -most), x);
}

std::span<const OperationRow> nan_operations() {
  static constexpr OperationRow kRows[] = {
      {"NanToNum", "x", nan_to_num},
      {"Nanargmax", "x", nan_arg, 0},
      {"Nanargmin", "x", nan_arg, 1},
      {"Nancumprod", "x", nan_running, ScanKind::prod},
      {"Nancumsum", "x", nan_running, ScanKind::sum},
      {"Nanmax", "x", nan_extreme, ReduceKind::max},
      {"Nanmean", "x", nanmean},
      {"Nanmin", "x", nan_extreme, ReduceKind::min},
      {"Nanprod", "x", nanprod},
      {"Nanstd", "x", nanvar, 1},
      {"Nansum", "x", nansum},
      {"Nanvar", "x", nanvar, 0},
  };
  return kRows;
}

}  // namespace thaw::keras
