// Unary, binary and select: one thread per element of the result, operands by their strides.
// Element i of an operand that shares the result's memory is read by the thread that writes it.
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

template <class T>
struct IntegerUnaryBody {
  UnaryKind kind;
  const T* x;
  T* y;
  THAW_HOST_DEVICE void operator()(std::int64_t i) const {
    using Wide = std::uint64_t;
    const T value = x[i];
    switch (kind) {
      case UnaryKind::abs:
        y[i] = value < 0 ? static_cast<T>(0 - static_cast<Wide>(value)) : value;
        break;
      case UnaryKind::neg: y[i] = static_cast<T>(0 - static_cast<Wide>(value)); break;
      case UnaryKind::sign: y[i] = static_cast<T>((value > 0) - (value < 0)); break;
      case UnaryKind::square:
        y[i] = static_cast<T>(static_cast<Wide>(value) * static_cast<Wide>(value));
        break;
      case UnaryKind::bitwise_not: y[i] = ~value; break;
      case UnaryKind::relu: y[i] = value < 0 ? T{0} : value; break;
      default: y[i] = value; break;  // round
    }
  }
};

bool has_integer_form(UnaryKind kind) {
  switch (kind) {
    case UnaryKind::abs:
    case UnaryKind::neg:
    case UnaryKind::sign:
    case UnaryKind::square:
    case UnaryKind::bitwise_not:
    case UnaryKind::relu:
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
  const T *x, *y;
  T* z;
  THAW_HOST_DEVICE void operator()(std::int64_t i) const {
    std::int64_t at[2];
    loop.offsets(i, at);
    z[i] = from_compute<T>(apply(kind, to_compute(x[at[0]]), to_compute(y[at[1]])));
  }
};

template <class T>
struct CompareBody {
  BinaryKind kind;
  StridedLoop<2> loop;
  const T *x, *y;
  bool* z;
  THAW_HOST_DEVICE void operator()(std::int64_t i) const {
    std::int64_t at[2];
    loop.offsets(i, at);
    z[i] = compare(kind, to_compute(x[at[0]]), to_compute(y[at[1]]));
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
  BinaryKind kind;
  StridedLoop<2> loop;
  const T *x, *y;
  T* z;
  Fault* fault;
  std::int32_t step;

  THAW_HOST_DEVICE T quotient(T a, T b) const {
    return b == -1 ? static_cast<T>(0 - static_cast<std::uint64_t>(a)) : static_cast<T>(a / b);
  }
  THAW_HOST_DEVICE T remainder(T a, T b) const { return b == -1 ? T{0} : static_cast<T>(a % b); }
  THAW_HOST_DEVICE T divide(T a, T b) const {
    const T rest = remainder(a, b);
    const bool other_signs = rest != 0 && (a < 0) != (b < 0);
    switch (kind) {
      case BinaryKind::floor_div: return static_cast<T>(quotient(a, b) - (other_signs ? 1 : 0));
      case BinaryKind::floor_mod: return static_cast<T>(rest + (other_signs ? b : 0));
      case BinaryKind::truncate_mod: return rest;
      default: return quotient(a, b);
    }
  }

  THAW_HOST_DEVICE T result(T a, T b) const {
    using Wide = std::uint64_t;
    const Wide wide_a = static_cast<Wide>(a), wide_b = static_cast<Wide>(b);
    switch (kind) {
      case BinaryKind::add: return static_cast<T>(wide_a + wide_b);
      case BinaryKind::sub: return static_cast<T>(wide_a - wide_b);
      case BinaryKind::mul:
      case BinaryKind::mul_no_nan: return static_cast<T>(wide_a * wide_b);
      case BinaryKind::maximum: return a > b ? a : b;
      case BinaryKind::minimum: return a < b ? a : b;
      case BinaryKind::squared_difference:
        return static_cast<T>((wide_a - wide_b) * (wide_a - wide_b));
      case BinaryKind::bitwise_and: return a & b;
      case BinaryKind::bitwise_or: return a | b;
      case BinaryKind::bitwise_xor: return a ^ b;
      case BinaryKind::div_no_nan: return b == 0 ? T{0} : quotient(a, b);
      default: return divide(a, b);
    }
  }

  THAW_HOST_DEVICE void operator()(std::int64_t i) const {
    std::int64_t at[2];
    loop.offsets(i, at);
    const T a = x[at[0]], b = y[at[1]];
    const bool divides = kind == BinaryKind::div || kind == BinaryKind::truncate_div ||
                         kind == BinaryKind::truncate_mod || kind == BinaryKind::floor_div ||
                         kind == BinaryKind::floor_mod;
    if (divides && b == 0) {
      report(fault, Fault::division_by_zero, step, i, 0, 0);
      z[i] = 0;
    } else {
      z[i] = result(a, b);
    }
  }
};

bool has_integer_form(BinaryKind kind) {
  switch (kind) {
    case BinaryKind::xdivy:
    case BinaryKind::xlogy:
    case BinaryKind::atan2:
    case BinaryKind::pow:  // a negative exponent is an error of its own
    case BinaryKind::left_shift:
    case BinaryKind::right_shift:
    case BinaryKind::logical_and:
    case BinaryKind::logical_or:
    case BinaryKind::logical_xor: return false;
    default: return true;
  }
}

template <template <class> class Body, class T, class Out>
KernelPtr binary_kernel(BinaryKind kind, const StridedLoop<2>& loop) {
  return make_kernel({"cuda binary"}, [=](const Args& args, const Queue& queue) {
    launch_each(
        queue, loop.count,
        Body<T>{kind, loop, args.in[0].as<T>(), args.in[1].as<T>(), args.out[0].as_mutable<Out>()});
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
    return make_kernel({"cuda unary"}, [=](const Args& args, const Queue& queue) {
      launch_each(queue, count,
                  IntegerUnaryBody<T>{kind, args.in[0].as<T>(), args.out[0].as_mutable<T>()});
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
  return for_integers(dtype, [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    return make_kernel({"cuda binary", 0, true}, [=](const Args& args, const Queue& queue) {
      launch_each(queue, loop.count,
                  IntegerBinaryBody<T>{kind, loop, args.in[0].as<T>(), args.in[1].as<T>(),
                                       args.out[0].as_mutable<T>(), queue.fault, queue.step});
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
