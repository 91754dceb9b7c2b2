// The expression of an elementwise op, taken apart.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/ir/op_attributes.h"

namespace thaw {

/// Bounds of one expression: kernels keep the values of all steps and the places of all operands.
constexpr int kMaxElementwiseSteps = 16;
constexpr int kMaxElementwiseOperands = 8;

/// One function of an expression. A source s >= 0 is operand s, s < 0 the result of step -1 - s.
struct ElementwiseStep {
  bool binary = false;
  UnaryFn unary;                      // of sources[0]
  BinaryKind kind = BinaryKind::add;  // of sources[0], sources[1]
  std::array<std::int16_t, 2> sources{};
};

/// Steps in the order in which they are computed; the last one is the result. Every step but that
/// one is used exactly once.
struct ElementwiseExpression {
  std::vector<ElementwiseStep> steps;
};

/// Of "relu(add($0, mul($1, $2)))"; functions with parameters are written "leaky_relu<0.2, 0>($0)".
/// Throws Error(invalid_argument) with the column if the text is malformed, a function gives bool,
/// an operand is not among `operands` or never used, or a bound is exceeded.
ElementwiseExpression parse_elementwise(const std::string& text, int operands);
/// The text that parse_elementwise reads.
std::string to_string(const ElementwiseExpression& expression);

}  // namespace thaw
