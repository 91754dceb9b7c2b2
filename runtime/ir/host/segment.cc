// Segments, unique elements and sets.
#include "runtime/ir/host/families.h"

namespace thaw::host_types {
namespace {

using inference::Context;
using inference::Ints;
using inference::Types;

/// `count` rows of what a row of `data` is, whose first `skip` dimensions say which row.
Shape rows_of(std::int64_t count, const Shape& data, int skip) {
  if (!data.has_rank()) return Shape::unknown_rank();
  Ints dims{count};
  for (int i = skip; i < data.rank(); ++i) dims.push_back(data[i]);
  return Shape(std::move(dims));
}

/// The dimensions of `prefix` must be the first ones of `data`.
void expect_prefix(const Shape& data, const Shape& prefix, std::string_view what) {
  if (!data.has_rank() || !prefix.has_rank()) return;
  if (prefix.rank() > data.rank()) {
    inference::invalid("{}: shape {} is no prefix of {}", what, prefix.to_string(),
                       data.to_string());
  }
  for (int i = 0; i < prefix.rank(); ++i) inference::merge_dim(data[i], prefix[i], what);
}

void expect_numeric(const Context& context, int i, std::string_view what) {
  inference::expect_type(inference::is_numeric(context.dtype(i)), what, "a numeric type",
                         context.dtype(i));
}

void expect_real(const Context& context, int i, std::string_view what) {
  inference::expect_type(inference::is_real(context.dtype(i)), what, "a real type",
                         context.dtype(i));
}

void expect_combine(const ops::HostCall& call, DType dtype) {
  const std::string& kind = call.attributes.text("kind");
  if (kind == "max" || kind == "min") {
    inference::expect_type(inference::is_real(dtype), "data", "a real type", dtype);
  }
}

Types segment_reduce(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 2);
  expect_numeric(context, 0, "data");
  expect_combine(call, context.dtype(0));
  inference::expect_rank_at_least(context.shape(0), 1, "data");
  inference::expect_index_type("segment_ids", context.dtype(1));
  inference::expect_rank(context.shape(1), 1, "segment_ids");
  expect_prefix(context.shape(0), context.shape(1), "segment_ids");
  return {{context.dtype(0), rows_of(kUnknownDim, context.shape(0), 1)}};
}

Types unsorted_segment_reduce(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 3);
  expect_numeric(context, 0, "data");
  expect_combine(call, context.dtype(0));
  inference::expect_index_type("segment_ids", context.dtype(1));
  expect_prefix(context.shape(0), context.shape(1), "segment_ids");
  const auto count = inference::int_operand(context, 2, "num_segments");
  if (count && *count < 0) inference::invalid("num_segments: {} is negative", *count);
  const Shape& ids = context.shape(1);
  if (!ids.has_rank()) return {{context.dtype(0), Shape::unknown_rank()}};
  return {{context.dtype(0), rows_of(count.value_or(kUnknownDim), context.shape(0), ids.rank())}};
}

Types sparse_segment_reduce(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 3, 4);
  expect_numeric(context, 0, "data");
  expect_combine(call, context.dtype(0));
  inference::expect_rank_at_least(context.shape(0), 1, "data");
  inference::expect_index_type("indices", context.dtype(1));
  inference::expect_index_type("segment_ids", context.dtype(2));
  inference::expect_rank(context.shape(1), 1, "indices");
  inference::merge_shape(context.shape(1), context.shape(2), "segment_ids");
  std::optional<std::int64_t> count;
  if (context.count() == 4) count = inference::int_operand(context, 3, "num_segments");
  return {{context.dtype(0), rows_of(count.value_or(kUnknownDim), context.shape(0), 1)}};
}

Types unique(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 1, 2);
  const DType dtype = context.dtype(0);
  inference::expect_type(inference::is_tensor(dtype), "x", "a tensor", dtype);
  const Shape& x = context.shape(0);
  std::optional<Ints> axes = Ints{};
  if (context.count() == 2) axes = inference::ints_operand(context, 1, "axis");
  Shape y = x.has_rank() ? inference::unknown_dims(x.rank()) : Shape::unknown_rank();
  std::int64_t size = kUnknownDim;
  if (axes && x.has_rank()) {
    if (axes->empty()) inference::expect_rank(x, 1, "x");
    const int axis = axes->empty() ? 0 : inference::normal_axis((*axes)[0], x.rank(), "axis");
    y = x;
    y[axis] = kUnknownDim;
    size = x[axis];
  }
  const DType index = call.attributes.dtype("dtype");
  Types types{{dtype, y}, {index, Shape{size}}};
  if (context.outputs == 3) types.push_back({index, Shape{kUnknownDim}});
  return types;
}

