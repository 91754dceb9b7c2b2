// Sparse tensors: indices int64 [n, rank], values [n], shape int64 [rank].
#include "runtime/ir/host/families.h"

namespace thaw::host_types {
namespace {

using inference::Context;
using inference::Ints;
using inference::Types;

struct SparseType {
  DType dtype;
  std::int64_t count = kUnknownDim, rank = kUnknownDim;
  Shape shape = Shape::unknown_rank();  // of the dense tensor, where it is known
};

/// The shape that a shape operand gives.
Shape shape_operand(const Context& context, int i, std::string_view what) {
  inference::expect_rank(context.shape(i), 1, what);
  const auto dims = inference::ints_operand(context, i, what);
  if (!dims) return inference::unknown_dims(inference::ints_length(context, i));
  for (const std::int64_t dim : *dims) {
    if (dim < 0) inference::invalid("{}: expected no negative number, found {}", what, dim);
  }
  return Shape(*dims);
}

/// A sparse tensor in the operands indices, values and shape.
SparseType sparse_operand(const Context& context, int indices, int values, int shape) {
  SparseType type{context.dtype(values)};
  inference::expect_type(inference::is_tensor(type.dtype), "values", "a tensor", type.dtype);
  inference::expect_index_type("indices", context.dtype(indices));
  inference::expect_rank(context.shape(indices), 2, "indices");
  inference::expect_rank(context.shape(values), 1, "values");
  type.shape = shape_operand(context, shape, "dense_shape");
  const Shape rows =
      context.shape(indices).has_rank() ? context.shape(indices) : inference::unknown_dims(2);
  const std::int64_t count =
      context.shape(values).has_rank() ? context.shape(values)[0] : kUnknownDim;
  type.count = inference::merge_dim(count, rows[0], "number of indices");
  type.rank = rows[1];
  if (type.shape.has_rank()) {
    type.rank = inference::merge_dim(type.shape.rank(), type.rank, "numbers per index");
  }
  return type;
}

Types sparse_results(const SparseType& type) {
  return {{DType::int64, Shape{type.count, type.rank}},
          {type.dtype, Shape{type.count}},
          {DType::int64, Shape{type.rank}}};
}

void expect_numeric(DType dtype) {
  inference::expect_type(inference::is_numeric(dtype), "values", "a numeric type", dtype);
}

Types sparse_to_dense(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 4);
  inference::expect_index_type("sparse_indices", context.dtype(0));
  const DType dtype = context.dtype(2);
  inference::expect_type(inference::is_tensor(dtype), "sparse_values", "a tensor", dtype);
  inference::expect_same_type(dtype, "default_value", context.dtype(3));
  inference::expect_scalar(context, 3, "default_value");
  const Shape &indices = context.shape(0), &values = context.shape(2);
  if (indices.has_rank() && indices.rank() > 2) {
    inference::invalid("sparse_indices: expected at most a matrix, found {}", indices.to_string());
  }
  if (values.has_rank() && values.rank() > 1) {
    inference::invalid("sparse_values: expected at most a vector, found {}", values.to_string());
  }
  return {{dtype, shape_operand(context, 1, "output_shape")}};
}

Types sparse_dense_add(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 4);
  const SparseType a = sparse_operand(context, 0, 1, 2);
  expect_numeric(a.dtype);
  inference::expect_same_type(a.dtype, "b", context.dtype(3));
  return {{a.dtype, inference::merge_shape(a.shape, context.shape(3), "b")}};
}

Types sparse_dense_matmul(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 4);
  const SparseType a = sparse_operand(context, 0, 1, 2);
  expect_numeric(a.dtype);
  inference::expect_same_type(a.dtype, "b", context.dtype(3));
  inference::merge_dim(a.rank, 2, "dimensions of a");
  inference::expect_rank(context.shape(3), 2, "b");
  const Shape b = context.shape(3).has_rank() ? context.shape(3) : inference::unknown_dims(2);
  const Shape rows = a.shape.has_rank() ? a.shape : inference::unknown_dims(2);
  return {{a.dtype, Shape{rows[call.attributes.flag("adjoint_a") ? 1 : 0],
                          b[call.attributes.flag("adjoint_b") ? 0 : 1]}}};
}

