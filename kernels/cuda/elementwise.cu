// Unary, binary and select: one thread per element of the result, operands by their strides.
// Element i of an operand that shares the result's memory is read by the thread that writes it.
#include <cmath>

#include "kernels/cuda/functions.cuh"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/product.h"
#include "kernels/cuda/strided.h"
#include "kernels/cuda/table.h"

namespace thaw::cuda {
namespace {

template <class T, class Out>
struct UnaryBody {
  static constexpr int kLeastBlocks = 1;  // registers for all values
  Function<Compute<T>> fn;
  const T* x;
  Out* y;
  THAW_HOST_DEVICE void operator()(std::int64_t i) const {
    y[i] = from_compute<Out>(apply(fn, to_compute(x[i])));
  }
};

/// y[i] = fn(y[i] + bias[i mod channels])
template <class T>
struct BiasBody {
  static constexpr int kLeastBlocks = 1;  // registers for all values
  Function<Compute<T>> fn;
  std::int64_t channels;
  const T* bias;  // may be null
  T* y;
  THAW_HOST_DEVICE void operator()(std::int64_t i) const {
    Compute<T> sum = to_compute(y[i]);
    if (bias != nullptr) sum += to_compute(bias[i % channels]);
    y[i] = from_compute<T>(activate(fn, sum));
  }
};

struct NotBody {
  const bool* x;
  bool* y;
  THAW_HOST_DEVICE void operator()(std::int64_t i) const { y[i] = !x[i]; }
};

template <class C>
THAW_HOST_DEVICE bool is_negative(C x) {
  if constexpr (std::is_signed_v<C>) return x < 0;
  return false;
}

template <class T>
struct IntegerUnaryBody {
  using C = Compute<T>;
  UnaryKind kind;
  C low, high;  // of clamp
  Reader<T> x;
  Writer<T> y;

  THAW_HOST_DEVICE C result(C value) const {
    const auto wide = static_cast<std::uint64_t>(value);
    switch (kind) {
      case UnaryKind::abs: return is_negative(value) ? static_cast<C>(0 - wide) : value;
      case UnaryKind::neg: return static_cast<C>(0 - wide);
      case UnaryKind::sign:
        return is_negative(value) ? static_cast<C>(-1) : static_cast<C>(value != 0);
      case UnaryKind::square: return static_cast<C>(wide * wide);
      case UnaryKind::bitwise_not: return static_cast<C>(~wide);
      case UnaryKind::relu: return is_negative(value) ? C{0} : value;
      case UnaryKind::clamp: return at_most(at_least(value, low), high);
      default: return value;  // round
    }
  }
  THAW_HOST_DEVICE void operator()(std::int64_t i) const { y.put(i, result(x[i])); }
};

/// A clamp's bound in an integer type: outside its range it does not bind.
template <class C>
C integer_bound(double bound, DType dtype) {
  const C low = lowest_of<C>(dtype), high = highest_of<C>(dtype);
  if (!(bound > static_cast<double>(low))) return low;
  return bound >= static_cast<double>(high) ? high : static_cast<C>(bound);
}

bool has_integer_form(UnaryKind kind) {
  switch (kind) {
    case UnaryKind::abs:
    case UnaryKind::neg:
    case UnaryKind::sign:
    case UnaryKind::square:
    case UnaryKind::bitwise_not:
    case UnaryKind::relu:
    case UnaryKind::clamp:
    case UnaryKind::round: return true;
    default: return false;
  }
}

template <class T>
KernelPtr float_unary(const UnaryFn& unary, DType dtype, std::int64_t count) {
  if (unary.kind == UnaryKind::logical_not || unary.kind == UnaryKind::bitwise_not) return nullptr;
  const auto fn = function_of<Compute<T>>(unary, dtype);
  const bool predicate = is_predicate(unary.kind);
  return make_kernel({"cuda unary"}, [=](const Args& args, const Queue& queue) {
    const T* x = args.in[0].as<T>();
    if (predicate) {
      launch_each(queue, count, UnaryBody<T, bool>{fn, x, args.out[0].as_mutable<bool>()});
    } else {
      launch_each(queue, count, UnaryBody<T, T>{fn, x, args.out[0].as_mutable<T>()});
    }
  });
}

// ---- binary ----

template <class T>
struct BinaryBody {
  BinaryKind kind;
  StridedLoop<2> loop;
  Reader<T> x, y;
  Writer<T> z;
  THAW_HOST_DEVICE void operator()(std::int64_t i) const {
    std::int64_t at[2];
    loop.offsets(i, at);
    z.put(i, apply(kind, x[at[0]], y[at[1]]));
  }
};

template <class T>
struct CompareBody {
  BinaryKind kind;
  StridedLoop<2> loop;
  Reader<T> x, y;
  Writer<bool> z;
  THAW_HOST_DEVICE void operator()(std::int64_t i) const {
    std::int64_t at[2];
    loop.offsets(i, at);
    z.put(i, compare(kind, x[at[0]], y[at[1]]));
  }
};

struct LogicBody {
  BinaryKind kind;
  StridedLoop<2> loop;
  const bool *x, *y;
  bool* z;
  THAW_HOST_DEVICE void operator()(std::int64_t i) const {
    std::int64_t at[2];
    loop.offsets(i, at);
    const bool a = x[at[0]], b = y[at[1]];
    switch (kind) {
      case BinaryKind::logical_and:
      case BinaryKind::bitwise_and: z[i] = a && b; break;
      case BinaryKind::logical_or:
      case BinaryKind::bitwise_or: z[i] = a || b; break;
      default: z[i] = a != b; break;  // xor
    }
  }
};

bool is_logic(BinaryKind kind) {
  return kind == BinaryKind::logical_and || kind == BinaryKind::logical_or ||
         kind == BinaryKind::logical_xor || kind == BinaryKind::bitwise_and ||
         kind == BinaryKind::bitwise_or || kind == BinaryKind::bitwise_xor;
}

/// Sums and products wrap; the quotient of the lowest number and -1 wraps to the lowest number.
template <class T>
struct IntegerBinaryBody {
  using C = Compute<T>;
  using Wide = std::uint64_t;
  BinaryKind kind;
  int most_shift;  // TensorFlow limits the distance to [0, bits - 1]
  StridedLoop<2> loop;
  Reader<T> x, y;
  Writer<T> z;
  Fault* fault;
  std::int32_t step;

