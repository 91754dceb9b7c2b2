// tf.io.parse_sequence_example: features of whole sequences, and features of each of their steps.
#include <algorithm>

#include "kernels/host/example.h"
#include "kernels/host/example_columns.h"

namespace thaw::host {
namespace {

using Steps = std::vector<std::vector<Feature>>;  // [example][step]

/// The lists called `key`; `required`: an example without it is an error.
Steps steps_of(const std::vector<SequenceFeatures>& sequences, const std::string& key,
               const std::vector<Place>& places, bool required) {
  Steps steps(sequences.size());
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    const auto found = sequences[i].lists.find(key);
    if (found != sequences[i].lists.end()) {
      steps[i] = found->second;
    } else if (required) {
      invalid("example '{}' ({}): feature list '{}' is required but could not be found",
              printable(places[i].name), places[i].index, printable(key));
    }
  }
  return steps;
}

template <class T>
void read_step(const Feature& feature, const std::string& key, const Place& place,
               std::vector<T>& values) {
  if (feature.dtype() == DType::invalid) return;
  if (feature.dtype() != Tensor::dtype_of<T>()) {
    invalid("example '{}' ({}): feature list '{}' is {}, expected {}", printable(place.name),
            place.index, printable(key), name_of(feature.dtype()), name_of(Tensor::dtype_of<T>()));
  }
  feature.read(values);
}

std::int64_t longest(const Steps& steps) {
  std::size_t most = 0;
  for (const auto& list : steps) most = std::max(most, list.size());
  return static_cast<std::int64_t>(most);
}

struct DenseSteps {
  Tensor values, lengths;
};

/// [examples, most steps, shape...], filled up with zeros, and the steps of each example.
DenseSteps dense_steps(const std::string& key, DType dtype, const Shape& shape, const Steps& steps,
                       const std::vector<Place>& places) {
  const std::int64_t rows = longest(steps), count = product(shape, 0, shape.rank());
  std::vector<std::int64_t> dims = shape.dims(), lengths;
  dims.insert(dims.begin(), {static_cast<std::int64_t>(steps.size()), rows});
  DenseSteps result;
  result.values = allocate(dtype, dims);
  for_feature_type(dtype, [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    std::vector<T> values;
    for (std::size_t i = 0; i < steps.size(); ++i) {
      T* to = mutable_elements<T>(result.values) + static_cast<std::int64_t>(i) * rows * count;
      for (const Feature& feature : steps[i]) {
        values.clear();
        read_step(feature, key, places[i], values);
        if (static_cast<std::int64_t>(values.size()) != count) {
          invalid("example '{}' ({}): a step of feature list '{}' has {} values, expected shape {}",
                  printable(places[i].name), places[i].index, printable(key), values.size(),
                  shape.to_string());
        }
        to = std::move(values.begin(), values.end(), to);
      }
      lengths.push_back(static_cast<std::int64_t>(steps[i].size()));
    }
  });
  result.lengths =
      integer_tensor(DType::int64, {static_cast<std::int64_t>(lengths.size())}, lengths);
  return result;
}

/// All values in a row; `ends` counts them after each step.
template <class T>
Tensor all_values(const std::string& key, const Steps& steps, const std::vector<Place>& places,
                  std::vector<std::int64_t>& ends) {
  std::vector<T> values;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    for (const Feature& feature : steps[i]) {
      read_step(feature, key, places[i], values);
      ends.push_back(static_cast<std::int64_t>(values.size()));
    }
  }
  return vector_tensor(values);
}

/// indices [n, 3] of example, step and value.
SparseTensors sparse_steps(const ListColumn& column, const Steps& steps,
                           const std::vector<Place>& places) {
  SparseTensors result;
  std::vector<std::int64_t> ends, rows;
  result.values = for_feature_type(column.dtype, [&](auto tag) {
    return all_values<TypeOf<decltype(tag)>>(column.key, steps, places, ends);
  });
  std::int64_t most = 0, begin = 0;
  std::size_t next = 0;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    for (std::size_t t = 0; t < steps[i].size(); ++t) {
      const std::int64_t end = ends[next++];
      most = std::max(most, end - begin);
      for (std::int64_t k = 0; k < end - begin; ++k) {
        rows.insert(rows.end(), {static_cast<std::int64_t>(i), static_cast<std::int64_t>(t), k});
      }
      begin = end;
    }
  }
  result.indices = integer_tensor(DType::int64, {result.values.num_elements(), 3}, rows);
  result.shape = integer_tensor(DType::int64, {3},
                                {static_cast<std::int64_t>(steps.size()), longest(steps), most});
  return result;
}

