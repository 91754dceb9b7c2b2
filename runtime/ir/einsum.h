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

/// The label of each axis of a term of an equation: letters; the dimensions that "..." stands for
/// in a tensor of `rank` axes count from the right: -1, -2, ... Of another length than `rank` if
/// the term does not fit.
std::vector<int> axis_labels(const std::string& term, int rank);

}  // namespace thaw
