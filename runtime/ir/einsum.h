// The equation of an einsum, taken apart.
#pragma once

#include <string>
#include <vector>

namespace thaw {

/// Where "..." stands in a list of labels.
constexpr char kEllipsis = '.';

/// Labels are single letters; kEllipsis stands for any number of broadcast dimensions.
struct EinsumEquation {
  std::vector<std::string> inputs;  // one per operand
  std::string output;               // given, or by numpy's rule: labels that occur once, sorted
};

/// Throws Error(invalid_argument) if the equation is malformed or does not have `operands` terms,
/// and Error(unimplemented) for a label repeated in the output.
EinsumEquation parse_einsum(const std::string& equation, int operands);

}  // namespace thaw
