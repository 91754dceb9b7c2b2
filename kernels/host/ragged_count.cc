// Counting values per row into a sparse result, of dense, sparse and ragged values.
#include <algorithm>
#include <map>

#include "kernels/host/ragged.h"

namespace thaw::host {
namespace {

// The values of one row, and where their weights stand.
using RowOf = std::vector<std::int64_t>;  // row of every value

RowOf rows_of_splits(const Tensor& splits, std::int64_t count) {
  check_splits(splits, count);
  RowOf rows(static_cast<std::size_t>(count));
  for (std::int64_t row = 0; row + 1 < splits.num_elements(); ++row) {
    for (std::int64_t i = index_at(splits, row); i < index_at(splits, row + 1); ++i) {
      rows[static_cast<std::size_t>(i)] = row;
    }
  }
  return rows;
}

RowOf rows_of_indices(const Tensor& indices, const Tensor& shape, std::int64_t count) {
  RowOf rows(static_cast<std::size_t>(count), 0);
  if (indices.shape().rank() != 2 || indices.shape()[0] != count ||
      indices.shape()[1] != shape.num_elements()) {
    fail(ErrorCode::invalid_argument, "indices {} for {} values of rank {}",
         indices.shape().to_string(), count, shape.num_elements());
  }
  if (shape.num_elements() == 0) fail(ErrorCode::invalid_argument, "The shape argument is empty");
  if (shape.num_elements() == 1) return rows;
  const std::int64_t batch = index_at(shape, 0);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t row = index_at(indices, i * indices.shape()[1]);
    if (row < 0 || row >= batch) {
      fail(ErrorCode::invalid_argument, "Index {} is outside the first dimension {}", row, batch);
    }
    rows[static_cast<std::size_t>(i)] = row;
  }
  return rows;
}

void check_weights(const Tensor& weights, const Tensor& values) {
  if (weights.num_elements() == 0 || weights.shape() == values.shape()) return;
  fail(ErrorCode::invalid_argument,
       "Weights and values must have the same shape. Weight shape: {}; values shape: {}",
       weights.shape().to_string(), values.shape().to_string());
}

template <class T>
Results counts(const HostArgs& args, const Tensor& values, const Tensor& weights,
               const RowOf& row_of, std::int64_t rows, bool matrix) {
  const Attributes& attributes = args.call.attributes;
  const std::int64_t least = attributes.integer("minlength"),
                     most = attributes.integer("maxlength");
  const bool binary = attributes.flag("binary_output");
  std::map<std::pair<std::int64_t, std::int64_t>, T> found;  // (row, value), in order
  std::int64_t largest = -1;
  for (std::int64_t i = 0; i < values.num_elements(); ++i) {
    const std::int64_t value = index_at(values, i);
    if (value < 0) fail(ErrorCode::invalid_argument, "Input values must all be non-negative");
    if (most >= 0 && value >= most) continue;
    T& count = found[{row_of[static_cast<std::size_t>(i)], value}];
    largest = std::max(largest, value);
    if (binary) {
      count = T{1};
    } else {
      count = static_cast<T>(count + (weights.num_elements() == 0 ? T{1} : weights.data<T>()[i]));
    }
  }
  const auto n = static_cast<std::int64_t>(found.size());
  Tensor indices(DType::int64, Shape{n, matrix ? 2 : 1}), out(Tensor::dtype_of<T>(), Shape{n});
  auto* index = indices.mutable_data<std::int64_t>();
  T* to = out.mutable_data<T>();
  for (const auto& [key, count] : found) {
    if (matrix) *index++ = key.first;
    *index++ = key.second;
    *to++ = count;
  }
  const std::int64_t width = most >= 0 ? most : std::max(least, largest + 1);
  const std::vector<std::int64_t> shape =
      matrix ? std::vector<std::int64_t>{rows, width} : std::vector<std::int64_t>{width};
  return {indices, out, Tensor::from(Shape{static_cast<std::int64_t>(shape.size())}, shape)};
}

Results count(const HostArgs& args, const Tensor& values, const Tensor& weights,
              const RowOf& row_of, std::int64_t rows, bool matrix) {
  check_weights(weights, values);
  switch (weights.dtype()) {
    case DType::int32: return counts<std::int32_t>(args, values, weights, row_of, rows, matrix);
    case DType::int64: return counts<std::int64_t>(args, values, weights, row_of, rows, matrix);
    case DType::float32: return counts<float>(args, values, weights, row_of, rows, matrix);
    case DType::float64: return counts<double>(args, values, weights, row_of, rows, matrix);
    default: fail(ErrorCode::unimplemented, "weights of {}", name_of(weights.dtype()));
  }
}

}  // namespace

// (values, weights) -> (indices, counts, dense shape)
Results dense_count(const HostArgs& args) {
  const Tensor& values = args.in[0];
  const bool matrix = values.shape().rank() == 2;
  const std::int64_t rows = matrix ? values.shape()[0] : 1;
  RowOf row_of(static_cast<std::size_t>(values.num_elements()), 0);
  for (std::size_t i = 0; matrix && i < row_of.size(); ++i) {
    row_of[i] = static_cast<std::int64_t>(i) / values.shape()[1];
  }
  return count(args, values, args.in[1], row_of, rows, matrix);
}

// (indices, values, dense shape, weights) -> (indices, counts, dense shape)
Results sparse_count(const HostArgs& args) {
  const Tensor& shape = args.in[2];
  const RowOf rows = rows_of_indices(args.in[0], shape, args.in[1].num_elements());
  const bool matrix = shape.num_elements() > 1;
  return count(args, args.in[1], args.in[3], rows, matrix ? index_at(shape, 0) : 1, matrix);
}

// (splits, values, weights) -> (indices, counts, dense shape)
Results ragged_count(const HostArgs& args) {
  const RowOf rows = rows_of_splits(args.in[0], args.in[1].num_elements());
  return count(args, args.in[1], args.in[2], rows,
               std::max<std::int64_t>(0, args.in[0].num_elements() - 1), true);
}

}  // namespace thaw::host
