// tf.io.parse_example: serialized examples to columns.
#include "kernels/host/example.h"
#include "kernels/host/example_columns.h"

namespace thaw::host {

std::vector<Shape> unpack_shapes(const std::vector<std::int64_t>& dims) {
  std::vector<Shape> shapes;
  for (std::size_t i = 0; i < dims.size();) {
    const auto rank = static_cast<std::size_t>(dims[i++]);
    THAW_CHECK(rank <= dims.size() - i, "{} dimensions", rank);
    shapes.emplace_back(
        std::vector<std::int64_t>(dims.begin() + static_cast<std::ptrdiff_t>(i),
                                  dims.begin() + static_cast<std::ptrdiff_t>(i + rank)));
    i += rank;
  }
  return shapes;
}

std::vector<ListColumn> list_columns(const Attributes& attributes, const char* keys,
                                     const char* types, const char* splits) {
  std::vector<ListColumn> columns;
  for (std::size_t i = 0; i < attributes.texts(keys).size(); ++i) {
    ListColumn column{attributes.texts(keys)[i], attributes.dtypes(types)[i]};
    if (splits != nullptr) column.splits = attributes.dtypes(splits)[i];
    columns.push_back(std::move(column));
  }
  return columns;
}

std::vector<DenseColumn> dense_columns(const HostArgs& args, std::size_t first) {
  const std::vector<std::string>& keys = args.call.attributes.texts("dense_keys");
  const std::vector<Shape> shapes = unpack_shapes(args.call.attributes.ints("dense_shapes"));
  std::vector<DenseColumn> columns;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    columns.push_back({keys[i], shapes[i], args.in[first + i]});
  }
  return columns;
}

std::vector<Place> places_of(const Tensor& serialized, const Tensor& names) {
  if (names.num_elements() != 0 && names.num_elements() != serialized.num_elements()) {
    invalid("{} names for {} examples", names.num_elements(), serialized.num_elements());
  }
  std::vector<Place> places;
  for (std::int64_t i = 0; i < serialized.num_elements(); ++i) {
    places.push_back({names.num_elements() == 0 ? "" : names.data<std::string>()[i], i});
  }
  return places;
}

// (serialized [n] or scalar, names, defaults...) ->
// (sparse indices..., values..., shapes..., dense..., ragged values..., ragged splits...)
std::vector<Tensor> parse_example(const HostArgs& args) {
  const Attributes& attributes = args.call.attributes;
  const Tensor& serialized = args.in[0];
  const bool batched = serialized.shape().rank() == 1;
  const std::vector<Place> places = places_of(serialized, args.in[1]);
  Examples examples;
  for (std::int64_t i = 0; i < serialized.num_elements(); ++i) {
    examples.push_back(read_example(serialized.data<std::string>()[i]));
  }
  std::vector<Tensor> indices, values, shapes, rest, splits;
  for (const ListColumn& column :
       list_columns(attributes, "sparse_keys", "sparse_types", nullptr)) {
    SparseTensors sparse = sparse_column(column, examples, places, batched);
    indices.push_back(std::move(sparse.indices));
    values.push_back(std::move(sparse.values));
    shapes.push_back(std::move(sparse.shape));
  }
  for (const DenseColumn& column : dense_columns(args, 2)) {
    rest.push_back(dense_column(column, examples, places, batched));
  }
  for (const ListColumn& column :
       list_columns(attributes, "ragged_keys", "ragged_types", "split_types")) {
    RaggedTensors ragged = ragged_column(column, examples, places, batched);
    rest.push_back(std::move(ragged.values));
    splits.push_back(std::move(ragged.splits));
  }
  for (auto* part : {&values, &shapes, &rest, &splits}) {
    indices.insert(indices.end(), part->begin(), part->end());
  }
  return indices;
}

}  // namespace thaw::host
