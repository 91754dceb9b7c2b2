#include "loaders/tf/random_notes.h"

#include "runtime/base/check.h"

namespace thaw::tf {

void note_random_numbers(const Graph& graph, std::vector<std::string>& notes) {
  for (const Node& node : graph.nodes) {
    const auto* call = std::get_if<ops::HostCall>(&node.op);
    if (call == nullptr || call->function != "random_seed") continue;
    notes.push_back(fmt::format("'{}' draws random numbers without a seed: every run gives others",
                                printable(node.name)));
  }
  for (const Graph& sub : graph.subgraphs) note_random_numbers(sub, notes);
}

}  // namespace thaw::tf
