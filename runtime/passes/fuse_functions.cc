// Activations that a graph spells out: x * sigmoid(x), GELU by erf or tanh, min(max(x, a), b), ...
#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "runtime/passes/expression.h"
#include "runtime/passes/pass_util.h"
#include "runtime/passes/passes.h"

namespace thaw {
namespace {

/// An activation as a polynomial in x and g = gate(a0 + a1 x + a2 x^2 + a3 x^3).
struct Spelling {
  UnaryFn gate;
  std::array<double, 4> argument;
  double x, g, xg;  // the coefficients of x, g and x g in the result
  UnaryFn fn;
};

const std::vector<Spelling>& spellings() {
  static const double kHalfRoot = M_SQRT1_2, kTanh = 0.7978845608028654;  // sqrt(2 / pi)
  static const std::vector<Spelling> kAll{
      {{UnaryKind::erf}, {0, kHalfRoot, 0, 0}, 0.5, 0, 0.5, {UnaryKind::gelu}},
      {{UnaryKind::erfc}, {0, -kHalfRoot, 0, 0}, 0, 0, 0.5, {UnaryKind::gelu}},
      {{UnaryKind::tanh}, {0, kTanh, 0, 0.044715 * kTanh}, 0.5, 0, 0.5, {UnaryKind::gelu_tanh}},
      {{UnaryKind::sigmoid}, {0, 1, 0, 0}, 0, 0, 1, {UnaryKind::silu}},
      {{UnaryKind::clamp, 0, 6},
       {3, 1, 0, 0},
       0,
       1.0 / 6,
       0,
       {UnaryKind::hard_sigmoid, 1.0 / 6, 0.5}},
      {{UnaryKind::clamp, 0, 6}, {3, 1, 0, 0}, 0, 0, 1.0 / 6, {UnaryKind::hard_silu, 1.0 / 6, 0.5}},
      {{UnaryKind::hard_sigmoid, 1.0 / 6, 0.5},
       {0, 1, 0, 0},
       0,
       0,
       1,
       {UnaryKind::hard_silu, 1.0 / 6, 0.5}},
      {{UnaryKind::hard_sigmoid, 0.2, 0.5},
       {0, 1, 0, 0},
       0,
       0,
       1,
       {UnaryKind::hard_silu, 0.2, 0.5}},
  };
  return kAll;
}

/// Values that the argument of a gate is made of, itself included: any may be x.
std::vector<ValueId> operands_below(const Graph& graph, ValueId argument) {
  constexpr std::size_t kMostOperands = 12;
  std::vector<ValueId> found{argument};
  for (std::size_t i = 0; i < found.size(); ++i) {
    const Node& node = node_at(graph, producer_of(graph, found[i]));
    if (!std::holds_alternative<ops::Binary>(node.op) &&
        !std::holds_alternative<ops::Unary>(node.op)) {
      continue;
    }
    for (const ValueId input : node.inputs) {
      const bool fresh = std::ranges::find(found, input) == found.end();
      if (fresh && found.size() < kMostOperands && constant_of(graph, input) == nullptr) {
        found.push_back(input);
      }
    }
  }
  return found;
}

/// The coefficients of 1, x, x^2, x^3 if the value is such a polynomial.
std::optional<std::array<double, 4>> polynomial(const Graph& graph, ValueId value, ValueId x) {
  const auto terms = expand(graph, value, {x});
  if (!terms) return std::nullopt;
  std::array<double, 4> found{};
  for (const Term& term : *terms) {
    const bool other = std::ranges::any_of(term.factors, [x](ValueId f) { return f != x; });
    if (other || term.factors.size() >= found.size()) return std::nullopt;
    found[term.factors.size()] = term.coefficient;
  }
  return found;
}

bool is_argument(const std::array<double, 4>& found, const Spelling& spelling, DType dtype) {
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (!same_number(found[i], spelling.argument[i], dtype)) return false;
  }
  return true;
}

bool is_result(const Terms& terms, ValueId x, ValueId gate, const Spelling& spelling, DType dtype) {
  double found_x = 0, found_g = 0, found_xg = 0;
  for (const Term& term : terms) {
    std::vector<ValueId> both{x, gate};
    std::ranges::sort(both);
    if (term.factors == std::vector<ValueId>{x}) {
      found_x = term.coefficient;
    } else if (term.factors == std::vector<ValueId>{gate}) {
      found_g = term.coefficient;
    } else if (term.factors == both) {
      found_xg = term.coefficient;
    } else {
      return false;
    }
  }
  return same_number(found_x, spelling.x, dtype) && same_number(found_g, spelling.g, dtype) &&
         same_number(found_xg, spelling.xg, dtype);
}

class Functions {
 public:
  explicit Functions(Graph& graph) : graph_(graph), users_(users_of(graph)) {}

  bool run() {
    bool changed = false;
    const std::size_t count = graph_.nodes.size();
    for (std::size_t i = 0; i < count; ++i) {
      const auto id = static_cast<NodeId>(i);
      if (node_at(graph_, id).outputs.size() != 1) continue;
      if (!is_floating(type_of(graph_, node_at(graph_, id).outputs[0]).dtype)) continue;
      const bool bounded = bound(id);
      changed = gate(id) || bounded || changed;
    }
    return changed;
  }

 private:
  void put(ValueId result, UnaryFn fn, ValueId x) {
    Node& node = node_at(graph_, producer_of(graph_, result));
    node.op = ops::Unary{fn};
    node.inputs = {x};
  }

