// ArgMax and ArgMin. Along contiguous elements: the extreme by vectors, then the first element that
// has it. Along others: many neighbouring lines at a time. Parallel over lines.
#include <algorithm>
#include <limits>

#include "kernels/cpu/common.h"
#include "kernels/cpu/kernels.h"
#include "kernels/cpu/plain.h"
#include "kernels/reference/dispatch.h"
#include "runtime/ir/ops.h"

namespace thaw::cpu {
namespace {

constexpr std::int64_t kApart = 16;  // extremes kept side by side
constexpr std::int64_t kLines = 64;  // lines searched at a time

template <bool Minimum, class T>
bool beats(T value, T best) {
  return Minimum ? value < best : value > best;
}

/// What an element must beat to be taken, as TensorFlow has it: NaNs never do.
template <bool Minimum, class T>
constexpr T weakest() {
  return Minimum ? std::numeric_limits<T>::max() : std::numeric_limits<T>::lowest();
}

template <bool Minimum, class T>
std::int64_t search_row(const T* x, std::int64_t count) {
  T best[kApart];
  std::fill_n(best, kApart, weakest<Minimum, T>());
  std::int64_t i = 0;
  for (; i + kApart <= count; i += kApart) {
    for (std::int64_t p = 0; p < kApart; ++p) {
      best[p] = beats<Minimum>(x[i + p], best[p]) ? x[i + p] : best[p];
    }
  }
  T extreme = best[0];
  for (std::int64_t p = 1; p < kApart; ++p) {
    if (beats<Minimum>(best[p], extreme)) extreme = best[p];
  }
  for (; i < count; ++i) {
    if (beats<Minimum>(x[i], extreme)) extreme = x[i];
  }
  if (extreme == weakest<Minimum, T>()) return 0;  // nothing beat it
  return std::find(x, x + count, extreme) - x;
}

template <bool Minimum, class T, class Index>
void search_lines(const T* x, std::int64_t size, std::int64_t inner, std::int64_t lines, Index* y) {
  T best[kLines];
  Index index[kLines];
  std::fill_n(best, lines, weakest<Minimum, T>());
  std::fill_n(index, lines, Index{0});
  for (std::int64_t i = 0; i < size; ++i, x += inner) {
    for (std::int64_t l = 0; l < lines; ++l) {
      const bool taken = beats<Minimum>(x[l], best[l]);
      best[l] = taken ? x[l] : best[l];
      index[l] = taken ? static_cast<Index>(i) : index[l];
    }
  }
  std::copy_n(index, lines, y);
}

struct ArgShape {
  std::int64_t outer, size, inner;
};

template <bool Minimum, class T, class Index>
std::unique_ptr<Kernel> arg_kernel(const ArgShape& s) {
  return plain_kernel("cpu arg reduce", [s](const Args& args) {
    const T* x = args.in[0].as<T>();
    Index* y = args.out[0].as_mutable<Index>();
    if (s.inner == 1) {
      parallel(args, s.outer, s.size, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t o = begin; o < end; ++o) {
          y[o] = static_cast<Index>(search_row<Minimum>(x + o * s.size, s.size));
        }
      });
      return;
    }
    const std::int64_t groups = ceil_div(s.inner, kLines);
    parallel(args, s.outer * groups, s.size * kLines / 4,
             [&](std::int64_t begin, std::int64_t end) {
               for (std::int64_t i = begin; i < end; ++i) {
                 const std::int64_t o = i / groups, first = i % groups * kLines;
                 search_lines<Minimum>(x + o * s.size * s.inner + first, s.size, s.inner,
                                       std::min(kLines, s.inner - first), y + o * s.inner + first);
               }
             });
  });
}

template <class T>
std::unique_ptr<Kernel> for_index(const ArgShape& shape, bool minimum, DType index) {
  if (index == DType::int32) {
    return minimum ? arg_kernel<true, T, std::int32_t>(shape)
                   : arg_kernel<false, T, std::int32_t>(shape);
  }
  if (index == DType::int64) {
    return minimum ? arg_kernel<true, T, std::int64_t>(shape)
                   : arg_kernel<false, T, std::int64_t>(shape);
  }
  return nullptr;
}

}  // namespace

std::unique_ptr<Kernel> prepare_arg_reduce(const Site& site) {
  const auto& op = site.op_as<ops::ArgReduce>();
  const Shape& x = site.in[0].shape;
  const int axis = static_cast<int>(op.axis < 0 ? op.axis + x.rank() : op.axis);
  const ArgShape shape{product(x, 0, axis), x[axis], product(x, axis + 1, x.rank())};
  if (shape.size == 0) return nullptr;
  switch (site.in[0].dtype) {
    case DType::float32: return for_index<float>(shape, op.minimum, site.out[0].dtype);
    case DType::float64: return for_index<double>(shape, op.minimum, site.out[0].dtype);
    case DType::int32: return for_index<std::int32_t>(shape, op.minimum, site.out[0].dtype);
    case DType::int64: return for_index<std::int64_t>(shape, op.minimum, site.out[0].dtype);
    default: return nullptr;
  }
}

}  // namespace thaw::cpu
