// Products by this room's own kernels: a thread per element of the result; for a single row, which
// no tile of a larger product fits, a block per few columns.
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

/// One row times a matrix [k, n] and a bias: the threads of a block share the sums of neighbouring
/// columns over k. Nothing is reused, so that all is said with how many elements are under way.
template <class T, class Out>
struct RowProductBody {
  using C = Compute<T>;
  static constexpr int kLeastBlocks = 1;  // registers for all values
  static constexpr int kColumns = 8;      // 32 bytes of float32: what the memory gives at least
  static constexpr int kShares = kThreads / kColumns, kAhead = 8;
  std::int64_t n = 0, k = 0;
  Function<C> activation;
  const T *a = nullptr, *b = nullptr;
  const Out* bias = nullptr;  // may be null
  Out* y = nullptr;

  THAW_DEVICE void operator()(const Block& block, std::int64_t i) const {
    C* const sums = block.template shared<C>();  // [share][column]
    const std::int64_t first = i * kColumns;
    block.each(kThreads, [&](std::int64_t j) {
      const std::int64_t column = first + j % kColumns;
      sums[j] = column < n ? share_of(j / kColumns, column) : C{0};
    });
    for (int half = kShares / 2; half > 0; half /= 2) {
      block.each(half * kColumns, [&](std::int64_t j) { sums[j] += sums[j + half * kColumns]; });
    }
    block.each(kColumns, [&](std::int64_t j) {
      if (first + j >= n) return;
      const C sum = bias == nullptr ? sums[j] : sums[j] + to_compute(bias[first + j]);
      y[first + j] = from_compute<Out>(activate(activation, sum));
    });
  }

  THAW_DEVICE C share_of(std::int64_t share, std::int64_t column) const {
    C sum = 0;
    for (std::int64_t row = share; row < k; row += kShares * kAhead) {
      C left[kAhead], right[kAhead];
      THAW_UNROLL for (int u = 0; u < kAhead; ++u) {
        const std::int64_t at = row + u * kShares;
        left[u] = at < k ? to_compute(a[at]) : C{0};
        right[u] = at < k ? to_compute(b[at * n + column]) : C{0};
      }
      THAW_UNROLL for (int u = 0; u < kAhead; ++u) sum += left[u] * right[u];
    }
    return sum;
  }
};

template <class T, class Out>
KernelPtr row_product(const Site& site, std::int64_t n, std::int64_t k, bool has_bias) {
  using Body = RowProductBody<T, Out>;
  Body body;
  body.n = n;
  body.k = k;
  body.activation =
      function_of<Compute<T>>(site.op_as<ops::MatMul>().activation, site.out[0].dtype);
  return make_kernel({"cuda matmul, one row"}, [=](const Args& args, const Queue& queue) {
    Body bound = body;
    bound.a = args.in[0].template as<T>();
    bound.b = args.in[1].template as<T>();
    bound.bias = has_bias ? args.in[2].template as<Out>() : nullptr;
    bound.y = args.out[0].template as_mutable<Out>();
    launch_blocks(queue, (n + Body::kColumns - 1) / Body::kColumns, kThreads * sizeof(Compute<T>),
                  bound);
  });
}

/// Out: of the bias and the result.
template <class T, class Out = T>
KernelPtr matmul_kernel(const Site& site, const StridedLoop<2>& batches) {
  const auto& op = site.op_as<ops::MatMul>();
  const Shape &a = site.in[0].shape, &b = site.in[1].shape, &y = site.out[0].shape;
  const bool has_bias = site.in.size() > 2;
  const std::int64_t count = y.num_elements();
  if (count > 0 && count == y[y.rank() - 1] && !op.transpose_b) {
    return row_product<T, Out>(site, count, b[b.rank() - 2], has_bias);
  }
  MatMulBody<T, Out, Out> body;
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
    MatMulBody<T, Out, Out> bound = body;
    bound.a = args.in[0].template as<T>();
    bound.b = args.in[1].template as<T>();
    bound.bias = has_bias ? args.in[2].template as<Out>() : nullptr;
    bound.y = args.out[0].template as_mutable<Out>();
    launch_each(queue, count, bound);
  });
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
  const Shape &a = site.in[0].shape, &b = site.in[1].shape, &y = site.out[0].shape;
  if (a.rank() < 2 || b.rank() < 2) return nullptr;
  const Ints a_strides = batch_strides(a, y), b_strides = batch_strides(b, y);
  StridedLoop<2> batches;
  if (!batches.set(leading(y).dims(), {&a_strides, &b_strides})) return nullptr;
  return for_floats(site.in[0].dtype, [&](auto tag) -> KernelPtr {
    using T = TypeOf<decltype(tag)>;
    if constexpr (kIsHalf<T>) {
      if (site.out[0].dtype == DType::float32) return matmul_kernel<T, float>(site, batches);
    }
    return matmul_kernel<T>(site, batches);
  });
}

}  // namespace thaw::cuda
