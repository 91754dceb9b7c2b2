// Ragged tensors: conversion, gathering, counting.
#include <algorithm>

#include "runtime/ir/host/families.h"

namespace thaw::host_types {
namespace {

using inference::Context;
using inference::Types;

std::int64_t length_of(const Shape& shape) {
  return shape.has_rank() && shape.rank() == 1 ? shape[0] : kUnknownDim;
}

void expect_index_vector(const Context& context, int i, std::string_view what) {
  inference::expect_index_type(what, context.dtype(i));
  inference::expect_rank(context.shape(i), 1, what);
}

// (shape, values, default, row partitions...) -> (dense)
Types ragged_to_tensor(const ops::HostCall& call, const Context& context) {
  const std::vector<std::string>& kinds = call.attributes.texts("row_partition_types");
  if (kinds.empty()) inference::invalid("row_partition_types is empty");
  inference::expect_operands(context, 3 + static_cast<int>(kinds.size()));
  inference::expect_index_type("shape", context.dtype(0));
  inference::expect_same_type(context.dtype(1), "default_value", context.dtype(2));
  for (int i = 3; i < context.count(); ++i) {
    inference::expect_index_type("row_partition_tensors", context.dtype(i));
  }
  const int depth = static_cast<int>(kinds.size()) - (kinds[0] == "FIRST_DIM_SIZE" ? 1 : 0);
  const Shape& values = context.shape(1);
  if (!values.has_rank()) return {{context.dtype(1), Shape::unknown_rank()}};
  inference::expect_rank_at_least(values, 1, "values");
  Shape shape = inference::unknown_dims(depth + values.rank());
  for (int axis = 1; axis < values.rank(); ++axis) shape[depth + axis] = values[axis];
  if (kinds[0] == "ROW_SPLITS" && length_of(context.shape(3)) > 0) {
    shape[0] = context.shape(3)[0] - 1;
  }
  if (context.shape(0).has_rank() && context.shape(0).rank() == 1) {
    const auto given = inference::ints_operand(context, 0, "shape");
    if (given && given->size() != static_cast<std::size_t>(shape.rank())) {
      inference::invalid("rt_input.rank = {} but shape.rank = {}", shape.rank(), given->size());
    }
    for (int axis = 0; given && axis < shape.rank(); ++axis) {
      const std::int64_t dim = (*given)[static_cast<std::size_t>(axis)];
      if (dim < 0) continue;
      if (axis > depth) inference::merge_dim(shape[axis], dim, "shape");
      shape[axis] = dim;
    }
  }
  return {{context.dtype(1), shape}};
}

// (splits..., dense values, indices) -> (splits..., dense values)
Types ragged_gather(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 3, INT32_MAX);
  const int depth = context.count() - 2;
  for (int i = 0; i < depth; ++i) expect_index_vector(context, i, "params_nested_splits");
  const Shape &values = context.shape(depth), &indices = context.shape(depth + 1);
  inference::expect_rank_at_least(values, 1, "params_dense_values");
  inference::expect_index_type("indices", context.dtype(depth + 1));
  if (!indices.has_rank()) inference::invalid("indices of unknown rank");
  Types types;
  const int levels = depth + indices.rank() - 1;
  for (int i = 0; i < levels; ++i) types.push_back({context.dtype(0), Shape{kUnknownDim}});
  Shape out = values;
  if (out.has_rank()) out[0] = kUnknownDim;
  types.push_back({context.dtype(depth), out});
  return types;
}

// (starts, limits, deltas) -> (splits, values)
Types ragged_range(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 3);
  const DType dtype = context.dtype(0);
  const bool fits = dtype == DType::int32 || dtype == DType::int64 || dtype == DType::float32 ||
                    dtype == DType::float64;
  inference::expect_type(fits, "starts", "a number of 32 or 64 bits", dtype);
  std::int64_t rows = 1;
  for (int i = 0; i < 3; ++i) {
    inference::expect_same_type(dtype, "limits and deltas", context.dtype(i));
    const Shape& shape = context.shape(i);
    if (shape.has_rank() && shape.rank() > 1) {
      inference::invalid("starts, limits and deltas must be scalars or vectors, found {}",
                         shape.to_string());
    }
    if (!shape.has_rank() || (shape.rank() == 1 && shape[0] < 0)) rows = -1;
    if (shape.has_rank() && shape.rank() == 1 && rows >= 0) rows = std::max(rows, shape[0]);
    if (shape.has_rank() && shape.rank() == 1 && shape[0] == 0) rows = -1;
  }
  const DType splits = call.attributes.dtype("splits");
  inference::expect_index_type("Tsplits", splits);
  return {{splits, Shape{rows < 0 ? kUnknownDim : rows + 1}}, {dtype, Shape{kUnknownDim}}};
}

