// Products by cuBLASLt.
#include "kernels/cuda/libraries.h"
#include "kernels/cuda/lt_product.h"

namespace thaw::cuda {

KernelPtr prepare_matmul_cublaslt(const Site& site) {
  Product p;
  const DType dtype = site.out[0].dtype;
  if (!is_floating(dtype) || !product_of(site, p)) return nullptr;
  const CublasLt* lt = cublaslt();
  LtProduct product;
  if (lt == nullptr || !product.prepare(*lt, p, dtype, site.op_as<ops::MatMul>().activation)) {
    return nullptr;
  }
  const bool has_bias = p.has_bias;
  return make_kernel({"cublaslt matmul", product.workspace()},
                     [product, has_bias](const Args& args, const Queue& queue) {
                       product.enqueue(queue, args.in[0].data, args.in[1].data,
                                       has_bias ? args.in[2].data : nullptr, args.out[0].data,
                                       args.workspace);
                     });
}

}  // namespace thaw::cuda
