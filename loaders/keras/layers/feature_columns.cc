// Feature columns of numbers and categories.
#include "loaders/keras/layers/feature_columns.h"

#include <limits>
#include <numeric>

#include "loaders/keras/layers/text.h"
#include "loaders/tensorflow_node.h"
#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

constexpr std::int64_t kMaxCategories = std::int64_t{1} << 26;
constexpr std::size_t kMaxCrossedKeys = 64;

Tensor int64_scalar(std::int64_t value) {
  return Tensor::from(Shape{}, std::vector<std::int64_t>{value});
}

}  // namespace

FeatureColumns::FeatureColumns(const Layer& layer, GraphBuilder& g) : layer_(layer), g_(g) {
  if (layer.args.empty() || layer.args[0].kind != Argument::Kind::dict)
    layer.bad("expected a dictionary of features");
  const Operand& features = layer.args[0];
  for (std::size_t i = 0; i < features.keys.size(); ++i) {
    if (features.items[i].kind != Argument::Kind::tensor)
      layer.bad(fmt::format("feature '{}' is no tensor", printable(features.keys[i])));
    features_[features.keys[i]] = features.items[i].tensor.value;
  }
}

FeatureColumn FeatureColumns::column(const Json& json) const {
  const Json* class_name = json.find("class_name");
  const Json* config = json.find("config");
  if (class_name == nullptr || !class_name->is_string() || config == nullptr ||
      !config->is_object()) {
    layer_.bad(fmt::format("expected a feature column, found {}", printable(json.dump())));
  }
  return {class_name->string(), config};
}

const Json& FeatureColumns::need(const FeatureColumn& column, const char* key) const {
  const Json* value = column.config->find(key);
  if (value == nullptr) layer_.bad(fmt::format("a {} has no {}", column.class_name, key));
  return *value;
}

std::string FeatureColumns::text(const FeatureColumn& column, const char* key) const {
  const Json& value = need(column, key);
  if (!value.is_string()) {
    layer_.bad(fmt::format("{} of a {} is {}, expected a string", key, column.class_name,
                           printable(value.dump())));
  }
  return value.string();
}

std::int64_t FeatureColumns::integer(const FeatureColumn& column, const char* key) const {
  const Json& value = need(column, key);
  if (!value.is_integer()) {
    layer_.bad(fmt::format("{} of a {} is {}, expected an integer", key, column.class_name,
                           printable(value.dump())));
  }
  return value.integer();
}

FeatureColumn FeatureColumns::inner(const FeatureColumn& outer, const char* key) const {
  return column(need(outer, key));
}

ValueId FeatureColumns::raw(const std::string& key) const {
  const auto found = features_.find(key);
  if (found == features_.end())
    layer_.bad(fmt::format("feature '{}' is not among the inputs", printable(key)));
  const Shape& shape = g_.shape(found->second);
  if (!shape.has_rank())
    layer_.unsupported(fmt::format("feature '{}' of unknown rank", printable(key)));
  if (shape.rank() == 0) layer_.bad(fmt::format("feature '{}' has no dimensions", printable(key)));
  return shape.rank() == 1 ? g_.expand_dims(found->second, -1) : found->second;
}

ValueId FeatureColumns::numeric(const FeatureColumn& column) const {
  if (column.class_name != "NumericColumn")
    layer_.bad(fmt::format("expected a NumericColumn, found a {}", printable(column.class_name)));
  if (const Json* normalizer = column.config->find("normalizer_fn");
      normalizer != nullptr && !normalizer->is_null()) {
    layer_.unsupported(
        fmt::format("numeric column '{}' has a normalizer_fn, a Python function, which is never "
                    "executed: export the model as a SavedModel",
                    printable(text(column, "key"))));
  }
  const ValueId x = raw(text(column, "key"));
  if (g_.dtype(x) == DType::string)
    layer_.bad(fmt::format("numeric column '{}' got strings", printable(text(column, "key"))));
  return g_.cast(x, DType::float32);
}

