// StringLookup and IntegerLookup.
#include <charconv>
#include <numeric>
#include <set>

#include "loaders/keras/layers/layers.h"
#include "loaders/keras/layers/text.h"
#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

constexpr std::int64_t kNoCategory = INT64_MAX;
constexpr std::int64_t kMaxTokens = std::int64_t{1} << 26;

// Where Python's splitlines() breaks a text; 0 where it does not.
std::size_t break_length(std::string_view text, std::size_t at, bool unix_only) {
  const char c = text[at];
  if (c == '\r') return at + 1 < text.size() && text[at + 1] == '\n' ? 2 : 1;
  if (c == '\n') return 1;
  if (unix_only) return 0;
  if (c == '\v' || c == '\f' || (c >= '\x1c' && c <= '\x1e')) return 1;
  const std::string_view rest = text.substr(at);
  if (rest.starts_with("\xC2\x85")) return 2;
  return rest.starts_with("\xE2\x80\xA8") || rest.starts_with("\xE2\x80\xA9") ? 3 : 0;
}

// Keras 3 reads the lines of a vocabulary by splitlines() and drops empty ones at the end; tf.keras
// splits at line feeds.
std::vector<std::string> vocabulary_lines(std::string_view text, bool keras3) {
  std::vector<std::string> lines;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = break_length(text, at, !keras3);
    if (length == 0) {
      ++at;
      continue;
    }
    lines.emplace_back(text.substr(begin, at - begin));
    at += length;
    begin = at;
  }
  if (!keras3 || begin < text.size()) lines.emplace_back(text.substr(begin));
  while (keras3 && !lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

Tensor scalar(std::int64_t value) {
  return Tensor::from(Shape{}, std::vector<std::int64_t>{value});
}

bool same(const Tensor& tokens, std::int64_t i, const Tensor& token) {
  if (tokens.dtype() == DType::string) {
    return tokens.data<std::string>()[i] == token.data<std::string>()[0];
  }
  return tokens.data<std::int64_t>()[i] == token.data<std::int64_t>()[0];
}

Tensor without_first(const Tensor& tensor, std::int64_t count) {
  const std::int64_t n = tensor.num_elements() - count;
  Tensor rest(tensor.dtype(), Shape{n});
  for (std::int64_t i = 0; i < n; ++i) {
    if (tensor.dtype() == DType::string) {
      rest.mutable_data<std::string>()[i] = tensor.data<std::string>()[i + count];
    } else {
      rest.mutable_data<std::int64_t>()[i] = tensor.data<std::int64_t>()[i + count];
    }
  }
  return rest;
}

void check_distinct(const Layer& layer, const Tensor& tokens) {
  std::set<std::string> seen;
  for (std::int64_t i = 0; i < tokens.num_elements(); ++i) {
    const std::string text = tokens.dtype() == DType::string
                                 ? tokens.data<std::string>()[i]
                                 : std::to_string(tokens.data<std::int64_t>()[i]);
    if (!seen.insert(text).second) {
      layer.bad(fmt::format("the vocabulary holds '{}' twice", printable(text)));
    }
  }
}

}  // namespace

// A token as the configuration writes it.
Tensor IndexLookup::token(const Json& value) const {
  if (token_dtype_ == DType::string) {
    if (value.is_string()) return Tensor::from(Shape{}, std::vector<std::string>{value.string()});
  } else if (value.is_integer()) {
    return scalar(value.integer());
  }
  layer_.bad(fmt::format("expected a token of {}, found {}", name_of(token_dtype_),
                         printable(value.dump())));
}

