// Indexing.
#include "runtime/ir/infer_util.h"

namespace thaw::inference {
namespace {

void expect_indices(const Context& context, int i, std::string_view what) {
  const DType dtype = context.dtype(i);
  expect_type(dtype == DType::int16 || dtype == DType::int32 || dtype == DType::int64, what,
              "int16, int32 or int64", dtype);
}

void append(Ints& dims, const Shape& shape, int begin, int end) {
  dims.insert(dims.end(), shape.dims().begin() + begin, shape.dims().begin() + end);
}

}  // namespace

Types infer_op(const ops::Gather& op, const Context& context) {
  expect_operands(context, 2);
  expect_results(context, 1);
  const DType dtype = context.dtype(0);
  expect_type(is_tensor(dtype), "params", "a tensor", dtype);
  expect_indices(context, 1, "indices");
  const Shape &params = context.shape(0), &indices = context.shape(1);
  expect_rank_at_least(params, 1, "params");
  if (params.has_rank()) normal_axis(op.axis, params.rank(), "axis");
  if (!params.has_rank() || !indices.has_rank()) return {{dtype, Shape::unknown_rank()}};

  const int axis = normal_axis(op.axis, params.rank(), "axis");
  // TensorFlow: in [-rank, rank] of the indices.
  if (op.batch_dims < -indices.rank() || op.batch_dims > indices.rank()) {
    invalid("batch_dims: expected at most {} for indices {}, found {}", indices.rank(),
            indices.to_string(), op.batch_dims);
  }
  const int batch =
      static_cast<int>(op.batch_dims < 0 ? op.batch_dims + indices.rank() : op.batch_dims);
  if (batch > axis) invalid("batch_dims: expected at most axis {}, found {}", axis, batch);
  Ints dims;
  for (int i = 0; i < batch; ++i) {
    dims.push_back(merge_dim(params[i], indices[i], fmt::format("batch axis {} of indices", i)));
  }
  append(dims, params, batch, axis);
  append(dims, indices, batch, indices.rank());
  append(dims, params, axis + 1, params.rank());
  return {{dtype, Shape(std::move(dims))}};
}

Types infer_op(const ops::GatherNd& op, const Context& context) {
  expect_operands(context, 2);
  expect_results(context, 1);
  const DType dtype = context.dtype(0);
  expect_type(is_tensor(dtype), "params", "a tensor", dtype);
  expect_indices(context, 1, "indices");
  if (op.batch_dims < 0)
    invalid("batch_dims: expected no negative number, found {}", op.batch_dims);
  const Shape &params = context.shape(0), &indices = context.shape(1);
  expect_rank_at_least(indices, 1, "indices");
  if (!params.has_rank() || !indices.has_rank()) return {{dtype, Shape::unknown_rank()}};
  if (op.batch_dims >= indices.rank() || op.batch_dims > params.rank()) {
    invalid("batch_dims: expected fewer than the axes of indices {} and params {}, found {}",
            indices.to_string(), params.to_string(), op.batch_dims);
  }
  const int batch = static_cast<int>(op.batch_dims);
  Ints dims;
  for (int i = 0; i < batch; ++i) {
    dims.push_back(merge_dim(params[i], indices[i], fmt::format("batch axis {} of indices", i)));
  }
  append(dims, indices, batch, indices.rank() - 1);
  const std::int64_t depth = indices[indices.rank() - 1];
  if (depth < 0) return {{dtype, Shape::unknown_rank()}};
  if (depth > params.rank() - batch) {
    invalid("indices: expected at most {} numbers each for params {}, found {}",
            params.rank() - batch, params.to_string(), depth);
  }
  append(dims, params, batch + static_cast<int>(depth), params.rank());
  return {{dtype, Shape(std::move(dims))}};
}

Types infer_op(const ops::Scatter& op, const Context& context) {
  expect_operands(context, 3);
  expect_results(context, 1);
  const DType dtype = context.dtype(0);
  switch (op.kind) {
    case ScatterKind::update: expect_type(is_tensor(dtype), "tensor", "a tensor", dtype); break;
    case ScatterKind::add:
    case ScatterKind::mul: expect_type(is_numeric(dtype), "tensor", "a numeric type", dtype); break;
    case ScatterKind::max:
    case ScatterKind::min: expect_type(is_real(dtype), "tensor", "a real type", dtype); break;
  }
  expect_indices(context, 1, "indices");
  expect_same_type(dtype, "updates", context.dtype(2));
  const Shape &tensor = context.shape(0), &indices = context.shape(1);
  expect_rank_at_least(indices, 1, "indices");
  if (!tensor.has_rank() || !indices.has_rank()) return {{dtype, tensor}};
  const std::int64_t depth = indices[indices.rank() - 1];
  if (depth < 0) return {{dtype, tensor}};
  if (depth > tensor.rank()) {
    invalid("indices: expected at most {} numbers each for {}, found {}", tensor.rank(),
            tensor.to_string(), depth);
  }
  Ints dims;
  append(dims, indices, 0, indices.rank() - 1);
  append(dims, tensor, static_cast<int>(depth), tensor.rank());
  merge_shape(Shape(std::move(dims)), context.shape(2), "updates");
  return {{dtype, tensor}};
}

Types infer_op(const ops::OneHot& op, const Context& context) {
  expect_operands(context, 4);
  expect_results(context, 1);
  expect_type(is_integer(context.dtype(0)), "indices", "an integer type", context.dtype(0));
  const std::optional<std::int64_t> depth = int_operand(context, 1, "depth");
  if (depth && *depth < 0) invalid("depth: expected no negative number, found {}", *depth);
  const DType dtype = context.dtype(2);
  expect_type(is_tensor(dtype), "on", "a tensor", dtype);
  expect_same_type(dtype, "off", context.dtype(3));
  expect_scalar(context, 2, "on");
  expect_scalar(context, 3, "off");
  if (op.axis < -1) invalid("axis: expected at least -1, found {}", op.axis);
  const Shape& indices = context.shape(0);
  if (!indices.has_rank()) return {{dtype, indices}};
  Ints dims = indices.dims();
  dims.insert(dims.begin() + normal_axis(op.axis, indices.rank() + 1, "axis"),
              depth.value_or(kUnknownDim));
  return {{dtype, Shape(std::move(dims))}};
}

Types infer_op(const ops::Where&, const Context& context) {
  expect_operands(context, 1);
  expect_results(context, 1);
  const DType dtype = context.dtype(0);
  expect_type(is_numeric(dtype) || dtype == DType::boolean, "condition", "a numeric type or bool",
              dtype);
  const Shape& x = context.shape(0);
  return {{DType::int64, Shape{kUnknownDim, x.has_rank() ? x.rank() : kUnknownDim}}};
}

}  // namespace thaw::inference
