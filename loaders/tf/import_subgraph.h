// A branch or body under construction, shared by the importers of control flow.
#pragma once

#include <memory>

#include "loaders/tf/import.h"

namespace thaw::tf {

struct Importer::SubGraph {
  SubGraph(const Evaluator& evaluator, Scope& outer) : scope(graph, evaluator, &outer) {}

  Graph graph;
  Scope scope;
  std::vector<ValueId>
      operands;  // of the outer graph, for the inputs that are not captured variables
  Edges results;
};

}  // namespace thaw::tf