// (splits..., dense values) -> (indices, values, dense shape)
Types ragged_to_sparse(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 2, INT32_MAX);
  const int depth = context.count() - 1;
  for (int i = 0; i < depth; ++i) expect_index_vector(context, i, "rt_nested_splits");
  const Shape& values = context.shape(depth);
  inference::expect_rank_at_least(values, 1, "rt_dense_values");
  const std::int64_t rank = values.has_rank() ? depth + values.rank() : kUnknownDim;
  const std::int64_t count = values.is_static() ? values.num_elements() : kUnknownDim;
  return {{DType::int64, Shape{count, rank}},
          {context.dtype(depth), Shape{count}},
          {DType::int64, Shape{rank}}};
}

// ---- counting ----

void expect_values(const Context& context, int values, int weights) {
  inference::expect_index_type("values", context.dtype(values));
  const DType dtype = context.dtype(weights);
  const bool fits = dtype == DType::int32 || dtype == DType::int64 || dtype == DType::float32 ||
                    dtype == DType::float64;
  inference::expect_type(fits, "weights", "a number of 32 or 64 bits", dtype);
}

Types sparse_counts(DType weights, std::int64_t rank) {
  return {{DType::int64, Shape{kUnknownDim, rank}},
          {weights, Shape{kUnknownDim}},
          {DType::int64, Shape{rank}}};
}

// (values, weights) -> (indices, counts, dense shape)
Types dense_count(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 2);
  expect_values(context, 0, 1);
  const Shape& values = context.shape(0);
  if (values.has_rank() && (values.rank() < 1 || values.rank() > 2)) {
    inference::invalid("Input must be a 1 or 2-dimensional tensor. Got: {}", values.to_string());
  }
  return sparse_counts(context.dtype(1), values.has_rank() ? values.rank() : kUnknownDim);
}

// (indices, values, dense shape, weights) -> (indices, counts, dense shape)
Types sparse_count(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 4);
  inference::expect_index_type("indices", context.dtype(0));
  inference::expect_index_type("dense_shape", context.dtype(2));
  expect_values(context, 1, 3);
  const std::int64_t rank = length_of(context.shape(2));
  return sparse_counts(context.dtype(3), rank < 0 ? kUnknownDim : std::min<std::int64_t>(rank, 2));
}

// (splits, values, weights) -> (indices, counts, dense shape)
Types ragged_count(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 3);
  expect_index_vector(context, 0, "splits");
  expect_values(context, 1, 2);
  return sparse_counts(context.dtype(2), 2);
}

// (splits..., values) -> (packed): strings.
Types ragged_to_variant(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 1, INT32_MAX);
  const int depth = context.count() - 1;
  for (int i = 0; i < depth; ++i) expect_index_vector(context, i, "rt_nested_splits");
  inference::expect_type(inference::is_tensor(context.dtype(depth)), "rt_dense_values", "a tensor",
                         context.dtype(depth));
  if (!call.attributes.flag("batched")) {
    if (depth > 0) inference::expect_rank_at_least(context.shape(depth), 1, "rt_dense_values");
    return {{DType::string, Shape{}}};
  }
  const Shape& first = context.shape(0);
  inference::expect_rank_at_least(context.shape(depth), 1, "rt_dense_values");
  std::int64_t rows = first.has_rank() ? first[0] : kUnknownDim;
  if (depth > 0 && rows > 0) --rows;
  return {{DType::string, Shape{rows}}};
}

// (packed) -> (splits..., values)
Types ragged_from_variant(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 1);
  inference::expect_same_type(DType::string, "encoded_ragged", context.dtype(0));
  const DType splits = call.attributes.dtype("splits"), dtype = call.attributes.dtype("dtype");
  inference::expect_index_type("Tsplits", splits);
  inference::expect_type(inference::is_tensor(dtype), "Tvalues", "a tensor", dtype);
  const std::int64_t levels = call.attributes.integer("levels");
  if (levels < 0 || levels > inference::kMaxRank) {
    inference::invalid("output_ragged_rank: {}", levels);
  }
  Types types(static_cast<std::size_t>(levels), {splits, Shape{kUnknownDim}});
  types.push_back({dtype, Shape::unknown_rank()});
  return types;
}

}  // namespace

std::span<const HostFunction> ragged() {
  static constexpr HostFunction kFunctions[] = {
      {"dense_count", dense_count},
      {"ragged_count", ragged_count},
      {"ragged_gather", ragged_gather},
      {"ragged_range", ragged_range},
      {"ragged_to_sparse", ragged_to_sparse},
      {"ragged_to_tensor", ragged_to_tensor},
      {"ragged_to_variant", ragged_to_variant, true, true},
      {"ragged_from_variant", ragged_from_variant, true, true},
      {"sparse_count", sparse_count},
  };
  return kFunctions;
}

}  // namespace thaw::host_types
