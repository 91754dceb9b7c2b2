#include "thaw/tokenizer.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <unordered_map>

#include "loaders/source/file_tree.h"
#include "loaders/source/json.h"
#include "runtime/base/check.h"
#include "runtime/base/half.h"
#include "runtime/base/unicode.h"

namespace thaw {

struct Tokenizer::Impl {
  std::int64_t num_words = 0;  // 0: all
  std::u32string filters;
  std::u32string split;
  bool lower = true, char_level = false;
  std::int64_t document_count = 0;
  std::unordered_map<std::string, std::int64_t> word_index;
  std::map<std::int64_t, std::int64_t> index_docs;
  bool has_unknown = false;
  std::int64_t unknown = 0;  // index of the out-of-vocabulary token; 0: it has none
};

namespace {

constexpr std::int64_t kMaxElements = std::int64_t{1} << 31;

using Sequences = std::vector<std::vector<std::int64_t>>;

template <class T>
void fill(Tensor& out, const Sequences& sequences, std::int64_t length, const PadOptions& options,
          T (*convert)(double)) {
  T* row = static_cast<T*>(out.mutable_data());
  const auto width = static_cast<std::size_t>(length);
  for (const std::vector<std::int64_t>& sequence : sequences) {
    std::fill(row, row + width, convert(options.value));
    const std::size_t count = std::min(sequence.size(), width);
    const std::size_t from = options.truncating == SequenceSide::pre ? sequence.size() - count : 0;
    const std::size_t to = options.padding == SequenceSide::pre ? width - count : 0;
    for (std::size_t i = 0; i < count; ++i) {
      row[to + i] = convert(static_cast<double>(sequence[from + i]));
    }
    row += width;
  }
}

template <class T>
T plain(double value) {
  return static_cast<T>(value);
}
float16 to_half(double value) { return float16_from(static_cast<float>(value)); }
bfloat16 to_bfloat(double value) { return bfloat16_from(static_cast<float>(value)); }

// ---- reading ----

constexpr const char* kHowToWrite =
    "write the tokenizer as JSON where it was made: "
    "open('tokenizer.json', 'w').write(tokenizer.to_json())";

[[noreturn]] void bad(const std::string& name, const std::string& what) {
  fail(ErrorCode::invalid_argument, "{}: {}", printable(name), what);
}

const Json& member(const Json& config, const char* key, const std::string& name) {
  const Json* value = config.find(key);
  if (value == nullptr) bad(name, fmt::format("no Keras tokenizer: '{}' is missing", key));
  return *value;
}

std::string text_of(const Json& value, const char* key, const std::string& name) {
  if (!value.is_string()) bad(name, fmt::format("'{}' is no text", key));
  return value.string();
}

// A dictionary inside a JSON string.
Json inner(const Json& config, const char* key, const std::string& name, const Limits& limits) {
  const Json& value = member(config, key, name);
  Json parsed = value.is_string() ? parse_json(value.string(), name + "!" + key, limits) : value;
  if (!parsed.is_object()) bad(name, fmt::format("'{}' is no dictionary", key));
  return parsed;
}

std::int64_t integer_of(const Json& value, const char* key, const std::string& name) {
  if (!value.is_integer() || value.integer() < 0) {
    bad(name,
        fmt::format("'{}' holds {}, expected a number of words", key, printable(value.dump(), 40)));
  }
  return value.integer();
}

std::shared_ptr<const Tokenizer::Impl> read(const std::string& text, const std::string& name) {
  const Limits limits;
  const Json json = parse_json(text, name, limits);
  const Json* found = json.is_object() ? json.find("config") : nullptr;
  if (found == nullptr || !found->is_object()) bad(name, "no Keras tokenizer: 'config' is missing");
  const Json& config = *found;
  auto impl = std::make_shared<Tokenizer::Impl>();
  if (const Json* analyzer = config.find("analyzer"); analyzer != nullptr && !analyzer->is_null()) {
    fail(ErrorCode::unimplemented, "{}: its analyzer is a Python function", printable(name));
  }
  if (const Json* words = config.find("num_words"); words != nullptr && !words->is_null()) {
    impl->num_words = integer_of(*words, "num_words", name);
  }
  const Json& filters = member(config, "filters", name);
  if (!filters.is_null()) {
    impl->filters = unicode::characters(text_of(filters, "filters", name));
  }
  impl->split = unicode::characters(text_of(member(config, "split", name), "split", name));
  if (impl->split.empty()) bad(name, "'split' is empty");
  const auto flag = [&](const char* key) {
    const Json& value = member(config, key, name);
    if (!value.is_bool()) bad(name, fmt::format("'{}' is neither true nor false", key));
    return value.boolean();
  };
  impl->lower = flag("lower");
  impl->char_level = flag("char_level");
  if (const Json* documents = config.find("document_count")) {
    impl->document_count = integer_of(*documents, "document_count", name);
  }
  const Json index = inner(config, "word_index", name, limits);
  for (const auto& [word, value] : index.object()) {
    impl->word_index[word] = integer_of(value, "word_index", name);
  }
  if (config.find("index_docs") != nullptr) {
    const Json docs = inner(config, "index_docs", name, limits);
    for (const auto& [key, value] : docs.object()) {
      std::int64_t number = 0;
      const auto [stop, error] = std::from_chars(key.data(), key.data() + key.size(), number);
      if (error != std::errc{} || stop != key.data() + key.size()) {
        bad(name, fmt::format("'index_docs' has the key '{}'", printable(key, 40)));
      }
      impl->index_docs[number] = integer_of(value, "index_docs", name);
    }
  }
  if (const Json* token = config.find("oov_token"); token != nullptr && !token->is_null()) {
    impl->has_unknown = true;
    const auto known = impl->word_index.find(text_of(*token, "oov_token", name));
    if (known != impl->word_index.end()) impl->unknown = known->second;
  }
  return impl;
}

// ---- texts ----

// Python's str.lower() in the characters that Keras then looks at.
std::u32string prepared(const Tokenizer::Impl& impl, const std::string& text) {
  return unicode::characters(impl.lower ? unicode::to_lower(text) : text);
}

std::string utf8(std::u32string_view characters) {
  std::string text;
  for (const char32_t c : characters) unicode::append(text, c);
  return text;
}

std::vector<std::string> words_of(const Tokenizer::Impl& impl, const std::string& text) {
  std::vector<std::string> words;
  const std::u32string all = prepared(impl, text);
  if (impl.char_level) {
    for (const char32_t c : all) words.push_back(utf8(std::u32string(1, c)));
    return words;
  }
  std::u32string filtered;
  for (const char32_t c : all) {
    if (impl.filters.find(c) == std::u32string::npos) {
      filtered += c;
    } else {
      filtered += impl.split;
    }
  }
  for (std::size_t begin = 0; begin <= filtered.size();) {
    const std::size_t end = std::min(filtered.find(impl.split, begin), filtered.size());
    if (end > begin) {
      words.push_back(utf8(std::u32string_view(filtered).substr(begin, end - begin)));
    }
    begin = end + impl.split.size();
  }
  return words;
}

std::vector<std::int64_t> sequence_of(const Tokenizer::Impl& impl, const std::string& text) {
  std::vector<std::int64_t> sequence;
  for (const std::string& word : words_of(impl, text)) {
    const auto found = impl.word_index.find(word);
    const bool known =
        found != impl.word_index.end() && (impl.num_words == 0 || found->second < impl.num_words);
    if (known) {
      sequence.push_back(found->second);
    } else if (impl.unknown != 0) {
      sequence.push_back(impl.unknown);
    } else if (impl.has_unknown && found == impl.word_index.end()) {
      fail(ErrorCode::failed_precondition,
           "the tokenizer has an oov_token, but has not seen any text");
    }
  }
  return sequence;
}

double weight_of(const Tokenizer::Impl& impl, MatrixMode mode, std::int64_t word, double count,
                 std::size_t length) {
  switch (mode) {
    case MatrixMode::binary: return 1;
    case MatrixMode::count: return count;
    case MatrixMode::freq: return count / static_cast<double>(length);
    case MatrixMode::tfidf: break;
  }
  const auto docs = impl.index_docs.find(word);
  const double seen = docs == impl.index_docs.end() ? 0 : static_cast<double>(docs->second);
  return (1 + std::log(count)) *
         std::log(1 + static_cast<double>(impl.document_count) / (1 + seen));
}

}  // namespace

Tensor pad_sequences(const std::vector<std::vector<std::int64_t>>& sequences,
                     const PadOptions& options) {
  std::int64_t length = options.maxlen;
  if (length < 0) {
    length = 0;
    for (const auto& sequence : sequences) {
      length = std::max(length, static_cast<std::int64_t>(sequence.size()));
    }
  }
  const auto rows = static_cast<std::int64_t>(sequences.size());
  if (length > 0 && rows > kMaxElements / length) {
    fail(ErrorCode::resource_exhausted, "{} sequences of length {}", rows, length);
  }
  Tensor out(options.dtype, Shape{rows, length});
  switch (options.dtype) {
    case DType::float16: fill<float16>(out, sequences, length, options, to_half); break;
    case DType::bfloat16: fill<bfloat16>(out, sequences, length, options, to_bfloat); break;
    case DType::float32: fill<float>(out, sequences, length, options, plain<float>); break;
    case DType::float64: fill<double>(out, sequences, length, options, plain<double>); break;
    case DType::int8: fill<std::int8_t>(out, sequences, length, options, plain); break;
    case DType::int16: fill<std::int16_t>(out, sequences, length, options, plain); break;
    case DType::int32: fill<std::int32_t>(out, sequences, length, options, plain); break;
    case DType::int64: fill<std::int64_t>(out, sequences, length, options, plain); break;
    case DType::uint8: fill<std::uint8_t>(out, sequences, length, options, plain); break;
    case DType::uint16: fill<std::uint16_t>(out, sequences, length, options, plain); break;
    case DType::uint32: fill<std::uint32_t>(out, sequences, length, options, plain); break;
    case DType::uint64: fill<std::uint64_t>(out, sequences, length, options, plain); break;
    default: fail(ErrorCode::invalid_argument, "sequences of {}", name_of(options.dtype));
  }
  return out;
}

Tokenizer Tokenizer::load(const std::string& path) {
  const Bytes file = read_file(path, Limits{});
  const std::string_view text = file.text();
  // Protocols 2 to 5 of pickle begin like this, older ones with the class that they build.
  if (text.starts_with('\x80') || text.starts_with("ccopy_reg") || text.starts_with("(i")) {
    fail(ErrorCode::unimplemented, "{} is a pickle, which could run any code when it is read: {}",
         printable(path), kHowToWrite);
  }
  return Tokenizer(read(std::string(text), path));
}

Tokenizer Tokenizer::from_json(const std::string& json) {
  return Tokenizer(read(json, "tokenizer"));
}

std::vector<std::vector<std::int64_t>> Tokenizer::texts_to_sequences(
    const std::vector<std::string>& texts) const {
  Sequences sequences;
  sequences.reserve(texts.size());
  for (const std::string& text : texts) sequences.push_back(sequence_of(*impl_, text));
  return sequences;
}

Tensor Tokenizer::texts_to_matrix(const std::vector<std::string>& texts, MatrixMode mode) const {
  const auto known = static_cast<std::int64_t>(impl_->word_index.size());
  const std::int64_t width = impl_->num_words > 0 ? impl_->num_words : known + 1;
  if (impl_->num_words == 0 && known == 0) {
    fail(ErrorCode::failed_precondition, "the tokenizer has not seen any text");
  }
  if (mode == MatrixMode::tfidf && impl_->document_count == 0) {
    fail(ErrorCode::failed_precondition, "tfidf of a tokenizer that has not seen any text");
  }
  const auto rows = static_cast<std::int64_t>(texts.size());
  if (rows > kMaxElements / width) {
    fail(ErrorCode::resource_exhausted, "{} texts of {} words", rows, width);
  }
  Tensor out(DType::float64, Shape{rows, width});
  auto* row = out.mutable_data<double>();
  for (const std::vector<std::int64_t>& sequence : texts_to_sequences(texts)) {
    std::map<std::int64_t, double> counts;
    for (const std::int64_t word : sequence) {
      if (word < width) counts[word] += 1;
    }
    for (const auto& [word, count] : counts) {
      row[word] = weight_of(*impl_, mode, word, count, sequence.size());
    }
    row += width;
  }
  return out;
}

std::int64_t Tokenizer::num_words() const { return impl_->num_words; }
std::size_t Tokenizer::vocabulary_size() const { return impl_->word_index.size(); }

}  // namespace thaw
