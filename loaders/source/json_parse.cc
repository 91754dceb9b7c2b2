#warning \
// JSON text to values. Stricter than RFC 8259 (no duplicate keys, no byte order mark, no lone
// surrogates) but for the tokens NaN, Infinity and -Infinity, which Python writes.
#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "loaders/source/json.h"
#include "runtime/base/check.h"

namespace thaw {
namespace {

// Json's destructor and dump() recurse, so that no setting of Limits may go deeper than this.
constexpr int kMaxJsonDepth = 2048;
constexpr std::size_t kFewKeys = 16;  // are compared with each other rather than sorted

/// What stands for itself in a string and needs no look at its neighbours.
constexpr auto kPlain = [] {
  std::array<bool, 256> plain{};
  for (std::size_t c = 0x20; c < 0x80; ++c) plain[c] = c != '"' && c != '\\';
  return plain;
}();

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Bytes of the UTF-8 sequence at the beginning of `text`, which is not empty; 0 if it is none.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  const std::size_t length = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (length == 0 || lead > 0xf4 || text.size() < length) return 0;
  // The second byte also rules out overlong forms, surrogates and what lies beyond U+10FFFF.
  const unsigned char low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  const unsigned char high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  if (byte(1) < low || byte(1) > high) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if (byte(i) < 0x80 || byte(i) > 0xbf) return 0;
  }
  return length;
}

void append_utf8(std::string& out, std::uint32_t code) {
  const auto put = [&out](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) return put(code);
  if (code < 0x800) {
    put(0xc0 | (code >> 6));
  } else {
    if (code < 0x10000) {
      put(0xe0 | (code >> 12));
    } else {
      put(0xf0 | (code >> 18));
      put(0x80 | ((code >> 12) & 0x3f));
    }
    put(0x80 | ((code >> 6) & 0x3f));
  }
  put(0x80 | (code & 0x3f));
}

/// Whether a number beyond the range of double, "0.1e-999", is too small rather than too large:
/// whether its first digit other than zero stands behind the point.
bool is_tiny(std::string_view number) {
  const std::size_t e = std::min(number.find_first_of("eE"), number.size());
  std::int64_t exponent = 0;
  if (e < number.size()) {
    const bool negative = number[e + 1] == '-';
    const std::size_t digits = e + (is_digit(number[e + 1]) ? 1 : 2);
    constexpr std::int64_t kBeyond = std::int64_t{1} << 60;
    const auto read =
        std::from_chars(number.data() + digits, number.data() + number.size(), exponent);
    if (read.ec != std::errc{}) exponent = kBeyond;
    exponent = std::min(exponent, kBeyond) * (negative ? -1 : 1);
  }
  const std::string_view mantissa = number.substr(0, e);
  const auto point = static_cast<std::int64_t>(std::min(mantissa.find('.'), e));
  const auto first = static_cast<std::int64_t>(mantissa.find_first_of("123456789"));
  return point - first + exponent <= 0;
}

class JsonReader {
 public:
  JsonReader(std::string_view text, const std::string& name, const Limits& limits)
      : text_(text), name_(name), max_depth_(std::min(limits.max_depth, kMaxJsonDepth)) {}

  Json read();

 private:
  // An open array or object: its finished values are values_[first..], an object's keys
  // keys_[first_key..].
  struct Frame {
    std::size_t first, first_key, offset;
    bool object;
  };

  [[noreturn]] void refuse(ErrorCode code, std::size_t offset, const std::string& what) const {
    fail(code, "{}: JSON at byte {}: {}", printable(name_), offset, what);
  }
  [[noreturn]] void syntax(std::size_t offset, const std::string& what) const {
    refuse(ErrorCode::invalid_argument, offset, what);
  }
  [[noreturn]] void expected(const char* what) const;

  /// The next byte; NUL, which the text holds nowhere, at its end.
  char next() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool take(char c);
  bool take(std::string_view token);
  void skip_space();
  void skip_digits();

  void begin_value();
  void read_member();
  void open(bool object);
  void close_array();
  void close_object();
  void check_keys(const Frame& frame, const Json::Object& members) const;
  Json read_number();
  double read_real(std::string_view number, std::size_t offset) const;
  std::string read_string();
  void read_escape(std::string& out);
  std::uint32_t read_hex();

