// Simulated quantisation.
#pragma once

#include "kernels/host_call.h"

namespace thaw::host {

/// (x, input_min, input_max, num_bits) -> (y): x rounded to what num_bits bits hold.
std::vector<Tensor> quantize_and_dequantize(const HostArgs& args);

}  // namespace thaw::host
