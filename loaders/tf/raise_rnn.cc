#include "loaders/tf/raise_rnn.h"

#include <algorithm>

#include "loaders/tf/raise_block_lstm.h"
#include "loaders/tf/rnn_loop.h"
#include "runtime/base/check.h"

namespace thaw::tf {

void raise_recurrent(Graph& graph, const Evaluator& evaluator, std::vector<std::string>& notes) {
  raise_block_lstm(graph, evaluator, notes);
  const std::size_t nodes = graph.nodes.size();
  for (std::size_t id = 0; id < nodes; ++id) {
    if (!std::holds_alternative<ops::While>(graph.nodes[id].op)) continue;
    const std::string name = printable(graph.nodes[id].name);
    try {
      const std::string cells = Loop(graph, static_cast<NodeId>(id), evaluator).raise();
      const auto count = std::ranges::count(cells, ',') + 1;
      notes.push_back(count == 1
                          ? fmt::format("loop '{}' runs as one {} node", name, cells)
                          : fmt::format("loop '{}' runs as {} nodes: {}", name, count, cells));
    } catch (const NotRecurrent& reason) {
      notes.push_back(fmt::format("loop '{}' runs as it is written: {}", name, reason.why));
    }
  }
  normalize(graph);
  for (Graph& sub : graph.subgraphs) raise_recurrent(sub, evaluator, notes);
}

}  // namespace thaw::tf