  std::string_view text_;
  const std::string& name_;
  int max_depth_;
  std::size_t at_ = 0;
  std::vector<Frame> frames_;
  std::vector<Json> values_;
  std::vector<std::string> keys_;
};

void JsonReader::expected(const char* what) const {
  if (at_ == text_.size()) syntax(at_, fmt::format("expected {}, found the end", what));
  const std::size_t length = std::max<std::size_t>(1, utf8_length(text_.substr(at_)));
  syntax(at_, fmt::format("expected {}, found '{}'", what, printable(text_.substr(at_, length))));
}

bool JsonReader::take(char c) {
  if (next() != c) return false;
  ++at_;
  return true;
}

bool JsonReader::take(std::string_view token) {
  if (!text_.substr(at_).starts_with(token)) return false;
  at_ += token.size();
  return true;
}

void JsonReader::skip_space() {
  for (char c = next(); c == ' ' || c == '\n' || c == '\t' || c == '\r'; c = next()) ++at_;
}

void JsonReader::skip_digits() {
  if (!is_digit(next())) expected("a digit");
  while (is_digit(next())) ++at_;
}

// Without recursion: what is open stands in frames_.
Json JsonReader::read() {
  begin_value();
  while (!frames_.empty()) {
    const Frame frame = frames_.back();
    skip_space();
    if (next() == (frame.object ? '}' : ']')) {
      frame.object ? close_object() : close_array();
      continue;
    }
    if (values_.size() != frame.first && !take(','))
      expected(frame.object ? "',' or '}'" : "',' or ']'");
    if (frame.object) read_member();
    begin_value();
  }
  skip_space();
  if (at_ != text_.size()) expected("the end");
  return std::move(values_.back());
}

/// A whole value, or the beginning of an array or object.
void JsonReader::begin_value() {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  skip_space();
  const char c = next();
  if (c == '{' || c == '[') return open(c == '{');
  if (c == '"') {
    values_.emplace_back(read_string());
  } else if (is_digit(c) || (c == '-' && !take("-Infinity"))) {
    values_.push_back(read_number());
  } else if (c == '-') {
    values_.emplace_back(-kInfinity);
  } else if (take("true")) {
    values_.emplace_back(true);
  } else if (take("false")) {
    values_.emplace_back(false);
  } else if (take("null")) {
    values_.emplace_back();
  } else if (take("NaN")) {
    values_.emplace_back(std::numeric_limits<double>::quiet_NaN());
  } else if (take("Infinity")) {
    values_.emplace_back(kInfinity);
  } else {
    expected("a value");
  }
}

/// The key and the colon in front of a value.
void JsonReader::read_member() {
  skip_space();
  if (next() != '"') expected("a key");
  keys_.push_back(read_string());
  skip_space();
  if (!take(':')) expected("':'");
}

void JsonReader::open(bool object) {
  if (static_cast<int>(frames_.size()) >= max_depth_) {
    refuse(ErrorCode::resource_exhausted, at_,
           fmt::format("nested deeper than {} levels", max_depth_));
  }
  frames_.push_back({values_.size(), keys_.size(), at_, object});
  ++at_;
}

void JsonReader::close_array() {
  const auto begin = values_.begin() + static_cast<std::ptrdiff_t>(frames_.back().first);
  Json::Array items(std::make_move_iterator(begin), std::make_move_iterator(values_.end()));
  values_.erase(begin, values_.end());
  values_.emplace_back(std::move(items));
  frames_.pop_back();
  ++at_;
}

void JsonReader::close_object() {
  const Frame frame = frames_.back();
  Json::Object members;
  members.reserve(values_.size() - frame.first);
  for (std::size_t i = frame.first, key = frame.first_key; i < values_.size(); ++i, ++key) {
    members.emplace_back(std::move(keys_[key]), std::move(values_[i]));
  }
  check_keys(frame, members);
  values_.resize(frame.first);
  keys_.resize(frame.first_key);
  values_.emplace_back(std::move(members));
  frames_.pop_back();
  ++at_;
}

void JsonReader::check_keys(const Frame& frame, const Json::Object& members) const {
  const auto refuse_twice = [&](std::string_view key) {
    syntax(frame.offset, fmt::format("the object has member '{}' twice", printable(key)));
  };
  if (members.size() <= kFewKeys) {
    for (std::size_t i = 1; i < members.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        if (members[i].first == members[j].first) refuse_twice(members[i].first);
      }
    }
    return;
  }
  std::vector<std::string_view> sorted;
  sorted.reserve(members.size());
  for (const auto& member : members) sorted.push_back(member.first);
  std::sort(sorted.begin(), sorted.end());
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  if (twice != sorted.end()) refuse_twice(*twice);
}

