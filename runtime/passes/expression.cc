#include "runtime/passes/expression.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "runtime/passes/pass_util.h"

namespace thaw {
namespace {

constexpr int kMaxSteps = 64;          // nodes looked at
constexpr std::size_t kMaxTerms = 12;  // of a sum
constexpr std::size_t kMaxFactors = 8;

class Expander {
 public:
  Expander(const Graph& graph, const std::vector<ValueId>& symbols)
      : graph_(graph), symbols_(symbols) {}

  std::optional<Terms> of(ValueId value) {
    if (++steps_ > kMaxSteps) return std::nullopt;
    if (std::ranges::find(symbols_, value) != symbols_.end()) return Terms{{1, {value}}};
    if (const auto number = scalar_number(graph_, value)) return Terms{{*number, {}}};
    const Node& node = node_at(graph_, producer_of(graph_, value));
    if (const auto* binary = std::get_if<ops::Binary>(&node.op)) {
      return of_binary(binary->kind, node, value);
    }
    if (const auto* unary = std::get_if<ops::Unary>(&node.op)) {
      if (unary->fn.kind == UnaryKind::neg) return scaled(of(node.inputs[0]), -1);
      if (unary->fn.kind == UnaryKind::square)
        return product(of(node.inputs[0]), of(node.inputs[0]));
      if (unary->fn.kind == UnaryKind::reciprocal) return Terms{{1, {inverse(node.inputs[0])}}};
    }
    return Terms{{1, {value}}};
  }

 private:
  std::optional<Terms> of_binary(BinaryKind kind, const Node& node, ValueId value) {
    const ValueId x = node.inputs[0], y = node.inputs[1];
    switch (kind) {
      case BinaryKind::add: return sum(of(x), of(y));
      case BinaryKind::sub: return sum(of(x), scaled(of(y), -1));
      case BinaryKind::mul: return product(of(x), of(y));
      case BinaryKind::div: {
        const auto number = scalar_number(graph_, y);
        if (number && *number != 0) return scaled(of(x), 1 / *number);
        return product(of(x), Terms{{1, {inverse(y)}}});
      }
      case BinaryKind::pow: {
        const auto power = scalar_number(graph_, y);
        if (power == 2.0) return product(of(x), of(x));
        if (power == 3.0) return product(product(of(x), of(x)), of(x));
        break;
      }
      default: break;
    }
    return Terms{{1, {value}}};
  }

  static std::optional<Terms> scaled(std::optional<Terms> terms, double factor) {
    if (!terms) return terms;
    for (Term& term : *terms) term.coefficient *= factor;
    return terms;
  }

  static std::optional<Terms> sum(std::optional<Terms> a, const std::optional<Terms>& b) {
    if (!a || !b) return std::nullopt;
    for (const Term& term : *b) {
      const auto found = std::ranges::find(*a, term.factors, &Term::factors);
      if (found == a->end()) {
        a->push_back(term);
      } else {
        found->coefficient += term.coefficient;
      }
    }
    if (a->size() > kMaxTerms) return std::nullopt;
    return a;
  }

  static std::optional<Terms> product(const std::optional<Terms>& a,
                                      const std::optional<Terms>& b) {
    if (!a || !b || a->size() * b->size() > kMaxTerms) return std::nullopt;
    std::optional<Terms> all = Terms{};
    for (const Term& x : *a) {
      for (const Term& y : *b) {
        Term term{x.coefficient * y.coefficient, x.factors};
        term.factors.insert(term.factors.end(), y.factors.begin(), y.factors.end());
        std::ranges::sort(term.factors);
        if (term.factors.size() > kMaxFactors) return std::nullopt;
        all = sum(std::move(all), Terms{std::move(term)});
      }
    }
    return all;
  }

  const Graph& graph_;
  const std::vector<ValueId>& symbols_;
  int steps_ = 0;
};

}  // namespace

std::optional<Terms> expand(const Graph& graph, ValueId value,
                            const std::vector<ValueId>& symbols) {
  return Expander(graph, symbols).of(value);
}

std::optional<double> scalar_number(const Graph& graph, ValueId value) {
  const Tensor* tensor = constant_of(graph, value);
  if (tensor == nullptr || !is_floating(tensor->dtype()) || tensor->num_elements() != 1 ||
      tensor->shape().rank() > 1) {
    return std::nullopt;
  }
  return to_doubles(*tensor)[0];
}

bool same_number(double a, double b, DType dtype) {
  double precision = 1e-6;
  if (dtype == DType::float16) precision = 2e-3;
  if (dtype == DType::bfloat16) precision = 1e-2;
  return std::abs(a - b) <= precision * std::max(std::abs(a), std::abs(b));
}

std::vector<std::vector<NodeId>> users_of(const Graph& graph) {
  std::vector<std::vector<NodeId>> users(graph.values.size());
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    for (const ValueId input : graph.nodes[i].inputs) {
      std::vector<NodeId>& nodes = users[at(input)];
      if (nodes.empty() || nodes.back() != static_cast<NodeId>(i)) {
        nodes.push_back(static_cast<NodeId>(i));
      }
    }
  }
  return users;
}

std::vector<ValueId> elementwise_users(const Graph& graph,
                                       const std::vector<std::vector<NodeId>>& users, ValueId value,
                                       ValueId like) {
  constexpr int kMaxLevels = 6;
  constexpr std::size_t kMaxUsers = 16;
  std::set<NodeId> seen;  // in order, since nodes stand in one
  std::vector<ValueId> level{value};
  for (int i = 0; i < kMaxLevels && !level.empty(); ++i) {
    std::vector<ValueId> next;
    for (const ValueId used : level) {
      if (at(used) >= users.size() || users[at(used)].size() > kMaxUsers) continue;
      for (const NodeId user : users[at(used)]) {
        const Op& op = node_at(graph, user).op;
        if (!std::holds_alternative<ops::Binary>(op) && !std::holds_alternative<ops::Unary>(op)) {
          continue;
        }
        if (seen.size() < kMaxUsers && seen.insert(user).second) {
          next.push_back(node_at(graph, user).outputs[0]);
        }
      }
    }
    level = std::move(next);
  }
  std::vector<ValueId> found;
  for (const NodeId id : seen) {
    const ValueId result = node_at(graph, id).outputs[0];
    if (type_of(graph, result) == type_of(graph, like)) found.push_back(result);
  }
  return found;
}

}  // namespace thaw
