// Keras's text front end: a fitted Tokenizer and pad_sequences.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "thaw/tensor.h"

namespace thaw {

/// What of a sequence is filled or cut: its beginning or its end.
enum class SequenceSide : std::uint8_t { pre, post };

struct PadOptions {
  std::int64_t maxlen = -1;  // of the result; -1: the longest sequence
  SequenceSide padding = SequenceSide::pre;
  SequenceSide truncating = SequenceSide::pre;
  double value = 0;
  DType dtype = DType::int32;  // any number type
};

/// A matrix with one row per sequence. Throws Error(invalid_argument) for a type that is no number.
THAW_API Tensor pad_sequences(const std::vector<std::vector<std::int64_t>>& sequences,
                              const PadOptions& options = {});

/// How texts_to_matrix weighs words.
enum class MatrixMode : std::uint8_t { binary, count, freq, tfidf };

/// The words that a Keras Tokenizer was fitted on. Immutable; any number of threads may use one.
class THAW_API Tokenizer {
 public:
  /// Reads the file that `tokenizer.to_json()` gives. Throws Error: unimplemented for a pickled
  /// tokenizer (saying how to write the JSON) and for one with a Python analyzer, invalid_argument
  /// for anything else.
  static Tokenizer load(const std::string& path);
  static Tokenizer from_json(const std::string& json);

  /// Word indices of every text; words beyond `num_words` and unknown ones are the
  /// out-of-vocabulary token's, or left out if the tokenizer has none.
  std::vector<std::vector<std::int64_t>> texts_to_sequences(
      const std::vector<std::string>& texts) const;
  /// float64 [texts, num_words]: what of each word a text has. Throws Error(failed_precondition)
  /// when the tokenizer has not seen any text.
  Tensor texts_to_matrix(const std::vector<std::string>& texts,
                         MatrixMode mode = MatrixMode::binary) const;

  /// Words the tokenizer counts, the padding's index 0 included; 0: all.
  std::int64_t num_words() const;
  std::size_t vocabulary_size() const;

  struct Impl;

 private:
  explicit Tokenizer(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

}  // namespace thaw