Types sparse_dense_elementwise(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 4);
  const SparseType a = sparse_operand(context, 0, 1, 2);
  expect_numeric(a.dtype);
  inference::expect_same_type(a.dtype, "dense", context.dtype(3));
  return {{a.dtype, Shape{a.count}}};
}

Types sparse_reorder(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 3);
  const Types results = sparse_results(sparse_operand(context, 0, 1, 2));
  return {results[0], results[1]};
}

Types sparse_reshape(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 3);
  for (int i = 0; i < 3; ++i) inference::expect_index_type("operand", context.dtype(i));
  inference::expect_rank(context.shape(0), 2, "input_indices");
  inference::expect_rank(context.shape(1), 1, "input_shape");
  inference::expect_rank(context.shape(2), 1, "new_shape");
  const std::int64_t count = context.shape(0).has_rank() ? context.shape(0)[0] : kUnknownDim;
  const std::int64_t rank = inference::ints_length(context, 2);
  return {{DType::int64, Shape{count, rank}}, {DType::int64, Shape{rank}}};
}

Types sparse_concat(const ops::HostCall&, const Context& context) {
  const int count = context.count() / 3;
  if (count < 1 || context.count() % 3 != 0) {
    inference::invalid("expected indices, values and shapes, found {} operands", context.count());
  }
  SparseType all = sparse_operand(context, 0, count, 2 * count);
  for (int m = 1; m < count; ++m) {
    const SparseType part = sparse_operand(context, m, count + m, 2 * count + m);
    inference::expect_same_type(all.dtype, "values", part.dtype);
    all.rank = inference::merge_dim(all.rank, part.rank, "numbers per index");
    const bool known = all.count >= 0 && part.count >= 0;
    all.count = known ? inference::checked_add(all.count, part.count) : kUnknownDim;
  }
  return sparse_results(all);
}

Types sparse_slice(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 5);
  SparseType type = sparse_operand(context, 0, 1, 2);
  for (int i = 3; i < 5; ++i) {
    inference::expect_index_type("start and size", context.dtype(i));
    inference::expect_rank(context.shape(i), 1, "start and size");
  }
  type.count = kUnknownDim;
  return sparse_results(type);
}

Types sparse_split(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 4);
  inference::int_operand(context, 0, "split_dim");
  SparseType type = sparse_operand(context, 1, 2, 3);
  type.count = kUnknownDim;
  const int parts = context.outputs / 3;
  if (parts < 1) inference::invalid("num_split: expected a positive number");
  Types types;
  for (const TensorType& result : sparse_results(type)) {
    types.insert(types.end(), static_cast<std::size_t>(parts), result);
  }
  return types;
}

Types sparse_fill_empty_rows(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 4);
  SparseType type = sparse_operand(context, 0, 1, 2);
  inference::expect_same_type(type.dtype, "default_value", context.dtype(3));
  inference::expect_scalar(context, 3, "default_value");
  const std::int64_t count = type.count;
  const bool known = type.shape.has_rank() && type.shape.rank() > 0;
  type.count = kUnknownDim;
  const Types results = sparse_results(type);
  return {results[0],
          results[1],
          {DType::boolean, Shape{known ? type.shape[0] : kUnknownDim}},
          {DType::int64, Shape{count}}};
}

Types sparse_reduce(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 4);
  const SparseType type = sparse_operand(context, 0, 1, 2);
  expect_numeric(type.dtype);
  const auto axes = inference::ints_operand(context, 3, "reduction_axes");
  if (!axes || !type.shape.has_rank()) return {{type.dtype, Shape::unknown_rank()}};
  const int rank = type.shape.rank();
  std::vector<bool> reduced(static_cast<std::size_t>(rank), false);
  for (const std::int64_t axis : *axes) {
    reduced[static_cast<std::size_t>(inference::normal_axis(axis, rank, "reduction_axes"))] = true;
  }
  Ints dims;
  for (int axis = 0; axis < rank; ++axis) {
    if (!reduced[static_cast<std::size_t>(axis)])
      dims.push_back(type.shape[axis]);
    else if (call.attributes.flag("keep_dims"))
      dims.push_back(1);
  }
  return {{type.dtype, Shape(std::move(dims))}};
}

Types sparse_reduce_sparse(const ops::HostCall& call, const Context& context) {
  const TensorType dense = sparse_reduce(call, context)[0];
  const std::int64_t rank = dense.shape.has_rank() ? dense.shape.rank() : kUnknownDim;
  return sparse_results({dense.dtype, kUnknownDim, rank});
}

