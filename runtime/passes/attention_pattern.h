// What fuse_attention looks for.
#pragma once

#include <initializer_list>
#include <optional>
#include <vector>

#include "runtime/ir/graph.h"

namespace thaw {

/// What an axis of an operand is; an operand without heads has none of that part.
enum HeadPart { kBatch, kHead, kStep, kWidth, kHeadParts };

/// A value and which of its axes each part is; -1: none.
struct HeadAxes {
  ValueId value = -1;
  int axes[kHeadParts] = {-1, -1, -1, -1};
};

std::int64_t size_of_part(const Graph& graph, const HeadAxes& heads, HeadPart part);
/// The parts stand in this order, but for those of size 1.
bool in_order(const Graph& graph, const HeadAxes& heads, std::initializer_list<HeadPart> order);

/// What a fused node is made of: operands in one of the layouts of ops::Attention, and the result
/// of the last product.
struct AttentionPattern {
  HeadAxes q, k, v, y;
  ValueId mask = -1;
  bool lowers = false;
  double scale = 1, masked = 0;
};

/// The pattern that ends in the product of shares and values `root`. `single_user` and `uses` are
/// the graph's.
std::optional<AttentionPattern> attention_pattern(const Graph& graph,
                                                  const std::vector<NodeId>& single_user,
                                                  const std::vector<int>& uses, NodeId root);

}  // namespace thaw
