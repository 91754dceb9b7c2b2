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

/// A value that is read as `shape`, [batch, steps, columns]: its heads lie side by side from column
/// `begin` on.
struct AttentionColumns {
  ValueId value = -1;
  Shape shape;
  std::int64_t begin = 0;
};

/// The number that a constant of one element holds.
std::optional<double> attention_number(const Graph& graph, ValueId value);

/// Reads `heads` in front of transposes and of products with a number, which go into `scale`.
void look_behind(const Graph& graph, HeadAxes& heads, double* scale);
/// Reads `heads` in front of the copies that give every head of a group its own; true if there were
/// any.
bool look_behind_groups(const Graph& graph, HeadAxes& heads);
/// Where the columns of `heads` lie in front of views, scales and slices of one wider value.
std::optional<AttentionColumns> columns_behind(const Graph& graph, const HeadAxes& heads,
                                               double* scale);

/// What a fused node is made of: operands in one of the layouts of ops::Attention, and the result
/// of the last product. Masks are floats that are all added, or booleans that must all be true.
struct AttentionPattern {
  HeadAxes q, k, v, y;
  std::optional<AttentionColumns> q_columns, k_columns, v_columns;
  std::vector<ValueId> masks;
  bool negated = false;  // the one mask is a constant that is subtracted
  bool selects = false;  // the one mask is a constant of 1 where the score stays, else 0
  bool lowers = false;
  double scale = 1, masked = 0;
};

/// The pattern that ends in the product of shares and values `root`. `single_user` and `uses` are
/// the graph's.
std::optional<AttentionPattern> attention_pattern(const Graph& graph,
                                                  const std::vector<NodeId>& single_user,
                                                  const std::vector<int>& uses, NodeId root);

}  // namespace thaw
