// The functions of the example family; example.cc names them.
#pragma once

#include "kernels/host/by_type.h"

namespace thaw::host {

// example_parse.cc, example_sequence.cc
std::vector<Tensor> parse_example(const HostArgs& args);
std::vector<Tensor> parse_sequence_example(const HostArgs& args);

// example_records.cc
std::vector<Tensor> decode_raw(const HostArgs& args);
std::vector<Tensor> decode_padded_raw(const HostArgs& args);
std::vector<Tensor> decode_csv(const HostArgs& args);

// example_tensor.cc
std::vector<Tensor> parse_tensor(const HostArgs& args);
std::vector<Tensor> serialize_tensor(const HostArgs& args);

// example_compressed.cc
std::vector<Tensor> decode_compressed(const HostArgs& args);

}  // namespace thaw::host
