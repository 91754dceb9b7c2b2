// MultiHeadAttention and GroupedQueryAttention: projections, scores per head, masks, output.
#include <algorithm>
#include <cmath>
#include <limits>

#include "loaders/keras/import.h"
#include "loaders/keras/layers/attention.h"
#include "loaders/keras/layers/einsum_dense.h"
#include "loaders/keras/layers/layers.h"
#include "loaders/keras/layers/masked_softmax.h"
#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

using Ints = std::vector<std::int64_t>;

// Weights are filed by attributes, private ones where the class has no others.
std::string projection_path(const LayerConfig& layer, const Writer& writer, std::string_view part) {
  const bool open = writer.major >= 3 && layer.class_name == "MultiHeadAttention" && part != "gate";
  return fmt::format("{}{}_dense", open ? "" : "_", part);
}

// The tensors of a call.
struct AttentionCall {
  MaskedValue query, value, key;
  bool own_key = false;
  bool scores = false;  // return_attention_scores
};

const MaskedValue* tensor_argument(const Layer& layer, const char* key) {
  const Operand* operand = layer.argument(key);
  return operand != nullptr && operand->kind == Argument::Kind::tensor ? &operand->tensor : nullptr;
}

AttentionCall call_of(const Layer& layer, GraphBuilder& g) {
  if (layer.inputs.size() != 1) layer.unsupported("a query that is no single tensor");
  const MaskedValue* value = tensor_argument(layer, "value");
  const MaskedValue* key = tensor_argument(layer, "key");
  if (value == nullptr) layer.bad("called without a value");
  AttentionCall call{layer.inputs[0], *value, key != nullptr ? *key : *value, key != nullptr,
                     call_flag(layer, "return_attention_scores")};
  for (MaskedValue* x : {&call.query, &call.value, &call.key}) {
    x->value = computed(layer, x->value, g);
    const Shape& shape = g.shape(x->value);
    if (!shape.has_rank() || shape.rank() < 3 || shape.rank() > 12)
      layer.bad(fmt::format("expected inputs of at least 3 dimensions, got {}", shape.to_string()));
  }
  if (g.shape(call.value.value).rank() != g.shape(call.key.value).rank())
    layer.bad("key and value differ in rank");
  return call;
}

// Keras 3.8 and later take the masks off the tensors themselves (not off converted copies), so that
// what runs behind this call does not see them.
void take_masks(const Layer& layer, GraphBuilder& g) {
  if (!layer.writer.at_least(3, 8)) return;
  layer.context.take_mask(layer.inputs[0].value);
  for (const char* key : {"value", "key"}) {
    const MaskedValue* tensor = tensor_argument(layer, key);
    if (tensor != nullptr && g.dtype(tensor->value) == layer.policy.compute)
      layer.context.take_mask(tensor->value);
  }
}

// ---- masks ----

ValueId boolean_mask(const Layer& layer, ValueId mask, GraphBuilder& g) {
  if (mask == kNoValue) return mask;
  if (!g.shape(mask).has_rank() || g.shape(mask).rank() != 2)
    layer.unsupported(fmt::format("a mask of shape {}", g.shape(mask).to_string()));
  return g.cast(mask, DType::boolean);
}

// A mask given to the call, else the one that the tensor carries.
ValueId mask_of(const Layer& layer, const char* key, const MaskedValue& tensor, GraphBuilder& g) {
  const MaskedValue* given = tensor_argument(layer, key);
  return boolean_mask(layer, given != nullptr ? given->value : tensor.mask, g);
}

// Before TensorFlow 2.10 attention did not look at the masks of its inputs.
bool masks_itself(const Layer& layer) { return layer.writer.at_least(2, 10); }

// From Keras 3.8 on MultiHeadAttention takes the query's own mask, whatever the call says.
ValueId query_mask(const Layer& layer, const AttentionCall& call, bool own, GraphBuilder& g) {
  if (!masks_itself(layer)) return kNoValue;
  return own ? boolean_mask(layer, call.query.mask, g)
             : mask_of(layer, "query_mask", call.query, g);
}

