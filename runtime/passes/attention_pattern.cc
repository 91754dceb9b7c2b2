// softmax(q k^T scale, masked) v, with the transposes that part heads -> attention, which reads q,
// k and v where they lie. Products may be matmuls or einsums.
#include "runtime/passes/attention_pattern.h"

#include <algorithm>
#include <set>

#include "runtime/ir/einsum.h"
#include "runtime/passes/pass_util.h"

namespace thaw {

std::int64_t size_of_part(const Graph& graph, const HeadAxes& heads, HeadPart part) {
  return heads.axes[part] < 0 ? 1 : type_of(graph, heads.value).shape[heads.axes[part]];
}

bool in_order(const Graph& graph, const HeadAxes& heads, std::initializer_list<HeadPart> order) {
  int last = -1;
  for (const HeadPart part : order) {
    if (size_of_part(graph, heads, part) == 1) continue;
    if (heads.axes[part] < last) return false;
    last = heads.axes[part];
  }
  return true;
}

namespace {

using Ints = std::vector<std::int64_t>;

/// [.., steps, width] of three or four axes.
HeadAxes stacked(const Graph& graph, ValueId value, bool transposed) {
  const int rank = type_of(graph, value).shape.rank();
  HeadAxes heads{value, {0, rank == 4 ? 1 : -1, rank - 2, rank - 1}};
  if (transposed) std::swap(heads.axes[kStep], heads.axes[kWidth]);
  return heads;
}

/// The number that a constant of one element holds.
std::optional<double> scalar_of(const Graph& graph, ValueId value) {
  const Tensor* constant = constant_of(graph, value);
  if (constant == nullptr || constant->num_elements() != 1 || !is_floating(constant->dtype()))
    return std::nullopt;
  return to_doubles(*constant)[0];
}

/// Reads `heads` in front of a transpose and of products with a number, which goes into `scale`.
void look_behind(const Graph& graph, HeadAxes& heads, double* scale) {
  for (;;) {
    const NodeId producer = producer_of(graph, heads.value);
    if (producer == kNoNode) return;
    const Node& node = node_at(graph, producer);
    if (std::holds_alternative<ops::Transpose>(node.op)) {
      const Tensor* permutation = constant_of(graph, node.inputs[1]);
      if (permutation == nullptr) return;
      const Ints order = to_ints(*permutation);
      const auto rank = static_cast<std::int64_t>(order.size());
      for (int& axis : heads.axes) {
        if (axis < 0) continue;
        const std::int64_t from = order[static_cast<std::size_t>(axis)];
        axis = static_cast<int>(from < 0 ? from + rank : from);
      }
      heads.value = node.inputs[0];
      continue;
    }
    const auto* binary = std::get_if<ops::Binary>(&node.op);
    if (scale == nullptr || binary == nullptr) return;
    const bool product = binary->kind == BinaryKind::mul;
    if (!product && binary->kind != BinaryKind::div) return;
    int number = 1;
    if (product && scalar_of(graph, node.inputs[0])) number = 0;
    const ValueId other = node.inputs[static_cast<std::size_t>(1 - number)];
    const auto factor = scalar_of(graph, node.inputs[static_cast<std::size_t>(number)]);
    if (!factor || type_of(graph, other).shape != type_of(graph, heads.value).shape) return;
    *scale = product ? *scale * *factor : *scale / *factor;
    heads.value = other;
  }
}

class AttentionMatcher {
 public:
  AttentionMatcher(const Graph& graph, const std::vector<NodeId>& single_user,
                   const std::vector<int>& uses)
      : graph_(graph), single_user_(single_user), uses_(uses) {}

  /// The pattern that ends in the product of shares and values `id`.
  std::optional<AttentionPattern> match(NodeId id) {
    pattern_ = {};
    const Node& node = node_at(graph_, id);
    ValueId shares = -1;
    if (!weighted_values(node, shares)) return std::nullopt;
    const auto* softmax = producer_as<ops::Softmax>(graph_, shares);
    if (softmax == nullptr || softmax->log || softmax->axes.size() != 1 || !alone(shares))
      return std::nullopt;
    scores_ = type_of(graph_, shares).shape;
    const std::int64_t axis = softmax->axes[0];
    if (axis != scores_.rank() - 1 && axis != -1) return std::nullopt;
    if (!scores_of(node_at(graph_, producer_of(graph_, shares)).inputs[0])) return std::nullopt;
    look_behind(graph_, pattern_.q, &pattern_.scale);
    look_behind(graph_, pattern_.k, &pattern_.scale);
    look_behind(graph_, pattern_.v, nullptr);
    return sizes_fit() ? std::optional(pattern_) : std::nullopt;
  }

 private:
  bool alone(ValueId value) const { return single_user_[at(value)] != kNoNode; }

