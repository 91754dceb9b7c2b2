// Cells whose gates have products of their own: i = act(x W_i + h U_i + b_i), and so on.
#include <algorithm>

#include "loaders/tf/rnn_matcher.h"

namespace thaw::tf {
namespace {

using Ints = std::vector<std::int64_t>;

class SplitMatcher : public Matcher {
 public:
  explicit SplitMatcher(const Graph& body) : Matcher(body) {}

  std::optional<CellMatch> split_lstm(const CellQuestion& q);
  std::optional<CellMatch> split_gru(const CellQuestion& q);
  std::optional<CellMatch> split_simple(const CellQuestion& q);

 private:
  struct Product {
    ValueId weights = -1;
    const ops::Conv* conv = nullptr;  // null: a matrix product
    bool sequence = false;
  };

  ValueId without_ones(ValueId value) const;
  std::optional<Product> product(ValueId value, ValueId a) const;
  bool input_product(ValueId value, ValueId x, ValueId& weights);
  bool recurrent_product(ValueId value, ValueId h, ValueId& weights) const;
  std::vector<ValueId> summands(ValueId value) const;
  bool gate(ValueId value, ValueId x, ValueId h, GateWeights& found);
  bool candidate(ValueId value, const CellQuestion& q, CellMatch& match);
  bool reset(ValueId value, const CellQuestion& q, CellMatch& match, GateWeights& found);
  bool vectors_fit(const std::vector<ValueId>& bias, std::int64_t units) const;
  bool fits(const CellMatch& match) const;
  void start() {
    conv_.reset();
    sequence_ = false;
    products_ = 0;
  }

