// JSON text to values: nlohmann's reader drives the builder below. Stricter than RFC 8259 (no
// duplicate keys, no byte order mark, no lone surrogates) but for the tokens NaN, Infinity and
// -Infinity, which Python writes.
#include <algorithm>
#include <array>
#include <deque>
#include <limits>
#include <nlohmann/json.hpp>

#include "loaders/source/json.h"
#include "runtime/base/check.h"

namespace thaw {
namespace {

// Json's destructor and dump() recurse, so that no setting of Limits may go deeper than this.
constexpr int kMaxJsonDepth = 2048;

// What Python writes for a float that JSON has no number for, and the spelling of zero, equally
// long, that stands for it while nlohmann reads, which knows no such tokens.
struct SpecialNumber {
  std::string_view token, stand_in;
  double value;
};
constexpr std::array kSpecialNumbers = {
    SpecialNumber{"NaN", "0e0", std::numeric_limits<double>::quiet_NaN()},
    SpecialNumber{"Infinity", "0e000000", std::numeric_limits<double>::infinity()},
    SpecialNumber{"-Infinity", "-0e000000", -std::numeric_limits<double>::infinity()},
};

// A document whose special numbers are replaced. `values` are those of all its numbers that are
// spelled as a stand-in, in the document's order: zeros that stood there before are among them.
struct ReplacedText {
  std::string text;
  std::deque<double> values;
};

bool ends_number(std::string_view text, std::size_t at) {
  return at >= text.size() || std::string_view(" \t\r\n,]}").find(text[at]) != text.npos;
}
bool begins_value(std::string_view text, std::size_t at) {
  return at == 0 || std::string_view(" \t\r\n,[:").find(text[at - 1]) != text.npos;
}

ReplacedText replace_special_numbers(std::string_view text) {
  ReplacedText result{std::string(text), {}};
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
      continue;
    }
    in_string = c == '"';
    if ((c != 'N' && c != 'I' && c != '-' && c != '0') || !begins_value(text, i)) continue;
    for (const SpecialNumber& special : kSpecialNumbers) {
      const std::string_view here = text.substr(i, special.token.size());
      if ((here != special.token && here != special.stand_in) ||
          !ends_number(text, i + here.size()))
        continue;
      const bool is_special = here == special.token;
      result.values.push_back(is_special ? special.value : c == '-' ? -0.0 : 0.0);
      if (is_special) special.stand_in.copy(result.text.data() + i, special.stand_in.size());
      i += here.size() - 1;
      break;
    }
  }
  return result;
}

// "[json.exception.parse_error.101] parse error at line 1, column 2: what is wrong" -> what is
// wrong.
std::string_view without_preamble(std::string_view message) {
  const std::size_t name = message.find("] ");
  if (message.starts_with('[') && name != message.npos) message.remove_prefix(name + 2);
  if (message.starts_with("parse error")) {
    const std::size_t end = message.find(": ");
    if (end != message.npos) message.remove_prefix(end + 2);
  }
  return message;
}

// Gives the reader its bytes and counts them, because its events carry no position.
class CountingIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  CountingIterator(const char* at, std::size_t* count) : at_(at), count_(count) {}
  const char& operator*() const { return *at_; }
  CountingIterator& operator++() {
    ++at_;
    ++*count_;
    return *this;
  }
  CountingIterator operator++(int) {
    CountingIterator before = *this;
    ++*this;
    return before;
  }
  bool operator==(const CountingIterator& other) const { return at_ == other.at_; }

 private:
  const char* at_;
  std::size_t* count_;
};

[[noreturn]] void refuse(ErrorCode code, const std::string& name, std::size_t offset,
                         const std::string& what) {
  fail(code, "{}: JSON at byte {}: {}", printable(name), offset, what);
}

// Receives nlohmann's events and builds Json values without recursion.
class JsonBuilder {
 public:
  using number_integer_t = std::int64_t;
  using number_unsigned_t = std::uint64_t;
  using number_float_t = double;
  using string_t = std::string;
  using binary_t = nlohmann::json::binary_t;

  // `read` counts the bytes that the reader has taken.
  JsonBuilder(const std::string& name, const Limits& limits, const std::size_t& read,
              std::deque<double> special)
      : name_(name),
        read_(read),
        max_depth_(std::min(limits.max_depth, kMaxJsonDepth)),
        special_(std::move(special)) {}

  Json take() { return std::move(values_.back()); }

