// TensorFlow's fused LSTM layers (BlockLSTM, BlockLSTMV2) raised to ops::Rnn.
#pragma once

#include <string>
#include <vector>

#include "runtime/ir/builder.h"

namespace thaw::tf {

/// Replaces every block_lstm call of the graph whose cell and uses are those of ops::Rnn; of all of
/// them a note says what became of it. Sub-graphs are left alone, nodes that became unused stay.
void raise_block_lstm(Graph& graph, const Evaluator& evaluator, std::vector<std::string>& notes);

}  // namespace thaw::tf