  THAW_HOST_DEVICE static bool is_minus_one(C b) {
    return std::is_signed_v<C> && b == static_cast<C>(-1);
  }
  THAW_HOST_DEVICE static C quotient(C a, C b) {
    return is_minus_one(b) ? static_cast<C>(0 - static_cast<Wide>(a)) : static_cast<C>(a / b);
  }
  THAW_HOST_DEVICE static C remainder(C a, C b) {
    return is_minus_one(b) ? C{0} : static_cast<C>(a % b);
  }
  THAW_HOST_DEVICE C divide(C a, C b) const {
    const C rest = remainder(a, b);
    const bool other_signs = rest != 0 && is_negative(a) != is_negative(b);
    switch (kind) {
      case BinaryKind::floor_div: return static_cast<C>(quotient(a, b) - (other_signs ? 1 : 0));
      case BinaryKind::floor_mod: return static_cast<C>(rest + (other_signs ? b : 0));
      case BinaryKind::truncate_mod: return rest;
      default: return quotient(a, b);
    }
  }
  THAW_HOST_DEVICE static C power(C a, C b) {
    Wide base = static_cast<Wide>(a), result = 1;
    for (Wide exponent = static_cast<Wide>(b); exponent > 0; exponent >>= 1) {
      if (exponent & 1) result *= base;
      base *= base;
    }
    return static_cast<C>(result);
  }
  THAW_HOST_DEVICE C shifted(C a, C b) const {
    const int by = is_negative(b)                   ? 0
                   : b > static_cast<C>(most_shift) ? most_shift
                                                    : static_cast<int>(b);
    return kind == BinaryKind::left_shift ? static_cast<C>(static_cast<Wide>(a) << by) : a >> by;
  }