  std::optional<std::pair<ValueId, double>> bounded_by(ValueId value, BinaryKind kind) const {
    const Node& node = node_at(graph_, producer_of(graph_, value));
    const auto* binary = std::get_if<ops::Binary>(&node.op);
    if (binary == nullptr || binary->kind != kind) return std::nullopt;
    for (const int i : {0, 1}) {
      const ValueId x = node.inputs[at(i)];
      const auto number = scalar_number(graph_, node.inputs[at(1 - i)]);
      if (number && type_of(graph_, x) == type_of(graph_, value)) return std::pair{x, *number};
    }
    return std::nullopt;
  }

  // max(x, 0), min(max(x, a), b) and max(min(x, b), a).
  bool bound(NodeId id) {
    const ValueId result = node_at(graph_, id).outputs[0];
    for (const bool low_first : {true, false}) {
      const auto outer = bounded_by(result, low_first ? BinaryKind::minimum : BinaryKind::maximum);
      if (!outer) continue;
      const auto inner =
          bounded_by(outer->first, low_first ? BinaryKind::maximum : BinaryKind::minimum);
      const auto* relu =
          std::get_if<ops::Unary>(&node_at(graph_, producer_of(graph_, outer->first)).op);
      const bool from_zero = low_first && relu != nullptr && relu->fn.kind == UnaryKind::relu;
      if (!inner && !from_zero) continue;
      const double other = inner ? inner->second : 0;
      const double low = low_first ? other : outer->second,
                   high = low_first ? outer->second : other;
      if (!(low <= high)) continue;
      const ValueId x =
          inner ? inner->first : node_at(graph_, producer_of(graph_, outer->first)).inputs[0];
      put(result, {UnaryKind::clamp, low, high}, x);
      return true;
    }
    const auto positive = bounded_by(result, BinaryKind::maximum);
    if (!positive || positive->second != 0) return false;
    put(result, {UnaryKind::relu}, positive->first);
    return true;
  }

  bool gate(NodeId id) {
    const auto* unary = std::get_if<ops::Unary>(&node_at(graph_, id).op);
    if (unary == nullptr) return false;
    const UnaryFn fn = unary->fn;
    const ValueId g = node_at(graph_, id).outputs[0], argument = node_at(graph_, id).inputs[0];
    const DType dtype = type_of(graph_, g).dtype;
    if (straight(fn, argument, g, dtype) || mish(fn, argument, g)) return true;
    const auto known = [&](const Spelling& spelling) { return matches(spelling.gate, fn, dtype); };
    if (std::ranges::none_of(spellings(), known)) return false;
    for (const ValueId x : operands_below(graph_, argument)) {
      const auto found = polynomial(graph_, argument, x);
      if (!found) continue;
      for (const Spelling& spelling : spellings()) {
        if (!known(spelling) || !is_argument(*found, spelling, dtype)) continue;
        for (const ValueId result : elementwise_users(graph_, users_, g, x)) {
          const auto terms = expand(graph_, result, {x, g});
          if (!terms || !is_result(*terms, x, g, spelling, dtype)) continue;
          put(result, spelling.fn, x);
          return true;
        }
      }
    }
    return false;
  }

  static bool matches(const UnaryFn& wanted, const UnaryFn& fn, DType dtype) {
    return wanted.kind == fn.kind && same_number(wanted.alpha, fn.alpha, dtype) &&
           same_number(wanted.beta, fn.beta, dtype);
  }

  // clamp(a x + b, 0, 1)
  bool straight(const UnaryFn& fn, ValueId argument, ValueId g, DType dtype) {
    if (!matches({UnaryKind::clamp, 0, 1}, fn, dtype)) return false;
    ValueId found = -1;  // the deepest
    double slope = 0, offset = 0;
    for (const ValueId x : operands_below(graph_, argument)) {
      if (x == argument || type_of(graph_, x) != type_of(graph_, g)) continue;
      const auto line = polynomial(graph_, argument, x);
      if (!line || (*line)[2] != 0 || (*line)[3] != 0 || (*line)[1] == 0) continue;
      if ((*line)[1] == 1 && (*line)[0] == 0) continue;
      found = x;
      slope = (*line)[1];
      offset = (*line)[0];
    }
    if (found < 0) return false;
    put(g, {UnaryKind::hard_sigmoid, slope, offset}, found);
    return true;
  }

  // x tanh(softplus(x))
  bool mish(const UnaryFn& fn, ValueId argument, ValueId g) {
    const Node& inner = node_at(graph_, producer_of(graph_, argument));
    const auto* softplus = std::get_if<ops::Unary>(&inner.op);
    if (fn.kind != UnaryKind::tanh || softplus == nullptr ||
        softplus->fn.kind != UnaryKind::softplus) {
      return false;
    }
    const ValueId x = inner.inputs[0];
    for (const ValueId result : elementwise_users(graph_, users_, g, x)) {
      const auto terms = expand(graph_, result, {x, g});
      std::vector<ValueId> both{x, g};
      std::ranges::sort(both);
      if (!terms || terms->size() != 1 || (*terms)[0].coefficient != 1 ||
          (*terms)[0].factors != both) {
        continue;
      }
      put(result, {UnaryKind::mish}, x);
      return true;
    }
    return false;
  }

  Graph& graph_;
  const std::vector<std::vector<NodeId>> users_;  // before any change
};

}  // namespace

bool fuse_functions(Graph& graph) {
  const bool changed = Functions(graph).run();
  if (changed) {
    normalize(graph);
    remove_dead_code(graph);  // the gates
  }
  return for_subgraphs(graph, fuse_functions) || changed;
}

}  // namespace thaw
