// Class name -> importer: the one place that says which Keras layers Thaw runs.
#pragma once

#include <span>
#include <string>

#include "loaders/keras/layer.h"
#include "loaders/keras/variables.h"

namespace thaw::keras {

/// What happens to the mask of the first input.
enum class MaskRule : std::uint8_t {
  drop,  // the output has no mask
  pass,  // every output keeps it
  own,   // the importer sets the masks of its outputs
};

using Import = Outputs (*)(const Layer& layer, Weights& weights, GraphBuilder& g);
using Declare = void (*)(VariableList& variables);

struct TableRow {
  const char* class_name;
  Import import;
  Declare declare = nullptr;  // null: no variables
  MaskRule mask = MaskRule::drop;
  bool autocast = true;        // floating inputs are cast to the layer's compute type
  bool own_arguments = false;  // reads all arguments of the call itself
};

/// The layers, sorted by name.
std::span<const TableRow> layer_table();
/// Null for a class that Thaw does not know, and for operations (operations/op_call.h).
const TableRow* find_row(const LayerConfig& layer);

}  // namespace thaw::keras
