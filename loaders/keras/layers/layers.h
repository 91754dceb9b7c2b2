// The importers of all layer classes, one file per family; table.cc lists them by class name.
#pragma once

#include "loaders/keras/table.h"

namespace thaw::keras {

#define THAW_KERAS_IMPORT(name) Outputs name(const Layer& layer, Weights& weights, GraphBuilder& g);
#define THAW_KERAS_DECLARE(name) void name(VariableList& variables);

// core.cc
THAW_KERAS_IMPORT(dense)
THAW_KERAS_IMPORT(embedding)
THAW_KERAS_IMPORT(masking)
THAW_KERAS_IMPORT(identity)
THAW_KERAS_DECLARE(kernel_and_bias)
THAW_KERAS_DECLARE(embedding_variables)
// activation.cc
THAW_KERAS_IMPORT(activation)
THAW_KERAS_IMPORT(relu)
THAW_KERAS_IMPORT(leaky_relu)
THAW_KERAS_IMPORT(elu)
THAW_KERAS_IMPORT(prelu)
THAW_KERAS_IMPORT(thresholded_relu)
THAW_KERAS_IMPORT(softmax_layer)
THAW_KERAS_DECLARE(alpha_variable)
// convolution.cc
THAW_KERAS_IMPORT(conv)
THAW_KERAS_IMPORT(conv_transpose)
THAW_KERAS_IMPORT(depthwise_conv)
THAW_KERAS_IMPORT(separable_conv)
THAW_KERAS_DECLARE(depthwise_variables)
THAW_KERAS_DECLARE(separable_variables)
// pooling.cc
THAW_KERAS_IMPORT(pooling)
THAW_KERAS_IMPORT(global_pooling)
// adaptive_pooling.cc
THAW_KERAS_IMPORT(adaptive_pooling)
// merging.cc
THAW_KERAS_IMPORT(merge)
THAW_KERAS_IMPORT(concatenate)
THAW_KERAS_IMPORT(dot)
THAW_KERAS_IMPORT(keras1_merge)
// normalization.cc
THAW_KERAS_IMPORT(batch_normalization)
THAW_KERAS_IMPORT(layer_normalization)
THAW_KERAS_DECLARE(batch_normalization_variables)
THAW_KERAS_DECLARE(layer_normalization_variables)
// recurrent.cc
THAW_KERAS_IMPORT(recurrent)
THAW_KERAS_IMPORT(rnn_of_cells)
THAW_KERAS_IMPORT(lone_cell)
THAW_KERAS_DECLARE(recurrent_variables)
THAW_KERAS_DECLARE(rnn_of_cells_variables)
THAW_KERAS_DECLARE(cell_variables)
THAW_KERAS_DECLARE(stacked_variables)
// wrappers.cc
THAW_KERAS_IMPORT(bidirectional)
THAW_KERAS_IMPORT(time_distributed)
THAW_KERAS_DECLARE(bidirectional_variables)
THAW_KERAS_DECLARE(wrapped_variables)
// reshaping.cc
THAW_KERAS_IMPORT(flatten_layer)
THAW_KERAS_IMPORT(reshape)
THAW_KERAS_IMPORT(permute)
THAW_KERAS_IMPORT(repeat_vector)
// spatial.cc
THAW_KERAS_IMPORT(zero_padding)
THAW_KERAS_IMPORT(cropping)
THAW_KERAS_IMPORT(up_sampling)
// preprocessing.cc
THAW_KERAS_IMPORT(rescaling)
THAW_KERAS_IMPORT(normalization)
THAW_KERAS_DECLARE(normalization_variables)

#undef THAW_KERAS_IMPORT
#undef THAW_KERAS_DECLARE

/// `x` in the layer's compute type.
ValueId computed(const Layer& layer, ValueId x, GraphBuilder& g);
/// The size of the last (or channels) axis, which must be known.
std::int64_t known_dim(const Layer& layer, const GraphBuilder& g, ValueId x, int axis);
/// [N, C, S...] -> [N, S..., C] and back.
ValueId channels_to_last(ValueId x, GraphBuilder& g);
ValueId channels_to_first(ValueId x, GraphBuilder& g);
/// 1, 2 or 3 for Conv1D, MaxPooling2D, GlobalAveragePooling3D, Conv2DTranspose, ...
int spatial_rank(const Layer& layer);
/// Dimension `axis` of x as GraphBuilder's reshape and broadcast take it: the size where it is
/// known.
std::int64_t dim_or_copy(const GraphBuilder& g, ValueId x, int axis);
/// `value` broadcast to the shape of x.
ValueId in_shape_of(ValueId value, ValueId x, GraphBuilder& g);
/// axis in [0, rank). Throws naming `key`.
int normal_axis(const Layer& layer, std::int64_t axis, int rank, const char* key);

}  // namespace thaw::keras
