// Control flow and tensor lists.
#include "runtime/ir/infer_util.h"

namespace thaw::inference {
namespace {

const Graph& subgraph_of(const Context& context, SubgraphId id, std::string_view what) {
  THAW_CHECK(context.graph != nullptr, "control flow needs a graph");
  const auto& graphs = context.graph->subgraphs;
  if (id < 0 || static_cast<std::size_t>(id) >= graphs.size()) {
    invalid("{}: expected a sub-graph in [0, {}), found {}", what, graphs.size(), id);
  }
  return graphs[static_cast<std::size_t>(id)];
}

const TensorType& type_of(const Graph& graph, ValueId id) {
  THAW_CHECK(id >= 0 && static_cast<std::size_t>(id) < graph.values.size(),
             "sub-graph '{}' has no value %{}", graph.name, id);
  return graph.values[static_cast<std::size_t>(id)].type;
}

void expect_agreeing(const TensorType& expected, const TensorType& found, std::string_view what) {
  expect_same_type(expected.dtype, what, found.dtype);
  if (!compatible(expected.shape, found.shape)) {
    invalid("{}: expected {}, found {}", what, to_string(expected), to_string(found));
  }
}

/// The sub-graph's inputs against operands `first`... of the node.
void check_arguments(const Context& context, int first, const Graph& graph, std::string_view what) {
  const auto given = static_cast<std::size_t>(context.count() - first);
  if (graph.inputs.size() != given) {
    invalid("{}: expected {} argument(s), found {}", what, graph.inputs.size(), given);
  }
  for (std::size_t i = 0; i < given; ++i) {
    expect_agreeing(type_of(graph, graph.inputs[i]), context.type(first + static_cast<int>(i)),
                    fmt::format("argument {} of {}", i, what));
  }
}

void expect_list(const Context& context, int i) {
  expect_same_type(DType::tensor_list, "list", context.dtype(i));
}

/// A list's elements may be lists (of lists) too, so that any type but none is an item.
void expect_item(DType dtype) { expect_type(dtype != DType::invalid, "item", "a type", dtype); }

const TensorType kList{DType::tensor_list, Shape()};

/// The shape that an element_shape operand tells: -1 is unknown, as is a scalar -1 the rank.
Shape element_shape(const Context& context, int i) {
  const std::optional<Ints> sizes = ints_operand(context, i, "element_shape");
  const Shape& shape = context.shape(i);
  const bool scalar = shape.has_rank() && shape.rank() == 0;
  if (scalar) {
    if (sizes && sizes->at(0) != -1) {
      invalid("element_shape: expected a vector or -1, found {}", sizes->at(0));
    }
    return Shape::unknown_rank();
  }
  if (!sizes) return shape.has_rank() ? unknown_dims(shape[0]) : Shape::unknown_rank();
  if (sizes->size() > kMaxRank) invalid("element_shape: expected at most {} sizes", kMaxRank);
  for (const std::int64_t size : *sizes) {
    if (size < -1) invalid("element_shape: expected sizes of at least -1, found {}", size);
  }
  return Shape(*sizes);
}

void expect_index(const Context& context, int i, std::string_view what) {
  const std::optional<std::int64_t> value = int_operand(context, i, what);
  if (value && *value < 0) invalid("{}: expected no negative number, found {}", what, *value);
}

}  // namespace

Types infer_op(const ops::If& op, const Context& context) {
  expect_operands(context, 1, INT32_MAX);
  expect_type(is_tensor(context.dtype(0)), "condition", "a tensor", context.dtype(0));
  const Graph& then_graph = subgraph_of(context, op.then_graph, "then");
  const Graph& else_graph = subgraph_of(context, op.else_graph, "else");
  check_arguments(context, 1, then_graph, "then");
  check_arguments(context, 1, else_graph, "else");
  if (then_graph.outputs.size() != else_graph.outputs.size()) {
    invalid("else: expected {} result(s) as then has, found {}", then_graph.outputs.size(),
            else_graph.outputs.size());
  }
  expect_results(context, static_cast<int>(then_graph.outputs.size()));
  Types types;
  for (std::size_t i = 0; i < then_graph.outputs.size(); ++i) {
    const TensorType& a = type_of(then_graph, then_graph.outputs[i]);
    const TensorType& b = type_of(else_graph, else_graph.outputs[i]);
    expect_same_type(a.dtype, fmt::format("result {} of else", i), b.dtype);
    types.push_back({a.dtype, generalise(a.shape, b.shape)});
  }
  return types;
}

Types infer_op(const ops::While& op, const Context& context) {
  const Graph& cond = subgraph_of(context, op.cond, "cond");
  const Graph& body = subgraph_of(context, op.body, "body");
  check_arguments(context, 0, cond, "cond");
  check_arguments(context, 0, body, "body");
  if (cond.outputs.size() != 1) invalid("cond: expected 1 result, found {}", cond.outputs.size());
  const DType condition = type_of(cond, cond.outputs[0]).dtype;
  expect_type(is_tensor(condition), "result of cond", "a tensor", condition);
  if (body.outputs.size() != body.inputs.size()) {
    invalid("body: expected {} result(s), found {}", body.inputs.size(), body.outputs.size());
  }
  expect_results(context, context.count());
  Types types;
  for (int i = 0; i < context.count(); ++i) {
    const auto at = static_cast<std::size_t>(i);
    const TensorType& next = type_of(body, body.outputs[at]);
    expect_agreeing(type_of(body, body.inputs[at]), next, fmt::format("result {} of body", i));
    // No iteration gives the operand itself, any other the body's result.
    types.push_back({next.dtype, generalise(context.shape(i), next.shape)});
  }
  return types;
}

// With a third operand, a list, the items and their type are that list's as far as it has any.
Types infer_op(const ops::ListReserve& op, const Context& context) {
  expect_operands(context, 2, 3);
  expect_results(context, 1);
  if (context.count() == 3) expect_list(context, 2);
  expect_item(op.dtype);
  element_shape(context, 0);
  expect_index(context, 1, "count");
  return {kList};
}

Types infer_op(const ops::ListFromTensor&, const Context& context) {
  expect_operands(context, 1);
  expect_results(context, 1);
  expect_type(is_tensor(context.dtype(0)), "tensor", "a tensor", context.dtype(0));
  expect_rank_at_least(context.shape(0), 1, "tensor");
  return {kList};
}

Types infer_op(const ops::ListGet& op, const Context& context) {
  expect_operands(context, 3);
  expect_results(context, 1);
  expect_list(context, 0);
  expect_item(op.dtype);
  expect_index(context, 1, "index");
  return {{op.dtype, element_shape(context, 2)}};
}

Types infer_op(const ops::ListSet&, const Context& context) {
  expect_operands(context, 3);
  expect_results(context, 1);
  expect_list(context, 0);
  expect_index(context, 1, "index");
  expect_item(context.dtype(2));
  return {kList};
}

Types infer_op(const ops::ListPushBack&, const Context& context) {
  expect_operands(context, 2);
  expect_results(context, 1);
  expect_list(context, 0);
  expect_item(context.dtype(1));
  return {kList};
}

Types infer_op(const ops::ListPopBack& op, const Context& context) {
  expect_operands(context, 2);
  expect_results(context, 2);
  expect_list(context, 0);
  expect_item(op.dtype);
  return {kList, {op.dtype, element_shape(context, 1)}};
}

Types infer_op(const ops::ListStack& op, const Context& context) {
  expect_operands(context, 2);
  expect_results(context, 1);
  expect_list(context, 0);
  expect_type(is_tensor(op.dtype), "dtype", "a tensor's type", op.dtype);
  const Shape item = element_shape(context, 1);
  if (!item.has_rank()) return {{op.dtype, item}};
  Ints dims = item.dims();
  dims.insert(dims.begin(), kUnknownDim);
  return {{op.dtype, Shape(std::move(dims))}};
}

Types infer_op(const ops::ListLength&, const Context& context) {
  expect_operands(context, 1);
  expect_results(context, 1);
  expect_list(context, 0);
  return {{DType::int32, Shape()}};
}

}  // namespace thaw::inference
