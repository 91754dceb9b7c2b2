// Attention layers, and what they share: masks of scores and the softmax over them.
#pragma once

#include <string>
#include <vector>

#include "loaders/keras/table.h"

namespace thaw::keras {

// attention.cc
Outputs attention(const Layer& layer, Weights& weights, GraphBuilder& g);
void attention_variables(VariableList& variables);
void additive_attention_variables(VariableList& variables);
// multi_head_attention.cc
Outputs multi_head_attention(const Layer& layer, Weights& weights, GraphBuilder& g);
Outputs grouped_query_attention(const Layer& layer, Weights& weights, GraphBuilder& g);
void multi_head_attention_variables(VariableList& variables);

/// [1, T, S]: whether query step t may see step s, that is s <= t. T and S are dimensions
/// `rows` of q and `columns` of v.
ValueId causal_mask(ValueId q, int rows, ValueId v, int columns, GraphBuilder& g);
/// [1, T, S]: whether |t - s| < width.
ValueId band_mask(ValueId q, int rows, ValueId v, int columns, std::int64_t width, GraphBuilder& g);
/// Either may be kNoValue.
ValueId both(ValueId mask, ValueId other, GraphBuilder& g);
/// A flag among the arguments of the call.
bool call_flag(const Layer& layer, const char* key);

}  // namespace thaw::keras
