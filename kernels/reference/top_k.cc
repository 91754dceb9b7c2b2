// The k largest elements of the last axis, largest first whether `sorted` asks for it or not; among
// equal ones the lower index first. A NaN counts as smaller than any number, as in TensorFlow's
// search for k = 1 (for other k TensorFlow's order of NaNs depends on its algorithm).
#include <algorithm>

#include "kernels/reference/prepare.h"

namespace thaw::reference {
namespace {

template <class T>
KernelPtr top_k(std::int64_t rows, std::int64_t size, std::int64_t k) {
  const auto run = [=](const Args& args) {
    auto* order = reinterpret_cast<std::int64_t*>(args.workspace);
    for (std::int64_t row = 0; row < rows; ++row) {
      const T* x = args.in[0].as<T>() + row * size;
      for (std::int64_t i = 0; i < size; ++i) order[i] = i;
      std::partial_sort(order, order + k, order + size, [x](std::int64_t i, std::int64_t j) {
        const Compute<T> a = load(x[i]), b = load(x[j]);
        if (a > b || b > a) return a > b;
        const bool a_nan = a != a, b_nan = b != b;
        return a_nan != b_nan ? b_nan : i < j;
      });
      for (std::int64_t i = 0; i < k; ++i) {
        args.out[0].as_mutable<T>()[row * k + i] = x[order[i]];
        set_integer(args.out[1], row * k + i, order[i]);
      }
    }
  };
  return make_kernel(run, static_cast<std::size_t>(size) * sizeof(std::int64_t));
}

}  // namespace

KernelPtr prepare_top_k(const Site& site) {
  const Shape &x = site.in[0].shape, &y = site.out[0].shape;
  const std::int64_t size = x[x.rank() - 1], k = y[y.rank() - 1];
  const std::int64_t rows = product(x, 0, x.rank() - 1);
  return for_reals(site.in[0].dtype,
                   [&](auto tag) { return top_k<TypeOf<decltype(tag)>>(rows, size, k); });
}

}  // namespace thaw::reference
