#include "loaders/tf/raise_rnn.h"

#include <algorithm>
#include <map>
#include <optional>

#include "loaders/tf/rnn_cell.h"
#include "runtime/base/check.h"

namespace thaw::tf {
namespace {

using Ints = std::vector<std::int64_t>;

std::size_t at(std::int32_t id) { return static_cast<std::size_t>(id); }

/// Why a loop stays a loop; thrown and caught in here only.
struct NotRecurrent {
  std::string why;
};

void require(bool holds, const char* why) {
  if (!holds) throw NotRecurrent{why};
}

// ---- queries on the outer graph -----------------------------------------------------------------------

bool is_zero(const Graph& g, ValueId value) {
  value = skip_identity(g, value);
  if (const Tensor* constant = constant_of(g, value)) {
    if (constant->dtype() == DType::string || size_of(constant->dtype()) == 0) return false;
    const auto* bytes = static_cast<const unsigned char*>(constant->data());
    return std::all_of(bytes, bytes + constant->size_bytes(), [](unsigned char b) { return b == 0; });
  }
  const Node& node = producer(g, value);
  return std::holds_alternative<ops::BroadcastTo>(node.op) && is_zero(g, node.inputs[0]);
}

std::optional<Ints> constant_ints(const Graph& g, ValueId value) {
  const Tensor* constant = constant_of(g, value);
  if (constant == nullptr || (constant->dtype() != DType::int32 && constant->dtype() != DType::int64)) {
    return std::nullopt;
  }
  return to_ints(*constant);
}

/// The operand of a transpose by `permutation`, or -1.
ValueId transposed(const Graph& g, ValueId value, const Ints& permutation) {
  const Node& node = producer(g, skip_identity(g, value));
  if (!std::holds_alternative<ops::Transpose>(node.op)) return -1;
  return constant_ints(g, node.inputs[1]) == permutation ? skip_identity(g, node.inputs[0]) : -1;
}

/// The operand of a reversal of the first axis, or -1.
ValueId reversed(const Graph& g, ValueId value) {
  const Node& node = producer(g, skip_identity(g, value));
  const auto* reverse = std::get_if<ops::Reverse>(&node.op);
  return reverse != nullptr && reverse->axes == Ints{0} ? skip_identity(g, node.inputs[0]) : -1;
}

/// Where a size comes from: a number, or an axis of a value.
struct Size {
  std::int64_t number = kUnknownDim;
  ValueId value = -1;
  int axis = 0;
  friend bool operator==(const Size&, const Size&) = default;
};

/// Size of an axis, followed through ops that keep it.
Size axis_size(const Graph& g, ValueId value, int axis) {
  for (;;) {
    value = skip_identity(g, value);
    const Shape& shape = g.values[at(value)].type.shape;
    if (shape.has_rank() && axis < shape.rank() && shape[axis] >= 0) return {shape[axis], -1, 0};
    const Node& node = producer(g, value);
    if (std::holds_alternative<ops::Transpose>(node.op)) {
      const auto permutation = constant_ints(g, node.inputs[1]);
      if (!permutation || at(axis) >= permutation->size()) return {kUnknownDim, value, axis};
      axis = static_cast<int>((*permutation)[at(axis)]);
    } else if (!std::holds_alternative<ops::Reverse>(node.op) &&
               !std::holds_alternative<ops::Unary>(node.op) &&
               !std::holds_alternative<ops::Cast>(node.op)) {
      return {kUnknownDim, value, axis};
    }
    value = node.inputs[0];
  }
}

/// What a scalar that should be a size is; nothing if it is something else.
std::optional<Size> scalar_size(const Graph& g, ValueId value) {
  for (;;) {
    value = skip_identity(g, value);
    if (const auto numbers = constant_ints(g, value)) {
      return numbers->size() == 1 ? std::optional(Size{(*numbers)[0], -1, 0}) : std::nullopt;
    }
    const Node& node = producer(g, value);
    const Shape& shape = g.values[at(value)].type.shape;
    const bool scalar = shape.has_rank() && shape.rank() == 0;
    if (std::holds_alternative<ops::Cast>(node.op) ||
        (std::holds_alternative<ops::Reduce>(node.op) && scalar &&
         g.values[at(node.inputs[0])].type.shape == Shape{})) {
      value = node.inputs[0];  // a reduction of a scalar is the scalar
      continue;
    }
    const auto* slice = std::get_if<ops::StridedSlice>(&node.op);
    if (slice == nullptr || slice->shrink_axis_mask != 1 || slice->begin_mask != 0) return std::nullopt;
    const auto begin = constant_ints(g, node.inputs[1]);
    const Node& query = producer(g, skip_identity(g, node.inputs[0]));
    const auto* shape_query = std::get_if<ops::ShapeQuery>(&query.op);
    if (!begin || begin->size() != 1 || (*begin)[0] < 0 || shape_query == nullptr ||
        shape_query->kind != ShapeQueryKind::shape) {
      return std::nullopt;
    }
    return axis_size(g, query.inputs[0], static_cast<int>((*begin)[0]));
  }
}

// ---- the loop -----------------------------------------------------------------------------------------

/// A While node that is asked whether it is a recurrent layer.
class Loop {
 public:
  Loop(Graph& graph, NodeId id, const Evaluator& evaluator)
      : g_(graph), id_(id), builder_(graph, evaluator) {
    const auto& loop = std::get<ops::While>(node().op);
    cond_ = &graph.subgraphs[at(loop.cond)];
    body_ = &graph.subgraphs[at(loop.body)];
  }

