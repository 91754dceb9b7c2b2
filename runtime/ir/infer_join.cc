// Concatenation, stacking, splitting, padding, reversing.
#include <algorithm>

#include "runtime/ir/infer_util.h"

namespace thaw::inference {
namespace {

void expect_tensor(DType dtype) { expect_type(is_tensor(dtype), "x", "a tensor", dtype); }

/// At least one operand, all of one element type.
DType expect_alike(const Context& context) {
  expect_operands(context, 1, INT32_MAX);
  expect_results(context, 1);
  expect_tensor(context.dtype(0));
  for (int i = 1; i < context.count(); ++i) {
    expect_same_type(context.dtype(0), fmt::format("operand {}", i), context.dtype(i));
  }
  return context.dtype(0);
}

}  // namespace

Types infer_op(const ops::Concat& op, const Context& context) {
  const DType dtype = expect_alike(context);
  Shape y = Shape::unknown_rank();
  for (int i = 0; i < context.count() && !y.has_rank(); ++i) y = context.shape(i);
  if (!y.has_rank()) return {{dtype, y}};
  const int axis = normal_axis(op.axis, y.rank(), "axis");
  std::int64_t total = 0;
  bool known = true;
  for (int i = 0; i < context.count(); ++i) {
    const Shape& x = context.shape(i);
    if (!x.has_rank()) {
      known = false;
      continue;
    }
    expect_rank(x, y.rank(), fmt::format("operand {}", i));
    for (int d = 0; d < y.rank(); ++d) {
      if (d != axis) y[d] = merge_dim(y[d], x[d], fmt::format("axis {} of operand {}", d, i));
    }
    known = known && x[axis] >= 0;
    if (x[axis] >= 0) total = checked_add(total, x[axis]);
  }
  y[axis] = known ? total : kUnknownDim;
  return {{dtype, y}};
}

Types infer_op(const ops::Stack& op, const Context& context) {
  const DType dtype = expect_alike(context);
  Shape x = Shape::unknown_rank();
  for (int i = 0; i < context.count(); ++i) {
    x = merge_shape(x, context.shape(i), fmt::format("operand {}", i));
  }
  if (!x.has_rank()) return {{dtype, x}};
  Ints dims = x.dims();
  dims.insert(dims.begin() + normal_axis(op.axis, x.rank() + 1, "axis"), context.count());
  return {{dtype, Shape(std::move(dims))}};
}

Types infer_op(const ops::Unstack& op, const Context& context) {
  expect_operands(context, 1);
  expect_tensor(context.dtype(0));
  const Shape& x = context.shape(0);
  TensorType part{context.dtype(0), x};
  if (x.has_rank()) {
    const int axis = normal_axis(op.axis, x.rank(), "axis");
    merge_dim(context.outputs, x[axis], fmt::format("size of axis {}", axis));
    Ints dims = x.dims();
    dims.erase(dims.begin() + axis);
    part.shape = Shape(std::move(dims));
  }
  return Types(static_cast<std::size_t>(context.outputs), part);
}

namespace {

/// The parts' sizes with the one -1 worked out, as far as known.
Ints split_sizes(Ints sizes, std::int64_t whole) {
  std::int64_t sum = 0;
  auto rest = sizes.end();
  for (auto it = sizes.begin(); it != sizes.end(); ++it) {
    if (*it < -1) invalid("sizes: expected at least -1, found {}", *it);
    if (*it == -1 && rest != sizes.end()) invalid("sizes: expected at most one -1, found two");
    if (*it == -1) {
      rest = it;
    } else {
      sum = checked_add(sum, *it);
    }
  }
  if (whole < 0) return sizes;
  if (rest != sizes.end() && sum <= whole) {
    *rest = whole - sum;
    sum = whole;
  }
  if (sum != whole) invalid("sizes: expected a sum of {}, found {}", whole, sum);
  return sizes;
}

}  // namespace

Types infer_op(const ops::Split& op, const Context& context) {
  expect_operands(context, 1, 2);
  expect_tensor(context.dtype(0));
  if (context.outputs < 1) invalid("expected at least one result");
  std::optional<Ints> sizes;
  if (context.count() == 2) {
    sizes = ints_operand(context, 1, "sizes");
    const std::int64_t length = ints_length(context, 1);
    if (length >= 0 && length != context.outputs) {
      invalid("sizes: expected {}, found {}", context.outputs, length);
    }
  }
  const Shape& x = context.shape(0);
  if (!x.has_rank()) {
    if (sizes) split_sizes(*sizes, kUnknownDim);
    return Types(static_cast<std::size_t>(context.outputs), {context.dtype(0), x});
  }
  const int axis = normal_axis(op.axis, x.rank(), "axis");
  if (context.count() == 1) {
    if (x[axis] >= 0 && x[axis] % context.outputs != 0) {
      invalid("x: size {} of axis {} is not a multiple of {}", x[axis], axis, context.outputs);
    }
    const std::int64_t part = x[axis] < 0 ? kUnknownDim : x[axis] / context.outputs;
    sizes = Ints(static_cast<std::size_t>(context.outputs), part);
  } else {
    sizes = sizes ? split_sizes(*sizes, x[axis])
                  : Ints(static_cast<std::size_t>(context.outputs), kUnknownDim);
  }
  Types types;
  for (const std::int64_t size : *sizes) {
    types.push_back({context.dtype(0), x});
    types.back().shape[axis] = size;
  }
  return types;
}

Types infer_op(const ops::Pad& op, const Context& context) {
  expect_operands(context, 2, op.mode == PadMode::constant ? 3 : 2);
  expect_results(context, 1);
  const DType dtype = context.dtype(0);
  expect_tensor(dtype);
  expect_index_type("paddings", context.dtype(1));
  if (context.count() == 3) {
    expect_same_type(dtype, "value", context.dtype(2));
    expect_scalar(context, 2, "value");
  }
  const Shape& paddings = context.shape(1);
  expect_rank(paddings, 2, "paddings");
  Shape y = context.shape(0);
  if (paddings.has_rank()) {
    merge_dim(2, paddings[1], "columns of paddings");
    if (!y.has_rank()) y = unknown_dims(paddings[0]);
    if (y.has_rank()) merge_dim(y.rank(), paddings[0], "rows of paddings");
  }
  if (!y.has_rank()) return {{dtype, y}};
  if (context.constant(1) == nullptr) return {{dtype, unknown_dims(y.rank())}};
  const Ints sizes = to_ints(*context.constant(1));
  for (int i = 0; i < y.rank(); ++i) {
    const auto at = 2 * static_cast<std::size_t>(i);
    const std::int64_t before = sizes[at], after = sizes[at + 1];
    if (before < 0 || after < 0) {
      invalid("paddings: expected no negative size, found {} and {}", before, after);
    }
    const std::int64_t total = checked_add(before, after);
    if (y[i] < 0) continue;
    const std::int64_t most = op.mode == PadMode::reflect ? y[i] - 1 : y[i];
    if (op.mode != PadMode::constant && (before > most || after > most) && total > 0) {
      invalid("paddings: expected at most {} for axis {} of {}, found {} and {}", most, i,
              context.shape(0).to_string(), before, after);
    }
    y[i] = checked_add(y[i], total);
  }
  return {{dtype, y}};
}

Types infer_op(const ops::Reverse& op, const Context& context) {
  expect_operands(context, 1);
  expect_results(context, 1);
  expect_tensor(context.dtype(0));
  if (context.shape(0).has_rank()) axis_flags(op.axes, context.shape(0).rank(), "axes");
  return {context.type(0)};
}

Types infer_op(const ops::ReverseSequence& op, const Context& context) {
  expect_operands(context, 2);
  expect_results(context, 1);
  expect_tensor(context.dtype(0));
  expect_index_type("lengths", context.dtype(1));
  expect_rank(context.shape(1), 1, "lengths");
  Shape y = context.shape(0);
  if (!y.has_rank()) return {{context.dtype(0), y}};
  const int sequence = normal_axis(op.sequence_axis, y.rank(), "sequence_axis");
  const int batch = normal_axis(op.batch_axis, y.rank(), "batch_axis");
  if (sequence == batch) invalid("expected different sequence and batch axes, found {}", batch);
  if (context.shape(1).has_rank()) y[batch] = merge_dim(y[batch], context.shape(1)[0], "lengths");
  return {{context.dtype(0), y}};
}

}  // namespace thaw::inference
