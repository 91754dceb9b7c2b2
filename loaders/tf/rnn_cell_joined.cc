// The cells of TensorFlow 1: one product of the joined input and state, [x, h] W + b, whose weights
// become those of Keras's form here: split into rows of x and of h, columns in Keras's order.
#include <cstring>

#include "loaders/tf/rnn_matcher.h"

namespace thaw::tf {
namespace {

using Columns = std::vector<std::int64_t>;  // blocks of `units` columns, in the order wanted

// Rows [from, to) of the blocks of columns. A bias is a matrix of one row.
Tensor cut(const Tensor& weights, std::int64_t from, std::int64_t to, const Columns& blocks,
           std::int64_t units) {
  const bool vector = weights.shape().rank() == 1;
  const std::int64_t width = weights.shape()[vector ? 0 : 1];
  const auto count = static_cast<std::int64_t>(blocks.size());
  Tensor part(weights.dtype(), vector ? Shape{count * units} : Shape{to - from, count * units});
  const std::size_t size = size_of(weights.dtype());
  const auto* in = static_cast<const std::byte*>(weights.data());
  auto* out = static_cast<std::byte*>(part.mutable_data());
  for (std::int64_t row = from; row < to; ++row) {
    for (std::int64_t block : blocks) {
      const std::size_t bytes = static_cast<std::size_t>(units) * size;
      std::memcpy(out, in + static_cast<std::size_t>(row * width + block * units) * size, bytes);
      out += bytes;
    }
  }
  return part;
}

// Two matrices or vectors beside each other.
Tensor beside(const Tensor& a, const Tensor& b) {
  const bool vector = a.shape().rank() == 1;
  const std::int64_t rows = vector ? 1 : a.shape()[0];
  const std::int64_t left = a.num_elements() / std::max<std::int64_t>(rows, 1);
  const std::int64_t right = b.num_elements() / std::max<std::int64_t>(rows, 1);
  Tensor both(a.dtype(), vector ? Shape{left + right} : Shape{rows, left + right});
  const std::size_t size = size_of(a.dtype());
  auto* out = static_cast<std::byte*>(both.mutable_data());
  for (std::int64_t row = 0; row < rows; ++row) {
    for (const auto& [from, width] : {std::pair{&a, left}, std::pair{&b, right}}) {
      const std::size_t bytes = static_cast<std::size_t>(width) * size;
      std::memcpy(
          out, static_cast<const std::byte*>(from->data()) + static_cast<std::size_t>(row) * bytes,
          bytes);
      out += bytes;
    }
  }
  return both;
}

ValueId add_constant(Graph& graph, Tensor tensor) {
  const auto value = static_cast<ValueId>(graph.values.size());
  graph.values.push_back({"", tensor.type(), static_cast<NodeId>(graph.nodes.size())});
  graph.nodes.push_back({ops::Constant{std::move(tensor)}, {}, {value}, ""});
  return value;
}

CellMatch joined_match(CellKind cell, const UnaryFn& activation,
                       const UnaryFn& recurrent_activation, bool reset_after, ValueId kernel,
                       ValueId recurrent, ValueId candidate_recurrent, ValueId bias) {
  CellMatch match;
  match.cell = cell;
  match.activation = activation;
  match.recurrent_activation = recurrent_activation;
  match.reset_after = reset_after;
  match.kernel = kernel;
  match.recurrent = recurrent;
  match.candidate_recurrent = candidate_recurrent;
  match.bias = {bias};
  return match;
}

class JoinedMatcher : public Matcher {
 public:
  explicit JoinedMatcher(Graph& body) : Matcher(body), graph_(body) {}

  std::optional<CellMatch> joined_lstm(const CellQuestion& q);
  std::optional<CellMatch> joined_gru(const CellQuestion& q);
  std::optional<CellMatch> joined_simple(const CellQuestion& q);

 private:
  /// [a, b] weights + bias, with constants of `blocks` times `units` columns.
  struct Joined {
    ValueId a = -1, b = -1;
    Tensor weights, bias;
  };
  /// Column block `index` of fn(sums).
  struct Gate {
    UnaryFn fn;
    ValueId sums = -1;
    std::int64_t index = -1;
  };
  std::optional<Gate> gate_of(ValueId value, std::int64_t units) const;
  std::vector<std::pair<ValueId, ValueId>> means(const CellQuestion& q) const;
  std::optional<Joined> joined(ValueId value, std::int64_t units, std::int64_t blocks) const;
  std::int64_t units_of(const CellQuestion& q) const {
    const Shape& state = shape(q.h);
    return state.has_rank() && state.rank() == 2 ? state[1] : -1;
  }
  bool add_forget_bias(Tensor& bias, double number, std::int64_t units) const;

