#include "loaders/tf/rnn_cell.h"

#include <algorithm>
#include <cmath>

#include "loaders/tf/graph_query.h"
#include "loaders/tf/rnn_matcher.h"

namespace thaw::tf {
namespace {

bool near(double a, double b) { return std::abs(a - b) <= 1e-6 * std::max(1.0, std::abs(b)); }

}  // namespace

std::optional<std::pair<ValueId, ValueId>> Matcher::operands(ValueId value, BinaryKind kind) const {
  const Node& n = node(skip(value));
  const auto* binary = std::get_if<ops::Binary>(&n.op);
  if (binary == nullptr || binary->kind != kind) return std::nullopt;
  return std::pair{skip(n.inputs[0]), skip(n.inputs[1])};
}

std::optional<ValueId> Matcher::other(ValueId value, BinaryKind kind, ValueId one) const {
  const auto pair = operands(value, kind);
  if (!pair) return std::nullopt;
  if (pair->first == skip(one)) return pair->second;
  if (pair->second == skip(one)) return pair->first;
  return std::nullopt;
}

std::optional<ValueId> Matcher::with_number(ValueId value, BinaryKind kind, double number) const {
  const auto pair = operands(value, kind);
  if (!pair) return std::nullopt;
  const auto second = scalar_constant(body_, pair->second);
  if (second && near(*second, number)) return pair->first;
  if (kind == BinaryKind::div) return std::nullopt;
  const auto first = scalar_constant(body_, pair->first);
  if (first && near(*first, number)) return pair->second;
  return std::nullopt;
}

// Keras 2: clip(0.2 x + 0.5, 0, 1); Keras 3: relu6(x + 3) / 6.
std::optional<Activated> Matcher::hard_sigmoid(ValueId value) const {
  std::optional<ValueId> inner = with_number(value, BinaryKind::maximum, 0);
  if (inner) inner = with_number(*inner, BinaryKind::minimum, 1);
  if (!inner) {
    inner = with_number(value, BinaryKind::minimum, 1);
    if (inner) inner = with_number(*inner, BinaryKind::maximum, 0);
  }
  if (inner) {
    const auto scaled = with_number(*inner, BinaryKind::add, 0.5);
    const auto x = scaled ? with_number(*scaled, BinaryKind::mul, 0.2) : std::nullopt;
    if (x) return Activated{{UnaryKind::hard_sigmoid, 0.2, 0.5}, *x};
    return std::nullopt;
  }
  inner = with_number(value, BinaryKind::div, 6);
  if (!inner) inner = with_number(value, BinaryKind::mul, 1.0 / 6);
  if (!inner) return std::nullopt;
  const Node& clamp = node(*inner);
  const auto* unary = std::get_if<ops::Unary>(&clamp.op);
  if (unary == nullptr || unary->fn != UnaryFn{UnaryKind::clamp, 0, 6}) return std::nullopt;
  const auto x = with_number(clamp.inputs[0], BinaryKind::add, 3);
  if (!x) return std::nullopt;
  return Activated{{UnaryKind::hard_sigmoid, 1.0 / 6, 0.5}, *x};
}

// The outermost function; linear when the value is no known function of another.
Activated Matcher::activated(ValueId value) const {
  value = skip(value);
  if (auto found = hard_sigmoid(value)) return *found;
  const Node& n = node(value);
  if (const auto* unary = std::get_if<ops::Unary>(&n.op)) return {unary->fn, skip(n.inputs[0])};
  if (const auto pair = operands(value, BinaryKind::mul)) {  // silu: x sigmoid(x)
    for (const auto& [x, gate] : {*pair, std::pair{pair->second, pair->first}}) {
      const auto* sigmoid = std::get_if<ops::Unary>(&node(gate).op);
      if (sigmoid != nullptr && sigmoid->fn.kind == UnaryKind::sigmoid &&
          same(node(gate).inputs[0], x)) {
        return {{UnaryKind::silu}, x};
      }
    }
  }
  return {{}, value};
}

std::optional<UnaryFn> Matcher::activation_of(ValueId value, ValueId argument) const {
  if (same(value, argument)) return UnaryFn{};
  const Activated found = activated(value);
  if (found.argument != skip(argument)) return std::nullopt;
  return found.fn;
}

// A result of a split behind parts of the same width, or the columns [k u, (k + 1) u).
std::optional<Part> Matcher::part(ValueId value, std::int64_t units) const {
  value = skip(value);
  const Node& n = node(value);
  const Shape& result = shape(value);
  if (!result.has_rank() || result.rank() != 2 || result[1] != units) return std::nullopt;
  if (const auto* split = std::get_if<ops::Split>(&n.op)) {
    if (split->axis != 1 && split->axis != -1) return std::nullopt;
    std::int64_t index = 0;
    for (ValueId output : n.outputs) {
      if (output == value) return Part{skip(n.inputs[0]), index};
      const Shape& other_part = shape(output);
      if (other_part.rank() != 2 || other_part[1] != units) return std::nullopt;
      ++index;
    }
    return std::nullopt;
  }
  const auto* slice = std::get_if<ops::StridedSlice>(&n.op);
  if (slice == nullptr || slice->ellipsis_mask != 0 || slice->new_axis_mask != 0 ||
      slice->shrink_axis_mask != 0) {
    return std::nullopt;
  }
  const Tensor* begin = constant_of(body_, n.inputs[1]);
  const Tensor* strides = constant_of(body_, n.inputs[3]);
  if (begin == nullptr || strides == nullptr || begin->num_elements() != 2) return std::nullopt;
  const auto from = to_ints(*begin), step = to_ints(*strides);
  const std::int64_t first = (slice->begin_mask & 2) != 0 ? 0 : from[1];
  const bool whole_rows = (slice->begin_mask & 1) != 0 && (slice->end_mask & 1) != 0;
  if (!whole_rows || step[0] != 1 || step[1] != 1 || first < 0 || first % units != 0) {
    return std::nullopt;
  }
  return Part{skip(n.inputs[0]), first / units};
}

bool Matcher::is_part(ValueId value, std::int64_t units, ValueId base, std::int64_t index) const {
  const auto found = part(value, units);
  return found && found->base == base && found->index == index;
}

std::optional<ValueId> Matcher::matmul_by(ValueId value, ValueId a) const {
  const Node& n = node(skip(value));
  const auto* matmul = std::get_if<ops::MatMul>(&n.op);
  if (matmul == nullptr || matmul->transpose_a || matmul->transpose_b || n.inputs.size() != 2 ||
      matmul->activation != UnaryFn{}) {
    return std::nullopt;
  }
  if (!same(n.inputs[0], a) || !from_outside(n.inputs[1])) return std::nullopt;
  return skip(n.inputs[1]);
}

bool Matcher::from_outside(ValueId value, int depth) const {
  constexpr int kMaxDepth = 6;
  const Node& n = node(skip(value));
  if (std::holds_alternative<ops::Constant>(n.op) || std::holds_alternative<ops::Input>(n.op)) {
    return true;
  }
  const auto outside = [&](ValueId input) { return from_outside(input, depth + 1); };
  return depth < kMaxDepth && moves_elements(n.op) && std::ranges::all_of(n.inputs, outside);
}

bool Matcher::add_terms(ValueId value, ValueId x, ValueId h, Sum& sum, int depth) const {
  constexpr int kMaxTerms = 8;
  if (depth > kMaxTerms) return false;
  if (const auto pair = operands(value, BinaryKind::add)) {
    return add_terms(pair->first, x, h, sum, depth + 1) &&
           add_terms(pair->second, x, h, sum, depth + 1);
  }
  if (const auto weights = x >= 0 ? matmul_by(value, x) : std::nullopt; weights && sum.kernel < 0) {
    sum.kernel = *weights;
    return true;
  }
  if (const auto weights = h >= 0 ? matmul_by(value, h) : std::nullopt;
      weights && sum.recurrent < 0) {
    sum.recurrent = *weights;
    return true;
  }
  if (!from_outside(value)) return false;
  sum.bias.push_back(skip(value));
  return true;
}

std::optional<Matcher::Sum> Matcher::sum(ValueId value, ValueId x, ValueId h) const {
  Sum found;
  if (!add_terms(value, x, h, found, 0)) return std::nullopt;
  if ((x >= 0) != (found.kernel >= 0) || (h >= 0) != (found.recurrent >= 0)) return std::nullopt;
  return found;
}

bool Matcher::has_shape(ValueId weights, std::int64_t rows, std::int64_t columns) const {
  const Shape& s = shape(weights);
  return s.has_rank() && s.rank() == 2 && (rows < 0 || s[0] == rows) && s[1] == columns;
}

bool Matcher::biases_fit(const std::vector<ValueId>& bias, std::int64_t columns) const {
  for (ValueId value : bias) {
    const Shape& s = shape(value);
    if (!s.is_static() || s.num_elements() != columns || s.rank() > 2) return false;
    if (s.rank() == 2 && s[0] != 1) return false;
  }
  return true;
}

std::vector<Matcher::LstmGates> Matcher::lstm_gates(const CellQuestion& q) const {
  std::vector<LstmGates> found;
  const auto product = operands(q.h_next, BinaryKind::mul);
  const auto added = operands(q.c_next, BinaryKind::add);
  if (!product || !added) return found;
  for (const auto& [kept, fresh] : {*added, std::pair{added->second, added->first}}) {
    const auto forget = other(kept, BinaryKind::mul, q.c);
    const auto input = operands(fresh, BinaryKind::mul);
    if (!forget || !input) continue;
    for (const auto& [gate, candidate] : {*input, std::pair{input->second, input->first}}) {
      for (const auto& [out_gate, squashed] :
           {*product, std::pair{product->second, product->first}}) {
        const auto activation = activation_of(squashed, q.c_next);
        if (!activation) continue;
        const LstmGates gates{activated(gate), activated(*forget), activated(candidate),
                              activated(out_gate), *activation};
        if (gates.f.fn == gates.i.fn && gates.o.fn == gates.i.fn && gates.g.fn == *activation) {
          found.push_back(gates);
        }
      }
    }
  }
  return found;
}

// i, f, g, o are the parts of one sum.
std::optional<CellMatch> Matcher::lstm(const CellQuestion& q) const {
  for (const LstmGates& gates : lstm_gates(q)) {
    const Shape& gate_shape = shape(gates.i.argument);
    if (!gate_shape.has_rank() || gate_shape.rank() != 2) continue;
    const std::int64_t units = gate_shape[1];
    const auto first = part(gates.i.argument, units);
    if (!first || first->index != 0 || !is_part(gates.f.argument, units, first->base, 1) ||
        !is_part(gates.g.argument, units, first->base, 2) ||
        !is_part(gates.o.argument, units, first->base, 3)) {
      continue;
    }
    const auto z = sum(first->base, q.x, q.h);
    if (!z || !has_shape(z->recurrent, units, 4 * units) || !has_shape(z->kernel, -1, 4 * units) ||
        !biases_fit(z->bias, 4 * units)) {
      continue;
    }
    CellMatch match;
    match.cell = CellKind::lstm;
    match.activation = gates.activation;
    match.recurrent_activation = gates.i.fn;
    match.kernel = z->kernel;
    match.recurrent = z->recurrent;
    match.bias = z->bias;
    return match;
  }
  return std::nullopt;
}

std::vector<Matcher::GruGates> Matcher::gru_forms(const CellQuestion& q) const {
  std::vector<GruGates> found;
  const auto added = operands(q.h_next, BinaryKind::add);
  if (!added) return found;
  for (const auto& [kept, fresh] : {*added, std::pair{added->second, added->first}}) {
    const auto update = other(kept, BinaryKind::mul, q.h);
    const auto scaled = operands(fresh, BinaryKind::mul);
    if (!update || !scaled) continue;
    for (const auto& [rest, candidate] : {*scaled, std::pair{scaled->second, scaled->first}}) {
      const auto difference = operands(rest, BinaryKind::sub);  // 1 - z
      if (!difference || difference->second != *update) continue;
      const auto one = scalar_constant(body_, difference->first);
      if (one && *one == 1) found.push_back({activated(*update), activated(candidate)});
    }
  }
  return found;
}

// z, r from sums of the parts of x W + b and h U + b'.
std::optional<CellMatch> Matcher::gru(const CellQuestion& q) const {
  for (const GruGates& form : gru_forms(q)) {
    if (auto match = gru_gates(q, form.z, form.candidate)) return match;
  }
  return std::nullopt;
}

// z = act(x_z + h_z), candidate = act(x_h + reset part).
std::optional<CellMatch> Matcher::gru_gates(const CellQuestion& q, const Activated& z,
                                            const Activated& candidate) const {
  const auto z_terms = operands(z.argument, BinaryKind::add);
  const auto h_terms = operands(candidate.argument, BinaryKind::add);
  const Shape& gate = shape(z.argument);
  if (!z_terms || !h_terms || !gate.has_rank() || gate.rank() != 2) return std::nullopt;
  const std::int64_t units = gate[1];
  for (const auto& [xz, hz] : {*z_terms, std::pair{z_terms->second, z_terms->first}}) {
    for (const auto& [xh, reset] : {*h_terms, std::pair{h_terms->second, h_terms->first}}) {
      const auto from_x = part(xz, units), from_h = part(hz, units);
      if (!from_x || !from_h || from_x->index != 0 || from_h->index != 0 ||
          !is_part(xh, units, from_x->base, 2)) {
        continue;
      }
      CellMatch match;
      match.cell = CellKind::gru;
      match.activation = candidate.fn;
      match.recurrent_activation = z.fn;
      if (gru_reset(q, reset, from_x->base, from_h->base, units, match) &&
          gru_weights(q, from_x->base, from_h->base, units, match)) {
        return match;
      }
    }
  }
  return std::nullopt;
}

// r (h U_h + b'_h), or (r h) U_h; r = act(x_r + h_r).
bool Matcher::gru_reset(const CellQuestion& q, ValueId value, ValueId x_base, ValueId h_base,
                        std::int64_t units, CellMatch& match) const {
  const auto is_reset_gate = [&](ValueId gate) {
    const Activated r = activated(gate);
    const auto terms = operands(r.argument, BinaryKind::add);
    if (!terms || r.fn != match.recurrent_activation) return false;
    const auto are = [&](ValueId x, ValueId h) {
      return is_part(x, units, x_base, 1) && is_part(h, units, h_base, 1);
    };
    return are(terms->first, terms->second) || are(terms->second, terms->first);
  };
  if (const auto pair = operands(value, BinaryKind::mul)) {
    return (is_reset_gate(pair->first) && is_part(pair->second, units, h_base, 2)) ||
           (is_reset_gate(pair->second) && is_part(pair->first, units, h_base, 2));
  }
  const Node& n = node(skip(value));
  if (!std::holds_alternative<ops::MatMul>(n.op)) return false;
  const auto gate = other(n.inputs[0], BinaryKind::mul, q.h);
  const auto weights = matmul_by(value, n.inputs[0]);
  if (!gate || !is_reset_gate(*gate) || !weights || !has_shape(*weights, units, units))
    return false;
  match.reset_after = false;
  match.candidate_recurrent = *weights;
  return true;
}

bool Matcher::gru_weights(const CellQuestion& q, ValueId x_base, ValueId h_base, std::int64_t units,
                          CellMatch& match) const {
  const auto x_sum = sum(x_base, q.x, -1), h_sum = sum(h_base, -1, q.h);
  const std::int64_t columns = match.reset_after ? 3 * units : 2 * units;
  if (!x_sum || !h_sum || !has_shape(x_sum->kernel, -1, 3 * units) ||
      !has_shape(h_sum->recurrent, units, columns) || !biases_fit(x_sum->bias, 3 * units) ||
      !biases_fit(h_sum->bias, 3 * units)) {
    return false;
  }
  if (!match.reset_after && !h_sum->bias.empty()) return false;
  match.kernel = x_sum->kernel;
  match.recurrent = h_sum->recurrent;
  match.bias = x_sum->bias;
  match.recurrent_bias = h_sum->bias;
  return true;
}

std::optional<CellMatch> Matcher::simple(const CellQuestion& q) const {
  const Activated h = activated(q.h_next);
  const auto z = sum(h.argument, q.x, q.h);
  if (!z) return std::nullopt;
  const Shape& recurrent = shape(z->recurrent);
  if (!recurrent.is_static() || recurrent.rank() != 2) return std::nullopt;
  const std::int64_t units = recurrent[0];
  if (!has_shape(z->recurrent, units, units) || !has_shape(z->kernel, -1, units) ||
      !biases_fit(z->bias, units)) {
    return std::nullopt;
  }
  CellMatch match;
  match.activation = h.fn;
  match.kernel = z->kernel;
  match.recurrent = z->recurrent;
  match.bias = z->bias;
  return match;
}

std::optional<CellMatch> match_cell(const Graph& body, const CellQuestion& question) {
  const Matcher matcher(body);
  if (question.c >= 0) return matcher.lstm(question);
  if (auto match = matcher.gru(question)) return match;
  return matcher.simple(question);
}

}  // namespace thaw::tf
