#include "kernels/host/example_features.h"

#include <algorithm>

namespace thaw::host {
namespace {

[[noreturn]] void missing(const std::string& key, const Place& place) {
  invalid("example '{}' ({}): feature '{}' is required but could not be found",
          printable(place.name), place.index, printable(key));
}

[[noreturn]] void wrong_count(const std::string& key, const Place& place, std::size_t found,
                              const Shape& shape) {
  invalid("example '{}' ({}): feature '{}' has {} values, expected shape {}", printable(place.name),
          place.index, printable(key), found, shape.to_string());
}

/// The result's dimensions with `rows` in place of an unknown first one.
std::vector<std::int64_t> result_dims(const DenseColumn& column, std::int64_t examples,
                                      std::int64_t rows, bool batched) {
  std::vector<std::int64_t> dims = column.shape.dims();
  if (column.variable()) dims[0] = rows;
  if (batched) dims.insert(dims.begin(), examples);
  return dims;
}

template <class T>
Tensor fixed_column(const DenseColumn& column, const Examples& examples,
                    const std::vector<Place>& places, bool batched) {
  const std::int64_t count = column.elements();
  Tensor result =
      allocate(Tensor::dtype_of<T>(),
               result_dims(column, static_cast<std::int64_t>(examples.size()), 0, batched));
  T* to = mutable_elements<T>(result);
  std::vector<T> values;
  for (std::size_t i = 0; i < examples.size(); ++i, to += count) {
    values.clear();
    if (read_feature(examples[i], column.key, places[i], values)) {
      if (static_cast<std::int64_t>(values.size()) != count) {
        wrong_count(column.key, places[i], values.size(), column.shape);
      }
      std::move(values.begin(), values.end(), to);
    } else {
      // An empty default means that there is none, unless the feature itself holds nothing.
      if (column.fallback.num_elements() != count || count == 0) missing(column.key, places[i]);
      std::copy_n(elements<T>(column.fallback), count, to);
    }
  }
  return result;
}

template <class T>
Tensor variable_column(const DenseColumn& column, const Examples& examples,
                       const std::vector<Place>& places, bool batched) {
  const std::int64_t stride = column.elements();
  std::vector<std::vector<T>> lists(examples.size());
  std::int64_t rows = 0;
  for (std::size_t i = 0; i < examples.size(); ++i) {
    read_feature(examples[i], column.key, places[i], lists[i]);
    const auto size = static_cast<std::int64_t>(lists[i].size());
    if (stride == 0 ? size != 0 : size % stride != 0) {
      wrong_count(column.key, places[i], lists[i].size(), column.shape);
    }
    rows = std::max(rows, stride == 0 ? 0 : size / stride);
  }
  if (column.fallback.num_elements() != 1) {
    invalid("feature '{}': expected one padding element, found {}", printable(column.key),
            column.fallback.num_elements());
  }
  Tensor result =
      allocate(Tensor::dtype_of<T>(),
               result_dims(column, static_cast<std::int64_t>(examples.size()), rows, batched));
  T* to = mutable_elements<T>(result);
  std::fill(to, to + result.num_elements(), elements<T>(column.fallback)[0]);
  for (std::vector<T>& list : lists) {
    std::move(list.begin(), list.end(), to);
    to += rows * stride;
  }
  return result;
}

/// All values in a row, and where those of each example end.
template <class T>
std::vector<T> gather_lists(const ListColumn& column, const Examples& examples,
                            const std::vector<Place>& places, std::vector<std::int64_t>& ends) {
  std::vector<T> values;
  for (std::size_t i = 0; i < examples.size(); ++i) {
    read_feature(examples[i], column.key, places[i], values);
    ends.push_back(static_cast<std::int64_t>(values.size()));
  }
  return values;
}

}  // namespace

Tensor dense_column(const DenseColumn& column, const Examples& examples,
                    const std::vector<Place>& places, bool batched) {
  return for_feature_type(column.fallback.dtype(), [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    return column.variable() ? variable_column<T>(column, examples, places, batched)
                             : fixed_column<T>(column, examples, places, batched);
  });
}

SparseTensors sparse_column(const ListColumn& column, const Examples& examples,
                            const std::vector<Place>& places, bool batched) {
  SparseTensors result;
  std::vector<std::int64_t> ends, rows;
  result.values = for_feature_type(column.dtype, [&](auto tag) {
    return vector_tensor(gather_lists<TypeOf<decltype(tag)>>(column, examples, places, ends));
  });
  std::int64_t longest = 0, begin = 0;
  for (std::size_t i = 0; i < ends.size(); ++i) {
    longest = std::max(longest, ends[i] - begin);
    for (std::int64_t k = 0; k < ends[i] - begin; ++k) {
      if (batched) rows.push_back(static_cast<std::int64_t>(i));
      rows.push_back(k);
    }
    begin = ends[i];
  }
  const std::int64_t count = result.values.num_elements(), rank = batched ? 2 : 1;
  result.indices = integer_tensor(DType::int64, {count, rank}, rows);
  std::vector<std::int64_t> shape{longest};
  if (batched) shape.insert(shape.begin(), static_cast<std::int64_t>(examples.size()));
  result.shape = integer_tensor(DType::int64, {rank}, shape);
  return result;
}

RaggedTensors ragged_column(const ListColumn& column, const Examples& examples,
                            const std::vector<Place>& places, bool batched) {
  RaggedTensors result;
  std::vector<std::int64_t> splits{0};
  result.values = for_feature_type(column.dtype, [&](auto tag) {
    return vector_tensor(gather_lists<TypeOf<decltype(tag)>>(column, examples, places, splits));
  });
  if (column.splits == DType::int32 && splits.back() > INT32_MAX) {
    invalid("feature '{}' has {} values, too many for int32 splits", printable(column.key),
            splits.back());
  }
  if (!batched) splits.clear();
  result.splits = integer_tensor(column.splits, {static_cast<std::int64_t>(splits.size())}, splits);
  return result;
}

}  // namespace thaw::host