// (indices, values, shape) -> (strings)
Types serialize_sparse(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 3);
  const SparseType type = sparse_operand(context, 0, 1, 2);
  if (!call.attributes.flag("rows")) return {{DType::string, Shape{3}}};
  const std::int64_t rows =
      type.shape.has_rank() && type.shape.rank() > 0 ? type.shape[0] : kUnknownDim;
  return {{DType::string, Shape{rows, 3}}};
}

// (strings [..., 3]) -> (indices, values, shape)
Types deserialize_sparse(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 1);
  inference::expect_same_type(DType::string, "serialized_sparse", context.dtype(0));
  const Shape& shape = context.shape(0);
  if (shape.has_rank()) {
    if (shape.rank() < 1) inference::invalid("serialized_sparse: expected at least a vector");
    inference::merge_dim(shape[shape.rank() - 1], 3, "parts of a sparse tensor");
  }
  const DType dtype = call.attributes.dtype("dtype");
  inference::expect_type(inference::is_tensor(dtype), "dtype", "a tensor", dtype);
  return sparse_results({dtype});
}

Types sparse_softmax(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 3);
  const SparseType type = sparse_operand(context, 0, 1, 2);
  inference::expect_type(is_floating(type.dtype), "values", "a floating type", type.dtype);
  return {{type.dtype, Shape{type.count}}};
}

Types sparse_combine(const ops::HostCall& call, const Context& context) {
  const bool adds = call.attributes.text("kind") == "sum";
  inference::expect_operands(context, adds ? 7 : 6);
  SparseType type = sparse_operand(context, 0, 1, 2);
  const SparseType other = sparse_operand(context, 3, 4, 5);
  expect_numeric(type.dtype);
  inference::expect_same_type(type.dtype, "b values", other.dtype);
  if (adds) {
    inference::expect_type(inference::is_real(context.dtype(6)), "thresh", "a real type",
                           context.dtype(6));
    inference::expect_scalar(context, 6, "thresh");
  }
  type.rank = inference::merge_dim(type.rank, other.rank, "numbers per index");
  type.count = kUnknownDim;
  Types types = sparse_results(type);
  if (!adds) types.pop_back();
  return types;
}

void expect_crossed(DType dtype) {
  inference::expect_type(dtype == DType::int64 || dtype == DType::string, "crossed feature",
                         "int64 or string", dtype);
}

Types sparse_cross(const ops::HostCall& call, const Context& context) {
  const std::int64_t sparse = call.attributes.integer("sparse");
  const std::int64_t dense = call.attributes.integer("dense");
  const std::int64_t kind = call.attributes.integer("kind");
  const std::int64_t features = 3 * sparse + dense, rest = context.count() - features;
  if (sparse < 0 || dense < 0 || (kind == 2 ? rest != 3 : rest < 0 || rest > 1)) {
    inference::invalid("{} operands for {} sparse and {} dense features", context.count(), sparse,
                       dense);
  }
  const int count = static_cast<int>(sparse), next = static_cast<int>(features);
  for (int i = 0; i < count; ++i) {
    expect_crossed(sparse_operand(context, i, count + i, 2 * count + i).dtype);
  }
  for (int i = 3 * count; i < next; ++i) {
    expect_crossed(context.dtype(i));
    inference::expect_rank(context.shape(i), 2, "dense feature");
  }
  if (kind == 2) {
    inference::int_operand(context, next, "num_buckets");
    inference::expect_same_type(DType::boolean, "strong_hash", context.dtype(next + 1));
    inference::expect_scalar(context, next + 1, "strong_hash");
    inference::expect_index_type("salt", context.dtype(next + 2));
  } else if (rest == 1) {
    inference::expect_same_type(DType::string, "sep", context.dtype(next));
    inference::expect_scalar(context, next, "sep");
  }
  const DType dtype = kind == 0 ? DType::string : DType::int64;
  return sparse_results({dtype, kUnknownDim, 2});
}

