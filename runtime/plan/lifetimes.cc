#include "runtime/plan/lifetimes.h"

#include <algorithm>

#include "runtime/base/check.h"

namespace thaw {
namespace {

// Dimensions of more than 1 keep their order.
bool keeps_order(const Shape& shape, const Tensor& permutation) {
  std::int64_t last = -1;
  for (std::int64_t axis : to_ints(permutation)) {
    if (axis < 0) axis += shape.rank();
    if (axis < 0 || axis >= shape.rank()) return false;
    if (shape[static_cast<int>(axis)] == 1) continue;
    if (axis < last) return false;
    last = axis;
  }
  return true;
}

// Operands whose memory the result of this op may take over (kernel.h).
bool may_overwrite(const Graph& graph, const Node& node, std::size_t operand) {
  const bool elementwise = std::holds_alternative<ops::Unary>(node.op) ||
                           std::holds_alternative<ops::Binary>(node.op) ||
                           std::holds_alternative<ops::Elementwise>(node.op);
  if (!elementwise) return false;
  const TensorType& from = graph.values[at(node.inputs[operand])].type;
  const TensorType& to = graph.values[at(node.outputs[0])].type;
  return from.shape == to.shape && size_of(from.dtype) == size_of(to.dtype);
}

// The result's buffer: an operand's that dies at this step, or -1.
int dying_operand(const Graph& graph, const Launch& launch, const std::vector<ValueId>& roots,
                  const std::vector<ValueId>& holders, const Lifetimes& so_far,
                  const std::vector<int>& last, int step) {
  if (launch.node == kNoNode || launch.out.size() != 1) return -1;
  const Node& node = graph.nodes[at(launch.node)];
  for (std::size_t i = 0; i < launch.in.size(); ++i) {
    const ValueId root = roots[at(launch.in[i])];
    const int buffer = so_far.buffer[at(root)];
    if (holders[at(root)] != root) continue;  // a part: what lies around it may live on
    if (buffer < 0 || last[at(root)] != step || !may_overwrite(graph, node, i)) continue;
    if (so_far.buffers[static_cast<std::size_t>(buffer)].last != step) continue;
    // Another operand may read the same memory only element for element.
    const bool misaligned = std::any_of(launch.in.begin(), launch.in.end(), [&](ValueId other) {
      return holders[at(other)] == root &&
             (roots[at(other)] != root ||
              graph.values[at(other)].type.shape != graph.values[at(launch.in[i])].type.shape);
    });
    if (!misaligned) return buffer;
  }
  return -1;
}

}  // namespace

std::size_t bytes_of(const TensorType& type) {
  std::size_t bytes = 0;
  if (__builtin_mul_overflow(static_cast<std::size_t>(type.shape.num_elements()),
                             size_of(type.dtype), &bytes)) {
    fail(ErrorCode::resource_exhausted, "a value of type {} is too large", to_string(type));
  }
  return bytes;
}

bool is_view(const Op& op, std::span<const TensorType> in, std::span<const TensorType> out,
             std::span<const Tensor* const> constants) {
  if (in.empty() || out.size() != 1 || in[0].dtype != out[0].dtype) return false;
  if (std::holds_alternative<ops::Identity>(op) || std::holds_alternative<ops::Reshape>(op) ||
      std::holds_alternative<ops::ExpandDims>(op) || std::holds_alternative<ops::Squeeze>(op) ||
      std::holds_alternative<ops::Cast>(op) || std::holds_alternative<ops::Split>(op)) {
    return true;
  }
  if (std::holds_alternative<ops::Slice>(op) || std::holds_alternative<ops::BroadcastTo>(op) ||
      std::holds_alternative<ops::Tile>(op)) {
    return in[0].shape.num_elements() == out[0].shape.num_elements();
  }
  if (std::holds_alternative<ops::Concat>(op)) return in.size() == 1;
  if (std::holds_alternative<ops::Transpose>(op)) {
    return constants.size() > 1 && constants[1] != nullptr &&
           keeps_order(in[0].shape, *constants[1]);
  }
  return false;
}

std::vector<ValueId> view_roots(const Graph& graph, const std::vector<bool>& copies) {
  std::vector<ValueId> roots(graph.values.size());
  for (std::size_t i = 0; i < roots.size(); ++i) roots[i] = static_cast<ValueId>(i);
  std::vector<TensorType> in, out;
  std::vector<const Tensor*> constants;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (node.inputs.empty() || node.outputs.size() != 1 || (!copies.empty() && copies[i])) continue;
    in.clear();
    constants.clear();
    for (ValueId input : node.inputs) {
      in.push_back(graph.values[at(input)].type);
      constants.push_back(constant_of(graph, input));
    }
    out.assign(1, graph.values[at(node.outputs[0])].type);
    if (is_view(node.op, in, out, constants))
      roots[at(node.outputs[0])] = roots[at(node.inputs[0])];
  }
  return roots;
}

Lifetimes lifetimes(const Graph& graph, const std::vector<Launch>& launches,
                    const std::vector<ValueId>& roots, const std::vector<ValueId>& holders,
                    const std::vector<bool>& needs_memory) {
  std::vector<int> last(graph.values.size(), -1);  // by holder
  for (std::size_t step = 0; step < launches.size(); ++step) {
    for (ValueId input : launches[step].in) last[at(holders[at(input)])] = static_cast<int>(step);
  }
  Lifetimes result{std::vector<int>(graph.values.size(), -1), {}};
  for (std::size_t i = 0; i < launches.size(); ++i) {
    const int step = static_cast<int>(i);
    for (ValueId output : launches[i].out) {
      const ValueId holder = holders[at(output)];
      int& buffer = result.buffer[at(holder)];
      if (!needs_memory[at(holder)] || buffer >= 0) continue;  // or another part is there already
      const int end = std::max(last[at(holder)], step);
      if (holder == output)
        buffer = dying_operand(graph, launches[i], roots, holders, result, last, step);
      if (buffer >= 0) {
        result.buffers[static_cast<std::size_t>(buffer)].last = end;
      } else {
        buffer = static_cast<int>(result.buffers.size());
        result.buffers.push_back({bytes_of(graph.values[at(holder)].type), step, end});
      }
    }
  }
  for (std::size_t i = 0; i < roots.size(); ++i) result.buffer[i] = result.buffer[at(holders[i])];
  return result;
}

}  // namespace thaw