// What the scores are masked with, before it gets the rank of the scores; kNoValue: nothing.
ValueId attention_mask(const Layer& layer, const AttentionCall& call, ValueId query,
                       GraphBuilder& g) {
  const MaskedValue* given = tensor_argument(layer, "attention_mask");
  ValueId mask = query == kNoValue ? kNoValue : g.expand_dims(query, -1);
  if (masks_itself(layer)) {
    const ValueId value = mask_of(layer, "value_mask", call.value, g);
    if (value != kNoValue) mask = both(mask, g.expand_dims(value, -2), g);
    const ValueId key = call.own_key || tensor_argument(layer, "key_mask") != nullptr
                            ? mask_of(layer, "key_mask", call.key, g)
                            : kNoValue;
    if (key != kNoValue) mask = both(mask, g.expand_dims(key, -2), g);
  }
  const ValueId q = call.query.value, v = call.value.value;
  if (call_flag(layer, "use_causal_mask")) mask = both(mask, causal_mask(q, 1, v, 1, g), g);
  if (layer.has("sliding_window"))
    mask = both(mask, band_mask(q, 1, v, 1, layer.integer("sliding_window"), g), g);
  if (given == nullptr) return mask;
  return mask == kNoValue ? given->value : both(g.cast(given->value, DType::boolean), mask, g);
}

// Dimensions of 1 in front of the `axes` attended dimensions of query and key.
ValueId in_rank(const Layer& layer, ValueId mask, int rank, std::size_t axes, GraphBuilder& g) {
  if (mask == kNoValue) return mask;
  while (g.shape(mask).rank() < rank) {
    const std::int64_t at = g.shape(mask).rank() - 2 * static_cast<std::int64_t>(axes);
    if (!g.shape(mask).has_rank() || at < 0) {
      layer.bad(fmt::format("a mask of shape {} does not fit scores of {} dimensions",
                            g.shape(mask).to_string(), rank));
    }
    mask = g.expand_dims(mask, at);
  }
  return mask;
}

// ---- projections ----

std::string letters(int count, int first = 0) {
  std::string labels;
  for (int i = 0; i < count; ++i) labels += static_cast<char>('a' + first + i);
  return labels;
}

// x [..., inputs] times kernel [inputs, outputs] plus bias [outputs], where inputs and outputs are
// one or several axes, all times `factor`. `shape` is the kernel's.
ValueId project(const Layer& layer, Weights& weights, const char* part, ValueId x, int bound,
                const Shape& shape, GraphBuilder& g, double factor = 1) {
  const int free = g.shape(x).rank() - bound;
  const std::string in = letters(free), middle = letters(bound, free),
                    out = letters(shape.rank() - bound, free + bound);
  const std::string path = projection_path(layer.config, layer.writer, part);
  const ValueId kernel = weights.get(path + "/kernel", shape);
  ValueId bias = kNoValue;
  if (layer.flag("use_bias", true)) {
    bias =
        weights.get(path + "/bias", Shape(Ints(shape.dims().begin() + bound, shape.dims().end())));
  }
  return contract(in + middle + "," + middle + out + "->" + in + out, x, kernel, g, bias, factor);
}

std::int64_t positive(const Layer& layer, const char* key) {
  const std::int64_t value = layer.integer(key);
  if (value <= 0 || value > (std::int64_t{1} << 31)) layer.bad(fmt::format("{} is {}", key, value));
  return value;
}

// ---- scores ----

// The projected tensors: [batch..., attended..., heads, channels], the query scaled.
struct Heads {
  ValueId query, key, value;
  Ints axes;  // attended
};

// Axes that query and key do not attend, in order: the batch and the heads among them.
Ints batch_axes(int rank, const Ints& attended) {
  Ints axes;
  for (std::int64_t axis = 0; axis < rank - 1; ++axis) {
    if (std::find(attended.begin(), attended.end(), axis) == attended.end()) axes.push_back(axis);
  }
  return axes;
}

// One attended axis: the scores are a product of matrices per batch entry and head.
Ints matrix_order(int rank, std::int64_t attended) {
  Ints order = batch_axes(rank, {attended});
  order.push_back(attended);
  order.push_back(rank - 1);
  return order;
}

Ints inverse(const Ints& order) {
  Ints result(order.size());
  for (std::size_t i = 0; i < order.size(); ++i)
    result[static_cast<std::size_t>(order[i])] = static_cast<std::int64_t>(i);
  return result;
}

// The terms of the general case: labels of query (also of the output), of key and value, and of
// the scores.
struct Terms {
  std::string query, key, scores;
};

Terms terms_of(int rank, const Ints& attended) {
  Terms terms{letters(rank), letters(rank), ""};
  int next = rank;
  for (int axis = 0; axis < rank - 1; ++axis) {
    if (std::find(attended.begin(), attended.end(), axis) != attended.end())
      terms.key[static_cast<std::size_t>(axis)] = static_cast<char>('a' + next++);
  }
  for (std::int64_t axis : batch_axes(rank, attended))
    terms.scores += terms.query[static_cast<std::size_t>(axis)];
  for (std::int64_t axis : attended) terms.scores += terms.query[static_cast<std::size_t>(axis)];
  for (std::int64_t axis : attended) terms.scores += terms.key[static_cast<std::size_t>(axis)];
  return terms;
}