IndexLookup::IndexLookup(const Layer& layer, Weights& weights, bool masks_empty)
    : layer_(layer),
      mode_(output_mode(layer, "int")),
      token_dtype_(layer.class_name() == "IntegerLookup" ? DType::int64 : DType::string) {
  const bool integers = token_dtype_ == DType::int64;
  const std::string dtype = layer.text("vocabulary_dtype", name_of(token_dtype_));
  if (dtype != name_of(token_dtype_)) {
    layer.unsupported(fmt::format("vocabulary_dtype={}", printable(dtype)));
  }
  unknown_ = integers ? scalar(-1) : Tensor::from(Shape{}, std::vector<std::string>{"[UNK]"});
  if (masks_empty) {
    has_mask_ = true;
    mask_ = Tensor::from(Shape{}, std::vector<std::string>{""});
  } else {
    unknown_count_ = layer.integer("num_oov_indices", 1);
    if (unknown_count_ < 0) layer.bad("num_oov_indices is negative");
    inverse_ = layer.flag("invert", false);
    // The names of TensorFlow 2.3 and 2.4 for integers.
    for (const char* key : {"mask_value", "mask_token"}) {
      if (!layer.has(key)) continue;
      has_mask_ = true;
      mask_ = token(*layer.find(key));
    }
    for (const char* key : {"oov_value", "oov_token"}) {
      if (layer.has(key)) unknown_ = token(*layer.find(key));
    }
  }
  if (inverse_ && mode_ != OutputMode::indices) layer.bad("invert with an output_mode but int");
  read_vocabulary();
  if (unknown_count_ > kMaxTokens)
    layer.unsupported(fmt::format("num_oov_indices={}", unknown_count_));
  const std::int64_t size = token_start() + tokens_.num_elements();
  const std::int64_t most = layer.integer("max_tokens", layer.integer("max_values", 0));
  depth_ = layer.flag("pad_to_max_tokens", false) && most > 0 ? most : size;
  if (depth_ > kMaxTokens) layer.unsupported(fmt::format("{} tokens", depth_));
  if (depth_ < size) layer.bad(fmt::format("a vocabulary of {}, max_tokens={}", size, most));
  if (mode_ == OutputMode::tf_idf) read_weights(weights);
}

void IndexLookup::read_vocabulary() {
  const Json* inline_tokens = layer_.find("vocabulary");
  const Json::Array* list = inline_tokens == nullptr ? nullptr : list_of(*inline_tokens);
  std::vector<std::string> lines;
  if (list == nullptr) {
    std::optional<std::string> text = layer_.asset("vocabulary.txt");
    if (!text) text = layer_.asset("_lookup_layer/vocabulary.txt");
    if (!text) {
      layer_.bad(
          "the file does not hold its vocabulary (weights files and .h5 leave out what adapt() "
          "learnt): save the model as .keras or as a SavedModel");
    }
    lines = vocabulary_lines(*text, layer_.keras3());
  }
  const std::size_t count = list == nullptr ? lines.size() : list->size();
  Tensor all(token_dtype_, Shape{static_cast<std::int64_t>(count)});
  for (std::size_t i = 0; i < count; ++i) {
    const auto at = static_cast<std::int64_t>(i);
    if (token_dtype_ == DType::string) {
      all.mutable_data<std::string>()[at] =
          list == nullptr ? lines[i] : token((*list)[i]).data<std::string>()[0];
    } else if (list != nullptr) {
      all.mutable_data<std::int64_t>()[at] = token((*list)[i]).data<std::int64_t>()[0];
    } else {
      std::int64_t& value = all.mutable_data<std::int64_t>()[at];
      const char* end = lines[i].data() + lines[i].size();
      const auto [stop, error] = std::from_chars(lines[i].data(), end, value);
      if (error != std::errc{} || stop != end) {
        layer_.bad(fmt::format("vocabulary.txt: '{}' is no integer", printable(lines[i])));
      }
    }
  }
  // Special tokens may stand in front of the others, all of them or none.
  const std::int64_t start = token_start();
  bool special = all.num_elements() >= start;
  for (std::int64_t i = 0; special && i < start; ++i) {
    special = same(all, i, i < unknown_start() ? mask_ : unknown_);
  }
  tokens_ = special ? without_first(all, start) : all;
  check_distinct(layer_, tokens_);
}

// Stored weights are complete; those of the configuration are the tokens' alone, and the special
// ones weigh as much as the others on average.
void IndexLookup::read_weights(Weights& weights) {
  if (weights.has("idf_weights")) {
    idf_ = weights.tensor("idf_weights", Shape{depth_});
    return;
  }
  const Json* value = layer_.find("idf_weights");
  const Json::Array* list = value == nullptr ? nullptr : list_of(*value);
  if (list == nullptr) layer_.bad("idf_weights are neither stored nor in the configuration");
  std::vector<float> numbers;
  for (const Json& item : *list) {
    if (!item.is_number()) layer_.bad("idf_weights must be numbers");
    numbers.push_back(static_cast<float>(item.number()));
  }
  const auto count = static_cast<std::size_t>(tokens_.num_elements());
  const auto start = static_cast<std::size_t>(token_start());
  if (numbers.size() == count + start) {
    numbers.erase(numbers.begin(), numbers.begin() + static_cast<std::ptrdiff_t>(start));
  }
  if (numbers.size() != count) {
    layer_.bad(fmt::format("{} idf_weights for {} tokens", numbers.size(), count));
  }
  const double sum = std::accumulate(numbers.begin(), numbers.end(), 0.0);
  const auto average = static_cast<float>(count == 0 ? 0 : sum / static_cast<double>(count));
  numbers.insert(numbers.begin(), start, average);
  numbers.resize(static_cast<std::size_t>(depth_), 0);
  idf_ = Tensor::from(Shape{depth_}, numbers);
}

