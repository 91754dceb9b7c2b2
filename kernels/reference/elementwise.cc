// Expressions of elementwise functions: each step rounds to float32 or float64, as the ops that it
// stands for would; 16-bit floats are computed in float32 and rounded once.
#include "runtime/ir/elementwise.h"

#include <array>

#include "kernels/reference/binary.h"
#include "kernels/reference/prepare.h"
#include "kernels/reference/scalar.h"

namespace thaw::reference {
namespace {

constexpr std::size_t kPlaces = kMaxElementwiseOperands + 1;  // the operands' and the result's

NestedLoop<kPlaces> expression_loop(const Site& site) {
  const Shape& shape = site.out[0].shape;
  std::array<Ints, kPlaces> strides;
  strides.fill(Ints(static_cast<std::size_t>(shape.rank()), 0));
  for (std::size_t i = 0; i < site.in.size(); ++i) {
    strides[i] = broadcast_strides(site.in[i].shape, shape);
  }
  strides.back() = row_major_strides(shape);
  return {shape.dims(), strides};
}

template <class C>
struct ElementStep {
  Arithmetic<C> binary = nullptr;
  UnaryFn unary;
  std::array<std::int16_t, 2> sources{};
};

template <class T>
KernelPtr expression_kernel(const Site& site, const ElementwiseExpression& expression) {
  using C = Compute<T>;
  std::vector<ElementStep<C>> steps;
  for (const ElementwiseStep& step : expression.steps) {
    ElementStep<C> element{nullptr, rounded_to(site.out[0].dtype, step.unary), step.sources};
    if (step.binary) element.binary = float_function<C>(step.kind);
    if (step.binary && element.binary == nullptr) return nullptr;
    steps.push_back(element);
  }
  return make_kernel([loop = expression_loop(site), steps](const Args& args) {
    loop.each([&](const auto& at) {
      std::array<C, kMaxElementwiseSteps> values;
      const auto value = [&](std::int16_t source) {
        if (source < 0) return values[static_cast<std::size_t>(-1 - source)];
        const auto operand = static_cast<std::size_t>(source);
        return load(args.in[operand].template as<T>()[at[operand]]);
      };
      for (std::size_t i = 0; i < steps.size(); ++i) {
        const ElementStep<C>& step = steps[i];
        values[i] = step.binary == nullptr
                        ? store<C>(apply(step.unary, value(step.sources[0])))
                        : store<C>(step.binary(value(step.sources[0]), value(step.sources[1])));
      }
      args.out[0].template as_mutable<T>()[at.back()] = store<T>(values[steps.size() - 1]);
    });
  });
}

}  // namespace

KernelPtr prepare_elementwise(const Site& site) {
  const ElementwiseExpression expression = parse_elementwise(
      site.op_as<ops::Elementwise>().expression, static_cast<int>(site.in.size()));
  return for_floats(site.out[0].dtype, [&](auto tag) {
    return expression_kernel<TypeOf<decltype(tag)>>(site, expression);
  });
}

}  // namespace thaw::reference