  THAW_HOST_DEVICE C result(C a, C b) const {
    const Wide wide_a = static_cast<Wide>(a), wide_b = static_cast<Wide>(b);
    switch (kind) {
      case BinaryKind::add: return static_cast<C>(wide_a + wide_b);
      case BinaryKind::sub: return static_cast<C>(wide_a - wide_b);
      case BinaryKind::mul:
      case BinaryKind::mul_no_nan: return static_cast<C>(wide_a * wide_b);
      case BinaryKind::maximum: return a > b ? a : b;
      case BinaryKind::minimum: return a < b ? a : b;
      case BinaryKind::squared_difference:
        return static_cast<C>((wide_a - wide_b) * (wide_a - wide_b));
      case BinaryKind::bitwise_and: return a & b;
      case BinaryKind::bitwise_or: return a | b;
      case BinaryKind::bitwise_xor: return a ^ b;
      case BinaryKind::left_shift:
      case BinaryKind::right_shift: return shifted(a, b);
      case BinaryKind::pow: return power(a, b);
      case BinaryKind::div_no_nan: return b == 0 ? C{0} : quotient(a, b);
      default: return divide(a, b);
    }
  }

  THAW_HOST_DEVICE void operator()(std::int64_t i) const {
    std::int64_t at[2];
    loop.offsets(i, at);
    const C a = x[at[0]], b = y[at[1]];
    const bool divides = kind == BinaryKind::div || kind == BinaryKind::truncate_div ||
                         kind == BinaryKind::truncate_mod || kind == BinaryKind::floor_div ||
                         kind == BinaryKind::floor_mod;
    if (divides && b == 0) {
      report(fault, Fault::division_by_zero, step, i, 0, 0);
      z.put(i, C{0});
    } else if (kind == BinaryKind::pow && is_negative(b)) {
      report(fault, Fault::negative_power, step, i, static_cast<std::int64_t>(b), 0);
      z.put(i, C{0});
    } else {
      z.put(i, result(a, b));
    }
  }
};

bool has_integer_form(BinaryKind kind) {
  switch (kind) {
    case BinaryKind::xdivy:
    case BinaryKind::xlogy:
    case BinaryKind::atan2:
    case BinaryKind::logical_and:
    case BinaryKind::logical_or:
    case BinaryKind::logical_xor: return false;
    default: return true;
  }
}

template <template <class> class Body, class T, class Out>
KernelPtr binary_kernel(BinaryKind kind, const StridedLoop<2>& loop) {
  return make_kernel({"cuda binary"}, [=](const Args& args, const Queue& queue) {
    launch_each(queue, loop.count,
                Body<T>{kind, loop, reader<T>(args.in[0]), reader<T>(args.in[1]),
                        writer<Out>(args.out[0])});
  });
}

// ---- select ----

template <class T>
struct SelectBody {
  StridedLoop<3> loop;
  const bool* condition;
  const T *x, *y;
  T* z;
  THAW_HOST_DEVICE void operator()(std::int64_t i) const {
    std::int64_t at[3];
    loop.offsets(i, at);
    z[i] = condition[at[0]] ? x[at[1]] : y[at[2]];
  }
};

}  // namespace

void apply_in_place(const Queue& queue, const UnaryFn& fn, DType dtype, void* y,
                    std::int64_t count) {
  for_floats(dtype, [&](auto tag) -> KernelPtr {
    using T = TypeOf<decltype(tag)>;
    T* data = static_cast<T*>(y);
    launch_each(queue, count, UnaryBody<T, T>{function_of<Compute<T>>(fn, dtype), data, data});
    return nullptr;
  });
}

void add_bias_in_place(const Queue& queue, const UnaryFn& fn, DType dtype, void* y,
                       const void* bias, std::int64_t channels, std::int64_t count) {
  for_floats(dtype, [&](auto tag) -> KernelPtr {
    using T = TypeOf<decltype(tag)>;
    launch_each(queue, count,
                BiasBody<T>{function_of<Compute<T>>(fn, dtype), channels,
                            static_cast<const T*>(bias), static_cast<T*>(y)});
    return nullptr;
  });
}

KernelPtr prepare_unary(const Site& site) {
  const UnaryFn& fn = site.op_as<ops::Unary>().fn;
  const DType dtype = site.in[0].dtype;
  const std::int64_t count = site.in[0].shape.num_elements();
  if (fn.kind == UnaryKind::linear) return prepare_copy(site);
  if (dtype == DType::boolean) {
    if (fn.kind != UnaryKind::logical_not) return nullptr;
    return make_kernel({"cuda unary"}, [=](const Args& args, const Queue& queue) {
      launch_each(queue, count, NotBody{args.in[0].as<bool>(), args.out[0].as_mutable<bool>()});
    });
  }
  if (is_floating(dtype)) {
    return for_floats(
        dtype, [&](auto tag) { return float_unary<TypeOf<decltype(tag)>>(fn, dtype, count); });
  }
  if (!has_integer_form(fn.kind)) return nullptr;
  return for_integers(dtype, [&, kind = fn.kind](auto tag) {
    using T = TypeOf<decltype(tag)>;
    const auto bounds = function_of<double>(fn, dtype);
    const auto low = integer_bound<Compute<T>>(std::ceil(bounds.alpha), dtype);
    const auto high = integer_bound<Compute<T>>(std::floor(bounds.beta), dtype);
    return make_kernel({"cuda unary"}, [=](const Args& args, const Queue& queue) {
      launch_each(
          queue, count,
          IntegerUnaryBody<T>{kind, low, high, reader<T>(args.in[0]), writer<T>(args.out[0])});
    });
  });
}

KernelPtr prepare_binary(const Site& site) {
  const BinaryKind kind = site.op_as<ops::Binary>().kind;
  const DType dtype = site.in[0].dtype;
  const Shape& shape = site.out[0].shape;
  const Ints x = broadcast_strides(site.in[0].shape, shape),
             y = broadcast_strides(site.in[1].shape, shape);
  StridedLoop<2> loop;
  if (!loop.set(shape.dims(), {&x, &y})) return nullptr;
  if (is_comparison(kind)) {
    if (dtype == DType::boolean) return binary_kernel<CompareBody, bool, bool>(kind, loop);
    return for_reals(dtype, [&](auto tag) {
      return binary_kernel<CompareBody, TypeOf<decltype(tag)>, bool>(kind, loop);
    });
  }
  if (dtype == DType::boolean) {
    if (!is_logic(kind)) return nullptr;
    return make_kernel({"cuda binary"}, [=](const Args& args, const Queue& queue) {
      launch_each(queue, loop.count,
                  LogicBody{kind, loop, args.in[0].as<bool>(), args.in[1].as<bool>(),
                            args.out[0].as_mutable<bool>()});
    });
  }
  if (is_floating(dtype)) {
    if (!has_float_form(kind)) return nullptr;
    return for_floats(dtype, [&](auto tag) {
      using T = TypeOf<decltype(tag)>;
      return binary_kernel<BinaryBody, T, T>(kind, loop);
    });
  }
  if (!has_integer_form(kind)) return nullptr;
  const int most_shift = 8 * static_cast<int>(size_of(dtype)) - 1;
  return for_integers(dtype, [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    return make_kernel({"cuda binary", 0, true}, [=](const Args& args, const Queue& queue) {
      launch_each(
          queue, loop.count,
          IntegerBinaryBody<T>{kind, most_shift, loop, reader<T>(args.in[0]), reader<T>(args.in[1]),
                               writer<T>(args.out[0]), queue.fault, queue.step});
    });
  });
}

KernelPtr prepare_select(const Site& site) {
  const Shape& shape = site.out[0].shape;
  const Ints condition = broadcast_strides(site.in[0].shape, shape),
             x = broadcast_strides(site.in[1].shape, shape),
             y = broadcast_strides(site.in[2].shape, shape);
  StridedLoop<3> loop;
  if (!loop.set(shape.dims(), {&condition, &x, &y})) return nullptr;
  return for_storage(site.out[0].dtype, [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    return make_kernel({"cuda select"}, [=](const Args& args, const Queue& queue) {
      launch_each(queue, loop.count,
                  SelectBody<T>{loop, args.in[0].as<bool>(), args.in[1].as<T>(), args.in[2].as<T>(),
                                args.out[0].as_mutable<T>()});
    });
  });
}

}  // namespace thaw::cuda
