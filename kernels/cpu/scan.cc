// Cumulative sums and products: lines that lie side by side advance together. float32 accumulates
// in double. Parallel over groups of lines.
#include <algorithm>
#include <type_traits>

#include "kernels/cpu/common.h"
#include "kernels/cpu/kernels.h"
#include "kernels/cpu/plain.h"
#include "runtime/ir/ops.h"

namespace thaw::cpu {
namespace {

constexpr std::int64_t kTogether = 32;

struct ScanShape {
  std::int64_t outer, size, inner;
  bool sum, exclusive, reverse;
};

template <class T>
using Total = std::conditional_t<std::is_floating_point_v<T>, double, std::uint64_t>;

template <class T, bool Sum, bool Exclusive>
void scan_lines(const T* x, T* y, std::int64_t size, std::int64_t step, std::int64_t lines) {
  Total<T> totals[kTogether];
  std::fill_n(totals, lines, Total<T>(Sum ? 0 : 1));
  for (std::int64_t i = 0; i < size; ++i, x += step, y += step) {
    for (std::int64_t l = 0; l < lines; ++l) {
      const Total<T> before = totals[l], value = static_cast<Total<T>>(x[l]);
      totals[l] = Sum ? before + value : before * value;
      y[l] = static_cast<T>(Exclusive ? before : totals[l]);
    }
  }
}

template <class T>
void scan_group(const ScanShape& s, const T* x, T* y, std::int64_t lines) {
  const std::int64_t last = (s.size - 1) * s.inner, step = s.reverse ? -s.inner : s.inner;
  if (s.reverse) x += last, y += last;
  if (s.sum) {
    s.exclusive ? scan_lines<T, true, true>(x, y, s.size, step, lines)
                : scan_lines<T, true, false>(x, y, s.size, step, lines);
  } else {
    s.exclusive ? scan_lines<T, false, true>(x, y, s.size, step, lines)
                : scan_lines<T, false, false>(x, y, s.size, step, lines);
  }
}

template <class T>
std::unique_ptr<Kernel> scan_kernel(const ScanShape& s) {
  return plain_kernel("cpu scan", [s](const Args& args) {
    const T* x = args.in[0].as<T>();
    T* y = args.out[0].as_mutable<T>();
    const std::int64_t groups = ceil_div(s.inner, kTogether);
    parallel(args, s.outer * groups, 2 * s.size * std::min(kTogether, s.inner),
             [&](std::int64_t begin, std::int64_t end) {
               for (std::int64_t i = begin; i < end; ++i) {
                 const std::int64_t first = i % groups * kTogether;
                 const std::int64_t at = i / groups * s.size * s.inner + first;
                 scan_group(s, x + at, y + at, std::min(kTogether, s.inner - first));
               }
             });
  });
}

}  // namespace

std::unique_ptr<Kernel> prepare_scan(const Site& site) {
  const auto& op = site.op_as<ops::Scan>();
  const Shape& x = site.in[0].shape;
  if (x.rank() == 0 || x.num_elements() == 0) return nullptr;
  const int axis = static_cast<int>(op.axis < 0 ? op.axis + x.rank() : op.axis);
  const ScanShape shape{product(x, 0, axis),      x[axis],      product(x, axis + 1, x.rank()),
                        op.kind == ScanKind::sum, op.exclusive, op.reverse};
  switch (site.in[0].dtype) {
    case DType::float32: return scan_kernel<float>(shape);
    case DType::float64: return scan_kernel<double>(shape);
    case DType::int32: return scan_kernel<std::int32_t>(shape);
    case DType::int64: return scan_kernel<std::int64_t>(shape);
    default: return nullptr;
  }
}

}  // namespace thaw::cpu
