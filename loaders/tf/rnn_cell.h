// One step of a recurrent layer, recognised in the body of a loop.
#pragma once

#include <optional>
#include <vector>

#include "runtime/ir/graph.h"

namespace thaw::tf {

/// One gate act(x kernel + h recurrent + bias) with weights of its own.
struct GateWeights {
  ValueId kernel = -1, recurrent = -1;
  std::vector<ValueId> bias;  // summands
};

/// The step h', c' = cell(x, h, c), with values of the body's graph.
struct CellMatch {
  CellKind cell = CellKind::simple;
  UnaryFn activation, recurrent_activation;
  bool reset_after = true;
  ValueId kernel = -1, recurrent = -1;
  ValueId candidate_recurrent =
      -1;  // gru that resets before: the columns of the candidate, else -1
  std::vector<ValueId> bias, recurrent_bias;  // summands; empty: none
  /// Instead of kernel, recurrent and bias: the gates in Keras's order, each with its own. Then
  /// recurrent_bias is that of the candidate of a gru that resets after.
  std::vector<GateWeights> gates;
  /// ConvLSTM: how the input is convolved. `sequence`: as an image of height 1.
  std::optional<ops::Conv> conv;
  bool sequence = false;
};

/// What the body is asked about.
struct CellQuestion {
  ValueId x = -1, h = -1, c = -1;  // the step's input and the old states; c only with two states
  ValueId h_next = -1, c_next = -1;
};

/// Exactly Keras's LSTM, GRU (either form) or simple cell in any order of operands; nothing
/// otherwise.
std::optional<CellMatch> match_cell(const Graph& body, const CellQuestion& question);

/// The same cells where every gate has products of its own, as Keras writes them for layers with
/// dropout, and the cell of ConvLSTM.
std::optional<CellMatch> match_split_cell(const Graph& body, const CellQuestion& question);

/// The cells of TensorFlow 1 (BasicLSTMCell, LSTMCell, GRUCell, BasicRNNCell, and the ops
/// LSTMBlockCell and GRUBlockCell), whose weights of
/// input and state stand in one constant. What Keras's form needs is added to `body` as constants.
std::optional<CellMatch> match_joined_cell(Graph& body, const CellQuestion& question);

}  // namespace thaw::tf
