#include "loaders/tf/ops/op_context.h"

#include "runtime/ir/infer.h"

namespace thaw::tf {

ValueId OpContext::in(int i) const {
  if (i >= count()) {
    fail(ErrorCode::invalid_argument, "expected at least {} operands, found {}", i + 1, count());
  }
  return inputs[static_cast<std::size_t>(i)];
}

void OpContext::expect_count(int least, int most) const {
  if (count() < least || count() > most) {
    fail(ErrorCode::invalid_argument, "expected {} operands, found {}",
         least == most ? std::to_string(least) : fmt::format("{} to {}", least, most), count());
  }
}

int OpContext::rank(int i) const {
  if (!shape(i).has_rank()) refuse(fmt::format("operand {} has an unknown rank", i));
  return shape(i).rank();
}

std::optional<Ints> OpContext::known_ints(int i) const {
  const Tensor* value = g.constant_of(in(i));
  if (value == nullptr) return std::nullopt;
  return to_ints(*value);
}

Ints OpContext::ints(int i, std::string_view what) const {
  if (auto values = known_ints(i)) return *values;
  refuse(fmt::format("{} is computed at run time", what));
}

std::int64_t OpContext::integer(int i, std::string_view what) const {
  const Ints values = ints(i, what);
  if (values.size() != 1) {
    fail(ErrorCode::invalid_argument, "{} has {} elements, expected one", what, values.size());
  }
  return values[0];
}

ValueId OpContext::vector(int i) const {
  if (!shape(i).has_rank() || shape(i).rank() == 1) return in(i);
  if (auto values = known_ints(i)) return g.ints(*values);
  return g.reshape(in(i), {-1});
}

void OpContext::refuse(const std::string& why) const { throw Refusal(why); }

int OpContext::one_of(std::string_view attr,
                      std::initializer_list<std::string_view> allowed) const {
  const std::string value = node.text(attr);
  int i = 0;
  for (std::string_view candidate : allowed) {
    if (value == candidate) return i;
    ++i;
  }
  refuse(fmt::format("attribute {}={}", attr, printable(value)));
}

namespace {

const Node* producer_of(const Graph& graph, ValueId value) {
  const NodeId id = graph.values[static_cast<std::size_t>(value)].producer;
  return id == kNoNode ? nullptr : &graph.nodes[static_cast<std::size_t>(id)];
}

constexpr int kMaxTrace = 16;  // shape arithmetic is shallow; deeper values stay unknown

std::optional<Ints> trace(const Graph& graph, ValueId value, int depth);

std::optional<Ints> trace_concat(const Graph& graph, const Node& node, int depth) {
  Ints all;
  for (ValueId part : node.inputs) {
    auto dims = trace(graph, part, depth + 1);
    if (!dims) return std::nullopt;
    all.insert(all.end(), dims->begin(), dims->end());
  }
  return all;
}

std::optional<Ints> trace_slice(const Graph& graph, const Node& node,
                                const ops::StridedSlice& slice, int depth) {
  auto dims = trace(graph, node.inputs[0], depth + 1);
  const Tensor* begin = constant_of(graph, node.inputs[1]);
  const Tensor* end = constant_of(graph, node.inputs[2]);
  const Tensor* strides = constant_of(graph, node.inputs[3]);
  if (!dims || begin == nullptr || end == nullptr || strides == nullptr) return std::nullopt;
  const Shape shape{static_cast<std::int64_t>(dims->size())};
  if (slice.ellipsis_mask != 0 || slice.new_axis_mask != 0 || begin->num_elements() != 1) {
    return std::nullopt;
  }
  const DenseSlice dense =
      dense_slice(shape, slice, to_ints(*begin), to_ints(*end), to_ints(*strides));
  Ints picked;
  for (std::int64_t i = 0; i < dense.size[0]; ++i) {
    picked.push_back((*dims)[static_cast<std::size_t>(dense.begin[0] + i * dense.stride[0])]);
  }
  return picked;
}

std::optional<Ints> trace_gather(const Graph& graph, const Node& node, int depth) {
  auto dims = trace(graph, node.inputs[0], depth + 1);
  const Tensor* indices = constant_of(graph, node.inputs[1]);
  if (!dims || indices == nullptr) return std::nullopt;
  Ints picked;
  for (std::int64_t i : to_ints(*indices)) {
    if (i < 0 || i >= static_cast<std::int64_t>(dims->size())) return std::nullopt;
    picked.push_back((*dims)[static_cast<std::size_t>(i)]);
  }
  return picked;
}

// A scalar counts as one number.
std::optional<Ints> trace(const Graph& graph, ValueId value, int depth) {
  const TensorType& type = graph.values[static_cast<std::size_t>(value)].type;
  if (type.dtype != DType::int32 && type.dtype != DType::int64) return std::nullopt;
  if (const Tensor* constant = constant_of(graph, value)) return to_ints(*constant);
  const auto unknown = [&]() -> std::optional<Ints> {
    if (!type.shape.is_static() || type.shape.rank() > 1) return std::nullopt;
    return Ints(static_cast<std::size_t>(type.shape.num_elements()), kUnknownDim);
  };
  const Node* node = producer_of(graph, value);
  if (node == nullptr || depth > kMaxTrace) return unknown();
  std::optional<Ints> found;
  if (const auto* query = std::get_if<ops::ShapeQuery>(&node->op)) {
    const Shape& shape = graph.values[static_cast<std::size_t>(node->inputs[0])].type.shape;
    if (query->kind == ShapeQueryKind::shape && shape.has_rank()) found = shape.dims();
  } else if (std::holds_alternative<ops::Cast>(node->op) ||
             std::holds_alternative<ops::Identity>(node->op) ||
             std::holds_alternative<ops::ExpandDims>(node->op) ||
             std::holds_alternative<ops::Squeeze>(node->op)) {
    found = trace(graph, node->inputs[0], depth + 1);
  } else if (std::holds_alternative<ops::Concat>(node->op) ||
             std::holds_alternative<ops::Stack>(node->op)) {
    found = trace_concat(graph, *node, depth);
  } else if (const auto* slice = std::get_if<ops::StridedSlice>(&node->op)) {
    found = trace_slice(graph, *node, *slice, depth);
  } else if (std::holds_alternative<ops::Gather>(node->op)) {
    found = trace_gather(graph, *node, depth);
  }
  return found ? found : unknown();
}

}  // namespace

std::optional<Ints> partial_dims(GraphBuilder& g, ValueId shape) {
  return trace(g.graph(), shape, 0);
}

ValueId refine(GraphBuilder& g, ValueId value, const Ints& dims) {
  Shape& known = g.graph().values[static_cast<std::size_t>(value)].type.shape;
  if (!known.has_rank()) known = Shape(Ints(dims.size(), kUnknownDim));
  if (known.rank() != static_cast<int>(dims.size())) return value;
  for (int i = 0; i < known.rank(); ++i) {
    const std::int64_t dim = dims[static_cast<std::size_t>(i)];
    if (known[i] == kUnknownDim && dim >= 0) known[i] = dim;
  }
  return value;
}

}  // namespace thaw::tf
