// Serialized examples and records.
#include "runtime/ir/host/families.h"

namespace thaw::host_types {
namespace {

using inference::Context;
using inference::Ints;
using inference::Types;

void expect_strings(const Context& context, int i, std::string_view what) {
  inference::expect_same_type(DType::string, what, context.dtype(i));
}

/// The shapes that `dims` lists as rank, dimensions, rank, ...
std::vector<Shape> unpack_shapes(const Ints& dims) {
  std::vector<Shape> shapes;
  for (std::size_t i = 0; i < dims.size();) {
    const std::int64_t rank = dims[i++];
    if (rank < 0 || rank > static_cast<std::int64_t>(dims.size() - i)) {
      inference::invalid("dense_shapes: a shape of {} dimensions", rank);
    }
    const auto begin = dims.begin() + static_cast<std::ptrdiff_t>(i);
    shapes.emplace_back(Ints(begin, begin + rank));
    for (std::int64_t axis = 0; axis < rank; ++axis) {
      if (begin[axis] < (axis == 0 ? kUnknownDim : 0)) {
        inference::invalid("dense_shapes: axis {} is {}", axis, begin[axis]);
      }
    }
    i += static_cast<std::size_t>(rank);
  }
  return shapes;
}

void expect_feature_type(DType dtype) {
  const bool known = dtype == DType::float32 || dtype == DType::int64 || dtype == DType::string;
  inference::expect_type(known, "feature", "float32, int64 or string", dtype);
}

/// Sizes of the lists that describe the features must fit each other.
void expect_size(std::size_t found, std::size_t expected, std::string_view what) {
  if (found != expected) inference::invalid("{}: expected {}, found {}", what, expected, found);
}

void append_sparse(const Attributes& attributes, const Shape& batch, Types& types) {
  const auto& dtypes = attributes.dtypes("sparse_types");
  expect_size(dtypes.size(), attributes.texts("sparse_keys").size(), "sparse_types");
  const std::int64_t rank = batch.has_rank() ? batch.rank() + 1 : kUnknownDim;
  types.insert(types.end(), dtypes.size(), {DType::int64, Shape{kUnknownDim, rank}});
  for (const DType dtype : dtypes) {
    expect_feature_type(dtype);
    types.push_back({dtype, Shape{kUnknownDim}});
  }
  types.insert(types.end(), dtypes.size(), {DType::int64, Shape{rank}});
}

void append_dense(const Attributes& attributes, const Context& context, const Shape& batch,
                  Types& types) {
  const std::vector<Shape> shapes = unpack_shapes(attributes.ints("dense_shapes"));
  expect_size(shapes.size(), attributes.texts("dense_keys").size(), "dense_shapes");
  expect_size(static_cast<std::size_t>(context.count() - 2), shapes.size(), "dense_defaults");
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    const DType dtype = context.dtype(static_cast<int>(i) + 2);
    expect_feature_type(dtype);
    Shape shape = Shape::unknown_rank();
    if (batch.has_rank()) {
      Ints dims = shapes[i].dims();
      dims.insert(dims.begin(), batch.dims().begin(), batch.dims().end());
      shape = Shape(std::move(dims));
    }
    types.push_back({dtype, shape});
  }
}

void append_ragged(const Attributes& attributes, const Shape& batch, Types& types) {
  const auto& dtypes = attributes.dtypes("ragged_types");
  const auto& splits = attributes.dtypes("split_types");
  expect_size(dtypes.size(), attributes.texts("ragged_keys").size(), "ragged_value_types");
  expect_size(splits.size(), dtypes.size(), "ragged_split_types");
  for (const DType dtype : dtypes) {
    expect_feature_type(dtype);
    types.push_back({dtype, Shape{kUnknownDim}});
  }
  for (const DType dtype : splits) {
    inference::expect_index_type("ragged_split_types", dtype);
    std::int64_t size = kUnknownDim;
    if (batch.has_rank() && batch.rank() == 0) size = 0;
    if (batch.has_rank() && batch.rank() == 1 && batch[0] >= 0) {
      size = inference::checked_add(batch[0], 1);
    }
    types.push_back({dtype, Shape{size}});
  }
}

Types parse_example(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 2, INT32_MAX);
  expect_strings(context, 0, "serialized");
  expect_strings(context, 1, "names");
  const Shape& batch = context.shape(0);
  if (batch.has_rank() && batch.rank() > 1) {
    inference::invalid("serialized: expected a scalar or a vector, found {}", batch.to_string());
  }
  Types types;
  append_sparse(call.attributes, batch, types);
  append_dense(call.attributes, context, batch, types);
  append_ragged(call.attributes, batch, types);
  return types;
}

