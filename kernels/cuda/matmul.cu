#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/matmul.cuh"
#include "kernels/cuda/product.h"
#include "kernels/cuda/table.h"

namespace thaw::cuda {
namespace {

Shape leading(const Shape& shape) {
  const auto& dims = shape.dims();
  return Shape(Ints(dims.begin(), dims.end() - 2));
}

/// Strides of the leading dimensions, scaled from matrices to elements.
Ints batch_strides(const Shape& operand, const Shape& result) {
  Ints strides = broadcast_strides(leading(operand), leading(result));
  const std::int64_t matrix = product(operand, operand.rank() - 2, operand.rank());
  for (std::int64_t& stride : strides) stride *= matrix;
  return strides;
}

}  // namespace

bool product_of(const Site& site, Product& p) {
  const auto& op = site.op_as<ops::MatMul>();
  const Shape &a = site.in[0].shape, &b = site.in[1].shape, &y = site.out[0].shape;
  if (a.rank() < 2 || b.rank() < 2 || y.num_elements() == 0) return false;
  const Ints a_strides = batch_strides(a, y), b_strides = batch_strides(b, y);
  StridedLoop<2> batches;
  if (!batches.set(leading(y).dims(), {&a_strides, &b_strides}) || batches.axes > 1) return false;
  p.m = y[y.rank() - 2];
  p.n = y[y.rank() - 1];
  p.k = a[op.transpose_a ? a.rank() - 2 : a.rank() - 1];
  p.batches = batches.count;
  p.a_stride = batches.axes == 1 ? batches.stride[0][0] : 0;
  p.b_stride = batches.axes == 1 ? batches.stride[1][0] : 0;
  p.transpose_a = op.transpose_a;
  p.transpose_b = op.transpose_b;
  p.has_bias = site.in.size() > 2;
  return p.k > 0;
}

KernelPtr prepare_matmul(const Site& site) {
  const auto& op = site.op_as<ops::MatMul>();
  const Shape &a = site.in[0].shape, &b = site.in[1].shape, &y = site.out[0].shape;
  if (a.rank() < 2 || b.rank() < 2) return nullptr;
  const Ints a_strides = batch_strides(a, y), b_strides = batch_strides(b, y);
  StridedLoop<2> batches;
  if (!batches.set(leading(y).dims(), {&a_strides, &b_strides})) return nullptr;
  const bool has_bias = site.in.size() > 2;
  const std::int64_t count = y.num_elements();
  return for_floats(site.out[0].dtype, [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    MatMulBody<T> body;
    body.batches = batches;
    body.m = y[y.rank() - 2];
    body.n = y[y.rank() - 1];
    body.k = a[op.transpose_a ? a.rank() - 2 : a.rank() - 1];
    body.a_row = op.transpose_a ? 1 : body.k;
    body.a_column = op.transpose_a ? body.m : 1;
    body.b_row = op.transpose_b ? 1 : body.n;
    body.b_column = op.transpose_b ? body.k : 1;
    body.activation = function_of<Compute<T>>(op.activation, site.out[0].dtype);
    return make_kernel({"cuda matmul"}, [=](const Args& args, const Queue& queue) {
      MatMulBody<T> bound = body;
      bound.a = args.in[0].as<T>();
      bound.b = args.in[1].as<T>();
      bound.bias = has_bias ? args.in[2].as<T>() : nullptr;
      bound.y = args.out[0].as_mutable<T>();
      launch_each(queue, count, bound);
    });
  });
}

}  // namespace thaw::cuda
