// TextVectorization: standardise, split, n-grams, look up, pad.
#include "loaders/keras/layers/layers.h"
#include "loaders/keras/layers/text.h"
#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

// What the layer takes for punctuation.
constexpr const char* kPunctuation = R"([!"#$%&()\*\+,-\./:;<=>?@\[\\\]^_`{|}~\'])";

// Texts in rows of different lengths, or, without splits, a dense tensor.
struct Rows {
  ValueId values = kNoValue;
  ValueId splits = kNoValue;  // int64 [rows + 1]
};

Tensor text_tensor(const std::string& text) {
  return Tensor::from(Shape{}, std::vector<std::string>{text});
}

// The text of an argument that may also be None, or a Python function, which is refused.
std::string choice(const Layer& layer, const char* key, const char* otherwise,
                   std::initializer_list<const char*> allowed) {
  const Json* value = layer.config.config.find(key);
  if (value == nullptr) return otherwise;
  if (value->is_null()) return "";
  if (value->is_string()) {
    for (const char* name : allowed) {
      if (value->string() == name) return name;
    }
  }
  layer.unsupported(
      fmt::format("{}={} is a function in Python, which is not in the file", key,
                  printable(value->is_string() ? value->string() : value->dump(), 80)));
}

ValueId standardise(const Layer& layer, ValueId x, GraphBuilder& g) {
  const std::string how = choice(layer, "standardize", "lower_and_strip_punctuation",
                                 {"lower_and_strip_punctuation", "lower", "strip_punctuation"});
  if (how.starts_with("lower")) {
    x = g.add1(ops::HostCall{"string_case", {{"upper", false}, {"encoding", ""}}}, {x});
  }
  if (how.ends_with("strip_punctuation")) {
    x = g.add1(ops::HostCall{"regex_replace",
                             {{"pattern", text_tensor(kPunctuation)},
                              {"rewrite", text_tensor("")},
                              {"replace_global", true}}},
               {x});
  }
  return x;
}

// Row splits from the sorted row of every value.
ValueId splits_of_rows(ValueId rows, ValueId count, GraphBuilder& g) {
  const ValueId zero = g.scalar(0, DType::int64), one = g.scalar(1, DType::int64);
  const ValueId zeros = g.add1(ops::BroadcastTo{}, {zero, count});
  const ValueId ones = g.broadcast_like(one, rows, {GraphBuilder::dim_of(0)});
  const ValueId lengths =
      g.add1(ops::Scatter{ScatterKind::add}, {zeros, g.expand_dims(rows, -1), ones});
  const ValueId ends = g.add1(ops::Scan{ScanKind::sum, 0, false, false}, {lengths});
  return g.concat({g.ints({0}), ends}, 0);
}

Rows split_at_blanks(ValueId x, GraphBuilder& g) {
  const std::vector<ValueId> sparse =
      g.add(ops::HostCall{"string_split", {{"maxsplit", -1}}}, {x, g.constant(text_tensor(""))}, 3);
  const ValueId rows = g.squeeze(g.slice_axis(sparse[0], 1, 0, 1), 1);
  return {sparse[1], splits_of_rows(rows, g.slice_axis(sparse[2], 0, 0, 1), g)};
}

Attributes unicode_policy() {
  return {
      {"errors", "replace"}, {"replacement_char", 65533}, {"replace_control_characters", false}};
}

// Every character by itself.
Rows split_characters(ValueId x, GraphBuilder& g) {
  Attributes decode = unicode_policy(), encode = unicode_policy();
  decode.set("input_encoding", "UTF-8");
  decode.set("splits", DType::int64);
  encode.set("output_encoding", "UTF-8");
  const std::vector<ValueId> characters = g.add(ops::HostCall{"unicode_decode", decode}, {x}, 3);
  const ValueId size = g.add1(ops::ShapeQuery{ShapeQueryKind::size, DType::int64}, {characters[1]});
  const ValueId one = g.scalar(1, DType::int64);
  const ValueId each =
      g.add1(ops::Range{}, {g.scalar(0, DType::int64), g.binary(BinaryKind::add, size, one), one});
  return {g.add1(ops::HostCall{"unicode_encode", encode}, {characters[1], each}), characters[0]};
}

Rows split(const Layer& layer, ValueId x, GraphBuilder& g) {
  const std::string how = choice(layer, "split", "whitespace", {"whitespace", "character"});
  if (how.empty()) return {x, kNoValue};
  const Shape& shape = g.shape(x);
  if (!shape.has_rank() || shape.rank() < 1) layer.bad("expected a batch of texts");
  if (shape.rank() > 1 && shape[shape.rank() - 1] != 1) {
    layer.bad(
        fmt::format("splits texts of shape {}, whose last dimension must be 1", shape.to_string()));
  }
  if (shape.rank() > 1) x = g.squeeze(x, -1);
  if (g.shape(x).rank() > 1) layer.unsupported("texts in more than one dimension");
  return how == "whitespace" ? split_at_blanks(x, g) : split_characters(x, g);
}

