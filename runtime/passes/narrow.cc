// Products in bfloat16, and what lies between them: a value that one product gives to another by
// way of functions that compute in float and round once keeps 16 bits all the way. Casts stand
// where this begins and ends.
#include <algorithm>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <utility>

#include "runtime/passes/pass_util.h"
#include "runtime/passes/passes.h"

namespace thaw {
namespace {

template <class T, class... Others>
constexpr bool kIsOneOf = (std::is_same_v<T, Others> || ...);

bool is_product(const Op& op) {
  return std::visit(
      []<class T>(const T&) {
        return kIsOneOf<T, ops::MatMul, ops::Einsum, ops::Conv, ops::ConvTranspose, ops::Attention>;
      },
      op);
}

/// Elements are moved, or computed in float and rounded once.
bool follows_products(const Op& op) {
  return std::visit(
      []<class T>(const T& alternative) {
        if constexpr (std::is_same_v<T, ops::Unary>) {
          return !is_predicate(alternative.fn.kind);
        } else if constexpr (std::is_same_v<T, ops::Binary>) {
          return !is_predicate(alternative.kind);
        } else if constexpr (std::is_same_v<T, ops::Reduce>) {
          return alternative.kind == ReduceKind::sum || alternative.kind == ReduceKind::mean ||
                 alternative.kind == ReduceKind::max || alternative.kind == ReduceKind::min;
        } else if constexpr (std::is_same_v<T, ops::Resize>) {
          return !alternative.antialias && (alternative.method == ResizeMethod::nearest ||
                                            alternative.method == ResizeMethod::bilinear);
        } else {
          return kIsOneOf<T, ops::Identity, ops::Select, ops::Elementwise, ops::Pool, ops::Softmax,
                          ops::Normalize, ops::Reshape, ops::ExpandDims, ops::Squeeze,
                          ops::Transpose, ops::BroadcastTo, ops::Tile, ops::Concat, ops::Stack,
                          ops::Unstack, ops::Split, ops::Slice, ops::StridedSlice, ops::Pad,
                          ops::Reverse, ops::Gather, ops::GatherNd, ops::SpaceToBatch,
                          ops::BatchToSpace>;
        }
      },
      op);
}

/// Results are small, however large the operands.
bool is_bounded(const Op& op) {
  return std::holds_alternative<ops::Softmax>(op) || std::holds_alternative<ops::Normalize>(op);
}

/// Nodes that no product needs: the last products, and what they lead to.
std::vector<bool> tail_of(const Graph& graph) {
  std::vector<bool> tail(graph.nodes.size()), needed(graph.values.size(), false);
  for (std::size_t i = graph.nodes.size(); i-- > 0;) {
    const Node& node = graph.nodes[i];
    tail[i] = std::none_of(node.outputs.begin(), node.outputs.end(),
                           [&](ValueId output) { return needed[at(output)]; });
    if (tail[i] && !is_product(node.op)) continue;
    for (const ValueId input : node.inputs) needed[at(input)] = true;
  }
  return tail;
}

class Narrowing {
 public:
  Narrowing(Graph& graph, FunctionRef<Tensor(const Tensor&)> round)
      : graph_(graph),
        round_(round),
        narrow_nodes_(graph.nodes.size(), false),
        last_(graph.nodes.size(), false),
        narrow_(graph.values.size(), false),
        beyond_(graph.values.size(), false),
        other_(graph.values.size(), -1) {}

  bool run() {
    if (!decide()) return false;
    rewrite();
    normalize(graph_);
    remove_dead_code(graph_);  // float32 weights
    return true;
  }

 private:
  const TensorType& type(ValueId value) const { return graph_.values[at(value)].type; }
  bool is_float32(ValueId value) const { return type(value).dtype == DType::float32; }

  /// Of a constant; made once.
  const Tensor& rounded(ValueId value, const Tensor& constant) {
    const auto found = rounded_.find(value);
    if (found != rounded_.end()) return found->second;
    return rounded_.emplace(value, round_(constant)).first->second;
  }

  /// Whether bfloat16 can hold the value: numbers beyond it mask scores, and what was added to one
  /// is still beyond it.
  bool holds(ValueId value) {
    if (!is_float32(value)) return true;
    const Tensor* constant = constant_of(graph_, value);
    return constant == nullptr ? !beyond_[at(value)] : !rounded(value, *constant).empty();
  }
  bool holds_operands(const Node& node) {
    return std::all_of(node.inputs.begin(), node.inputs.end(),
                       [&](ValueId input) { return holds(input); });
  }

