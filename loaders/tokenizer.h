// What the JSON of a fitted Keras Tokenizer says.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>

namespace thaw {

struct TokenizerConfig {
  std::int64_t num_words = 0;     // 0: all
  std::u32string filters, split;  // characters that are replaced by `split`, which separates
  bool lower = true, char_level = false;
  std::int64_t document_count = 0;
  std::unordered_map<std::string, std::int64_t> word_index;
  std::map<std::int64_t, std::int64_t> index_docs;
  bool has_unknown = false;
  std::int64_t unknown = 0;  // index of the out-of-vocabulary token; 0: it has none
};

/// Throws Error: unimplemented for a pickle (saying how to write the JSON) and for a Python
/// analyzer, invalid_argument for what is no tokenizer.
TokenizerConfig load_tokenizer(const std::string& path);
/// `name` is used in messages.
TokenizerConfig parse_tokenizer(const std::string& text, const std::string& name);

}  // namespace thaw
