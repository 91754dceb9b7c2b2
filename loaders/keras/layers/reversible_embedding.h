// ReversibleEmbedding: a table read forwards for ids, backwards for logits.
#pragma once

#include "loaders/keras/table.h"

namespace thaw::keras {

Outputs reversible_embedding(const Layer& layer, Weights& weights, GraphBuilder& g);
void reversible_embedding_variables(VariableList& variables);

}  // namespace thaw::keras
