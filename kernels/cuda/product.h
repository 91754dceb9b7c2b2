// A matrix product as libraries take it: strides between the matrices of a batch.
#pragma once

#include <span>

#include "kernels/cuda/dispatch.h"

namespace thaw::cuda {

struct Product {
  std::int64_t m = 0, n = 0, k = 0, batches = 1;
  std::int64_t a_stride = 0, b_stride = 0;  // elements between matrices; 0: the same one
  bool transpose_a = false, transpose_b = false, has_bias = false;
  // Elements between rows, and between results of a batch; 0: they are dense.
  std::int64_t a_row = 0, b_row = 0, y_row = 0, y_stride = 0;
  // The matrices of a batch lie anywhere: a, b and y are arrays of `batches` pointers to them, in
  // the device's memory. No bias and no activation then.
  bool pointers = false;
};

constexpr int kProductAlgorithms = 4;  // of one product: so many its library is asked for

/// False if the batches of a matmul have no single stride, or nothing is summed.
bool product_of(const Site& site, Product& product);

/// y[i] = fn(y[i]) for floats.
void apply_in_place(const Queue& queue, const UnaryFn& fn, DType dtype, void* y,
                    std::int64_t count);

/// y[i] = fn(y[i] + bias[i mod channels]) for floats; bias may be null.
void add_bias_in_place(const Queue& queue, const UnaryFn& fn, DType dtype, void* y,
                       const void* bias, std::int64_t channels, std::int64_t count);

/// Bytes from one place that the device reaches to another.
struct Copy {
  const void* from = nullptr;
  void* to = nullptr;
  std::int64_t bytes = 0;
};
constexpr std::size_t kMostCopies = 8;
/// In one launch; at most kMostCopies, none of which touches what another writes.
void enqueue_copies(const Queue& queue, std::span<const Copy> copies);
void enqueue_copy(const Queue& queue, const void* from, void* to, std::int64_t bytes);

}  // namespace thaw::cuda