  bool is_operand(ValueId value) const {
    const TensorType& type = type_of(graph_, value);
    return type.dtype == DType::float32 && type.shape.is_static() &&
           (type.shape.rank() == 3 || type.shape.rank() == 4) && type.shape.num_elements() > 0;
  }

  /// A product of two operands of one rank.
  bool is_product(const Node& node) const {
    if (node.inputs.size() != 2 || !is_operand(node.inputs[0]) || !is_operand(node.inputs[1]) ||
        !is_operand(node.outputs[0])) {
      return false;
    }
    const int rank = type_of(graph_, node.outputs[0]).shape.rank();
    return type_of(graph_, node.inputs[0]).shape.rank() == rank &&
           type_of(graph_, node.inputs[1]).shape.rank() == rank;
  }

  /// Which axes of each term the labels are; false if the term has others.
  static bool label(const std::string& term, const std::string& labels, HeadAxes& heads) {
    if (term.size() != labels.size() - static_cast<std::size_t>(labels[kHead] == ' ')) return false;
    for (int part = 0; part < kHeadParts; ++part) {
      const char c = labels[static_cast<std::size_t>(part)];
      const std::size_t found = term.find(c);
      if (c != ' ' && found == std::string::npos) return false;
      heads.axes[part] = c == ' ' ? -1 : static_cast<int>(found);
    }
    return true;
  }

  bool weighted_values(const Node& node, ValueId& shares) {
    if (const auto* matmul = std::get_if<ops::MatMul>(&node.op)) {
      if (!is_product(node) || matmul->transpose_a ||
          matmul->activation.kind != UnaryKind::linear) {
        return false;
      }
      shares = node.inputs[0];
      pattern_.v = stacked(graph_, node.inputs[1], matmul->transpose_b);
      pattern_.y = stacked(graph_, node.outputs[0], false);
      return true;
    }
    const auto* einsum = std::get_if<ops::Einsum>(&node.op);
    if (einsum == nullptr || !is_product(node)) return false;
    const EinsumEquation equation = parse_einsum(einsum->equation, 2);
    if (equation.output.find(kEllipsis) != std::string::npos) return false;
    for (const std::size_t first : {0, 1}) {
      const std::string &score = equation.inputs[first], &value = equation.inputs[1 - first];
      if (!std::holds_alternative<ops::Softmax>(producer_op(node.inputs[first]))) continue;
      if (score.size() != 3 && score.size() != 4) continue;  // batch, [head], row, step
      if (std::set<char>(score.begin(), score.end()).size() != score.size()) continue;  // diagonal
      const bool heads = score.size() == 4;
      const char batch = score[0], head = heads ? score[1] : ' ';
      const char row = score[score.size() - 2], step = score.back();
      std::string width = value;
      std::erase_if(width, [&](char c) { return score.find(c) != std::string::npos; });
      if (width.size() != 1) continue;
      pattern_.v.value = node.inputs[1 - first];
      pattern_.y.value = node.outputs[0];
      if (!label(value, {batch, head, step, width[0]}, pattern_.v) ||
          !label(equation.output, {batch, head, row, width[0]}, pattern_.y)) {
        continue;
      }
      shares = node.inputs[first];
      return true;
    }
    return false;
  }

  const Op& producer_op(ValueId value) const {
    static const Op none;
    const NodeId producer = producer_of(graph_, value);
    return producer == kNoNode ? none : node_at(graph_, producer).op;
  }

  bool product_of_queries(const Node& node) {
    if (!is_product(node)) return false;
    if (const auto* matmul = std::get_if<ops::MatMul>(&node.op)) {
      if (matmul->activation.kind != UnaryKind::linear) return false;
      pattern_.q = stacked(graph_, node.inputs[0], matmul->transpose_a);
      pattern_.k = stacked(graph_, node.inputs[1], !matmul->transpose_b);
      return true;
    }
    const auto* einsum = std::get_if<ops::Einsum>(&node.op);
    if (einsum == nullptr) return false;
    const EinsumEquation equation = parse_einsum(einsum->equation, 2);
    const std::string& score = equation.output;
    if (score.find(kEllipsis) != std::string::npos) return false;
    const char head = score.size() == 4 ? score[1] : ' ';
    const char row = score[score.size() - 2], step = score.back();
    for (const std::size_t first : {0, 1}) {
      const std::string &query = equation.inputs[first], &key = equation.inputs[1 - first];
      std::string width = query;
      std::erase_if(width, [&](char c) { return score.find(c) != std::string::npos; });
      if (width.size() != 1) continue;
      pattern_.q.value = node.inputs[first];
      pattern_.k.value = node.inputs[1 - first];
      if (label(query, {score[0], head, row, width[0]}, pattern_.q) &&
          label(key, {score[0], head, step, width[0]}, pattern_.k)) {
        return true;
      }
    }
    return false;
  }

