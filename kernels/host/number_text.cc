#include "kernels/host/number_text.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <limits>

#include "runtime/base/unicode.h"

namespace thaw::host {
namespace {

std::string_view without_blanks(std::string_view text) {
  while (!text.empty() && unicode::is_ascii_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && unicode::is_ascii_space(text.back())) text.remove_suffix(1);
  return text;
}

template <class T>
std::optional<T> parse_integer(std::string_view text) {
  text = without_blanks(text);
  if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (text.starts_with('-')) return std::nullopt;
  }
  T value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

// Whether digits that a float cannot hold are too large rather than too small: the power of ten
// (or two) of the first digit that is not zero.
bool is_overflow(std::string_view digits, bool hexadecimal) {
  std::int64_t power = 0;  // of the digit in front of the point
  bool seen_point = false, found = false;
  std::size_t i = 0;
  for (; i < digits.size(); ++i) {
    const char c = digits[i];
    if (c == '.') {
      seen_point = true;
      continue;
    }
    const char lower = static_cast<char>(c | 0x20);
    if (lower == 'p' || (lower == 'e' && !hexadecimal)) break;
    if (found) {
      power += seen_point ? 0 : 1;
    } else if (c != '0') {
      found = true;
      if (seen_point) --power;
    } else if (seen_point) {
      --power;
    }
  }
  if (!found) return false;
  if (hexadecimal) power *= 4;
  if (i >= digits.size()) return power > 0;
  std::string_view exponent = digits.substr(i + 1);
  if (exponent.starts_with('+')) exponent.remove_prefix(1);
  std::int64_t value = 0;
  const auto [stop, error] =
      std::from_chars(exponent.data(), exponent.data() + exponent.size(), value);
  if (error == std::errc::result_out_of_range) return !exponent.starts_with('-');
  return value > -power;
}

template <class T>
std::optional<T> parse_real(std::string_view text) {
  text = without_blanks(text);
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (text.empty() || text.front() == '-' || text.front() == '+') return std::nullopt;
  std::chars_format format = std::chars_format::general;
  if (text.size() > 2 && text[0] == '0' && (text[1] | 0x20) == 'x') {
    format = std::chars_format::hex;
    text.remove_prefix(2);
    if (text.front() == '-') return std::nullopt;
  }
  T value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, format);
  if (stop != end || error == std::errc::invalid_argument) return std::nullopt;
  if (error == std::errc::result_out_of_range) {
    value = is_overflow(text, format == std::chars_format::hex) ? std::numeric_limits<T>::infinity()
                                                                : T{0};
  }
  return negative ? -value : value;
}

template <class T>
std::string print_shortest(T value, int few, int all) {
  if (std::isnan(value)) return "nan";
  std::string text = fmt::format("{:.{}g}", value, few);
  T again = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), again);
  if (error == std::errc{} && again == value) return text;
  return fmt::format("{:.{}g}", value, all);
}

}  // namespace

std::optional<std::int64_t> parse_signed(std::string_view text) {
  return parse_integer<std::int64_t>(text);
}
std::optional<std::uint64_t> parse_unsigned(std::string_view text) {
  return parse_integer<std::uint64_t>(text);
}
std::optional<float> parse_float(std::string_view text) { return parse_real<float>(text); }
std::optional<double> parse_double(std::string_view text) { return parse_real<double>(text); }

std::string print_float(float value) { return print_shortest(value, 6, 9); }
std::string print_double(double value) { return print_shortest(value, 15, 17); }

}  // namespace thaw::host