Json JsonReader::read_number() {
  const std::size_t begin = at_;
  take('-');
  if (!take('0')) skip_digits();  // no digit follows a leading zero
  bool whole = true;
  if (take('.')) {
    whole = false;
    skip_digits();
  }
  if (take('e') || take('E')) {
    whole = false;
    if (!take('+')) take('-');
    skip_digits();
  }
  const std::string_view number = text_.substr(begin, at_ - begin);
  if (std::int64_t integer = 0; whole) {
    const auto read = std::from_chars(number.data(), number.data() + number.size(), integer);
    if (read.ec == std::errc{}) return Json(integer);
  }
  return Json(read_real(number, begin));
}

double JsonReader::read_real(std::string_view number, std::size_t offset) const {
  double value = 0;
  const auto read = std::from_chars(number.data(), number.data() + number.size(), value);
  if (read.ec == std::errc{}) return value;
  if (!is_tiny(number)) {
    syntax(offset, fmt::format("number overflow: {}", printable(number, 64)));
  }
  return number.starts_with('-') ? -0.0 : 0.0;
}

std::string JsonReader::read_string() {
  std::string result;
  std::size_t plain = ++at_;  // where what is not yet in `result` begins
  for (;;) {
    while (at_ < text_.size() && kPlain[static_cast<unsigned char>(text_[at_])]) ++at_;
    const char c = next();
    if (c == '"') break;
    if (c == '\\') {
      result.append(text_, plain, at_ - plain);
      read_escape(result);
      plain = at_;
    } else if (static_cast<unsigned char>(c) >= 0x80) {
      const std::size_t length = utf8_length(text_.substr(at_));
      if (length == 0) syntax(at_, "invalid UTF-8 in a string");
      at_ += length;
    } else {
      if (at_ == text_.size()) expected("'\"'");
      syntax(at_, "a control character in a string");
    }
  }
  result.append(text_, plain, at_ - plain);
  ++at_;
  return result;
}

void JsonReader::read_escape(std::string& out) {
  static constexpr std::string_view kEscapes = "\"\\/bfnrt", kMeanings = "\"\\/\b\f\n\r\t";
  const std::size_t begin = at_++;
  const std::size_t simple = at_ < text_.size() ? kEscapes.find(text_[at_]) : kEscapes.npos;
  if (simple != kEscapes.npos) {
    out += kMeanings[simple];
    ++at_;
    return;
  }
  if (!take('u')) expected("an escape");
  std::uint32_t code = read_hex();
  if (code >= 0xd800 && code < 0xe000) {
    const std::uint32_t low = code < 0xdc00 && take("\\u") ? read_hex() : 0;
    if (low < 0xdc00 || low >= 0xe000) syntax(begin, "half of a surrogate pair");
    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
  }
  append_utf8(out, code);
}

std::uint32_t JsonReader::read_hex() {
  std::uint32_t code = 0;
  for (int i = 0; i < 4; ++i, ++at_) {
    const char c = next();
    const char letter = static_cast<char>(c | 0x20);
    if (!is_digit(c) && (letter < 'a' || letter > 'f')) expected("a hexadecimal digit");
    code = code * 16 + static_cast<std::uint32_t>(is_digit(c) ? c - '0' : letter - 'a' + 10);
  }
  return code;
}

}  // namespace

Json parse_json(std::string_view text, const std::string& name, const Limits& limits) {
  if (text.size() > limits.max_message_bytes) {
    fail(ErrorCode::resource_exhausted, "{}: {} bytes of JSON, the limit is {}", printable(name),
         text.size(), limits.max_message_bytes);
  }
  const auto refuse = [&](std::size_t offset, const char* what) {
    fail(ErrorCode::invalid_argument, "{}: JSON at byte {}: {}", printable(name), offset, what);
  };
  if (text.starts_with("\xef\xbb\xbf")) refuse(0, "begins with a byte order mark");
  if (const std::size_t zero = text.find('\0'); zero != text.npos) refuse(zero, "a NUL byte");
  return JsonReader(text, name, limits).read();
}

}  // namespace thaw