  /// Throws NotRecurrent before anything is changed.
  void raise() {
    find_roles();
    find_item();
    find_cell();
    find_iterations();
    check_uses();
    replace();
  }

 private:
  const Node& node() const { return g_.nodes[at(id_)]; }
  ValueId operand(int i) const { return node().inputs[at(i)]; }
  ValueId body_in(int i) const { return body_->inputs[at(i)]; }
  ValueId body_out(int i) const { return skip_identity(*body_, body_->outputs[at(i)]); }
  int count() const { return static_cast<int>(node().inputs.size()); }
  /// The loop variable that a body value is, or -1.
  int variable(ValueId value) const;
  bool invariant(int i) const { return body_out(i) == body_in(i); }
  const Shape& body_shape(ValueId value) const { return body_->values[at(value)].type.shape; }

  void find_roles();
  bool counts(int i) const;
  void find_item();
  void find_cell();
  void find_iterations();
  void check_bound(const Node& less, const Size& steps);
  void check_uses();
  void replace();
  /// new value of a masked update, if the body has a mask; sets `old_value`.
  ValueId unmask(ValueId value, ValueId& old_value);
  bool is_mask(ValueId condition);
  bool zero_in_body(ValueId value) const;
  ValueId outside(ValueId body_value);
  ValueId add_up(const std::vector<ValueId>& summands, std::int64_t size);
  ValueId bias_operand(std::int64_t units);
  ValueId recurrent_operand();
  std::vector<ValueId> sequence_operands(ops::Rnn& op, ValueId& x);
  void replace_list(const ops::Rnn& op, ValueId y);

  Graph& g_;
  NodeId id_;
  GraphBuilder builder_;
  const Graph* cond_;
  const Graph* body_;

