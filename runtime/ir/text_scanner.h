// Reads the words of a graph's text; every failure says line and column.
#pragma once

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/base/check.h"

namespace thaw::text {

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  /// Where the next word begins.
  std::size_t mark() {
    skip_space();
    return position_;
  }
  bool at_end() { return mark() == text_.size(); }

  template <class... Args>
  [[noreturn]] void fail_at(std::size_t position, fmt::format_string<Args...> format,
                            Args&&... args) const {
    std::size_t line = 1, column = 1;
    for (const char c : text_.substr(0, position)) {
      column = c == '\n' ? 1 : column + 1;
      line += c == '\n' ? 1 : 0;
    }
    fail(ErrorCode::invalid_argument, "{}:{}: {}", line, column,
         fmt::format(format, std::forward<Args>(args)...));
  }

  /// Consumes `symbol` if it is next.
  bool accept(std::string_view symbol) {
    skip_space();
    if (text_.substr(position_, symbol.size()) != symbol) return false;
    position_ += symbol.size();
    return true;
  }
  void expect(std::string_view symbol) {
    if (!accept(symbol)) fail_at(position_, "expected '{}', found {}", symbol, next());
  }

  bool next_is(char c) {
    skip_space();
    return position_ < text_.size() && text_[position_] == c;
  }

  /// Letters, digits, '_' and '.'.
  std::string word(std::string_view what) {
    const std::size_t begin = mark();
    while (position_ < text_.size() && is_word(text_[position_])) ++position_;
    if (position_ == begin) fail_at(begin, "expected {}, found {}", what, next());
    return std::string(text_.substr(begin, position_ - begin));
  }

  /// "..." with \" \\ \n and \xHH.
  std::string quoted() {
    expect("\"");
    std::string value;
    for (;;) {
      if (position_ >= text_.size()) fail_at(position_, "expected '\"', found the end");
      const char c = text_[position_++];
      if (c == '"') return value;
      value += c == '\\' ? escaped() : c;
    }
  }

  /// An integer or a number in decimal notation, "inf" and "-inf" for floats.
  template <class T>
  T number() {
    const std::size_t begin = mark();
    T value{};
    const auto [end, error] =
        std::from_chars(text_.data() + begin, text_.data() + text_.size(), value);
    if (error == std::errc::result_out_of_range) fail_at(begin, "number out of range");
    if (error != std::errc()) fail_at(begin, "expected a number, found {}", next());
    position_ = static_cast<std::size_t>(end - text_.data());
    if (position_ < text_.size() && is_word(text_[position_])) {
      fail_at(position_, "expected the end of a number, found {}", next());
    }
    return value;
  }

  /// 0x and digits.
  std::uint64_t hexadecimal() {
    expect("0x");
    std::uint64_t value = 0;
    const auto [end, error] =
        std::from_chars(text_.data() + position_, text_.data() + text_.size(), value, 16);
    if (error != std::errc()) fail_at(position_, "expected hexadecimal digits, found {}", next());
    position_ = static_cast<std::size_t>(end - text_.data());
    return value;
  }

 private:
  static bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.';
  }

  void skip_space() {
    while (position_ < text_.size()) {
      const char c = text_[position_];
      if (c == '#') {
        while (position_ < text_.size() && text_[position_] != '\n') ++position_;
      } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
        ++position_;
      } else {
        return;
      }
    }
  }

  std::string next() const {
    if (position_ >= text_.size()) return "the end";
    return "'" + printable(text_.substr(position_, 16)) + "'";
  }

  char escaped() {
    const std::size_t begin = position_ - 1;
    if (position_ >= text_.size()) fail_at(begin, "expected an escape, found the end");
    const char c = text_[position_++];
    if (c == '"' || c == '\\') return c;
    if (c == 'n') return '\n';
    unsigned value = 0;
    const std::string_view digits = text_.substr(position_, 2);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    if (c != 'x' || error != std::errc() || end != digits.data() + 2) {
      fail_at(begin, "expected \\\", \\\\, \\n or \\xHH");
    }
    position_ += 2;
    return static_cast<char>(value);
  }

  std::string_view text_;
  std::size_t position_ = 0;
};

}  // namespace thaw::text
