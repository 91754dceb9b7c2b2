#include "kernels/cpu/table.h"

#include "kernels/cpu/kernels.h"

namespace thaw::cpu {
namespace {

constexpr Row kRows[] = {
    {"unary", "vector", prepare_unary},
    {"binary", "vector", prepare_binary},
    {"select", "rows", prepare_select},
    {"matmul", "packed", prepare_matmul},
    {"rnn", "fused", prepare_rnn},
};

}  // namespace

std::span<const Row> table() { return kRows; }

}  // namespace thaw::cpu
