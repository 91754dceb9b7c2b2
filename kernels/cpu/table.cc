#include "kernels/cpu/table.h"

#include "kernels/cpu/kernels.h"

namespace thaw::cpu {
namespace {

constexpr Row kRows[] = {
    {"unary", "vector", prepare_unary},
    {"binary", "vector", prepare_binary},
    {"select", "rows", prepare_select},
    {"matmul", "packed", prepare_matmul},
    {"conv", "depthwise", prepare_conv_depthwise},
    {"conv", "onednn", prepare_conv_onednn},
    {"conv", "packed", prepare_conv},
    {"pool", "vector", prepare_pool},
    {"reduce", "blocks", prepare_reduce},
    {"softmax", "rows", prepare_softmax},
    {"normalize", "rows", prepare_normalize},
    {"transpose", "move", prepare_transpose},
    {"concat", "move", prepare_concat},
    {"stack", "move", prepare_stack},
    {"split", "move", prepare_split},
    {"unstack", "move", prepare_unstack},
    {"slice", "move", prepare_slice},
    {"strided_slice", "move", prepare_strided_slice},
    {"pad", "move", prepare_pad},
    {"gather", "rows", prepare_gather},
    {"rnn", "fused", prepare_rnn},
    {"conv_lstm", "packed", prepare_conv_lstm},
};

}  // namespace

std::span<const Row> table() { return kRows; }

}  // namespace thaw::cpu
