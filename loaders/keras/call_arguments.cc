#include "loaders/keras/call_arguments.h"

#include <algorithm>
#include <span>

#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

// Behind `query`; tf.keras has no masks among them.
constexpr const char* kQueryArguments[] = {"value",
                                           "key",
                                           "query_mask",
                                           "value_mask",
                                           "key_mask",
                                           "attention_mask",
                                           "return_attention_scores",
                                           "training",
                                           "use_causal_mask"};
constexpr const char* kTfQueryArguments[] = {
    "value", "key", "attention_mask", "return_attention_scores", "training", "use_causal_mask"};
constexpr const char* kReverseArguments[] = {"reverse"};
constexpr const char* kEncodingArguments[] = {"count_weights"};
constexpr const char* kAttentionArguments[] = {"mask", "training", "return_attention_scores",
                                               "use_causal_mask"};

// In order; empty for classes whose importers know the positions themselves.
std::span<const char* const> named_arguments(const Layer& layer) {
  const std::string& name = layer.class_name();
  if (name == "Attention" || name == "AdditiveAttention") return kAttentionArguments;
  if (name == "MultiHeadAttention" || name == "GroupedQueryAttention") {
    if (layer.keras3()) return kQueryArguments;
    return kTfQueryArguments;
  }
  if (name == "ReversibleEmbedding") return kReverseArguments;
  if (name == "CategoryEncoding") return kEncodingArguments;
  return {};
}

}  // namespace

bool is_set(const Operand& operand) {
  if (operand.kind == Argument::Kind::tensor) return true;
  if (operand.kind != Argument::Kind::value) {
    return std::any_of(operand.items.begin(), operand.items.end(), is_set);
  }
  return !operand.value.is_null() && !(operand.value.is_bool() && !operand.value.boolean());
}

void name_arguments(Layer& layer) {
  const std::span<const char* const> names = named_arguments(layer);
  if (names.empty()) return;
  if (layer.args.size() > names.size() + 1)
    layer.bad(fmt::format("called with {} arguments", layer.args.size()));
  while (layer.args.size() > 1) {
    const char* name = names[layer.args.size() - 2];
    if (layer.argument(name) != nullptr) layer.bad(fmt::format("argument {} is given twice", name));
    layer.kwargs.emplace_back(name, std::move(layer.args.back()));
    layer.args.pop_back();
  }
}

void check_arguments(const Layer& layer) {
  const std::span<const char* const> names = named_arguments(layer);
  for (const auto& [key, operand] : layer.kwargs) {
    const bool known =
        key == "mask" || key == "initial_state" || key == "constants" || key == "training" ||
        std::any_of(names.begin(), names.end(), [&](const char* name) { return key == name; });
    if (!known && is_set(operand))
      layer.unsupported(fmt::format("called with argument {}", printable(key)));
  }
  const bool takes_states = layer.has("cell") || layer.has("units") || layer.has("merge_mode") ||
                            layer.class_name().starts_with("ConvLSTM");
  const std::size_t positions = takes_states ? 2 : 1;
  for (std::size_t i = positions; i < layer.args.size(); ++i) {
    if (is_set(layer.args[i]))
      layer.unsupported(fmt::format("called with {} positional arguments", i + 1));
  }
}

}  // namespace thaw::keras
