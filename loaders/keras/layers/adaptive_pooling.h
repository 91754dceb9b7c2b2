// Pooling into a given number of bins, for layers and for operations.
#pragma once

#include <vector>

#include "loaders/keras/layer.h"

namespace thaw::keras {

/// x [N, S..., C] with sizes known along S; as many bins along each as `counts` says.
ValueId pool_into_bins(const Layer& layer, PoolKind kind, ValueId x,
                       const std::vector<std::int64_t>& counts, GraphBuilder& g);

}  // namespace thaw::keras
