#include "kernels/cpu/table.h"

#include "kernels/cpu/kernels.h"

namespace thaw::cpu {
namespace {

constexpr Row kRows[] = {
    {"unary", "vector", prepare_unary},
    {"unary", "bool", prepare_unary_bool},
    {"binary", "vector", prepare_binary},
    {"binary", "typed", prepare_binary_typed},
    {"select", "rows", prepare_select},
    {"cast", "typed", prepare_cast},
    {"elementwise", "blocks", prepare_elementwise},
    {"matmul", "packed", prepare_matmul},
    {"einsum", "packed", prepare_einsum},
    {"conv", "pooled", prepare_conv_pooled},
    {"conv", "depthwise", prepare_conv_depthwise},
    {"conv", "winograd", prepare_conv_winograd},
    {"conv", "onednn", prepare_conv_onednn},
    {"conv", "packed", prepare_conv},
    {"conv_transpose", "packed", prepare_conv_transpose},
    {"pool", "vector", prepare_pool},
    {"resize", "rows", prepare_resize},
    {"reduce", "blocks", prepare_reduce},
    {"reduce", "typed", prepare_reduce_typed},
    {"arg_reduce", "lines", prepare_arg_reduce},
    {"scan", "lines", prepare_scan},
    {"attention", "blocks", prepare_attention},
    {"softmax", "rows", prepare_softmax},
    {"normalize", "rows", prepare_normalize},
    {"transpose", "move", prepare_transpose},
    {"broadcast_to", "move", prepare_broadcast_to},
    {"tile", "move", prepare_tile},
    {"reverse", "move", prepare_reverse},
    {"concat", "move", prepare_concat},
    {"stack", "move", prepare_stack},
    {"split", "move", prepare_split},
    {"unstack", "move", prepare_unstack},
    {"slice", "move", prepare_slice},
    {"strided_slice", "move", prepare_strided_slice},
    {"pad", "move", prepare_pad},
    {"gather", "compressed", prepare_gather_compressed},
    {"gather", "rows", prepare_gather},
    {"one_hot", "fill", prepare_one_hot},
    {"rnn", "fused", prepare_rnn},
    {"conv_lstm", "packed", prepare_conv_lstm},
};

}  // namespace

std::span<const Row> table() { return kRows; }

}  // namespace thaw::cpu
