#include "loaders/keras/policy.h"

#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

DtypePolicy from_name(const std::string& name) {
  if (name == "mixed_float16") return {DType::float32, DType::float16};
  if (name == "mixed_bfloat16") return {DType::float32, DType::bfloat16};
  if (name == "infer" || name == "_infer") return {};
  const DType dtype = dtype_from_name(name);
  if (dtype == DType::invalid) {
    fail(ErrorCode::unimplemented, "dtype policy '{}' is not supported", printable(name));
  }
  if (!is_floating(dtype)) return {DType::float32, dtype};
  return {dtype, dtype};
}

}  // namespace

DtypePolicy policy_of(const LayerConfig& layer, const Writer& writer) {
  const Json* dtype = layer.config.find("dtype");
  if (dtype == nullptr || dtype->is_null()) return {};
  // Stand-alone Keras had one type for all; what it stores is the type of the first layer's input.
  if (writer.major < 3 && !writer.tf_keras && layer.class_name == "Embedding") return {};
  if (dtype->is_string()) return from_name(dtype->string());
  const Json* class_name = dtype->find("class_name");
  const Json* config = dtype->find("config");
  const Json* name = config != nullptr ? config->find("name") : nullptr;
  const bool plain =
      class_name != nullptr && class_name->is_string() &&
      (class_name->string() == "Policy" || class_name->string() == "DTypePolicy" ||
       class_name->string() == "FloatDTypePolicy" || class_name->string() == "PolicyV1");
  if (!plain || name == nullptr || !name->is_string()) {
    fail(ErrorCode::unimplemented, "dtype policy {} is not supported", printable(dtype->dump()));
  }
  return from_name(name->string());
}

}  // namespace thaw::keras