Types ctc_decoder(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 2);
  const DType dtype = context.dtype(0);
  inference::expect_type(is_floating(dtype), "inputs", "a floating type", dtype);
  inference::expect_rank(context.shape(0), 3, "inputs");
  inference::expect_index_type("sequence_length", context.dtype(1));
  const Shape x = context.shape(0).has_rank() ? context.shape(0) : inference::unknown_dims(3);
  const Shape lengths = inference::merge_shape(Shape{x[1]}, context.shape(1), "sequence_length");
  const bool beams = call.function == "ctc_beam_search_decoder";
  const int paths = beams ? (context.outputs - 1) / 3 : 1;
  if (beams) {
    const std::int64_t width = call.attributes.integer("beam_width");
    if (paths < 1 || width < paths || width > 1 << 20) {
      inference::invalid("a beam of {} for {} paths", width, paths);
    }
  }
  Types types;
  for (const TensorType& result :
       {TensorType{DType::int64, {kUnknownDim, 2}}, TensorType{DType::int64, {kUnknownDim}},
        TensorType{DType::int64, {2}}}) {
    types.insert(types.end(), static_cast<std::size_t>(paths), result);
  }
  types.push_back({dtype, Shape{lengths[0], paths}});
  return types;
}

Types ctc_loss(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 4);
  const DType dtype = context.dtype(0);
  inference::expect_type(is_floating(dtype), "inputs", "a floating type", dtype);
  inference::expect_rank(context.shape(0), 3, "inputs");
  inference::expect_index_type("labels_indices", context.dtype(1));
  inference::expect_index_type("labels_values", context.dtype(2));
  inference::expect_index_type("sequence_length", context.dtype(3));
  inference::expect_rank(context.shape(1), 2, "labels_indices");
  inference::expect_rank(context.shape(2), 1, "labels_values");
  const Shape x = context.shape(0).has_rank() ? context.shape(0) : inference::unknown_dims(3);
  const Shape lengths = inference::merge_shape(Shape{x[1]}, context.shape(3), "sequence_length");
  return {{dtype, lengths}};
}

Types edit_distance(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 6);
  const SparseType a = sparse_operand(context, 0, 1, 2), b = sparse_operand(context, 3, 4, 5);
  inference::expect_same_type(a.dtype, "truth_values", b.dtype);
  const DType dtype = call.attributes.dtype("dtype");
  inference::expect_type(is_floating(dtype), "output", "a floating type", dtype);
  const std::int64_t rank = inference::merge_dim(a.rank, b.rank, "numbers per index");
  if (rank < 0) return {{dtype, Shape::unknown_rank()}};
  if (rank < 2) inference::invalid("sparse tensors of rank {}, expected at least 2", rank);
  std::vector<std::int64_t> dims(static_cast<std::size_t>(rank - 1), kUnknownDim);
  for (std::size_t i = 0; i < dims.size(); ++i) {
    const int axis = static_cast<int>(i);
    if (a.shape.has_rank() && b.shape.has_rank() && a.shape[axis] >= 0 && b.shape[axis] >= 0) {
      dims[i] = std::max(a.shape[axis], b.shape[axis]);
    }
  }
  return {{dtype, Shape(std::move(dims))}};
}

}  // namespace

std::span<const HostFunction> sparse() {
  static constexpr HostFunction kFunctions[] = {
      {"ctc_beam_search_decoder", ctc_decoder},
      {"ctc_greedy_decoder", ctc_decoder},
      {"ctc_loss", ctc_loss},
      {"deserialize_sparse", deserialize_sparse, true, true},
      {"edit_distance", edit_distance},
      {"serialize_sparse", serialize_sparse, true, true},
      {"sparse_combine", sparse_combine},
      {"sparse_concat", sparse_concat},
      {"sparse_cross", sparse_cross},
      {"sparse_dense_add", sparse_dense_add},
      {"sparse_dense_elementwise", sparse_dense_elementwise},
      {"sparse_dense_matmul", sparse_dense_matmul},
      {"sparse_fill_empty_rows", sparse_fill_empty_rows},
      {"sparse_reduce", sparse_reduce},
      {"sparse_reduce_sparse", sparse_reduce_sparse},
      {"sparse_reorder", sparse_reorder},
      {"sparse_reshape", sparse_reshape},
      {"sparse_slice", sparse_slice},
      {"sparse_softmax", sparse_softmax},
      {"sparse_split", sparse_split},
      {"sparse_to_dense", sparse_to_dense},
  };
  return kFunctions;
}

}  // namespace thaw::host_types