std::vector<double> FeatureColumns::boundaries(const FeatureColumn& column) const {
  const Json::Array* list = list_of(need(column, "boundaries"));
  if (list == nullptr) layer_.bad("boundaries must be a list");
  std::vector<double> numbers;
  for (const Json& item : *list) {
    if (!item.is_number()) layer_.bad("boundaries must be numbers");
    if (!numbers.empty() && !(numbers.back() < item.number()))
      layer_.bad("boundaries must be in ascending order");
    numbers.push_back(item.number());
  }
  return numbers;
}

ValueId FeatureColumns::bins(const FeatureColumn& column) const {
  const ValueId x = numeric(inner(column, "source_column"));
  return g_.cast(
      add_tensorflow_node(g_, "Bucketize", {x}, {{"boundaries", boundaries(column)}}).at(0),
      DType::int64);
}

// What TensorFlow leaves out when it makes a sparse tensor of a dense one: "" and -1.
Categories FeatureColumns::present_of(ValueId x) const {
  const DType dtype = g_.dtype(x);
  if (dtype != DType::string && !is_integer(dtype))
    layer_.bad(fmt::format("categories must be strings or integers, got {}", name_of(dtype)));
  if (dtype == DType::string) {
    const ValueId none = g_.constant(Tensor::from(Shape{}, std::vector<std::string>{""}));
    return {x, g_.binary(BinaryKind::not_equal, x, none), kNoValue};
  }
  x = g_.cast(x, DType::int64);
  return {x, g_.binary(BinaryKind::not_equal, x, g_.constant(int64_scalar(-1))), kNoValue};
}

void FeatureColumns::expect_type(const FeatureColumn& column, ValueId x) const {
  const std::string dtype = text(column, "dtype");
  if ((dtype == "string") != (g_.dtype(x) == DType::string)) {
    layer_.bad(fmt::format("column '{}' is of {}, got {}", printable(text(column, "key")),
                           printable(dtype), name_of(g_.dtype(x))));
  }
}

Categories FeatureColumns::hashed(const FeatureColumn& column) const {
  const ValueId x = raw(text(column, "key"));
  expect_type(column, x);
  Categories found = present_of(x);
  const ValueId texts = g_.dtype(x) == DType::string ? x : text_of_integers(found.ids, g_);
  const Attributes attributes{{"method", "farm"}, {"buckets", size_of(column)}};
  found.ids = g_.add1(ops::HostCall{"string_hash", attributes}, {texts});
  return found;
}

Categories FeatureColumns::vocabulary(const FeatureColumn& column) const {
  const ValueId x = raw(text(column, "key"));
  expect_type(column, x);
  Categories found = present_of(x);
  const bool texts = g_.dtype(x) == DType::string;
  const Json::Array* list = list_of(need(column, "vocabulary_list"));
  if (list == nullptr) layer_.bad("vocabulary_list must be a list");
  std::vector<std::string> words;
  std::vector<std::int64_t> numbers;
  for (const Json& item : *list) {
    if (texts ? !item.is_string() : !item.is_integer())
      layer_.bad(fmt::format("vocabulary_list holds {}", printable(item.dump())));
    if (texts) {
      words.push_back(item.string());
    } else {
      numbers.push_back(item.integer());
    }
  }
  const auto count = static_cast<std::int64_t>(list->size());
  std::vector<std::int64_t> indices(list->size());
  std::iota(indices.begin(), indices.end(), 0);
  const Shape shape{count};
  const ops::HostCall lookup{
      "lookup",
      {{"keys", texts ? Tensor::from(shape, words) : Tensor::from(shape, numbers)},
       {"values", Tensor::from(shape, indices)}}};
  const std::int64_t unknown = integer(column, "num_oov_buckets");
  const ValueId none = g_.constant(int64_scalar(-1));
  const ValueId queries = found.ids;
  if (unknown <= 0) {
    found.ids =
        g_.add1(lookup, {queries, g_.constant(int64_scalar(integer(column, "default_value")))});
    return found;
  }
  const ValueId known = g_.add1(lookup, {queries, none});
  const Attributes attributes{{"method", "farm"}, {"buckets", unknown}};
  const ValueId hash = g_.add1(ops::HostCall{"string_hash", attributes},
                               {texts ? queries : text_of_integers(queries, g_)});
  found.ids = g_.select(g_.binary(BinaryKind::equal, known, none),
                        g_.binary(BinaryKind::add, hash, g_.constant(int64_scalar(count))), known);
  return found;
}