Types list_difference(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 2);
  const DType dtype = context.dtype(0);
  inference::expect_type(inference::is_tensor(dtype), "x", "a tensor", dtype);
  inference::expect_same_type(dtype, "y", context.dtype(1));
  inference::expect_rank(context.shape(0), 1, "x");
  inference::expect_rank(context.shape(1), 1, "y");
  return {{dtype, Shape{kUnknownDim}}, {call.attributes.dtype("dtype"), Shape{kUnknownDim}}};
}

Types dynamic_partition(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 2);
  const DType dtype = context.dtype(0);
  inference::expect_type(inference::is_tensor(dtype), "data", "a tensor", dtype);
  inference::expect_index_type("partitions", context.dtype(1));
  expect_prefix(context.shape(0), context.shape(1), "partitions");
  const Shape& ids = context.shape(1);
  const Shape rows =
      ids.has_rank() ? rows_of(kUnknownDim, context.shape(0), ids.rank()) : Shape::unknown_rank();
  return Types(static_cast<std::size_t>(context.outputs), {dtype, rows});
}

Types dynamic_stitch(const ops::HostCall&, const Context& context) {
  const int lists = context.count() / 2;
  if (lists < 1 || context.count() % 2 != 0) {
    inference::invalid("expected as many indices as data, found {} operands", context.count());
  }
  const DType dtype = context.dtype(lists);
  inference::expect_type(inference::is_tensor(dtype), "data", "a tensor", dtype);
  Shape row = Shape::unknown_rank();
  bool known = true;
  std::int64_t rows = 0;
  for (int m = 0; m < lists; ++m) {
    inference::expect_index_type("indices", context.dtype(m));
    inference::expect_same_type(dtype, "data", context.dtype(lists + m));
    const Shape &ids = context.shape(m), &data = context.shape(lists + m);
    expect_prefix(data, ids, "indices");
    if (ids.has_rank() && data.has_rank()) {
      row = inference::merge_shape(row, rows_of(1, data, ids.rank()), "data");
    }
    known = known && context.constant(m) != nullptr;
    if (!known) continue;
    for (const std::int64_t index : to_ints(*context.constant(m))) {
      rows = std::max(rows, inference::checked_add(index, 1));
    }
  }
  if (row.has_rank()) row[0] = known ? rows : kUnknownDim;
  return {{dtype, row}};
}

Types histogram(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 3);
  expect_real(context, 0, "values");
  inference::expect_same_type(context.dtype(0), "value_range", context.dtype(1));
  inference::merge_shape(context.shape(1), Shape{2}, "value_range");
  const auto bins = inference::int_operand(context, 2, "nbins");
  if (bins && *bins <= 0) inference::invalid("nbins: expected a positive number, found {}", *bins);
  return {{call.attributes.dtype("dtype"), Shape{bins.value_or(kUnknownDim)}}};
}

Types in_top_k(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 3);
  inference::expect_type(is_floating(context.dtype(0)), "predictions", "a floating type",
                         context.dtype(0));
  inference::expect_rank(context.shape(0), 2, "predictions");
  inference::expect_rank(context.shape(1), 1, "targets");
  inference::expect_index_type("targets", context.dtype(1));
  inference::int_operand(context, 2, "k");
  const std::int64_t rows = context.shape(0).has_rank() ? context.shape(0)[0] : kUnknownDim;
  return {{DType::boolean, inference::merge_shape(Shape{rows}, context.shape(1), "targets")}};
}

Types nth_element(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 2);
  expect_real(context, 0, "input");
  inference::expect_rank_at_least(context.shape(0), 1, "input");
  inference::int_operand(context, 1, "n");
  const Shape& x = context.shape(0);
  if (!x.has_rank()) return {{context.dtype(0), x}};
  return {{context.dtype(0), Shape(Ints(x.dims().begin(), x.dims().end() - 1))}};
}

Types invert_permutation(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 1);
  inference::expect_index_type("x", context.dtype(0));
  inference::expect_rank(context.shape(0), 1, "x");
  return {context.type(0)};
}

