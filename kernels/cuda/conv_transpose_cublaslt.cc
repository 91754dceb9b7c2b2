// Transposed convolutions as products by cuBLASLt: what each pixel adds to all places under its
// window is a row of a matrix in the workspace, whose parts each pixel of the result then sums. No
// two threads write one place, so that the order of sums is fixed. Weights [K..., O, C] are a
// matrix already, turned.
#include "kernels/cuda/libraries.h"
#include "kernels/cuda/lt_product.h"
#include "kernels/cuda/narrow.h"
#include "kernels/cuda/window.cuh"
#include "runtime/base/memory.h"

namespace thaw::cuda {
namespace {

/// Images by the chunk.
struct Chunks {
  std::int64_t images = 0, count = 0, out_channels = 0;  // count: of chunks; images: of each
  std::int64_t x_bytes = 0, y_bytes = 0;                 // of a chunk
  std::size_t column_bytes = 0;
};

/// What the window's parts are summed in.
DType column_type(DType dtype) { return dtype == DType::float64 ? DType::float64 : DType::float32; }

}  // namespace

KernelPtr prepare_conv_transpose_cublaslt(const Site& site, const Device& device,
                                          std::int64_t most_column_bytes, Precision precision,
                                          int rank) {
  const auto& op = site.op_as<ops::ConvTranspose>();
  const Shape &x = site.in[0].shape, &weights = site.in[1].shape, &y = site.out[0].shape;
  const DType dtype = site.out[0].dtype, storage = storage_of(precision, dtype);
  const bool narrow = storage != dtype, has_bias = site.in.size() > 3;
  Window window;
  if (!is_floating(dtype) || x.num_elements() == 0 || y.num_elements() == 0 ||
      !window.set(y, x, spatial_dims(weights), op.strides, op.dilations, op.padding)) {
    return nullptr;
  }
  const CublasLt* lt = cublaslt();
  if (lt == nullptr) return nullptr;
  Chunks chunks;
  chunks.out_channels = y[y.rank() - 1];
  Product p;
  p.n = chunks.out_channels * product(weights, 0, weights.rank() - 2);
  p.k = x[x.rank() - 1];
  p.transpose_b = true;
  const auto column = static_cast<std::int64_t>(size_of(column_type(dtype)));
  chunks.images = images_at_once(x[0], window.small_volume * p.n * column, most_column_bytes);
  if (chunks.images == 0) return nullptr;
  chunks.count = x[0] / chunks.images;
  p.m = chunks.images * window.small_volume;
  chunks.x_bytes = p.m * p.k * static_cast<std::int64_t>(size_of(storage));
  chunks.y_bytes = chunks.images * window.large_volume * chunks.out_channels *
                   static_cast<std::int64_t>(size_of(dtype));
  chunks.column_bytes = align_up(static_cast<std::size_t>(p.m * p.n * column));
  // The library counts on aligned operands.
  if (chunks.count > 1 && chunks.x_bytes % static_cast<std::int64_t>(kAlignment) != 0) {
    return nullptr;
  }
  LtProduct product;
  LtOptions options;
  options.precision = precision;
  options.into_float32 = storage != DType::float64;
  options.rank = rank;
  NarrowPair operands;  // pixels and taps
  if (!product.prepare(*lt, p, storage, options) ||
      (narrow && !operands.set(site, storage, device))) {
    return nullptr;
  }
  KernelTraits traits{narrow ? "cublaslt conv transpose, 16 bits" : "cublaslt conv transpose"};
  traits.workspace = chunks.column_bytes + product.workspace();
  if (narrow) {
    traits.workspace += operands.workspace();
    traits.packed = operands.packed();
  }
  return make_kernel(traits, [=](const Args& args, const Queue& queue) {
    const void *source = args.in[0].data, *b = args.in[1].data;
    std::byte* room = args.workspace;
    if (narrow) operands.bring(queue, source, b, room);
    for (std::int64_t i = 0; i < chunks.count; ++i) {
      const auto* from = static_cast<const std::byte*>(source) + i * chunks.x_bytes;
      auto* to = static_cast<std::byte*>(args.out[0].data) + i * chunks.y_bytes;
      product.enqueue(queue, from, b, nullptr, room, room + chunks.column_bytes);
      enqueue_from_columns(queue, window, chunks.images, chunks.out_channels, dtype, room,
                           has_bias ? args.in[3].data : nullptr, to);
    }
  });
}

}  // namespace thaw::cuda
