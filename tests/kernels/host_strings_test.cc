// Published vectors of hashes and number formats, and what string functions say to bad elements.
// Everything else is judged by TensorFlow's answers in tests/golden/strings.
#include <gtest/gtest.h>

#include <cmath>

#include "kernels/host/hash.h"
#include "kernels/host/number_text.h"
#include "kernels/host/unicode_scripts.h"
#include "kernels/host_call.h"
#include "runtime/ir/infer.h"

namespace thaw {
namespace {

std::string error_of(const ops::HostCall& call, const std::vector<Tensor>& in) {
  try {
    std::vector<Operand> operands;
    for (const Tensor& tensor : in) operands.push_back({tensor.type(), nullptr});
    std::vector<TensorType> types;
    for (const int outputs : {1, 2, 3}) {
      try {
        types = infer(call, operands, outputs, nullptr);
        break;
      } catch (const Error& error) {
        if (std::string(error.what()).find("result(s)") == std::string::npos) throw;
      }
    }
    run_host_call(call, in, types, nullptr);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

Tensor texts(const std::vector<std::string>& values) {
  return Tensor::from(Shape{static_cast<std::int64_t>(values.size())}, values);
}

Tensor ints(const std::vector<std::int64_t>& values) {
  return Tensor::from(Shape{static_cast<std::int64_t>(values.size())}, values);
}

// The vectors of the SipHash paper's reference code: key 00 01 ... 0f, input 00 01 ... n - 1.
TEST(Hash, SipHashVectors) {
  constexpr std::uint64_t kLow = 0x0706050403020100, kHigh = 0x0f0e0d0c0b0a0908;
  std::string input;
  EXPECT_EQ(host::sip_hash_2_4(input, kLow, kHigh), 0x726fdb47dd0e0e31U);
  for (char c = 0; c < 8; ++c) input += c;
  EXPECT_EQ(host::sip_hash_2_4(input, kLow, kHigh), 0x93f5f5799a932462U);
  for (char c = 8; c < 15; ++c) input += c;
  EXPECT_EQ(host::sip_hash_2_4(input, kLow, kHigh), 0xa129ca6149be45e5U);
}

// tf.raw_ops.Fingerprint: every branch by length.
TEST(Hash, FarmHashVectors) {
  EXPECT_EQ(host::farm_fingerprint64(""), 11160318154034397263U);
  EXPECT_EQ(host::farm_fingerprint64("abc"), 2640714258260161385U);
  EXPECT_EQ(host::farm_fingerprint64("hello world"), 6381520714923946011U);
  EXPECT_EQ(host::farm_fingerprint64("0123456789abcdef"), 6105018409752412263U);
  EXPECT_EQ(host::farm_fingerprint64(std::string(32, 'x')), 12901576723999808517U);
  EXPECT_EQ(host::farm_fingerprint64(std::string(64, 'y')), 4471793200125962424U);
  EXPECT_EQ(host::farm_fingerprint64(std::string(65, 'y')), 13246502507848426076U);
  EXPECT_EQ(host::farm_fingerprint64(std::string(200, 'z')), 8728890208429024092U);
}

TEST(NumberText, ReadsAllOfAText) {
  EXPECT_EQ(host::parse_signed(" +12\n"), 12);
  EXPECT_EQ(host::parse_signed("-9223372036854775808"), INT64_MIN);
  for (const char* text : {"", " ", "1.0", "0x1F", "+-1", "9223372036854775808", "1 2"}) {
    EXPECT_EQ(host::parse_signed(text), std::nullopt) << text;
  }
  EXPECT_EQ(host::parse_unsigned("-0"), std::nullopt);
  EXPECT_EQ(host::parse_double("0x1.8p3"), 12.0);
  EXPECT_EQ(host::parse_double("-1e400"), -INFINITY);
  EXPECT_EQ(host::parse_double("0.000001e-400"), 0.0);
  EXPECT_EQ(host::parse_double("1000000e-400"), 0.0);
  EXPECT_TRUE(std::isnan(*host::parse_float("nan")));
  EXPECT_EQ(host::parse_float("16777217"), 16777216.0F);
  for (const char* text : {"", "1e", ".", "infin", "1_0", "- 5", "0x"}) {
    EXPECT_EQ(host::parse_double(text), std::nullopt) << text;
  }
  EXPECT_EQ(host::parse_double(std::string_view("1\0", 2)), std::nullopt);
}

TEST(NumberText, PrintsTheShorterOfTwo) {
  EXPECT_EQ(host::print_float(0.1F), "0.1");
  EXPECT_EQ(host::print_float(1.0F / 3), "0.333333343");
  EXPECT_EQ(host::print_double(1e16), "1e+16");
  EXPECT_EQ(host::print_float(-INFINITY), "-inf");
}

// Unicode's Scripts.txt.
TEST(Scripts, KnownCharacters) {
  EXPECT_EQ(host::script_of('A'), 25);     // Latin
  EXPECT_EQ(host::script_of(0x3B1), 14);   // Greek
  EXPECT_EQ(host::script_of(0x4E2D), 17);  // Han
  EXPECT_EQ(host::script_of(0x10FFFF), 103);
  EXPECT_EQ(host::script_of(-1), -1);
  EXPECT_EQ(host::script_of(0x110000), -1);
}

TEST(HostStrings, BadElementsAreNamed) {
  const ops::HostCall number{"string_to_number", {{"dtype", DType::int32}}};
  EXPECT_EQ(error_of(number, {texts({"1", "x"})}),
            "StringToNumberOp could not correctly convert string: x");
  const ops::HostCall bytes{"substr", {{"unit", "BYTE"}}};
  const auto scalar = [](std::int64_t value) { return ints({value}).reshaped(Shape{}); };
  EXPECT_EQ(error_of(bytes, {texts({"hello"}), scalar(6), scalar(1)}),
            "pos 6 out of range for string b'hello' at index 0");
  EXPECT_EQ(error_of(bytes, {texts({"hello"}), scalar(-6), scalar(1)}),
            "pos -6 out of range for string b'hello' at index 0");
  const ops::HostCall characters{"substr", {{"unit", "UTF8_CHAR"}}};
  EXPECT_EQ(error_of(characters, {texts({"hi"}), scalar(3), scalar(1)}),
            "pos 3 out of range for string at index 0");
  EXPECT_EQ(error_of(characters, {texts({"hi"}), scalar(INT64_MIN), scalar(INT64_MIN)}),
            "pos -9223372036854775808 out of range for string at index 0");
  const ops::HostCall regex{"regex_full_match", {}};
  EXPECT_EQ(error_of(regex, {texts({"a"}), texts({"("}).reshaped(Shape{})}),
            "Invalid pattern: (, error: missing ): (");
  EXPECT_EQ(error_of({"decode_base64", {}}, {texts({"Y"})}),
            "Base64 string length cannot be 1 modulo 4.");
  EXPECT_EQ(error_of({"decode_base64", {}}, {texts({"Y+/a"})}),
            "Invalid character found in base64.");
}

TEST(HostStrings, SplitsOfTheFileAreChecked) {
  const ops::HostCall ngrams{"string_ngrams",
                             {{"separator", " "},
                              {"ngram_widths", std::vector<std::int64_t>{2}},
                              {"left_pad", ""},
                              {"right_pad", ""},
                              {"pad_width", 0},
                              {"preserve_short_sequences", false}}};
  EXPECT_EQ(error_of(ngrams, {texts({"a", "b"}), ints({1, 2})}),
            "First split value must be 0, got 1");
  EXPECT_EQ(error_of(ngrams, {texts({"a", "b"}), ints({0, 3, 2})}),
            "Invalid split value 3, must be in [0, 2]");
  EXPECT_EQ(error_of(ngrams, {texts({"a", "b"}), ints({0, 1})}),
            "Last split value must be data size. Expected 2, got 1");
  const ops::HostCall dense{"ragged_to_tensor",
                            {{"row_partition_types", std::vector<std::string>{"ROW_SPLITS"}}}};
  const Tensor shape = ints({-1, -1}), filling = ints({0}).reshaped(Shape{});
  for (const auto& splits : std::vector<std::vector<std::int64_t>>{
           {0, 5}, {1, 2}, {0, 2, 1}, {0, -1, 2}, {0, INT64_MAX}}) {
    EXPECT_NE(error_of(dense, {shape, ints({7, 8}), filling, ints(splits)}), "no error");
  }
  const ops::HostCall ids{
      "ragged_to_tensor",
      {{"row_partition_types", std::vector<std::string>{"FIRST_DIM_SIZE", "VALUE_ROWIDS"}}}};
  const auto rows = [](std::int64_t n) { return ints({n}).reshaped(Shape{}); };
  EXPECT_EQ(error_of(ids, {shape, ints({7, 8}), filling, rows(2), ints({0, 2})}),
            "Got next_value_rowid=2 which is not less than 2");
  EXPECT_NE(error_of(ids, {shape, ints({7, 8}), filling, rows(INT64_MAX), ints({0, 1})}),
            "no error");
  const ops::HostCall range{"ragged_range", {{"splits", DType::int64}}};
  EXPECT_EQ(error_of(range, {ints({0}), ints({3}), ints({0})}), "Requires delta != 0");
  EXPECT_NE(error_of(range, {ints({INT64_MIN}), ints({INT64_MAX}), ints({1})}), "no error");
}

}  // namespace
}  // namespace thaw
