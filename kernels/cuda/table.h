// What this room runs with its own kernels: one row per kernel, in order of preference for each op.
#pragma once

#include <span>

#include "kernels/cuda/dispatch.h"

namespace thaw::cuda {

/// A kernel for the site, or null to let the next row, in the end the host, try.
using Prepare = KernelPtr (*)(const Site&);
/// The same, with tables of its own in the device's memory.
using PrepareOn = KernelPtr (*)(const Site&, const Device&);

/// One of the two functions is set.
struct Row {
  const char* op;  // name_of(op)
  Prepare prepare = nullptr;
  PrepareOn prepare_on = nullptr;
};

/// Static.
std::span<const Row> table();

/// Whether these kernels were compiled for the calling thread's device.
bool has_code_for_device();

/// The first row's kernel that accepts; null if none does.
KernelPtr prepare_from(std::span<const Row> rows, const Site& site, const Device& device);

// elementwise.cu
KernelPtr prepare_unary(const Site& site);
KernelPtr prepare_binary(const Site& site);
KernelPtr prepare_select(const Site& site);
// expression.cu
KernelPtr prepare_elementwise(const Site& site);
// cast.cu
KernelPtr prepare_cast(const Site& site);
// move.cu
KernelPtr prepare_copy(const Site& site);  // identity, reshape, expand_dims, squeeze
KernelPtr prepare_transpose(const Site& site);
KernelPtr prepare_broadcast_to(const Site& site);
KernelPtr prepare_tile(const Site& site);
KernelPtr prepare_concat(const Site& site);
KernelPtr prepare_split(const Site& site);
KernelPtr prepare_stack(const Site& site);
KernelPtr prepare_unstack(const Site& site);
KernelPtr prepare_slice(const Site& site);
KernelPtr prepare_strided_slice(const Site& site);
KernelPtr prepare_pad(const Site& site);
KernelPtr prepare_reverse(const Site& site);
// gather.cu
KernelPtr prepare_gather(const Site& site);
KernelPtr prepare_gather_nd(const Site& site);
KernelPtr prepare_one_hot(const Site& site);
KernelPtr prepare_reverse_sequence(const Site& site);
// scatter.cu
KernelPtr prepare_scatter(const Site& site);
// reduce.cu
KernelPtr prepare_reduce(const Site& site);
KernelPtr prepare_arg_reduce(const Site& site);
KernelPtr prepare_scan(const Site& site);
KernelPtr prepare_top_k(const Site& site);
// normalize.cu
KernelPtr prepare_softmax(const Site& site);
KernelPtr prepare_normalize(const Site& site);
// window.cu
KernelPtr prepare_pool(const Site& site);
KernelPtr prepare_conv(const Site& site);
KernelPtr prepare_conv_transpose(const Site& site);
/// Constant weights of float32, any groups, in 16 bits for fp16 and bf16; null for the other
/// precisions and for weights that 16 bits cannot hold. Everything else stays float32.
KernelPtr prepare_conv_narrow(const Site& site, const Device& device, Precision precision);
// conv_lstm.cu
KernelPtr prepare_conv_lstm(const Site& site);
// blocks.cu
KernelPtr prepare_space_to_batch(const Site& site);
KernelPtr prepare_batch_to_space(const Site& site);
KernelPtr prepare_range(const Site& site);
// resize.cu
KernelPtr prepare_resize(const Site& site);                                // nearest and bilinear
KernelPtr prepare_sampled_resize(const Site& site, const Device& device);  // all others
// matmul.cu
KernelPtr prepare_matmul(const Site& site);
// einsum.cu
KernelPtr prepare_einsum(const Site& site);
// attention.cu
KernelPtr prepare_attention(const Site& site);
// rnn.cu
KernelPtr prepare_rnn(const Site& site);

}  // namespace thaw::cuda
