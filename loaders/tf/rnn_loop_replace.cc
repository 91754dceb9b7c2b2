#include <algorithm>
#include <numeric>

#include "loaders/tf/rnn_loop.h"
#include "loaders/tf/sequence_mask.h"

namespace thaw::tf {
namespace {

using Ints = std::vector<std::int64_t>;

// Batch and time exchanged: 1, 0, 2, ...
Ints turned_axes(int rank) {
  Ints axes(static_cast<std::size_t>(rank));
  std::iota(axes.begin(), axes.end(), 0);
  std::swap(axes[0], axes[1]);
  return axes;
}

}  // namespace

ValueId Loop::outside(ValueId body_value) {
  body_value = skip_identity(*body_, body_value);
  const int i = variable(body_value);
  if (i >= 0) return operand(i);
  const auto known = outside_.find(body_value);
  if (known != outside_.end()) return known->second;
  const Tensor* constant = constant_of(*body_, body_value);
  const ValueId made = constant != nullptr
                           ? builder_.constant(*constant, body_->values[at(body_value)].name)
                           : outside_part(body_value);
  return outside_.emplace(body_value, made).first->second;
}

// A part of weights that the body cuts out of them.
ValueId Loop::outside_part(ValueId body_value) {
  const Node& n = producer(*body_, body_value);
  std::vector<ValueId> inputs;
  for (const ValueId input : n.inputs) inputs.push_back(outside(input));
  const auto results = builder_.add(n.op, inputs, static_cast<int>(n.outputs.size()));
  const auto position = std::ranges::find(n.outputs, body_value) - n.outputs.begin();
  return results[static_cast<std::size_t>(position)];
}

// The sum of row vectors as a vector; zeros when there are none.
ValueId Loop::add_up(const std::vector<ValueId>& summands, std::int64_t size, DType dtype) {
  if (summands.empty()) return builder_.constant(Tensor(dtype, Shape{size}));
  ValueId sum = -1;
  for (ValueId summand : summands) {
    ValueId value = outside(summand);
    if (builder_.shape(value).rank() != 1) value = builder_.reshape(value, {size});
    sum = sum < 0 ? value : builder_.binary(BinaryKind::add, sum, value);
  }
  return sum;
}

ValueId Loop::kernel_operand(const CellMatch& cell) {
  if (cell.gates.empty()) return outside(cell.kernel);
  std::vector<ValueId> parts;
  for (const GateWeights& gate : cell.gates) parts.push_back(outside(gate.kernel));
  return builder_.concat(parts, -1);
}

ValueId Loop::recurrent_operand(const CellMatch& cell) {
  std::vector<ValueId> parts;
  for (const GateWeights& gate : cell.gates) parts.push_back(outside(gate.recurrent));
  if (!parts.empty()) return builder_.concat(parts, -1);
  if (cell.candidate_recurrent < 0) return outside(cell.recurrent);
  return builder_.concat({outside(cell.recurrent), outside(cell.candidate_recurrent)}, 1);
}

// The gates' own vectors behind each other.
ValueId Loop::gate_biases(const CellMatch& cell, std::int64_t units, DType dtype) {
  std::vector<ValueId> parts;
  for (const GateWeights& gate : cell.gates) parts.push_back(add_up(gate.bias, units, dtype));
  const ValueId bias = builder_.concat(parts, 0);
  if (cell.cell != CellKind::gru || !cell.reset_after) return bias;
  const ValueId none = builder_.constant(Tensor(dtype, Shape{2 * units}));
  const ValueId of_state = builder_.concat({none, add_up(cell.recurrent_bias, units, dtype)}, 0);
  return builder_.add1(ops::Stack{0}, {bias, of_state});
}

// -1 without any.
ValueId Loop::bias_operand(const CellMatch& cell, std::int64_t columns, DType dtype) {
  const auto has_bias = [](const GateWeights& gate) { return !gate.bias.empty(); };
  if (cell.bias.empty() && cell.recurrent_bias.empty() &&
      std::ranges::none_of(cell.gates, has_bias)) {
    return -1;
  }
  if (!cell.gates.empty()) {
    return gate_biases(cell, columns / static_cast<std::int64_t>(cell.gates.size()), dtype);
  }
  const ValueId bias = add_up(cell.bias, columns, dtype);
  if (cell.cell != CellKind::gru || !cell.reset_after) return bias;
  return builder_.add1(ops::Stack{0}, {bias, add_up(cell.recurrent_bias, columns, dtype)});
}

// x without its transposition and reversal where the nodes can do without them; then the mask.
Loop::Sequence Loop::sequence() {
  const auto tensor_of = [&](int list) {
    return skip_identity(g_, producer(g_, skip_identity(g_, operand(list))).inputs[0]);
  };
  Sequence found;
  found.x = tensor_of(x_list_);
  ValueId mask = mask_list_ >= 0 ? tensor_of(mask_list_) : -1;
  const ValueId forward = reversed(g_, found.x);
  const ValueId forward_mask = mask >= 0 ? reversed(g_, mask) : -1;
  // The cells behind the first take their steps, and the mask, in the order of processing.
  const bool turns = cells_.size() == 1 || !masked();
  if (turns && forward >= 0 && lengths_ < 0 && (mask < 0 || forward_mask >= 0)) {
    found.go_backwards = true;
    found.x = forward;
    mask = forward_mask;
  }
  const Ints permutation = turned_axes(builder_.shape(found.x).rank());
  if (const ValueId batch_major = transposed(g_, found.x, permutation); batch_major >= 0) {
    found.time_major = false;
    found.x = batch_major;
  } else if (cells_[0].match.conv) {
    found.time_major = false;
    found.x = builder_.transpose(found.x, permutation);
  }
  if (lengths_ >= 0) {
    found.mask = {mask_of_lengths(builder_, outside(lengths_), found.x, found.time_major ? 0 : 1)};
  } else if (mask >= 0) {  // [T, B, 1] -> [B, T]
    const ValueId batch_major = transposed(g_, mask, {1, 0, 2});
    found.mask = {batch_major >= 0 ? builder_.squeeze(batch_major, 2)
                                   : builder_.transpose(builder_.squeeze(mask, 2), {1, 0})};
  }
  return found;
}

bool Loop::starts_at_zero(const Cell& cell) const {
  return is_zero(g_, operand(cell.h)) && (cell.c < 0 || is_zero(g_, operand(cell.c)));
}

std::vector<ValueId> Loop::operands(const Cell& cell, const Sequence& sequence, ValueId kernel,
                                    ValueId recurrent, ValueId bias) const {
  std::vector<ValueId> all{sequence.x, kernel, recurrent};
  if (bias >= 0) all.push_back(bias);
  all.insert(all.end(), sequence.mask.begin(), sequence.mask.end());
  if (!starts_at_zero(cell)) {
    all.push_back(operand(cell.h));
    if (cell.c >= 0) all.push_back(operand(cell.c));
  }
  return all;
}

std::vector<ValueId> Loop::add_rnn(const Cell& cell, const Sequence& sequence, bool every_step) {
  const CellMatch& match = cell.match;
  ops::Rnn op;
  op.cell = match.cell;
  op.activation = match.activation;
  op.recurrent_activation = match.recurrent_activation;
  op.reset_after = match.reset_after;
  op.return_sequences = every_step;
  op.zero_output_for_mask = zero_output_;
  op.go_backwards = sequence.go_backwards;
  op.time_major = sequence.time_major;
  op.has_mask = !sequence.mask.empty();
  op.has_state = !starts_at_zero(cell);
  const ValueId kernel = kernel_operand(match), recurrent = recurrent_operand(match);
  const Shape shape = builder_.shape(kernel);
  const ValueId bias = bias_operand(match, shape[1], builder_.dtype(kernel));
  op.has_bias = bias >= 0;
  return builder_.add(op, operands(cell, sequence, kernel, recurrent, bias), cell.c >= 0 ? 3 : 2);
}

std::vector<ValueId> Loop::add_conv_lstm(const Cell& cell, const Sequence& sequence) {
  const CellMatch& match = cell.match;
  ops::ConvLstm op;
  op.strides = match.conv->strides;
  op.dilations = match.conv->dilations;
  op.padding = match.conv->padding;
  op.activation = match.activation;
  op.recurrent_activation = match.recurrent_activation;
  op.return_sequences = every_step_;
  op.go_backwards = sequence.go_backwards;
  op.has_mask = !sequence.mask.empty();
  op.has_state = !starts_at_zero(cell);
  ValueId kernel = kernel_operand(match), recurrent = recurrent_operand(match);
  if (match.sequence) {  // without the height
    kernel = builder_.squeeze(kernel, 0);
    recurrent = builder_.squeeze(recurrent, 0);
    for (Ints* list : {&op.strides, &op.dilations, &op.padding.before, &op.padding.after}) {
      if (!list->empty()) list->erase(list->begin());
    }
  }
  const Shape shape = builder_.shape(kernel);
  const ValueId bias = bias_operand(match, shape[shape.rank() - 1], builder_.dtype(kernel));
  op.has_bias = bias >= 0;
  return builder_.add(op, operands(cell, sequence, kernel, recurrent, bias), 3);
}

void Loop::replace() {
  builder_.set_scope(node().name);
  Sequence steps = sequence();
  const Node loop = node();
  for (const Cell& cell : cells_) {
    const bool last = &cell == &cells_.back();
    const auto results =
        cell.match.conv ? add_conv_lstm(cell, steps) : add_rnn(cell, steps, every_step_ || !last);
    replace_uses(g_, loop.outputs[at(cell.h)], results[1]);
    if (cell.c >= 0) replace_uses(g_, loop.outputs[at(cell.c)], results[2]);
    steps.x = results[0];
    steps.go_backwards = false;
  }
  for (int i = 0; i < count(); ++i) {
    if (invariant(i)) replace_uses(g_, loop.outputs[at(i)], loop.inputs[at(i)]);
  }
  replace_list(steps.x, steps.time_major);
}

// stack(list) is [T, B, ..., U], or [1, B, ..., U] if only the last output is kept. Its users
// mostly turn it around or take the last step, which y has without that.
void Loop::replace_list(ValueId y, bool time_major) {
  const ValueId list = node().outputs[at(output_list_)];
  const Ints turned = turned_axes(std::max(2, builder_.shape(y).rank()));
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
      const bool is_turned = every_step_ && !time_major && !user.outputs.empty() &&
                             transposed(g_, user.outputs[0], turned) == stack;
      const bool last = !every_step_ && slice != nullptr && user.inputs[0] == stack &&
                        slice->shrink_axis_mask == 1 && slice->begin_mask == 0 &&
                        slice->new_axis_mask == 0 && slice->ellipsis_mask == 0 &&
                        constant_ints(g_, user.inputs[1]) == Ints{-1};
      if (is_turned || last) direct.push_back(user.outputs[0]);
    }
    for (ValueId value : direct) replace_uses(g_, value, y);
    if (use_counts(g_)[at(stack)] == 0) continue;
    ValueId shaped = y;
    if (!every_step_) {
      shaped = builder_.expand_dims(y, 0);
    } else if (!time_major) {
      shaped = builder_.transpose(y, turned);
    }
    replace_uses(g_, stack, shaped);
  }
}

}  // namespace thaw::tf
