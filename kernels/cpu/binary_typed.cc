// Binary ops that the float32 kernel does not have: comparisons, integers, bools. Rows of the
// broadcast loop; the compiler vectorises them for each type. Parallel over rows.
#include <cmath>
#include <functional>

#include "kernels/cpu/broadcast.h"
#include "kernels/cpu/kernels.h"
#include "kernels/cpu/plain.h"
#include "kernels/reference/dispatch.h"
#include "runtime/ir/ops.h"

namespace thaw::cpu {
namespace {

using reference::Tag;
using reference::TypeOf;

/// z may be x or y, element for element.
template <class T, class R, class F>
void binary_row(const T* x, std::int64_t x_stride, const T* y, std::int64_t y_stride, R* z,
                std::int64_t count, F f) {
  if (x_stride == 1 && y_stride == 1) {
    for (std::int64_t i = 0; i < count; ++i) z[i] = f(x[i], y[i]);
  } else if (x_stride == 1) {
    const T b = *y;
    for (std::int64_t i = 0; i < count; ++i) z[i] = f(x[i], b);
  } else if (y_stride == 1) {
    const T a = *x;
    for (std::int64_t i = 0; i < count; ++i) z[i] = f(a, y[i]);
  } else {
    const R value = f(*x, *y);
    for (std::int64_t i = 0; i < count; ++i) z[i] = value;
  }
}

template <class T, class R, class F>
std::unique_ptr<Kernel> rows_kernel(const Site& site, F f) {
  const Broadcast<2> loop(site.out[0].shape, {&site.in[0].shape, &site.in[1].shape});
  return plain_kernel("cpu typed binary", [loop, f](const Args& args) {
    const T* x = args.in[0].as<T>();
    const T* y = args.in[1].as<T>();
    R* z = args.out[0].as_mutable<R>();
    parallel_rows(args, loop, 2,
                  [&](std::int64_t row, const auto& at, std::int64_t first, std::int64_t count) {
                    if (count == 0) return;
                    binary_row(x + at[0], loop.row_strides()[0], y + at[1], loop.row_strides()[1],
                               z + row * loop.row_size() + first, count, f);
                  });
  });
}

template <class T>
std::unique_ptr<Kernel> comparison(const Site& site, BinaryKind kind) {
  switch (kind) {
    case BinaryKind::equal: return rows_kernel<T, bool>(site, std::equal_to<T>());
    case BinaryKind::not_equal: return rows_kernel<T, bool>(site, std::not_equal_to<T>());
    case BinaryKind::less: return rows_kernel<T, bool>(site, std::less<T>());
    case BinaryKind::less_equal: return rows_kernel<T, bool>(site, std::less_equal<T>());
    case BinaryKind::greater: return rows_kernel<T, bool>(site, std::greater<T>());
    case BinaryKind::greater_equal: return rows_kernel<T, bool>(site, std::greater_equal<T>());
    default: return nullptr;
  }
}

/// Sums and products wrap, which unsigned arithmetic does without undefined behaviour.
template <class T>
std::unique_ptr<Kernel> integer_function(const Site& site, BinaryKind kind) {
  using U = std::make_unsigned_t<T>;
  const auto wrapped = [](std::uint64_t value) { return static_cast<T>(static_cast<U>(value)); };
  using W = std::uint64_t;
  switch (kind) {
    case BinaryKind::add:
      return rows_kernel<T, T>(site, [=](T x, T y) { return wrapped(W(U(x)) + W(U(y))); });
    case BinaryKind::sub:
      return rows_kernel<T, T>(site, [=](T x, T y) { return wrapped(W(U(x)) - W(U(y))); });
    case BinaryKind::mul:
      return rows_kernel<T, T>(site, [=](T x, T y) { return wrapped(W(U(x)) * W(U(y))); });
    case BinaryKind::maximum:
      return rows_kernel<T, T>(site, [](T x, T y) { return x > y ? x : y; });
    case BinaryKind::minimum:
      return rows_kernel<T, T>(site, [](T x, T y) { return x < y ? x : y; });
    case BinaryKind::bitwise_and:
      return rows_kernel<T, T>(site, [](T x, T y) { return static_cast<T>(x & y); });
    case BinaryKind::bitwise_or:
      return rows_kernel<T, T>(site, [](T x, T y) { return static_cast<T>(x | y); });
    case BinaryKind::bitwise_xor:
      return rows_kernel<T, T>(site, [](T x, T y) { return static_cast<T>(x ^ y); });
    default: return nullptr;
  }
}

std::unique_ptr<Kernel> bool_function(const Site& site, BinaryKind kind) {
  // On bytes of 0 and 1, without a branch.
  using B = std::uint8_t;
  switch (kind) {
    case BinaryKind::logical_and:
    case BinaryKind::bitwise_and:
      return rows_kernel<B, B>(site, [](B x, B y) { return static_cast<B>((x != 0) & (y != 0)); });
    case BinaryKind::logical_or:
    case BinaryKind::bitwise_or:
      return rows_kernel<B, B>(site, [](B x, B y) { return static_cast<B>((x != 0) | (y != 0)); });
    case BinaryKind::logical_xor:
    case BinaryKind::bitwise_xor:
    case BinaryKind::not_equal:
      return rows_kernel<B, B>(site, [](B x, B y) { return static_cast<B>((x != 0) != (y != 0)); });
    case BinaryKind::equal:
      return rows_kernel<B, B>(site, [](B x, B y) { return static_cast<B>((x != 0) == (y != 0)); });
    default: return nullptr;
  }
}

/// What the vector kernel leaves: library functions, in float as the reference has them.
std::unique_ptr<Kernel> float_function(const Site& site, BinaryKind kind) {
  using F = float;
  switch (kind) {
    case BinaryKind::floor_div:
      return rows_kernel<F, F>(site, [](F x, F y) { return std::floor(x / y); });
    case BinaryKind::floor_mod:
      return rows_kernel<F, F>(site, [](F x, F y) {
        const F remainder = std::fmod(x, y);
        return remainder != 0 && (remainder < 0) != (y < 0) ? remainder + y : remainder;
      });
    case BinaryKind::truncate_mod:
      return rows_kernel<F, F>(site, [](F x, F y) { return std::fmod(x, y); });
    case BinaryKind::pow: return rows_kernel<F, F>(site, [](F x, F y) { return std::pow(x, y); });
    case BinaryKind::atan2:
      return rows_kernel<F, F>(site, [](F x, F y) { return std::atan2(x, y); });
    case BinaryKind::xlogy:
      return rows_kernel<F, F>(site, [](F x, F y) { return x == 0 ? F{0} : x * std::log(y); });
    default: return nullptr;
  }
}

std::unique_ptr<Kernel> double_function(const Site& site, BinaryKind kind) {
  using D = double;
  switch (kind) {
    case BinaryKind::add: return rows_kernel<D, D>(site, std::plus<D>());
    case BinaryKind::sub: return rows_kernel<D, D>(site, std::minus<D>());
    case BinaryKind::mul: return rows_kernel<D, D>(site, std::multiplies<D>());
    case BinaryKind::div: return rows_kernel<D, D>(site, std::divides<D>());
    default: return nullptr;
  }
}

}  // namespace

std::unique_ptr<Kernel> prepare_binary_typed(const Site& site) {
  const BinaryKind kind = site.op_as<ops::Binary>().kind;
  const DType dtype = site.in[0].dtype;
  if (dtype == DType::boolean) return bool_function(site, kind);
  if (dtype == DType::float32) {
    if (auto kernel = comparison<float>(site, kind)) return kernel;
    return float_function(site, kind);
  }
  if (dtype == DType::float64) {
    if (auto kernel = comparison<double>(site, kind)) return kernel;
    return double_function(site, kind);
  }
  if (!is_integer(dtype)) return nullptr;
  return reference::for_integers(dtype, [&](auto tag) -> std::unique_ptr<Kernel> {
    using T = TypeOf<decltype(tag)>;
    if (auto kernel = comparison<T>(site, kind)) return kernel;
    return integer_function<T>(site, kind);
  });
}

std::unique_ptr<Kernel> prepare_unary_bool(const Site& site) {
  const std::int64_t count = site.out[0].shape.num_elements();
  const auto make = [count](auto tag, auto f) -> std::unique_ptr<Kernel> {
    using T = TypeOf<decltype(tag)>;
    return plain_kernel("cpu predicate", [count, f](const Args& args) {
      const T* x = args.in[0].as<T>();
      auto* y = args.out[0].as_mutable<bool>();
      parallel(args, count, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) y[i] = f(x[i]);
      });
    });
  };
  const UnaryKind kind = site.op_as<ops::Unary>().fn.kind;
  if (kind == UnaryKind::logical_not && site.in[0].dtype == DType::boolean) {
    return make(Tag<std::uint8_t>{}, [](std::uint8_t x) { return x == 0; });
  }
  if (site.in[0].dtype != DType::float32) return nullptr;
  switch (kind) {
    case UnaryKind::is_nan: return make(Tag<float>{}, [](float x) { return std::isnan(x); });
    case UnaryKind::is_inf: return make(Tag<float>{}, [](float x) { return std::isinf(x); });
    case UnaryKind::is_finite: return make(Tag<float>{}, [](float x) { return std::isfinite(x); });
    default: return nullptr;
  }
}

}  // namespace thaw::cpu