struct RaggedSteps {
  Tensor values, outer, inner;
};

RaggedSteps ragged_steps(const ListColumn& column, const Steps& steps,
                         const std::vector<Place>& places) {
  RaggedSteps result;
  std::vector<std::int64_t> inner{0}, outer{0};
  result.values = for_feature_type(column.dtype, [&](auto tag) {
    return all_values<TypeOf<decltype(tag)>>(column.key, steps, places, inner);
  });
  for (const auto& list : steps) {
    outer.push_back(outer.back() + static_cast<std::int64_t>(list.size()));
  }
  if (column.splits == DType::int32 && std::max(inner.back(), outer.back()) > INT32_MAX) {
    invalid("feature list '{}' is too long for int32 splits", printable(column.key));
  }
  result.outer = integer_tensor(column.splits, {static_cast<std::int64_t>(outer.size())}, outer);
  result.inner = integer_tensor(column.splits, {static_cast<std::int64_t>(inner.size())}, inner);
  return result;
}

/// Results that come as one list per kind.
class Lists {
 public:
  template <class... Tensors>
  void add(std::size_t first, Tensors... tensors) {
    std::size_t at = first;
    ((reserve(at), lists_[at++].push_back(std::move(tensors))), ...);
  }
  std::vector<Tensor> flat() const {
    std::vector<Tensor> all;
    for (const auto& list : lists_) all.insert(all.end(), list.begin(), list.end());
    return all;
  }

 private:
  void reserve(std::size_t at) {
    if (lists_.size() <= at) lists_.resize(at + 1);
  }
  std::vector<std::vector<Tensor>> lists_;
};

void add_context(const HostArgs& args, const Examples& contexts, const std::vector<Place>& places,
                 Lists& lists) {
  const Attributes& attributes = args.call.attributes;
  for (const ListColumn& column :
       list_columns(attributes, "sparse_keys", "sparse_types", nullptr)) {
    SparseTensors sparse = sparse_column(column, contexts, places, true);
    lists.add(0, sparse.indices, sparse.values, sparse.shape);
  }
  for (const DenseColumn& column : dense_columns(args, 2)) {
    lists.add(3, dense_column(column, contexts, places, true));
  }
  for (const ListColumn& column :
       list_columns(attributes, "ragged_keys", "ragged_types", "split_types")) {
    RaggedTensors ragged = ragged_column(column, contexts, places, true);
    lists.add(4, ragged.values, ragged.splits);
  }
}

}  // namespace

// (serialized [n], names, context defaults...) -> the context as parse_example gives it, then
// (sparse indices..., values..., shapes..., dense..., dense lengths..., ragged values..., outer
// splits..., inner splits...) of the lists.
std::vector<Tensor> parse_sequence_example(const HostArgs& args) {
  const Attributes& attributes = args.call.attributes;
  std::vector<SequenceFeatures> sequences;
  Examples contexts;
  const std::vector<Place> places = places_of(args.in[0], args.in[1]);
  for (std::int64_t i = 0; i < args.in[0].num_elements(); ++i) {
    sequences.push_back(read_sequence_example(args.in[0].data<std::string>()[i]));
    contexts.push_back(sequences.back().context);
  }
  Lists lists;
  add_context(args, contexts, places, lists);
  for (const ListColumn& column :
       list_columns(attributes, "list_sparse_keys", "list_sparse_types", nullptr)) {
    SparseTensors sparse =
        sparse_steps(column, steps_of(sequences, column.key, places, false), places);
    lists.add(6, sparse.indices, sparse.values, sparse.shape);
  }
  const std::vector<Shape> shapes = unpack_shapes(attributes.ints("list_dense_shapes"));
  const std::vector<std::int64_t>& optional = attributes.ints("list_dense_optional");
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    const std::string& key = attributes.texts("list_dense_keys")[i];
    const Steps steps = steps_of(sequences, key, places, optional[i] == 0);
    DenseSteps dense =
        dense_steps(key, attributes.dtypes("list_dense_types")[i], shapes[i], steps, places);
    lists.add(9, dense.values, dense.lengths);
  }
  for (const ListColumn& column :
       list_columns(attributes, "list_ragged_keys", "list_ragged_types", "list_split_types")) {
    RaggedSteps ragged =
        ragged_steps(column, steps_of(sequences, column.key, places, false), places);
    lists.add(11, ragged.values, ragged.outer, ragged.inner);
  }
  return lists.flat();
}

}  // namespace thaw::host