  bool takes_mask(ValueId mask) {
    const TensorType& type = type_of(graph_, mask);
    if (pattern_.mask >= 0 || !type.shape.is_static() || type.shape.rank() > scores_.rank() ||
        pattern_.scale != 1) {
      return false;
    }
    for (int i = 1; i <= type.shape.rank(); ++i) {
      const std::int64_t size = type.shape[type.shape.rank() - i];
      if (size != 1 && size != scores_[scores_.rank() - i]) return false;
    }
    pattern_.mask = mask;
    return true;
  }

  /// From what the softmax reads to the product of q and k.
  bool scores_of(ValueId value) {
    if (!alone(value) || type_of(graph_, value).shape != scores_ ||
        producer_of(graph_, value) == kNoNode) {
      return false;
    }
    const Node& node = node_at(graph_, producer_of(graph_, value));
    if (std::holds_alternative<ops::Select>(node.op)) return selected(node);
    const auto* binary = std::get_if<ops::Binary>(&node.op);
    if (binary == nullptr) return product_of_queries(node);
    if (binary->kind == BinaryKind::add) {
      for (const std::size_t masking : {1, 0}) {
        const AttentionPattern before = pattern_;
        if (type_of(graph_, node.inputs[masking]).dtype == DType::float32 &&
            takes_mask(node.inputs[masking]) && scores_of(node.inputs[1 - masking])) {
          return true;
        }
        pattern_ = before;
      }
      return false;
    }
    const bool product = binary->kind == BinaryKind::mul;
    if (!product && binary->kind != BinaryKind::div) return false;
    const std::size_t number = product && scalar_of(graph_, node.inputs[0]) ? 0 : 1;
    const auto factor = scalar_of(graph_, node.inputs[number]);
    if (!factor) return false;
    pattern_.scale = product ? pattern_.scale * *factor : pattern_.scale / *factor;
    return scores_of(node.inputs[1 - number]);
  }

  /// select(mask, scores, number) and select(mask, scores, scores - number).
  bool selected(const Node& node) {
    if (!takes_mask(node.inputs[0])) return false;
    if (const auto number = scalar_of(graph_, node.inputs[2])) {
      pattern_.masked = *number;
      return scores_of(node.inputs[1]);
    }
    const ValueId raw = node.inputs[1], less = node.inputs[2];
    const auto* difference = producer_as<ops::Binary>(graph_, less);
    if (difference == nullptr || difference->kind != BinaryKind::sub || !alone(less) ||
        uses_[at(raw)] != 2 || producer_of(graph_, raw) == kNoNode) {
      return false;
    }
    const Node& subtracting = node_at(graph_, producer_of(graph_, less));
    const auto number = scalar_of(graph_, subtracting.inputs[1]);
    if (subtracting.inputs[0] != raw || !number || type_of(graph_, raw).shape != scores_)
      return false;
    pattern_.masked = -*number;
    pattern_.lowers = true;
    const Node& producer = node_at(graph_, producer_of(graph_, raw));
    return product_of_queries(producer);
  }

  /// One batch, one number of heads and so on in all operands, each in a layout that can be read.
  bool sizes_fit() const {
    const AttentionPattern& p = pattern_;
    for (const HeadAxes* heads : {&p.q, &p.k, &p.v}) {
      if (!is_operand(heads->value)) return false;
      if (!in_order(graph_, *heads, {kBatch, kStep, kHead, kWidth}) &&
          !in_order(graph_, *heads, {kBatch, kHead, kStep, kWidth})) {
        return false;
      }
      if (size_of_part(graph_, *heads, kBatch) != size_of_part(graph_, p.y, kBatch) ||
          size_of_part(graph_, *heads, kHead) != size_of_part(graph_, p.y, kHead)) {
        return false;
      }
    }
    return size_of_part(graph_, p.q, kWidth) == size_of_part(graph_, p.k, kWidth) &&
           size_of_part(graph_, p.k, kStep) == size_of_part(graph_, p.v, kStep) &&
           size_of_part(graph_, p.q, kStep) == size_of_part(graph_, p.y, kStep);
  }

  const Graph& graph_;
  const std::vector<NodeId>& single_user_;
  const std::vector<int>& uses_;
  AttentionPattern pattern_;
  Shape scores_;
};

}  // namespace

std::optional<AttentionPattern> attention_pattern(const Graph& graph,
                                                  const std::vector<NodeId>& single_user,
                                                  const std::vector<int>& uses, NodeId root) {
  return AttentionMatcher(graph, single_user, uses).match(root);
}

}  // namespace thaw
