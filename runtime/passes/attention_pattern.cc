// softmax(q k^T scale, masked) v, with the transposes that part heads -> attention, which reads q,
// k and v where they lie. Products may be matmuls or einsums.
#include "runtime/passes/attention_pattern.h"

#include <algorithm>
#include <cmath>
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

std::optional<double> attention_number(const Graph& graph, ValueId value) {
  const Tensor* constant = constant_of(graph, value);
  if (constant == nullptr || constant->num_elements() != 1 || !is_floating(constant->dtype()))
    return std::nullopt;
  return to_doubles(*constant)[0];
}

namespace {

/// [.., steps, width] of three or four axes.
HeadAxes stacked(const Graph& graph, ValueId value, bool transposed) {
  const int rank = type_of(graph, value).shape.rank();
  HeadAxes heads{value, {0, rank == 4 ? 1 : -1, rank - 2, rank - 1}};
  if (transposed) std::swap(heads.axes[kStep], heads.axes[kWidth]);
  return heads;
}

class AttentionMatcher {
 public:
  AttentionMatcher(const Graph& graph, const std::vector<NodeId>& single_user,
                   const std::vector<int>& uses)
      : graph_(graph), single_user_(single_user), uses_(uses) {}

  /// The pattern that ends in the product of shares and values `id`.
  std::optional<AttentionPattern> match(NodeId id) {
    pattern_ = {};
    grouped_ = false;
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
    find_groups();
    if (!sizes_fit()) return std::nullopt;
    pattern_.q_columns = columns_behind(graph_, pattern_.q, &pattern_.scale);
    pattern_.k_columns = columns_behind(graph_, pattern_.k, &pattern_.scale);
    pattern_.v_columns = columns_behind(graph_, pattern_.v, nullptr);
    return pattern_;
  }

 private:
  bool alone(ValueId value) const { return single_user_[at(value)] != kNoNode; }

  /// Keys and values of groups of heads, both or none.
  void find_groups() {
    HeadAxes k = pattern_.k, v = pattern_.v;
    double scale = pattern_.scale;
    if (!look_behind_groups(graph_, k) || !look_behind_groups(graph_, v)) return;
    look_behind(graph_, k, &scale);
    look_behind(graph_, v, nullptr);
    const std::int64_t groups = size_of_part(graph_, k, kHead);
    if (groups == 0 || groups != size_of_part(graph_, v, kHead) ||
        size_of_part(graph_, pattern_.y, kHead) % groups != 0 || !is_readable(k) ||
        !is_readable(v)) {
      return;
    }
    pattern_.k = k;
    pattern_.v = v;
    pattern_.scale = scale;
    grouped_ = true;
  }

  bool is_readable(const HeadAxes& heads) const {
    const TensorType& type = type_of(graph_, heads.value);
    return type.dtype == DType::float32 && type.shape.is_static() &&
           (in_order(graph_, heads, {kBatch, kStep, kHead, kWidth}) ||
            in_order(graph_, heads, {kBatch, kHead, kStep, kWidth}));
  }

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

  /// Masks stand behind the scale. Several of them must be of one kind.
  bool takes_mask(ValueId mask) {
    const TensorType& type = type_of(graph_, mask);
    if (!type.shape.is_static() || type.shape.rank() > scores_.rank() || pattern_.scale != 1 ||
        pattern_.negated || pattern_.selects || pattern_.lowers) {
      return false;
    }
    if (!pattern_.masks.empty() && type_of(graph_, pattern_.masks[0]).dtype != type.dtype)
      return false;
    for (int i = 1; i <= type.shape.rank(); ++i) {
      const std::int64_t size = type.shape[type.shape.rank() - i];
      if (size != 1 && size != scores_[scores_.rank() - i]) return false;
    }
    pattern_.masks.push_back(mask);
    return true;
  }

  /// What boolean masks put in the place of scores: one number for all.
  bool takes_masked(double masked) {
    if (pattern_.masks.size() > 1 && pattern_.masked != masked) return false;
    pattern_.masked = masked;
    return true;
  }

  /// From what the softmax reads to the product of q and k.
  bool scores_of(ValueId value) {
    if (!alone(value) || type_of(graph_, value).shape != scores_ ||
        producer_of(graph_, value) == kNoNode) {
      return false;
    }
    return scores_behind(value);
  }

  bool scores_behind(ValueId value) {
    const Node& node = node_at(graph_, producer_of(graph_, value));
    if (std::holds_alternative<ops::Select>(node.op)) return selected(node);
    const auto* binary = std::get_if<ops::Binary>(&node.op);
    if (binary == nullptr) return product_of_queries(node);
    if (binary->kind == BinaryKind::add) return masked_by_sum(node);
    if (binary->kind == BinaryKind::sub) return masked_by_difference(node);
    const bool product = binary->kind == BinaryKind::mul;
    if (!product && binary->kind != BinaryKind::div) return false;
    const std::size_t number = product && attention_number(graph_, node.inputs[0]) ? 0 : 1;
    const auto factor = attention_number(graph_, node.inputs[number]);
    if (!factor) return false;
    pattern_.scale = product ? pattern_.scale * *factor : pattern_.scale / *factor;
    return scores_of(node.inputs[1 - number]);
  }

