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
/// A tensor from TensorFlow's message of one. Throws Error for damage and for another type.
Tensor tensor_of_message(const std::string& bytes, DType dtype);
/// The message of a tensor. Strings are a field of it each, or a list in its contents.
std::string tensor_message(const Tensor& x, bool strings_as_content);
std::vector<Tensor> parse_tensor(const HostArgs& args);
std::vector<Tensor> serialize_tensor(const HostArgs& args);

// example_compressed.cc
std::vector<Tensor> decode_compressed(const HostArgs& args);

}  // namespace thaw::host