/// The results of the feature lists, after those of the context.
void append_lists(const Attributes& attributes, std::int64_t batch, Types& types) {
  const auto& sparse = attributes.dtypes("list_sparse_types");
  expect_size(attributes.texts("list_sparse_keys").size(), sparse.size(), "feature_list_sparse");
  types.insert(types.end(), sparse.size(), {DType::int64, Shape{kUnknownDim, 3}});
  for (const DType dtype : sparse) {
    expect_feature_type(dtype);
    types.push_back({dtype, Shape{kUnknownDim}});
  }
  types.insert(types.end(), sparse.size(), {DType::int64, Shape{3}});
  const auto& dense = attributes.dtypes("list_dense_types");
  const std::vector<Shape> shapes = unpack_shapes(attributes.ints("list_dense_shapes"));
  expect_size(shapes.size(), dense.size(), "feature_list_dense_shapes");
  expect_size(attributes.texts("list_dense_keys").size(), dense.size(), "feature_list_dense");
  expect_size(attributes.ints("list_dense_optional").size(), dense.size(), "feature_list_dense");
  for (std::size_t i = 0; i < dense.size(); ++i) {
    expect_feature_type(dense[i]);
    if (!shapes[i].is_static()) inference::invalid("feature_list_dense_shapes: unknown sizes");
    Ints dims = shapes[i].dims();
    dims.insert(dims.begin(), {batch, kUnknownDim});
    types.push_back({dense[i], Shape(std::move(dims))});
  }
  types.insert(types.end(), dense.size(), {DType::int64, Shape{batch}});
  const auto& ragged = attributes.dtypes("list_ragged_types");
  const auto& splits = attributes.dtypes("list_split_types");
  expect_size(attributes.texts("list_ragged_keys").size(), ragged.size(), "feature_list_ragged");
  expect_size(splits.size(), ragged.size(), "feature_list_ragged_split_types");
  for (const DType dtype : ragged) {
    expect_feature_type(dtype);
    types.push_back({dtype, Shape{kUnknownDim}});
  }
  for (const std::int64_t size : {batch < 0 ? batch : batch + 1, kUnknownDim}) {
    for (const DType dtype : splits) {
      inference::expect_index_type("feature_list_ragged_split_types", dtype);
      types.push_back({dtype, Shape{size}});
    }
  }
}

Types parse_sequence_example(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 2, INT32_MAX);
  expect_strings(context, 0, "serialized");
  expect_strings(context, 1, "debug_name");
  inference::expect_rank(context.shape(0), 1, "serialized");
  const Shape batch = context.shape(0).has_rank() ? context.shape(0) : inference::unknown_dims(1);
  Types types;
  append_sparse(call.attributes, batch, types);
  append_dense(call.attributes, context, batch, types);
  append_ragged(call.attributes, batch, types);
  append_lists(call.attributes, batch[0], types);
  return types;
}

/// The shape of strings with one axis more.
Shape with_axis(const Shape& shape, std::int64_t size) {
  if (!shape.has_rank()) return shape;
  Ints dims = shape.dims();
  dims.push_back(size);
  return Shape(std::move(dims));
}

