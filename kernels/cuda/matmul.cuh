// Products by the definition: one thread per element of the result. The plain end of the list of
// implementations, and the input projection of recurrent layers.
#pragma once

#include "kernels/cuda/functions.cuh"
#include "kernels/cuda/strided.h"

namespace thaw::cuda {

/// y[b, i, j] = activation(sum over k of a[b, i, k] b[b, k, j] + bias[j]).
template <class T, class Out = T, class Bias = T>
struct MatMulBody {
  using C = Compute<T>;
  StridedLoop<2> batches;  // offsets of the matrices of a and b
  std::int64_t m = 0, n = 0, k = 0;
  std::int64_t a_row = 0, a_column = 0, b_row = 0, b_column = 0;  // strides as they are used
  Function<C> activation;
  const T *a = nullptr, *b = nullptr;
  const Bias* bias = nullptr;  // may be null
  Out* y = nullptr;

  THAW_HOST_DEVICE void operator()(std::int64_t at) const {
    const std::int64_t column = at % n, row = at / n % m;
    std::int64_t start[2];
    batches.offsets(at / n / m, start);
    const T* left = a + start[0] + row * a_row;
    const T* right = b + start[1] + column * b_column;
    C sum = bias == nullptr ? C{0} : static_cast<C>(to_compute(bias[column]));
    for (std::int64_t i = 0; i < k; ++i) {
      sum += to_compute(left[i * a_column]) * to_compute(right[i * b_row]);
    }
    y[at] = from_compute<Out>(activate(activation, sum));
  }
};

}  // namespace thaw::cuda