Types search_sorted(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 2);
  expect_real(context, 0, "sorted_inputs");
  inference::expect_same_type(context.dtype(0), "values", context.dtype(1));
  inference::expect_rank(context.shape(0), 2, "sorted_inputs");
  inference::expect_rank(context.shape(1), 2, "values");
  if (context.shape(0).has_rank() && context.shape(1).has_rank()) {
    inference::merge_dim(context.shape(0)[0], context.shape(1)[0], "rows of values");
  }
  return {{call.attributes.dtype("dtype"),
           inference::merge_shape(context.shape(1), Shape{kUnknownDim, kUnknownDim}, "values")}};
}

Types bincount(const ops::HostCall& call, const Context& context) {
  const bool ragged = call.function == "ragged_bincount";
  inference::expect_operands(context, ragged ? 4 : 5);
  const int size = ragged ? 2 : 3, weights = size + 1;
  for (int i = 0; i < size; ++i) inference::expect_index_type("operand", context.dtype(i));
  expect_real(context, weights, "weights");
  inference::expect_rank(context.shape(1), 1, "values");
  const std::int64_t bins = inference::int_operand(context, size, "size").value_or(kUnknownDim);
  if (ragged) {
    inference::expect_rank(context.shape(0), 1, "splits");
    return {{context.dtype(weights), Shape{kUnknownDim, bins}}};
  }
  const auto shape = inference::ints_operand(context, 2, "dense_shape");
  if (!shape) return {{context.dtype(weights), Shape::unknown_rank()}};
  if (shape->size() == 1) return {{context.dtype(weights), Shape{bins}}};
  return {{context.dtype(weights), Shape{shape->empty() ? kUnknownDim : (*shape)[0], bins}}};
}

/// The operands of one set: a dense tensor, or indices, values and shape. Gives the rank.
int expect_set(const Context& context, int& next, bool sparse, DType dtype) {
  const Shape& first = context.shape(next);
  if (!sparse) {
    inference::expect_same_type(dtype, "set", context.dtype(next));
    inference::expect_rank_at_least(first, 1, "set");
    ++next;
    return first.has_rank() ? first.rank() : -1;
  }
  inference::expect_same_type(DType::int64, "set_indices", context.dtype(next));
  inference::expect_rank(first, 2, "set_indices");
  inference::expect_same_type(dtype, "set_values", context.dtype(next + 1));
  inference::expect_rank(context.shape(next + 1), 1, "set_values");
  inference::expect_same_type(DType::int64, "set_shape", context.dtype(next + 2));
  inference::expect_rank(context.shape(next + 2), 1, "set_shape");
  const Shape& shape = context.shape(next + 2);
  next += 3;
  return shape.is_static() ? static_cast<int>(shape[0]) : -1;
}

Types set_operation(const ops::HostCall& call, const Context& context) {
  const bool sparse_a = call.attributes.flag("sparse_a"),
             sparse_b = call.attributes.flag("sparse_b");
  inference::expect_operands(context, (sparse_a ? 3 : 1) + (sparse_b ? 3 : 1));
  const DType dtype = context.dtype(sparse_a ? 1 : 0);
  inference::expect_type(is_integer(dtype) || dtype == DType::string, "set", "integers or strings",
                         dtype);
  int next = 0;
  const int a = expect_set(context, next, sparse_a, dtype);
  const int b = expect_set(context, next, sparse_b, dtype);
  const std::int64_t rank = inference::merge_dim(a, b, "rank of the sets");
  return {{DType::int64, Shape{kUnknownDim, rank}},
          {dtype, Shape{kUnknownDim}},
          {DType::int64, Shape{rank}}};
}

Types set_size(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 3);
  const DType dtype = context.dtype(1);
  inference::expect_type(is_integer(dtype) || dtype == DType::string, "set", "integers or strings",
                         dtype);
  int next = 0;
  const int rank = expect_set(context, next, true, dtype);
  return {{DType::int32, inference::unknown_dims(rank - 1)}};
}

