// CategoryEncoding, Hashing, HashedCrossing, and how all layers of categories encode them.
#include "loaders/keras/layers/layers.h"
#include "loaders/keras/layers/text.h"
#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

// Depths beyond this have no use but to fill memory.
constexpr std::int64_t kMaxDepth = std::int64_t{1} << 26;

ValueId one_hot(ValueId indices, std::int64_t depth, DType dtype, GraphBuilder& g) {
  return g.add1(ops::OneHot{-1}, {indices, g.scalar(static_cast<double>(depth), DType::int32),
                                  g.scalar(1, dtype), g.scalar(0, dtype)});
}

// [B, N] indices -> [B, depth]: adds up at (row, index); what is outside goes to a column that is
// cut off.
ValueId bins(ValueId indices, std::int64_t depth, DType dtype, ValueId weights, bool binary,
             GraphBuilder& g) {
  const ValueId limit = g.constant(Tensor::from(Shape{}, std::vector<std::int64_t>{depth}));
  const ValueId zero = g.scalar(0, DType::int64), one = g.scalar(1, DType::int64);
  const ValueId inside =
      g.binary(BinaryKind::logical_and, g.binary(BinaryKind::greater_equal, indices, zero),
               g.binary(BinaryKind::less, indices, limit));
  const ValueId column = g.select(inside, indices, limit);
  const ValueId shape = g.add1(ops::ShapeQuery{ShapeQueryKind::shape, DType::int64}, {indices});
  const ValueId batch = g.slice_axis(shape, 0, 0, 1);
  const ValueId numbers = g.add1(ops::Range{}, {zero, g.squeeze(batch, 0), one});
  const ValueId row = g.broadcast_like(g.expand_dims(numbers, -1), indices,
                                       {GraphBuilder::dim_of(0), GraphBuilder::dim_of(1)});
  const ValueId where = g.add1(ops::Stack{-1}, {row, column});
  if (weights == kNoValue) weights = g.scalar(1, dtype);
  const ValueId updates =
      g.broadcast_like(weights, indices, {GraphBuilder::dim_of(0), GraphBuilder::dim_of(1)});
  const ValueId empty =
      g.add1(ops::BroadcastTo{}, {g.scalar(0, dtype), g.concat({batch, g.ints({depth + 1})}, 0)});
  const ScatterKind kind = binary ? ScatterKind::max : ScatterKind::add;
  const ValueId filled = g.add1(ops::Scatter{kind}, {empty, where, updates});
  return g.reshape(g.slice_axis(filled, 1, 0, depth), {-1, depth});  // says its size
}

}  // namespace

OutputMode output_mode(const Layer& layer, const char* otherwise) {
  // A sparse result has the values of the dense one, and is given as that.
  layer.flag("sparse", false);
  const std::string mode = layer.text("output_mode", otherwise);
  if (mode == "int") return OutputMode::indices;
  if (mode == "one_hot") return OutputMode::one_hot;
  if (mode == "multi_hot" || mode == "binary") return OutputMode::multi_hot;
  if (mode == "count") return OutputMode::count;
  if (mode == "tf_idf" || mode == "tf-idf") return OutputMode::tf_idf;
  layer.unsupported(fmt::format("output_mode={}", printable(mode)));
}

ValueId encode_categories(const Layer& layer, ValueId indices, OutputMode mode, std::int64_t depth,
                          DType dtype, ValueId weights, GraphBuilder& g) {
  if (mode == OutputMode::indices) return g.cast(indices, dtype);
  if (depth < 1 || depth > kMaxDepth) layer.unsupported(fmt::format("{} categories", depth));
  const Shape shape = g.shape(indices);
  if (!shape.has_rank()) layer.unsupported("categories of unknown rank");
  indices = g.cast(indices, DType::int64);
  if (shape.rank() == 0) indices = g.expand_dims(indices, 0);
  const int rank = g.shape(indices).rank();
  if (mode == OutputMode::one_hot) {
    if (rank > 1 && g.shape(indices)[rank - 1] == 1) indices = g.squeeze(indices, rank - 1);
    return one_hot(indices, depth, dtype, g);
  }
  if (rank > 2) {  // Keras reduces the second axis
    ValueId each = one_hot(indices, depth, dtype, g);
    if (weights != kNoValue) {
      each = g.binary(BinaryKind::mul, each, g.expand_dims(g.cast(weights, dtype), -1));
    }
    const bool binary = mode == OutputMode::multi_hot;
    return g.reduce(binary ? ReduceKind::max : ReduceKind::sum, each, {1}, false);
  }
  if (rank == 1) indices = g.expand_dims(indices, 0);
  if (weights != kNoValue) {
    weights = g.cast(weights, dtype);
    if (g.shape(weights).rank() == 1) weights = g.expand_dims(weights, 0);
  }
  const ValueId counts = bins(indices, depth, dtype, weights, mode == OutputMode::multi_hot, g);
  return rank == 1 ? g.squeeze(counts, 0) : counts;
}

ValueId text_of_integers(ValueId x, GraphBuilder& g) {
  return g.add1(ops::HostCall{"as_string",
                              {{"precision", -1},
                               {"scientific", false},
                               {"shortest", false},
                               {"width", -1},
                               {"fill", ""}}},
                {x});
}

