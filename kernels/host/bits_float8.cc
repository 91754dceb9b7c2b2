// Numbers of 8 bits, held in wider types.
#include <cmath>

#include "kernels/host/numeric.h"
#include "kernels/host/quantize.h"

namespace thaw::host {
namespace {

/// The fraction's bits, the least exponent of a normal number, the largest number, and what is
/// beyond it.
struct Float8 {
  int fraction, least_exponent;
  double most, beyond;
};

double to_float8(double x, const Float8& kind) {
  if (!std::isfinite(x)) return std::isnan(x) ? x : std::copysign(kind.beyond, x);
  if (x == 0) return x;
  const int exponent = std::max(std::ilogb(x), kind.least_exponent);
  const double step = std::ldexp(1.0, exponent - kind.fraction);
  const double y = std::nearbyint(x / step) * step;  // ties to even, both divisions exact
  return std::abs(y) > kind.most ? std::copysign(kind.beyond, x) : y;
}

}  // namespace

std::vector<Tensor> round_to_float8(const HostArgs& args) {
  const Float8 kE4m3fn{3, -6, 448, std::numeric_limits<double>::quiet_NaN()};
  const Float8 kE5m2{2, -14, 57344, std::numeric_limits<double>::infinity()};
  const Float8& kind = args.call.attributes.text("kind") == "e5m2" ? kE5m2 : kE4m3fn;
  const Tensor& x = args.in[0];
  Tensor y(x.dtype(), x.shape());
  for_floats(x.dtype(), [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    const T* from = elements<T>(x);
    T* to = mutable_elements<T>(y);
    for (std::int64_t i = 0; i < x.num_elements(); ++i) {
      to[i] = store<T>(to_float8(static_cast<double>(load(from[i])), kind));
    }
  });
  return {std::move(y)};
}

}  // namespace thaw::host
