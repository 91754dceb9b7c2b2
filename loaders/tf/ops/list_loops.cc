#include <algorithm>
#include <functional>
#include <numeric>

#include "loaders/tf/graph_query.h"
#include "loaders/tf/ops/list.h"

namespace thaw::tf {
namespace {

using Values = std::vector<ValueId>;
using Body = std::function<Values(GraphBuilder& g, ValueId i, const Values& carried,
                                  const Values& invariant)>;

// for (i = 0; i < count; ++i) carried = body(i, carried). `types` may be more general than the
// first values'.
Values repeat(GraphBuilder& g, ValueId count, const Values& carried,
              const std::vector<TensorType>& types, const Values& invariant, const Body& body) {
  Values operands{g.scalar(0, DType::int32), count};
  std::vector<TensorType> all{{DType::int32, Shape{}}, {DType::int32, Shape{}}};
  operands.insert(operands.end(), carried.begin(), carried.end());
  all.insert(all.end(), types.begin(), types.end());
  for (ValueId value : invariant) {
    operands.push_back(value);
    all.push_back(g.type(value));
  }
  Graph cond_graph, body_graph;
  cond_graph.name = body_graph.name = g.scope();
  GraphBuilder cond(cond_graph, g.evaluator()), step(body_graph, g.evaluator());
  Values cond_in, step_in;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::string name = "var_" + std::to_string(i);
    cond_in.push_back(cond.input(name, all[i]));
    step_in.push_back(step.input(name, all[i]));
  }
  cond.output("condition", cond.binary(BinaryKind::less, cond_in[0], cond_in[1]));
  const auto first = step_in.begin() + 2, last = first + static_cast<std::ptrdiff_t>(types.size());
  const Values next = body(step, step_in[0], Values(first, last), Values(last, step_in.end()));
  Values results{step.binary(BinaryKind::add, step_in[0], step.scalar(1, DType::int32)),
                 step_in[1]};
  results.insert(results.end(), next.begin(), next.end());
  results.insert(results.end(), last, step_in.end());
  for (std::size_t i = 0; i < results.size(); ++i) {
    step.output("var_" + std::to_string(i), results[i]);
  }
  Graph& graph = g.graph();
  const auto id = static_cast<SubgraphId>(graph.subgraphs.size());
  graph.subgraphs.push_back(std::move(cond_graph));
  graph.subgraphs.push_back(std::move(body_graph));
  const Values values = g.add(ops::While{id, id + 1}, operands, static_cast<int>(operands.size()));
  return Values(values.begin() + 2, values.begin() + 2 + static_cast<std::ptrdiff_t>(types.size()));
}

const TensorType kList{DType::tensor_list, Shape{}};

ValueId count_of(GraphBuilder& g, ValueId vector) {
  return g.add1(ops::ShapeQuery{ShapeQueryKind::size, DType::int32}, {vector});
}

// 0, 1, ... up to something: that bound; -1 for other indices.
ValueId bound_of_range(const Graph& graph, ValueId indices) {
  const Node& node = producer(graph, skip_identity(graph, indices));
  if (!std::holds_alternative<ops::Range>(node.op)) return -1;
  const auto start = scalar_constant(graph, skip_identity(graph, node.inputs[0]));
  const auto delta = scalar_constant(graph, skip_identity(graph, node.inputs[2]));
  return start && *start == 0 && delta && *delta == 1 ? skip_identity(graph, node.inputs[1]) : -1;
}

// The list that `value` was made of by setting items only, which keeps its length.
ValueId before_sets(const Graph& graph, ValueId value) {
  for (;;) {
    value = skip_identity(graph, value);
    const Node& node = producer(graph, value);
    const auto* set = std::get_if<ops::ListSet>(&node.op);
    if (set == nullptr || set->resize) return value;
    value = node.inputs[0];
  }
}

// The same through loops.
ValueId origin(const Graph& graph, ValueId list) {
  for (;;) {
    list = before_sets(graph, list);
    const Node& node = producer(graph, list);
    const auto* loop = std::get_if<ops::While>(&node.op);
    if (loop == nullptr) return list;
    const auto k =
        static_cast<std::size_t>(std::ranges::find(node.outputs, list) - node.outputs.begin());
    const Graph& body = graph.subgraphs[static_cast<std::size_t>(loop->body)];
    if (before_sets(body, body.outputs[k]) != body.inputs[k]) return list;
    list = node.inputs[k];
  }
}

// Two scalars are the same size.
bool same_size(const Graph& graph, ValueId a, ValueId b) {
  a = skip_identity(graph, a);
  b = skip_identity(graph, b);
  if (a == b) return true;
  const auto first = scalar_size(graph, a), second = scalar_size(graph, b);
  return first && second && *first == *second;
}

// The indices are those of all items of a list, in order.
bool counts_items(const Graph& graph, ValueId indices, ValueId list) {
  const ValueId bound = bound_of_range(graph, indices);
  const auto known = constant_ints(graph, skip_identity(graph, indices));
  const Node& made = producer(graph, origin(graph, list));
  const bool reserved =
      std::holds_alternative<ops::ListReserve>(made.op) && made.inputs.size() == 2;
  if (known) {
    const auto count =
        reserved ? constant_ints(graph, skip_identity(graph, made.inputs[1])) : std::nullopt;
    std::vector<std::int64_t> expected(known->size());
    std::iota(expected.begin(), expected.end(), 0);
    return count && count->size() == 1 && *known == expected &&
           (*count)[0] == static_cast<std::int64_t>(known->size());
  }
  if (bound < 0) return false;
  const Node& length = producer(graph, bound);
  if (std::holds_alternative<ops::ListLength>(length.op)) {
    return origin(graph, length.inputs[0]) == origin(graph, list);
  }
  return reserved && same_size(graph, bound, made.inputs[1]);
}

// The indices are those of all rows, in order, and the list has just been made for as many.
bool fills_list(const Graph& graph, ValueId indices, ValueId items, ValueId list) {
  const Node& reserve = producer(graph, skip_identity(graph, list));
  const Shape& shape = graph.values[static_cast<std::size_t>(items)].type.shape;
  if (!std::holds_alternative<ops::ListReserve>(reserve.op) || !shape.has_rank() ||
      shape.rank() == 0) {
    return false;
  }
  const Size rows = axis_size(graph, items, 0);
  const auto reserved = scalar_size(graph, reserve.inputs[1]);
  if (!reserved || !(*reserved == rows)) return false;
  const ValueId bound = bound_of_range(graph, indices);
  if (bound >= 0) {
    const auto size = scalar_size(graph, bound);
    return size && *size == rows;
  }
  const auto known = constant_ints(graph, skip_identity(graph, indices));
  if (!known || static_cast<std::int64_t>(known->size()) != rows.number) return false;
  std::vector<std::int64_t> expected(known->size());
  std::iota(expected.begin(), expected.end(), 0);
  return *known == expected;
}

}  // namespace

