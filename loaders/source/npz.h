// numpy's .npy and .npz.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "loaders/source/file_tree.h"
#include "thaw/tensor.h"

namespace thaw {

/// One array, format 1.0 to 3.0, C or Fortran order, either byte order. 'S' and 'U' arrays become
/// string tensors ('U' as UTF-8). Object arrays are unimplemented (they are pickles).
Tensor read_npy(const Bytes& file, const Limits& limits);
/// All arrays of a .npz, in archive order, names without ".npy".
std::vector<std::pair<std::string, Tensor>> read_npz(const std::string& path, const Limits& limits);
/// bfloat16 is written as float32, strings as 'S'.
std::string to_npy(const Tensor& tensor);
/// Throws Error(permission_denied) when the file cannot be written.
void write_npz(const std::string& path, const std::vector<std::pair<std::string, Tensor>>& arrays);

}  // namespace thaw
