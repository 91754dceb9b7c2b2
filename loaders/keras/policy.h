// Dtype policies: in which type a layer keeps its variables and computes.
#pragma once

#include "loaders/keras/config.h"

namespace thaw::keras {

struct DtypePolicy {
  DType variable = DType::float32;
  DType compute = DType::float32;
};

/// The policy in a layer's configuration; float32 if it states none. Integer types, which
/// preprocessing layers and the input types of Keras 2.0 embeddings put there, leave the variables
/// in float32. Throws Error(unimplemented) for quantised and unknown policies.
DtypePolicy policy_of(const LayerConfig& layer, const Writer& writer);

}  // namespace thaw::keras