  bool null() { return add(Json()); }
  bool boolean(bool value) { return add(Json(value)); }
  bool number_integer(std::int64_t value) { return add(Json(value)); }
  bool number_unsigned(std::uint64_t value) {
    if (value > std::uint64_t{INT64_MAX}) return add(Json(static_cast<double>(value)));
    return add(Json(static_cast<std::int64_t>(value)));
  }
  bool number_float(double value, const std::string& token) {
    const auto stands_in = [&](const SpecialNumber& s) { return s.stand_in == token; };
    if (!special_.empty() && std::ranges::any_of(kSpecialNumbers, stands_in)) {
      value = special_.front();
      special_.pop_front();
    }
    return add(Json(value));
  }
  bool string(std::string& value) { return add(Json(std::move(value))); }
  bool binary(binary_t&) { return false; }  // JSON text has none
  bool start_object(std::size_t) { return open(); }
  bool start_array(std::size_t) { return open(); }
  bool key(std::string& value) {
    keys_.push_back(std::move(value));
    return true;
  }
  bool end_object();
  bool end_array();
  // `position` counts the bytes read, the one that is wrong included.
  template <class Exception>
  [[noreturn]] bool parse_error(std::size_t position, const std::string&, const Exception& error) {
    refuse(ErrorCode::invalid_argument, name_, position > 0 ? position - 1 : 0,
           printable(without_preamble(error.what())));
  }

 private:
  // An open array or object: its finished values are values_[first..], an object's keys
  // keys_[first_key..].
  struct Frame {
    std::size_t first, first_key, offset;
  };

  bool add(Json value) {
    values_.push_back(std::move(value));
    return true;
  }
  bool open() {
    if (static_cast<int>(frames_.size()) >= max_depth_) {
      refuse(ErrorCode::resource_exhausted, name_, read_ - 1,
             fmt::format("nested deeper than {} levels", max_depth_));
    }
    frames_.push_back({values_.size(), keys_.size(), read_ - 1});
    return true;
  }
  void check_keys(const Frame& frame, const Json::Object& members) const;

  const std::string& name_;
  const std::size_t& read_;
  int max_depth_;
  std::deque<double> special_;
  std::vector<Frame> frames_;
  std::vector<Json> values_;
  std::vector<std::string> keys_;
};

bool JsonBuilder::end_array() {
  const auto begin = values_.begin() + static_cast<std::ptrdiff_t>(frames_.back().first);
  frames_.pop_back();
  Json::Array items(std::make_move_iterator(begin), std::make_move_iterator(values_.end()));
  values_.erase(begin, values_.end());
  return add(Json(std::move(items)));
}

bool JsonBuilder::end_object() {
  const Frame frame = frames_.back();
  frames_.pop_back();
  Json::Object members;
  members.reserve(values_.size() - frame.first);
  for (std::size_t i = frame.first, key = frame.first_key; i < values_.size(); ++i, ++key) {
    members.emplace_back(std::move(keys_[key]), std::move(values_[i]));
  }
  values_.erase(values_.begin() + static_cast<std::ptrdiff_t>(frame.first), values_.end());
  keys_.resize(frame.first_key);
  check_keys(frame, members);
  return add(Json(std::move(members)));
}

void JsonBuilder::check_keys(const Frame& frame, const Json::Object& members) const {
  std::vector<std::string_view> sorted;
  sorted.reserve(members.size());
  for (const auto& member : members) sorted.push_back(member.first);
  std::sort(sorted.begin(), sorted.end());
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  if (twice != sorted.end()) {
    refuse(ErrorCode::invalid_argument, name_, frame.offset,
           fmt::format("the object has member '{}' twice", printable(*twice)));
  }
}

}  // namespace

Json parse_json(std::string_view text, const std::string& name, const Limits& limits) {
  if (text.size() > limits.max_message_bytes) {
    fail(ErrorCode::resource_exhausted, "{}: {} bytes of JSON, the limit is {}", printable(name),
         text.size(), limits.max_message_bytes);
  }
  // nlohmann skips the one and takes the other for the end.
  if (text.starts_with("\xef\xbb\xbf"))
    refuse(ErrorCode::invalid_argument, name, 0, "begins with a byte order mark");
  if (const std::size_t zero = text.find('\0'); zero != text.npos)
    refuse(ErrorCode::invalid_argument, name, zero, "a NUL byte");
  ReplacedText replaced;
  if (text.find("NaN") != text.npos || text.find("Infinity") != text.npos) {
    replaced = replace_special_numbers(text);
    text = replaced.text;
  }
  std::size_t read = 0;
  JsonBuilder builder(name, limits, read, std::move(replaced.values));
  nlohmann::json::sax_parse(CountingIterator(text.data(), &read),
                            CountingIterator(text.data() + text.size(), &read), &builder);
  return builder.take();
}

}  // namespace thaw
