// Which loops and fused ops of TensorFlow 1 become Rnn nodes, what is said of the others, and that
// both run alike.
#include <gtest/gtest.h>

#include <algorithm>

#include "loaders/source/file_tree.h"
#include "loaders/tf/tf.h"
#include "runtime/exec/evaluator.h"
#include "tests/loaders/tf/tf_testing.h"

namespace thaw::testing {
namespace {

struct RaisedCells {
  const char* name;
  int raised;  // Rnn nodes
  int loops;   // that stay
  int calls;   // of block_lstm that stay
  std::vector<std::string> notes;
};

void PrintTo(const RaisedCells& cells, std::ostream* out) { *out << cells.name; }

class Cells : public ::testing::TestWithParam<RaisedCells> {
 protected:
  tools::Case test =
      tools::read_case(std::string(THAW_SOURCE_DIR "/tests/golden/tensorflow1/") + GetParam().name);
  const tools::CaseForm& form = test.forms.at(0);

  LoadedModel load(bool raise) const {
    LoadOptions options;
    options.raise_recurrent = raise;
    if (form.kind == "savedmodel") {
      options.signature = form.signature;
      return load_folder(form.model, options);
    }
    options.inputs = form.inputs;
    options.outputs = form.outputs;
    return load_frozen_graph(read_file(form.model, options.limits), options, reference_evaluator());
  }
};

TEST_P(Cells, AreRaisedWhereTheyAreKnown) {
  const LoadedModel model = load(true);
  const Graph& graph = model.signatures.at(0).graph;
  EXPECT_EQ(count_ops(graph, "rnn"), GetParam().raised);
  EXPECT_EQ(count_ops(graph, "while"), GetParam().loops);
  EXPECT_EQ(count_ops(graph, "host_call"), GetParam().calls);
  for (const std::string& note : GetParam().notes) {
    EXPECT_EQ(std::ranges::count(model.info.notes, note), 1) << note;
  }
  EXPECT_EQ(difference(test, form, model), "");
}

TEST_P(Cells, RunAlikeAsTheyAreWritten) {
  const LoadedModel model = load(false);
  EXPECT_EQ(difference(test, form, model), "");
}

const std::string kNoCell = "' runs as it is written: the step is no LSTM, GRU or simple cell";

INSTANTIATE_TEST_SUITE_P(
    Golden, Cells,
    ::testing::Values(
        RaisedCells{"rnn_cells", 3, 0, 0, {"loop 'basic_lstm/rnn/while' runs as one LSTM node"}},
        RaisedCells{"rnn_lengths", 2, 0, 0, {"loop 'lengths_1/rnn/while' runs as one LSTM node"}},
        RaisedCells{"rnn_saved", 1, 1, 0, {"loop 'peephole/rnn/while" + kNoCell}},
        RaisedCells{
            "rnn_block_cells",
            3,
            2,
            0,
            {"loop 'loop_lstm/rnn/while' runs as one LSTM node",
             "loop 'loop_gru/rnn/while' runs as one GRU node",
             "loop 'loop_peephole/rnn/while" + kNoCell, "loop 'loop_clipped/rnn/while" + kNoCell}},
        RaisedCells{"rnn_row_lengths",
                    7,
                    1,
                    0,
                    {"loop 'rows_gru/rnn/while' runs as one GRU node",
                     "loop 'rows_simple/rnn/while' runs as one SimpleRNN node",
                     "loop 'rows_block/rnn/while' runs as one GRU node",
                     "loop 'known/rnn/while' runs as one LSTM node",
                     "loop 'state/rnn/while' runs as one GRU node",
                     "loop 'both/bidirectional_rnn/fw/fw/while' runs as one LSTM node",
                     "loop 'both/bidirectional_rnn/bw/bw/while' runs as one LSTM node",
                     "loop 'rows_peephole/rnn/while" + kNoCell}},
        RaisedCells{
            "rnn_block_lstm",
            4,
            0,
            4,
            {"BlockLSTM 'BlockLSTM' runs as one LSTM node",
             "BlockLSTM 'BlockLSTMV2' runs as one LSTM node",
             "BlockLSTM 'BlockLSTM_1' runs as one LSTM node",
             "BlockLSTM 'BlockLSTM_2' runs as one LSTM node",
             "BlockLSTM 'BlockLSTM_3' runs as it is written: the cell has peepholes",
             "BlockLSTM 'BlockLSTMV2_1' runs as it is written: the cell is clipped",
             "BlockLSTM 'BlockLSTM_4' runs as it is written: the cells of all steps are used",
             "BlockLSTM 'BlockLSTM_5' runs as it is written: the gates of its steps are used"}},
        RaisedCells{"rnn_cudnn", 8, 0, 0, {}}),
    [](const auto& cells) { return std::string(cells.param.name); });

}  // namespace
}  // namespace thaw::testing
