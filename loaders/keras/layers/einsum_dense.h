// EinsumDense, and the product that it shares with the attention layers.
#pragma once

#include <string>

#include "loaders/keras/table.h"

namespace thaw::keras {

Outputs einsum_dense(const Layer& layer, Weights& weights, GraphBuilder& g);
void einsum_dense_variables(VariableList& variables);

/// einsum(equation, x, kernel) of a value and a weight, as a matrix product where the equation
/// is one; then plus `bias`, of the kernel's axes that are not summed, which stand last in the
/// result, then times `factor`.
ValueId contract(const std::string& equation, ValueId x, ValueId kernel, GraphBuilder& g,
                 ValueId bias = kNoValue, double factor = 1);

}  // namespace thaw::keras
