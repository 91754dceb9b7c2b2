// One function per op: the kernel for a site, or null if the reference backend has none for its
// types. `x` stands for the whole family of an op where one file holds several.
#pragma once

#include "kernels/reference/dispatch.h"
#include "kernels/reference/loop.h"

namespace thaw::reference {

// elementwise
KernelPtr prepare_unary(const Site& site);
KernelPtr prepare_binary(const Site& site);
KernelPtr prepare_select(const Site& site);
KernelPtr prepare_cast(const Site& site);
KernelPtr prepare_elementwise(const Site& site);
KernelPtr prepare_assert(const Site& site);

// linear algebra and windows
KernelPtr prepare_matmul(const Site& site);
KernelPtr prepare_einsum(const Site& site);
KernelPtr prepare_conv(const Site& site);
KernelPtr prepare_conv_transpose(const Site& site);
KernelPtr prepare_pool(const Site& site);
KernelPtr prepare_resize(const Site& site);
KernelPtr prepare_space_to_batch(const Site& site);
KernelPtr prepare_batch_to_space(const Site& site);

// reductions
KernelPtr prepare_reduce(const Site& site);
KernelPtr prepare_arg_reduce(const Site& site);
KernelPtr prepare_scan(const Site& site);
KernelPtr prepare_softmax(const Site& site);
KernelPtr prepare_attention(const Site& site);
KernelPtr prepare_normalize(const Site& site);
KernelPtr prepare_top_k(const Site& site);

// shape and layout
KernelPtr prepare_shape_query(const Site& site);
KernelPtr prepare_copy(const Site& site);  // identity, reshape, expand_dims, squeeze
KernelPtr prepare_transpose(const Site& site);
KernelPtr prepare_broadcast_to(const Site& site);
KernelPtr prepare_tile(const Site& site);
KernelPtr prepare_range(const Site& site);
KernelPtr prepare_concat(const Site& site);
KernelPtr prepare_stack(const Site& site);
KernelPtr prepare_unstack(const Site& site);
KernelPtr prepare_split(const Site& site);
KernelPtr prepare_slice(const Site& site);
KernelPtr prepare_strided_slice(const Site& site);
KernelPtr prepare_pad(const Site& site);
KernelPtr prepare_reverse(const Site& site);
KernelPtr prepare_reverse_sequence(const Site& site);
KernelPtr prepare_gather(const Site& site);
KernelPtr prepare_gather_nd(const Site& site);
KernelPtr prepare_scatter(const Site& site);
KernelPtr prepare_one_hot(const Site& site);

// recurrent
KernelPtr prepare_rnn(const Site& site);
KernelPtr prepare_conv_lstm(const Site& site);

// functions of whole tensors
KernelPtr prepare_host_call(const Site& site);

/// The row of `op` in the table (table.cc); null for what is the interpreter's.
KernelPtr prepare(const Site& site);

/// The elements of host operand `i`. Throws Error(internal) when the site does not hold them.
Ints host_ints(const Site& site, int i);

/// The indices of the non-zero elements, [n, rank]: where's result has a size that depends on the
/// data, so that it has no kernel. Throws Error(unimplemented) for a dtype that has no zero.
Tensor where(const Tensor& condition);

}  // namespace thaw::reference