  /// A last product that reads bfloat16: its bias, which stays float32, makes its result float32.
  bool reads_narrow(const Node& node) {
    if (!std::holds_alternative<ops::MatMul>(node.op) || node.inputs.size() < 3) return false;
    const ValueId a = node.inputs[0], b = node.inputs[1];
    return (narrow_[at(a)] || narrow_[at(b)]) && holds(a) && holds(b);
  }

  bool decide() {
    const std::vector<bool> tail = tail_of(graph_);
    bool any = false;
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      const Node& node = graph_.nodes[i];
      const bool product = is_product(node.op);
      last_[i] = tail[i] && reads_narrow(node);
      any = any || last_[i];
      if (tail[i] || !(product || follows_products(node.op)) || !is_float32(node.outputs[0])) {
        continue;
      }
      const bool reached = std::any_of(node.inputs.begin(), node.inputs.end(),
                                       [&](ValueId input) { return narrow_[at(input)]; });
      const bool holds = holds_operands(node);
      narrow_nodes_[i] = holds && (product || reached);
      any = any || narrow_nodes_[i];
      for (const ValueId output : node.outputs) {
        narrow_[at(output)] = narrow_nodes_[i];
        beyond_[at(output)] = !holds && !product && !is_bounded(node.op);
      }
    }
    return any;
  }

  void add(Node node) {
    for (const ValueId output : node.outputs) {
      graph_.values[at(output)].producer = static_cast<NodeId>(nodes_.size());
    }
    nodes_.push_back(std::move(node));
  }

  ValueId add_value(Op op, std::vector<ValueId> inputs, TensorType type, std::string name) {
    const auto result = static_cast<ValueId>(graph_.values.size());
    graph_.values.push_back({name, std::move(type), kNoNode});
    add({std::move(op), std::move(inputs), {result}, std::move(name)});
    return result;
  }

  /// The value in the type that it does not have.
  ValueId in_other_type(ValueId value) {
    ValueId& other = other_[at(value)];
    if (other >= 0) return other;
    const DType to = narrow_[at(value)] ? DType::float32 : DType::bfloat16;
    const TensorType wanted = {to, type(value).shape};
    const std::string name = graph_.values[at(value)].name;
    const Node& producer = nodes_[at(graph_.values[at(value)].producer)];
    if (const auto* constant = std::get_if<ops::Constant>(&producer.op)) {
      return other = add_value(ops::Constant{rounded(value, constant->value)}, {}, wanted, name);
    }
    if (std::holds_alternative<ops::Cast>(producer.op) && type(producer.inputs[0]).dtype == to) {
      return other = producer.inputs[0];  // what it was before
    }
    return other = add_value(ops::Cast{to}, {value}, wanted, name);
  }

  void rewrite() {
    std::vector<Node> before = std::move(graph_.nodes);
    for (std::size_t i = 0; i < before.size(); ++i) {
      Node& node = before[i];
      const bool reads_either = std::holds_alternative<ops::Cast>(node.op);
      for (std::size_t k = 0; k < node.inputs.size(); ++k) {
        ValueId& input = node.inputs[k];
        const bool to_narrow = narrow_nodes_[i] || (last_[i] && k < 2);
        const bool differs = to_narrow ? is_float32(input) : narrow_[at(input)] && !reads_either;
        if (differs) input = in_other_type(input);
      }
      for (const ValueId output : node.outputs) {
        if (narrow_[at(output)]) graph_.values[at(output)].type.dtype = DType::bfloat16;
      }
      add(std::move(node));
    }
    for (ValueId& output : graph_.outputs) {
      if (narrow_[at(output)]) output = in_other_type(output);
    }
    graph_.nodes = std::move(nodes_);
  }

  Graph& graph_;
  FunctionRef<Tensor(const Tensor&)> round_;
  std::vector<bool> narrow_nodes_;  // per node
  std::vector<bool> last_;          // per node: reads_narrow()
  std::vector<bool> narrow_;        // per value: it becomes bfloat16
  std::vector<bool> beyond_;        // per value: it may hold numbers that bfloat16 cannot
  std::vector<ValueId> other_;      // per value: in the other type, or -1
  std::unordered_map<ValueId, Tensor> rounded_;
  std::vector<Node> nodes_;  // of the graph as it will be
};

}  // namespace

bool narrow_activations(Graph& graph, FunctionRef<Tensor(const Tensor&)> round) {
  return Narrowing(graph, round).run();
}

}  // namespace thaw