ValueId IndexLookup::table(ValueId queries, GraphBuilder& g) const {
  std::vector<std::int64_t> indices(static_cast<std::size_t>(tokens_.num_elements()));
  std::iota(indices.begin(), indices.end(), token_start());
  const Tensor numbers = Tensor::from(tokens_.shape(), indices);
  const ops::HostCall lookup{
      "lookup", {{"keys", inverse_ ? numbers : tokens_}, {"values", inverse_ ? tokens_ : numbers}}};
  const bool one = unknown_count_ == 1;
  const Tensor otherwise = inverse_ ? unknown_ : scalar(one ? unknown_start() : -1);
  return g.add1(lookup, {queries, g.constant(otherwise)});
}

// Several indices for unknown tokens: by their value, or by their hash.
ValueId IndexLookup::spread_unknown(ValueId queries, ValueId found, GraphBuilder& g) const {
  ValueId spread = kNoValue;
  const bool hashes = layer_.text("oov_method", "floormod") == "farmhash";
  if (token_dtype_ == DType::int64 && !hashes) {
    spread = g.binary(BinaryKind::floor_mod, queries, g.constant(scalar(unknown_count_)));
  } else {
    ValueId texts = queries;
    if (token_dtype_ == DType::int64) texts = text_of_integers(texts, g);
    spread = hash_buckets(layer_, texts, unknown_count_, g);
  }
  spread = g.binary(BinaryKind::add, spread, g.constant(scalar(unknown_start())));
  const ValueId missing = g.binary(BinaryKind::equal, found, g.constant(scalar(-1)));
  return g.select(missing, spread, found);
}

ValueId IndexLookup::find(ValueId queries, GraphBuilder& g) const {
  if (g.dtype(queries) != DType::string && token_dtype_ == DType::string && !inverse_) {
    layer_.bad(fmt::format("expected strings, got {}", name_of(g.dtype(queries))));
  }
  if (g.dtype(queries) != DType::string) queries = g.cast(queries, DType::int64);
  ValueId found = table(queries, g);
  if (has_mask_) {
    const std::int64_t masked = mode_ == OutputMode::indices ? 0 : kNoCategory;
    const Tensor key = inverse_ ? scalar(0) : mask_;
    const ValueId here = g.binary(BinaryKind::equal, queries, g.constant(key));
    found = g.select(here, g.constant(inverse_ ? mask_ : scalar(masked)), found);
  }
  if (inverse_ || unknown_count_ == 1) return found;
  if (unknown_count_ > 1) return spread_unknown(queries, found, g);
  const ValueId known = g.binary(BinaryKind::not_equal, found, g.constant(scalar(-1)));
  g.add(ops::Assert{fmt::format("{}: with num_oov_indices=0 all inputs should be in the "
                                "vocabulary, found others",
                                layer_.title())},
        {known}, 0);
  return found;
}

// Keras 3 counts in integers, tf.keras in the layer's type.
ValueId IndexLookup::encode(ValueId indices, GraphBuilder& g) const {
  if (mode_ == OutputMode::indices) return indices;
  const DType floats = is_floating(layer_.policy.compute) ? layer_.policy.compute : DType::float32;
  if (mode_ != OutputMode::tf_idf) {
    const DType dtype = layer_.keras3() ? DType::int64 : floats;
    return encode_categories(layer_, indices, mode_, depth_, dtype, kNoValue, g);
  }
  const ValueId counts =
      encode_categories(layer_, indices, OutputMode::count, depth_, floats, kNoValue, g);
  return g.binary(BinaryKind::mul, counts, g.cast(g.constant(idf_), floats));
}

void index_lookup_variables(VariableList& variables) {
  const Json* mode = variables.layer().config.find("output_mode");
  if (mode == nullptr || !mode->is_string()) return;
  if (mode->string() != "tf_idf" && mode->string() != "tf-idf") return;
  variables.add("idf_weights", false);
}

Outputs index_lookup(const Layer& layer, Weights& weights, GraphBuilder& g) {
  const IndexLookup lookup(layer, weights, false);
  return lookup.encode(lookup.find(layer.input(), g), g);
}

}  // namespace thaw::keras
