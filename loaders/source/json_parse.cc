// A JSON parser without recursion. Stricter than RFC 8259 (no duplicate keys, no byte order mark,
// no lone surrogates) but for the tokens NaN, Infinity and -Infinity, which Python writes.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "loaders/source/json.h"
#include "runtime/base/check.h"

namespace thaw {
namespace {

// Json's destructor and dump() recurse, so that no setting of Limits may go deeper than this.
constexpr int kMaxJsonDepth = 2048;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

void append_utf8(std::string& out, std::uint32_t code) {
  const auto push = [&out](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) {
    push(code);
  } else if (code < 0x800) {
    push(0xc0 | (code >> 6));
    push(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    push(0xe0 | (code >> 12));
    push(0x80 | ((code >> 6) & 0x3f));
    push(0x80 | (code & 0x3f));
  } else {
    push(0xf0 | (code >> 18));
    push(0x80 | ((code >> 12) & 0x3f));
    push(0x80 | ((code >> 6) & 0x3f));
    push(0x80 | (code & 0x3f));
  }
}

class JsonParser {
 public:
  JsonParser(std::string_view text, const std::string& name, const Limits& limits)
      : text_(text), name_(name), max_depth_(std::min(limits.max_depth, kMaxJsonDepth)) {}

  Json parse();

 private:
  // An open array or object: its finished values are values_[first..], an object's keys
  // keys_[first_key..].
  struct Frame {
    bool is_object;
    std::size_t first, first_key, offset;
  };

  [[noreturn]] void error(const std::string& what,
                          ErrorCode code = ErrorCode::invalid_argument) const {
    error_at(position_, what, code);
  }
  [[noreturn]] void error_at(std::size_t offset, const std::string& what,
                             ErrorCode code = ErrorCode::invalid_argument) const {
    fail(code, "{}: JSON at byte {}: {}", printable(name_), offset, what);
  }
  void skip_space();
  char peek() const { return position_ < text_.size() ? text_[position_] : '\0'; }
  bool accept(std::string_view token);
  void expect(char c, const char* what);
  void open(bool is_object);
  void close();
  bool begin_value();  // true if a value was finished, false if a container was opened
  void begin_member();
  Json scalar();
  Json number();
  double decimal(std::size_t begin, std::size_t end) const;
  std::string string();
  void escape(std::string& out);
  std::uint32_t hex4();
  void copy_utf8(std::string& out);
  void check_keys(const Frame& frame, const Json::Object& members) const;

  std::string_view text_;
  const std::string& name_;
  int max_depth_;
  std::size_t position_ = 0;
  std::vector<Frame> frames_;
  std::vector<Json> values_;
  std::vector<std::string> keys_;
};

void JsonParser::skip_space() {
  while (position_ < text_.size()) {
    const char c = text_[position_];
    if (c != ' ' && c != '\n' && c != '\r' && c != '\t') return;
    ++position_;
  }
}

bool JsonParser::accept(std::string_view token) {
  if (text_.substr(position_, token.size()) != token) return false;
  position_ += token.size();
  return true;
}

void JsonParser::expect(char c, const char* what) {
  if (position_ >= text_.size()) error("the text ends early");
  if (text_[position_] != c) error(fmt::format("expected {}", what));
  ++position_;
}

Json JsonParser::parse() {
  if (text_.starts_with("\xef\xbb\xbf")) error("begins with a byte order mark");
  skip_space();
  bool finished = begin_value();
  while (!frames_.empty()) {
    skip_space();
    const bool in_object = frames_.back().is_object;
    if (finished) {  // after a value: a comma and the next one, or the end
      if (peek() == (in_object ? '}' : ']')) {
        ++position_;
        close();
        continue;
      }
      expect(',', in_object ? "',' or '}'" : "',' or ']'");
    } else if (peek() == (in_object ? '}' : ']')) {  // an empty container
      ++position_;
      close();
      finished = true;
      continue;
    }
    skip_space();
    if (in_object) begin_member();
    finished = begin_value();
  }
  skip_space();
  if (position_ != text_.size()) error("more text after the end of the value");
  return std::move(values_.back());
}

void JsonParser::begin_member() {
  if (peek() != '"') error("expected a member name in quotes");
  keys_.push_back(string());
  skip_space();
  expect(':', "':' after a member name");
  skip_space();
}

bool JsonParser::begin_value() {
  const char c = peek();
  if (c == '{' || c == '[') {
    open(c == '{');
    return false;
  }
  values_.push_back(scalar());
  return true;
}

void JsonParser::open(bool is_object) {
  if (static_cast<int>(frames_.size()) >= max_depth_) {
    error(fmt::format("nested deeper than {} levels", max_depth_), ErrorCode::resource_exhausted);
  }
  frames_.push_back({is_object, values_.size(), keys_.size(), position_});
  ++position_;
}

void JsonParser::close() {
  const Frame frame = frames_.back();
  frames_.pop_back();
  const auto begin = values_.begin() + static_cast<std::ptrdiff_t>(frame.first);
  if (!frame.is_object) {
    Json::Array items(std::make_move_iterator(begin), std::make_move_iterator(values_.end()));
    values_.erase(begin, values_.end());
    values_.emplace_back(std::move(items));
    return;
  }
  Json::Object members;
  members.reserve(values_.size() - frame.first);
  for (std::size_t i = frame.first, key = frame.first_key; i < values_.size(); ++i, ++key) {
    members.emplace_back(std::move(keys_[key]), std::move(values_[i]));
  }
  values_.erase(begin, values_.end());
  keys_.resize(frame.first_key);
  check_keys(frame, members);
  values_.emplace_back(std::move(members));
}

void JsonParser::check_keys(const Frame& frame, const Json::Object& members) const {
  std::vector<std::string_view> sorted;
  sorted.reserve(members.size());
  for (const auto& member : members) sorted.push_back(member.first);
  std::sort(sorted.begin(), sorted.end());
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  if (twice != sorted.end()) {
    error_at(frame.offset, fmt::format("the object has member '{}' twice", printable(*twice)));
  }
}

Json JsonParser::scalar() {
  if (position_ >= text_.size()) error("the text ends early");
  const char c = text_[position_];
  if (c == '"') return Json(string());
  if (accept("true")) return Json(true);
  if (accept("false")) return Json(false);
  if (accept("null")) return Json();
  if (accept("NaN")) return Json(std::numeric_limits<double>::quiet_NaN());
  if (accept("Infinity")) return Json(std::numeric_limits<double>::infinity());
  if (accept("-Infinity")) return Json(-std::numeric_limits<double>::infinity());
  if (c == '-' || is_digit(c)) return number();
  error("expected a value");
}

Json JsonParser::number() {
  const std::size_t begin = position_;
  const auto digits = [this] {
    if (!is_digit(peek())) error("expected a digit");
    while (is_digit(peek())) ++position_;
  };
  if (peek() == '-') ++position_;
  if (peek() == '0') {
    ++position_;
    if (is_digit(peek())) error("a number with a leading zero");
  } else {
    digits();
  }
  bool is_integer = true;
  if (peek() == '.') {
    is_integer = false;
    ++position_;
    digits();
  }
  if (peek() == 'e' || peek() == 'E') {
    is_integer = false;
    ++position_;
    if (peek() == '+' || peek() == '-') ++position_;
    digits();
  }
  if (is_integer) {
    std::int64_t value = 0;
    const auto result = std::from_chars(text_.data() + begin, text_.data() + position_, value);
    if (result.ec == std::errc()) return Json(value);
  }
  return Json(decimal(begin, position_));
}

double JsonParser::decimal(std::size_t begin, std::size_t end) const {
  double value = 0;
  const auto result = std::from_chars(text_.data() + begin, text_.data() + end, value);
  if (result.ec == std::errc() && std::isfinite(value)) return value;
  // from_chars reports too large and too small alike: the first significant digit's place tells.
  const std::string_view text = text_.substr(begin, end - begin);
  const std::size_t mark = std::min(text.find_first_of("eE"), text.size());
  const std::string_view mantissa = text.substr(0, mark);
  const std::size_t first = mantissa.find_first_of("123456789");
  const std::size_t point = std::min(mantissa.find('.'), mantissa.size());
  std::int64_t exponent = 0;
  if (mark < text.size()) {
    const bool plus = text[mark + 1] == '+';
    const char* digits = text.data() + mark + 1 + (plus ? 1 : 0);
    if (std::from_chars(digits, text.data() + text.size(), exponent).ec != std::errc()) {
      exponent = text[mark + 1] == '-' ? INT64_MIN / 2 : INT64_MAX / 2;
    }
    exponent = std::clamp(exponent, INT64_MIN / 2, INT64_MAX / 2);
  }
  const auto place = static_cast<std::int64_t>(point) - static_cast<std::int64_t>(first);
  if (first == std::string_view::npos || place + exponent < 0) return text[0] == '-' ? -0.0 : 0.0;
  error_at(begin, "the number is out of range");
}

std::string JsonParser::string() {
  std::string out;
  ++position_;  // the opening quote
  for (;;) {
    if (position_ >= text_.size()) error("the text ends inside a string");
    const unsigned char c = static_cast<unsigned char>(text_[position_]);
    if (c == '"') {
      ++position_;
      return out;
    }
    if (c < 0x20) error("a control character inside a string");
    if (c == '\\') {
      escape(out);
    } else if (c < 0x80) {
      out += static_cast<char>(c);
      ++position_;
    } else {
      copy_utf8(out);
    }
  }
}

void JsonParser::escape(std::string& out) {
  const std::size_t begin = position_++;
  switch (peek()) {
    case '"': out += '"'; break;
    case '\\': out += '\\'; break;
    case '/': out += '/'; break;
    case 'b': out += '\b'; break;
    case 'f': out += '\f'; break;
    case 'n': out += '\n'; break;
    case 'r': out += '\r'; break;
    case 't': out += '\t'; break;
    case 'u': {
      ++position_;
      std::uint32_t code = hex4();
      if (code >= 0xd800 && code < 0xdc00 && accept("\\u")) {
        const std::uint32_t low = hex4();
        if (low < 0xdc00 || low >= 0xe000) error_at(begin, "half of a surrogate pair");
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
      }
      if (code >= 0xd800 && code < 0xe000) error_at(begin, "half of a surrogate pair");
      append_utf8(out, code);
      return;
    }
    default: error_at(begin, "an unknown escape");
  }
  ++position_;
}

std::uint32_t JsonParser::hex4() {
  std::uint32_t code = 0;
  const char* begin = text_.data() + position_;
  if (text_.size() - position_ < 4) error("the text ends inside a string");
  const auto result = std::from_chars(begin, begin + 4, code, 16);
  if (result.ec != std::errc() || result.ptr != begin + 4)
    error("expected four hexadecimal digits");
  position_ += 4;
  return code;
}

// One multi-byte UTF-8 sequence: no overlong forms, no surrogates, nothing above U+10FFFF.
void JsonParser::copy_utf8(std::string& out) {
  const auto byte = [this](std::size_t i) {
    return position_ + i < text_.size() ? static_cast<unsigned char>(text_[position_ + i]) : 0u;
  };
  const unsigned lead = byte(0);
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  bool valid = lead >= 0xc2 && lead <= 0xf4;
  for (std::size_t i = 1; i < length; ++i) valid = valid && (byte(i) & 0xc0) == 0x80;
  if (lead == 0xe0) valid = valid && byte(1) >= 0xa0;
  if (lead == 0xed) valid = valid && byte(1) < 0xa0;
  if (lead == 0xf0) valid = valid && byte(1) >= 0x90;
  if (lead == 0xf4) valid = valid && byte(1) < 0x90;
  if (!valid) error("invalid UTF-8");
  out.append(text_.substr(position_, length));
  position_ += length;
}

}  // namespace

Json parse_json(std::string_view text, const std::string& name, const Limits& limits) {
  if (text.size() > limits.max_message_bytes) {
    fail(ErrorCode::resource_exhausted, "{}: {} bytes of JSON, the limit is {}", printable(name),
         text.size(), limits.max_message_bytes);
  }
  return JsonParser(text, name, limits).parse();
}

}  // namespace thaw
