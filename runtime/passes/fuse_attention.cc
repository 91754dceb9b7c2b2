// Attention spelled out in products and a softmax -> attention, which reads q, k and v where they
// lie.
#include <algorithm>

#include "runtime/passes/attention_pattern.h"
#include "runtime/passes/pass_util.h"
#include "runtime/passes/passes.h"

namespace thaw {
namespace {

using Ints = std::vector<std::int64_t>;

/// Appends the fused node.
class AttentionWriter {
 public:
  AttentionWriter(Graph& graph, std::string name) : graph_(graph), name_(std::move(name)) {}

  void write(const AttentionPattern& p, NodeId root, const std::vector<NodeId>& single_user) {
    const auto part = [&](const HeadAxes& heads, HeadPart which) {
      return size_of_part(graph_, heads, which);
    };
    ops::Attention op;
    op.heads = part(p.y, kHead);
    op.key_heads = part(p.k, kHead);
    op.key_width = part(p.q, kWidth);
    op.value_width = part(p.v, kWidth);
    op.scale = p.scale;
    op.masked = p.masked;
    op.lowers = p.lowers;
    std::vector<ValueId> inputs = {operand(p.q, p.q_columns, op.query_at),
                                   operand(p.k, p.k_columns, op.key_at),
                                   operand(p.v, p.v_columns, op.value_at)};
    if (!p.masks.empty()) inputs.push_back(mask(p));
    const Shape rows{part(p.y, kBatch), part(p.y, kStep), part(p.y, kHead) * part(p.y, kWidth)};
    const ValueId y = add(op, std::move(inputs), rows);
    replace(p, root, y, single_user);
  }

 private:
  ValueId add(Op op, std::vector<ValueId> inputs, const Shape& shape) {
    const DType dtype = type_of(graph_, inputs[0]).dtype;
    return append_node(graph_, std::move(op), std::move(inputs), {dtype, shape}, name_);
  }

  ValueId ints(const Ints& values) {
    Tensor tensor(DType::int64, Shape{static_cast<std::int64_t>(values.size())});
    std::copy(values.begin(), values.end(), static_cast<std::int64_t*>(tensor.mutable_data()));
    return append_constant(graph_, std::move(tensor), name_ + "/shape");
  }

  ValueId reshaped(ValueId value, const Shape& shape) {
    if (type_of(graph_, value).shape == shape) return value;
    const ValueId dims = ints(shape.dims());
    return add(ops::Reshape{}, {value, dims}, shape);
  }

  /// [B, steps, columns], of which the heads begin at `begin`, or [B, heads, steps, width].
  ValueId operand(const HeadAxes& heads, const std::optional<AttentionColumns>& columns,
                  std::int64_t& begin) {
    if (columns) {
      begin = columns->begin;
      return reshaped(columns->value, columns->shape);
    }
    const std::int64_t batch = size_of_part(graph_, heads, kBatch),
                       count = size_of_part(graph_, heads, kHead),
                       steps = size_of_part(graph_, heads, kStep),
                       width = size_of_part(graph_, heads, kWidth);
    const bool rows = in_order(graph_, heads, {kBatch, kStep, kHead, kWidth});
    return reshaped(heads.value,
                    rows ? Shape{batch, steps, count * width} : Shape{batch, count, steps, width});
  }

  /// One mask of all. Scores without heads are [B, T, S].
  ValueId mask(const AttentionPattern& p) {
    ValueId all = headed(p, p.negated || p.selects ? converted(p) : p.masks[0]);
    const bool boolean = type_of(graph_, all).dtype == DType::boolean;
    for (std::size_t i = 1; i < p.masks.size(); ++i) {
      const ValueId other = headed(p, p.masks[i]);
      const Shape shape = broadcast(type_of(graph_, all).shape, type_of(graph_, other).shape);
      all = add(ops::Binary{boolean ? BinaryKind::logical_and : BinaryKind::add}, {all, other},
                shape);
    }
    return all;
  }

