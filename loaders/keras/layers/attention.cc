// Attention (Luong) and AdditiveAttention (Bahdanau).
#include "loaders/keras/layers/attention.h"

#include "loaders/keras/layers/layers.h"
#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

// 0, 1, ... along dimension `axis` of x.
ValueId positions(ValueId x, int axis, GraphBuilder& g) {
  const ValueId size = g.squeeze(g.dims(x, {GraphBuilder::dim_of(axis)}), 0);
  return g.add1(ops::Range{}, {g.scalar(0, DType::int64), size, g.scalar(1, DType::int64)});
}

struct Grid {
  ValueId rows, columns;  // [1, T, 1], [1, 1, S]
};

Grid grid_of(ValueId q, int rows, ValueId v, int columns, GraphBuilder& g) {
  return {g.add1(ops::ExpandDims{{0, 2}}, {positions(q, rows, g)}),
          g.add1(ops::ExpandDims{{0, 1}}, {positions(v, columns, g)})};
}

// The masks of query and value: the call's `mask` argument, a list, or what the inputs carry.
std::vector<ValueId> input_masks(const Layer& layer, GraphBuilder& g) {
  std::vector<ValueId> masks;
  const Operand* given = layer.argument("mask");
  const bool listed = given != nullptr && !given->items.empty();
  if (given != nullptr && given->kind == Argument::Kind::tensor)
    layer.unsupported("a mask that is no list");
  if (listed && given->items.size() < 2) layer.bad("mask has less than two items");
  for (std::size_t i = 0; i < 2; ++i) {
    ValueId mask = layer.inputs[i].mask;
    if (listed) {
      const Operand& item = given->items[i];
      mask = item.kind == Argument::Kind::tensor ? item.tensor.value : kNoValue;
    }
    masks.push_back(mask == kNoValue ? mask : g.cast(mask, DType::boolean));
  }
  return masks;
}

// [..., Tq, Tv]: what the layer makes of each query step and each key step.
ValueId scores_of(const Layer& layer, Weights& weights, ValueId query, ValueId key,
                  GraphBuilder& g) {
  const bool additive = layer.class_name() == "AdditiveAttention";
  const std::string mode = additive ? "concat" : layer.text("score_mode", "dot");
  const bool scaled = layer.flag("use_scale", additive);
  if (mode == "dot") {
    const ValueId scores = g.matmul(query, key, false, true);
    return scaled ? g.binary(BinaryKind::mul, scores, weights.get("scale", {})) : scores;
  }
  if (mode != "concat") layer.unsupported(fmt::format("score_mode={}", printable(mode)));
  ValueId sum = g.binary(BinaryKind::add, g.expand_dims(query, -2), g.expand_dims(key, -3));
  if (!additive && scaled) sum = g.binary(BinaryKind::mul, weights.get("scale", {}), sum);
  ValueId terms = g.unary({UnaryKind::tanh}, sum);
  if (additive && scaled)
    terms = g.binary(BinaryKind::mul, weights.get("scale", {kUnknownDim}), terms);
  const ValueId scores = g.reduce(ReduceKind::sum, terms, {-1}, false);
  if (additive) return scores;
  return g.binary(BinaryKind::mul, weights.get("concat_score_weight", {}), scores);
}

// Masked scores are lowered, not replaced: a row that is masked altogether keeps its differences
// as far as the type's precision goes.
ValueId lowered(ValueId scores, ValueId mask, GraphBuilder& g) {
  const DType dtype = g.dtype(scores);
  const ValueId drop = g.scalar(dtype == DType::float16 ? 65504.0 : 1e9, dtype);
  return g.select(mask, scores, g.binary(BinaryKind::sub, scores, drop));
}

}  // namespace

ValueId causal_mask(ValueId q, int rows, ValueId v, int columns, GraphBuilder& g) {
  const Grid grid = grid_of(q, rows, v, columns, g);
  return g.binary(BinaryKind::greater_equal, grid.rows, grid.columns);
}

ValueId band_mask(ValueId q, int rows, ValueId v, int columns, std::int64_t width,
                  GraphBuilder& g) {
  const Grid grid = grid_of(q, rows, v, columns, g);
  const ValueId distance =
      g.unary({UnaryKind::abs}, g.binary(BinaryKind::sub, grid.rows, grid.columns));
  return g.binary(BinaryKind::less, distance, g.scalar(static_cast<double>(width), DType::int64));
}

ValueId both(ValueId mask, ValueId other, GraphBuilder& g) {
  if (mask == kNoValue) return other;
  return other == kNoValue ? mask : g.binary(BinaryKind::logical_and, mask, other);
}

bool call_flag(const Layer& layer, const char* key) {
  const Operand* operand = layer.argument(key);
  if (operand == nullptr) return false;
  const Json& value = operand->value;
  if (operand->kind == Argument::Kind::value) {
    if (value.is_null()) return false;
    if (value.is_bool()) return value.boolean();
    if (value.is_integer()) return value.integer() != 0;
  }
  layer.unsupported(fmt::format("argument {} is no plain flag", key));
}

void attention_variables(VariableList& variables) {
  if (variables.flag("use_scale", false)) variables.add("scale");
  const Json* mode = variables.layer().config.find("score_mode");
  if (mode != nullptr && mode->is_string() && mode->string() == "concat")
    variables.add("concat_score_weight");
}

void additive_attention_variables(VariableList& variables) {
  if (variables.flag("use_scale", true)) variables.add("scale");
}

Outputs attention(const Layer& layer, Weights& weights, GraphBuilder& g) {
  if (layer.inputs.size() != 2 && layer.inputs.size() != 3)
    layer.bad(fmt::format("expected query, value and key, got {} inputs", layer.inputs.size()));
  const ValueId query = computed(layer, layer.inputs[0].value, g);
  const ValueId value = computed(layer, layer.inputs[1].value, g);
  const ValueId key = layer.inputs.size() > 2 ? computed(layer, layer.inputs[2].value, g) : value;
  const int rank = g.shape(query).rank();
  for (ValueId x : {query, value, key}) {
    if (!g.shape(x).has_rank() || g.shape(x).rank() != rank || rank < 2)
      layer.bad(fmt::format("expected inputs of one rank, got {}", g.shape(x).to_string()));
  }
  const std::vector<ValueId> masks = input_masks(layer, g);
  ValueId scores = scores_of(layer, weights, query, key, g);
  ValueId mask = masks[1] == kNoValue ? kNoValue : g.expand_dims(masks[1], -2);
  if (layer.flag("causal", false) || call_flag(layer, "use_causal_mask"))
    mask = both(mask, causal_mask(scores, rank - 2, scores, rank - 1, g), g);
  if (mask != kNoValue) scores = lowered(scores, mask, g);
  const ValueId shares = g.add1(ops::Softmax{{rank - 1}, false}, {scores});
  ValueId y = g.matmul(shares, value);
  if (masks[0] != kNoValue) {
    const ValueId keep = g.expand_dims(masks[0], -1);
    // A product keeps NaN, which today's selection drops.
    y = layer.writer.at_least(3, 15) ? g.select(keep, y, g.scalar(0, g.dtype(y)))
                                     : g.binary(BinaryKind::mul, y, g.cast(keep, g.dtype(y)));
  }
  std::vector<MaskedValue> outputs{{y, masks[0]}};
  if (call_flag(layer, "return_attention_scores")) outputs.push_back({shares});
  return outputs;
}

}  // namespace thaw::keras
