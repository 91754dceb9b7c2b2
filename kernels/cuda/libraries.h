// Kernels of NVIDIA's libraries, which stand before this room's own in the order of preference.
#pragma once

#include "kernels/cuda/rnn_persistent.h"

namespace thaw::cuda {

// Each is null if its library is not there or has no way to do it. float32 is strict unless another
// precision is asked for. `rank` counts the algorithms that fit, are as precise as was asked for
// and give the same bits in each run, in the library's order; null behind the last.

KernelPtr prepare_matmul_cublaslt(const Site& site, Precision precision = Precision::f32,
                                  int rank = 0);
/// fp16 and bf16 of a float32 product: operands in 16 bits, sums, bias and result in float32. Null
/// for the other precisions, and for weights that 16 bits cannot hold.
KernelPtr prepare_matmul_narrow(const Site& site, const Device& device, Precision precision,
                                int rank = 0);
/// `most_column_bytes` of the workspace hold what windows see. With fp16 and bf16 as
/// prepare_matmul_narrow.
KernelPtr prepare_conv_cublaslt(const Site& site, const Device& device,
                                std::int64_t most_column_bytes,
                                Precision precision = Precision::f32, int rank = 0);
KernelPtr prepare_conv_transpose_cublaslt(const Site& site, const Device& device,
                                          std::int64_t most_column_bytes,
                                          Precision precision = Precision::f32, int rank = 0);
enum class LtBatches : std::uint8_t { each, together };
/// With scores of whole heads in `most_score_bytes` of the workspace: a product, a softmax and a
/// product, for each batch or for all together (null if there is but one). With fp16 and bf16 as
/// prepare_matmul_narrow, the weights of values, too. Null where a head is not aligned as the
/// library counts on.
KernelPtr prepare_attention_cublaslt(const Site& site, const Device& device,
                                     std::int64_t most_score_bytes,
                                     Precision precision = Precision::f32,
                                     LtBatches batches = LtBatches::each);
/// Of 16-bit floats and float32 into float32.
Projection cublaslt_projection(const Product& product, DType dtype);

/// Constant weights only: they are packed into memory of `device`.
/// With bf16 x and the weights are 16 bits (not with fp16: the library's result would be, too, and
/// overflow where float32 does not). Without `may_fuse` bias and activation are a launch of their
/// own: not every version of the library fuses them in 16 bits.
KernelPtr prepare_conv_cudnn(const Site& site, const Device& device, Precision precision,
                             int rank = 0, bool may_fuse = true);
KernelPtr prepare_conv_transpose_cudnn(const Site& site, const Device& device, Precision precision,
                                       int rank = 0);

enum class CudnnRnnAlgorithm : std::uint8_t { standard, small };
/// Layers that cuDNN computes as Keras does: lstm and gru (reset_after) with tanh and sigmoid,
/// simple with tanh or ReLU; forwards, without masks, with constant weights.
KernelPtr prepare_rnn_cudnn(const Site& site, const Device& device, Precision precision,
                            CudnnRnnAlgorithm algorithm);

}  // namespace thaw::cuda
