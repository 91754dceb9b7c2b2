// What a MetaGraph holds, for `thaw show`.
#pragma once

#include "loaders/tf/signatures.h"

namespace thaw::tf {

/// Tags, variables, tables, functions and assets, and a note for every kind of op that would reach
/// outside of the graph. Reads nothing but the graph.
void describe_graph(const Session& session, ModelInfo& info);
/// Adds the weights among the graph's constants to `info`: numbers, not indices, in an array. For
/// graphs whose variables have become constants.
void count_weights(const Graph& graph, ModelInfo& info);
/// The tags of a MetaGraph, sorted.
std::vector<std::string> tags_of(const MetaGraphDef& meta);

}  // namespace thaw::tf
