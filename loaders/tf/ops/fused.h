// Importers of what TensorFlow's optimisers put into graphs: ops joined into one, layouts as
// numbers.
#pragma once

#include "loaders/tf/ops/op_context.h"

namespace thaw::tf {

/// `whole` with the part that the node's masks and begin, end, strides take replaced by `value`.
ValueId update_slice(OpContext& c, ValueId whole, ValueId begin, ValueId end, ValueId strides,
                     ValueId value);

/// The node's strides and padding as a convolution [N, H, W, C]; the sizes along H and W of
/// `others`
/// ([1, h, w, 1]) are the dilations.
ops::Conv channels_last_window(OpContext& c, const Ints& others);
ValueId channels_last_conv(OpContext& c, ValueId x, ValueId filter, const Ints& dilations);

}  // namespace thaw::tf

namespace thaw::tf::importers {

// fused.cc
Results fused_matmul(OpContext& c);
Results fused_conv(OpContext& c);
Results fused_depthwise_conv(OpContext& c);
Results fused_batch_norm_ex(OpContext& c);
Results fused_pad_conv(OpContext& c);
Results unary_chain(OpContext& c);
Results data_format_dim_map(OpContext& c);
Results data_format_vec_permute(OpContext& c);

// updates.cc
Results tensor_scatter_sub(OpContext& c);
Results strided_slice_update(OpContext& c);
Results unravel_index(OpContext& c);
Results empty(OpContext& c);
Results normalize_text(OpContext& c);
Results parse_tensor(OpContext& c);
Results serialize_tensor(OpContext& c);
Results depthwise_conv_backprop(OpContext& c);
Results self_adjoint_eig_joined(OpContext& c);

}  // namespace thaw::tf::importers
