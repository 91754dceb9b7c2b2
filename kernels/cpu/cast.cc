// Conversions between the usual element types, the results those of the reference: floats outside
// an integer's range as its page says. Parallel over elements.
#include <cmath>
#include <limits>
#include <type_traits>

#include "kernels/cpu/common.h"
#include "kernels/cpu/kernels.h"
#include "kernels/cpu/plain.h"
#include "kernels/reference/dispatch.h"
#include "runtime/ir/ops.h"

namespace thaw::cpu {
namespace {

using reference::Tag;
using reference::TypeOf;

/// Toward zero; what does not fit gives the lowest number, as x86 converts.
template <class Signed, class Float>
Signed truncated(Float x) {
  constexpr Float kLimit = static_cast<Float>(std::numeric_limits<Signed>::max() / 2 + 1) * 2;
  return x >= -kLimit && x < kLimit ? static_cast<Signed>(x) : std::numeric_limits<Signed>::min();
}

template <class To, class From>
To convert(From stored) {
  if constexpr (std::is_same_v<To, bool>) {
    return reference::load(stored) != 0;
  } else if constexpr (reference::kIsFloat<To>) {
    return reference::store<To>(reference::load(stored));
  } else if constexpr (reference::kIsFloat<From>) {
    const auto x = reference::load(stored);
    if constexpr (sizeof(To) < 4) {
      return static_cast<To>(truncated<std::int32_t>(x));
    } else {
      return truncated<To>(x);
    }
  } else {
    return static_cast<To>(stored);
  }
}

template <class From, class To>
std::unique_ptr<Kernel> cast_kernel(std::int64_t count) {
  return plain_kernel("cpu cast", [count](const Args& args) {
    const From* x = args.in[0].as<From>();
    To* y = args.out[0].as_mutable<To>();
    parallel(args, count, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) y[i] = convert<To>(x[i]);
    });
  });
}

template <class Make>
std::unique_ptr<Kernel> for_usual(DType dtype, const Make& make) {
  switch (dtype) {
    case DType::boolean: return make(Tag<bool>{});
    case DType::uint8: return make(Tag<std::uint8_t>{});
    case DType::int8: return make(Tag<std::int8_t>{});
    case DType::int32: return make(Tag<std::int32_t>{});
    case DType::int64: return make(Tag<std::int64_t>{});
    case DType::float16: return make(Tag<float16>{});
    case DType::bfloat16: return make(Tag<bfloat16>{});
    case DType::float32: return make(Tag<float>{});
    case DType::float64: return make(Tag<double>{});
    default: return nullptr;
  }
}

/// Integers and doubles go to 16 bits in one rounding, which the way through float is not.
bool rounds_twice(DType from, DType to) {
  const bool half = to == DType::float16 || to == DType::bfloat16;
  return half && from != DType::float32 && from != DType::float16 && from != DType::bfloat16;
}

}  // namespace

std::unique_ptr<Kernel> prepare_cast(const Site& site) {
  const DType from = site.in[0].dtype, to = site.out[0].dtype;
  if (from == to || rounds_twice(from, to)) return nullptr;
  const std::int64_t count = site.out[0].shape.num_elements();
  return for_usual(from, [&](auto source) {
    return for_usual(to, [&](auto target) -> std::unique_ptr<Kernel> {
      return cast_kernel<TypeOf<decltype(source)>, TypeOf<decltype(target)>>(count);
    });
  });
}

}  // namespace thaw::cpu
