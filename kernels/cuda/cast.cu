// Conversion between element types: one thread per element, which passes through the widest type of
// its class and is rounded once.
#include <cmath>

#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/narrow.h"
#include "kernels/cuda/table.h"

namespace thaw::cuda {
namespace {

/// Element `i` in the widest type of its class.
template <class Wide>
THAW_HOST_DEVICE Wide read_wide(const void* data, DType dtype, std::int64_t i) {
  switch (dtype) {
    case DType::float16: return static_cast<Wide>(to_compute(static_cast<const float16*>(data)[i]));
    case DType::bfloat16:
      return static_cast<Wide>(to_compute(static_cast<const bfloat16*>(data)[i]));
    case DType::float32: return static_cast<Wide>(static_cast<const float*>(data)[i]);
    case DType::float64: return static_cast<Wide>(static_cast<const double*>(data)[i]);
    case DType::boolean: return static_cast<Wide>(static_cast<const bool*>(data)[i]);
    case DType::uint64: return static_cast<Wide>(static_cast<const std::uint64_t*>(data)[i]);
    default: return static_cast<Wide>(integer_at(data, dtype, i));
  }
}

// Floats outside the range of an integer type give what TensorFlow's scalar code gives on x86:
// kernels/reference/cast.cc tells all.
template <class Signed>
THAW_HOST_DEVICE Signed to_signed(double x) {
  constexpr double kLimit = static_cast<double>(std::numeric_limits<Signed>::max() / 2 + 1) * 2;
  const double whole = std::trunc(x);
  if (!(whole >= -kLimit && whole < kLimit)) return std::numeric_limits<Signed>::min();
  return static_cast<Signed>(whole);
}
template <class Unsigned>
THAW_HOST_DEVICE Unsigned to_unsigned(double x) {
  constexpr double kHalf = static_cast<double>(std::numeric_limits<Unsigned>::max() / 2 + 1);
  const double whole = std::trunc(x);
  if (whole >= 0 && whole < 2 * kHalf) return static_cast<Unsigned>(whole);
  return static_cast<Unsigned>(to_signed<std::make_signed_t<Unsigned>>(whole));
}

template <class T, class Wide>
THAW_HOST_DEVICE T convert(Wide x) {
  if constexpr (std::is_same_v<T, bool>) {
    return x != Wide{0};
  } else if constexpr (!std::is_same_v<Wide, double> || !std::is_integral_v<T>) {
    return from_compute<T>(x);
  } else if constexpr (sizeof(T) < 4) {
    return static_cast<T>(to_signed<std::int32_t>(x));
  } else if constexpr (std::is_signed_v<T>) {
    return to_signed<T>(x);
  } else {
    return to_unsigned<T>(x);
  }
}

template <class T, class Wide>
THAW_HOST_DEVICE void put(void* data, std::int64_t i, Wide x) {
  static_cast<T*>(data)[i] = convert<T>(x);
}

template <class Wide>
struct CastBody {
  DType from, to;
  const void* x;
  void* y;
  THAW_HOST_DEVICE void operator()(std::int64_t i) const {
    const Wide value = read_wide<Wide>(x, from, i);
    switch (to) {
      case DType::float16: put<float16>(y, i, value); break;
      case DType::bfloat16: put<bfloat16>(y, i, value); break;
      case DType::float32: put<float>(y, i, value); break;
      case DType::float64: put<double>(y, i, value); break;
      case DType::int8: put<std::int8_t>(y, i, value); break;
      case DType::int16: put<std::int16_t>(y, i, value); break;
      case DType::int32: put<std::int32_t>(y, i, value); break;
      case DType::int64: put<std::int64_t>(y, i, value); break;
      case DType::uint8: put<std::uint8_t>(y, i, value); break;
      case DType::uint16: put<std::uint16_t>(y, i, value); break;
      case DType::uint32: put<std::uint32_t>(y, i, value); break;
      case DType::uint64: put<std::uint64_t>(y, i, value); break;
      default: put<bool>(y, i, value); break;
    }
  }
};

/// Between two types of float, both known: what stands in front of a product has to keep pace with
/// memory.
template <class From, class To>
struct ConvertBody {
  const From* x;
  To* y;
  THAW_HOST_DEVICE void operator()(std::int64_t i) const {
    y[i] = from_compute<To>(to_compute(x[i]));
  }
};

bool is_castable(DType dtype) {
  return is_floating(dtype) || is_integer(dtype) || dtype == DType::boolean;
}

template <class Wide>
KernelPtr cast_kernel(DType from, DType to, std::int64_t count) {
  return make_kernel({"cuda cast"}, [=](const Args& args, const Queue& queue) {
    launch_each(queue, count, CastBody<Wide>{from, to, args.in[0].data, args.out[0].data});
  });
}

}  // namespace

void enqueue_cast(const Queue& queue, DType from, const void* x, DType to, void* y,
                  std::int64_t count) {
  const auto convert = [&](auto source, auto target) {
    using From = TypeOf<decltype(source)>;
    using To = TypeOf<decltype(target)>;
    launch_each(queue, count,
                ConvertBody<From, To>{static_cast<const From*>(x), static_cast<To*>(y)});
  };
  const bool narrows = from == DType::float32, widens = to == DType::float32;
  if (narrows && to == DType::float16) return convert(Tag<float>{}, Tag<float16>{});
  if (narrows && to == DType::bfloat16) return convert(Tag<float>{}, Tag<bfloat16>{});
  if (widens && from == DType::float16) return convert(Tag<float16>{}, Tag<float>{});
  if (widens && from == DType::bfloat16) return convert(Tag<bfloat16>{}, Tag<float>{});
  launch_each(queue, count, CastBody<double>{from, to, x, y});
}

KernelPtr prepare_cast(const Site& site) {
  const DType from = site.in[0].dtype, to = site.out[0].dtype;
  const std::int64_t count = site.in[0].shape.num_elements();
  if (from == to) return prepare_copy(site);
  if (!is_castable(from) || !is_castable(to)) return nullptr;
  if (is_floating(from)) {
    return make_kernel({"cuda cast"}, [=](const Args& args, const Queue& queue) {
      enqueue_cast(queue, from, args.in[0].data, to, args.out[0].data, count);
    });
  }
  if (from == DType::uint64 || from == DType::boolean) {
    return cast_kernel<std::uint64_t>(from, to, count);
  }
  return cast_kernel<std::int64_t>(from, to, count);
}

}  // namespace thaw::cuda
