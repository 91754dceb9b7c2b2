// Special functions.
#include "runtime/ir/host/families.h"

namespace thaw::host_types {
namespace {

using inference::Context;
using inference::Types;

/// All operands of one floating type; broadcasts.
Types elementwise(const Context& context, int operands) {
  inference::expect_operands(context, operands);
  const DType dtype = context.dtype(0);
  inference::expect_type(is_floating(dtype), "x", "a floating type", dtype);
  Shape shape = context.shape(0);
  for (int i = 1; i < operands; ++i) {
    inference::expect_same_type(dtype, "operand", context.dtype(i));
    shape = broadcast(shape, context.shape(i));
  }
  return {{dtype, shape}};
}

Types unary(const ops::HostCall&, const Context& context) { return elementwise(context, 1); }
Types binary(const ops::HostCall&, const Context& context) { return elementwise(context, 2); }
Types ternary(const ops::HostCall&, const Context& context) { return elementwise(context, 3); }

Types cumulative_logsumexp(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 2);
  const DType dtype = context.dtype(0);
  inference::expect_type(is_floating(dtype), "x", "a floating type", dtype);
  const auto axis = inference::int_operand(context, 1, "axis");
  if (axis && context.shape(0).has_rank()) {
    inference::normal_axis(*axis, context.shape(0).rank(), "axis");
  }
  return {context.type(0)};
}

constexpr HostFunction kSpecial[] = {
    {"erfinv", unary},
    {"ndtri", unary},
    {"dawsn", unary},
    {"expint", unary},
    {"fresnel_cos", unary},
    {"fresnel_sin", unary},
    {"spence", unary},
    {"bessel_i0", unary},
    {"bessel_i0e", unary},
    {"bessel_i1", unary},
    {"bessel_i1e", unary},
    {"bessel_j0", unary},
    {"bessel_j1", unary},
    {"bessel_k0", unary},
    {"bessel_k0e", unary},
    {"bessel_k1", unary},
    {"bessel_k1e", unary},
    {"bessel_y0", unary},
    {"bessel_y1", unary},
    {"igamma", binary},
    {"igammac", binary},
    {"zeta", binary},
    {"polygamma", binary},
    {"betainc", ternary},
    {"cumulative_logsumexp", cumulative_logsumexp},
};

}  // namespace

std::span<const HostFunction> special() { return kSpecial; }

}  // namespace thaw::host_types
