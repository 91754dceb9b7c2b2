// Does one tensor equal another within a tolerance, and if not, where?
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "thaw/tensor.h"

namespace thaw {

struct Tolerance {
  double rtol = 1e-4, atol = 1e-5;
};

/// The result of comparing `got` with `expected`. Elements pass when |got - expected| <= atol +
/// rtol * |expected|; NaN equals NaN, infinities equal with their sign; shapes are exact; strings
/// and booleans equal.
struct Comparison {
  bool match = false;
  std::string problem;  // a shape or type that does not fit; empty otherwise
  std::int64_t elements = 0;
  std::int64_t mismatches = 0;
  double max_abs = 0;           // largest |got - expected| over finite elements
  double max_rel = 0;           // largest |got - expected| / |expected| where expected != 0
  double norm_wise = 0;         // max |got - expected| / max |expected|: the figure to judge by
  std::int64_t first_bad = -1;  // row-major position of the first mismatch
  std::vector<std::int64_t> first_index;  // the same as an index
  std::string first_got, first_expected;
};

/// Compares element by element in double. Integer and float types may differ (a file may hold
/// float32 for bfloat16); numeric against string or bool does not fit.
Comparison compare(const Tensor& got, const Tensor& expected, const Tolerance& tolerance);

/// Element `i` as text, for messages.
std::string element_text(const Tensor& tensor, std::int64_t i);

}  // namespace thaw
