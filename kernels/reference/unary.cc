// Elementwise functions of one operand.
#include <cmath>

#include "kernels/reference/prepare.h"
#include "kernels/reference/scalar.h"
#include "runtime/base/check.h"

namespace thaw::reference {
namespace {

template <class In, class Out, class F>
KernelPtr elementwise(std::int64_t count, const F& function) {
  return make_kernel([count, function](const Args& args) {
    const In* x = args.in[0].as<In>();
    Out* y = args.out[0].as_mutable<Out>();
    for (std::int64_t i = 0; i < count; ++i) y[i] = function(x[i]);
  });
}

template <class T>
KernelPtr prepare_float(const UnaryFn& fn, std::int64_t count) {
  if (fn.kind == UnaryKind::logical_not || fn.kind == UnaryKind::bitwise_not) return nullptr;
  if (is_predicate(fn.kind)) {
    return elementwise<T, bool>(count, [fn](T x) { return apply(fn, load(x)) != 0; });
  }
  return elementwise<T, T>(count, [fn](T x) { return store<T>(apply(fn, load(x))); });
}

/// A clamp's bound in an integer type: outside its range it does not bind.
template <class T>
T integer_bound(double bound) {
  using Limits = std::numeric_limits<T>;
  if (!(bound > static_cast<double>(Limits::min()))) return Limits::min();
  if (bound >= static_cast<double>(Limits::max())) return Limits::max();
  return static_cast<T>(bound);
}

template <class T>
KernelPtr prepare_integer(const UnaryFn& fn, std::int64_t count) {
  using Wide = std::uint64_t;
  switch (fn.kind) {
    case UnaryKind::round: return elementwise<T, T>(count, [](T x) { return x; });
    case UnaryKind::abs:
      return elementwise<T, T>(
          count, [](T x) { return x < 0 ? static_cast<T>(0 - static_cast<Wide>(x)) : x; });
    case UnaryKind::neg:
      return elementwise<T, T>(count, [](T x) { return static_cast<T>(0 - static_cast<Wide>(x)); });
    case UnaryKind::sign:
      return elementwise<T, T>(count, [](T x) { return static_cast<T>((x > 0) - (x < 0)); });
    case UnaryKind::square:
      return elementwise<T, T>(
          count, [](T x) { return static_cast<T>(static_cast<Wide>(x) * static_cast<Wide>(x)); });
    case UnaryKind::bitwise_not:
      return elementwise<T, T>(count, [](T x) { return static_cast<T>(~static_cast<Wide>(x)); });
    case UnaryKind::relu: return elementwise<T, T>(count, [](T x) { return x < 0 ? T{0} : x; });
    case UnaryKind::clamp: {
      const T low = integer_bound<T>(std::ceil(fn.alpha));
      const T high = integer_bound<T>(std::floor(fn.beta));
      return elementwise<T, T>(count, [low, high](T x) {
        const T raised = x < low ? low : x;
        return raised > high ? high : raised;
      });
    }
    default: return nullptr;
  }
}

Complex128 apply_complex(UnaryKind kind, Complex128 x) {
  switch (kind) {
    case UnaryKind::neg: return -x;
    case UnaryKind::sign: return x == Complex128(0) ? x : x / std::abs(x);
    case UnaryKind::square: return x * x;
    case UnaryKind::sqrt: return std::sqrt(x);
    case UnaryKind::rsqrt: return 1.0 / std::sqrt(x);
    case UnaryKind::reciprocal: return 1.0 / x;
    case UnaryKind::exp: return std::exp(x);
    case UnaryKind::expm1: return std::exp(x) - 1.0;
    case UnaryKind::log: return std::log(x);
    case UnaryKind::log1p: return std::log(1.0 + x);
    case UnaryKind::sin: return std::sin(x);
    case UnaryKind::cos: return std::cos(x);
    case UnaryKind::tan: return std::tan(x);
    case UnaryKind::asin: return std::asin(x);
    case UnaryKind::acos: return std::acos(x);
    case UnaryKind::atan: return std::atan(x);
    case UnaryKind::sinh: return std::sinh(x);
    case UnaryKind::cosh: return std::cosh(x);
    case UnaryKind::tanh: return std::tanh(x);
    case UnaryKind::asinh: return std::asinh(x);
    case UnaryKind::acosh: return std::acosh(x);
    case UnaryKind::atanh: return std::atanh(x);
    case UnaryKind::sigmoid: return 1.0 / (1.0 + std::exp(-x));
    default: return x;
  }
}

/// Every function of the switch above changes this number.
bool has_complex(UnaryKind kind) {
  return apply_complex(kind, {0.5, 0.25}) != Complex128(0.5, 0.25);
}

}  // namespace

KernelPtr prepare_unary(const Site& site) {
  const DType dtype = site.in[0].dtype;
  const std::int64_t count = site.in[0].shape.num_elements();
  const UnaryFn fn = rounded_to(dtype, site.op_as<ops::Unary>().fn);
  if (fn.kind == UnaryKind::linear) return prepare_copy(site);
  if (dtype == DType::boolean) {
    if (fn.kind != UnaryKind::logical_not) return nullptr;
    return elementwise<bool, bool>(count, [](bool x) { return !x; });
  }
  if (is_floating(dtype)) {
    return for_floats(dtype,
                      [&](auto tag) { return prepare_float<TypeOf<decltype(tag)>>(fn, count); });
  }
  if (is_complex(dtype)) {
    if (!has_complex(fn.kind)) return nullptr;
    return for_complex(dtype, [&](auto tag) {
      using T = TypeOf<decltype(tag)>;
      return elementwise<T, T>(
          count, [kind = fn.kind](T x) { return static_cast<T>(apply_complex(kind, x)); });
    });
  }
  return for_integers(dtype,
                      [&](auto tag) { return prepare_integer<TypeOf<decltype(tag)>>(fn, count); });
}

}  // namespace thaw::reference
