// Layers that prepare images: resizing, cropping, contrast; and random augmentation, which leaves
// images as they are at inference.
#pragma once

#include "loaders/keras/layers/layers.h"

namespace thaw::keras {

#define THAW_KERAS_IMPORT(name) Outputs name(const Layer& layer, Weights& weights, GraphBuilder& g);

// image_preprocessing.cc
THAW_KERAS_IMPORT(resizing)
THAW_KERAS_IMPORT(center_crop)
THAW_KERAS_IMPORT(random_crop)
THAW_KERAS_IMPORT(augmentation)
THAW_KERAS_IMPORT(pipeline)
void pipeline_variables(VariableList& variables);
// image_contrast.cc
THAW_KERAS_IMPORT(auto_contrast)
THAW_KERAS_IMPORT(equalize_adaptive)

#undef THAW_KERAS_IMPORT

/// One dimension of `x` as an int32 scalar, known or not.
ValueId dimension(ValueId x, int axis, GraphBuilder& g);
/// Rounds (unless `x` is of the type already), saturates and casts as Keras 3's saturate_cast.
ValueId saturate_cast(ValueId x, DType dtype, GraphBuilder& g);

}  // namespace thaw::keras
