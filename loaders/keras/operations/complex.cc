// Operations on complex numbers, and making and taking apart of them.
#include <cmath>
#include <numbers>

#include "loaders/keras/operations/shared.h"

namespace thaw::keras {
namespace {

using B = BinaryKind;
using U = UnaryKind;

Expr real_part(OpCall& c) {
  const Expr x = c.tensor("x");
  if (!is_complex(x.dtype())) return x;
  return cast(x, x.dtype() == DType::complex128 ? DType::float64 : DType::float32);
}

Expr imag_part(OpCall& c) {
  const Expr x = c.tensor("x");
  if (!is_complex(x.dtype())) return select(x == x, 0.0, x.number(0));
  return c.tensorflow1(
      "Imag", {x}, {{"Tout", x.dtype() == DType::complex128 ? DType::float64 : DType::float32}});
}

Expr conjugate(OpCall& c) {
  const Expr x = c.tensor("x");
  return is_complex(x.dtype()) ? c.tensorflow1("Conj", {x}) : x;
}

Expr angle(OpCall& c) {
  const Expr x = floating(c.tensor("x"));
  if (is_complex(x.dtype())) {
    return c.tensorflow1(
        "Angle", {x}, {{"Tout", x.dtype() == DType::complex128 ? DType::float64 : DType::float32}});
  }
  return select(x < 0.0, std::numbers::pi, x * 0.0);
}

Expr view_as_complex(OpCall& c) {
  const Expr x = c.tensor("x");
  const int last = x.rank() - 1;
  return c.tensorflow1(
      "Complex", {squeeze(slice_axis(x, last, 0, 1), -1), squeeze(slice_axis(x, last, 1, 2), -1)},
      {{"Tout", x.dtype() == DType::float64 ? DType::complex128 : DType::complex64}});
}

Expr view_as_real(OpCall& c) {
  const Expr x = c.tensor("x");
  const DType dtype = x.dtype() == DType::complex128 ? DType::float64 : DType::float32;
  const Expr real = c.tensorflow1("Real", {x}, {{"Tout", dtype}});
  const Expr imag = c.tensorflow1("Imag", {x}, {{"Tout", dtype}});
  return concat({expand(real, -1), expand(imag, -1)}, real.rank());
}

Expr polar(OpCall& c) {
  auto [size, phase] = c.promoted_tensors("abs_", "angle");
  return c.tensorflow1(
      "Complex", {size * unary(U::cos, phase), size * unary(U::sin, phase)},
      {{"Tout", size.dtype() == DType::float64 ? DType::complex128 : DType::complex64}});
}

}  // namespace

std::span<const OperationRow> complex_operations() {
  static constexpr OperationRow kRows[] = {
      {"Angle", "x", angle},
      {"Conj", "x", conjugate},
      {"Conjugate", "x", conjugate},
      {"Imag", "x", imag_part},
      {"Polar", "abs_ angle", polar},
      {"Real", "x", real_part},
      {"ViewAsComplex", "x", view_as_complex},
      {"ViewAsReal", "x", view_as_real},
  };
  return kRows;
}

}  // namespace thaw::keras
