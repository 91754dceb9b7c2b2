// Quantised and low-rank adapted kernels of Keras 3: int8, int4, float8, GPTQ, AWQ, LoRA.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "loaders/keras/table.h"

namespace thaw::keras {

enum class QuantMode : std::uint8_t { none, int8, int4, float8, gptq, awq };

struct Quantisation {
  QuantMode mode = QuantMode::none;
  std::int64_t bits = 8;    // of a GPTQ weight
  std::int64_t group = -1;  // rows that share a scale; -1: all
  bool inputs = false;      // the inputs are quantised as well, row by row

  explicit operator bool() const { return mode != QuantMode::none; }
};

/// What the layer's dtype policy and quantisation_config say. Throws Error(unimplemented) naming
/// what Thaw does not know.
Quantisation quantisation_of(const LayerConfig& layer);

/// kernel, bias and what belongs to the quantisation, in the order of Keras' files; the two
/// matrices of a LoRA adapter, which Keras merges before it writes `.weights.h5`.
void kernel_variables(VariableList& variables, bool bias);
void dense_variables(VariableList& variables);
/// The same of an embedding, and of the way back if `reverse`.
void embedding_table_variables(VariableList& variables, bool reverse);

/// kernel, with the adapter added where the file has one.
ValueId adapted_kernel(const Layer& layer, Weights& weights, const Shape& shape, GraphBuilder& g);

/// The same of an embedding's table.
ValueId adapted_table(const Layer& layer, Weights& weights, const Shape& shape, GraphBuilder& g);

/// x @ kernel of a layer with a quantised kernel [features, units], in the compute type.
ValueId quantised_product(const Layer& layer, Weights& weights, const Quantisation& how, ValueId x,
                          std::int64_t features, std::int64_t units, GraphBuilder& g);
/// `y` of a quantised layer and what an adapter beside its weights adds: alpha / rank * apply(a) @
/// b, where a is of `shape` with the rank as its last dimension. `.h5` files hold it so;
/// `.weights.h5` holds it merged.
ValueId with_adapter(const Layer& layer, Weights& weights, const Quantisation& how,
                     const std::string& adapter, const Shape& shape, ValueId y,
                     const std::function<ValueId(ValueId)>& apply, GraphBuilder& g);
/// A bias as Keras adds it to a quantised product.
ValueId quantised_bias(const Layer& layer, const Quantisation& how, ValueId bias, GraphBuilder& g);

/// An einsum's operands after quantisation: contract `x` with `kernel` (of `shape`). `reduced` are
/// the axes of x and of the kernel that are summed over; `columns` are the kernel's other axes in
/// the order of the output.
struct QuantisedOperands {
  ValueId x, kernel;
};
QuantisedOperands quantised_operands(const Layer& layer, Weights& weights, const Quantisation& how,
                                     ValueId x, const Shape& shape,
                                     const std::vector<std::int64_t>& reduced_of_x,
                                     const std::vector<std::int64_t>& reduced_of_kernel,
                                     const std::vector<std::int64_t>& columns, GraphBuilder& g);

/// Rows of a table as Keras 3 takes them: an index below 0 counts from the end.
ValueId table_rows(ValueId table, ValueId indices, GraphBuilder& g);

/// Rows `indices` of a quantised table.
ValueId quantised_rows(const Layer& layer, Weights& weights, const Quantisation& how,
                       ValueId indices, GraphBuilder& g);
/// x @ table^T (or @ the table of the way back) of a quantised ReversibleEmbedding.
ValueId quantised_logits(const Layer& layer, Weights& weights, const Quantisation& how, ValueId x,
                         GraphBuilder& g);

}  // namespace thaw::keras
