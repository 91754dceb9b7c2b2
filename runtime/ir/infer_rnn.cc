// Recurrent layers.
#include "runtime/ir/infer_util.h"

namespace thaw::inference {
namespace {

int gates_of(CellKind cell) {
  switch (cell) {
    case CellKind::lstm: return 4;
    case CellKind::gru: return 3;
    case CellKind::simple: return 1;
  }
  return 1;
}

/// Checks one operand against the shape it must have.
void check_operand(const Context& context, int i, const char* what, DType dtype,
                   const Shape& expected) {
  expect_same_type(dtype, what, context.dtype(i));
  if (!compatible(expected, context.shape(i))) {
    invalid("{}: expected shape {}, found {}", what, expected.to_string(),
            context.shape(i).to_string());
  }
}

/// The number of units as the operands tell it: recurrent kernel, else the initial state.
std::int64_t units_of(const ops::Rnn& op, const Context& context, int first_state) {
  std::int64_t units = kUnknownDim;
  if (context.shape(2).has_rank()) units = context.shape(2)[0];
  if (op.has_state && context.shape(first_state).has_rank()) {
    units = merge_dim(units, context.shape(first_state)[1], "units of the initial state");
  }
  return units;
}

}  // namespace

Types infer_op(const ops::Rnn& op, const Context& context) {
  const bool lstm = op.cell == CellKind::lstm;
  const int states = lstm ? 2 : 1;
  const int count = 3 + (op.has_bias ? 1 : 0) + (op.has_mask ? 1 : 0) + (op.has_state ? states : 0);
  expect_operands(context, count);
  expect_results(context, 1 + states);
  const DType dtype = context.dtype(0);
  expect_type(is_floating(dtype), "x", "a floating type", dtype);
  expect_activation(op.activation, dtype);
  expect_activation(op.recurrent_activation, dtype);
  expect_rank(context.shape(0), 3, "x");
  expect_rank(context.shape(1), 2, "kernel");
  expect_rank(context.shape(2), 2, "recurrent kernel");
  const int first_state = count - states;
  if (op.has_state) expect_rank(context.shape(first_state), 2, "initial h");

  const Shape x = context.shape(0).has_rank() ? context.shape(0) : unknown_dims(3);
  std::int64_t batch = x[op.time_major ? 1 : 0], steps = x[op.time_major ? 0 : 1];
  const std::int64_t units = units_of(op, context, first_state);
  const std::int64_t columns = units < 0 ? kUnknownDim : checked_mul(units, gates_of(op.cell));
  check_operand(context, 1, "kernel", dtype, {x[2], columns});
  check_operand(context, 2, "recurrent kernel", dtype, {units, columns});
  int next = 3;
  if (op.has_bias) {
    const bool two_rows = op.cell == CellKind::gru && op.reset_after;
    check_operand(context, next++, "bias", dtype, two_rows ? Shape{2, columns} : Shape{columns});
  }
  if (op.has_mask) {
    check_operand(context, next, "mask", DType::boolean, {batch, steps});
    const Shape& mask = context.shape(next++);
    if (mask.has_rank()) {
      batch = merge_dim(batch, mask[0], "mask");
      steps = merge_dim(steps, mask[1], "mask");
    }
  }
  for (int i = next; i < count; ++i) {
    check_operand(context, i, i == next ? "initial h" : "initial c", dtype, {batch, units});
    if (context.shape(i).has_rank()) batch = merge_dim(batch, context.shape(i)[0], "initial state");
  }
  Shape y{batch, units};
  if (op.return_sequences) {
    y = op.time_major ? Shape{steps, batch, units} : Shape{batch, steps, units};
  }
  Types types{{dtype, y}};
  types.resize(static_cast<std::size_t>(1 + states), {dtype, Shape{batch, units}});
  return types;
}

namespace {

/// Spatial dimensions of the states: S' of the input convolution.
Ints conv_lstm_spatial(const ops::ConvLstm& op, const Shape& x, const Shape& kernel) {
  Ints spatial;
  const int rank = x.rank() - 3;
  for (int i = 0; i < rank; ++i) {
    const auto axis = static_cast<std::size_t>(i);
    spatial.push_back(
        window_output(x[2 + i], kernel[i], op.strides[axis], op.dilations[axis], op.padding, i));
  }
  return spatial;
}

void check_conv_lstm_attributes(const ops::ConvLstm& op, int rank) {
  const auto count = static_cast<std::size_t>(rank);
  if (op.strides.size() != count || op.dilations.size() != count) {
    invalid("expected {} strides and dilations, found {} and {}", rank, op.strides.size(),
            op.dilations.size());
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (op.strides[i] < 1 || op.dilations[i] < 1) {
      invalid("expected positive strides and dilations, found {} and {}", op.strides[i],
              op.dilations[i]);
    }
  }
  if (op.padding.kind != PaddingKind::valid && op.padding.kind != PaddingKind::same) {
    invalid("padding: expected valid or same");
  }
}

}  // namespace

Types infer_op(const ops::ConvLstm& op, const Context& context) {
  const int count = 3 + (op.has_bias ? 1 : 0) + (op.has_mask ? 1 : 0) + (op.has_state ? 2 : 0);
  expect_operands(context, count);
  expect_results(context, 3);
  const DType dtype = context.dtype(0);
  expect_type(is_floating(dtype), "x", "a floating type", dtype);
  expect_activation(op.activation, dtype);
  expect_activation(op.recurrent_activation, dtype);
  expect_rank_at_least(context.shape(0), 4, "x");
  const int rank = static_cast<int>(op.strides.size());
  const Shape x = context.shape(0).has_rank() ? context.shape(0) : unknown_dims(rank + 3);
  check_conv_lstm_attributes(op, x.rank() - 3);
  expect_rank(context.shape(1), rank + 2, "kernel");
  expect_rank(context.shape(2), rank + 2, "recurrent kernel");
  const Shape kernel = context.shape(1).has_rank() ? context.shape(1) : unknown_dims(rank + 2);
  const Shape recurrent = context.shape(2).has_rank() ? context.shape(2) : unknown_dims(rank + 2);
  const std::int64_t filters = recurrent[rank];
  const std::int64_t columns = filters < 0 ? kUnknownDim : checked_mul(filters, 4);
  Shape expected = kernel;
  expected[rank] = x[rank + 2];
  expected[rank + 1] = columns;
  check_operand(context, 1, "kernel", dtype, expected);
  expected = recurrent;
  expected[rank + 1] = columns;
  check_operand(context, 2, "recurrent kernel", dtype, expected);
  Ints state = conv_lstm_spatial(op, x, kernel);
  state.insert(state.begin(), x[0]);
  state.push_back(filters);
  int next = 3;
  if (op.has_bias) check_operand(context, next++, "bias", dtype, {columns});
  if (op.has_mask) check_operand(context, next++, "mask", DType::boolean, {x[0], x[1]});
  for (int i = next; i < count; ++i) {
    check_operand(context, i, i == next ? "initial h" : "initial c", dtype, Shape(Ints(state)));
  }
  Ints y = state;
  if (op.return_sequences) y.insert(y.begin() + 1, x[1]);
  const TensorType state_type{dtype, Shape(std::move(state))};
  return {{dtype, Shape(std::move(y))}, state_type, state_type};
}

}  // namespace thaw::inference