  bool masked_by_sum(const Node& node) {
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

  /// scores - constant, and GPT-2's scores * seen - constant, whose constants are folded.
  bool masked_by_difference(const Node& node) {
    const Tensor* constant = constant_of(graph_, node.inputs[1]);
    if (constant == nullptr || !pattern_.masks.empty() || !takes_mask(node.inputs[1])) return false;
    const auto* product = producer_as<ops::Binary>(graph_, node.inputs[0]);
    if (product == nullptr || product->kind != BinaryKind::mul || !alone(node.inputs[0])) {
      pattern_.negated = true;
      return scores_of(node.inputs[0]);
    }
    const Node& times = node_at(graph_, producer_of(graph_, node.inputs[0]));
    for (const std::size_t factor : {1, 0}) {
      const auto masked = seen_or_masked(times.inputs[factor], node.inputs[1]);
      if (!masked) continue;
      pattern_.masks = {times.inputs[factor]};
      pattern_.masked = -*masked;
      pattern_.selects = true;
      return scores_of(times.inputs[1 - factor]);
    }
    pattern_.negated = true;
    return scores_of(node.inputs[0]);
  }

  /// Factors of 1 with 0 taken away, and 0 with one number: which. They select.
  std::optional<double> seen_or_masked(ValueId factors, ValueId taken) const {
    const Tensor *seen = constant_of(graph_, factors), *less = constant_of(graph_, taken);
    if (seen == nullptr || less == nullptr || seen->shape() != less->shape() ||
        seen->dtype() != DType::float32 || less->dtype() != DType::float32 ||
        seen->num_elements() == 0) {
      return std::nullopt;
    }
    const auto count = static_cast<std::size_t>(seen->num_elements());
    const auto *ones = static_cast<const float*>(seen->data()),
               *numbers = static_cast<const float*>(less->data());
    std::optional<double> masked;
    for (std::size_t i = 0; i < count; ++i) {
      if (ones[i] == 1 && numbers[i] == 0) continue;
      if (ones[i] != 0 || !std::isfinite(numbers[i]) || (masked && *masked != numbers[i]))
        return std::nullopt;
      masked = numbers[i];
    }
    return masked;
  }

  /// select(mask, scores, number) and select(mask, scores, scores - number).
  bool selected(const Node& node) {
    if (type_of(graph_, node.inputs[0]).dtype != DType::boolean || !takes_mask(node.inputs[0]))
      return false;
    if (const auto number = attention_number(graph_, node.inputs[2])) {
      return takes_masked(*number) && scores_of(node.inputs[1]);
    }
    const ValueId raw = node.inputs[1], less = node.inputs[2];
    const auto* difference = producer_as<ops::Binary>(graph_, less);
    if (difference == nullptr || !alone(less) || uses_[at(raw)] != 2 || pattern_.masks.size() > 1 ||
        producer_of(graph_, raw) == kNoNode || type_of(graph_, raw).shape != scores_) {
      return false;
    }
    const bool adds = difference->kind == BinaryKind::add;
    if (!adds && difference->kind != BinaryKind::sub) return false;
    const Node& lowering = node_at(graph_, producer_of(graph_, less));
    const std::size_t operand = adds && lowering.inputs[1] == raw ? 1 : 0;
    const auto number = attention_number(graph_, lowering.inputs[1 - operand]);
    if (lowering.inputs[operand] != raw || !number) return false;
    pattern_.masked = adds ? *number : -*number;
    pattern_.lowers = true;
    return scores_behind(raw);
  }

  /// One batch, one number of heads and so on in all operands, each in a layout that can be read.
  bool sizes_fit() const {
    const AttentionPattern& p = pattern_;
    for (const HeadAxes* heads : {&p.q, &p.k, &p.v}) {
      if (!is_readable(*heads) ||
          size_of_part(graph_, *heads, kBatch) != size_of_part(graph_, p.y, kBatch)) {
        return false;
      }
    }
    const std::int64_t count = size_of_part(graph_, p.y, kHead);
    const std::int64_t groups = size_of_part(graph_, p.k, kHead);
    return size_of_part(graph_, p.q, kHead) == count && groups > 0 && count % groups == 0 &&
           (groups == count || grouped_) && size_of_part(graph_, p.v, kHead) == groups &&
           size_of_part(graph_, p.q, kWidth) == size_of_part(graph_, p.k, kWidth) &&
           size_of_part(graph_, p.k, kStep) == size_of_part(graph_, p.v, kStep) &&
           size_of_part(graph_, p.q, kStep) == size_of_part(graph_, p.y, kStep);
  }

  const Graph& graph_;
  const std::vector<NodeId>& single_user_;
  const std::vector<int>& uses_;
  AttentionPattern pattern_;
  Shape scores_;
  bool grouped_ = false;
};

}  // namespace

std::optional<AttentionPattern> attention_pattern(const Graph& graph,
                                                  const std::vector<NodeId>& single_user,
                                                  const std::vector<int>& uses, NodeId root) {
  return AttentionMatcher(graph, single_user, uses).match(root);
}

}  // namespace thaw