ValueId hash_buckets(const Layer& layer, ValueId texts, std::int64_t buckets, GraphBuilder& g) {
  Attributes attributes{{"method", "farm"}, {"buckets", buckets}};
  if (layer.has("salt")) {
    std::vector<std::int64_t> salt = layer.ints("salt", {});
    if (salt.size() == 1) salt.push_back(salt[0]);
    if (salt.size() != 2) layer.bad("salt must be one integer or two");
    attributes.set("method", "sip");
    attributes.set("key", salt);
  }
  return g.add1(ops::HostCall{"string_hash", attributes}, {texts});
}

Outputs category_encoding(const Layer& layer, Weights&, GraphBuilder& g) {
  const OutputMode mode = output_mode(layer, "multi_hot");
  if (mode == OutputMode::indices || mode == OutputMode::tf_idf) {
    layer.unsupported(fmt::format("output_mode={}", layer.text("output_mode", "")));
  }
  // "max_tokens" is the name of TensorFlow 2.3 and 2.4.
  const std::int64_t depth = layer.integer(layer.has("num_tokens") ? "num_tokens" : "max_tokens");
  ValueId weights = kNoValue;
  if (const auto given = layer.tensors("count_weights"); !given.empty()) {
    if (mode != OutputMode::count) layer.bad("count_weights with an output_mode but count");
    weights = given[0].value;
  }
  return encode_categories(layer, layer.input(), mode, depth, layer.policy.compute, weights, g);
}

Outputs hashing(const Layer& layer, Weights&, GraphBuilder& g) {
  const OutputMode mode = output_mode(layer, "int");
  if (mode == OutputMode::tf_idf) layer.unsupported("output_mode=tf_idf");
  const std::int64_t bins_in_all = layer.integer("num_bins");
  if (bins_in_all < 1) layer.bad(fmt::format("num_bins={}", bins_in_all));
  ValueId x = layer.input();
  const bool squeezes = layer.keras3() && mode == OutputMode::one_hot && g.shape(x).rank() > 0 &&
                        g.shape(x)[g.shape(x).rank() - 1] == 1;
  if (squeezes) x = g.squeeze(x, g.shape(x).rank() - 1);
  ValueId masked = kNoValue;
  if (const Json* mask = layer.find("mask_value"); mask != nullptr && bins_in_all > 1) {
    const bool texts = g.dtype(x) == DType::string;
    if (texts != mask->is_string() || (!texts && !mask->is_number())) {
      layer.bad(fmt::format("mask_value={} for inputs of {}", printable(mask->dump()),
                            name_of(g.dtype(x))));
    }
    const ValueId key =
        texts ? g.constant(Tensor::from(Shape{}, std::vector<std::string>{mask->string()}))
              : g.scalar(mask->number(), g.dtype(x));
    masked = g.binary(BinaryKind::equal, x, key);
  }
  const std::int64_t buckets = bins_in_all - (masked != kNoValue ? 1 : 0);
  if (is_floating(g.dtype(x))) {
    if (!layer.keras3()) layer.bad("expected strings or integers, got floats");
    x = g.cast(x, DType::int64);
  }
  if (g.dtype(x) != DType::string) x = text_of_integers(x, g);
  ValueId hash = hash_buckets(layer, x, buckets, g);
  if (masked != kNoValue) {
    hash = g.binary(BinaryKind::add, hash, g.scalar(1, DType::int64));
    hash = g.select(masked, g.scalar(0, DType::int64), hash);
  }
  DType dtype = layer.policy.compute;
  if (mode == OutputMode::indices && !is_integer(dtype)) dtype = DType::int64;
  return encode_categories(layer, hash, mode, bins_in_all, dtype, kNoValue, g);
}

Outputs hashed_crossing(const Layer& layer, Weights&, GraphBuilder& g) {
  const OutputMode mode = output_mode(layer, "int");
  if (mode != OutputMode::indices && mode != OutputMode::one_hot) {
    layer.unsupported(fmt::format("output_mode={}", layer.text("output_mode", "")));
  }
  const std::int64_t buckets = layer.integer("num_bins");
  if (buckets < 1) layer.bad(fmt::format("num_bins={}", buckets));
  if (layer.inputs.size() < 2) layer.bad("expected at least two inputs");
  std::vector<ValueId> columns;
  for (const MaskedValue& input : layer.inputs) {
    const DType dtype = g.dtype(input.value);
    if (dtype != DType::string && !is_integer(dtype)) {
      layer.bad(fmt::format("expected integers or strings, got {}", name_of(dtype)));
    }
    const Shape& shape = g.shape(input.value);
    if (shape.has_rank() && (shape.rank() > 2 || (shape.rank() == 2 && shape[1] != 1))) {
      layer.bad(fmt::format("expected shape [], [batch] or [batch, 1], got {}", shape.to_string()));
    }
    columns.push_back(dtype == DType::string ? input.value : g.cast(input.value, DType::int64));
  }
  const ValueId crossed = g.add1(ops::HostCall{"hash_cross", {{"buckets", buckets}}}, columns);
  DType dtype = layer.policy.compute;
  if (mode == OutputMode::indices && !is_integer(dtype)) dtype = DType::int64;
  return encode_categories(layer, crossed, mode, buckets, dtype, kNoValue, g);
}

}  // namespace thaw::keras