Categories FeatureColumns::identity_of(const FeatureColumn& column) const {
  const ValueId x = raw(text(column, "key"));
  if (!is_integer(g_.dtype(x)))
    layer_.bad(fmt::format("column '{}' takes integers, got {}", printable(text(column, "key")),
                           name_of(g_.dtype(x))));
  Categories found = present_of(x);
  if (need(column, "default_value").is_null()) return found;
  const ValueId inside =
      g_.binary(BinaryKind::logical_and,
                g_.binary(BinaryKind::greater_equal, found.ids, g_.constant(int64_scalar(0))),
                g_.binary(BinaryKind::less, found.ids, g_.constant(int64_scalar(size_of(column)))));
  found.ids =
      g_.select(inside, found.ids, g_.constant(int64_scalar(integer(column, "default_value"))));
  return found;
}

// A weight of 0 leaves its category out.
Categories FeatureColumns::weighted(const FeatureColumn& column) const {
  Categories found = categories(inner(column, "categorical_column"));
  const ValueId x = raw(text(column, "weight_feature_key"));
  if (g_.dtype(x) == DType::string) layer_.bad("weights of categories must be numbers");
  found.weights = g_.cast(x, DType::float32);
  return found;
}

// All of a row's bins, each position with numbers of its own.
Categories FeatureColumns::bucketized(const FeatureColumn& column) const {
  const ValueId bin = bins(column);
  const Shape& shape = g_.shape(bin);
  if (shape.rank() != 2 || shape[1] == kUnknownDim)
    layer_.unsupported(fmt::format("a bucketized column of {}", shape.to_string()));
  const auto each = static_cast<std::int64_t>(boundaries(column).size()) + 1;
  std::vector<std::int64_t> offsets;
  for (std::int64_t i = 0; i < shape[1]; ++i) offsets.push_back(i * each);
  return {g_.binary(BinaryKind::add, bin, g_.ints(offsets)), kNoValue, kNoValue};
}

// The keys of a cross that are crosses themselves are replaced by their own keys.
void FeatureColumns::collect_keys(const FeatureColumn& cross, Parts& parts) const {
  const Json::Array* keys = list_of(need(cross, "keys"));
  if (keys == nullptr) layer_.bad("keys of a CrossedColumn must be a list");
  for (const Json& key : *keys) {
    if (parts.columns.size() + parts.raw.size() >= kMaxCrossedKeys)
      layer_.unsupported("a cross of more than 64 columns");
    if (key.is_string()) {  // taken as it is: nothing counts as missing
      const ValueId x = raw(key.string());
      if (g_.dtype(x) != DType::string && !is_integer(g_.dtype(x)))
        layer_.bad(fmt::format("feature '{}' of a cross must be strings or integers",
                               printable(key.string())));
      const bool texts = g_.dtype(x) == DType::string;
      parts.raw.push_back({texts ? x : g_.cast(x, DType::int64), kNoValue, kNoValue});
      continue;
    }
    const FeatureColumn part = column(key);
    if (part.class_name == "CrossedColumn") {
      collect_keys(part, parts);
      continue;
    }
    parts.columns.push_back(categories(part));
    if (parts.columns.back().weights != kNoValue) layer_.bad("a cross of a weighted column");
  }
}