// [-1, length] of ragged rows; a length of -1 is that of the longest.
ValueId dense_rows(const Rows& rows, std::int64_t length, std::int64_t padding, bool texts,
                   GraphBuilder& g) {
  const Tensor filling =
      texts ? text_tensor("") : Tensor::from(Shape{}, std::vector<std::int64_t>{padding});
  return g.add1(ops::HostCall{"ragged_to_tensor",
                              {{"row_partition_types", std::vector<std::string>{"ROW_SPLITS"}}}},
                {g.ints({-1, length}), rows.values, g.constant(filling), rows.splits});
}

std::vector<std::int64_t> ngram_widths(const Layer& layer) {
  const Json* value = layer.find("ngrams");
  if (value == nullptr) return {};
  std::vector<std::int64_t> widths = layer.ints("ngrams", {});
  if (value->is_integer()) {
    const std::int64_t most = widths[0];
    if (most < 1 || most > 1000) layer.bad(fmt::format("ngrams={}", most));
    widths.clear();
    for (std::int64_t width = 1; width <= most; ++width) widths.push_back(width);
  }
  return widths;
}

Rows ngrams(const Layer& layer, Rows rows, GraphBuilder& g) {
  const std::vector<std::int64_t> widths = ngram_widths(layer);
  if (widths.empty()) return rows;
  const bool dense = rows.splits == kNoValue;
  if (dense) {  // rows of one length
    if (g.shape(rows.values).rank() != 2) layer.unsupported("n-grams of other than rows of texts");
    const std::int64_t length = known_dim(layer, g, rows.values, 1);
    const ValueId dims = g.add1(ops::ShapeQuery{ShapeQueryKind::size, DType::int64}, {rows.values});
    const ValueId one = g.scalar(1, DType::int64),
                  step = g.scalar(static_cast<double>(length), DType::int64);
    if (length == 0) layer.bad("n-grams of rows without texts");
    rows.splits = g.add1(ops::Range{},
                         {g.scalar(0, DType::int64), g.binary(BinaryKind::add, dims, one), step});
    rows.values = g.reshape(rows.values, {-1});
  }
  const ops::HostCall call{"string_ngrams",
                           {{"separator", " "},
                            {"ngram_widths", widths},
                            {"left_pad", ""},
                            {"right_pad", ""},
                            {"pad_width", 0},
                            {"preserve_short_sequences", false}}};
  const std::vector<ValueId> made = g.add(call, {rows.values, rows.splits}, 2);
  rows = {made[0], made[1]};
  if (dense) return {dense_rows(rows, -1, 0, true, g), kNoValue};
  return rows;
}

// Cuts or fills the last axis with zeros.
ValueId of_length(const Layer& layer, ValueId x, std::int64_t length, GraphBuilder& g) {
  const int last = g.shape(x).rank() - 1;
  if (last < 0) layer.bad("output_sequence_length of a scalar");
  std::vector<std::int64_t> paddings(static_cast<std::size_t>(last + 1) * 2, 0);
  paddings.back() = length;
  return g.slice_axis(g.pad(x, paddings), last, 0, length);
}

}  // namespace

Outputs text_vectorization(const Layer& layer, Weights& weights, GraphBuilder& g) {
  const IndexLookup lookup(layer, weights, true);
  if (g.dtype(layer.input()) != DType::string) {
    layer.bad(fmt::format("expected strings, got {}", name_of(g.dtype(layer.input()))));
  }
  Rows rows = ngrams(layer, split(layer, standardise(layer, layer.input(), g), g), g);
  const bool dense = rows.splits == kNoValue;
  rows.values = lookup.find(rows.values, g);
  if (lookup.mode() != OutputMode::indices) {
    if (!dense && lookup.mode() == OutputMode::one_hot) {
      layer.unsupported("output_mode=one_hot of split texts");
    }
    return lookup.encode(dense ? rows.values : dense_rows(rows, -1, INT64_MAX, false, g), g);
  }
  const std::int64_t length = layer.integer("output_sequence_length", -1);
  if (length < -1) layer.bad(fmt::format("output_sequence_length={}", length));
  if (layer.flag("ragged", false)) {  // tf.keras leaves rows as they are, Keras 3 cuts them
    if (layer.keras3() && length >= 0) layer.unsupported("ragged=True with output_sequence_length");
    if (dense) return rows.values;
    return std::vector<MaskedValue>{{rows.values, kNoValue, rows.splits}};
  }
  if (!dense) return dense_rows(rows, length, 0, false, g);
  return length < 0 ? rows.values : of_length(layer, rows.values, length, g);
}

}  // namespace thaw::keras
