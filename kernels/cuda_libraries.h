// Where NVIDIA's libraries and the CUDA plugin are looked for.
#pragma once

#include <string>
#include <vector>

#include "thaw/device.h"

namespace thaw {

struct LibraryFolder {
  std::string path, origin;
};

/// In order: THAW_CUDA_PATH (folders separated by ':'; each itself, its lib and lib64, and pip's
/// nvidia/*/lib below it), the folder of this library or program and lib beside it,
/// LD_LIBRARY_PATH, pip's nvidia/*/lib in VIRTUAL_ENV, CONDA_PREFIX, where the first python3 in
/// PATH stands, and the system's Python, the toolkit, the system.
std::vector<LibraryFolder> cuda_library_folders();

/// The first folder that holds a file of this name; the path is empty if none does.
LibraryInfo find_cuda_library(const std::string& name);

/// The libraries that kernels may open: cuBLASLt, cuDNN.
const std::vector<std::string>& cuda_library_names();

}  // namespace thaw
