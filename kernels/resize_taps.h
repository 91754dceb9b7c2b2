// The source pixels behind each result pixel of a resized axis, and their weights: what resize
// means, for the kernels of all backends.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/kernel.h"
#include "runtime/ir/ops.h"

namespace thaw {

/// Result i is the sum of weight[t] * x[index[t]] for t in [begin[i], begin[i + 1]).
struct Taps {
  std::vector<std::int64_t> begin{0};
  std::vector<std::int64_t> index;
  std::vector<float> weight;

  void add(std::int64_t source, float part) {
    index.push_back(source);
    weight.push_back(part);
  }
  void end_pixel() { begin.push_back(static_cast<std::int64_t>(index.size())); }
};

/// Source pixels per result pixel, for the methods that are no sampling kernel.
float resize_step(std::int64_t in, std::int64_t out, bool align_corners);

/// nearest: the source index of each result index.
std::vector<std::int64_t> nearest_indices(std::int64_t in, std::int64_t out, const ops::Resize& op);

/// Two neighbours and the weight of the upper one.
struct Interpolation {
  std::int64_t lower = 0, upper = 0;
  double weight = 0;
};
/// bilinear: of each result index.
std::vector<Interpolation> linear_weights(std::int64_t in, std::int64_t out, const ops::Resize& op);

/// Of axis 0 (rows) or 1 (columns) of a resize by any method but nearest and bilinear, whose result
/// is not empty. Throws Error(invalid_argument) for a scale that is not positive.
Taps resize_taps(const Site& site, int axis);

}  // namespace thaw
