#include "loaders/tf/rnn_loop.h"
#include "loaders/tf/sequence_mask.h"

namespace thaw::tf {
namespace {

using Ints = std::vector<std::int64_t>;

}  // namespace

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
  if (forward >= 0 && lengths_ < 0 && (mask < 0 || forward_mask >= 0)) {
    op.go_backwards = true;
    x = forward;
    mask = forward_mask;
  }
  op.time_major = true;
  if (const ValueId batch_major = transposed(g_, x, {1, 0, 2}); batch_major >= 0) {
    op.time_major = false;
    x = batch_major;
  }
  if (!masked()) return {};
  op.has_mask = true;
  if (lengths_ >= 0) {
    return {mask_of_lengths(builder_, outside(lengths_), x, op.time_major ? 0 : 1)};
  }
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

// stack(list) is [T, B, U], or [1, B, U] if only the last output is kept. Its users mostly turn it
// around or take the last step, which y has without that.
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

}  // namespace thaw::tf
