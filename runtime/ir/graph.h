// The graph: two arrays and integer ids.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "runtime/ir/ops.h"

namespace thaw {

using ValueId = std::int32_t;
using NodeId = std::int32_t;

/// The index of a value or node in its array.
inline std::size_t at(std::int32_t id) { return static_cast<std::size_t>(id); }
constexpr NodeId kNoNode = -1;

struct Value {
  std::string name;  // for people; need not be unique
  TensorType type;
  NodeId producer = kNoNode;
};

struct Node {
  Op op;
  std::vector<ValueId> inputs, outputs;
  std::string name;  // the layer or TensorFlow node it came from
};

/// State that survives between runs; each session has its own copy that starts as `initial`.
struct Variable {
  std::string name;
  Tensor initial;
};

/// Nodes stand in an order in which they can run (every operand's producer before its user);
/// effects run in this order. Every value has exactly one producer: graph inputs are produced by
/// ops::Input nodes.
struct Graph {
  std::string name;
  std::vector<Value> values;
  std::vector<Node> nodes;
  std::vector<ValueId> inputs, outputs;
  std::vector<std::string> input_names,
      output_names;                 // the model's names, parallel to inputs, outputs
  std::vector<Graph> subgraphs;     // of if and while; nested ones are their own
  std::vector<Variable> variables;  // of the whole model: kept in the outermost graph
};

/// The constant's tensor if `value` is produced by ops::Constant, else null.
const Tensor* constant_of(const Graph& graph, ValueId value);
/// The op of the node that produces `value`, as T, or null.
template <class T>
const T* producer_as(const Graph& graph, ValueId value) {
  const NodeId node = graph.values[static_cast<std::size_t>(value)].producer;
  return node == kNoNode ? nullptr
                         : std::get_if<T>(&graph.nodes[static_cast<std::size_t>(node)].op);
}
/// How many node operands and graph outputs use each value.
std::vector<int> use_counts(const Graph& graph);
/// Makes every user of `from`, graph outputs included, use `to`. Names of outputs stay.
void replace_uses(Graph& graph, ValueId from, ValueId to);
/// Restores the invariants after a pass has appended, emptied (op = monostate) or rewired nodes:
/// drops emptied nodes and unused values, sorts topologically (stable; effects keep their order)
/// and renumbers. Throws Error(internal) on a cycle. Returns true if nodes were dropped.
bool normalize(Graph& graph);
/// Elements of an int32/int64 constant tensor. Throws Error(invalid_argument) for another dtype.
std::vector<std::int64_t> to_ints(const Tensor& tensor);

/// Checks every invariant of the graph and its sub-graphs: ids in range, one producer per value,
/// order, operand counts, and that infer() gives types that agree with the stored ones. Throws
/// Error(internal) naming `stage`, the node and what is wrong.
void verify(const Graph& graph, const std::string& stage);

/// The graph as text (docs/graph-text.md); parse() reads it back. Tests write graphs as text.
/// Constants above `max_elements` print as their type and a checksum and do not parse back.
std::string to_text(const Graph& graph, std::int64_t max_elements = 64);
/// Throws Error(invalid_argument) with line and column.
Graph parse(const std::string& text);

}  // namespace thaw