  /// The constant mask as what is added, or as what is true where the score stays.
  ValueId converted(const AttentionPattern& p) {
    const Tensor numbers = *constant_of(graph_, p.masks[0]);
    const auto* elements = static_cast<const float*>(numbers.data());
    const auto* end = elements + numbers.num_elements();
    Tensor result(p.negated ? DType::float32 : DType::boolean, numbers.shape());
    if (p.negated) {
      std::transform(elements, end, static_cast<float*>(result.mutable_data()),
                     [](float x) { return -x; });
    } else {
      std::transform(elements, end, static_cast<bool*>(result.mutable_data()),
                     [](float x) { return x != 0; });
    }
    return append_constant(graph_, std::move(result), name_ + "/mask");
  }

  ValueId headed(const AttentionPattern& p, ValueId mask) {
    const Shape& shape = type_of(graph_, mask).shape;
    if (p.y.axes[kHead] >= 0 || shape.rank() < 3) return mask;
    return reshaped(mask, Shape{shape[0], 1, shape[1], shape[2]});
  }

  static Shape broadcast(const Shape& a, const Shape& b) {
    const int rank = std::max(a.rank(), b.rank());
    Ints dims(static_cast<std::size_t>(rank), 1);
    for (const Shape* shape : {&a, &b}) {
      for (int i = 0; i < shape->rank(); ++i) {
        std::int64_t& dim = dims[static_cast<std::size_t>(rank - shape->rank() + i)];
        dim = std::max(dim, (*shape)[i]);
      }
    }
    return Shape(std::move(dims));
  }

  /// The root, or the transpose behind it that joins the heads, becomes a view of y.
  void replace(const AttentionPattern& p, NodeId root, ValueId y,
               const std::vector<NodeId>& single_user) {
    HeadAxes result = p.y;
    NodeId last = root;
    const NodeId user = single_user[at(result.value)];
    if (user != kNoNode && std::holds_alternative<ops::Transpose>(node_at(graph_, user).op)) {
      HeadAxes behind{node_at(graph_, user).outputs[0], {}};
      const Tensor* permutation = constant_of(graph_, node_at(graph_, user).inputs[1]);
      const Ints order = permutation == nullptr ? Ints{} : to_ints(*permutation);
      const auto rank = static_cast<std::int64_t>(order.size());
      for (int part = 0; part < kHeadParts; ++part) {
        const auto found = std::find_if(order.begin(), order.end(), [&](std::int64_t axis) {
          return (axis < 0 ? axis + rank : axis) == result.axes[part];
        });
        behind.axes[part] = found == order.end() ? -1 : static_cast<int>(found - order.begin());
      }
      if (rank > 0 && in_order(graph_, behind, {kBatch, kStep, kHead, kWidth})) {
        result = behind;
        last = user;
      }
    }
    const Shape shape = type_of(graph_, result.value).shape;
    if (in_order(graph_, result, {kBatch, kStep, kHead, kWidth})) {
      const ValueId dims = ints(shape.dims());
      become(last, ops::Reshape{}, {y, dims});
      return;
    }
    // [B, T, heads, width], whose axes go where the product has them.
    const ValueId parted = reshaped(
        y, Shape{size_of_part(graph_, result, kBatch), size_of_part(graph_, result, kStep),
                 size_of_part(graph_, result, kHead), size_of_part(graph_, result, kWidth)});
    Ints order(kHeadParts);
    const HeadPart from[kHeadParts] = {kBatch, kStep, kHead, kWidth};
    for (std::int64_t i = 0; i < kHeadParts; ++i)
      order[static_cast<std::size_t>(result.axes[from[i]])] = i;
    const ValueId permutation = ints(order);
    become(last, ops::Transpose{}, {parted, permutation});
  }

  void become(NodeId id, Op op, std::vector<ValueId> inputs) {
    Node& node = node_at(graph_, id);
    node.op = std::move(op);
    node.inputs = std::move(inputs);
  }

  Graph& graph_;
  std::string name_;
};

}  // namespace

bool fuse_attention(Graph& graph) {
  bool changed = false;
  const std::vector<NodeId> single_user = single_users(graph);
  const std::vector<int> uses = use_counts(graph);
  const std::size_t count = graph.nodes.size();
  for (std::size_t i = 0; i < count; ++i) {
    const auto root = static_cast<NodeId>(i);
    const auto pattern = attention_pattern(graph, single_user, uses, root);
    if (!pattern) continue;
    AttentionWriter(graph, node_at(graph, root).name).write(*pattern, root, single_user);
    changed = true;
  }
  if (changed) {
    normalize(graph);
    remove_dead_code(graph);
  }
  return changed;
}

}  // namespace thaw
