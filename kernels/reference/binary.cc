// Elementwise functions of two operands: floats, complex numbers, bool and strings.
#include "kernels/reference/binary.h"

#include <cmath>

#include "kernels/reference/prepare.h"

namespace thaw::reference {
namespace {

// A NaN of either operand wins, as in TensorFlow.
template <class C>
C maximum(C x, C y) {
  return std::isnan(x) || x > y ? x : y;
}
template <class C>
C minimum(C x, C y) {
  return std::isnan(x) || x < y ? x : y;
}

/// The remainder with the divisor's sign.
template <class C>
C floor_mod(C x, C y) {
  const C remainder = std::fmod(x, y);
  return remainder != 0 && (remainder < 0) != (y < 0) ? remainder + y : remainder;
}

template <class T>
Arithmetic<T> complex_function(BinaryKind kind) {
  switch (kind) {
    case BinaryKind::add: return [](T x, T y) { return x + y; };
    case BinaryKind::sub: return [](T x, T y) { return x - y; };
    case BinaryKind::mul: return [](T x, T y) { return x * y; };
    case BinaryKind::div: return [](T x, T y) { return x / y; };
    case BinaryKind::div_no_nan: return [](T x, T y) { return y == T(0) ? T(0) : x / y; };
    case BinaryKind::mul_no_nan: return [](T x, T y) { return y == T(0) ? T(0) : x * y; };
    case BinaryKind::xdivy: return [](T x, T y) { return x == T(0) ? T(0) : x / y; };
    case BinaryKind::xlogy: return [](T x, T y) { return x == T(0) ? T(0) : x * std::log(y); };
    case BinaryKind::pow: return [](T x, T y) { return std::pow(x, y); };
    case BinaryKind::squared_difference: return [](T x, T y) { return (x - y) * std::conj(x - y); };
    default: return nullptr;
  }
}

Arithmetic<bool> bool_function(BinaryKind kind) {
  switch (kind) {
    case BinaryKind::logical_and:
    case BinaryKind::bitwise_and: return [](bool x, bool y) { return x && y; };
    case BinaryKind::logical_or:
    case BinaryKind::bitwise_or: return [](bool x, bool y) { return x || y; };
    case BinaryKind::logical_xor:
    case BinaryKind::bitwise_xor: return [](bool x, bool y) { return x != y; };
    default: return nullptr;
  }
}

KernelPtr prepare_string(const Site& site, BinaryKind kind) {
  using String = std::string;
  if (kind != BinaryKind::add)
    return broadcast_kernel<String, bool>(site, comparison<String>(kind));
  const auto concatenate = [](const String& x, const String& y) { return x + y; };
  return broadcast_kernel<String, String>(
      site, static_cast<String (*)(const String&, const String&)>(concatenate));
}

}  // namespace

template <class T>
Arithmetic<T> float_function(BinaryKind kind) {
  using C = Compute<T>;
  switch (kind) {
    case BinaryKind::add: return [](C x, C y) { return x + y; };
    case BinaryKind::sub: return [](C x, C y) { return x - y; };
    case BinaryKind::mul: return [](C x, C y) { return x * y; };
    case BinaryKind::div: return [](C x, C y) { return x / y; };
    case BinaryKind::floor_div: return [](C x, C y) -> C { return std::floor(x / y); };
    case BinaryKind::floor_mod: return floor_mod<C>;
    case BinaryKind::truncate_div: return [](C x, C y) -> C { return std::trunc(x / y); };
    case BinaryKind::truncate_mod: return [](C x, C y) -> C { return std::fmod(x, y); };
    case BinaryKind::div_no_nan: return [](C x, C y) { return y == 0 ? C{0} : x / y; };
    case BinaryKind::mul_no_nan: return [](C x, C y) { return y == 0 ? C{0} : x * y; };
    case BinaryKind::xdivy: return [](C x, C y) { return x == 0 ? C{0} : x / y; };
    case BinaryKind::xlogy: return [](C x, C y) { return x == 0 ? C{0} : x * std::log(y); };
    case BinaryKind::pow: return [](C x, C y) -> C { return std::pow(x, y); };
    case BinaryKind::maximum: return maximum<C>;
    case BinaryKind::minimum: return minimum<C>;
    case BinaryKind::squared_difference: return [](C x, C y) { return (x - y) * (x - y); };
    case BinaryKind::atan2: return [](C x, C y) -> C { return std::atan2(x, y); };
    default: return nullptr;
  }
}

template Arithmetic<float16> float_function<float16>(BinaryKind);
template Arithmetic<bfloat16> float_function<bfloat16>(BinaryKind);
template Arithmetic<float> float_function<float>(BinaryKind);
template Arithmetic<double> float_function<double>(BinaryKind);

KernelPtr prepare_binary(const Site& site) {
  const BinaryKind kind = site.op_as<ops::Binary>().kind;
  const DType dtype = site.in[0].dtype;
  if (dtype == DType::string) return prepare_string(site, kind);
  if (dtype == DType::boolean) {
    if (const auto compare = comparison<bool>(kind))
      return broadcast_kernel<bool, bool>(site, compare);
    return broadcast_kernel<bool, bool>(site, bool_function(kind));
  }
  if (is_floating(dtype)) {
    return for_floats(dtype, [&](auto tag) {
      using T = TypeOf<decltype(tag)>;
      if (const auto compare = comparison<T>(kind)) return broadcast_kernel<T, bool>(site, compare);
      return broadcast_kernel<T, T>(site, float_function<T>(kind));
    });
  }
  if (is_complex(dtype)) {
    return for_complex(dtype, [&](auto tag) {
      using T = TypeOf<decltype(tag)>;
      if (const auto compare = comparison<T>(kind)) return broadcast_kernel<T, bool>(site, compare);
      return broadcast_kernel<T, T>(site, complex_function<T>(kind));
    });
  }
  return prepare_integer_binary(site);
}

}  // namespace thaw::reference