ValueId element_shape_operand(GraphBuilder& g, const Shape& shape) {
  return shape.has_rank() ? g.ints(shape.dims()) : g.scalar(-1, DType::int32);
}

ValueId gather_list(GraphBuilder& g, ValueId list, ValueId indices, ValueId element_shape,
                    DType dtype) {
  if (counts_items(g.graph(), indices, list)) {
    return g.add1(ops::ListStack{dtype}, {list, element_shape});
  }
  const ValueId count = count_of(g, indices);
  const ValueId empty = g.add1(ops::ListReserve{dtype}, {element_shape, count});
  const Values gathered =
      repeat(g, count, {empty}, {kList}, {list, indices, element_shape},
             [&](GraphBuilder& b, ValueId i, const Values& carried, const Values& in) -> Values {
               const ValueId item = b.add1(ops::ListGet{dtype}, {in[0], b.gather(in[1], i), in[2]});
               return {b.add1(ops::ListSet{}, {carried[0], i, item})};
             });
  return g.add1(ops::ListStack{dtype}, {gathered[0], element_shape});
}

ValueId scatter_list(GraphBuilder& g, ValueId list, ValueId indices, ValueId items, bool grows) {
  if (fills_list(g.graph(), indices, items, list)) return g.add1(ops::ListFromTensor{}, {items});
  return repeat(
      g, count_of(g, indices), {list}, {kList}, {items, indices},
      [&](GraphBuilder& b, ValueId i, const Values& carried, const Values& in) -> Values {
        return {b.add1(ops::ListSet{grows}, {carried[0], b.gather(in[1], i), b.gather(in[0], i)})};
      })[0];
}

