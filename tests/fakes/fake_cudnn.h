// What the two halves of the fake cuDNN share: its descriptors, and elements of its types.
#pragma once

#include <cudnn.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "kernels/cuda/host_stream.h"
#include "runtime/base/half.h"

struct cudnnContext {
  thaw::cuda::HostStream* stream = nullptr;
};
struct cudnnTensorStruct {
  cudnnDataType_t type;
  std::vector<std::int64_t> dims, strides;
};
struct cudnnFilterStruct {
  cudnnDataType_t type;
  cudnnTensorFormat_t format;
  std::vector<std::int64_t> dims;
};

namespace thaw::fake {

inline bool poses_as(const char* pose) {
  const char* text = std::getenv("FAKE_CUDNN");
  return text != nullptr && std::strcmp(text, pose) == 0;
}

inline float element(const void* data, cudnnDataType_t type, std::int64_t i) {
  switch (type) {
    case CUDNN_DATA_FLOAT: return static_cast<const float*>(data)[i];
    case CUDNN_DATA_HALF: return half_to_float(static_cast<const std::uint16_t*>(data)[i]);
    default: return bfloat_to_float(static_cast<const std::uint16_t*>(data)[i]);
  }
}
inline void set_element(void* data, cudnnDataType_t type, std::int64_t i, float value) {
  switch (type) {
    case CUDNN_DATA_FLOAT: static_cast<float*>(data)[i] = value; break;
    case CUDNN_DATA_HALF: static_cast<std::uint16_t*>(data)[i] = float_to_half(value); break;
    default: static_cast<std::uint16_t*>(data)[i] = float_to_bfloat(value); break;
  }
}
inline std::size_t bytes_of(cudnnDataType_t type) { return type == CUDNN_DATA_FLOAT ? 4 : 2; }

}  // namespace thaw::fake