void expect_raw_type(DType dtype) {
  const bool plain = inference::is_numeric(dtype) || dtype == DType::boolean;
  inference::expect_type(plain, "out_type", "a number or bool", dtype);
}

Types decode_raw(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 1);
  expect_strings(context, 0, "bytes");
  const DType dtype = call.attributes.dtype("dtype");
  expect_raw_type(dtype);
  return {{dtype, with_axis(context.shape(0), kUnknownDim)}};
}

Types decode_padded_raw(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 2);
  expect_strings(context, 0, "input_bytes");
  const DType dtype = call.attributes.dtype("dtype");
  expect_raw_type(dtype);
  const auto length = inference::int_operand(context, 1, "fixed_length");
  const auto size = static_cast<std::int64_t>(size_of(dtype));
  if (length && (*length <= 0 || *length % size != 0)) {
    inference::invalid("fixed_length: expected a positive multiple of {}, found {}", size, *length);
  }
  return {{dtype, with_axis(context.shape(0), length ? *length / size : kUnknownDim)}};
}

Types decode_compressed(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 1);
  expect_strings(context, 0, "bytes");
  const std::string& kind = call.attributes.text("compression_type");
  if (!kind.empty() && kind != "ZLIB" && kind != "GZIP") {
    inference::invalid("compression_type: expected ZLIB or GZIP, found '{}'", printable(kind));
  }
  return {context.type(0)};
}

Types decode_csv(const ops::HostCall& call, const Context& context) {
  const auto& dtypes = call.attributes.dtypes("types");
  inference::expect_operands(context, static_cast<int>(dtypes.size()) + 1);
  expect_strings(context, 0, "records");
  if (call.attributes.text("delimiter").size() != 1) {
    inference::invalid("field_delim: expected one byte");
  }
  Types types;
  for (std::size_t i = 0; i < dtypes.size(); ++i) {
    const DType dtype = dtypes[i];
    const bool known = dtype == DType::float32 || dtype == DType::float64 ||
                       dtype == DType::int32 || dtype == DType::int64 || dtype == DType::string;
    inference::expect_type(known, "OUT_TYPE", "a number or string", dtype);
    inference::expect_same_type(dtype, "record_defaults", context.dtype(static_cast<int>(i) + 1));
    types.push_back({dtype, context.shape(0)});
  }
  const Ints& columns = call.attributes.ints("select_cols");
  if (!columns.empty() && columns.size() != dtypes.size()) {
    inference::invalid("select_cols: {} columns for {} types", columns.size(), dtypes.size());
  }
  for (std::size_t i = 1; i < columns.size(); ++i) {
    if (columns[i] <= columns[i - 1]) inference::invalid("select_cols: expected rising numbers");
  }
  return types;
}

// (serialized) -> (tensor): of any shape
Types parse_tensor(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 1);
  expect_strings(context, 0, "serialized");
  const DType dtype = call.attributes.dtype("dtype");
  inference::expect_type(inference::is_tensor(dtype), "out_type", "a tensor", dtype);
  return {{dtype, Shape::unknown_rank()}};
}

Types serialize_tensor(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 1);
  inference::expect_type(inference::is_tensor(context.dtype(0)), "tensor", "a tensor",
                         context.dtype(0));
  return {{DType::string, Shape{}}};
}

}  // namespace

std::span<const HostFunction> example() {
  static constexpr HostFunction kFunctions[] = {
      {"decode_compressed", decode_compressed, true, true},
      {"decode_csv", decode_csv, true, true},
      {"decode_padded_raw", decode_padded_raw, true, true},
      {"decode_raw", decode_raw, true, true},
      {"parse_example", parse_example, true, true},
      {"parse_sequence_example", parse_sequence_example, true, true},
      {"parse_tensor", parse_tensor, true, true},
      {"serialize_tensor", serialize_tensor, true, true},
  };
  return kFunctions;
}

}  // namespace thaw::host_types
