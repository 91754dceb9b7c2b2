// Kernels of NVIDIA's libraries, which stand before this room's own in the order of preference.
#pragma once

#include "kernels/cuda/rnn_persistent.h"

namespace thaw::cuda {

// Each is null if its library is not there or has no way to do it. float32 is strict unless another
// precision is asked for.

KernelPtr prepare_matmul_cublaslt(const Site& site, Precision precision = Precision::f32);
/// `most_column_bytes` of the workspace hold what windows see.
KernelPtr prepare_conv_cublaslt(const Site& site, std::int64_t most_column_bytes,
                                Precision precision = Precision::f32);
/// Of 16-bit floats and float32 into float32.
Projection cublaslt_projection(const Product& product, DType dtype);

/// Constant weights only: they are packed into memory of `device`.
KernelPtr prepare_conv_cudnn(const Site& site, const Device& device, Precision precision);
KernelPtr prepare_conv_transpose_cudnn(const Site& site, const Device& device, Precision precision);

enum class CudnnRnnAlgorithm : std::uint8_t { standard, small };
/// Layers that cuDNN computes as Keras does: lstm and gru (reset_after) with tanh and sigmoid,
/// simple with tanh or ReLU; forwards, without masks, with constant weights.
KernelPtr prepare_rnn_cudnn(const Site& site, const Device& device, Precision precision,
                            CudnnRnnAlgorithm algorithm);

}  // namespace thaw::cuda
