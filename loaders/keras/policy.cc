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

// Layers whose call Keras changes; on others a quantised policy cannot run in Keras either.
bool can_be_quantised(const LayerConfig& layer) {
  for (const char* name : {"Dense", "EinsumDense", "Embedding", "ReversibleEmbedding"}) {
    if (layer.class_name == name) return true;
  }
  return false;
}

std::string member(const Json* json, const char* key) {
  const Json* value = json != nullptr ? json->find(key) : nullptr;
  return value != nullptr && value->is_string() ? value->string() : "";
}

[[noreturn]] void unknown_policy(const Json& dtype) {
  fail(ErrorCode::unimplemented, "dtype policy {} is not supported", printable(dtype.dump()));
}

// Of an object: the policy's name, without what it says of quantisation.
std::string plain_name(const Json& dtype, const LayerConfig& layer) {
  const std::string class_name = member(&dtype, "class_name");
  const Json* config = dtype.find("config");
  if (class_name == "Policy" || class_name == "DTypePolicy" || class_name == "FloatDTypePolicy" ||
      class_name == "PolicyV1") {
    const std::string name = member(config, "name");
    if (name.empty()) unknown_policy(dtype);
    return name;
  }
  if (class_name == "DTypePolicyMap" && config != nullptr) {
    // Policies of inner layers by their paths; without any, the default is the layer's own.
    const Json* map = config->find("policy_map");
    const Json* by_default = config->find("default_policy");
    if ((map != nullptr && map->size() != 0) || by_default == nullptr) unknown_policy(dtype);
    return by_default->is_string() ? by_default->string() : plain_name(*by_default, layer);
  }
  if (!member(config, "mode").empty() && can_be_quantised(layer)) {
    const std::string source = member(config, "source_name");
    return source.empty() ? "float32" : source;
  }
  unknown_policy(dtype);
}

}  // namespace

DtypePolicy policy_of(const LayerConfig& layer, const Writer& writer) {
  const Json* dtype = layer.config.find("dtype");
  if (dtype == nullptr || dtype->is_null()) return {};
  // Stand-alone Keras had one type for all; what it stores is the type of the first layer's input.
  if (writer.major < 3 && !writer.tf_keras && layer.class_name == "Embedding") return {};
  std::string name = dtype->is_string() ? dtype->string() : plain_name(*dtype, layer);
  const auto from = name.find("_from_");
  if (from != std::string::npos && can_be_quantised(layer)) name = name.substr(from + 6);
  return from_name(name);
}

}  // namespace thaw::keras