ValueId raw_scores(const Heads& heads, GraphBuilder& g) {
  const int rank = g.shape(heads.query).rank();
  const ValueId query = heads.query;
  if (heads.axes.size() == 1) {
    const Ints order = matrix_order(rank, heads.axes[0]);
    return g.matmul(g.transpose(query, order), g.transpose(heads.key, order), false, true);
  }
  const Terms terms = terms_of(rank, heads.axes);
  return g.add1(ops::Einsum{terms.key + "," + terms.query + "->" + terms.scores},
                {heads.key, query});
}

ValueId weighted_values(const Heads& heads, ValueId shares, GraphBuilder& g) {
  const int rank = g.shape(heads.value).rank();
  if (heads.axes.size() == 1) {
    const Ints order = matrix_order(rank, heads.axes[0]);
    return g.transpose(g.matmul(shares, g.transpose(heads.value, order)), inverse(order));
  }
  const Terms terms = terms_of(rank, heads.axes);
  return g.add1(ops::Einsum{terms.scores + "," + terms.key + "->" + terms.query},
                {shares, heads.value});
}

// Keras 3.7 and later hand the plain case to one function: it computes the softmax in float32 at
// least and leaves a row that is masked altogether uniform.
bool is_plain(const Layer& layer, const AttentionCall& call, int rank) {
  return layer.writer.at_least(3, 7) && !call.scores && rank == 4 && layer.real("dropout", 0) <= 0;
}

ValueId shares_of(const Layer& layer, const AttentionCall& call, const Heads& heads, ValueId mask,
                  GraphBuilder& g) {
  const int rank = g.shape(heads.query).rank();
  ValueId scores = raw_scores(heads, g);
  const int score_rank = g.shape(scores).rank();
  mask = in_rank(layer, mask, score_rank, heads.axes.size(), g);
  const DType dtype = g.dtype(scores);
  if (is_plain(layer, call, rank)) {
    const DType wide = dtype == DType::float64 ? dtype : DType::float32;
    scores = g.cast(scores, wide);
    const double low = -0.7 * (wide == DType::float64 ? std::numeric_limits<double>::max()
                                                      : std::numeric_limits<float>::max());
    if (mask != kNoValue)
      scores = g.select(g.cast(mask, DType::boolean), scores, g.scalar(low, wide));
    return g.cast(g.add1(ops::Softmax{{score_rank - 1}, false}, {scores}), dtype);
  }
  Ints axes;
  for (std::size_t i = heads.axes.size(); i > 0; --i)
    axes.push_back(score_rank - static_cast<std::int64_t>(i));
  return masked_softmax(layer, scores, mask, axes, layer.flag("softmax_robust_masking", false), g);
}

// Everything behind the projections. `width` is the shape of the output behind the free axes.
Outputs attended(const Layer& layer, Weights& weights, const AttentionCall& call,
                 const Heads& heads, ValueId mask, ValueId output_mask, const Ints& width,
                 GraphBuilder& g) {
  const ValueId shares = shares_of(layer, call, heads, mask, g);
  ValueId y = weighted_values(heads, shares, g);
  const int rank = g.shape(y).rank();
  Ints shape{known_dim(layer, g, y, rank - 2), known_dim(layer, g, y, rank - 1)};
  if (layer.flag("use_gate", false)) {
    const Shape kernel{known_dim(layer, g, call.query.value, -1), shape[0], shape[1]};
    const ValueId gate = project(layer, weights, "gate", call.query.value, 1, kernel, g);
    y = g.binary(BinaryKind::mul, y, g.unary({UnaryKind::sigmoid}, gate));
  }
  shape.insert(shape.end(), width.begin(), width.end());
  y = project(layer, weights, "output", y, 2, Shape(shape), g);
  std::vector<MaskedValue> outputs{{y, output_mask}};
  if (call.scores) outputs.push_back({shares});
  return outputs;
}

// In [0, rank) of the projected query; before Keras 3.12 negative axes counted from there too.
Ints attention_axes(const Layer& layer, int rank) {
  Ints axes = layer.ints("attention_axes", {});
  if (!layer.has("attention_axes") || axes.empty()) {
    for (int axis = 1; axis < rank - 2; ++axis) axes.push_back(axis);
  }
  const std::int64_t behind = layer.writer.at_least(3, 12) ? rank - 1 : rank;
  for (std::int64_t& axis : axes) {
    if (axis < 0) axis += behind;
    if (axis < 0 || axis > rank - 2) layer.bad("attention_axes are outside the query's axes");
  }
  Ints sorted = axes;
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end())
    layer.bad("attention_axes name an axis twice");
  return axes;
}

