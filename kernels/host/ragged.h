// The parts of the family `ragged`.
#pragma once

#include "kernels/host/strings.h"

namespace thaw::host {

/// One result may hold no more elements than this, whatever a file asks for.
constexpr std::int64_t kMaxElements = std::int64_t{1} << 31;

// ragged_to_tensor.cc
Results ragged_to_tensor(const HostArgs& args);
// ragged_gather.cc
Results ragged_gather(const HostArgs& args);
Results ragged_range(const HostArgs& args);
Results ragged_to_sparse(const HostArgs& args);
// ragged_count.cc
Results dense_count(const HostArgs& args);
Results sparse_count(const HostArgs& args);
Results ragged_count(const HostArgs& args);
// ragged_variant.cc
Results ragged_to_variant(const HostArgs& args);
Results ragged_from_variant(const HostArgs& args);

/// Copies `count` elements of one type between tensors.
void copy_elements(const Tensor& from, std::int64_t at, Tensor& to, std::int64_t where,
                   std::int64_t count);

}  // namespace thaw::host
