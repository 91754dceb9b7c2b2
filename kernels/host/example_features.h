// What a parser of examples is asked for, and how features become tensors.
#pragma once

#include <string>
#include <vector>

#include "kernels/host/by_type.h"
#include "kernels/host/example_message.h"

namespace thaw::host {

/// A feature with a number of elements that its shape gives; of an unknown first dimension: as many
/// rows as there are, filled up to the longest.
struct DenseColumn {
  std::string key;
  Shape shape;
  Tensor fallback;  // without elements: the feature is required
  bool variable() const { return shape.rank() > 0 && shape[0] == kUnknownDim; }
  /// Elements of the whole or, of a variable one, of a row.
  std::int64_t elements() const { return product(shape, variable() ? 1 : 0, shape.rank()); }
};

/// A feature with any number of elements.
struct ListColumn {
  std::string key;
  DType dtype = DType::invalid, splits = DType::int64;
};

/// The example that messages name.
struct Place {
  std::string name;
  std::int64_t index = 0;
};

/// Calls make(Tag<T>{}) for the three element types of features.
template <class Make>
auto for_feature_type(DType dtype, const Make& make) {
  switch (dtype) {
    case DType::float32: return make(Tag<float>{});
    case DType::int64: return make(Tag<std::int64_t>{});
    case DType::string: return make(Tag<std::string>{});
    default: wrong_type(dtype);
  }
}

/// The elements of the feature `key`; null if the example has none. Throws Error when it has
/// another type.
template <class T>
bool read_feature(const Features& features, const std::string& key, const Place& place,
                  std::vector<T>& values) {
  const auto found = features.find(key);
  if (found == features.end() || found->second.dtype() == DType::invalid) return false;
  if (found->second.dtype() != Tensor::dtype_of<T>()) {
    invalid("example '{}' ({}): feature '{}' is {}, expected {}", printable(place.name),
            place.index, printable(key), name_of(found->second.dtype()),
            name_of(Tensor::dtype_of<T>()));
  }
  found->second.read(values);
  return true;
}

using Examples = std::vector<Features>;

/// [n, shape...], or of one example alone shape.
Tensor dense_column(const DenseColumn& column, const Examples& examples,
                    const std::vector<Place>& places, bool batched);

/// indices [m, 2], values [m] and shape [2]; of one example alone without the example's number.
struct SparseTensors {
  Tensor indices, values, shape;
};
SparseTensors sparse_column(const ListColumn& column, const Examples& examples,
                            const std::vector<Place>& places, bool batched);

/// values [m] and row splits [n + 1]; of one example alone no splits.
struct RaggedTensors {
  Tensor values, splits;
};
RaggedTensors ragged_column(const ListColumn& column, const Examples& examples,
                            const std::vector<Place>& places, bool batched);

/// A vector of these elements.
template <class T>
Tensor vector_tensor(const std::vector<T>& values) {
  Tensor tensor = allocate(Tensor::dtype_of<T>(), {static_cast<std::int64_t>(values.size())});
  for (std::size_t i = 0; i < values.size(); ++i) mutable_elements<T>(tensor)[i] = values[i];
  return tensor;
}

}  // namespace thaw::host
