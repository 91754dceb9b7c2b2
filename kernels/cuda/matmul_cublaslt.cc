// Products by cuBLASLt.
#include "kernels/cuda/libraries.h"
#include "kernels/cuda/lt_product.h"
#include "kernels/cuda/narrow.h"

namespace thaw::cuda {

KernelPtr prepare_matmul_cublaslt(const Site& site, Precision precision, int rank) {
  Product p;
  const DType dtype = site.in[0].dtype;
  if (!is_floating(dtype) || !product_of(site, p)) return nullptr;
  const CublasLt* lt = cublaslt();
  LtProduct product;
  LtOptions options;
  options.activation = site.op_as<ops::MatMul>().activation;
  options.precision = precision;
  options.into_float32 = site.out[0].dtype != dtype;
  options.rank = rank;
  if (lt == nullptr || !product.prepare(*lt, p, dtype, options)) return nullptr;
  const bool has_bias = p.has_bias;
  return make_kernel({"cublaslt matmul", product.workspace()},
                     [product, has_bias](const Args& args, const Queue& queue) {
                       product.enqueue(queue, args.in[0].data, args.in[1].data,
                                       has_bias ? args.in[2].data : nullptr, args.out[0].data,
                                       args.workspace);
                     });
}

KernelPtr prepare_matmul_narrow(const Site& site, const Device& device, Precision precision,
                                int rank) {
  Product p;
  const DType dtype = site.in[0].dtype, storage = storage_of(precision, dtype);
  if (storage == dtype || !product_of(site, p)) return nullptr;
  const CublasLt* lt = cublaslt();
  LtProduct product;
  LtOptions options;
  options.activation = site.op_as<ops::MatMul>().activation;
  options.into_float32 = true;
  options.rank = rank;
  NarrowPair operands;
  if (lt == nullptr || !product.prepare(*lt, p, storage, options) ||
      !operands.set(site, storage, device)) {
    return nullptr;
  }
  KernelTraits traits{"cublaslt matmul, 16 bits"};
  traits.workspace = operands.workspace() + product.workspace();
  traits.packed = operands.packed();
  const bool has_bias = p.has_bias;
  return make_kernel(traits, [=](const Args& args, const Queue& queue) {
    std::byte* room = args.workspace;
    const void *a = args.in[0].data, *b = args.in[1].data;
    operands.bring(queue, a, b, room);
    product.enqueue(queue, a, b, has_bias ? args.in[2].data : nullptr, args.out[0].data, room);
  });
}

Projection cublaslt_projection(const Product& p, DType dtype) {
  const CublasLt* lt = cublaslt();
  LtProduct product;
  LtOptions options;
  options.into_float32 = true;
  if (lt == nullptr || !product.prepare(*lt, p, dtype, options)) return {};
  return {product.workspace(),
          [product](const Queue& queue, const void* a, const void* b, float* y,
                    std::byte* workspace) { product.enqueue(queue, a, b, nullptr, y, workspace); }};
}

}  // namespace thaw::cuda
