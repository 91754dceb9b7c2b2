#include "kernels/cuda/table.h"

#include <string_view>

#include "runtime/ir/ops.h"

namespace thaw::cuda {

std::span<const Row> table() {
  static constexpr Row rows[] = {
      {"arg_reduce", prepare_arg_reduce},
      {"attention", prepare_attention},
      {"batch_to_space", prepare_batch_to_space},
      {"binary", prepare_binary},
      {"broadcast_to", prepare_broadcast_to},
      {"cast", prepare_cast},
      {"concat", prepare_concat},
      {"conv", prepare_conv},
      {"conv_lstm", prepare_conv_lstm},
      {"conv_transpose", prepare_conv_transpose},
      {"einsum", prepare_einsum},
      {"elementwise", prepare_elementwise},
      {"expand_dims", prepare_copy},
      {"gather", prepare_gather},
      {"gather_nd", prepare_gather_nd},
      {"identity", prepare_copy},
      {"matmul", prepare_matmul},
      {"normalize", prepare_normalize},
      {"one_hot", prepare_one_hot},
      {"pad", prepare_pad},
      {"pool", prepare_pool},
      {"range", prepare_range},
      {"reduce", prepare_reduce},
      {"reshape", prepare_copy},
      {"resize", prepare_resize},
      {"resize", nullptr, prepare_sampled_resize},
      {"reverse", prepare_reverse},
      {"reverse_sequence", prepare_reverse_sequence},
      {"rnn", prepare_rnn},
      {"scan", prepare_scan},
      {"scatter", prepare_scatter},
      {"select", prepare_select},
      {"slice", prepare_slice},
      {"softmax", prepare_softmax},
      {"space_to_batch", prepare_space_to_batch},
      {"split", prepare_split},
      {"squeeze", prepare_copy},
      {"stack", prepare_stack},
      {"strided_slice", prepare_strided_slice},
      {"tile", prepare_tile},
      {"top_k", prepare_top_k},
      {"transpose", prepare_transpose},
      {"unary", prepare_unary},
      {"unstack", prepare_unstack},
  };
  return rows;
}

KernelPtr prepare_from(std::span<const Row> rows, const Site& site, const Device& device) {
  const std::string_view op = name_of(site.op);
  for (const Row& row : rows) {
    if (op != row.op) continue;
    KernelPtr kernel = row.prepare != nullptr ? row.prepare(site) : row.prepare_on(site, device);
    if (kernel != nullptr) return kernel;
  }
  return nullptr;
}

}  // namespace thaw::cuda
