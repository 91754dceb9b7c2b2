// Activation functions by name or object, with the meaning they had in the Keras that wrote the
// file.
#pragma once

#include <string>

#include "loaders/keras/layer.h"

namespace thaw::keras {

/// An activation: one scalar function, or one that looks at a whole axis or takes several steps.
struct Activation {
  enum class Kind : std::uint8_t { scalar, softmax, log_softmax, glu, sparsemax, relu };
  Kind kind = Kind::scalar;
  UnaryFn fn;
  // kind relu: Keras's ReLU with all its arguments
  double negative_slope = 0, threshold = 0;
  bool has_max = false;
  double max_value = 0;
};

/// The activation under `key` of the layer's configuration. Throws (collected) for unknown
/// functions.
Activation activation_of(const Layer& layer, const char* key, const char* otherwise);
ValueId activate(const Activation& activation, ValueId x, const Layer& layer, GraphBuilder& g);
/// activation_of and activate.
ValueId activated(const Layer& layer, const char* key, const char* otherwise, ValueId x,
                  GraphBuilder& g);
/// For recurrent cells, which take scalar functions only. Throws (collected) for the others.
UnaryFn scalar_activation(const Layer& layer, const char* key, const char* otherwise);

/// relu(x) with all arguments: x above `threshold` (cut at max_value), else negative_slope * (x -
/// threshold).
Activation relu_activation(double negative_slope, double threshold, const double* max_value);
/// Softmax over several axes.
ValueId softmax(ValueId x, std::vector<std::int64_t> axes, bool log, GraphBuilder& g);

}  // namespace thaw::keras
