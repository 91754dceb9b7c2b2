#include "loaders/tf/raise_block_lstm.h"

#include "loaders/tf/graph_query.h"
#include "loaders/tf/rnn_loop.h"
#include "loaders/tf/sequence_mask.h"
#include "runtime/base/check.h"

namespace thaw::tf {
namespace {

using Ints = std::vector<std::int64_t>;

const ops::HostCall* block_lstm_call(const Node& node) {
  const auto* call = std::get_if<ops::HostCall>(&node.op);
  return call != nullptr && call->function == "block_lstm" ? call : nullptr;
}

// (steps, x [T, B, I], cs_prev, h_prev [B, U], w [I + U, 4 U], wci, wcf, wco, b [4 U])
//   -> (i, cs, f, o, ci, co, h), each [T, B, U]
class BlockLstm {
 public:
  BlockLstm(Graph& graph, NodeId id, const Evaluator& evaluator)
      : g_(graph), node_(graph.nodes[at(id)]), builder_(graph, evaluator) {}

  /// Throws NotRecurrent before anything is changed.
  void raise();

 private:
  static constexpr int kSteps = 0, kX = 1, kCell = 2, kState = 3, kWeights = 4, kBias = 8;
  static constexpr int kCells = 1, kOutputs = 6;

  ValueId operand(int i) const { return node_.inputs[at(i)]; }
  void check_cell() const;
  void check_uses();
  bool runs_every_step() const;
  std::vector<ValueId> operands(ops::Rnn& op);

  Graph& g_;
  const Node node_;  // a copy: adding nodes moves them
  GraphBuilder builder_;
  std::vector<ValueId> last_cells_;  // slices of the cells that take the last step
};

void BlockLstm::check_cell() const {
  const Attributes& attributes = block_lstm_call(node_)->attributes;
  if (attributes.flag("use_peephole")) throw NotRecurrent{"the cell has peepholes"};
  if (attributes.real("cell_clip") > 0) throw NotRecurrent{"the cell is clipped"};
  const Shape& weights = g_.values[at(operand(kWeights))].type.shape;
  const Shape& x = g_.values[at(operand(kX))].type.shape;
  if (!weights.is_static() || weights.rank() != 2 || weights[1] % 4 != 0 || !x.has_rank() ||
      x.rank() != 3) {
    throw NotRecurrent{"the shapes of the weights and the input are not known"};
  }
  const std::int64_t units = weights[1] / 4;
  if (units < 1 || weights[0] <= units) throw NotRecurrent{"there are no inputs or no units"};
}

bool BlockLstm::runs_every_step() const {
  const Size steps = axis_size(g_, operand(kX), 0);
  const auto asked = scalar_size(g_, operand(kSteps));
  if (!asked) return false;
  return *asked == steps || (steps.number >= 0 && asked->number >= steps.number);
}

// Rnn gives the output of every step, and the cell of the last one.
void BlockLstm::check_uses() {
  const std::vector<int> uses = use_counts(g_);
  for (int i = 0; i < kOutputs; ++i) {
    if (i != kCells && uses[at(node_.outputs[at(i)])] > 0) {
      throw NotRecurrent{"the gates of its steps are used"};
    }
  }
  const ValueId cells = node_.outputs[kCells];
  for (const Node& user : g_.nodes) {
    const auto* slice = std::get_if<ops::StridedSlice>(&user.op);
    if (slice == nullptr || user.inputs[0] != cells || slice->shrink_axis_mask != 1 ||
        slice->begin_mask != 0 || slice->new_axis_mask != 0 || slice->ellipsis_mask != 0 ||
        constant_ints(g_, user.inputs[1]) != Ints{-1}) {
      continue;
    }
    last_cells_.push_back(user.outputs[0]);
  }
  if (static_cast<std::size_t>(uses[at(cells)]) != last_cells_.size()) {
    throw NotRecurrent{"the cells of all steps are used"};
  }
  if (!last_cells_.empty() && !runs_every_step()) {
    throw NotRecurrent{"the cell of the last step is used, which may lie behind seq_len_max"};
  }
}

std::vector<ValueId> BlockLstm::operands(ops::Rnn& op) {
  const Attributes& attributes = block_lstm_call(node_)->attributes;
  const Shape weights_shape = builder_.shape(operand(kWeights));
  const std::int64_t units = weights_shape[1] / 4, inputs = weights_shape[0] - units;
  ValueId weights = operand(kWeights), bias = operand(kBias);
  if (!attributes.flag("forget_first")) {  // columns i, candidate, f, o
    Ints columns;
    for (std::int64_t block : {0, 2, 1, 3}) {
      for (std::int64_t i = 0; i < units; ++i) columns.push_back(block * units + i);
    }
    const ValueId order = builder_.ints(columns);
    weights = builder_.gather(weights, order, 1);
    bias = builder_.gather(bias, order, 0);
  }
  if (const double forget_bias = attributes.real("forget_bias"); forget_bias != 0) {
    const DType dtype = builder_.dtype(bias);
    const ValueId zeros = builder_.constant(Tensor(dtype, Shape{units}));
    const ValueId ones = builder_.binary(BinaryKind::add, zeros, builder_.scalar(1, dtype));
    const ValueId forget =
        builder_.binary(BinaryKind::mul, ones, builder_.scalar(forget_bias, dtype));
    bias =
        builder_.binary(BinaryKind::add, bias, builder_.concat({zeros, forget, zeros, zeros}, 0));
  }
  std::vector<ValueId> all{operand(kX), builder_.slice_axis(weights, 0, 0, inputs),
                           builder_.slice_axis(weights, 0, inputs, GraphBuilder::kToEnd), bias};
  if (!runs_every_step()) {
    op.has_mask = op.zero_output_for_mask = true;
    all.push_back(mask_of_length(builder_, operand(kSteps), operand(kX)));
  }
  if (!is_zero(g_, operand(kState)) || !is_zero(g_, operand(kCell))) {
    op.has_state = true;
    all.push_back(operand(kState));
    all.push_back(operand(kCell));
  }
  return all;
}

void BlockLstm::raise() {
  check_cell();
  check_uses();
  builder_.set_scope(node_.name);
  ops::Rnn op;
  op.return_sequences = op.time_major = true;
  const std::vector<ValueId> all = operands(op);
  const auto results = builder_.add(op, all, 3);
  replace_uses(g_, node_.outputs[kOutputs], results[0]);
  for (ValueId cell : last_cells_) replace_uses(g_, cell, results[2]);
}

}  // namespace

void raise_block_lstm(Graph& graph, const Evaluator& evaluator, std::vector<std::string>& notes) {
  const std::size_t count = graph.nodes.size();
  for (std::size_t id = 0; id < count; ++id) {
    if (block_lstm_call(graph.nodes[id]) == nullptr) continue;
    const std::string name = printable(graph.nodes[id].name);
    try {
      BlockLstm(graph, static_cast<NodeId>(id), evaluator).raise();
      notes.push_back(fmt::format("BlockLSTM '{}' runs as one LSTM node", name));
    } catch (const NotRecurrent& reason) {
      notes.push_back(fmt::format("BlockLSTM '{}' runs as it is written: {}", name, reason.why));
    }
  }
}

}  // namespace thaw::tf
