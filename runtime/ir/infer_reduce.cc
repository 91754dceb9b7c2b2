// Reductions, scans, normalisations, top-k.
#include "runtime/ir/infer_util.h"

namespace thaw::inference {
namespace {

void expect_reduce_type(ReduceKind kind, DType dtype) {
  switch (kind) {
    case ReduceKind::sum:
    case ReduceKind::mean:
    case ReduceKind::prod: expect_type(is_numeric(dtype), "x", "a numeric type", dtype); return;
    case ReduceKind::max:
    case ReduceKind::min: expect_type(is_real(dtype), "x", "a real type", dtype); return;
    case ReduceKind::all:
    case ReduceKind::any: expect_same_type(DType::boolean, "x", dtype); return;
  }
}

Shape without_axes(const Shape& x, const std::vector<bool>& reduced, bool keep_dims) {
  Ints dims;
  for (int i = 0; i < x.rank(); ++i) {
    if (!reduced[static_cast<std::size_t>(i)]) {
      dims.push_back(x[i]);
    } else if (keep_dims) {
      dims.push_back(1);
    }
  }
  return Shape(std::move(dims));
}

/// Attributes `axes` that name at least one axis each.
void expect_axes(const Ints& axes, const Shape& x) {
  if (axes.empty()) invalid("axes: expected at least one");
  if (x.has_rank()) axis_flags(axes, x.rank(), "axes");
}

}  // namespace

Types infer_op(const ops::Reduce& op, const Context& context) {
  expect_operands(context, 2);
  expect_results(context, 1);
  const DType dtype = context.dtype(0);
  expect_reduce_type(op.kind, dtype);
  const std::optional<Ints> axes = ints_operand(context, 1, "axes");
  const Shape& x = context.shape(0);
  if (axes && axes->empty()) return {{dtype, x}};
  if (!x.has_rank()) return {{dtype, Shape::unknown_rank()}};
  if (axes) {
    return {{dtype, without_axes(x, axis_flags(*axes, x.rank(), "axes"), op.keep_dims)}};
  }
  const std::int64_t count = ints_length(context, 1);
  if (count > x.rank()) invalid("axes: expected at most {}, found {}", x.rank(), count);
  if (op.keep_dims) return {{dtype, unknown_dims(x.rank())}};
  return {{dtype, count < 0 ? Shape::unknown_rank() : unknown_dims(x.rank() - count)}};
}

Types infer_op(const ops::ArgReduce& op, const Context& context) {
  expect_operands(context, 1);
  expect_results(context, 1);
  const DType dtype = context.dtype(0);
  expect_type(is_real(dtype) || dtype == DType::boolean, "x", "a real type or bool", dtype);
  expect_type(is_integer(op.dtype), "dtype", "an integer type", op.dtype);
  const Shape& x = context.shape(0);
  if (!x.has_rank()) return {{op.dtype, Shape::unknown_rank()}};
  const int axis = normal_axis(op.axis, x.rank(), "axis");
  if (x[axis] == 0) invalid("x: expected elements along axis {}, found {}", axis, x.to_string());
  return {{op.dtype, without_axes(x, axis_flags({op.axis}, x.rank(), "axis"), false)}};
}

Types infer_op(const ops::Scan& op, const Context& context) {
  expect_operands(context, 1);
  expect_results(context, 1);
  expect_type(is_numeric(context.dtype(0)), "x", "a numeric type", context.dtype(0));
  if (context.shape(0).has_rank()) normal_axis(op.axis, context.shape(0).rank(), "axis");
  return {context.type(0)};
}

Types infer_op(const ops::Softmax& op, const Context& context) {
  expect_operands(context, 1);
  expect_results(context, 1);
  expect_type(is_floating(context.dtype(0)), "x", "a floating type", context.dtype(0));
  expect_axes(op.axes, context.shape(0));
  return {context.type(0)};
}

Types infer_op(const ops::Normalize& op, const Context& context) {
  expect_operands(context, 1 + (op.has_scale ? 1 : 0) + (op.has_offset ? 1 : 0));
  expect_results(context, 1);
  const DType dtype = context.dtype(0);
  const Shape& x = context.shape(0);
  expect_type(is_floating(dtype), "x", "a floating type", dtype);
  expect_axes(op.axes, x);
  for (int i = 1; i < context.count(); ++i) {
    const char* what = i == 1 && op.has_scale ? "scale" : "offset";
    expect_same_type(dtype, what, context.dtype(i));
    if (!compatible(x, broadcast(x, context.shape(i)))) {
      invalid("{}: expected a shape that broadcasts to {}, found {}", what, x.to_string(),
              context.shape(i).to_string());
    }
  }
  return {{dtype, x}};
}

Types infer_op(const ops::TopK& op, const Context& context) {
  expect_operands(context, 2);
  expect_results(context, 2);
  const DType dtype = context.dtype(0);
  expect_type(is_real(dtype), "x", "a real type", dtype);
  expect_type(op.dtype == DType::int32 || op.dtype == DType::int64 || op.dtype == DType::int16,
              "dtype", "int16, int32 or int64", op.dtype);
  expect_rank_at_least(context.shape(0), 1, "x");
  const std::optional<std::int64_t> k = int_operand(context, 1, "k");
  if (k && *k < 0) invalid("k: expected no negative number, found {}", *k);
  Shape y = context.shape(0);
  if (y.has_rank()) {
    std::int64_t& last = y[y.rank() - 1];
    if (k && last >= 0 && last < *k) invalid("k: expected at most {}, found {}", last, *k);
    last = k.value_or(kUnknownDim);
  }
  return {{dtype, y}, {op.dtype, y}};
}

}  // namespace thaw::inference