  std::optional<ops::Conv> conv_;  // of the input's products, all alike
  bool sequence_ = false;
  int products_ = 0;
};

// x of x * 1, which Keras 2 leaves of a dropout: 1 as a scalar, or in the shape of x.
ValueId SplitMatcher::without_ones(ValueId value) const {
  const auto pair = operands(value, BinaryKind::mul);
  if (!pair) return skip(value);
  for (const auto& [x, ones] : {*pair, std::pair{pair->second, pair->first}}) {
    ValueId one = ones;
    if (const Node& n = node(ones); std::holds_alternative<ops::BroadcastTo>(n.op)) {
      const Node& query = node(skip(n.inputs[1]));
      const auto* shape_query = std::get_if<ops::ShapeQuery>(&query.op);
      if (shape_query == nullptr || shape_query->kind != ShapeQueryKind::shape ||
          skip(query.inputs[0]) != x) {
        continue;
      }
      one = skip(n.inputs[0]);
    }
    const auto number = scalar_constant(body_, one);
    if (number && *number == 1 && shape(one).rank() == 0) return x;
  }
  return skip(value);
}

// a w, or a convolved with w; sequences as images of height 1.
std::optional<SplitMatcher::Product> SplitMatcher::product(ValueId value, ValueId a) const {
  const Node* n = &node(skip(value));
  if (std::holds_alternative<ops::MatMul>(n->op) && without_ones(n->inputs[0]) == skip(a)) {
    const auto weights = matmul_by(value, n->inputs[0]);
    return weights ? std::optional(Product{*weights}) : std::nullopt;
  }
  Product found;
  if (const auto* squeeze = std::get_if<ops::Squeeze>(&n->op)) {
    if (squeeze->axes != Ints{1} && squeeze->axes != Ints{-3}) return std::nullopt;
    found.sequence = true;
    n = &node(skip(n->inputs[0]));
  }
  found.conv = std::get_if<ops::Conv>(&n->op);
  if (found.conv == nullptr || n->inputs.size() != 2 || found.conv->groups != 1 ||
      found.conv->activation != UnaryFn{} || !from_outside(n->inputs[1])) {
    return std::nullopt;
  }
  ValueId x = skip(n->inputs[0]);
  if (found.sequence) {
    const auto* expand = std::get_if<ops::ExpandDims>(&node(x).op);
    if (expand == nullptr || (expand->axes != Ints{1} && expand->axes != Ints{-3})) {
      return std::nullopt;
    }
    x = skip(node(x).inputs[0]);
  }
  if (without_ones(x) != skip(a)) return std::nullopt;
  found.weights = skip(n->inputs[1]);
  return found;
}

bool SplitMatcher::input_product(ValueId value, ValueId x, ValueId& weights) {
  const auto found = product(value, x);
  if (!found || weights >= 0) return false;
  if (products_++ > 0) {
    const bool same_form =
        (found->conv != nullptr) == conv_.has_value() && found->sequence == sequence_;
    if (!same_form) return false;
    if (found->conv != nullptr &&
        (found->conv->strides != conv_->strides || found->conv->dilations != conv_->dilations ||
         !(found->conv->padding == conv_->padding))) {
      return false;
    }
  } else if (found->conv != nullptr) {
    conv_ = *found->conv;
    sequence_ = found->sequence;
  }
  weights = found->weights;
  return true;
}

// ConvLstm convolves the state with stride 1 and `same` padding.
bool SplitMatcher::recurrent_product(ValueId value, ValueId h, ValueId& weights) const {
  const auto found = product(value, h);
  if (!found || weights >= 0) return false;
  if (found->conv != nullptr) {
    const auto is_one = [](std::int64_t number) { return number == 1; };
    if (found->conv->padding.kind != PaddingKind::same ||
        !std::ranges::all_of(found->conv->strides, is_one) ||
        !std::ranges::all_of(found->conv->dilations, is_one)) {
      return false;
    }
  }
  weights = found->weights;
  return true;
}

std::vector<ValueId> SplitMatcher::summands(ValueId value) const {
  constexpr std::size_t kMaxSummands = 8;
  std::vector<ValueId> open{skip(value)}, found;
  while (!open.empty() && open.size() + found.size() <= kMaxSummands) {
    const ValueId next = open.back();
    open.pop_back();
    if (const auto pair = operands(next, BinaryKind::add)) {
      open.push_back(pair->second);
      open.push_back(pair->first);
    } else {
      found.push_back(next);
    }
  }
  return open.empty() ? found : std::vector<ValueId>{};
}

// x W + h U + b; without x (-1) or h (-1).
bool SplitMatcher::gate(ValueId value, ValueId x, ValueId h, GateWeights& found) {
  for (const ValueId summand : summands(value)) {
    if (x >= 0 && input_product(summand, x, found.kernel)) continue;
    if (h >= 0 && recurrent_product(summand, h, found.recurrent)) continue;
    if (!from_outside(summand)) return false;
    found.bias.push_back(summand);
  }
  return (x < 0 || found.kernel >= 0) && (h < 0 || found.recurrent >= 0);
}

// [U], or [1, ..., U].
bool SplitMatcher::vectors_fit(const std::vector<ValueId>& bias, std::int64_t units) const {
  return std::ranges::all_of(bias, [&](ValueId value) {
    const Shape& s = shape(value);
    return s.is_static() && s.rank() > 0 && s[s.rank() - 1] == units && s.num_elements() == units;
  });
}

// Kernels [..., I, U], recurrent kernels [..., U, U], vectors of U.
bool SplitMatcher::fits(const CellMatch& match) const {
  const Shape& first = shape(match.gates[0].recurrent);
  const Shape& kernel = shape(match.gates[0].kernel);
  if (!first.is_static() || !kernel.is_static() || first.rank() < 2 ||
      first.rank() != kernel.rank()) {
    return false;
  }
  const std::int64_t units = first[first.rank() - 1];
  if (first[first.rank() - 2] != units || kernel[kernel.rank() - 1] != units) return false;
  return std::ranges::all_of(match.gates,
                             [&](const GateWeights& gate) {
                               return shape(gate.kernel) == kernel &&
                                      shape(gate.recurrent) == first &&
                                      vectors_fit(gate.bias, units);
                             }) &&
         vectors_fit(match.recurrent_bias, units);
}

std::optional<CellMatch> SplitMatcher::split_lstm(const CellQuestion& q) {
  for (const LstmGates& gates : lstm_gates(q)) {
    start();
    CellMatch match;
    match.cell = CellKind::lstm;
    match.activation = gates.activation;
    match.recurrent_activation = gates.i.fn;
    match.gates.resize(4);
    if (!gate(gates.i.argument, q.x, q.h, match.gates[0]) ||
        !gate(gates.f.argument, q.x, q.h, match.gates[1]) ||
        !gate(gates.g.argument, q.x, q.h, match.gates[2]) ||
        !gate(gates.o.argument, q.x, q.h, match.gates[3]) || !fits(match)) {
      continue;
    }
    match.conv = conv_;
    match.sequence = sequence_;
    return match;
  }
  return std::nullopt;
}

// r (h U + b'), or (r h) U; r = act(x W_r + h U_r + b_r).
bool SplitMatcher::reset(ValueId value, const CellQuestion& q, CellMatch& match,
                         GateWeights& found) {
  const auto is_reset_gate = [&](ValueId candidate_gate) {
    const Activated r = activated(candidate_gate);
    GateWeights weights;
    const int before = products_;
    if (r.fn != match.recurrent_activation || !gate(r.argument, q.x, q.h, weights)) {
      products_ = before;
      return false;
    }
    match.gates[1] = std::move(weights);
    return true;
  };
  if (const auto pair = operands(value, BinaryKind::mul)) {
    for (const auto& [r, inner] : {*pair, std::pair{pair->second, pair->first}}) {
      GateWeights of_state;
      if (!gate(inner, -1, q.h, of_state) || !is_reset_gate(r)) continue;
      found.recurrent = of_state.recurrent;
      match.recurrent_bias = of_state.bias;
      return true;
    }
    return false;
  }
  const Node& n = node(skip(value));
  if (!std::holds_alternative<ops::MatMul>(n.op)) return false;
  const auto pair = operands(n.inputs[0], BinaryKind::mul);
  const auto weights = matmul_by(value, n.inputs[0]);
  if (!pair || !weights) return false;
  for (const auto& [r, h] : {*pair, std::pair{pair->second, pair->first}}) {
    if (without_ones(h) != skip(q.h) || !is_reset_gate(r)) continue;
    found.recurrent = *weights;
    match.reset_after = false;
    return true;
  }
  return false;
}

bool SplitMatcher::candidate(ValueId value, const CellQuestion& q, CellMatch& match) {
  GateWeights& found = match.gates[2];
  for (const ValueId summand : summands(value)) {
    if (input_product(summand, q.x, found.kernel)) continue;
    if (found.recurrent < 0 && reset(summand, q, match, found)) continue;
    if (!from_outside(summand)) return false;
    found.bias.push_back(summand);
  }
  return found.kernel >= 0 && found.recurrent >= 0;
}

std::optional<CellMatch> SplitMatcher::split_gru(const CellQuestion& q) {
  for (const GruGates& form : gru_forms(q)) {
    start();
    CellMatch match;
    match.cell = CellKind::gru;
    match.activation = form.candidate.fn;
    match.recurrent_activation = form.z.fn;
    match.gates.resize(3);
    if (gate(form.z.argument, q.x, q.h, match.gates[0]) &&
        candidate(form.candidate.argument, q, match) && !conv_ && fits(match)) {
      return match;
    }
  }
  return std::nullopt;
}

std::optional<CellMatch> SplitMatcher::split_simple(const CellQuestion& q) {
  start();
  const Activated h = activated(q.h_next);
  CellMatch match;
  match.activation = h.fn;
  match.gates.resize(1);
  if (!gate(h.argument, q.x, q.h, match.gates[0]) || conv_ || !fits(match)) return std::nullopt;
  return match;
}

}  // namespace

std::optional<CellMatch> match_split_cell(const Graph& body, const CellQuestion& question) {
  SplitMatcher matcher(body);
  if (question.c >= 0) return matcher.split_lstm(question);
  if (auto match = matcher.split_gru(question)) return match;
  return matcher.split_simple(question);
}

}  // namespace thaw::tf
