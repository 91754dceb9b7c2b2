// Elementwise functions of two integer operands. Sums and products wrap; a zero divisor and a
// negative exponent are errors; the quotient of the lowest number and -1 wraps to the lowest
// number.
#include <limits>

#include "kernels/reference/binary.h"
#include "runtime/base/check.h"

namespace thaw::reference {
namespace {

using Wide = std::uint64_t;

template <class T>
T checked_divisor(T y) {
  if (y == 0) fail(ErrorCode::invalid_argument, "integer division by zero");
  return y;
}

template <class T>
T truncate_div(T x, T y) {
  checked_divisor(y);
  if constexpr (std::is_signed_v<T>) {
    if (y == -1) return static_cast<T>(0 - static_cast<Wide>(x));
  }
  return static_cast<T>(x / y);
}

template <class T>
T truncate_mod(T x, T y) {
  checked_divisor(y);
  if constexpr (std::is_signed_v<T>) {
    if (y == -1) return 0;
  }
  return static_cast<T>(x % y);
}

template <class T>
T floor_div(T x, T y) {
  const T quotient = truncate_div(x, y);
  const bool inexact = truncate_mod(x, y) != 0;
  return static_cast<T>(inexact && (x < 0) != (y < 0) ? quotient - 1 : quotient);
}

template <class T>
T integer_floor_mod(T x, T y) {
  const T remainder = truncate_mod(x, y);
  return static_cast<T>(remainder != 0 && (remainder < 0) != (y < 0) ? remainder + y : remainder);
}

template <class T>
T power(T x, T y) {
  if constexpr (std::is_signed_v<T>) {
    if (y < 0) {
      fail(ErrorCode::invalid_argument, "integer {} to the negative power {}",
           static_cast<std::int64_t>(x), static_cast<std::int64_t>(y));
    }
  }
  Wide base = static_cast<Wide>(x), result = 1;
  for (Wide exponent = static_cast<Wide>(y); exponent > 0; exponent >>= 1) {
    if (exponent & 1) result *= base;
    base *= base;
  }
  return static_cast<T>(result);
}

/// TensorFlow limits the distance to [0, bits - 1].
template <class T>
int shift_distance(T y) {
  constexpr int kMost = std::numeric_limits<std::make_unsigned_t<T>>::digits - 1;
  if (y < 0) return 0;
  return static_cast<Wide>(y) > static_cast<Wide>(kMost) ? kMost : static_cast<int>(y);
}

template <class T>
Arithmetic<T> arithmetic(BinaryKind kind) {
  switch (kind) {
    case BinaryKind::add:
      return [](T x, T y) { return static_cast<T>(static_cast<Wide>(x) + static_cast<Wide>(y)); };
    case BinaryKind::sub:
      return [](T x, T y) { return static_cast<T>(static_cast<Wide>(x) - static_cast<Wide>(y)); };
    case BinaryKind::mul:
      return [](T x, T y) { return static_cast<T>(static_cast<Wide>(x) * static_cast<Wide>(y)); };
    case BinaryKind::mul_no_nan:
      return [](T x, T y) { return static_cast<T>(static_cast<Wide>(x) * static_cast<Wide>(y)); };
    case BinaryKind::div:
    case BinaryKind::truncate_div: return truncate_div<T>;
    case BinaryKind::truncate_mod: return truncate_mod<T>;
    case BinaryKind::floor_div: return floor_div<T>;
    case BinaryKind::floor_mod: return integer_floor_mod<T>;
    case BinaryKind::div_no_nan: return [](T x, T y) { return y == 0 ? T{0} : truncate_div(x, y); };
    case BinaryKind::pow: return power<T>;
    case BinaryKind::maximum: return [](T x, T y) { return x > y ? x : y; };
    case BinaryKind::minimum: return [](T x, T y) { return x < y ? x : y; };
    case BinaryKind::squared_difference:
      return [](T x, T y) {
        const Wide difference = static_cast<Wide>(x) - static_cast<Wide>(y);
        return static_cast<T>(difference * difference);
      };
    case BinaryKind::bitwise_and: return [](T x, T y) { return static_cast<T>(x & y); };
    case BinaryKind::bitwise_or: return [](T x, T y) { return static_cast<T>(x | y); };
    case BinaryKind::bitwise_xor: return [](T x, T y) { return static_cast<T>(x ^ y); };
    case BinaryKind::left_shift:
      return [](T x, T y) { return static_cast<T>(static_cast<Wide>(x) << shift_distance(y)); };
    case BinaryKind::right_shift:
      return [](T x, T y) { return static_cast<T>(x >> shift_distance(y)); };
    default: return nullptr;
  }
}

}  // namespace

KernelPtr prepare_integer_binary(const Site& site) {
  const BinaryKind kind = site.op_as<ops::Binary>().kind;
  return for_integers(site.in[0].dtype, [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    if (const auto compare = comparison<T>(kind)) return broadcast_kernel<T, bool>(site, compare);
    return broadcast_kernel<T, T>(site, arithmetic<T>(kind));
  });
}

}  // namespace thaw::reference
