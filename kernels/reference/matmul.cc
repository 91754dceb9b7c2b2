// y = activation(a b + bias); leading dimensions broadcast. One row of results accumulates at a
// time, in the workspace.
#include "kernels/reference/prepare.h"
#include "kernels/reference/scalar.h"
#include "runtime/base/check.h"

namespace thaw::reference {
namespace {

struct MatMulPlan {
  NestedLoop<3> batches;
  std::int64_t m = 0, k = 0, n = 0;
  std::int64_t a_row = 0, a_column = 0, b_row = 0, b_column = 0;  // strides of the used orientation
  bool has_bias = false;
  UnaryFn activation;
};

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

MatMulPlan plan_matmul(const Site& site) {
  const auto& op = site.op_as<ops::MatMul>();
  const Shape &a = site.in[0].shape, &b = site.in[1].shape, &y = site.out[0].shape;
  THAW_CHECK(a.rank() >= 2 && b.rank() >= 2 && y.rank() >= 2, "matmul of {} and {}", a.to_string(),
             b.to_string());
  MatMulPlan plan;
  plan.batches = NestedLoop<3>(leading(y).dims(),
                               {batch_strides(a, y), batch_strides(b, y), batch_strides(y, y)});
  plan.m = y[y.rank() - 2];
  plan.n = y[y.rank() - 1];
  plan.k = a[op.transpose_a ? a.rank() - 2 : a.rank() - 1];
  plan.a_row = op.transpose_a ? 1 : plan.k;
  plan.a_column = op.transpose_a ? plan.m : 1;
  plan.b_row = op.transpose_b ? 1 : plan.n;
  plan.b_column = op.transpose_b ? plan.k : 1;
  plan.has_bias = site.in.size() > 2;
  plan.activation = rounded_to(site.out[0].dtype, op.activation);
  return plan;
}

template <class T, class Out>
void multiply(const MatMulPlan& plan, const T* a, const T* b, const Out* bias, Out* y,
              Accumulator<T>* row) {
  for (std::int64_t i = 0; i < plan.m; ++i) {
    for (std::int64_t j = 0; j < plan.n; ++j) {
      row[j] = bias == nullptr ? Accumulator<T>{} : load_wide(bias[j]);
    }
    for (std::int64_t k = 0; k < plan.k; ++k) {
      const Accumulator<T> left = load_wide(a[i * plan.a_row + k * plan.a_column]);
      const T* right = b + k * plan.b_row;
      for (std::int64_t j = 0; j < plan.n; ++j)
        row[j] += left * load_wide(right[j * plan.b_column]);
    }
    for (std::int64_t j = 0; j < plan.n; ++j) {
      y[i * plan.n + j] = activate<Out>(plan.activation, row[j]);
    }
  }
}

/// Out: of the bias and the result.
template <class T, class Out = T>
KernelPtr matmul_kernel(const MatMulPlan& plan) {
  const std::size_t workspace = static_cast<std::size_t>(plan.n) * sizeof(Accumulator<T>);
  return make_kernel(
      [plan](const Args& args) {
        const T* a = args.in[0].as<T>();
        const T* b = args.in[1].as<T>();
        const Out* bias = plan.has_bias ? args.in[2].as<Out>() : nullptr;
        Out* y = args.out[0].as_mutable<Out>();
        auto* row = reinterpret_cast<Accumulator<T>*>(args.workspace);
        plan.batches.each([&](const NestedLoop<3>::Offsets& at) {
          multiply(plan, a + at[0], b + at[1], bias, y + at[2], row);
        });
      },
      workspace);
}

}  // namespace

KernelPtr prepare_matmul(const Site& site) {
  const MatMulPlan plan = plan_matmul(site);
  if (plan.activation.kind != UnaryKind::linear && !is_floating(site.out[0].dtype)) return nullptr;
  return for_numbers(site.in[0].dtype, [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    if constexpr (kIsHalf<T>) {
      if (site.out[0].dtype == DType::float32) return matmul_kernel<T, float>(plan);
    }
    return matmul_kernel<T>(plan);
  });
}

}  // namespace thaw::reference