  std::vector<int> counters_, states_;
  int output_list_ = -1;
  ValueId step_index_ = -1;          // body: index that the item is stored at
  ValueId item_ = -1;                // body: what is stored
  int x_list_ = -1, mask_list_ = -1; // loop variables
  ValueId x_ = -1, mask_ = -1;       // body: the step's
  int h_ = -1, c_ = -1, previous_ = -1;
  bool zero_output_ = false, every_step_ = false;
  CellMatch cell_;
  std::map<ValueId, ValueId> outside_;
};

int Loop::variable(ValueId value) const {
  const auto found = std::ranges::find(body_->inputs, skip_identity(*body_, value));
  return found == body_->inputs.end() ? -1 : static_cast<int>(found - body_->inputs.begin());
}

// i' = i + 1 from 0.
bool Loop::counts(int i) const {
  const Node& add = producer(*body_, body_out(i));
  const auto* binary = std::get_if<ops::Binary>(&add.op);
  if (binary == nullptr || binary->kind != BinaryKind::add) return false;
  const bool first = variable(add.inputs[0]) == i;
  if (!first && variable(add.inputs[1]) != i) return false;
  const auto step = scalar_constant(*body_, skip_identity(*body_, add.inputs[first ? 1 : 0]));
  const auto start = scalar_constant(g_, skip_identity(g_, operand(i)));
  return step && *step == 1 && start && *start == 0;
}

void Loop::find_roles() {
  for (const Node& n : body_->nodes) {
    require(std::holds_alternative<ops::Input>(n.op) || !has_effect(n.op), "the body has effects");
    require(!std::holds_alternative<ops::While>(n.op) && !std::holds_alternative<ops::If>(n.op),
            "the body has control flow");
  }
  for (int i = 0; i < count(); ++i) {
    if (invariant(i)) continue;
    const TensorType& type = body_->values[at(body_in(i))].type;
    if (type.dtype == DType::tensor_list) {
      require(output_list_ < 0, "several lists are collected");
      output_list_ = i;
    } else if (is_integer(type.dtype)) {
      require(counts(i), "an integer changes that is no counter");
      counters_.push_back(i);
    } else {
      require(is_floating(type.dtype), "a state is not a floating-point number");
      states_.push_back(i);
    }
  }
  require(output_list_ >= 0 && !counters_.empty() && !states_.empty(), "nothing is collected");
}

// list' = set(list, index, item); the item is a function of x[counter].
void Loop::find_item() {
  const Node& set = producer(*body_, body_out(output_list_));
  require(std::holds_alternative<ops::ListSet>(set.op) && variable(set.inputs[0]) == output_list_,
          "the collected list is not set once a step");
  step_index_ = skip_identity(*body_, set.inputs[1]);
  item_ = skip_identity(*body_, set.inputs[2]);
  const auto index = scalar_constant(*body_, step_index_);
  every_step_ = std::ranges::find(counters_, variable(step_index_)) != counters_.end();
  require(every_step_ || (index && *index == 0), "items are stored neither in order nor in one place");

  for (const Node& get : body_->nodes) {
    if (!std::holds_alternative<ops::ListGet>(get.op)) continue;
    const int list = variable(get.inputs[0]);
    require(list >= 0 && invariant(list), "an item is read from a list that changes");
    require(std::ranges::find(counters_, variable(get.inputs[1])) != counters_.end(),
            "an item is not read in order");
    const bool is_mask = std::get<ops::ListGet>(get.op).dtype == DType::boolean;
    int& slot = is_mask ? mask_list_ : x_list_;
    require(slot < 0, "several sequences are read");
    slot = list;
    (is_mask ? mask_ : x_) = get.outputs[0];
  }
  require(x_list_ >= 0, "no sequence is read");
}

// [B, 1], repeated along the columns.
bool Loop::is_mask(ValueId condition) {
  condition = skip_identity(*body_, condition);
  for (;;) {
    if (condition == mask_) {
      const Shape& shape = body_shape(mask_);
      return shape.has_rank() && shape.rank() == 2 && shape[1] == 1;
    }
    const Node& n = producer(*body_, condition);
    if (!std::holds_alternative<ops::Tile>(n.op)) return false;
    const auto multiples = constant_ints(*body_, n.inputs[1]);
    if (!multiples || multiples->size() != 2 || (*multiples)[0] != 1) return false;
    condition = skip_identity(*body_, n.inputs[0]);
  }
}

ValueId Loop::unmask(ValueId value, ValueId& old_value) {
  if (mask_list_ < 0) return value;
  const Node& select = producer(*body_, value);
  require(std::holds_alternative<ops::Select>(select.op) && is_mask(select.inputs[0]),
          "the mask is not applied to every state and output");
  old_value = skip_identity(*body_, select.inputs[2]);
  return skip_identity(*body_, select.inputs[1]);
}

bool Loop::zero_in_body(ValueId value) const {
  if (is_zero(*body_, value)) return true;
  const int i = variable(value);
  return i >= 0 && invariant(i) && is_zero(g_, operand(i));
}

void Loop::find_cell() {
  ValueId old_output = -1;
  const ValueId h_next = unmask(item_, old_output);
  std::vector<int> states = states_;
  if (mask_list_ >= 0) {
    const int previous = variable(old_output);
    if (zero_in_body(old_output)) {
      zero_output_ = true;
    } else {
      require(previous >= 0 && body_out(previous) == item_ && is_zero(g_, operand(previous)),
              "a masked step gives something else than the previous output");
    }
    // With zeros for masked steps, the previous output is carried although nothing reads it.
    for (int i : states_) {
      if (body_out(i) == item_ && (zero_output_ || i == previous)) previous_ = i;
    }
    if (previous_ >= 0) std::erase(states, previous_);
  }
  require(states.size() == 1 || states.size() == 2, "the number of states is neither 1 nor 2");
  CellQuestion question{x_, -1, -1, h_next, -1};
  for (int i : states) {
    ValueId old_state = body_in(i);
    const ValueId next = unmask(body_out(i), old_state);
    require(variable(old_state) == i, "a masked step does not keep a state");
    if (next == h_next && h_ < 0) {
      h_ = i;
      question.h = body_in(i);
    } else {
      require(c_ < 0, "no state is the output");
      c_ = i;
      question.c = body_in(i);
      question.c_next = next;
    }
  }
  require(h_ >= 0, "no state is the output");
  const auto match = match_cell(*body_, question);
  require(match.has_value(), "the step is no LSTM, GRU or simple cell");
  cell_ = *match;
}

// Every bound of the condition lets all steps of x run, and one of them exactly these.
void Loop::find_iterations() {
  const Node& source = producer(g_, skip_identity(g_, operand(x_list_)));
  require(std::holds_alternative<ops::ListFromTensor>(source.op), "the sequence is not one tensor");
  const Size steps = axis_size(g_, source.inputs[0], 0);
  if (mask_list_ >= 0) {
    const Node& mask = producer(g_, skip_identity(g_, operand(mask_list_)));
    require(std::holds_alternative<ops::ListFromTensor>(mask.op), "the mask is not one tensor");
    const Shape& shape = g_.values[at(mask.inputs[0])].type.shape;
    require(shape.has_rank() && shape.rank() == 3 && shape[2] == 1, "the mask is not [T, B, 1]");
  }
  std::vector<ValueId> open{cond_->outputs[0]};
  while (!open.empty()) {
    const Node& n = producer(*cond_, skip_identity(*cond_, open.back()));
    open.pop_back();
    const auto* binary = std::get_if<ops::Binary>(&n.op);
    require(binary != nullptr, "the condition is more than counters");
    if (binary->kind == BinaryKind::logical_and) {
      open.insert(open.end(), n.inputs.begin(), n.inputs.end());
    } else {
      require(binary->kind == BinaryKind::less, "the condition is more than counters");
      check_bound(n, steps);
    }
  }
  const Node& reserve = producer(g_, skip_identity(g_, operand(output_list_)));
  require(std::holds_alternative<ops::ListReserve>(reserve.op), "the results are not a reserved list");
  const auto reserved = scalar_size(g_, reserve.inputs[1]);
  const Size wanted = every_step_ ? steps : Size{1, -1, 0};
  require(reserved && *reserved == wanted, "the results are more or fewer than the steps");
}

void Loop::check_bound(const Node& less, const Size& steps) {
  const auto position = [&](ValueId value) {
    const auto found = std::ranges::find(cond_->inputs, skip_identity(*cond_, value));
    return found == cond_->inputs.end() ? -1 : static_cast<int>(found - cond_->inputs.begin());
  };
  const int counter = position(less.inputs[0]), limit = position(less.inputs[1]);
  require(std::ranges::find(counters_, counter) != counters_.end(), "a bound is not on a counter");
  std::optional<Size> bound;
  if (limit >= 0 && invariant(limit)) {
    bound = scalar_size(g_, operand(limit));
  } else if (const auto number = constant_ints(*cond_, skip_identity(*cond_, less.inputs[1]));
             number && number->size() == 1) {
    bound = Size{(*number)[0], -1, 0};
  }
  require(bound && *bound == steps, "the number of steps is not that of the sequence");
}

// Only what Rnn gives is used: the collected list as a tensor, and the states.
void Loop::check_uses() {
  const std::vector<int> uses = use_counts(g_);
  const Node& loop = node();
  for (int i : counters_) require(uses[at(loop.outputs[at(i)])] == 0, "a counter is used afterwards");
  if (previous_ >= 0) {
    require(uses[at(loop.outputs[at(previous_)])] == 0, "the last output is used as a state");
  }
  int stacks = 0;
  for (const Node& user : g_.nodes) {
    for (ValueId input : user.inputs) {
      if (input != loop.outputs[at(output_list_)]) continue;
      require(std::holds_alternative<ops::ListStack>(user.op), "the results are used as a list");
      ++stacks;
    }
  }
  require(stacks == uses[at(loop.outputs[at(output_list_)])], "the results are used as a list");
  const Shape& kernel = body_shape(cell_.kernel);
  require(kernel.is_static(), "the kernel's shape is not known");
}

// ---- replacing it -------------------------------------------------------------------------------------

ValueId Loop::outside(ValueId body_value) {
  body_value = skip_identity(*body_, body_value);
  const int i = variable(body_value);
  if (i >= 0) return operand(i);
  const auto [found, is_new] = outside_.emplace(body_value, -1);
  if (is_new) {
    found->second =
        builder_.constant(*constant_of(*body_, body_value), body_->values[at(body_value)].name);
  }
  return found->second;
}

// The sum of row vectors as a vector; zeros when there are none.
ValueId Loop::add_up(const std::vector<ValueId>& summands, std::int64_t size) {
  if (summands.empty()) {
    return builder_.constant(Tensor(body_->values[at(cell_.kernel)].type.dtype, Shape{size}));
  }
  ValueId sum = -1;
  for (ValueId summand : summands) {
    ValueId value = outside(summand);
    if (builder_.shape(value).rank() != 1) value = builder_.reshape(value, {size});
    sum = sum < 0 ? value : builder_.binary(BinaryKind::add, sum, value);
  }
  return sum;
}

ValueId Loop::recurrent_operand() {
  if (cell_.candidate_recurrent < 0) return outside(cell_.recurrent);
  return builder_.concat({outside(cell_.recurrent), outside(cell_.candidate_recurrent)}, 1);
}

// -1 without any.
ValueId Loop::bias_operand(std::int64_t columns) {
  if (cell_.bias.empty() && cell_.recurrent_bias.empty()) return -1;
  const ValueId bias = add_up(cell_.bias, columns);
  if (cell_.cell != CellKind::gru || !cell_.reset_after) return bias;
  return builder_.add1(ops::Stack{0}, {bias, add_up(cell_.recurrent_bias, columns)});
}

// x without its transposition and reversal where the Rnn node can do without them; then the mask.
std::vector<ValueId> Loop::sequence_operands(ops::Rnn& op, ValueId& x) {
  const auto tensor_of = [&](int list) {
    return skip_identity(g_, producer(g_, skip_identity(g_, operand(list))).inputs[0]);
  };
  x = tensor_of(x_list_);
  ValueId mask = mask_list_ >= 0 ? tensor_of(mask_list_) : -1;
  const ValueId forward = reversed(g_, x), forward_mask = mask >= 0 ? reversed(g_, mask) : -1;
  if (forward >= 0 && (mask < 0 || forward_mask >= 0)) {
    op.go_backwards = true;
    x = forward;
    mask = forward_mask;
  }
  op.time_major = true;
  if (const ValueId batch_major = transposed(g_, x, {1, 0, 2}); batch_major >= 0) {
    op.time_major = false;
    x = batch_major;
  }
  if (mask < 0) return {};
  op.has_mask = true;
  // [T, B, 1] -> [B, T]
  if (const ValueId batch_major = transposed(g_, mask, {1, 0, 2}); batch_major >= 0) {
    return {builder_.squeeze(batch_major, 2)};
  }
  return {builder_.transpose(builder_.squeeze(mask, 2), {1, 0})};
}

void Loop::replace() {
  builder_.set_scope(node().name);
  ops::Rnn op;
  op.cell = cell_.cell;
  op.activation = cell_.activation;
  op.recurrent_activation = cell_.recurrent_activation;
  op.reset_after = cell_.reset_after;
  op.return_sequences = every_step_;
  op.zero_output_for_mask = zero_output_;
  ValueId x = -1;
  const std::vector<ValueId> mask = sequence_operands(op, x);
  const ValueId kernel = outside(cell_.kernel);
  std::vector<ValueId> operands{x, kernel, recurrent_operand()};
  const ValueId bias = bias_operand(builder_.shape(kernel)[1]);
  op.has_bias = bias >= 0;
  if (op.has_bias) operands.push_back(bias);
  operands.insert(operands.end(), mask.begin(), mask.end());
  op.has_state = !is_zero(g_, operand(h_)) || (c_ >= 0 && !is_zero(g_, operand(c_)));
  if (op.has_state) {
    operands.push_back(operand(h_));
    if (c_ >= 0) operands.push_back(operand(c_));
  }
  const auto results = builder_.add(op, operands, c_ >= 0 ? 3 : 2);
  const Node loop = node();
  replace_uses(g_, loop.outputs[at(h_)], results[1]);
  if (c_ >= 0) replace_uses(g_, loop.outputs[at(c_)], results[2]);
  for (int i = 0; i < count(); ++i) {
    if (invariant(i)) replace_uses(g_, loop.outputs[at(i)], loop.inputs[at(i)]);
  }
  replace_list(op, results[0]);
}

// stack(list) is [T, B, U], or [1, B, U] if only the last output is kept. Its users mostly turn it around or
// take the last step, which y has without that.
void Loop::replace_list(const ops::Rnn& op, ValueId y) {
  const ValueId list = node().outputs[at(output_list_)];
  std::vector<ValueId> stacks;
  for (const Node& user : g_.nodes) {
    if (std::holds_alternative<ops::ListStack>(user.op) && user.inputs[0] == list) {
      stacks.push_back(user.outputs[0]);
    }
  }
  for (ValueId stack : stacks) {
    std::vector<ValueId> direct;
    for (const Node& user : g_.nodes) {
      const auto* slice = std::get_if<ops::StridedSlice>(&user.op);
      const bool turned = op.return_sequences && !op.time_major && !user.outputs.empty() &&
                          transposed(g_, user.outputs[0], {1, 0, 2}) == stack;
      const bool last = !op.return_sequences && slice != nullptr && user.inputs[0] == stack &&
                        slice->shrink_axis_mask == 1 && slice->begin_mask == 0 &&
                        slice->new_axis_mask == 0 && slice->ellipsis_mask == 0 &&
                        constant_ints(g_, user.inputs[1]) == Ints{-1};
      if (turned || last) direct.push_back(user.outputs[0]);
    }
    for (ValueId value : direct) replace_uses(g_, value, y);
    if (use_counts(g_)[at(stack)] == 0) continue;
    ValueId shaped = y;
    if (!op.return_sequences) {
      shaped = builder_.expand_dims(y, 0);
    } else if (!op.time_major) {
      shaped = builder_.transpose(y, {1, 0, 2});
    }
    replace_uses(g_, stack, shaped);
  }
}

const char* cell_name(CellKind kind) {
  switch (kind) {
    case CellKind::lstm: return "LSTM";
    case CellKind::gru: return "GRU";
    case CellKind::simple: return "SimpleRNN";
  }
  return "";
}

}  // namespace

void raise_recurrent(Graph& graph, const Evaluator& evaluator, std::vector<std::string>& notes) {
  const auto nodes = static_cast<NodeId>(graph.nodes.size());
  for (NodeId id = 0; id < nodes; ++id) {
    if (!std::holds_alternative<ops::While>(graph.nodes[at(id)].op)) continue;
    const std::string name = graph.nodes[at(id)].name;
    try {
      Loop(graph, id, evaluator).raise();
      const auto& raised = std::get<ops::Rnn>(
          std::ranges::find_if(graph.nodes.rbegin(), graph.nodes.rend(), [](const Node& n) {
            return std::holds_alternative<ops::Rnn>(n.op);
          })->op);
      notes.push_back(fmt::format("loop '{}' runs as one {} node", printable(name), cell_name(raised.cell)));
    } catch (const NotRecurrent& reason) {
      notes.push_back(fmt::format("loop '{}' runs as it is written: {}", printable(name), reason.why));
    }
  }
  normalize(graph);
  for (Graph& sub : graph.subgraphs) raise_recurrent(sub, evaluator, notes);
}

}  // namespace thaw::tf
