// Questions about numbers: finite, close, the sign bit; extremes that avoid NaN.
#include <cmath>
#include <numbers>

#include "loaders/keras/operations/op_call.h"

namespace thaw::keras {
namespace {

using B = BinaryKind;
using U = UnaryKind;

Expr everywhere(Expr x, bool value) {
  return broadcast_like(x.with(x.g->scalar(value ? 1 : 0, DType::boolean)), x);
}

Expr test_float(OpCall& c) {
  const Expr x = c.tensor("x");
  if (!is_floating(x.dtype())) return everywhere(x, c.kind<U>() == U::is_finite);
  return unary(c.kind<U>(), x);
}

Expr is_infinity(OpCall& c) {
  const Expr x = c.tensor("x");
  if (!is_floating(x.dtype())) return everywhere(x, false);
  return x == (c.row.kind == 0 ? -HUGE_VAL : HUGE_VAL);
}

Expr is_real(OpCall& c) {
  const Expr x = c.tensor("x");
  if (!is_complex(x.dtype())) return everywhere(x, true);
  return c.tensorflow1(
             "Imag", {x},
             {{"Tout", x.dtype() == DType::complex128 ? DType::float64 : DType::float32}}) == 0.0;
}

// The sign of a zero shows in its reciprocal; that of a NaN in its bits alone.
Expr signbit_of(OpCall& c) {
  const Expr x = c.tensor("x");
  if (x.dtype() == DType::boolean) return everywhere(x, false);
  if (!is_floating(x.dtype())) return x < 0.0;
  const Expr bits = c.tensorflow1("Bitcast", {cast(x, DType::float32)}, {{"type", DType::int32}});
  return bits < 0.0;
}

Expr is_close(OpCall& c) {
  auto [x, y] = c.promoted_tensors("x1", "x2");
  if (!is_floating(x.dtype())) return x == y;
  const Expr near = absolute(x - y) <= absolute(y) * c.real("rtol", 1e-5) + c.real("atol", 1e-8);
  return c.flag("equal_nan", false) ? near | (is_nan(x) & is_nan(y)) : near;
}

Expr all_close(OpCall& c) {
  auto [x, y] = c.promoted_tensors("x1", "x2");
  Expr result = x == y;
  if (is_floating(x.dtype())) {
    const Expr finite = unary(U::is_finite, x) & unary(U::is_finite, y);
    const Expr near = absolute(x - y) <= absolute(y) * c.real("rtol", 1e-5) + c.real("atol", 1e-8);
    result = (finite & near) | result;
    if (c.flag("equal_nan", false)) result = result | (is_nan(x) & is_nan(y));
  }
  return reduce(ReduceKind::all, result, all_axes(result), false);
}

// A NaN loses against a number.
Expr extreme_of_numbers(OpCall& c) {
  auto [x, y] = c.promoted("x1", "x2");
  const Expr result = binary(c.kind<B>(), x, y);
  if (!is_floating(x.dtype())) return result;
  return select(is_nan(x), y, select(is_nan(y), x, result));
}

}  // namespace

std::span<const OperationRow> predicate_operations() {
  static constexpr OperationRow kRows[] = {
      {"AllClose", "x1 x2", all_close},
      {"Fmax", "x1 x2", extreme_of_numbers, B::maximum},
      {"Fmin", "x1 x2", extreme_of_numbers, B::minimum},
      {"Isclose", "x1 x2 rtol atol", is_close},
      {"Isfinite", "x", test_float, U::is_finite},
      {"Isinf", "x", test_float, U::is_inf},
      {"Isnan", "x", test_float, U::is_nan},
      {"Isneginf", "x", is_infinity, 0},
      {"Isposinf", "x", is_infinity, 1},
      {"Isreal", "x", is_real},
      {"Signbit", "x", signbit_of},
  };
  return kRows;
}

}  // namespace thaw::keras
