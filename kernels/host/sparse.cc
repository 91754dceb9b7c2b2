// Sparse tensors.
#include "kernels/host/sparse.h"

#include "kernels/host/families.h"

namespace thaw::host {

std::span<const HostKernel> sparse() {
  static constexpr HostKernel kKernels[] = {
      {"ctc_beam_search_decoder", ctc_beam_search_decoder},
      {"ctc_greedy_decoder", ctc_greedy_decoder},
      {"ctc_loss", ctc_loss},
      {"deserialize_sparse", deserialize_sparse},
      {"edit_distance", edit_distance},
      {"serialize_sparse", serialize_sparse},
      {"sparse_combine", sparse_combine},
      {"sparse_concat", sparse_concat},
      {"sparse_cross", sparse_cross},
      {"sparse_dense_add", sparse_dense_add},
      {"sparse_dense_elementwise", sparse_dense_elementwise},
      {"sparse_dense_matmul", sparse_dense_matmul},
      {"sparse_fill_empty_rows", sparse_fill_empty_rows},
      {"sparse_reduce", sparse_reduce},
      {"sparse_reduce_sparse", sparse_reduce_sparse},
      {"sparse_reorder", sparse_reorder},
      {"sparse_reshape", sparse_reshape},
      {"sparse_slice", sparse_slice},
      {"sparse_softmax", sparse_softmax},
      {"sparse_split", sparse_split},
      {"sparse_to_dense", sparse_to_dense},
  };
  return kKernels;
}

}  // namespace thaw::host
