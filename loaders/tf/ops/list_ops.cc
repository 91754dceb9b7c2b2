// TensorList ops beyond reserve, get, set, push, pop and stack.
#include "loaders/tf/graph_query.h"
#include "loaders/tf/ops/list.h"

namespace thaw::tf::list_ops {
namespace {

// The shape of an item without its first axis, as far as it is known.
Shape without_first(OpContext& c, int operand) {
  const auto dims = partial_dims(c.g, c.in(operand));
  if (!dims || c.shape(operand).rank() == 0 || dims->empty()) return Shape::unknown_rank();
  return Shape(Ints(dims->begin() + 1, dims->end()));
}

}  // namespace

Results concat(OpContext& c) {
  Shape rest = Shape::unknown_rank();
  if (c.kind == 1) {
    const Shape item = c.node.shape("element_shape");
    if (item.has_rank() && item.rank() > 0) {
      rest = Shape(Ints(item.dims().begin() + 1, item.dims().end()));
    }
  } else {
    c.expect_count(3);
    rest = without_first(c, 1);
  }
  const auto [values, lengths] = concat_list(c.g, c.in(0), rest, c.node.type("element_dtype"));
  return {values, lengths};
}

Results join(OpContext& c) {
  c.expect_count(2);
  return {join_lists(c.g, c.in(0), c.in(1), c.node.type("element_dtype"))};
}

// What the ops that made the list said.
Results element_shape(OpContext& c) {
  c.expect_count(1);
  const Graph& graph = c.g.graph();
  const DType type = c.node.type("shape_type");
  ValueId list = c.in(0);
  for (;;) {
    const Node& node = producer(graph, skip_identity(graph, list));
    if (std::holds_alternative<ops::ListReserve>(node.op)) return {c.g.cast(node.inputs[0], type)};
    if (std::holds_alternative<ops::ListFromTensor>(node.op)) {
      const ValueId sizes =
          c.g.add1(ops::ShapeQuery{ShapeQueryKind::shape, type}, {node.inputs[0]});
      return {c.g.slice_axis(sizes, 0, 1, GraphBuilder::kToEnd)};
    }
    const bool follows = std::holds_alternative<ops::ListSet>(node.op) ||
                         std::holds_alternative<ops::ListPushBack>(node.op) ||
                         (std::holds_alternative<ops::ListPopBack>(node.op) &&
                          node.outputs[0] == skip_identity(graph, list));
    if (!follows) c.refuse("the shape of the items of a list that a loop or a function was given");
    list = graph.nodes[at(graph.values[at(skip_identity(graph, list))].producer)].inputs[0];
  }
}

Results gather(OpContext& c) {
  c.expect_count(3);
  return {gather_list(c.g, c.in(0), c.in(1), c.in(2), c.node.type("element_dtype"))};
}

Results resize(OpContext& c) {
  c.expect_count(2);
  const ValueId any = c.g.scalar(-1, DType::int32);
  return {c.g.add1(ops::ListReserve{DType::float32}, {any, c.in(1), c.in(0)})};
}

// The list is as long as the largest index asks for, or as num_elements says.
Results scatter(OpContext& c) {
  c.expect_count(c.kind == 1 ? 3 : 4);
  GraphBuilder& g = c.g;
  const ValueId indices = c.in(1);
  const ValueId none = g.constant(Tensor::from<std::int32_t>(Shape{1}, {-1}));
  const ValueId largest = g.reduce(ReduceKind::max, g.concat({indices, none}, 0), {0}, false);
  ValueId count = g.binary(BinaryKind::add, largest, g.scalar(1, DType::int32));
  if (c.kind == 2) {
    const ValueId asked = c.in(3);
    const ValueId given = g.binary(BinaryKind::greater_equal, asked, g.scalar(0, DType::int32));
    count = g.select(given, asked, count);
  }
  const ValueId list = g.add1(ops::ListReserve{c.node.type("element_dtype")}, {c.in(2), count});
  return {scatter_list(g, list, indices, c.in(0), false)};
}

Results scatter_into(OpContext& c) {
  c.expect_count(3);
  return {scatter_list(c.g, c.in(0), c.in(2), c.in(1), true)};
}

Results split(OpContext& c) {
  c.expect_count(3);
  return {split_list(c.g, c.in(0), c.in(2), c.in(1), c.node.type("element_dtype"))};
}

}  // namespace thaw::tf::list_ops
