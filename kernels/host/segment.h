// The functions of the segment family; segment.cc names them.
#pragma once

#include "kernels/host/by_type.h"

namespace thaw::host {

// segment_reduce.cc
std::vector<Tensor> segment_reduce(const HostArgs& args);
std::vector<Tensor> unsorted_segment_reduce(const HostArgs& args);
std::vector<Tensor> sparse_segment_reduce(const HostArgs& args);

// segment_unique.cc
std::vector<Tensor> unique(const HostArgs& args);
std::vector<Tensor> list_difference(const HostArgs& args);

// segment_sets.cc
std::vector<Tensor> set_operation(const HostArgs& args);
std::vector<Tensor> set_size(const HostArgs& args);

// segment_partition.cc
std::vector<Tensor> dynamic_partition(const HostArgs& args);
std::vector<Tensor> dynamic_stitch(const HostArgs& args);

// segment_measures.cc
std::vector<Tensor> isotonic_regression(const HostArgs& args);
std::vector<Tensor> nearest_neighbors(const HostArgs& args);

// segment_order.cc
std::vector<Tensor> in_top_k(const HostArgs& args);
std::vector<Tensor> nth_element(const HostArgs& args);
std::vector<Tensor> search_sorted(const HostArgs& args);
std::vector<Tensor> invert_permutation(const HostArgs& args);

// segment_count.cc
std::vector<Tensor> histogram(const HostArgs& args);
std::vector<Tensor> sparse_bincount(const HostArgs& args);
std::vector<Tensor> ragged_bincount(const HostArgs& args);

// segment_scatter.cc
std::vector<Tensor> scatter_div(const HostArgs& args);
std::vector<Tensor> scatter_strings(const HostArgs& args);

// segment_lstm.cc
std::vector<Tensor> block_lstm(const HostArgs& args);

}  // namespace thaw::host
