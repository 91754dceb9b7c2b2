// Expressions of elementwise functions: one thread per element of the result takes all steps. The
// steps lie with the kernel's parameters, in constant memory; values stay in registers, picked by
// comparisons, since an index that the compiler does not know would bring them into memory.
#include "kernels/cuda/functions.cuh"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/strided.h"
#include "kernels/cuda/table.h"
#include "runtime/ir/elementwise.h"

namespace thaw::cuda {
namespace {

template <class C>
struct ExpressionStep {
  Function<C> fn;
  BinaryKind kind = BinaryKind::add;
  bool binary = false;
  std::int8_t source[2] = {0, 0}, result = 0;  // places
};

/// Places 0 to kOperands - 1 are the operands', the others the temporaries'.
template <class T, int kOperands, int kTemporaries>
struct ExpressionBody {
  static constexpr int kLeastBlocks = 1;  // registers for all values
  using C = Compute<T>;
  static constexpr int kPlaces = kOperands + kTemporaries;
  StridedLoop<kOperands> loop;
  int operands = 0, steps = 0;
  ExpressionStep<C> step[kMaxElementwiseSteps];
  const T* x[kOperands] = {};
  T* y = nullptr;

  THAW_HOST_DEVICE static C value_at(const C (&values)[kPlaces], int place) {
    C value = values[0];
    THAW_UNROLL
    for (int i = 1; i < kPlaces; ++i) value = place == i ? values[i] : value;
    return value;
  }

  THAW_HOST_DEVICE void operator()(std::int64_t i) const {
    std::int64_t at[kOperands];
    loop.offsets(i, at);
    C values[kPlaces], last = 0;
    THAW_UNROLL
    for (int n = 0; n < kPlaces; ++n) values[n] = 0;
    THAW_UNROLL
    for (int n = 0; n < kOperands; ++n) {
      if (n < operands) values[n] = to_compute(x[n][at[n]]);
    }
    for (int s = 0; s < steps; ++s) {
      const ExpressionStep<C>& now = step[s];
      const C first = value_at(values, now.source[0]);
      last = now.binary ? apply(now.kind, first, value_at(values, now.source[1]))
                        : activate(now.fn, first);
      THAW_UNROLL
      for (int n = kOperands; n < kPlaces; ++n) values[n] = now.result == n ? last : values[n];
    }
    y[i] = from_compute<T>(last);
  }
};

/// Temporary of each step, taken from a source where one is free then; -1 if there are too few.
std::vector<int> assign_temporaries(const ElementwiseExpression& expression, int temporaries) {
  std::vector<bool> taken(static_cast<std::size_t>(temporaries), false);
  std::vector<int> result;
  for (const ElementwiseStep& step : expression.steps) {
    for (int i = 0; i < (step.binary ? 2 : 1); ++i) {
      const std::int16_t source = step.sources[static_cast<std::size_t>(i)];
      if (source >= 0) continue;
      const int place = result[static_cast<std::size_t>(-1 - source)];
      taken[static_cast<std::size_t>(place)] = false;
    }
    std::size_t free = 0;
    while (free < taken.size() && taken[free]) ++free;
    if (free == taken.size()) return {};
    taken[free] = true;
    result.push_back(static_cast<int>(free));
  }
  return result;
}

template <class T, int kOperands, int kTemporaries>
KernelPtr expression_kernel(const Site& site, const ElementwiseExpression& expression) {
  using Body = ExpressionBody<T, kOperands, kTemporaries>;
  const std::vector<int> temporaries = assign_temporaries(expression, kTemporaries);
  if (temporaries.empty() || site.in.size() > static_cast<std::size_t>(kOperands)) return nullptr;
  const Shape& shape = site.out[0].shape;
  Ints strides[kOperands];
  const Ints* of[kOperands];
  for (std::size_t n = 0; n < static_cast<std::size_t>(kOperands); ++n) {
    strides[n] = n < site.in.size() ? broadcast_strides(site.in[n].shape, shape)
                                    : Ints(static_cast<std::size_t>(shape.rank()), 0);
    of[n] = &strides[n];
  }
  Body body;
  if (!body.loop.set(shape.dims(), of)) return nullptr;
  body.operands = static_cast<int>(site.in.size());
  body.steps = static_cast<int>(expression.steps.size());
  const auto place = [&](std::int16_t source) {
    const int at =
        source >= 0 ? source : kOperands + temporaries[static_cast<std::size_t>(-1 - source)];
    return static_cast<std::int8_t>(at);
  };
  for (std::size_t s = 0; s < expression.steps.size(); ++s) {
    const ElementwiseStep& from = expression.steps[s];
    auto& to = body.step[s];
    if (from.binary && !has_float_form(from.kind)) return nullptr;
    to.binary = from.binary;
    to.kind = from.kind;
    if (!from.binary) to.fn = function_of<Compute<T>>(from.unary, site.out[0].dtype);
    to.source[0] = place(from.sources[0]);
    if (from.binary) to.source[1] = place(from.sources[1]);
    to.result = static_cast<std::int8_t>(kOperands + temporaries[s]);
  }
  return make_kernel({"cuda elementwise"}, [body](const Args& args, const Queue& queue) {
    Body bound = body;
    for (std::size_t n = 0; n < args.in.size(); ++n) bound.x[n] = args.in[n].template as<T>();
    bound.y = args.out[0].template as_mutable<T>();
    launch_each(queue, bound.loop.count, bound);
  });
}

}  // namespace

KernelPtr prepare_elementwise(const Site& site) {
  const auto operands = static_cast<int>(site.in.size());
  const ElementwiseExpression expression =
      parse_elementwise(site.op_as<ops::Elementwise>().expression, operands);
  return for_floats(site.out[0].dtype, [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    if (KernelPtr kernel = expression_kernel<T, 3, 3>(site, expression)) return kernel;
    return expression_kernel<T, kMaxElementwiseOperands, 8>(site, expression);
  });
}

}  // namespace thaw::cuda
