// Cumulative sums and products along an axis.
#include "kernels/reference/along_axis.h"
#include "kernels/reference/prepare.h"

namespace thaw::reference {
namespace {

template <class T>
void scan(const Lines& lines, const ops::Scan& op, const T* x, T* y) {
  const bool sum = op.kind == ScanKind::sum;
  lines.each([&](std::int64_t first, std::int64_t) {
    Accumulator<T> total = sum ? Accumulator<T>{0} : Accumulator<T>{1};
    for (std::int64_t i = 0; i < lines.size; ++i) {
      const std::int64_t at = first + (op.reverse ? lines.size - 1 - i : i) * lines.inner;
      const Accumulator<T> before = total;
      if (sum)
        total += load_wide(x[at]);
      else
        total *= load_wide(x[at]);
      y[at] = store<T>(op.exclusive ? before : total);
    }
  });
}

}  // namespace

KernelPtr prepare_scan(const Site& site) {
  const auto op = site.op_as<ops::Scan>();
  const Lines lines(site.in[0].shape, op.axis);
  return for_numbers(site.in[0].dtype, [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    return make_kernel([lines, op](const Args& args) {
      scan(lines, op, args.in[0].as<T>(), args.out[0].as_mutable<T>());
    });
  });
}

}  // namespace thaw::reference
