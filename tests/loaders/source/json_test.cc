#include "loaders/source/json.h"

#include <cmath>

#include "tests/loaders/source/source_testing.h"

namespace thaw::testing {
namespace {

Json parse(std::string_view text) { return parse_json(text, "test.json", Limits{}); }

ErrorCode code_of(std::string_view text, std::string* message = nullptr) {
  return error_of([&] { parse(text); }, message);
}

TEST(Json, Values) {
  EXPECT_TRUE(parse("null").is_null());
  EXPECT_TRUE(parse(" true ").boolean());
  EXPECT_FALSE(parse("false").boolean());
  EXPECT_EQ(parse("\"a\"").string(), "a");
  EXPECT_EQ(parse("[]").size(), 0u);
  EXPECT_EQ(parse("{}").size(), 0u);
  const Json json = parse("\t{\"b\": [1, 2.5, {\"c\": null}], \"a\": \"x\"}\r\n");
  EXPECT_EQ(json.object()[0].first, "b");  // in the file's order
  EXPECT_EQ(json.at("b").at(0).integer(), 1);
  EXPECT_EQ(json.at("b").at(1).number(), 2.5);
  EXPECT_TRUE(json.at("b").at(2).at("c").is_null());
  EXPECT_EQ(json.find("absent"), nullptr);
  EXPECT_EQ(parse("[1]").find("a"), nullptr);
}

TEST(Json, Numbers) {
  EXPECT_EQ(parse("-0").integer(), 0);
  EXPECT_EQ(parse("9223372036854775807").integer(), INT64_MAX);
  EXPECT_EQ(parse("-9223372036854775808").integer(), INT64_MIN);
  EXPECT_EQ(parse("9223372036854775808").type(), Json::Type::number);
  EXPECT_EQ(parse("9223372036854775808").number(), 0x1p63);
  EXPECT_EQ(parse("3.0").type(), Json::Type::number);
  EXPECT_EQ(parse("3.0").integer(), 3);
  EXPECT_EQ(parse("1e3").integer(), 1000);
  EXPECT_EQ(parse("0.1").number(), 0.1);
  EXPECT_EQ(parse("1.7976931348623157e308").number(), 1.7976931348623157e308);
  EXPECT_EQ(parse("5e-324").number(), 5e-324);
  EXPECT_EQ(parse("1e-999").number(), 0.0);
  EXPECT_TRUE(std::signbit(parse("-1e-99999999999999999999999").number()));
  EXPECT_EQ(parse("0e99999999999999999999").number(), 0.0);
  EXPECT_EQ(parse("0." + std::string(400, '0') + "1e400").number(), 0.1);
  EXPECT_TRUE(std::isnan(parse("NaN").number()));
  EXPECT_EQ(parse("[Infinity]").at(std::size_t{0}).number(), INFINITY);
  EXPECT_EQ(parse("{\"a\":-Infinity}").at("a").number(), -INFINITY);
  EXPECT_EQ(parse("\"NaN\"").string(), "NaN");
  // Zeros spelled as what stands in for these tokens inside the parser, and the tokens in strings.
  const Json mixed =
      parse(R"([0e0, NaN, "NaN, [-Infinity", -0e000000, -Infinity,0e000000,Infinity , "\"NaN"])");
  EXPECT_EQ(mixed.dump(), R"([0.0,NaN,"NaN, [-Infinity",-0.0,-Infinity,0.0,Infinity,"\"NaN"])");
  for (const std::string& text :
       {std::string("1e999"), std::string("-1e999"), std::string("1e99999999999999999999"),
        "1" + std::string(400, '0'), std::string(1000000, '7'),
        "1" + std::string(500, '0') + "e-100"}) {
    EXPECT_EQ(code_of(text), ErrorCode::invalid_argument) << text.substr(0, 30);
  }
  for (const char* text :
       {"01",     "+1",     "1.",        ".5",         "1e",      "1e+",     "-",         "--1",
        "0x10",   "1_000",  "nan",       "inf",        "-NaN",    "Infinit", "+Infinity", "[1NaN]",
        "[NaN1]", "NaNNaN", "[NaN NaN]", "--Infinity", "{NaN:1}", "NaN\"a\""}) {
    EXPECT_EQ(code_of(text), ErrorCode::invalid_argument) << text;
  }
}

TEST(Json, Strings) {
  EXPECT_EQ(parse(R"("\"\\\/\b\f\n\r\t")").string(), "\"\\/\b\f\n\r\t");
  EXPECT_EQ(parse(R"("\u0041\u00e9\u20ac\ud83d\ude00")").string(), "A\u00e9\u20ac\U0001f600");
  EXPECT_EQ(parse("\"\u00e9\u20ac\U0001f600\"").string(), "\u00e9\u20ac\U0001f600");
  EXPECT_EQ(parse(R"("\u0000")").string(), std::string(1, '\0'));
  for (const std::string& text : {std::string("\"\x80\""),
                                  std::string("\"\xc3\""),
                                  std::string("\"\xc0\xaf\""),  // stray, cut, overlong
                                  std::string("\"\xed\xa0\x80\""),
                                  std::string("\"\xf4\x90\x80\x80\""),  // surrogate, too large
                                  std::string("\"\xe0\x80\xaf\""),
                                  std::string("\"\xf0\x80\x80\xaf\""),
                                  std::string("\"\xff\""),
                                  std::string("\"\xe2\x82"),
                                  std::string(R"("\ud83d")"),
                                  std::string(R"("\ude00")"),
                                  std::string(R"("\ud83dx")"),
                                  std::string(R"("\ud83d\u0041")"),
                                  std::string(R"("\u12")"),
                                  std::string(R"("\u12g4")"),
                                  std::string(R"("\u-123")"),
                                  std::string(R"("\x41")"),
                                  std::string("\"a\nb\""),
                                  std::string("\"a\0b\"", 5),
                                  std::string("\"a"),
                                  std::string("\"a\\"),
                                  std::string("'a'")}) {
    EXPECT_EQ(code_of(text), ErrorCode::invalid_argument) << text;
  }
}

TEST(Json, Structure) {
  for (const char* text :
       {"",      " ",         "[",         "]",      "[1",        "[1,",      "[1,]",
        "[,1]",  "[1 2]",     "{",         "{\"a\"", "{\"a\":",   "{\"a\":1", "{\"a\":1,}",
        "{a:1}", "{1:1}",     "{\"a\" 1}", "[1}",    "{\"a\":1]", "1 2",      "[] []",
        "nul",   "truefalse", "// x",      "{,}",    "[[]"}) {
    EXPECT_EQ(code_of(text), ErrorCode::invalid_argument) << text;
  }
  EXPECT_EQ(code_of(std::string_view("1\0", 2)), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of("\xef\xbb\xbf{}"), ErrorCode::invalid_argument);  // a byte order mark
}

TEST(Json, MessagesSayWhere) {
  const auto message_of = [](std::string_view text) {
    std::string message;
    code_of(text, &message);
    return message;
  };
  for (const auto& [text, place] : std::vector<std::pair<std::string, std::string>>{
           {"[1, x]", "test.json: JSON at byte 4: "},
           {"[1, 2", "JSON at byte 5: "},
           {"[1, NaN, {\"a\": 1, \"a\": 2}]", "JSON at byte 9: the object has member 'a' twice"},
           {"\xef\xbb\xbf{}", "JSON at byte 0: begins with a byte order mark"},
           {std::string("[1\0]", 4), "JSON at byte 2: a NUL byte"},
           {"[[1e999]]", "number overflow"},
           {std::string(300, '['), "JSON at byte 256: nested deeper than 256 levels"}}) {
    EXPECT_NE(message_of(text).find(place), std::string::npos) << message_of(text);
  }
  EXPECT_LT(message_of("[1" + std::string(100000, '7') + "]").size(), 500u);
  EXPECT_LT(message_of("[" + std::string(100000, 'x') + "]").size(), 500u);
}

TEST(Json, DuplicateKeys) {
  std::string message;
  EXPECT_EQ(code_of(R"({"a": 1, "b": {"name": 1, "x": 2, "name": 3}})", &message),
            ErrorCode::invalid_argument);
  EXPECT_NE(message.find("'name'"), std::string::npos) << message;
  EXPECT_NE(message.find("test.json"), std::string::npos) << message;
  EXPECT_EQ(code_of(R"({"a": 1, "\u0061": 2})"), ErrorCode::invalid_argument);
  EXPECT_EQ(parse(R"({"a": {"a": 1}, "b": {"a": 2}})").at("b").at("a").integer(), 2);
}

TEST(Json, Depth) {
  const auto nested = [](int depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  Limits limits;
  EXPECT_NO_THROW(parse(nested(limits.max_depth)));
  EXPECT_EQ(code_of(nested(limits.max_depth + 1)), ErrorCode::resource_exhausted);
  EXPECT_EQ(code_of(std::string(1000000, '[')), ErrorCode::resource_exhausted);
  std::string objects;
  for (int i = 0; i < 1000000; ++i) objects += "{\"a\":";
  EXPECT_EQ(code_of(objects), ErrorCode::resource_exhausted);
  // Whatever the limit says, values stay shallow enough for their destructor.
  limits.max_depth = 1 << 30;
  EXPECT_EQ(error_of([&] { parse_json(nested(1000000), "t", limits); }),
            ErrorCode::resource_exhausted);
  EXPECT_EQ(parse_json(nested(2000), "t", limits).dump(), nested(2000));
}

TEST(Json, Size) {
  Limits limits;
  limits.max_message_bytes = 4;
  std::string message;
  EXPECT_EQ(error_of([&] { parse_json("[1,2]", "t", limits); }, &message),
            ErrorCode::resource_exhausted);
  EXPECT_EQ(message, "t: 5 bytes of JSON, the limit is 4");
}

TEST(Json, Accessors) {
  const Json json = parse(R"({"text": "x", "half": 0.5, "list": [1]})");
  std::string message;
  EXPECT_EQ(error_of([&] { json.at("absent"); }, &message), ErrorCode::invalid_argument);
  EXPECT_NE(message.find("'absent'"), std::string::npos);
  EXPECT_EQ(error_of([&] { json.at("text").integer(); }, &message), ErrorCode::invalid_argument);
  EXPECT_NE(message.find("found a string"), std::string::npos) << message;
  for (const auto& f : std::vector<std::function<void()>>{
           [&] { json.at("half").integer(); }, [&] { json.boolean(); }, [&] { json.string(); },
           [&] { json.array(); }, [&] { json.number(); }, [&] { json.at("text").object(); },
           [&] { json.at("list").at(1); }, [&] { json.at(std::size_t{0}); },
           [&] { json.at("list").at("x"); }}) {
    EXPECT_EQ(error_of(f), ErrorCode::invalid_argument);
  }
  EXPECT_EQ(error_of([] { Json(1e300).integer(); }), ErrorCode::invalid_argument);
  EXPECT_EQ(error_of([] { Json(NAN).integer(); }), ErrorCode::invalid_argument);
}

TEST(Json, Dump) {
  const char* text =
      R"({"a":[1,-2,3.0,0.1,1e+300,NaN,Infinity,-Infinity],"b":{"c":null,"d":true,"e":false},)"
      R"("f":"q\"\\\n\u0001é"})";
  EXPECT_EQ(parse(text).dump(), text);
  EXPECT_EQ(parse(parse("[1.0, 1e2, 123456789012345678901234567890]").dump()).dump(),
            parse("[1.0, 1e2, 123456789012345678901234567890]").dump());
}

TEST(Json, DamagedText) {
  const std::string text =
      R"({"class_name": "Dense", "config": {"units": 3, "x": [1.5e3, null, true, "\u00e9é"]}})";
  const auto reader = [](const Bytes& bytes) {
    parse_json(bytes.text(), bytes.name, Limits{}).dump();
  };
  check_truncations(text, reader);
  check_flips(text, reader);
}

}  // namespace
}  // namespace thaw::testing
