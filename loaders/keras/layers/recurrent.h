// Recurrent layers: what SimpleRNN, LSTM, GRU and RNN share.
#pragma once

#include <optional>
#include <vector>

#include "loaders/keras/layers/layers.h"

namespace thaw::keras {

/// One cell as a layer object of its own: the configuration's arguments and the path of the
/// variables.
struct Cell {
  Layer layer;
  CellKind kind = CellKind::lstm;
};

/// The sequence, its mask and the initial states of a call.
struct RecurrentCall {
  MaskedValue sequence;
  ValueId mask = kNoValue;      // what the cells work with
  std::vector<ValueId> states;  // empty: zero, or the layer's own if it is stateful
};

/// tf.keras prefers the recorded states of a stateful layer over given ones unless all of them are
/// zero.
void prefer_recorded(std::vector<ValueId>& given, const std::vector<ValueId>& recorded,
                     GraphBuilder& g);
RecurrentCall recurrent_call(const Layer& layer, GraphBuilder& g);
/// Runs the cells one behind the other over the sequence. Results: the output, then with
/// return_state the states.
Outputs run_cells(const Layer& layer, std::vector<Cell>& cells, const RecurrentCall& call,
                  GraphBuilder& g);

}  // namespace thaw::keras
