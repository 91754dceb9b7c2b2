// Reductions of integers and bools over neighbouring axes: contiguous elements are summed up,
// others row after row into the results. Sums and products wrap. Parallel over results.
#include <algorithm>
#include <limits>

#include "kernels/cpu/kernels.h"
#include "kernels/cpu/plain.h"
#include "kernels/cpu/rows.h"
#include "kernels/reference/dispatch.h"
#include "runtime/ir/ops.h"

namespace thaw::cpu {
namespace {

constexpr std::int64_t kWidth = 256;  // results that advance together

template <class T, class F>
std::unique_ptr<Kernel> fold_kernel(const Blocks& b, T start, F f) {
  return plain_kernel("cpu typed reduce", [b, start, f](const Args& args) {
    const T* x = args.in[0].as<T>();
    T* y = args.out[0].as_mutable<T>();
    const std::int64_t groups = ceil_div(b.inner, kWidth);
    parallel(args, b.outer * groups, b.middle * std::min(b.inner, kWidth) / 2,
             [&](std::int64_t begin, std::int64_t end) {
               for (std::int64_t i = begin; i < end; ++i) {
                 const std::int64_t o = i / groups, first = i % groups * kWidth;
                 const std::int64_t width = std::min(kWidth, b.inner - first);
                 const T* from = x + o * b.middle * b.inner + first;
                 if (width == 1) {
                   T total = start;
                   for (std::int64_t k = 0; k < b.middle; ++k) total = f(total, from[k * b.inner]);
                   y[o * b.inner + first] = total;
                   continue;
                 }
                 T* to = y + o * b.inner + first;
                 std::fill_n(to, width, start);
                 for (std::int64_t k = 0; k < b.middle; ++k, from += b.inner) {
                   for (std::int64_t j = 0; j < width; ++j) to[j] = f(to[j], from[j]);
                 }
               }
             });
  });
}

template <class T>
std::unique_ptr<Kernel> integer_kernel(ReduceKind kind, const Blocks& b) {
  using W = std::uint64_t;
  using Limits = std::numeric_limits<T>;
  switch (kind) {
    case ReduceKind::sum:
      return fold_kernel<T>(b, 0, [](T s, T x) { return static_cast<T>(W(s) + W(x)); });
    case ReduceKind::prod:
      return fold_kernel<T>(b, 1, [](T s, T x) { return static_cast<T>(W(s) * W(x)); });
    case ReduceKind::max:
      return fold_kernel<T>(b, Limits::lowest(), [](T s, T x) { return x > s ? x : s; });
    case ReduceKind::min:
      return fold_kernel<T>(b, Limits::max(), [](T s, T x) { return x < s ? x : s; });
    default: return nullptr;
  }
}

}  // namespace

std::unique_ptr<Kernel> prepare_reduce_typed(const Site& site) {
  const Shape& x = site.in[0].shape;
  const ReduceKind kind = site.op_as<ops::Reduce>().kind;
  if (x.num_elements() == 0) return nullptr;
  const std::optional<Blocks> blocks = blocks_of(x, site.ints(1));
  if (!blocks) return nullptr;
  if (site.in[0].dtype == DType::boolean) {
    using B = std::uint8_t;
    if (kind == ReduceKind::all) {
      return fold_kernel<B>(*blocks, 1, [](B s, B v) { return static_cast<B>(s & (v != 0)); });
    }
    if (kind == ReduceKind::any) {
      return fold_kernel<B>(*blocks, 0, [](B s, B v) { return static_cast<B>(s | (v != 0)); });
    }
    return nullptr;
  }
  switch (site.in[0].dtype) {
    case DType::int32: return integer_kernel<std::int32_t>(kind, *blocks);
    case DType::int64: return integer_kernel<std::int64_t>(kind, *blocks);
    default: return nullptr;
  }
}

}  // namespace thaw::cpu