Types block_lstm(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 9);
  const DType dtype = context.dtype(1);
  inference::expect_type(is_floating(dtype), "x", "a floating type", dtype);
  for (int i = 2; i < 9; ++i) inference::expect_same_type(dtype, "operand", context.dtype(i));
  inference::expect_rank(context.shape(1), 3, "x");
  inference::expect_rank(context.shape(2), 2, "cs_prev");
  const Shape x = context.shape(1).has_rank() ? context.shape(1) : inference::unknown_dims(3);
  const Shape c = context.shape(2).has_rank() ? context.shape(2) : inference::unknown_dims(2);
  const std::int64_t units = c[1],
                     columns = units < 0 ? kUnknownDim : inference::checked_mul(units, 4);
  const std::int64_t rows =
      units < 0 || x[2] < 0 ? kUnknownDim : inference::checked_add(x[2], units);
  const Shape state = inference::merge_shape(Shape{x[1], units}, c, "cs_prev");
  inference::merge_shape(state, context.shape(3), "h_prev");
  inference::merge_shape(Shape{rows, columns}, context.shape(4), "w");
  for (int i = 5; i < 8; ++i) inference::merge_shape(Shape{units}, context.shape(i), "peephole");
  inference::merge_shape(Shape{columns}, context.shape(8), "b");
  return Types(7, {dtype, Shape{x[0], state[0], units}});
}

Types isotonic_regression(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 1);
  const DType to = call.attributes.dtype("dtype");
  inference::expect_type(is_floating(to), "output_dtype", "a floating type", to);
  inference::expect_type(inference::is_numeric(context.dtype(0)) && !is_complex(context.dtype(0)),
                         "input", "a real type", context.dtype(0));
  inference::expect_rank(context.shape(0), 2, "input");
  const Shape shape = context.shape(0).has_rank() ? context.shape(0) : inference::unknown_dims(2);
  return {{to, shape}, {DType::int32, shape}};
}

Types nearest_neighbors(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 3);
  const DType dtype = context.dtype(0);
  inference::expect_type(is_floating(dtype), "points", "a floating type", dtype);
  inference::expect_same_type(dtype, "centers", context.dtype(1));
  inference::expect_index_type("k", context.dtype(2));
  inference::expect_rank(context.shape(0), 2, "points");
  inference::expect_rank(context.shape(1), 2, "centers");
  inference::expect_scalar(context, 2, "k");
  const std::int64_t rows = context.shape(0).has_rank() ? context.shape(0)[0] : kUnknownDim;
  return {{DType::int64, Shape{rows, kUnknownDim}}, {dtype, Shape{rows, kUnknownDim}}};
}

Types scatter_div(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 3);
  expect_numeric(context, 0, "tensor");
  inference::expect_index_type("indices", context.dtype(1));
  inference::expect_same_type(context.dtype(0), "updates", context.dtype(2));
  return {context.type(0)};
}

Types scatter_strings(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 3);
  inference::expect_type(is_integer(context.dtype(0)), "indices", "an integer type",
                         context.dtype(0));
  inference::expect_same_type(DType::string, "updates", context.dtype(1));
  inference::expect_index_type("shape", context.dtype(2));
  if (const auto dims = inference::ints_operand(context, 2, "shape")) {
    for (const std::int64_t dim : *dims) {
      if (dim < 0) inference::invalid("shape: a dimension of {}", dim);
    }
    return {{DType::string, Shape(*dims)}};
  }
  const std::int64_t rank = inference::ints_length(context, 2);
  return {{DType::string, rank < 0 ? Shape::unknown_rank() : inference::unknown_dims(rank)}};
}

}  // namespace

std::span<const HostFunction> segment() {
  static constexpr HostFunction kFunctions[] = {
      {"block_lstm", block_lstm},
      {"dynamic_partition", dynamic_partition},
      {"dynamic_stitch", dynamic_stitch},
      {"histogram", histogram},
      {"in_top_k", in_top_k},
      {"invert_permutation", invert_permutation},
      {"isotonic_regression", isotonic_regression},
      {"list_difference", list_difference},
      {"nearest_neighbors", nearest_neighbors},
      {"nth_element", nth_element},
      {"ragged_bincount", bincount},
      {"scatter_div", scatter_div},
      {"scatter_strings", scatter_strings},
      {"search_sorted", search_sorted},
      {"segment_reduce", segment_reduce},
      {"set_operation", set_operation},
      {"set_size", set_size},
      {"sparse_bincount", bincount},
      {"sparse_segment_reduce", sparse_segment_reduce},
      {"unique", unique},
      {"unsorted_segment_reduce", unsorted_segment_reduce},
  };
  return kFunctions;
}

}  // namespace thaw::host_types
