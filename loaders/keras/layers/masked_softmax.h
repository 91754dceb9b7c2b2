// Softmax over scores of which a mask takes some out.
#pragma once

#include <vector>

#include "loaders/keras/layer.h"

namespace thaw::keras {

/// As the Softmax layer of the writer's version does it. `mask` may be kNoValue; `robust` is the
/// robust_masking of tf.keras.
ValueId masked_softmax(const Layer& layer, ValueId x, ValueId mask,
                       const std::vector<std::int64_t>& axes, bool robust, GraphBuilder& g);

}  // namespace thaw::keras
