#include "loaders/source/yaml.h"

#include <cmath>

#include "tests/loaders/source/source_testing.h"

namespace thaw::testing {
namespace {

Json parse(std::string_view text) { return parse_yaml(text, "test.yaml", Limits{}); }
std::string dump(std::string_view text) { return parse(text).dump(); }
ErrorCode code_of(std::string_view text, std::string* message = nullptr) {
  return error_of([&] { parse(text); }, message);
}

TEST(Yaml, Structure) {
  EXPECT_EQ(dump("b: [1, x]\na:\n  c: {d: e}\n  f:\n  - g\n  - - h\n    - i\n"),
            R"({"b":[1,"x"],"a":{"c":{"d":"e"},"f":["g",["h","i"]]}})");
  EXPECT_EQ(dump("{class_name: Dense, config: {units: 3}}"),
            R"({"class_name":"Dense","config":{"units":3}})");
  EXPECT_EQ(dump("--- [a]\n...\n"), R"(["a"])");
  EXPECT_EQ(dump("# comment\na: # comment\n  b # comment\n"), R"({"a":"b"})");
  EXPECT_EQ(dump("a:\nb: []\nc: {}\n"), R"({"a":null,"b":[],"c":{}})");
  EXPECT_EQ(dump("? a\n: b\n"), R"({"a":"b"})");
  EXPECT_EQ(dump("0: a\n'1': b\n"), R"({"0":"a","1":"b"})");
  EXPECT_EQ(dump("'null'"), R"("null")");
}

// What PyYAML 6 makes of each plain scalar; 1e-05, 1e3 and 1E5 are strings to it, numbers to YAML
// 1.2.
TEST(Yaml, PlainScalars) {
  for (const auto& [text, expected] : std::vector<std::pair<std::string, std::string>>{
           {"~", "null"},
           {"null", "null"},
           {"Null", "null"},
           {"NULL", "null"},
           {"true", "true"},
           {"True", "true"},
           {"yes", "true"},
           {"on", "true"},
           {"FALSE", "false"},
           {"No", "false"},
           {"off", "false"},
           {"0", "0"},
           {"-0", "0"},
           {"+12", "12"},
           {"1_000", "1000"},
           {"0x1F", "31"},
           {"-0x1f", "-31"},
           {"0b101", "5"},
           {"017", "15"},
           {"9223372036854775807", "9223372036854775807"},
           {"1.5", "1.5"},
           {"-1.5", "-1.5"},
           {"+1.5", "1.5"},
           {"1.", "1.0"},
           {".5", "0.5"},
           {"-.5", "-0.5"},
           {"1.0e-05", "1e-05"},
           {"1.0e+20", "1e+20"},
           {"1e-05", "1e-05"},
           {"1e3", "1000.0"},
           {"1E5", "100000.0"},
           {".inf", "Infinity"},
           {"-.inf", "-Infinity"},
           {"+.INF", "Infinity"},
           {".nan", "NaN"},
           {".NaN", "NaN"},
           {"1_000.5", "1000.5"},
           {"1.0e-999", "0.0"},
           {"18446744073709551616", "1.8446744073709552e+19"},
           // Strings.
           {"abc", "\"abc\""},
           {"nul", "\"nul\""},
           {"y", "\"y\""},
           {"n", "\"n\""},
           {"TrUe", "\"TrUe\""},
           {"1.2.3", "\"1.2.3\""},
           {"1e", "\"1e\""},
           {"e5", "\"e5\""},
           {".", "\".\""},
           {"-.", "\"-.\""},
           {"1-2", "\"1-2\""},
           {"0xg", "\"0xg\""},
           {"08", "\"08\""},
           {"nan", "\"nan\""},
           {"inf", "\"inf\""},
           {"_1", "\"_1\""},
           {"0x", "\"0x\""},
           {"conv2d_1/kernel:0", "\"conv2d_1/kernel:0\""},
           {"2.2.4-tf", "\"2.2.4-tf\""}}) {
    EXPECT_EQ(dump(text), expected) << text;
    EXPECT_EQ(dump("a: " + text + "\n"), "{\"a\":" + expected + "}") << text;
    EXPECT_TRUE(parse("'" + text + "'").is_string()) << text;
    EXPECT_TRUE(parse("\"" + text + "\"").is_string()) << text;
  }
  EXPECT_EQ(parse("''").string(), "");
  EXPECT_EQ(parse("a: |\n  123\n").at("a").string(), "123\n");
  EXPECT_TRUE(std::signbit(parse("-0.0").number()));
  for (const char* text : {"1.0e+999", "0xffffffffffffffff", "-1e400"}) {
    EXPECT_EQ(code_of(text), ErrorCode::invalid_argument) << text;
  }
  for (const char* text : {"1:30", "190:20:30.15", "2020-01-01", "2001-12-14t21:59:43.10-05:00"}) {
    EXPECT_EQ(code_of(text), ErrorCode::unimplemented) << text;
  }
}

TEST(Yaml, QuotedStrings) {
  EXPECT_EQ(parse("'it''s'").string(), "it's");
  EXPECT_EQ(parse(R"("a\tb\n\"\\ \xe9 \u20ac \U0001f600")").string(),
            "a\tb\n\"\\ \u00e9 \u20ac \U0001f600");
  EXPECT_EQ(parse("\u00e9: \U0001f600").at("\u00e9").string(), "\U0001f600");
  EXPECT_EQ(parse("a: long text\n  that goes on\n").at("a").string(), "long text that goes on");
}

TEST(Yaml, Tags) {
  EXPECT_EQ(dump("a: !!python/tuple [3, 3]\nb: !!python/tuple\n- 1\n- 2\n"),
            R"({"a":[3,3],"b":[1,2]})");
  EXPECT_EQ(dump("!!python/unicode 'class_name': !!python/unicode 'Dense'"),
            R"({"class_name":"Dense"})");
  EXPECT_EQ(dump("[!!str 12, !!int '12', !!float 3, !!float '1e-3', !!bool 'yes', !!null '']"),
            R"(["12",12,3.0,0.001,true,null])");
  EXPECT_EQ(dump("[!!python/long '5', !!python/none None, !!python/bool True, !!python/float .5]"),
            "[5,null,true,0.5]");
  EXPECT_EQ(dump("!!map {a: !!seq [b], c: ! d, e: !!python/dict {}, f: !!python/list []}"),
            R"({"a":["b"],"c":"d","e":{},"f":[]})");
  std::string message;
  for (const char* tag : {"!!python/object/apply:os.system", "!!python/object:keras.layers.Dense",
                          "!!python/name:os.system", "!!python/module:os", "!own", "!!binary",
                          "!!set", "!!omap", "!<tag:example.com,2000:x>"}) {
    EXPECT_EQ(code_of(std::string("a: ") + tag + " ['id']", &message), ErrorCode::unimplemented);
    EXPECT_NE(message.find("test.yaml: YAML at line 1, column "), std::string::npos) << message;
    EXPECT_EQ(code_of(std::string("a: ") + tag + " id", &message), ErrorCode::unimplemented) << tag;
    EXPECT_NE(message.find("the tag '"), std::string::npos) << message;
  }
  EXPECT_NE(message.find("example.com,2000:x"), std::string::npos) << message;
  // A handle that stands for something else.
  EXPECT_EQ(code_of("%TAG ! tag:yaml.org,2002:python/\n--- !object/apply:os.system [id]\n"),
            ErrorCode::unimplemented);
  for (const char* text : {"!!int x", "!!float x", "!!bool 3", "!!null x", "!!seq {}", "!!map []",
                           "!!str []", "!!seq x", "!!python/tuple {a: b}"}) {
    EXPECT_EQ(code_of(text), ErrorCode::invalid_argument) << text;
  }
}

TEST(Yaml, AliasesAreCopies) {
  EXPECT_EQ(dump("a: &id001 [3, 3]\nb: *id001\nc: &x {d: *id001}\ne: *x\nf: &s text\ng: *s\n"),
            R"({"a":[3,3],"b":[3,3],"c":{"d":[3,3]},"e":{"d":[3,3]},"f":"text","g":"text"})");
  EXPECT_EQ(dump("[&a 1, *a, &a 2, *a]"), "[1,1,2,2]");
  EXPECT_EQ(dump("[&a null, *a]"), "[null,null]");
  EXPECT_EQ(dump("{&a key: 1, b: *a}"), R"({"key":1,"b":"key"})");
  std::string message;
  EXPECT_EQ(code_of("a: &x [*x]", &message), ErrorCode::invalid_argument);
  EXPECT_NE(message.find("alias"), std::string::npos) << message;
  EXPECT_EQ(code_of("a: *unknown"), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of("&r {a: *r}"), ErrorCode::invalid_argument);
}

TEST(Yaml, AliasesCannotMultiply) {
  // Ten lists, each of ten times the one before.
  std::string laughs = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n";
  for (int i = 1; i < 10; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    laughs += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int j = 1; j < 10; ++j) laughs += ", " + before;
    laughs += "]\n";
  }
  std::string message;
  EXPECT_EQ(code_of(laughs, &message), ErrorCode::resource_exhausted);
  EXPECT_NE(message.find("aliases make the document larger"), std::string::npos) << message;
  // One long text, many times.
  std::string texts = "a: &a " + std::string(100000, 'x') + "\nb:\n";
  for (int i = 0; i < 20000; ++i) texts += "- *a\n";
  EXPECT_EQ(code_of(texts), ErrorCode::resource_exhausted);
  // Anchors inside anchors keep copies too.
  std::string nested;
  for (int i = 0; i < 200; ++i) nested += "[&b" + std::to_string(i) + " ";
  nested += std::string(1000000, 'x') + std::string(200, ']');
  EXPECT_EQ(code_of(nested), ErrorCode::resource_exhausted);
  // Depth counts what an alias brings along.
  std::string deep = "a: &a " + std::string(200, '[') + std::string(200, ']') + "\nb: ";
  deep += std::string(100, '[') + "*a" + std::string(100, ']');
  EXPECT_EQ(code_of(deep), ErrorCode::resource_exhausted);
}

TEST(Yaml, DuplicateAndOtherKeys) {
  std::string message;
  EXPECT_EQ(code_of("x: {name: 1, b: 2, name: 3}", &message), ErrorCode::invalid_argument);
  EXPECT_NE(message.find("line 1, column 4: the mapping has key 'name' twice"), std::string::npos)
      << message;
  for (const char* text : {"[a]: b", "{a: b}: c", "? - a\n: b", "null: a", "true: a", "1.5: a"}) {
    EXPECT_EQ(code_of(text), ErrorCode::invalid_argument) << text;
  }
  EXPECT_EQ(code_of("a: &a {b: 1}\nc:\n  <<: *a\n"), ErrorCode::unimplemented);
  EXPECT_EQ(dump("'<<': a"), R"({"<<":"a"})");
}

TEST(Yaml, WrongText) {
  for (const std::string& text : {std::string(""),
                                  std::string("# only a comment"),
                                  std::string("a: b: c"),
                                  std::string("[a"),
                                  std::string("{a: b"),
                                  std::string("'a"),
                                  std::string("\"a"),
                                  std::string("a: [1, 2\nb: 3"),
                                  std::string("\tb: 1"),
                                  std::string("a: @x"),
                                  std::string("--- a\n--- b\n"),
                                  std::string("a: \"\\q\""),
                                  std::string("]"),
                                  std::string("%YAML 9.9.9\n---\na"),
                                  std::string("\xef\xbb\xbf"
                                              "a: b"),
                                  std::string("\xff\xfe"
                                              "a\0",
                                              4),
                                  std::string("a: \x80"),
                                  std::string("a: \xed\xa0\x80"),
                                  std::string("a: b\x04, c: d"),
                                  std::string("a\0b", 3),
                                  std::string("a: \x7f"),
                                  std::string("\"\\ud800\"")}) {
    EXPECT_EQ(code_of(text), ErrorCode::invalid_argument) << text;
  }
  std::string message;
  code_of("a: 1\nb: [1,\n", &message);
  EXPECT_NE(message.find("test.yaml: YAML at line "), std::string::npos) << message;
}

TEST(Yaml, Limits) {
  const auto nested = [](int depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  Limits limits;
  EXPECT_NO_THROW(parse(nested(limits.max_depth)));
  EXPECT_EQ(code_of(nested(limits.max_depth + 1)), ErrorCode::resource_exhausted);
  for (const char* part : {"[", "{a: ", "- ", "? ", "[{", "{? "}) {
    std::string text;
    for (int i = 0; i < 20000; ++i) text += part;
    EXPECT_EQ(code_of(text), ErrorCode::resource_exhausted) << part;
  }
  limits.max_depth = 1 << 30;
  EXPECT_EQ(error_of([&] { parse_yaml(nested(100000), "t", limits); }),
            ErrorCode::resource_exhausted);
  limits.max_message_bytes = 4;
  EXPECT_EQ(error_of([&] { parse_yaml("[1,2]", "t", limits); }), ErrorCode::resource_exhausted);
}

TEST(Yaml, Damaged) {
  const std::string text =
      "class_name: Dense\nconfig:\n  x: &a !!python/tuple\n  - 1.5e+3\n  - ~\n  y: *a\n  z: "
      "\"\\u00e9\"\n";
  const auto reader = [](const Bytes& bytes) {
    parse_yaml(bytes.text(), bytes.name, Limits{}).dump();
  };
  check_flips(text, reader);
  for (std::size_t i = 0; i < text.size(); ++i) {
    try {
      parse(text.substr(0, i));  // a prefix may be a document
    } catch (const Error& error) {
      EXPECT_NE(error.code(), ErrorCode::internal) << error.what();
    }
  }
}

TEST(Yaml, MessagesSayWhatIsWrong) {
  const auto expect = [](std::string_view text, const char* expected) {
    std::string message;
    code_of(text, &message);
    EXPECT_EQ(message.find("test.yaml"), 0u) << message;
    EXPECT_NE(message.find(expected), std::string::npos) << message << "\n  lacks: " << expected;
  };
  expect("a: \x01", "test.yaml: YAML at byte 3: a control character");
  expect("a: \xff", "test.yaml: YAML at byte 3: invalid UTF-8");
  expect(
      "\xef\xbb\xbf"
      "a: 1",
      "YAML at byte 0: begins with a byte order mark");
  expect("a: 1:30", "'1:30' is a number of base 60 in YAML, which is not read; quote it");
  expect("a: 2020-01-02", "'2020-01-02' is a date in YAML, which is not read; quote it");
  expect("a: !!int x", "'x' is tagged as an integer");
  expect("a: !!float x", "'x' is tagged as a number");
  expect("a: !!bool x", "'x' is tagged as a boolean");
  expect("a: !!null x", "'x' is tagged as null");
  Limits limits;
  limits.max_message_bytes = 4;
  std::string message;
  error_of([&] { parse_yaml("[1,2]", "t", limits); }, &message);
  EXPECT_NE(message.find("t: 5 bytes of YAML, the limit is 4"), std::string::npos) << message;
}

}  // namespace
}  // namespace thaw::testing
