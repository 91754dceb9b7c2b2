// cuDNN 9, opened when the first convolution or recurrent layer is prepared. This header and
// cudnn.cc know how it is found; conv_cudnn.cc and rnn_cudnn.cc what it is told.
#pragma once

#include <cudnn.h>

#include <memory>
#include <mutex>
#include <string>

#include "kernels/device.h"

namespace thaw::cuda {

// Of the C interface, what this room calls: X(member, symbol).
// clang-format off
#define THAW_CUDNN_FUNCTIONS(X)                                                   \
  X(version, cudnnGetVersion)                                                     \
  X(error_text, cudnnGetErrorString)                                              \
  X(create, cudnnCreate)                                                          \
  X(set_stream, cudnnSetStream)                                                   \
  X(create_tensor, cudnnCreateTensorDescriptor)                                   \
  X(destroy_tensor, cudnnDestroyTensorDescriptor)                                 \
  X(set_tensor, cudnnSetTensorNdDescriptor)                                       \
  X(create_filter, cudnnCreateFilterDescriptor)                                   \
  X(destroy_filter, cudnnDestroyFilterDescriptor)                                 \
  X(set_filter, cudnnSetFilterNdDescriptor)                                       \
  X(create_activation, cudnnCreateActivationDescriptor)                           \
  X(destroy_activation, cudnnDestroyActivationDescriptor)                         \
  X(set_activation, cudnnSetActivationDescriptor)                                 \
  X(create_conv, cudnnCreateConvolutionDescriptor)                                \
  X(destroy_conv, cudnnDestroyConvolutionDescriptor)                              \
  X(set_conv, cudnnSetConvolutionNdDescriptor)                                    \
  X(set_conv_groups, cudnnSetConvolutionGroupCount)                               \
  X(set_conv_math, cudnnSetConvolutionMathType)                                   \
  X(forward_algorithms, cudnnGetConvolutionForwardAlgorithm_v7)                   \
  X(forward, cudnnConvolutionForward)                                             \
  X(forward_fused, cudnnConvolutionBiasActivationForward)                         \
  X(backward_algorithms, cudnnGetConvolutionBackwardDataAlgorithm_v7)             \
  X(backward, cudnnConvolutionBackwardData)                                       \
  X(create_rnn, cudnnCreateRNNDescriptor)                                         \
  X(destroy_rnn, cudnnDestroyRNNDescriptor)                                       \
  X(set_rnn, cudnnSetRNNDescriptor_v8)                                            \
  X(create_sequence, cudnnCreateRNNDataDescriptor)                                \
  X(destroy_sequence, cudnnDestroyRNNDataDescriptor)                              \
  X(set_sequence, cudnnSetRNNDataDescriptor)                                      \
  X(create_dropout, cudnnCreateDropoutDescriptor)                                 \
  X(destroy_dropout, cudnnDestroyDropoutDescriptor)                               \
  X(set_dropout, cudnnSetDropoutDescriptor)                                       \
  X(rnn_weight_bytes, cudnnGetRNNWeightSpaceSize)                                 \
  X(rnn_weight, cudnnGetRNNWeightParams)                                          \
  X(rnn_workspace, cudnnGetRNNTempSpaceSizes)                                     \
  X(rnn_forward, cudnnRNNForward)
// clang-format on

/// Made once, never closed. Any thread may call it; the handle is one thread's at a time.
struct Cudnn {
#define X(member, symbol) decltype(&symbol) member = nullptr;
  THAW_CUDNN_FUNCTIONS(X)
#undef X
  cudnnHandle_t handle = nullptr;
  mutable std::mutex mutex;  // of the handle

  /// Throws Error(device) saying what failed, unless `status` is success.
  void require(cudnnStatus_t status, const char* what) const;
};

/// The library at `path`; null, with the reason in `why`, if it is not there, of another major
/// version, not whole, or does not start.
std::unique_ptr<Cudnn> open_cudnn(const std::string& path, std::string& why);

/// The first one found in the places of cuda_libraries.h, or null.
const Cudnn* cudnn();

/// A descriptor that goes when its owner goes.
template <class T>
using CudnnDescriptor = std::shared_ptr<std::remove_pointer_t<T>>;

template <class T>
CudnnDescriptor<T> make_descriptor(const Cudnn& library, cudnnStatus_t (*create)(T*),
                                   cudnnStatus_t (*destroy)(T)) {
  T made = nullptr;
  library.require(create(&made), "a descriptor");
  return {made, [destroy](T gone) { destroy(gone); }};
}

/// False for elements that cuDNN's kernels here do not compute with.
bool cudnn_type(DType dtype, cudnnDataType_t& type);
/// [N, C, S...] with the channels innermost in memory.
CudnnDescriptor<cudnnTensorDescriptor_t> channels_last(const Cudnn& library, cudnnDataType_t type,
                                                       std::int64_t images, std::int64_t channels,
                                                       const std::int64_t (&spatial)[3]);

}  // namespace thaw::cuda
