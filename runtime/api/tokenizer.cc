#include "thaw/tokenizer.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "loaders/tokenizer.h"
#include "runtime/base/check.h"
#include "runtime/base/half.h"
#include "runtime/base/unicode.h"

namespace thaw {

struct Tokenizer::Impl {
  TokenizerConfig config;
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

// ---- texts ----

// Python's str.lower() in the characters that Keras then looks at.
std::u32string prepared(const TokenizerConfig& config, const std::string& text) {
  return unicode::characters(config.lower ? unicode::to_lower(text) : text);
}

std::string utf8(std::u32string_view characters) {
  std::string text;
  for (const char32_t c : characters) unicode::append(text, c);
  return text;
}

std::vector<std::string> words_of(const TokenizerConfig& config, const std::string& text) {
  std::vector<std::string> words;
  const std::u32string all = prepared(config, text);
  if (config.char_level) {
    for (const char32_t c : all) words.push_back(utf8(std::u32string(1, c)));
    return words;
  }
  std::u32string filtered;
  for (const char32_t c : all) {
    if (config.filters.find(c) == std::u32string::npos) {
      filtered += c;
    } else {
      filtered += config.split;
    }
  }
  for (std::size_t begin = 0; begin <= filtered.size();) {
    const std::size_t end = std::min(filtered.find(config.split, begin), filtered.size());
    if (end > begin) {
      words.push_back(utf8(std::u32string_view(filtered).substr(begin, end - begin)));
    }
    begin = end + config.split.size();
  }
  return words;
}

std::vector<std::int64_t> sequence_of(const TokenizerConfig& config, const std::string& text) {
  std::vector<std::int64_t> sequence;
  for (const std::string& word : words_of(config, text)) {
    const auto found = config.word_index.find(word);
    const bool known = found != config.word_index.end() &&
                       (config.num_words == 0 || found->second < config.num_words);
    if (known) {
      sequence.push_back(found->second);
    } else if (config.unknown != 0) {
      sequence.push_back(config.unknown);
    } else if (config.has_unknown && found == config.word_index.end()) {
      fail(ErrorCode::failed_precondition,
           "the tokenizer has an oov_token, but has not seen any text");
    }
  }
  return sequence;
}

double weight_of(const TokenizerConfig& config, MatrixMode mode, std::int64_t word, double count,
                 std::size_t length) {
  switch (mode) {
    case MatrixMode::binary: return 1;
    case MatrixMode::count: return count;
    case MatrixMode::freq: return count / static_cast<double>(length);
    case MatrixMode::tfidf: break;
  }
  const auto docs = config.index_docs.find(word);
  const double seen = docs == config.index_docs.end() ? 0 : static_cast<double>(docs->second);
  return (1 + std::log(count)) *
         std::log(1 + static_cast<double>(config.document_count) / (1 + seen));
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
  return Tokenizer(std::make_shared<const Impl>(Impl{load_tokenizer(path)}));
}

Tokenizer Tokenizer::from_json(const std::string& json) {
  return Tokenizer(std::make_shared<const Impl>(Impl{parse_tokenizer(json, "tokenizer")}));
}

std::vector<std::vector<std::int64_t>> Tokenizer::texts_to_sequences(
    const std::vector<std::string>& texts) const {
  Sequences sequences;
  sequences.reserve(texts.size());
  for (const std::string& text : texts) sequences.push_back(sequence_of(impl_->config, text));
  return sequences;
}

Tensor Tokenizer::texts_to_matrix(const std::vector<std::string>& texts, MatrixMode mode) const {
  const auto known = static_cast<std::int64_t>(impl_->config.word_index.size());
  const std::int64_t width = impl_->config.num_words > 0 ? impl_->config.num_words : known + 1;
  if (impl_->config.num_words == 0 && known == 0) {
    fail(ErrorCode::failed_precondition, "the tokenizer has not seen any text");
  }
  if (mode == MatrixMode::tfidf && impl_->config.document_count == 0) {
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
      row[word] = weight_of(impl_->config, mode, word, count, sequence.size());
    }
    row += width;
  }
  return out;
}

std::int64_t Tokenizer::num_words() const { return impl_->config.num_words; }
std::size_t Tokenizer::vocabulary_size() const { return impl_->config.word_index.size(); }

}  // namespace thaw
