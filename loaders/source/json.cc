#include "loaders/source/json.h"

#include <cmath>

#include "runtime/base/check.h"

namespace thaw {
namespace {

const char* name_of(Json::Type type) {
  switch (type) {
    case Json::Type::null: return "null";
    case Json::Type::boolean: return "a boolean";
    case Json::Type::integer: return "an integer";
    case Json::Type::number: return "a number";
    case Json::Type::string: return "a string";
    case Json::Type::array: return "an array";
    case Json::Type::object: return "an object";
  }
  return "?";
}

[[noreturn]] void wrong_type(const char* expected, Json::Type found) {
  fail(ErrorCode::invalid_argument, "JSON: expected {}, found {}", expected, name_of(found));
}

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

void append_number(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "NaN";
  } else if (std::isinf(value)) {
    out += value < 0 ? "-Infinity" : "Infinity";
  } else {
    std::string text = fmt::format("{}", value);  // the shortest text that reads back as `value`
    if (text.find_first_of(".e") == std::string::npos) text += ".0";
    out += text;
  }
}

// Recursion is bounded: parse_json never builds values deeper than kMaxJsonDepth.
void append(std::string& out, const Json& json) {
  const char* separator = "";
  switch (json.type()) {
    case Json::Type::null: out += "null"; break;
    case Json::Type::boolean: out += json.boolean() ? "true" : "false"; break;
    case Json::Type::integer: out += std::to_string(json.integer()); break;
    case Json::Type::number: append_number(out, json.number()); break;
    case Json::Type::string: append_quoted(out, json.string()); break;
    case Json::Type::array:
      out += '[';
      for (const Json& item : json.array()) {
        out += separator;
        append(out, item);
        separator = ",";
      }
      out += ']';
      break;
    case Json::Type::object:
      out += '{';
      for (const auto& [key, value] : json.object()) {
        out += separator;
        append_quoted(out, key);
        out += ':';
        append(out, value);
        separator = ",";
      }
      out += '}';
      break;
  }
}

}  // namespace

bool Json::boolean() const {
  if (const bool* value = std::get_if<bool>(&value_)) return *value;
  wrong_type("a boolean", type());
}

std::int64_t Json::integer() const {
  if (const auto* value = std::get_if<std::int64_t>(&value_)) return *value;
  if (const double* value = std::get_if<double>(&value_)) {
    if (*value == std::floor(*value) && *value >= -0x1p63 && *value < 0x1p63) {
      return static_cast<std::int64_t>(*value);
    }
    fail(ErrorCode::invalid_argument, "JSON: expected an integer, found {}", *value);
  }
  wrong_type("an integer", type());
}

double Json::number() const {
  if (const double* value = std::get_if<double>(&value_)) return *value;
  if (const auto* value = std::get_if<std::int64_t>(&value_)) return static_cast<double>(*value);
  wrong_type("a number", type());
}

const std::string& Json::string() const {
  if (const auto* value = std::get_if<std::string>(&value_)) return *value;
  wrong_type("a string", type());
}

const Json::Array& Json::array() const {
  if (const auto* value = std::get_if<SharedArray>(&value_)) return **value;
  wrong_type("an array", type());
}

const Json::Object& Json::object() const {
  if (const auto* value = std::get_if<SharedObject>(&value_)) return **value;
  wrong_type("an object", type());
}

const Json* Json::find(std::string_view key) const {
  const auto* members = std::get_if<SharedObject>(&value_);
  if (members == nullptr) return nullptr;
  for (const auto& [name, value] : **members) {
    if (name == key) return &value;
  }
  return nullptr;
}

const Json& Json::at(std::string_view key) const {
  if (!is_object()) {
    fail(ErrorCode::invalid_argument, "JSON: expected an object with '{}', found {}",
         printable(key), name_of(type()));
  }
  if (const Json* value = find(key)) return *value;
  fail(ErrorCode::invalid_argument, "JSON: '{}' is missing", printable(key));
}

const Json& Json::at(std::size_t index) const {
  const Array& items = array();
  if (index >= items.size()) {
    fail(ErrorCode::invalid_argument, "JSON: element {} of an array of {}", index, items.size());
  }
  return items[index];
}

std::size_t Json::size() const {
  if (const auto* items = std::get_if<SharedArray>(&value_)) return (*items)->size();
  if (const auto* members = std::get_if<SharedObject>(&value_)) return (*members)->size();
  return 0;
}

std::string Json::dump() const {
  std::string out;
  append(out, *this);
  return out;
}

}  // namespace thaw
