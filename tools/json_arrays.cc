#include "tools/json_arrays.h"

#include <fmt/format.h>

#include "runtime/base/check.h"
#include "runtime/base/half.h"

namespace thaw::tools {
namespace {

struct Flat {
  std::vector<const Json*> leaves;
  std::vector<std::int64_t> dims;
};

void flatten(const Json& json, std::size_t depth, Flat& flat, const std::string& where) {
  if (!json.is_array()) {
    if (depth != flat.dims.size()) fail(ErrorCode::invalid_argument, "{}: ragged list", where);
    flat.leaves.push_back(&json);
    return;
  }
  const auto size = static_cast<std::int64_t>(json.size());
  if (depth == flat.dims.size() && flat.leaves.empty()) {
    flat.dims.push_back(size);
  } else if (depth >= flat.dims.size() || flat.dims[depth] != size) {
    fail(ErrorCode::invalid_argument, "{}: ragged list", where);
  }
  for (const Json& item : json.array()) flatten(item, depth + 1, flat, where);
}

Tensor tensor_from(const Json& json, const TensorSpec& spec, const std::string& file) {
  const std::string where = fmt::format("{}: '{}'", file, printable(spec.name));
  Flat flat;
  flatten(json, 0, flat, where);
  const Shape shape(flat.dims);
  if (spec.type.dtype == DType::string) {
    std::vector<std::string> values;
    for (const Json* leaf : flat.leaves) values.push_back(leaf->string());
    return Tensor::from(shape, values);
  }
  // Integers are kept exact; convert_to then narrows with a check.
  if (is_integer(spec.type.dtype)) {
    std::vector<std::int64_t> values;
    for (const Json* leaf : flat.leaves)
      values.push_back(leaf->is_bool() ? leaf->boolean() : leaf->integer());
    return Tensor::from(shape, values);
  }
  std::vector<double> values;
  for (const Json* leaf : flat.leaves)
    values.push_back(leaf->is_bool() ? leaf->boolean() : leaf->number());
  std::string note;
  return convert_to(Tensor::from(shape, values), spec.type.dtype, spec.name, note);
}

Json element_json(const Tensor& tensor, std::int64_t i) {
  const void* data = tensor.data();
  switch (tensor.dtype()) {
    case DType::float16:
      return Json(static_cast<double>(half_to_float(static_cast<const std::uint16_t*>(data)[i])));
    case DType::bfloat16:
      return Json(static_cast<double>(bfloat_to_float(static_cast<const std::uint16_t*>(data)[i])));
    case DType::float32: return Json(static_cast<double>(static_cast<const float*>(data)[i]));
    case DType::float64: return Json(static_cast<const double*>(data)[i]);
    case DType::int8: return Json(std::int64_t{static_cast<const std::int8_t*>(data)[i]});
    case DType::int16: return Json(std::int64_t{static_cast<const std::int16_t*>(data)[i]});
    case DType::int32: return Json(std::int64_t{static_cast<const std::int32_t*>(data)[i]});
    case DType::int64: return Json(static_cast<const std::int64_t*>(data)[i]);
    case DType::uint8: return Json(std::int64_t{static_cast<const std::uint8_t*>(data)[i]});
    case DType::uint16: return Json(std::int64_t{static_cast<const std::uint16_t*>(data)[i]});
    case DType::uint32: return Json(std::int64_t{static_cast<const std::uint32_t*>(data)[i]});
    case DType::uint64: {
      const std::uint64_t value = static_cast<const std::uint64_t*>(data)[i];
      if (value <= INT64_MAX) return Json(static_cast<std::int64_t>(value));
      return Json(static_cast<double>(value));
    }
    case DType::boolean: return Json(static_cast<const std::uint8_t*>(data)[i] != 0);
    case DType::string: return Json(static_cast<const std::string*>(data)[i]);
    default: fail(ErrorCode::unimplemented, "{} in JSON", name_of(tensor.dtype()));
  }
}

Json nested(const Tensor& tensor, int axis, std::int64_t& position) {
  if (axis == tensor.shape().rank()) return element_json(tensor, position++);
  Json::Array items;
  for (std::int64_t i = 0; i < tensor.shape()[axis]; ++i)
    items.push_back(nested(tensor, axis + 1, position));
  return Json(std::move(items));
}

}  // namespace

NamedArrays arrays_from_json(const Json& json, const std::vector<TensorSpec>& specs,
                             const std::string& file) {
  NamedArrays arrays;
  if (!json.is_object()) {
    if (specs.size() != 1) {
      fail(ErrorCode::invalid_argument,
           "{}: a bare list for a model with {} inputs; use {{\"name\": list}}", file,
           specs.size());
    }
    arrays.emplace_back("input_0", tensor_from(json, specs[0], file));
    return arrays;
  }
  for (const auto& [name, value] : json.object()) {
    TensorSpec spec{name, {DType::float32, Shape::unknown_rank()}};
    for (std::size_t i = 0; i < specs.size(); ++i) {
      if (specs[i].name == name || name == fmt::format("input_{}", i)) spec.type = specs[i].type;
    }
    arrays.emplace_back(name, tensor_from(value, spec, file));
  }
  return arrays;
}

Json arrays_to_json(const NamedArrays& arrays) {
  Json::Object object;
  for (const auto& [name, tensor] : arrays) {
    std::int64_t position = 0;
    object.emplace_back(name, nested(tensor, 0, position));
  }
  return Json(std::move(object));
}

Json shape_json(const Shape& shape) {
  if (!shape.has_rank()) return Json();
  Json::Array dims;
  for (std::int64_t dim : shape.dims()) dims.push_back(dim < 0 ? Json() : Json(dim));
  return Json(std::move(dims));
}

Json strings_json(const std::vector<std::string>& strings) {
  Json::Array array;
  for (const std::string& text : strings) array.push_back(Json(text));
  return Json(std::move(array));
}

}  // namespace thaw::tools
