// Conversion between element types. Elements pass in blocks through the widest type of their class
// (double, int64, uint64, complex128), which every source fits exactly, and are rounded once.
//
// Floats outside an integer type's range, for which C++ has no answer, give what TensorFlow's
// scalar code gives on x86 (its vector code differs for 8 and 16 bits): INT32_MIN and INT64_MIN;
// the low bits of the int32 conversion for 8 and 16 bits; 2^31 and 2^63 for uint32 and uint64, to
// which negative numbers of the signed range convert modulo 2^bits.
#include <algorithm>
#include <cmath>

#include "kernels/reference/prepare.h"

namespace thaw::reference {
namespace {

constexpr std::int64_t kBlock = 128;

template <class Signed>
Signed to_signed(double x) {
  constexpr double kLimit = static_cast<double>(std::numeric_limits<Signed>::max() / 2 + 1) * 2;
  const double whole = std::trunc(x);
  if (!(whole >= -kLimit && whole < kLimit)) return std::numeric_limits<Signed>::min();
  return static_cast<Signed>(whole);
}

template <class Unsigned>
Unsigned to_unsigned(double x) {
  constexpr double kHalf = static_cast<double>(std::numeric_limits<Unsigned>::max() / 2 + 1);
  const double whole = std::trunc(x);
  if (whole >= 0 && whole < 2 * kHalf) return static_cast<Unsigned>(whole);
  return static_cast<Unsigned>(to_signed<std::make_signed_t<Unsigned>>(whole));
}

template <class T>
T from_double(double x) {
  if constexpr (kIsInteger<T>) {
    if constexpr (sizeof(T) < 4)
      return static_cast<T>(to_signed<std::int32_t>(x));
    else if constexpr (std::is_signed_v<T>)
      return to_signed<T>(x);
    else
      return to_unsigned<T>(x);
  } else {
    return store<T>(x);
  }
}

template <class T, class Wide>
T convert(Wide x) {
  if constexpr (std::is_same_v<T, bool>) {
    return x != Wide{0};
  } else if constexpr (std::is_same_v<Wide, Complex128>) {
    if constexpr (kIsComplex<T>)
      return static_cast<T>(x);
    else
      return from_double<T>(x.real());
  } else if constexpr (std::is_same_v<Wide, double>) {
    if constexpr (kIsComplex<T>)
      return T(static_cast<typename T::value_type>(x));
    else
      return from_double<T>(x);
  } else {
    if constexpr (kIsComplex<T>)
      return T(static_cast<typename T::value_type>(x));
    else
      return store<T>(x);
  }
}

template <class Wide>
using Read = void (*)(const void* from, std::int64_t begin, std::int64_t count, Wide* to);
template <class Wide>
using Write = void (*)(const Wide* from, std::int64_t count, void* to, std::int64_t begin);

template <class T, class Wide>
void read(const void* from, std::int64_t begin, std::int64_t count, Wide* to) {
  const T* x = static_cast<const T*>(from) + begin;
  for (std::int64_t i = 0; i < count; ++i) to[i] = static_cast<Wide>(load(x[i]));
}

template <class T, class Wide>
void write(const Wide* from, std::int64_t count, void* to, std::int64_t begin) {
  T* y = static_cast<T*>(to) + begin;
  for (std::int64_t i = 0; i < count; ++i) y[i] = convert<T>(from[i]);
}

template <class Wide>
Write<Wide> writer(DType dtype) {
  switch (dtype) {
    case DType::float16: return write<float16, Wide>;
    case DType::bfloat16: return write<bfloat16, Wide>;
    case DType::float32: return write<float, Wide>;
    case DType::float64: return write<double, Wide>;
    case DType::int8: return write<std::int8_t, Wide>;
    case DType::int16: return write<std::int16_t, Wide>;
    case DType::int32: return write<std::int32_t, Wide>;
    case DType::int64: return write<std::int64_t, Wide>;
    case DType::uint8: return write<std::uint8_t, Wide>;
    case DType::uint16: return write<std::uint16_t, Wide>;
    case DType::uint32: return write<std::uint32_t, Wide>;
    case DType::uint64: return write<std::uint64_t, Wide>;
    case DType::boolean: return write<bool, Wide>;
    case DType::complex64: return write<Complex64, Wide>;
    case DType::complex128: return write<Complex128, Wide>;
    default: return nullptr;
  }
}

template <class T>
KernelPtr prepare_from(const Site& site) {
  using Whole = std::conditional_t<
      std::is_same_v<T, bool>, std::uint64_t,
      std::conditional_t<kIsInteger<T> && std::is_signed_v<T>, std::int64_t, Accumulator<T>>>;
  const Write<Whole> to = writer<Whole>(site.out[0].dtype);
  if (to == nullptr) return nullptr;
  const std::int64_t count = site.in[0].shape.num_elements();
  return make_kernel([count, to](const Args& args) {
    Whole block[kBlock];
    for (std::int64_t i = 0; i < count; i += kBlock) {
      const std::int64_t size = std::min(kBlock, count - i);
      read<T, Whole>(args.in[0].data, i, size, block);
      to(block, size, args.out[0].data, i);
    }
  });
}

}  // namespace

KernelPtr prepare_cast(const Site& site) {
  const DType from = site.in[0].dtype;
  if (from == site.out[0].dtype) return prepare_copy(site);
  if (from == DType::boolean) return prepare_from<bool>(site);
  return for_numbers(from, [&](auto tag) { return prepare_from<TypeOf<decltype(tag)>>(site); });
}

}  // namespace thaw::reference
