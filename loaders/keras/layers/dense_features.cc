// DenseFeatures and SequenceFeatures: dense columns, side by side.
#include "loaders/keras/layers/feature_columns.h"
#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

constexpr std::int64_t kMaxWidth = std::int64_t{1} << 26;

const Json::Array& columns_of(const LayerConfig& config) {
  static const Json::Array kNone;
  const Json* columns = config.config.find("feature_columns");
  const Json::Array* list = columns == nullptr ? nullptr : list_of(*columns);
  return list == nullptr ? kNone : *list;
}

std::string weights_name(std::size_t column) { return fmt::format("embedding_weights_{}", column); }

class DenseColumns {
 public:
  DenseColumns(const Layer& layer, Weights& weights, GraphBuilder& g)
      : layer_(layer), weights_(weights), g_(g), columns_(layer, g) {}

  /// [B, ..., width]: two dimensions, or three for sequences.
  ValueId value(std::size_t number, const FeatureColumn& column, bool sequence);
  /// int64 [B]: positions up to the last one that is there; of sequences.
  ValueId length() const { return length_; }
  const FeatureColumns& columns() const { return columns_; }

 private:
  ValueId numeric(const FeatureColumn& column);
  Categories categories(const FeatureColumn& column, bool sequence);
  ValueId embedding(std::size_t number, const FeatureColumn& column, const Categories& found);
  ValueId combined(const Categories& found, ValueId vectors, const std::string& combiner);
  ValueId indicator(const Categories& found, std::int64_t size);
  void measure(const Categories& found);

  const Layer& layer_;
  Weights& weights_;
  GraphBuilder& g_;
  FeatureColumns columns_;
  ValueId length_ = kNoValue;
};

ValueId DenseColumns::numeric(const FeatureColumn& column) {
  const Shape shape = shape_from_json(columns_.need(column, "shape"));
  std::int64_t width = 1;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (shape[axis] < 1 || shape[axis] > kMaxWidth / width)
      layer_.bad(fmt::format("a numeric column of {}", shape.to_string()));
    width *= shape[axis];
  }
  const ValueId x = columns_.numeric(column);
  return g_.reshape(x, {GraphBuilder::dim_of(0), width});
}

Categories DenseColumns::categories(const FeatureColumn& column, bool sequence) {
  const bool of_sequence = column.class_name == "SequenceCategoricalColumn";
  if (of_sequence != sequence) {
    layer_.bad(sequence ? "SequenceFeatures takes columns of sequences only"
                        : "DenseFeatures takes no columns of sequences");
  }
  if (!of_sequence) return columns_.categories(column);
  Categories found = columns_.categories(columns_.inner(column, "categorical_column"));
  const int rank = g_.shape(found.ids).rank();
  if (rank > 3) layer_.unsupported(fmt::format("sequences of {} dimensions", rank));
  if (rank == 2) {  // each step by itself
    for (ValueId* part : {&found.ids, &found.present, &found.weights}) {
      if (*part != kNoValue) *part = g_.expand_dims(*part, -1);
    }
  }
  measure(found);
  return found;
}

// The last step of each row that holds a category, and one more. Columns must agree.
void DenseColumns::measure(const Categories& found) {
  const ValueId zero = g_.scalar(0, DType::int64), one = g_.scalar(1, DType::int64);
  const ValueId shape = g_.add1(ops::ShapeQuery{ShapeQueryKind::shape, DType::int64}, {found.ids});
  const ValueId steps = g_.squeeze(g_.slice_axis(shape, 0, 1, 2), 0);
  const ValueId numbers = g_.add1(ops::Range{}, {one, g_.binary(BinaryKind::add, steps, one), one});
  const ValueId at_steps = g_.expand_dims(g_.expand_dims(numbers, 0), -1);
  const ValueId all = g_.broadcast_like(
      at_steps, found.ids,
      {GraphBuilder::dim_of(0), GraphBuilder::dim_of(1), GraphBuilder::dim_of(2)});
  const ValueId here = found.present == kNoValue ? all : g_.select(found.present, all, zero);
  // No step at all has no maximum.
  const ValueId last =
      g_.binary(BinaryKind::maximum, g_.reduce(ReduceKind::max, here, {1, 2}, false), zero);
  if (length_ == kNoValue) {
    length_ = last;
    return;
  }
  const ValueId same =
      g_.reduce(ReduceKind::all, g_.binary(BinaryKind::equal, length_, last), {0}, false);
  g_.add(ops::Assert{layer_.title() + ": sequences of different lengths"}, {same}, 0);
}

