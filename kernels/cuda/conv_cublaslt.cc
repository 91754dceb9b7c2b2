// Convolutions as products by cuBLASLt: what the window sees at each pixel becomes a row of a
// matrix in the workspace, as many images at a time as that has room for. A window of one pixel
// needs no matrix. Weights [K..., C, O] are one already.
#include "kernels/cuda/libraries.h"
#include "kernels/cuda/lt_product.h"
#include "kernels/cuda/narrow.h"
#include "kernels/cuda/window.cuh"
#include "runtime/base/memory.h"

namespace thaw::cuda {
KernelPtr prepare_conv_cublaslt(const Site& site, const Device& device,
                                std::int64_t most_column_bytes, Precision precision, int rank) {
  const auto& op = site.op_as<ops::Conv>();
  const Shape &x = site.in[0].shape, &weights = site.in[1].shape, &y = site.out[0].shape;
  const DType dtype = site.out[0].dtype, storage = storage_of(precision, dtype);
  const bool narrow = storage != dtype;
  Window window;
  if (op.groups != 1 || !is_floating(dtype) || x.num_elements() == 0 || y.num_elements() == 0 ||
      !window.set(x, y, spatial_dims(weights), op.strides, op.dilations, op.padding)) {
    return nullptr;
  }
  const CublasLt* lt = cublaslt();
  if (lt == nullptr) return nullptr;
  const std::int64_t channels = x[x.rank() - 1], images = x[0];
  const auto element = static_cast<std::int64_t>(size_of(storage));
  Product p;
  p.n = y[y.rank() - 1];
  p.k = channels * product(weights, 0, weights.rank() - 2);
  p.has_bias = site.in.size() > 2;
  const bool pointwise = window.is_pointwise();
  const std::int64_t chunk =
      pointwise ? images
                : images_at_once(images, window.small_volume * p.k * element, most_column_bytes);
  if (chunk == 0) return nullptr;
  p.m = chunk * window.small_volume;
  LtProduct lt_product;
  LtOptions options;
  options.activation = op.activation;
  options.precision = precision;
  options.into_float32 = narrow;
  options.rank = rank;
  NarrowPair operands;  // pixels and taps
  if (!lt_product.prepare(*lt, p, storage, options) ||
      (narrow && !operands.set(site, storage, device))) {
    return nullptr;
  }
  const std::size_t columns =
      pointwise ? 0 : align_up(static_cast<std::size_t>(p.m * p.k * element));
  const std::int64_t x_bytes = chunk * window.large_volume * channels * element;
  const std::int64_t y_bytes = p.m * p.n * static_cast<std::int64_t>(size_of(dtype));
  // The library counts on aligned results.
  if (chunk < images && y_bytes % static_cast<std::int64_t>(kAlignment) != 0) return nullptr;
  const auto run = [=](const Args& args, const Queue& queue) {
    const void *bias = p.has_bias ? args.in[2].data : nullptr, *source = args.in[0].data;
    const void* b = args.in[1].data;
    std::byte* room = args.workspace;
    if (narrow) operands.bring(queue, source, b, room);
    for (std::int64_t i = 0; i < images / chunk; ++i) {
      const std::byte* from = static_cast<const std::byte*>(source) + i * x_bytes;
      std::byte* to = static_cast<std::byte*>(args.out[0].data) + i * y_bytes;
      const void* a = from;
      if (!pointwise) {
        enqueue_columns(queue, window, chunk, channels, storage, from, room);
        a = room;
      }
      lt_product.enqueue(queue, a, b, bias, to, room + columns);
    }
  };
  KernelTraits traits{narrow ? "cublaslt conv, 16 bits" : "cublaslt conv"};
  traits.workspace = columns + lt_product.workspace();
  if (narrow) {
    traits.workspace += operands.workspace();
    traits.packed = operands.packed();
  }
  return make_kernel(traits, run);
}

}  // namespace thaw::cuda
