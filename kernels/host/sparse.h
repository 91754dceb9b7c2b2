// The functions of the sparse family; sparse.cc names them. A sparse tensor is three tensors:
// indices int64 [n, rank], values [n], shape int64 [rank].
#pragma once

#include "kernels/host/by_type.h"

namespace thaw::host {

using Ints = std::vector<std::int64_t>;

/// Indices that lie in the shape, as rows.
struct SparseIndices {
  Ints rows;  // [count * rank]
  std::size_t rank = 0;
  std::int64_t count = 0;
  Ints shape;

  /// Throws Error(invalid_argument) unless all indices lie in `shape` and there are `values` of
  /// them.
  SparseIndices(const Tensor& indices, const Tensor& shape, std::int64_t values);

  const std::int64_t* row(std::int64_t i) const {
    return rows.data() + static_cast<std::size_t>(i) * rank;
  }
  Ints position(std::int64_t i) const { return {row(i), row(i) + rank}; }
  /// Row-major offset of row i in a dense tensor of `shape`.
  std::int64_t offset(std::int64_t i) const;
};

/// Elements of a tensor picked by position.
Tensor take_elements(const Tensor& values, const Ints& positions);
/// The elements of a dense tensor of `shape`. Throws Error for an absurd shape.
std::int64_t dense_size(const Ints& shape);
/// indices [n, rank] of these rows.
Tensor index_tensor(const Ints& rows, std::size_t rank);

// sparse_dense.cc
std::vector<Tensor> sparse_to_dense(const HostArgs& args);
std::vector<Tensor> sparse_dense_add(const HostArgs& args);
std::vector<Tensor> sparse_dense_matmul(const HostArgs& args);
std::vector<Tensor> sparse_dense_elementwise(const HostArgs& args);

// sparse_layout.cc
std::vector<Tensor> sparse_reorder(const HostArgs& args);
std::vector<Tensor> sparse_reshape(const HostArgs& args);
std::vector<Tensor> sparse_concat(const HostArgs& args);
std::vector<Tensor> sparse_slice(const HostArgs& args);
std::vector<Tensor> sparse_split(const HostArgs& args);
std::vector<Tensor> sparse_fill_empty_rows(const HostArgs& args);

// sparse_reduce.cc
std::vector<Tensor> sparse_reduce(const HostArgs& args);
std::vector<Tensor> sparse_reduce_sparse(const HostArgs& args);
std::vector<Tensor> sparse_softmax(const HostArgs& args);
std::vector<Tensor> sparse_combine(const HostArgs& args);

// sparse_packed.cc
std::vector<Tensor> serialize_sparse(const HostArgs& args);
std::vector<Tensor> deserialize_sparse(const HostArgs& args);

// sparse_cross.cc
std::vector<Tensor> sparse_cross(const HostArgs& args);

// sparse_ctc.cc
std::vector<Tensor> ctc_greedy_decoder(const HostArgs& args);
std::vector<Tensor> ctc_beam_search_decoder(const HostArgs& args);

// sparse_ctc_loss.cc
std::vector<Tensor> ctc_loss(const HostArgs& args);

// sparse_distance.cc
std::vector<Tensor> edit_distance(const HostArgs& args);

}  // namespace thaw::host
