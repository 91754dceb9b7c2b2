#include "loaders/tf/raise_rnn.h"

#include "loaders/tf/raise_block_lstm.h"
#include "loaders/tf/rnn_loop.h"
#include "runtime/base/check.h"

namespace thaw::tf {
namespace {

const char* cell_name(CellKind kind) {
  switch (kind) {
    case CellKind::lstm: return "LSTM";
    case CellKind::gru: return "GRU";
    case CellKind::simple: return "SimpleRNN";
  }
  return "";
}

}  // namespace

void raise_recurrent(Graph& graph, const Evaluator& evaluator, std::vector<std::string>& notes) {
  raise_block_lstm(graph, evaluator, notes);
  const std::size_t count = graph.nodes.size();
  for (std::size_t id = 0; id < count; ++id) {
    if (!std::holds_alternative<ops::While>(graph.nodes[id].op)) continue;
    const std::string name = printable(graph.nodes[id].name);
    try {
      const CellKind cell = Loop(graph, static_cast<NodeId>(id), evaluator).raise();
      notes.push_back(fmt::format("loop '{}' runs as one {} node", name, cell_name(cell)));
    } catch (const NotRecurrent& reason) {
      notes.push_back(fmt::format("loop '{}' runs as it is written: {}", name, reason.why));
    }
  }
  normalize(graph);
  for (Graph& sub : graph.subgraphs) raise_recurrent(sub, evaluator, notes);
}

}  // namespace thaw::tf
