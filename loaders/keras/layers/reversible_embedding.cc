#include "loaders/keras/layers/reversible_embedding.h"

#include "loaders/keras/layers/attention.h"
#include "loaders/keras/layers/layers.h"
#include "loaders/keras/quantised.h"
#include "runtime/base/check.h"

namespace thaw::keras {

void reversible_embedding_variables(VariableList& variables) {
  embedding_table_variables(variables, !variables.flag("tie_weights", true));
}

Outputs reversible_embedding(const Layer& layer, Weights& weights, GraphBuilder& g) {
  if (!call_flag(layer, "reverse")) return embedding(layer, weights, g);
  const Quantisation how = quantisation_of(layer.config);
  const std::int64_t tokens = layer.integer("input_dim"), width = layer.integer("output_dim");
  const bool tied = layer.flag("tie_weights", true);
  ValueId x = computed(layer, layer.input(), g);
  ValueId logits = kNoValue;
  if (how) {
    logits = quantised_logits(layer, weights, how, x, g);
  } else {
    ValueId kernel = tied ? adapted_table(layer, weights, {tokens, width}, g)
                          : weights.get("reverse_embeddings", {width, tokens});
    if (layer.has("reverse_dtype")) {
      const DType dtype = dtype_from_name(layer.text("reverse_dtype", ""));
      if (!is_floating(dtype)) {
        layer.unsupported(
            fmt::format("reverse_dtype={}", printable(layer.text("reverse_dtype", ""))));
      }
      x = g.cast(x, dtype);
      kernel = g.cast(kernel, dtype);
    }
    logits = g.matmul(x, kernel, false, tied);
  }
  if (!layer.has("logit_soft_cap")) return logits;
  const ValueId cap = g.scalar(layer.real("logit_soft_cap", 1), g.dtype(logits));
  return g.binary(BinaryKind::mul,
                  g.unary({UnaryKind::tanh}, g.binary(BinaryKind::div, logits, cap)), cap);
}

}  // namespace thaw::keras