// [..., n] categories -> [..., dimension]: absent and negative ones count for nothing, and where
// nothing is left the result is zero.
ValueId DenseColumns::combined(const Categories& found, ValueId vectors,
                               const std::string& combiner) {
  const ValueId zero = g_.scalar(0, DType::float32), one = g_.scalar(1, DType::float32);
  const bool sums = combiner == "sum";
  if (!sums && combiner != "mean" && combiner != "sqrtn")
    layer_.bad(fmt::format("combiner {}", printable(combiner)));
  const ValueId last = g_.scalar(0, DType::int64);
  ValueId valid = g_.binary(BinaryKind::greater_equal, found.ids, last);
  if (found.present != kNoValue) valid = g_.binary(BinaryKind::logical_and, valid, found.present);
  if (found.weights != kNoValue && !sums) {
    valid = g_.binary(BinaryKind::logical_and, valid,
                      g_.binary(BinaryKind::greater, found.weights, zero));
  }
  const ValueId rows = g_.gather(vectors, g_.select(valid, found.ids, last));
  const std::int64_t cells = g_.shape(found.ids).rank() - 1;
  const ValueId weights = g_.select(valid, found.weights == kNoValue ? one : found.weights, zero);
  ValueId each = rows;
  if (found.weights != kNoValue)
    each = g_.binary(BinaryKind::mul, each, g_.expand_dims(weights, -1));
  each = g_.select(g_.expand_dims(valid, -1), each, zero);
  const ValueId sum = g_.reduce(ReduceKind::sum, each, {cells}, false);
  if (sums) return sum;
  ValueId by = weights;
  if (combiner == "sqrtn") by = g_.binary(BinaryKind::mul, by, by);
  by = g_.reduce(ReduceKind::sum, by, {cells}, true);
  if (combiner == "sqrtn") by = g_.unary(UnaryFn{UnaryKind::sqrt}, by);
  const ValueId none = g_.binary(BinaryKind::equal, by, zero);
  return g_.binary(BinaryKind::div, sum, g_.select(none, one, by));
}

ValueId DenseColumns::embedding(std::size_t number, const FeatureColumn& column,
                                const Categories& found) {
  const Json* safe = column.config->find("use_safe_embedding_lookup");
  if (safe != nullptr && safe->is_bool() && !safe->boolean())
    layer_.unsupported("use_safe_embedding_lookup=False");
  if (!columns_.need(column, "ckpt_to_load_from").is_null())
    layer_.unsupported("an embedding column that is filled from another checkpoint");
  const std::int64_t rows = columns_.size_of(columns_.inner(column, "categorical_column"));
  const std::int64_t width = columns_.integer(column, "dimension");
  if (width < 1 || width > kMaxWidth) layer_.bad(fmt::format("dimension {}", width));
  ValueId table = weights_.get(weights_name(number), Shape{rows, width}, DType::float32);
  if (const Json& most = columns_.need(column, "max_norm"); !most.is_null()) {
    if (!most.is_number()) layer_.bad(fmt::format("max_norm is {}", printable(most.dump())));
    const ValueId norm =
        g_.unary(UnaryFn{UnaryKind::sqrt},
                 g_.reduce(ReduceKind::sum, g_.binary(BinaryKind::mul, table, table), {1}, true));
    const ValueId limit = g_.scalar(most.number(), DType::float32);
    table = g_.binary(BinaryKind::div, g_.binary(BinaryKind::mul, table, limit),
                      g_.binary(BinaryKind::maximum, norm, limit));
  }
  return combined(found, table, columns_.text(column, "combiner"));
}

