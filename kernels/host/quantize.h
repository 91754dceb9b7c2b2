// Quantisation, simulated and in integers.
#pragma once

#include "kernels/host_call.h"

namespace thaw::host {

/// (x, input_min, input_max, num_bits) -> (y): x rounded to what num_bits bits hold.
std::vector<Tensor> quantize_and_dequantize(const HostArgs& args);

// bits_quantized.cc: numbers of a range as integers.
/// (x, min, max) -> (y, min, max): one range, or one for each slice along `axis`.
std::vector<Tensor> quantize(const HostArgs& args);
/// (x, min, max, new min, new max) -> (y): the same numbers of another range or type.
std::vector<Tensor> requantize(const HostArgs& args);
/// (x, min, max) -> (min, max): of the numbers that occur.
std::vector<Tensor> requantization_range(const HostArgs& args);
/// (number, min, max) -> (integer int64): what stands for it in the attribute `type`.
std::vector<Tensor> quantized_number(const HostArgs& args);
/// (x, bias, min, max, min bias, max bias) -> (sum int32, min, max)
std::vector<Tensor> quantized_bias_add(const HostArgs& args);
std::vector<Tensor> quantized_add(const HostArgs& args);

// bits_float8.cc
/// The nearest number that an 8-bit type (attribute `kind`: e4m3fn or e5m2) has, in x's own type.
std::vector<Tensor> round_to_float8(const HostArgs& args);

}  // namespace thaw::host
