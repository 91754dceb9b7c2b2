// JSON values as Keras writes them: NaN, Infinity and -Infinity are numbers; key order is kept.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "thaw/options.h"

namespace thaw {

/// An immutable JSON value, whose copies share its elements. Integers that fit int64 stay exact.
/// Accessors throw Error(invalid_argument) naming the JSON pointer given to them (or the type
/// found).
class Json {
 public:
  enum class Type { null, boolean, integer, number, string, array, object };
  using Array = std::vector<Json>;
  using Object = std::vector<std::pair<std::string, Json>>;  // in file order, keys unique

  Json() = default;
  explicit Json(bool value) : value_(value) {}
  explicit Json(std::int64_t value) : value_(value) {}
  explicit Json(double value) : value_(value) {}
  explicit Json(std::string value) : value_(std::move(value)) {}
  explicit Json(Array value) : value_(std::make_shared<const Array>(std::move(value))) {}
  explicit Json(Object value) : value_(std::make_shared<const Object>(std::move(value))) {}

  Type type() const { return static_cast<Type>(value_.index()); }
  bool is_null() const { return type() == Type::null; }
  bool is_bool() const { return type() == Type::boolean; }
  bool is_integer() const { return type() == Type::integer; }
  bool is_number() const { return type() == Type::integer || type() == Type::number; }
  bool is_string() const { return type() == Type::string; }
  bool is_array() const { return type() == Type::array; }
  bool is_object() const { return type() == Type::object; }

  bool boolean() const;
  /// Also a number without fraction (3.0).
  std::int64_t integer() const;
  double number() const;
  const std::string& string() const;
  const Array& array() const;
  const Object& object() const;

  /// Object member or null if absent (or if this is no object).
  const Json* find(std::string_view key) const;
  /// Throws when absent.
  const Json& at(std::string_view key) const;
  const Json& at(std::size_t index) const;
  std::size_t size() const;  // of an array or object, else 0

  /// Compact JSON text; NaN and infinities as Python writes them.
  std::string dump() const;

 private:
  using SharedArray = std::shared_ptr<const Array>;
  using SharedObject = std::shared_ptr<const Object>;

  std::variant<std::monostate, bool, std::int64_t, double, std::string, SharedArray, SharedObject>
      value_;
};

/// Throws Error(invalid_argument) naming `name`, the offset and what is wrong: syntax, duplicate
/// keys, invalid UTF-8, a number out of range; resource_exhausted for nesting beyond
/// limits.max_depth or size.
Json parse_json(std::string_view text, const std::string& name, const Limits& limits);

}  // namespace thaw