  Graph& graph_;
};

std::optional<JoinedMatcher::Joined> JoinedMatcher::joined(ValueId value, std::int64_t units,
                                                           std::int64_t blocks) const {
  Joined found;
  value = skip(value);
  if (const auto pair = operands(value, BinaryKind::add)) {
    const bool second = constant_of(body_, pair->second) != nullptr;
    const Tensor* bias = constant_of(body_, second ? pair->second : pair->first);
    if (bias == nullptr || bias->shape() != Shape{blocks * units}) return std::nullopt;
    found.bias = *bias;
    value = second ? pair->first : pair->second;
  }
  const Node& product = node(value);
  const auto* matmul = std::get_if<ops::MatMul>(&product.op);
  if (matmul == nullptr || matmul->transpose_a || matmul->transpose_b ||
      product.inputs.size() != 2 || matmul->activation != UnaryFn{}) {
    return std::nullopt;
  }
  const Node& concat = node(skip(product.inputs[0]));
  const auto* join = std::get_if<ops::Concat>(&concat.op);
  const Tensor* weights = constant_of(body_, skip(product.inputs[1]));
  if (join == nullptr || (join->axis != 1 && join->axis != -1) || concat.inputs.size() != 2 ||
      weights == nullptr || weights->shape().rank() != 2 || weights->shape()[1] != blocks * units ||
      weights->shape()[0] <= units) {
    return std::nullopt;
  }
  if (found.bias.empty()) found.bias = Tensor(weights->dtype(), Shape{blocks * units});
  if (found.bias.dtype() != weights->dtype()) return std::nullopt;
  found.a = skip(concat.inputs[0]);
  found.b = skip(concat.inputs[1]);
  found.weights = *weights;
  return found;
}

// To the second block of Keras's order.
bool JoinedMatcher::add_forget_bias(Tensor& bias, double number, std::int64_t units) const {
  if (number == 0) return true;
  for (std::int64_t i = units; i < 2 * units; ++i) {
    if (bias.dtype() == DType::float32) {
      bias.mutable_data<float>()[i] += static_cast<float>(number);
    } else if (bias.dtype() == DType::float64) {
      bias.mutable_data<double>()[i] += number;
    } else {
      return false;
    }
  }
  return true;
}

// h' = act(c') o, c' = c f + i act(j), with i, j, f, o the parts of one sum; a constant is added to
// f before its function.
std::optional<CellMatch> JoinedMatcher::joined_lstm(const CellQuestion& q) {
  const std::int64_t units = units_of(q);
  const auto product = operands(q.h_next, BinaryKind::mul);
  const auto added = operands(q.c_next, BinaryKind::add);
  if (!product || !added || units <= 0) return std::nullopt;
  for (const auto& [kept, fresh] : {*added, std::pair{added->second, added->first}}) {
    const auto forget = other(kept, BinaryKind::mul, q.c);
    const auto input = operands(fresh, BinaryKind::mul);
    if (!forget || !input) continue;
    for (const auto& [gate, candidate] : {*input, std::pair{input->second, input->first}}) {
      for (const auto& [out_gate, squashed] :
           {*product, std::pair{product->second, product->first}}) {
        const auto activation = activation_of(squashed, q.c_next);
        const Activated i = activated(gate), g = activated(candidate), o = activated(out_gate);
        Activated f = activated(*forget);
        double forget_bias = 0;
        if (const auto sum = operands(f.argument, BinaryKind::add)) {
          const bool second = scalar_constant(body_, sum->second).has_value();
          const auto number = scalar_constant(body_, second ? sum->second : sum->first);
          if (!number) continue;
          forget_bias = *number;
          f.argument = second ? sum->first : sum->second;
        }
        const auto first = part(i.argument, units);
        if (!activation || !first || first->index != 0 ||
            !is_part(g.argument, units, first->base, 1) ||
            !is_part(f.argument, units, first->base, 2) ||
            !is_part(o.argument, units, first->base, 3) || f.fn != i.fn || o.fn != i.fn ||
            g.fn != *activation) {
          continue;
        }
        const auto all = joined(first->base, units, 4);
        if (!all || all->a != skip(q.x) || all->b != skip(q.h)) continue;
        const std::int64_t rows = all->weights.shape()[0];
        const Columns order{0, 2, 1, 3};
        Tensor bias = cut(all->bias, 0, 1, order, units);
        if (!add_forget_bias(bias, forget_bias, units)) continue;
        return joined_match(
            CellKind::lstm, *activation, i.fn, true,
            add_constant(graph_, cut(all->weights, 0, rows - units, order, units)),
            add_constant(graph_, cut(all->weights, rows - units, rows, order, units)), -1,
            add_constant(graph_, std::move(bias)));
      }
    }
  }
  return std::nullopt;
}

// The two forms of h' as a mean of h and c with the weights u and 1 - u: (u, c) of each that fits.
std::vector<std::pair<ValueId, ValueId>> JoinedMatcher::means(const CellQuestion& q) const {
  std::vector<std::pair<ValueId, ValueId>> found;
  const auto added = operands(q.h_next, BinaryKind::add);
  if (!added) return found;
  for (const auto& [kept, fresh] : {*added, std::pair{added->second, added->first}}) {
    const auto scaled = operands(kept, BinaryKind::mul);
    if (!scaled) continue;
    for (const auto& [rest, u] : {*scaled, std::pair{scaled->second, scaled->first}}) {
      const auto change = operands(rest, BinaryKind::sub);  // (h - c) u + c
      if (change && change->first == skip(q.h) && same(change->second, fresh)) {
        found.emplace_back(u, skip(fresh));
      }
    }
    const auto update = other(kept, BinaryKind::mul, q.h);  // u h + (1 - u) c
    const auto weighted = operands(fresh, BinaryKind::mul);
    if (!update || !weighted) continue;
    for (const auto& [rest, c] : {*weighted, std::pair{weighted->second, weighted->first}}) {
      const auto difference = operands(rest, BinaryKind::sub);
      const auto one = difference ? scalar_constant(body_, difference->first) : std::nullopt;
      if (one && *one == 1 && difference->second == *update) found.emplace_back(*update, c);
    }
  }
  return found;
}

// act(part of sums) or part of act(sums).
std::optional<JoinedMatcher::Gate> JoinedMatcher::gate_of(ValueId value, std::int64_t units) const {
  if (const auto outer = part(value, units)) {
    const Activated sums = activated(outer->base);
    return Gate{sums.fn, sums.argument, outer->index};
  }
  const Activated gate = activated(value);
  const auto inner = part(gate.argument, units);
  if (!inner) return std::nullopt;
  return Gate{gate.fn, inner->base, inner->index};
}

// h' is the mean by u of h and act([x, r h] W' + b'), with r, u = act([x, h] W + b).
std::optional<CellMatch> JoinedMatcher::joined_gru(const CellQuestion& q) {
  const std::int64_t units = units_of(q);
  if (units <= 0) return std::nullopt;
  for (const auto& [update, candidate] : means(q)) {
    const auto u = gate_of(update, units);
    const Activated c = activated(candidate);
    if (!u || u->index != 1) continue;
    const auto gate = joined(u->sums, units, 2), last = joined(c.argument, units, 1);
    if (!gate || !last || gate->a != skip(q.x) || gate->b != skip(q.h) || last->a != skip(q.x) ||
        gate->weights.shape()[0] != last->weights.shape()[0] ||
        gate->weights.dtype() != last->weights.dtype()) {
      continue;
    }
    const auto reset = other(last->b, BinaryKind::mul, q.h);
    const auto r = reset ? gate_of(*reset, units) : std::nullopt;
    if (!r || r->index != 0 || r->sums != u->sums || r->fn != u->fn) continue;
    const std::int64_t rows = gate->weights.shape()[0], split = rows - units;
    const Columns order{1, 0};
    return joined_match(
        CellKind::gru, c.fn, u->fn, false,
        add_constant(graph_, beside(cut(gate->weights, 0, split, order, units),
                                    cut(last->weights, 0, split, {0}, units))),
        add_constant(graph_, cut(gate->weights, split, rows, order, units)),
        add_constant(graph_, cut(last->weights, split, rows, {0}, units)),
        add_constant(graph_, beside(cut(gate->bias, 0, 1, order, units), last->bias)));
  }
  return std::nullopt;
}

std::optional<CellMatch> JoinedMatcher::joined_simple(const CellQuestion& q) {
  const std::int64_t units = units_of(q);
  const Activated h = activated(q.h_next);
  const auto all = units > 0 ? joined(h.argument, units, 1) : std::nullopt;
  if (!all || all->a != skip(q.x) || all->b != skip(q.h)) return std::nullopt;
  const std::int64_t rows = all->weights.shape()[0];
  return joined_match(CellKind::simple, h.fn, {}, true,
                      add_constant(graph_, cut(all->weights, 0, rows - units, {0}, units)),
                      add_constant(graph_, cut(all->weights, rows - units, rows, {0}, units)), -1,
                      add_constant(graph_, all->bias));
}

}  // namespace

std::optional<CellMatch> match_joined_cell(Graph& body, const CellQuestion& question) {
  JoinedMatcher matcher(body);
  if (question.c >= 0) return matcher.joined_lstm(question);
  if (auto match = matcher.joined_gru(question)) return match;
  return matcher.joined_simple(question);
}

}  // namespace thaw::tf
