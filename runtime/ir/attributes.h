// Named attributes of host functions.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "thaw/tensor.h"

namespace thaw {

/// A small ordered list of name = value. The accessors throw Error(invalid_argument) when the
/// attribute is missing or of another kind.
class Attributes {
 public:
  using Value =
      std::variant<bool, std::int64_t, double, std::string, DType, std::vector<std::int64_t>,
                   std::vector<double>, std::vector<std::string>, std::vector<DType>, Tensor>;
  using Entry = std::pair<std::string, Value>;

  Attributes() = default;
  Attributes(std::initializer_list<Entry> entries) : entries_(entries) {}

  /// Adds or replaces.
  void set(std::string name, Value value);
  const Value* find(std::string_view name) const;
  bool has(std::string_view name) const { return find(name) != nullptr; }

  bool flag(std::string_view name) const;
  std::int64_t integer(std::string_view name) const;
  double real(std::string_view name) const;
  const std::string& text(std::string_view name) const;
  DType dtype(std::string_view name) const;
  const std::vector<std::int64_t>& ints(std::string_view name) const;
  const std::vector<double>& reals(std::string_view name) const;
  const std::vector<std::string>& texts(std::string_view name) const;
  const std::vector<DType>& dtypes(std::string_view name) const;
  const Tensor& tensor(std::string_view name) const;

  const std::vector<Entry>& entries() const { return entries_; }
  std::vector<Entry>& entries() { return entries_; }

 private:
  std::vector<Entry> entries_;
};

/// The kinds in the order of Attributes::Value, as a graph's text names them.
constexpr const char* kAttributeKinds[] = {"flag", "int",   "real",  "text",   "dtype",
                                           "ints", "reals", "texts", "dtypes", "tensor"};
static_assert(std::size(kAttributeKinds) == std::variant_size_v<Attributes::Value>);

}  // namespace thaw
