#include <algorithm>

#include "loaders/tf/rnn_loop.h"

namespace thaw::tf {
namespace {

const char* cell_name(const CellMatch& match) {
  if (match.conv) return "ConvLSTM";
  switch (match.cell) {
    case CellKind::lstm: return "LSTM";
    case CellKind::gru: return "GRU";
    case CellKind::simple: return "SimpleRNN";
  }
  return "";
}

}  // namespace

Loop::Loop(Graph& graph, NodeId id, const Evaluator& evaluator)
    : g_(graph), id_(id), builder_(graph, evaluator) {
  const auto& loop = std::get<ops::While>(node().op);
  cond_ = &graph.subgraphs[at(loop.cond)];
  body_ = &graph.subgraphs[at(loop.body)];
}

std::string Loop::raise() {
  find_roles();
  find_item();
  find_cells();
  find_iterations();
  check_uses();
  std::string names;
  for (const Cell& cell : cells_) {
    names += (names.empty() ? "" : ", ") + std::string(cell_name(cell.match));
  }
  replace();
  return names;
}

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
  require(every_step_ || (index && *index == 0),
          "items are stored neither in order nor in one place");

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

// [B, 1], repeated along all other axes.
bool Loop::is_mask(ValueId condition) {
  condition = skip_identity(*body_, condition);
  for (;;) {
    if (condition == mask_) {
      const Shape& shape = body_shape(mask_);
      return shape.has_rank() && shape.rank() == 2 && shape[1] == 1;
    }
    const Node& n = producer(*body_, condition);
    if (const auto* expand = std::get_if<ops::ExpandDims>(&n.op)) {
      const Shape& shape = body_shape(condition);
      if (expand->axes.size() != 1 || !shape.has_rank()) return false;
      const std::int64_t axis = expand->axes[0] + (expand->axes[0] < 0 ? shape.rank() : 0);
      if (axis < 2) return false;
    } else if (std::holds_alternative<ops::Tile>(n.op)) {
      const auto multiples = constant_ints(*body_, n.inputs[1]);
      if (!multiples || multiples->empty() || (*multiples)[0] != 1) return false;
    } else {
      return false;
    }
    condition = skip_identity(*body_, n.inputs[0]);
  }
}

// counter >= lengths or counter < lengths, as a column.
std::optional<Loop::LengthMask> Loop::length_mask(ValueId condition) const {
  const Node& column = producer(*body_, skip_identity(*body_, condition));
  const auto* expand = std::get_if<ops::ExpandDims>(&column.op);
  if (expand == nullptr || expand->axes.size() != 1) return std::nullopt;
  if (expand->axes[0] != 1 && expand->axes[0] != -1) return std::nullopt;
  const Node& compare = producer(*body_, skip_identity(*body_, column.inputs[0]));
  const auto* binary = std::get_if<ops::Binary>(&compare.op);
  if (binary == nullptr ||
      (binary->kind != BinaryKind::greater_equal && binary->kind != BinaryKind::less)) {
    return std::nullopt;
  }
  const ValueId lengths = skip_identity(*body_, compare.inputs[1]);
  const Shape& shape = body_shape(lengths);
  const int source = variable(lengths);
  const bool fixed = source >= 0 ? invariant(source) : constant_of(*body_, lengths) != nullptr;
  if (std::ranges::find(counters_, variable(compare.inputs[0])) == counters_.end() || !fixed ||
      !shape.has_rank() || shape.rank() != 1) {
    return std::nullopt;
  }
  const DType dtype = body_->values[at(lengths)].type.dtype;
  if (dtype != DType::int32 && dtype != DType::int64) return std::nullopt;
  return LengthMask{lengths, binary->kind == BinaryKind::greater_equal};
}

ValueId Loop::unmask(ValueId value, ValueId& old_value) {
  if (!masked()) return value;
  const Node& select = producer(*body_, value);
  const bool selects = std::holds_alternative<ops::Select>(select.op);
  const auto lengths = selects && lengths_ >= 0 ? length_mask(select.inputs[0]) : std::nullopt;
  require(selects && (lengths_ < 0 ? is_mask(select.inputs[0])
                                   : lengths.has_value() && lengths->lengths == lengths_),
          "the mask is not applied to every state and output");
  const bool old_first = lengths.has_value() && lengths->beyond;
  old_value = skip_identity(*body_, select.inputs[old_first ? 1 : 2]);
  return skip_identity(*body_, select.inputs[old_first ? 2 : 1]);
}

bool Loop::zero_in_body(ValueId value) const {
  if (is_zero(*body_, value)) return true;
  const int i = variable(value);
  return i >= 0 && invariant(i) && is_zero(g_, operand(i));
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
  require(std::holds_alternative<ops::ListReserve>(reserve.op),
          "the results are not a reserved list");
  const auto reserved = scalar_size(g_, reserve.inputs[1]);
  const Size wanted = every_step_ ? steps : Size{1, -1, 0};
  require(reserved && *reserved == wanted, "the results are more or fewer than the steps");
}

// Whether the lengths are constants up to this number.
bool Loop::lengths_at_most(double number) const {
  if (lengths_ < 0) return false;
  const int source = variable(lengths_);
  const Tensor* known = source >= 0 ? constant_of(g_, skip_identity(g_, operand(source)))
                                    : constant_of(*body_, lengths_);
  return known != nullptr && std::ranges::all_of(to_ints(*known), [&](std::int64_t length) {
           return static_cast<double>(length) <= number;
         });
}

// At least the largest of the rows' lengths: max(lengths), or max(1, max(lengths)).
bool Loop::holds_longest(ValueId value) const {
  const int source = lengths_ >= 0 ? variable(lengths_) : -1;
  const ValueId lengths = source >= 0 ? skip_identity(g_, operand(source)) : -1;
  const auto is_largest = [&](ValueId candidate) {
    candidate = skip_identity(g_, candidate);
    if (const auto number = scalar_constant(g_, candidate)) return lengths_at_most(*number);
    const Node& n = producer(g_, candidate);
    const auto* reduce = std::get_if<ops::Reduce>(&n.op);
    const Shape& shape = g_.values[at(candidate)].type.shape;
    return reduce != nullptr && reduce->kind == ReduceKind::max && shape.has_rank() &&
           shape.rank() == 0 && skip_identity(g_, n.inputs[0]) == lengths;
  };
  if (is_largest(value)) return true;
  const Node& n = producer(g_, skip_identity(g_, value));
  const auto* binary = std::get_if<ops::Binary>(&n.op);
  return binary != nullptr && binary->kind == BinaryKind::maximum &&
         (is_largest(n.inputs[0]) || is_largest(n.inputs[1]));
}

// TensorFlow 1 bounds its loops by min(T, max(1, T)), which is T, or with lengths by
// min(T, max(1, max(lengths))): all that it leaves out are masked steps. Gives the T of the two.
ValueId Loop::smaller_bound(ValueId value, const Size& steps) const {
  const auto is_steps = [&](ValueId candidate) {
    const auto size = scalar_size(g_, candidate);
    return size && *size == steps;
  };
  const auto operands_of = [&](ValueId of, BinaryKind kind) -> const std::vector<ValueId>* {
    const Node& n = producer(g_, skip_identity(g_, of));
    const auto* binary = std::get_if<ops::Binary>(&n.op);
    return binary != nullptr && binary->kind == kind ? &n.inputs : nullptr;
  };
  const auto* smaller = operands_of(value, BinaryKind::minimum);
  if (smaller == nullptr) return value;
  for (std::size_t i = 0; i < 2; ++i) {
    if (!is_steps((*smaller)[i])) continue;
    if (holds_longest((*smaller)[1 - i])) return (*smaller)[i];
    const auto* larger = operands_of((*smaller)[1 - i], BinaryKind::maximum);
    if (larger == nullptr) continue;
    for (std::size_t k = 0; k < 2; ++k) {
      const auto one = scalar_constant(g_, skip_identity(g_, (*larger)[k]));
      if (one && *one == 1 && is_steps((*larger)[1 - k])) return (*smaller)[i];
    }
  }
  return value;
}

void Loop::check_bound(const Node& less, const Size& steps) {
  const auto position = [&](ValueId value) {
    const auto found = std::ranges::find(cond_->inputs, skip_identity(*cond_, value));
    return found == cond_->inputs.end() ? -1 : static_cast<int>(found - cond_->inputs.begin());
  };
  const int counter = position(less.inputs[0]), limit = position(less.inputs[1]);
  require(std::ranges::find(counters_, counter) != counters_.end(), "a bound is not on a counter");
  const bool outer = limit >= 0 && invariant(limit);
  const auto number = outer ? scalar_constant(g_, skip_identity(g_, operand(limit)))
                            : scalar_constant(*cond_, skip_identity(*cond_, less.inputs[1]));
  const bool fewer = number && steps.number >= 0 && *number <= static_cast<double>(steps.number);
  if (fewer && lengths_at_most(*number)) return;
  std::optional<Size> bound;
  if (outer) {
    bound = scalar_size(g_, smaller_bound(operand(limit), steps));
  } else if (number) {
    bound = Size{static_cast<std::int64_t>(*number), -1, 0};
  }
  require(bound && *bound == steps, "the number of steps is not that of the sequence");
}

// Only what Rnn gives is used: the collected list as a tensor, and the states.
void Loop::check_uses() {
  const std::vector<int> uses = use_counts(g_);
  const Node& loop = node();
  for (int i : counters_)
    require(uses[at(loop.outputs[at(i)])] == 0, "a counter is used afterwards");
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
  for (const Cell& cell : cells_) {
    const auto& gates = cell.match.gates;
    const Shape& kernel = body_shape(gates.empty() ? cell.match.kernel : gates[0].kernel);
    require(kernel.is_static(), "the kernel's shape is not known");
  }
}

}  // namespace thaw::tf
