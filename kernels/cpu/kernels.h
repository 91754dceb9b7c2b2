// The prepare functions behind table.cc.
#pragma once

#include <memory>

#include "kernels/kernel.h"

namespace thaw::cpu {

std::unique_ptr<Kernel> prepare_unary(const Site& site);
std::unique_ptr<Kernel> prepare_unary_bool(const Site& site);
std::unique_ptr<Kernel> prepare_binary(const Site& site);
std::unique_ptr<Kernel> prepare_binary_typed(const Site& site);
std::unique_ptr<Kernel> prepare_select(const Site& site);
std::unique_ptr<Kernel> prepare_elementwise(const Site& site);
std::unique_ptr<Kernel> prepare_matmul(const Site& site);
std::unique_ptr<Kernel> prepare_conv(const Site& site);
std::unique_ptr<Kernel> prepare_conv_depthwise(const Site& site);
std::unique_ptr<Kernel> prepare_conv_onednn(const Site& site);
std::unique_ptr<Kernel> prepare_conv_pooled(const Site& site);
std::unique_ptr<Kernel> prepare_conv_winograd(const Site& site);
std::unique_ptr<Kernel> prepare_pool(const Site& site);
std::unique_ptr<Kernel> prepare_reduce(const Site& site);
std::unique_ptr<Kernel> prepare_reduce_typed(const Site& site);
std::unique_ptr<Kernel> prepare_attention(const Site& site);
std::unique_ptr<Kernel> prepare_softmax(const Site& site);
std::unique_ptr<Kernel> prepare_normalize(const Site& site);
std::unique_ptr<Kernel> prepare_transpose(const Site& site);
std::unique_ptr<Kernel> prepare_concat(const Site& site);
std::unique_ptr<Kernel> prepare_stack(const Site& site);
std::unique_ptr<Kernel> prepare_split(const Site& site);
std::unique_ptr<Kernel> prepare_unstack(const Site& site);
std::unique_ptr<Kernel> prepare_slice(const Site& site);
std::unique_ptr<Kernel> prepare_strided_slice(const Site& site);
std::unique_ptr<Kernel> prepare_pad(const Site& site);
std::unique_ptr<Kernel> prepare_gather_compressed(const Site& site);
std::unique_ptr<Kernel> prepare_gather(const Site& site);
std::unique_ptr<Kernel> prepare_cast(const Site& site);
std::unique_ptr<Kernel> prepare_einsum(const Site& site);
std::unique_ptr<Kernel> prepare_conv_transpose(const Site& site);
std::unique_ptr<Kernel> prepare_resize(const Site& site);
std::unique_ptr<Kernel> prepare_arg_reduce(const Site& site);
std::unique_ptr<Kernel> prepare_scan(const Site& site);
std::unique_ptr<Kernel> prepare_broadcast_to(const Site& site);
std::unique_ptr<Kernel> prepare_tile(const Site& site);
std::unique_ptr<Kernel> prepare_reverse(const Site& site);
std::unique_ptr<Kernel> prepare_one_hot(const Site& site);
std::unique_ptr<Kernel> prepare_rnn(const Site& site);
std::unique_ptr<Kernel> prepare_conv_lstm(const Site& site);

}  // namespace thaw::cpu
