// Of several nodes that compute the same from the same values, the first stays.
#include <cstring>
#include <map>
#include <numeric>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "runtime/ir/host_functions.h"
#include "runtime/passes/pass_util.h"
#include "runtime/passes/passes.h"

namespace thaw {
namespace {

constexpr std::int64_t kMaxSharedElements = 64;  // of constants: axes, shapes, scalars

// ---- equal attributes; what cannot be compared is not equal ----

bool same_attribute(double a, double b) { return std::memcmp(&a, &b, sizeof a) == 0; }
bool same_attribute(const UnaryFn& a, const UnaryFn& b) {
  return a.kind == b.kind && same_attribute(a.alpha, b.alpha) && same_attribute(a.beta, b.beta);
}
bool same_attribute(const Tensor& a, const Tensor& b) {
  if (a.empty() || b.empty()) return a.empty() && b.empty();
  if (a.type() != b.type() || a.dtype() == DType::string) return false;
  if (a.num_elements() > kMaxSharedElements) return false;
  return a.size_bytes() == 0 || std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}
bool same_attribute(const std::vector<double>& a, const std::vector<double>& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0);
}
bool same_attribute(const Attributes& a, const Attributes& b);
template <class T>
bool same_attribute(const T& a, const T& b) {
  if constexpr (requires { a == b; }) {
    return a == b;
  } else {
    return false;
  }
}
bool same_attribute(const Attributes& a, const Attributes& b) {
  if (a.entries().size() != b.entries().size()) return false;
  for (std::size_t i = 0; i < a.entries().size(); ++i) {
    const auto& [name, value] = a.entries()[i];
    const auto& [other_name, other] = b.entries()[i];
    if (name != other_name || value.index() != other.index()) return false;
    const bool same = std::visit(
        [&](const auto& mine) {
          return same_attribute(mine, std::get<std::decay_t<decltype(mine)>>(other));
        },
        value);
    if (!same) return false;
  }
  return true;
}

template <class T>
bool same_attributes(const T& a, const T& b) {
  std::vector<const void*> fields;
  T::fields(b, [&](const char*, const auto& field) { fields.push_back(&field); });
  std::size_t next = 0;
  bool same = true;
  T::fields(a, [&](const char*, const auto& field) {
    using Field = std::decay_t<decltype(field)>;
    same = same && same_attribute(field, *static_cast<const Field*>(fields[next++]));
  });
  return same;
}

bool same_op(const Op& a, const Op& b) {
  if (a.index() != b.index()) return false;
  return std::visit(
      [&](const auto& mine) {
        using T = std::decay_t<decltype(mine)>;
        if constexpr (std::is_same_v<T, std::monostate>) {
          return false;
        } else {
          return same_attributes(mine, std::get<T>(b));
        }
      },
      a);
}

// ---- the pass ----

template <class... Ops>
bool is_one_of(const Op& op) {
  return (std::holds_alternative<Ops>(op) || ...);
}

/// The node's results follow from its operands and attributes alone. A variable may have been
/// assigned in between; lists may be changed in place.
bool is_pure(const Op& op) {
  return !has_effect(op) && is_deterministic(op) &&
         !is_one_of<std::monostate, ops::Input, ops::VariableRead, ops::If, ops::While,
                    ops::ListReserve, ops::ListFromTensor, ops::ListGet, ops::ListSet,
                    ops::ListPushBack, ops::ListPopBack, ops::ListStack, ops::ListLength>(op);
}

/// Equal nodes have equal keys: the op, the bytes of a small constant, the operands.
using Key = std::tuple<std::size_t, std::string_view, std::vector<ValueId>>;

Key key_of(const Node& node) {
  std::string_view bytes;
  if (const auto* constant = std::get_if<ops::Constant>(&node.op)) {
    const Tensor& value = constant->value;
    if (value.size_bytes() > 0)
      bytes = {static_cast<const char*>(value.data()), value.size_bytes()};
  }
  return {node.op.index(), bytes, node.inputs};
}

/// What same_op would find different from everything.
bool is_large_constant(const Op& op) {
  const auto* constant = std::get_if<ops::Constant>(&op);
  return constant != nullptr && (constant->value.dtype() == DType::string ||
                                 constant->value.num_elements() > kMaxSharedElements);
}

bool same_results(const Graph& graph, const Node& a, const Node& b) {
  if (a.outputs.size() != b.outputs.size()) return false;
  for (std::size_t i = 0; i < a.outputs.size(); ++i) {
    if (type_of(graph, a.outputs[i]) != type_of(graph, b.outputs[i])) return false;
  }
  return true;
}

}  // namespace

bool eliminate_common_subexpressions(Graph& graph) {
  bool changed = false;
  std::vector<ValueId> same(graph.values.size());  // what each value is replaced by
  std::iota(same.begin(), same.end(), 0);
  std::map<Key, std::vector<NodeId>> seen;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    Node& node = graph.nodes[i];
    for (ValueId& input : node.inputs) input = same[at(input)];
    if (!is_pure(node.op) || is_large_constant(node.op)) continue;
    std::vector<NodeId>& candidates = seen[key_of(node)];
    NodeId equal = kNoNode;
    for (const NodeId id : candidates) {
      const Node& candidate = node_at(graph, id);
      if (same_op(candidate.op, node.op) && same_results(graph, candidate, node)) {
        equal = id;
        break;
      }
    }
    if (equal == kNoNode) {
      candidates.push_back(static_cast<NodeId>(i));
      continue;
    }
    for (std::size_t k = 0; k < node.outputs.size(); ++k) {
      same[at(node.outputs[k])] = node_at(graph, equal).outputs[k];
    }
    empty_node(graph, static_cast<NodeId>(i));
    changed = true;
  }
  for (ValueId& output : graph.outputs) output = same[at(output)];
  if (changed) normalize(graph);
  return for_subgraphs(graph, eliminate_common_subexpressions) || changed;
}

}  // namespace thaw