// Every cell of a column with every cell of the others. TensorFlow hashes raw features, which are
// dense there, behind the columns.
Categories FeatureColumns::crossed(const FeatureColumn& column) const {
  Parts found;
  collect_keys(column, found);
  std::vector<Categories> parts = found.columns;
  parts.insert(parts.end(), found.raw.begin(), found.raw.end());
  if (parts.size() < 2) layer_.bad("a cross needs two columns");
  Categories all{kNoValue, kNoValue, kNoValue};
  std::vector<ValueId> cells;
  for (const Categories& part : parts) layer_.expect_rank(g_, part.ids, 2);
  bool single = true;
  for (const Categories& part : parts) single = single && g_.shape(part.ids)[1] == 1;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    ValueId ids = parts[i].ids, present = parts[i].present;
    // [B, n] -> [B, 1, ..., n, ..., 1], spread over the cells of the others.
    if (!single) {
      const auto spread = [&](ValueId x) {
        for (std::size_t j = 0; j < parts.size(); ++j) {
          if (j != i) x = g_.expand_dims(x, static_cast<std::int64_t>(j) + 1);
        }
        std::vector<ValueId> sizes;
        for (std::size_t j = 0; j <= parts.size(); ++j) {
          const ValueId shape = g_.add1(ops::ShapeQuery{ShapeQueryKind::shape, DType::int64},
                                        {parts[j == 0 ? 0 : j - 1].ids});
          sizes.push_back(g_.slice_axis(shape, 0, j == 0 ? 0 : 1, j == 0 ? 1 : 2));
        }
        const ValueId wide = g_.add1(ops::BroadcastTo{}, {x, g_.concat(sizes, 0)});
        return g_.reshape_like(wide, parts[0].ids, {GraphBuilder::dim_of(0), -1});
      };
      ids = spread(ids);
      if (present != kNoValue) present = spread(present);
    }
    cells.push_back(ids);
    if (present == kNoValue) continue;
    all.present = all.present == kNoValue
                      ? present
                      : g_.binary(BinaryKind::logical_and, all.present, present);
  }
  Attributes attributes{{"buckets", size_of(column)}};
  if (const Json& key = need(column, "hash_key"); !key.is_null())
    attributes.set("key", integer(column, "hash_key"));
  all.ids = g_.add1(ops::HostCall{"hash_cross", attributes}, cells);
  return all;
}

Categories FeatureColumns::categories(const FeatureColumn& column) const {
  const std::string& name = column.class_name;
  if (name == "HashedCategoricalColumn") return hashed(column);
  if (name == "VocabularyListCategoricalColumn") return vocabulary(column);
  if (name == "IdentityCategoricalColumn") return identity_of(column);
  if (name == "WeightedCategoricalColumn") return weighted(column);
  if (name == "BucketizedColumn") return bucketized(column);
  if (name == "CrossedColumn") return crossed(column);
  if (name == "VocabularyFileCategoricalColumn") {
    layer_.unsupported(
        fmt::format("column '{}' has its vocabulary in a file outside of the model ('{}'): give "
                    "the vocabulary as a list, or export the model as a SavedModel",
                    printable(text(column, "key")), printable(text(column, "vocabulary_file"))));
  }
  layer_.unsupported(fmt::format("feature column {}", printable(name)));
}

std::int64_t FeatureColumns::size_of(const FeatureColumn& column) const {
  const std::string& name = column.class_name;
  std::int64_t size = 0;
  if (name == "WeightedCategoricalColumn" || name == "SequenceCategoricalColumn") {
    size = size_of(inner(column, "categorical_column"));
  } else if (name == "IdentityCategoricalColumn") {
    size = integer(column, "number_buckets");
  } else if (name == "VocabularyListCategoricalColumn") {
    size = static_cast<std::int64_t>(need(column, "vocabulary_list").find("items") != nullptr
                                         ? need(column, "vocabulary_list").at("items").size()
                                         : need(column, "vocabulary_list").size());
    const std::int64_t unknown = integer(column, "num_oov_buckets");
    size += unknown > 0 && unknown <= kMaxCategories ? unknown : 0;
  } else if (name == "BucketizedColumn") {
    const FeatureColumn source = inner(column, "source_column");
    const Shape shape = shape_from_json(need(source, "shape"));
    if (shape.rank() != 1 || shape[0] < 1 || shape[0] > kMaxCategories)
      layer_.bad("a bucketized column of categories takes one dimension");
    size = (static_cast<std::int64_t>(boundaries(column).size()) + 1) * shape[0];
  } else {
    size = integer(column, "hash_bucket_size");
  }
  if (size < 1 || size > kMaxCategories)
    layer_.unsupported(fmt::format("{} categories in a column", size));
  return size;
}

}  // namespace thaw::keras
