// Segments, unique elements and sets.
#include "kernels/host/segment.h"

#include "kernels/host/families.h"

namespace thaw::host {

std::span<const HostKernel> segment() {
  static constexpr HostKernel kKernels[] = {
      {"block_lstm", block_lstm},
      {"dynamic_partition", dynamic_partition},
      {"dynamic_stitch", dynamic_stitch},
      {"histogram", histogram},
      {"in_top_k", in_top_k},
      {"invert_permutation", invert_permutation},
      {"isotonic_regression", isotonic_regression},
      {"list_difference", list_difference},
      {"nearest_neighbors", nearest_neighbors},
      {"nth_element", nth_element},
      {"ragged_bincount", ragged_bincount},
      {"scatter_div", scatter_div},
      {"scatter_strings", scatter_strings},
      {"search_sorted", search_sorted},
      {"segment_reduce", segment_reduce},
      {"set_operation", set_operation},
      {"set_size", set_size},
      {"sparse_bincount", sparse_bincount},
      {"sparse_segment_reduce", sparse_segment_reduce},
      {"unique", unique},
      {"unsorted_segment_reduce", unsorted_segment_reduce},
  };
  return kKernels;
}

}  // namespace thaw::host
