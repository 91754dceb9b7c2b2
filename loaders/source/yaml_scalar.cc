// The implicit types of YAML 1.1, as PyYAML resolves them.
#include "loaders/source/yaml_scalar.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <optional>

#include "runtime/base/check.h"

namespace thaw::yaml {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_one_of(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

bool is_null(std::string_view text) { return is_one_of(text, {"", "~", "null", "Null", "NULL"}); }

std::optional<bool> boolean(std::string_view text) {
  if (is_one_of(text, {"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"})) return true;
  if (is_one_of(text, {"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"}))
    return false;
  return std::nullopt;
}

struct Signed {
  bool negative;
  std::string_view magnitude;
};
Signed split_sign(std::string_view text) {
  const bool has_sign = text.starts_with('-') || text.starts_with('+');
  return {text.starts_with('-'), has_sign ? text.substr(1) : text};
}

// Digits of `base` and underscores, with one digit at least.
bool all_digits(std::string_view text, int base) {
  constexpr std::string_view kDigits = "0123456789abcdefABCDEF_";
  const std::string_view allowed =
      kDigits.substr(0, base == 16 ? 22 : static_cast<std::size_t>(base));
  const auto is_allowed = [&](char c) { return c == '_' || allowed.find(c) != allowed.npos; };
  return std::all_of(text.begin(), text.end(), is_allowed) &&
         text.find_first_not_of('_') != text.npos;
}

std::string without_underscores(std::string_view text) {
  std::string digits(text);
  std::erase(digits, '_');
  return digits;
}

std::optional<double> decimal(std::string_view text, const std::string& place) {
  double value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ptr != text.data() + text.size() || result.ec == std::errc::invalid_argument)
    return std::nullopt;
  if (result.ec == std::errc() && std::isfinite(value)) return value;
  // Too small is zero; from_chars says the same of too large.
  const std::size_t mark = std::min(text.find_first_of("eE"), text.size());
  if (text.substr(mark).find('-') != text.npos) return 0.0;
  fail(ErrorCode::invalid_argument, "{}: the number '{}' is out of range", place, printable(text));
}

// 12, -0x1F, 0b101, 017.
std::optional<Json> integer(std::string_view text, const std::string& place) {
  const auto [negative, magnitude] = split_sign(text);
  if (magnitude.empty() || !is_digit(magnitude[0])) return std::nullopt;
  int base = 10;
  std::size_t prefix = 0;
  if (magnitude.starts_with("0x")) {
    base = 16, prefix = 2;
  } else if (magnitude.starts_with("0b")) {
    base = 2, prefix = 2;
  } else if (magnitude.size() > 1 && magnitude[0] == '0') {
    base = 8, prefix = 1;
  }
  const std::string_view body = magnitude.substr(prefix);
  if (!all_digits(body, base)) return std::nullopt;
  const std::string digits = (negative ? "-" : "") + without_underscores(body);
  std::int64_t value = 0;
  const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (result.ec == std::errc()) return Json(value);
  if (base == 10) return Json(decimal(digits, place).value());
  fail(ErrorCode::invalid_argument, "{}: the number '{}' is out of range", place, printable(text));
}

// 1.5, .5, 1., 1.0e-05, 1e-05, .inf, .nan.
std::optional<double> number(std::string_view text, const std::string& place) {
  if (is_one_of(text, {".nan", ".NaN", ".NAN"})) return std::numeric_limits<double>::quiet_NaN();
  const auto [negative, magnitude] = split_sign(text);
  if (is_one_of(magnitude, {".inf", ".Inf", ".INF"})) {
    const double infinity = std::numeric_limits<double>::infinity();
    return negative ? -infinity : infinity;
  }
  const std::size_t mark = std::min(magnitude.find_first_of("eE"), magnitude.size());
  const std::string_view mantissa = magnitude.substr(0, mark);
  if (mark == magnitude.size() && mantissa.find('.') == mantissa.npos) return std::nullopt;
  if (mantissa.find_first_of("0123456789") == mantissa.npos ||
      mantissa.find_first_not_of("0123456789._") != mantissa.npos || mantissa[0] == '_')
    return std::nullopt;
  std::string exponent(magnitude.substr(mark));
  if (exponent.size() > 1 && exponent[1] == '+') exponent.erase(1, 1);
  if (!exponent.empty() && !is_digit(exponent.back())) return std::nullopt;
  const std::string plain = (negative ? "-" : "") + without_underscores(mantissa) + exponent;
  return decimal(plain, place);
}

// 1:30 is 90 to YAML 1.1, and 2020-01-01 a date; neither belongs in a model.
bool is_base_60(std::string_view text) {
  const std::string_view magnitude = split_sign(text).magnitude;
  const std::size_t colon = magnitude.find(':');
  return colon != magnitude.npos && colon > 0 && is_digit(magnitude[0]) &&
         magnitude.find_first_not_of("0123456789_:.") == magnitude.npos;
}
bool is_date(std::string_view text) {
  const auto digits = [text](std::size_t begin, std::size_t count) {
    const std::string_view part = text.substr(std::min(begin, text.size()), count);
    return part.size() == count && std::all_of(part.begin(), part.end(), is_digit);
  };
  return digits(0, 4) && text.substr(4, 1) == "-" && digits(5, 1) &&
         (text.substr(6, 1) == "-" || text.substr(7, 1) == "-");
}

Json plain_scalar(const std::string& text, const std::string& place) {
  if (is_null(text)) return Json();
  if (const auto value = boolean(text)) return Json(*value);
  if (auto value = integer(text, place)) return std::move(*value);
  if (const auto value = number(text, place)) return Json(*value);
  if (is_base_60(text) || is_date(text)) {
    fail(ErrorCode::unimplemented, "{}: '{}' is a {} in YAML, which is not read; quote it", place,
         printable(text), is_date(text) ? "date" : "number of base 60");
  }
  return Json(text);
}

}  // namespace

Json read_scalar(const std::string& text, ScalarKind kind, const std::string& place) {
  const auto wrong = [&](const char* what) {
    fail(ErrorCode::invalid_argument, "{}: '{}' is tagged as {}", place, printable(text), what);
  };
  switch (kind) {
    case ScalarKind::plain: return plain_scalar(text, place);
    case ScalarKind::string: return Json(text);
    case ScalarKind::integer:
      if (auto value = integer(text, place)) return std::move(*value);
      wrong("an integer");
      break;
    case ScalarKind::number:
      if (const auto value = number(text, place)) return Json(*value);
      if (const auto value = integer(text, place)) return Json(value->number());
      wrong("a number");
      break;
    case ScalarKind::boolean:
      if (const auto value = boolean(text)) return Json(*value);
      wrong("a boolean");
      break;
    case ScalarKind::null:
      if (!is_null(text) && text != "None") wrong("null");
      break;
  }
  return Json();
}

}  // namespace thaw::yaml
