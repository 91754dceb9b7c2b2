// Inputs for timing a model when the user gives none.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "thaw/thaw.h"

namespace thaw::tools {

/// What unknown dimensions become: the first one of an input is the batch.
struct InputSizes {
  std::int64_t batch = 1;
  std::int64_t length = 32;  // all the others
};

/// Throws Error(invalid_argument) for an input of unknown rank.
std::vector<Shape> input_shapes(const std::vector<TensorSpec>& specs, const InputSizes& sizes);

/// The arrays of `file`, or random ones if it is empty: normal floats, 0 and 1 as integers, texts
/// of one letter; the same for every call.
std::vector<Tensor> timing_inputs(const std::vector<TensorSpec>& specs, const InputSizes& sizes,
                                  const std::string& file);

}  // namespace thaw::tools
