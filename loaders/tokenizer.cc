#include "loaders/tokenizer.h"

#include <charconv>

#include "loaders/source/file_tree.h"
#include "loaders/source/json.h"
#include "runtime/base/check.h"
#include "runtime/base/unicode.h"

namespace thaw {
namespace {

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

}  // namespace

TokenizerConfig parse_tokenizer(const std::string& text, const std::string& name) {
  const Limits limits;
  const Json json = parse_json(text, name, limits);
  const Json* found = json.is_object() ? json.find("config") : nullptr;
  if (found == nullptr || !found->is_object()) bad(name, "no Keras tokenizer: 'config' is missing");
  const Json& config = *found;
  TokenizerConfig result;
  if (const Json* analyzer = config.find("analyzer"); analyzer != nullptr && !analyzer->is_null()) {
    fail(ErrorCode::unimplemented, "{}: its analyzer is a Python function", printable(name));
  }
  if (const Json* words = config.find("num_words"); words != nullptr && !words->is_null()) {
    result.num_words = integer_of(*words, "num_words", name);
  }
  const Json& filters = member(config, "filters", name);
  if (!filters.is_null()) {
    result.filters = unicode::characters(text_of(filters, "filters", name));
  }
  result.split = unicode::characters(text_of(member(config, "split", name), "split", name));
  if (result.split.empty()) bad(name, "'split' is empty");
  const auto flag = [&](const char* key) {
    const Json& value = member(config, key, name);
    if (!value.is_bool()) bad(name, fmt::format("'{}' is neither true nor false", key));
    return value.boolean();
  };
  result.lower = flag("lower");
  result.char_level = flag("char_level");
  if (const Json* documents = config.find("document_count")) {
    result.document_count = integer_of(*documents, "document_count", name);
  }
  const Json index = inner(config, "word_index", name, limits);
  for (const auto& [word, value] : index.object()) {
    result.word_index[word] = integer_of(value, "word_index", name);
  }
  if (config.find("index_docs") != nullptr) {
    const Json docs = inner(config, "index_docs", name, limits);
    for (const auto& [key, value] : docs.object()) {
      std::int64_t number = 0;
      const auto [stop, error] = std::from_chars(key.data(), key.data() + key.size(), number);
      if (error != std::errc{} || stop != key.data() + key.size()) {
        bad(name, fmt::format("'index_docs' has the key '{}'", printable(key, 40)));
      }
      result.index_docs[number] = integer_of(value, "index_docs", name);
    }
  }
  if (const Json* token = config.find("oov_token"); token != nullptr && !token->is_null()) {
    result.has_unknown = true;
    const auto known = result.word_index.find(text_of(*token, "oov_token", name));
    if (known != result.word_index.end()) result.unknown = known->second;
  }
  return result;
}

TokenizerConfig load_tokenizer(const std::string& path) {
  const Bytes file = read_file(path, Limits{});
  const std::string_view text = file.text();
  // Protocols 2 to 5 of pickle begin like this, older ones with the class that they build.
  if (text.starts_with('\x80') || text.starts_with("ccopy_reg") || text.starts_with("(i")) {
    fail(ErrorCode::unimplemented, "{} is a pickle, which could run any code when it is read: {}",
         printable(path), kHowToWrite);
  }
  return parse_tokenizer(std::string(text), path);
}

}  // namespace thaw
