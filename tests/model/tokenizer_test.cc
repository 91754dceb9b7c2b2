// Keras tokenizers, padding and matrices against tf-keras (tests/golden/make_tokenizer.py).
#include "thaw/tokenizer.h"

#include <gtest/gtest.h>

#include <fstream>

#include "loaders/source/json.h"

namespace thaw {
namespace {

const std::string kFolder = THAW_SOURCE_DIR "/tests/golden/tokenizer/";

std::string read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

Json expected() { return parse_json(read(kFolder + "expected.json"), "expected", Limits{}); }

std::vector<std::string> texts_of(const Json& json) {
  std::vector<std::string> texts;
  for (const Json& text : json.at("texts").array()) texts.push_back(text.string());
  return texts;
}

std::vector<std::vector<std::int64_t>> sequences_of(const Json& json) {
  std::vector<std::vector<std::int64_t>> sequences;
  for (const Json& row : json.array()) {
    sequences.emplace_back();
    for (const Json& word : row.array()) sequences.back().push_back(word.integer());
  }
  return sequences;
}

template <class T>
void expect_rows(const Tensor& got, const Json& rows, double tolerance) {
  ASSERT_EQ(got.shape().rank(), 2);
  ASSERT_EQ(got.shape()[0], static_cast<std::int64_t>(rows.array().size()));
  std::int64_t at = 0;
  for (const Json& row : rows.array()) {
    ASSERT_EQ(got.shape()[1], static_cast<std::int64_t>(row.array().size()));
    for (const Json& number : row.array()) {
      EXPECT_NEAR(static_cast<double>(got.data<T>()[at]), number.number(), tolerance) << at;
      ++at;
    }
  }
}

TEST(Tokenizer, SequencesAndMatricesAreKeras) {
  const Json json = expected();
  const std::vector<std::string> texts = texts_of(json);
  int tokenizers = 0;
  for (const auto& [name, answers] : json.at("tokenizers").object()) {
    SCOPED_TRACE(name);
    const Tokenizer tokenizer = Tokenizer::load(kFolder + name + ".json");
    EXPECT_EQ(tokenizer.texts_to_sequences(texts), sequences_of(answers.at("sequences")));
    const Json& matrices = answers.at("matrices");
    expect_rows<double>(tokenizer.texts_to_matrix(texts), matrices.at("binary"), 0);
    expect_rows<double>(tokenizer.texts_to_matrix(texts, MatrixMode::count), matrices.at("count"),
                        0);
    expect_rows<double>(tokenizer.texts_to_matrix(texts, MatrixMode::freq), matrices.at("freq"),
                        1e-15);
    expect_rows<double>(tokenizer.texts_to_matrix(texts, MatrixMode::tfidf), matrices.at("tfidf"),
                        1e-14);
    ++tokenizers;
  }
  EXPECT_EQ(tokenizers, 6);
}

TEST(Tokenizer, PaddingIsKeras) {
  const Json json = expected();
  const auto sequences = Tokenizer::load(kFolder + "words.json").texts_to_sequences(texts_of(json));
  int cases = 0;
  for (const Json& row : json.at("padded").array()) {
    PadOptions options;
    options.dtype = DType::float32;
    if (const Json* maxlen = row.find("maxlen")) options.maxlen = maxlen->integer();
    if (const Json* value = row.find("value")) options.value = value->number();
    if (row.find("padding") != nullptr) options.padding = SequenceSide::post;
    if (row.find("truncating") != nullptr) options.truncating = SequenceSide::post;
    expect_rows<float>(pad_sequences(sequences, options), row.at("result"), 0);
    ++cases;
  }
  EXPECT_EQ(cases, 5);
  EXPECT_EQ(pad_sequences({}).shape(), (Shape{0, 0}));
  EXPECT_EQ(pad_sequences({{1, 2}, {}}).data<std::int32_t>()[1], 2);
  PadOptions strings;
  strings.dtype = DType::string;
  EXPECT_THROW(pad_sequences({{1}}, strings), Error);
}

std::string error_of(const std::string& json) {
  try {
    Tokenizer::from_json(json);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Tokenizer, RefusesWhatIsNoTokenizer) {
  try {
    Tokenizer::load(kFolder + "words.pickle");
    FAIL() << "a pickle was read";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::unimplemented);
    const std::string message = error.what();
    EXPECT_NE(message.find("is a pickle, which could run any code when it is read"),
              std::string::npos);
    EXPECT_NE(message.find("tokenizer.to_json()"), std::string::npos);
  }
  EXPECT_THROW(Tokenizer::load(kFolder + "absent.json"), Error);
  EXPECT_NE(error_of("[]").find("'config' is missing"), std::string::npos);
  EXPECT_NE(error_of("{\"config\": {}}").find("'filters' is missing"), std::string::npos);
  EXPECT_NE(error_of(R"({"config": {"filters": 1}})").find("'filters' is no text"),
            std::string::npos);
  EXPECT_NE(error_of(R"({"config": {"filters": "", "split": ""}})").find("'split' is empty"),
            std::string::npos);
  EXPECT_NE(error_of(R"({"config": {"filters": "", "split": " ", "lower": 1}})")
                .find("'lower' is neither true nor false"),
            std::string::npos);
  const std::string head =
      R"({"config": {"filters": "", "split": " ", "lower": true, "char_level": false, )";
  EXPECT_NE(error_of(head + R"("word_index": "{\"a\": -1}"}})").find("'word_index' holds -1"),
            std::string::npos);
  EXPECT_NE(error_of(head + R"("word_index": "[1]"}})").find("'word_index' is no dictionary"),
            std::string::npos);
  EXPECT_NE(error_of(head + R"("analyzer": "f", "word_index": "{}"}})").find("Python function"),
            std::string::npos);
  EXPECT_EQ(error_of(head + R"("word_index": "{\"a\": 1}"}})"), "no error");
}

}  // namespace
}  // namespace thaw
