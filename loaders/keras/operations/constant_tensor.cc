// Constants that stand in configurations: numbers, nested lists, stored arrays.
#include <cmath>

#include "loaders/keras/operations/op_call.h"
#include "runtime/base/check.h"

namespace thaw::keras {

std::vector<Operand> items_of(const Operand& operand) {
  if (operand.kind == Argument::Kind::list) return operand.items;
  if (operand.kind == Argument::Kind::value) {
    if (const Json::Array* list = list_of(operand.value); list && operand.value.is_array()) {
      std::vector<Operand> items;
      for (const Json& json : *list) items.emplace_back().value = json;
      return items;
    }
  }
  return {operand};
}

namespace {

constexpr int kMaxDepth = 32;

// The elements of a nested list and what they have in common.
struct Elements {
  std::vector<std::int64_t> sizes;
  std::vector<const Json*> leaves;
  bool fraction = false, text = false, boolean = true, wide = false;
};

void collect(const Json& json, std::size_t depth, Elements& out) {
  if (json.is_array()) {
    if (depth >= kMaxDepth) fail(ErrorCode::resource_exhausted, "a constant nested too deeply");
    const auto size = static_cast<std::int64_t>(json.array().size());
    if (depth == out.sizes.size()) {
      if (!out.leaves.empty()) fail(ErrorCode::invalid_argument, "a ragged constant");
      out.sizes.push_back(size);
    } else if (out.sizes[depth] != size) {
      fail(ErrorCode::invalid_argument, "a ragged constant: rows of {} and of {} elements",
           out.sizes[depth], size);
    }
    for (const Json& item : json.array()) collect(item, depth + 1, out);
    return;
  }
  if (depth != out.sizes.size()) fail(ErrorCode::invalid_argument, "a ragged constant");
  if (!json.is_number() && !json.is_bool() && !json.is_string())
    fail(ErrorCode::unimplemented, "an argument {}, which is no tensor", printable(json.dump()));
  out.fraction = out.fraction || (json.is_number() && !json.is_integer());
  out.text = out.text || json.is_string();
  out.boolean = out.boolean && json.is_bool();
  if (json.is_integer()) {
    const std::int64_t value = json.integer();
    out.wide = out.wide || value > INT32_MAX || value < INT32_MIN;
  }
  out.leaves.push_back(&json);
}

template <class T>
T element(const Json& json) {
  if (json.is_bool()) return static_cast<T>(json.boolean() ? 1 : 0);
  if (json.is_string()) fail(ErrorCode::invalid_argument, "a string among numbers");
  if constexpr (std::is_floating_point_v<T>) {
    return static_cast<T>(json.number());
  } else {
    if (json.is_integer()) return static_cast<T>(json.integer());
    const double number = json.number();
    if (!(std::abs(number) < 9e18)) fail(ErrorCode::invalid_argument, "{} as an integer", number);
    return static_cast<T>(static_cast<std::int64_t>(number));
  }
}

template <class T>
void fill(Tensor& tensor, const std::vector<const Json*>& leaves) {
  T* out = tensor.mutable_data<T>();
  for (std::size_t i = 0; i < leaves.size(); ++i) out[i] = element<T>(*leaves[i]);
}

void fill_any(Tensor& tensor, const std::vector<const Json*>& leaves) {
  switch (tensor.dtype()) {
    case DType::float32: return fill<float>(tensor, leaves);
    case DType::float64: return fill<double>(tensor, leaves);
    case DType::int8: return fill<std::int8_t>(tensor, leaves);
    case DType::int16: return fill<std::int16_t>(tensor, leaves);
    case DType::int32: return fill<std::int32_t>(tensor, leaves);
    case DType::int64: return fill<std::int64_t>(tensor, leaves);
    case DType::uint8: return fill<std::uint8_t>(tensor, leaves);
    case DType::uint16: return fill<std::uint16_t>(tensor, leaves);
    case DType::uint32: return fill<std::uint32_t>(tensor, leaves);
    case DType::uint64: return fill<std::uint64_t>(tensor, leaves);
    case DType::boolean: {
      bool* out = tensor.mutable_data<bool>();
      for (std::size_t i = 0; i < leaves.size(); ++i) out[i] = element<double>(*leaves[i]) != 0;
      return;
    }
    case DType::float16: {
      float16* out = tensor.mutable_data<float16>();
      for (std::size_t i = 0; i < leaves.size(); ++i)
        out[i] = float16_from(element<float>(*leaves[i]));
      return;
    }
    case DType::bfloat16: {
      bfloat16* out = tensor.mutable_data<bfloat16>();
      for (std::size_t i = 0; i < leaves.size(); ++i)
        out[i] = bfloat16_from(element<float>(*leaves[i]));
      return;
    }
    case DType::string: {
      std::string* out = tensor.mutable_data<std::string>();
      for (std::size_t i = 0; i < leaves.size(); ++i) out[i] = leaves[i]->string();
      return;
    }
    default: fail(ErrorCode::unimplemented, "a constant of type {}", name_of(tensor.dtype()));
  }
}

}  // namespace

Tensor constant_tensor(const Json& json, DType dtype) {
  const Json* content = &json;
  if (json.is_object()) {
    const Json* config = json.find("config");
    const Json* value = config != nullptr ? config->find("value") : json.find("value");
    if (value == nullptr)
      fail(ErrorCode::unimplemented, "an argument {}, which is no tensor", printable(json.dump()));
    content = value;
    const Json* stored = config != nullptr ? config->find("dtype") : nullptr;
    if (dtype == DType::invalid && stored != nullptr && stored->is_string()) {
      dtype = dtype_from_name(stored->string());
      if (dtype == DType::invalid)
        fail(ErrorCode::unimplemented, "a constant of type {}", printable(stored->string()));
    }
  }
  Elements elements;
  collect(*content, 0, elements);
  if (dtype == DType::invalid) {
    if (elements.text) {
      dtype = DType::string;
    } else if (elements.leaves.empty() || elements.fraction) {
      dtype = DType::float32;
    } else if (elements.boolean) {
      dtype = DType::boolean;
    } else {
      dtype = elements.wide ? DType::int64 : DType::int32;
    }
  }
  Tensor tensor(dtype, Shape(elements.sizes));
  if (static_cast<std::size_t>(tensor.num_elements()) != elements.leaves.size())
    fail(ErrorCode::invalid_argument, "a ragged constant");
  fill_any(tensor, elements.leaves);
  return tensor;
}

}  // namespace thaw::keras