std::pair<ValueId, ValueId> concat_list(GraphBuilder& g, ValueId list, const Shape& rest,
                                        DType dtype) {
  TensorType type{dtype, Shape::unknown_rank()};
  ValueId none = -1;
  const ValueId any_shape = g.scalar(-1, DType::int32);
  if (rest.has_rank()) {
    std::vector<std::int64_t> dims = rest.dims();
    dims.insert(dims.begin(), 0);
    if (rest.is_static()) none = g.constant(Tensor(dtype, Shape(dims)));
    dims[0] = kUnknownDim;
    type.shape = Shape(dims);
  }
  if (none < 0) {
    const ValueId first = g.add1(ops::ListGet{dtype}, {list, g.scalar(0, DType::int32),
                                                       element_shape_operand(g, type.shape)});
    none = g.add1(ops::StridedSlice{}, {first, g.ints({0}), g.ints({0}), g.ints({1})});
  }
  const Values results = repeat(
      g, g.add1(ops::ListLength{}, {list}), {none, g.constant(Tensor(DType::int64, Shape{0}))},
      {type, {DType::int64, Shape{kUnknownDim}}}, {list, any_shape},
      [&](GraphBuilder& b, ValueId i, const Values& carried, const Values& in) -> Values {
        const ValueId item = b.add1(ops::ListGet{dtype}, {in[0], i, in[1]});
        const ValueId sizes = b.add1(ops::ShapeQuery{ShapeQueryKind::shape, DType::int64}, {item});
        const ValueId length =
            b.add1(ops::StridedSlice{}, {sizes, b.ints({0}), b.ints({1}), b.ints({1})});
        return {b.concat({carried[0], item}, 0), b.concat({carried[1], length}, 0)};
      });
  return {results[0], results[1]};
}

ValueId split_list(GraphBuilder& g, ValueId tensor, ValueId lengths, ValueId element_shape,
                   DType dtype) {
  const ValueId count = count_of(g, lengths), sizes = g.cast(lengths, DType::int64);
  const ValueId empty = g.add1(ops::ListReserve{dtype}, {element_shape, count});
  const Values results =
      repeat(g, count, {empty, g.ints({0})}, {kList, {DType::int64, Shape{1}}}, {tensor, sizes},
             [&](GraphBuilder& b, ValueId i, const Values& carried, const Values& in) -> Values {
               const ValueId begin = carried[1];
               const ValueId length = b.expand_dims(b.gather(in[1], i), 0);
               const ValueId end = b.binary(BinaryKind::add, begin, length);
               const ValueId piece = b.add1(ops::StridedSlice{}, {in[0], begin, end, b.ints({1})});
               return {b.add1(ops::ListSet{}, {carried[0], i, piece}), end};
             });
  const ValueId shape = g.add1(ops::ShapeQuery{ShapeQueryKind::shape, DType::int64}, {tensor});
  const ValueId rows = g.add1(ops::StridedSlice{}, {shape, g.ints({0}), g.ints({1}), g.ints({1})});
  g.add(ops::Assert{"the lengths of the pieces do not add up to the tensor"},
        {g.binary(BinaryKind::equal, results[1], rows)}, 0);
  return results[0];
}

ValueId join_lists(GraphBuilder& g, ValueId a, ValueId b, DType dtype) {
  return repeat(g, g.add1(ops::ListLength{}, {b}), {a}, {kList}, {b, g.scalar(-1, DType::int32)},
                [&](GraphBuilder& s, ValueId i, const Values& carried, const Values& in) -> Values {
                  const ValueId item = s.add1(ops::ListGet{dtype}, {in[0], i, in[1]});
                  return {s.add1(ops::ListPushBack{}, {carried[0], item})};
                })[0];
}

}  // namespace thaw::tf
