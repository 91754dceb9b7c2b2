// Small helpers that all kernels of this backend share.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/kernel.h"

namespace thaw::cpu {

/// Fewer elementary operations than this are not worth waking a thread for.
constexpr std::int64_t kParallelWork = 1 << 15;

/// Splits [0, count) over the pool when count * cost reaches two threads' worth of work.
template <class Body>
void parallel(const Args& args, std::int64_t count, std::int64_t cost, const Body& body) {
  if (count <= 0) return;
  const std::int64_t grain =
      std::max<std::int64_t>(1, kParallelWork / std::max<std::int64_t>(1, cost));
  if (args.pool == nullptr || count <= grain) {
    body(std::int64_t{0}, count);
  } else {
    args.pool->parallel_for(count, grain, body);
  }
}

constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// Product of dims [begin, end).
inline std::int64_t product(const Shape& shape, int begin, int end) {
  std::int64_t result = 1;
  for (int axis = begin; axis < end; ++axis) result *= shape[axis];
  return result;
}

/// Every operand and every result is float32.
inline bool all_float32(const Site& site) {
  const auto is_float = [](const TensorType& type) { return type.dtype == DType::float32; };
  return std::all_of(site.in.begin(), site.in.end(), is_float) &&
         std::all_of(site.out.begin(), site.out.end(), is_float);
}

}  // namespace thaw::cpu