ValueId DenseColumns::indicator(const Categories& found, std::int64_t size) {
  const ValueId zero = g_.scalar(0, DType::float32), one = g_.scalar(1, DType::float32);
  const ValueId ids = found.present == kNoValue
                          ? found.ids
                          : g_.select(found.present, found.ids, g_.scalar(-1, DType::int64));
  ValueId each = g_.add1(ops::OneHot{-1},
                         {ids, g_.scalar(static_cast<double>(size), DType::int32), one, zero});
  if (found.weights != kNoValue)
    each = g_.binary(BinaryKind::mul, each, g_.expand_dims(found.weights, -1));
  return g_.reduce(ReduceKind::sum, each, {g_.shape(ids).rank() - 1}, false);
}

ValueId DenseColumns::value(std::size_t number, const FeatureColumn& column, bool sequence) {
  const std::string& name = column.class_name;
  if (name == "EmbeddingColumn" || name == "IndicatorColumn") {
    const FeatureColumn source = columns_.inner(column, "categorical_column");
    const Categories found = categories(source, sequence);
    if (!sequence) layer_.expect_rank(g_, found.ids, 2);
    return name == "EmbeddingColumn" ? embedding(number, column, found)
                                     : indicator(found, columns_.size_of(source));
  }
  if (name == "SequenceNumericColumn") {
    layer_.unsupported("a numeric column of sequences, which takes sparse inputs only");
  }
  if (name == "SharedEmbeddingColumn") {
    layer_.unsupported("shared embedding columns, which hold no configuration of their own");
  }
  if (sequence) layer_.bad(fmt::format("a {} among sequences", printable(name)));
  if (name == "NumericColumn") return numeric(column);
  if (name != "BucketizedColumn")
    layer_.unsupported(fmt::format("feature column {}", printable(name)));
  const auto size = static_cast<std::int64_t>(columns_.boundaries(column).size()) + 1;
  const ValueId one_hot =
      indicator({g_.expand_dims(columns_.bins(column), -1), kNoValue, kNoValue}, size);
  const std::int64_t width =
      columns_.size_of(column);  // also checks that the source has one dimension
  return g_.reshape(one_hot, {GraphBuilder::dim_of(0), width});
}

ValueId side_by_side(const Layer& layer, DenseColumns& columns, bool sequence, GraphBuilder& g) {
  const Json::Array& list = columns_of(layer.config);
  if (list.empty()) layer.bad("no feature_columns");
  std::vector<ValueId> values;
  for (std::size_t i = 0; i < list.size(); ++i)
    values.push_back(columns.value(i, columns.columns().column(list[i]), sequence));
  return values.size() == 1 ? values[0] : g.concat(values, -1);
}

}  // namespace

void feature_variables(VariableList& variables) {
  const Json::Array& list = columns_of(variables.layer());
  for (std::size_t i = 0; i < list.size(); ++i) {
    const Json* class_name = list[i].find("class_name");
    if (class_name == nullptr || !class_name->is_string() ||
        class_name->string() != "EmbeddingColumn") {
      continue;
    }
    const Json* config = list[i].find("config");
    const Json* trainable = config == nullptr ? nullptr : config->find("trainable");
    const bool frozen = trainable != nullptr && trainable->is_bool() && !trainable->boolean();
    variables.add(weights_name(i), !frozen);
  }
}

Outputs dense_features(const Layer& layer, Weights& weights, GraphBuilder& g) {
  DenseColumns columns(layer, weights, g);
  return side_by_side(layer, columns, false, g);
}

Outputs sequence_features(const Layer& layer, Weights& weights, GraphBuilder& g) {
  DenseColumns columns(layer, weights, g);
  const ValueId values = side_by_side(layer, columns, true, g);
  return std::vector<MaskedValue>{{values, kNoValue}, {columns.length(), kNoValue}};
}

}  // namespace thaw::keras
