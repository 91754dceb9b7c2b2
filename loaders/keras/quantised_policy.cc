// What a quantised layer stores, and which quantisation it is.
#include <charconv>

#include "loaders/keras/quantised.h"
#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

std::string member(const Json& json, const char* key) {
  const Json* value = json.find(key);
  return value != nullptr && value->is_string() ? value->string() : "";
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts(1);
  for (char c : text) {
    if (c == separator) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

[[noreturn]] void refuse(const LayerConfig& layer, const std::string& what) {
  fail(ErrorCode::unimplemented, "layer '{}' ({}): {} is not supported", printable(layer.name),
       printable(layer.file_class), what);
}

[[noreturn]] void refuse_mode(const LayerConfig& layer, const std::string& mode) {
  refuse(layer, fmt::format("quantisation mode '{}'", printable(mode)));
}

std::int64_t number(const LayerConfig& layer, const std::string& text, const std::string& mode) {
  std::int64_t value = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || rest != text.data() + text.size() || value < -1 || value == 0 ||
      value > (std::int64_t{1} << 32)) {
    refuse_mode(layer, mode);
  }
  return value;
}

// "int8", "int4/128", "gptq/4/128", "awq/4/-1", "float8".
Quantisation from_mode(const LayerConfig& layer, const std::string& mode) {
  const std::vector<std::string> parts = split(mode, '/');
  Quantisation how;
  if (mode == "int8") {
    how.mode = QuantMode::int8;
    how.inputs = true;
  } else if (mode == "float8") {
    how.mode = QuantMode::float8;
  } else if (parts[0] == "int4" && parts.size() <= 2) {
    how.mode = QuantMode::int4;
    if (parts.size() == 2) how.group = number(layer, parts[1], mode);
  } else if ((parts[0] == "gptq" || parts[0] == "awq") && parts.size() == 3) {
    how.mode = parts[0] == "gptq" ? QuantMode::gptq : QuantMode::awq;
    how.bits = number(layer, parts[1], mode);
    how.group = number(layer, parts[2], mode);
  } else {
    refuse_mode(layer, mode);
  }
  return how;
}

// Only quantisation by the largest magnitude of a row exists in Keras so far; what its numbers
// are, is its own affair when weights are stored, but not when inputs are quantised at run time.
bool quantises_inputs(const LayerConfig& layer, const Json& quantizer) {
  if (quantizer.is_null()) return false;
  const Json* config = quantizer.find("config");
  const bool plain = member(quantizer, "class_name") == "AbsMaxQuantizer" && config != nullptr;
  const Json::Array* range = plain && config->find("value_range") != nullptr
                                 ? list_of(config->at("value_range"))
                                 : nullptr;
  const bool known = range != nullptr && range->size() == 2 && (*range)[0].is_number() &&
                     (*range)[1].is_number() && (*range)[0].number() == -127 &&
                     (*range)[1].number() == 127 && member(*config, "output_dtype") == "int8";
  if (!known) {
    refuse(layer, "activation quantizer " + printable(quantizer.dump()));
  }
  return true;
}

void apply_config(const LayerConfig& layer, const Json& config, Quantisation& how) {
  const std::string name = member(config, "class_name");
  const Json* values = config.find("config");
  if (name == "GPTQConfig" || name == "AWQConfig" || name == "Float8QuantizationConfig") return;
  if ((name != "Int8QuantizationConfig" && name != "Int4QuantizationConfig") || values == nullptr) {
    refuse(layer, "quantization_config " + printable(config.dump()));
  }
  const Json* inputs = values->find("activation_quantizer");
  how.inputs = inputs != nullptr && quantises_inputs(layer, *inputs);
  const Json* block = values->find("block_size");
  if (block != nullptr && block->is_integer()) how.group = block->integer();
}

bool has_lora(const LayerConfig& layer) {
  const Json* rank = layer.config.find("lora_rank");
  return rank != nullptr && rank->is_integer() && rank->integer() > 0;
}

}  // namespace

Quantisation quantisation_of(const LayerConfig& layer) {
  const Json* dtype = layer.config.find("dtype");
  if (dtype == nullptr || dtype->is_null()) return {};
  std::string mode;
  if (dtype->is_string()) {
    const auto from = dtype->string().find("_from_");
    if (from != std::string::npos) mode = dtype->string().substr(0, from);
  } else if (const Json* config = dtype->find("config"); config != nullptr) {
    mode = member(*config, "mode");
  }
  if (mode.empty()) return {};
  Quantisation how = from_mode(layer, mode);
  const bool way_back = layer.class_name == "ReversibleEmbedding";
  if (how.mode == QuantMode::int4 && way_back) how.inputs = true;
  const Json* config = layer.config.find("quantization_config");
  if (config != nullptr && config->is_object()) apply_config(layer, *config, how);
  if (how.group <= 0) how.group = -1;
  return how;
}

void kernel_variables(VariableList& variables, bool bias) {
  const Quantisation how = quantisation_of(variables.layer());
  const bool lora = has_lora(variables.layer());
  const bool packed = how.mode == QuantMode::gptq || how.mode == QuantMode::awq;
  if (!packed) {
    variables.add("kernel", !lora && (!how || how.mode == QuantMode::float8));
    if (bias) variables.add("bias");
  } else {
    if (bias) variables.add("bias");
    variables.add("quantized_kernel", false);
  }
  if (how.mode == QuantMode::int8 || how.mode == QuantMode::int4 || packed) {
    variables.add("kernel_scale", false);
  }
  if (packed || (how.mode == QuantMode::int4 && how.group > 0)) variables.add("kernel_zero", false);
  if (how.mode == QuantMode::awq) variables.add("awq_scales", false);
  if (packed || (how.mode == QuantMode::int4 && how.group > 0)) variables.add("g_idx", false);
  if (how.mode == QuantMode::float8) {
    for (const char* name :
         {"inputs_scale", "inputs_amax_history", "kernel_scale", "kernel_amax_history",
          "outputs_grad_scale", "outputs_grad_amax_history"}) {
      variables.add(name);
    }
  }
  if (lora) {
    variables.add_merged("lora_kernel_a");
    variables.add_merged("lora_kernel_b");
  }
}

void embedding_table_variables(VariableList& variables, bool reverse) {
  const Quantisation how = quantisation_of(variables.layer());
  const bool lora = has_lora(variables.layer());
  const bool grouped = how.mode == QuantMode::int4 && how.group > 0;
  variables.add("embeddings", !how && !lora);
  if (how) variables.add("embeddings_scale", false);
  if (grouped) {
    variables.add("embeddings_zero", false);
    variables.add("g_idx", false);
  }
  if (reverse) {
    variables.add("reverse_embeddings", !how);
    if (how) variables.add("reverse_embeddings_scale", false);
    if (grouped) variables.add("reverse_embeddings_zero", false);
  }
  if (lora) {
    variables.add_merged("lora_embeddings_a");
    variables.add_merged("lora_embeddings_b");
  }
}

}  // namespace thaw::keras
