// Importers of ops on sparse tensors and of the decoders that give them.
#pragma once

#include "loaders/tf/ops/op_context.h"

namespace thaw::tf::importers {

/// The host functions that take an op's operands as they are; the table row's parameter.
enum class SparseOp : std::uint8_t {
  reorder,
  reshape,
  slice,
  fill_empty_rows,
  dense_add,
  softmax,
};
Results sparse_call(OpContext& c);

Results sparse_to_dense(OpContext& c);
Results sparse_dense_matmul(OpContext& c);
Results sparse_matmul(OpContext& c);
Results sparse_dense_elementwise(OpContext& c);
Results sparse_concat(OpContext& c);
Results sparse_split(OpContext& c);
Results sparse_reduce(OpContext& c);
Results sparse_reduce_sparse(OpContext& c);
Results serialize_sparse(OpContext& c);
Results deserialize_sparse(OpContext& c);
Results sparse_combine(OpContext& c);
Results sparse_cross(OpContext& c);
Results ctc_greedy_decoder(OpContext& c);
Results ctc_beam_search_decoder(OpContext& c);

}  // namespace thaw::tf::importers