// Each head of [B, S, heads, channels] `times` times.
ValueId repeated_heads(const Layer& layer, ValueId x, std::int64_t times, GraphBuilder& g) {
  if (times == 1) return x;
  const std::int64_t heads = known_dim(layer, g, x, 2), channels = known_dim(layer, g, x, 3);
  const ValueId tiled = g.add1(ops::Tile{}, {g.expand_dims(x, 3), g.ints({1, 1, 1, times, 1})});
  return g.reshape_like(
      tiled, x, {GraphBuilder::dim_of(0), GraphBuilder::dim_of(1), heads * times, channels});
}

}  // namespace

void multi_head_attention_variables(VariableList& variables) {
  const bool bias = variables.flag("use_bias", true);
  for (const char* part : {"query", "key", "gate", "value", "output"}) {
    if (part == std::string("gate") && !variables.flag("use_gate", false)) continue;
    const std::string path = projection_path(variables.layer(), variables.writer(), part);
    variables.add(path + "/kernel");
    if (bias) variables.add(path + "/bias");
  }
}

Outputs multi_head_attention(const Layer& layer, Weights& weights, GraphBuilder& g) {
  const AttentionCall call = call_of(layer, g);
  const std::int64_t heads = positive(layer, "num_heads"), channels = positive(layer, "key_dim");
  const bool same = !layer.has("value_dim") || layer.integer("value_dim") == 0;
  const std::int64_t value_channels = same ? channels : positive(layer, "value_dim");
  const auto shape = [&](const MaskedValue& x, std::int64_t width) {
    return Shape{known_dim(layer, g, x.value, -1), heads, width};
  };
  const MaskedValue &q = call.query, &k = call.key, &v = call.value;
  const double scale = 1 / std::sqrt(static_cast<double>(channels));
  Heads parts;
  parts.query = project(layer, weights, "query", q.value, 1, shape(q, channels), g, scale);
  parts.key = project(layer, weights, "key", k.value, 1, shape(k, channels), g);
  parts.value = project(layer, weights, "value", v.value, 1, shape(v, value_channels), g);
  const int rank = g.shape(parts.value).rank();
  if (g.shape(parts.query).rank() != rank) layer.unsupported("query and value of different rank");
  parts.axes = attention_axes(layer, rank);
  const ValueId own = query_mask(layer, call, layer.writer.at_least(3, 8), g);
  const ValueId mask = attention_mask(layer, call, own, g);
  Ints width = layer.ints("output_shape", {});
  if (width.empty()) width = {known_dim(layer, g, q.value, -1)};
  const ValueId output_mask = masks_itself(layer) ? q.mask : kNoValue;
  take_masks(layer, g);
  return attended(layer, weights, call, parts, mask, output_mask, width, g);
}

Outputs grouped_query_attention(const Layer& layer, Weights& weights, GraphBuilder& g) {
  const AttentionCall call = call_of(layer, g);
  const std::int64_t channels = positive(layer, "head_dim");
  const std::int64_t heads = positive(layer, "num_query_heads"),
                     groups = positive(layer, "num_key_value_heads");
  if (heads % groups != 0)
    layer.bad(fmt::format("{} query heads do not divide among {} groups", heads, groups));
  const MaskedValue &q = call.query, &k = call.key, &v = call.value;
  for (const MaskedValue* x : {&q, &k, &v}) layer.expect_rank(g, x->value, 3);
  const auto shape = [&](const MaskedValue& x, std::int64_t count) {
    return Shape{known_dim(layer, g, x.value, -1), count, channels};
  };
  const double scale = 1 / std::sqrt(static_cast<double>(channels));
  Heads parts;
  parts.query = project(layer, weights, "query", q.value, 1, shape(q, heads), g, scale);
  parts.key = repeated_heads(layer, project(layer, weights, "key", k.value, 1, shape(k, groups), g),
                             heads / groups, g);
  parts.value = repeated_heads(
      layer, project(layer, weights, "value", v.value, 1, shape(v, groups), g), heads / groups, g);
  parts.axes = {1};
  const ValueId mask = attention_mask(layer, call, query_mask(layer, call, false, g), g);
  return attended(layer, weights, call, parts, mask, q.mask, {known_dim(layer, g, q.value, -1)}, g);
}

}  // namespace thaw::keras
