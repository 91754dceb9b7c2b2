// Special functions, element by element in float64.
#include <cmath>

#include "kernels/host/families.h"
#include "kernels/host/numeric.h"
#include "kernels/host/special_functions.h"
#include "runtime/ir/infer.h"

namespace thaw::host {
namespace {

using Results = std::vector<Tensor>;

template <double (*function)(double)>
Results map(const HostArgs& args) {
  const Tensor& x = args.in[0];
  Tensor y(x.dtype(), x.shape());
  for_floats(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (std::int64_t i = 0; i < x.num_elements(); ++i) {
      mutable_elements<T>(y)[i] = store<T>(function(to_number(elements<T>(x)[i])));
    }
  });
  return {std::move(y)};
}

template <double (*function)(double, double)>
Results map2(const HostArgs& args) {
  const Tensor &a = args.in[0], &b = args.in[1];
  const Shape shape = broadcast(a.shape(), b.shape());
  Tensor y(a.dtype(), shape);
  for_floats(a.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    Broadcast(shape, {a.shape(), b.shape()})
        .each([&](std::int64_t i, const std::vector<std::int64_t>& at) {
          mutable_elements<T>(y)[i] = store<T>(
              function(to_number(elements<T>(a)[at[0]]), to_number(elements<T>(b)[at[1]])));
        });
  });
  return {std::move(y)};
}

Results betainc_of(const HostArgs& args) {
  const Tensor &a = args.in[0], &b = args.in[1], &x = args.in[2];
  const Shape shape = broadcast(broadcast(a.shape(), b.shape()), x.shape());
  Tensor y(a.dtype(), shape);
  for_floats(a.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    Broadcast(shape, {a.shape(), b.shape(), x.shape()})
        .each([&](std::int64_t i, const std::vector<std::int64_t>& at) {
          mutable_elements<T>(y)[i] =
              store<T>(betainc(to_number(elements<T>(a)[at[0]]), to_number(elements<T>(b)[at[1]]),
                               to_number(elements<T>(x)[at[2]])));
        });
  });
  return {std::move(y)};
}

double log_add(double a, double b) {
  const double most = std::max(a, b);
  if (std::isnan(a) || std::isnan(b)) return a + b;
  if (std::isinf(most)) return most;
  return most + std::log1p(std::exp(-std::abs(a - b)));
}

template <class T>
void scan_line(const T* in, T* out, std::int64_t size, std::int64_t step, bool exclusive,
               bool reverse) {
  double total = -std::numeric_limits<double>::infinity();
  for (std::int64_t i = 0; i < size; ++i) {
    const std::int64_t at = (reverse ? size - 1 - i : i) * step;
    const double next = log_add(total, to_number(in[at]));
    out[at] = store<T>(exclusive ? total : next);
    total = next;
  }
}

Results cumulative_logsumexp(const HostArgs& args) {
  const Tensor& x = args.in[0];
  const int rank = x.shape().rank();
  std::int64_t axis = integer(args.in[1], "axis");
  if (axis < -rank || axis >= rank) {
    fail(ErrorCode::invalid_argument, "axis {} of {}", axis, x.shape().to_string());
  }
  axis += axis < 0 ? rank : 0;
  const int at = static_cast<int>(axis);
  const std::int64_t outer = product(x.shape(), 0, at), size = x.shape()[at],
                     inner = product(x.shape(), at + 1, rank);
  const bool exclusive = args.call.attributes.flag("exclusive");
  const bool reverse = args.call.attributes.flag("reverse");
  Tensor y(x.dtype(), x.shape());
  for_floats(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (std::int64_t o = 0; o < outer; ++o) {
      for (std::int64_t i = 0; i < inner; ++i) {
        scan_line(elements<T>(x) + o * size * inner + i,
                  mutable_elements<T>(y) + o * size * inner + i, size, inner, exclusive, reverse);
      }
    }
  });
  return {std::move(y)};
}

constexpr HostKernel kSpecial[] = {
    {"erfinv", map<erfinv>},
    {"ndtri", map<ndtri>},
    {"dawsn", map<dawsn>},
    {"expint", map<expint>},
    {"fresnel_cos", map<fresnel_cos>},
    {"fresnel_sin", map<fresnel_sin>},
    {"spence", map<spence>},
    {"bessel_i0", map<bessel_i0>},
    {"bessel_i0e", map<bessel_i0e>},
    {"bessel_i1", map<bessel_i1>},
    {"bessel_i1e", map<bessel_i1e>},
    {"bessel_j0", map<bessel_j0>},
    {"bessel_j1", map<bessel_j1>},
    {"bessel_k0", map<bessel_k0>},
    {"bessel_k0e", map<bessel_k0e>},
    {"bessel_k1", map<bessel_k1>},
    {"bessel_k1e", map<bessel_k1e>},
    {"bessel_y0", map<bessel_y0>},
    {"bessel_y1", map<bessel_y1>},
    {"igamma", map2<igamma>},
    {"igammac", map2<igammac>},
    {"zeta", map2<hurwitz_zeta>},
    {"polygamma", map2<polygamma>},
    {"betainc", betainc_of},
    {"cumulative_logsumexp", cumulative_logsumexp},
};

}  // namespace

std::span<const HostKernel> special() { return kSpecial; }

}  // namespace thaw::host
