// Operations on tensor lists that take several list ops, or a loop of them.
#pragma once

#include <utility>

#include "loaders/tf/ops/op_context.h"
#include "runtime/ir/builder.h"

namespace thaw::tf {

/// The operand that list ops take for the shape of an item: a vector, or -1 for an unknown rank.
ValueId element_shape_operand(GraphBuilder& g, const Shape& shape);
/// Items at `indices` [n], stacked.
ValueId gather_list(GraphBuilder& g, ValueId list, ValueId indices, ValueId element_shape,
                    DType dtype);
/// The list with rows of `items` [n, ...] at `indices` [n]; `grows`: indices may lie behind its
/// end.
ValueId scatter_list(GraphBuilder& g, ValueId list, ValueId indices, ValueId items, bool grows);
/// Items one behind the other along their first axis, and the length of each [n] int64. `rest`: the
/// shape of an item without its first axis; where it is not known, the first item tells it.
std::pair<ValueId, ValueId> concat_list(GraphBuilder& g, ValueId list, const Shape& rest,
                                        DType dtype);
/// A list of as many pieces as `lengths` [n] has numbers, which must add up to the first axis.
ValueId split_list(GraphBuilder& g, ValueId tensor, ValueId lengths, ValueId element_shape,
                   DType dtype);
/// Items of `a`, then those of `b`.
ValueId join_lists(GraphBuilder& g, ValueId a, ValueId b, DType dtype);

/// Importers of the ops that only some writers use.
namespace list_ops {
Results concat(OpContext& c);
Results join(OpContext& c);
Results element_shape(OpContext& c);
Results gather(OpContext& c);
Results resize(OpContext& c);
Results scatter(OpContext& c);
Results scatter_into(OpContext& c);
Results split(OpContext& c);
}  // namespace list_ops

}  // namespace thaw::tf
