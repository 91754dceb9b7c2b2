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

/// Merge nodes that one If computes, and what its sides take from outside.
struct Importer::Branches {
  Predicate predicate;
  std::vector<int> merges;
  std::vector<bool> indexed;  // of each merge: its second result is used
  std::vector<Regions::Need> outside;
};

/// What the operands of a loop are.
struct Importer::LoopPlan {
  Branch cond, body;            // what they make of the operands
  std::vector<bool> carried;    // operand i changes or is known only at run time: a loop variable
  std::vector<bool> invariant;  // the body hands it through
  std::vector<TensorType> types;
  std::string name;  // of the loop, where no single node is it; else empty
};

}  // namespace thaw::tf
