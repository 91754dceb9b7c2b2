#include "runtime/ir/attributes.h"

#include "runtime/base/check.h"

namespace thaw {
namespace {

template <class T>
constexpr std::size_t index_of() {
  return Attributes::Value(std::in_place_type<T>).index();
}

template <class T>
const T& get(const Attributes& attributes, std::string_view name) {
  const Attributes::Value* value = attributes.find(name);
  if (value == nullptr) {
    fail(ErrorCode::invalid_argument, "attribute '{}' is missing", name);
  }
  const T* typed = std::get_if<T>(value);
  if (typed == nullptr) {
    fail(ErrorCode::invalid_argument, "attribute '{}': expected {}, found {}", name,
         kAttributeKinds[index_of<T>()], kAttributeKinds[value->index()]);
  }
  return *typed;
}

}  // namespace

void Attributes::set(std::string name, Value value) {
  for (Entry& entry : entries_) {
    if (entry.first == name) {
      entry.second = std::move(value);
      return;
    }
  }
  entries_.emplace_back(std::move(name), std::move(value));
}

const Attributes::Value* Attributes::find(std::string_view name) const {
  for (const Entry& entry : entries_) {
    if (entry.first == name) return &entry.second;
  }
  return nullptr;
}

bool Attributes::flag(std::string_view name) const { return get<bool>(*this, name); }
std::int64_t Attributes::integer(std::string_view name) const {
  return get<std::int64_t>(*this, name);
}
double Attributes::real(std::string_view name) const { return get<double>(*this, name); }
const std::string& Attributes::text(std::string_view name) const {
  return get<std::string>(*this, name);
}
DType Attributes::dtype(std::string_view name) const { return get<DType>(*this, name); }
const std::vector<std::int64_t>& Attributes::ints(std::string_view name) const {
  return get<std::vector<std::int64_t>>(*this, name);
}
const std::vector<double>& Attributes::reals(std::string_view name) const {
  return get<std::vector<double>>(*this, name);
}
const std::vector<std::string>& Attributes::texts(std::string_view name) const {
  return get<std::vector<std::string>>(*this, name);
}
const std::vector<DType>& Attributes::dtypes(std::string_view name) const {
  return get<std::vector<DType>>(*this, name);
}
const Tensor& Attributes::tensor(std::string_view name) const { return get<Tensor>(*this, name); }

}  // namespace thaw
