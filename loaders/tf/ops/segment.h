// Importers of ops on segments, unique elements and sets, of losses, and of cells in one op.
#pragma once

#include "loaders/tf/ops/op_context.h"

namespace thaw::tf::importers {

/// The table row's parameter of segment ops.
enum class SegmentKind : std::uint8_t { sum, mean, sqrt_n, prod, max, min };

Results segment_reduce(OpContext& c);
Results unsorted_segment_reduce(OpContext& c);
Results sparse_segment_reduce(OpContext& c);
Results unique(OpContext& c);
Results list_diff(OpContext& c);
Results dynamic_partition(OpContext& c);
Results dynamic_stitch(OpContext& c);
Results parallel_concat(OpContext& c);
Results histogram(OpContext& c);
Results in_top_k(OpContext& c);
Results nth_element(OpContext& c);
Results search_sorted(OpContext& c);
Results set_operation(OpContext& c);
Results set_size(OpContext& c);
Results sparse_bincount(OpContext& c);
Results ragged_bincount(OpContext& c);

// nn_losses.cc, nn_cells.cc
Results softmax_loss(OpContext& c);
Results sparse_softmax_loss(OpContext& c);
Results lstm_block_cell(OpContext& c);
Results gru_block_cell(OpContext& c);
Results block_lstm(OpContext& c);
Results inplace(OpContext& c);

}  // namespace thaw::tf::importers
