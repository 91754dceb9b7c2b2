// Arrays in files (npz, npy, json, csv) and a model's inputs and outputs.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "thaw/thaw.h"

namespace thaw::tools {

using NamedArrays = std::vector<std::pair<std::string, Tensor>>;

/// Reads .npz and .npy by content; other files as JSON or CSV by extension, for the inputs `specs`:
/// JSON is {"name": nested lists, ...} or, for one input, the bare list; CSV has one row per sample
/// (one optional header line). One array without a name (npy, bare list, csv) is called "input_0".
NamedArrays read_arrays(const std::string& path, const std::vector<TensorSpec>& specs);

/// Writes .npz, or JSON for a path that ends in .json; "-" is JSON on stdout.
void write_arrays(const std::string& path, const NamedArrays& arrays);

/// The arrays in the order of `specs`, by name or as "<kind>_<position>" (kind: "input", "output");
/// by position alone where all positions are there but not all names.
/// Missing and unknown names throw Error(invalid_argument) listing the signature.
std::vector<Tensor> match_arrays(const NamedArrays& arrays, const std::vector<TensorSpec>& specs,
                                 const std::string& kind, const std::string& file);

/// Values under the type that the model takes. Integers become floats when every value stays exact;
/// float64 is rounded to the model's float type, as Keras does, and complex128 to complex64; `note`
/// says so.
/// Throws Error(invalid_argument) for anything else.
Tensor convert_to(const Tensor& value, DType dtype, const std::string& name, std::string& note);

/// match_arrays, then convert_to with notes printed to stderr.
std::vector<Tensor> model_inputs(const NamedArrays& arrays, const std::vector<TensorSpec>& specs,
                                 const std::string& file);

}  // namespace thaw::tools
