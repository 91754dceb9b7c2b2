// einsum of a value and a weight that is one product of matrices -> matmul between reshapes, whose
// bias and activation can be fused. For a graph whose shapes are known.
#include <algorithm>
#include <optional>
#include <string>

#include "runtime/ir/einsum.h"
#include "runtime/passes/pass_util.h"
#include "runtime/passes/passes.h"

namespace thaw {
namespace {

bool repeats(const std::string& labels) {
  std::string sorted = labels;
  std::ranges::sort(sorted);
  return std::ranges::adjacent_find(sorted) != sorted.end();
}

bool has(const std::string& labels, char label) { return labels.find(label) != std::string::npos; }

/// The labels with "..." spelled out as characters that are no labels.
std::string spelled_out(const std::string& labels, int rank) {
  const std::size_t ellipsis = labels.find(kEllipsis);
  if (ellipsis == std::string::npos) return labels;
  std::string names;
  for (int i = 0; i < rank; ++i) names += static_cast<char>(1 + i);
  return labels.substr(0, ellipsis) + names + labels.substr(ellipsis + 1);
}

/// y[rows, columns] = x[rows, summed] w: how many axes each part is made of.
struct MatrixProduct {
  int rows = 0, columns = 0;
  bool transposed = false;  // the weight is [columns, summed]
};

std::optional<MatrixProduct> matrix_product(const EinsumEquation& equation, int rank) {
  const std::string& given = equation.inputs[0];
  const int elided = rank - static_cast<int>(given.size()) + (has(given, kEllipsis) ? 1 : 0);
  constexpr int kMostElided = 26;  // in front of the letters
  if (elided < 0 || elided > kMostElided || has(equation.inputs[1], kEllipsis)) return std::nullopt;
  const std::string x = spelled_out(given, elided), &w = equation.inputs[1];
  const std::string y = spelled_out(equation.output, elided);
  if (repeats(x) || repeats(w)) return std::nullopt;
  std::string rows, summed, columns;
  for (const char label : x) (has(w, label) ? summed : rows) += label;
  for (const char label : w) {
    if (!has(summed, label)) columns += label;
  }
  if (rows.empty() || summed.empty() || columns.empty()) return std::nullopt;
  if (x != rows + summed || y != rows + columns) return std::nullopt;
  if (w != summed + columns && w != columns + summed) return std::nullopt;
  return MatrixProduct{static_cast<int>(rows.size()), static_cast<int>(columns.size()),
                       w != summed + columns};
}

class EinsumWriter {
 public:
  explicit EinsumWriter(Graph& graph) : graph_(graph) {}

  bool run(NodeId id) {
    const auto* einsum = std::get_if<ops::Einsum>(&node_at(graph_, id).op);
    if (einsum == nullptr || node_at(graph_, id).inputs.size() != 2) return false;
    const ValueId x = node_at(graph_, id).inputs[0], w = node_at(graph_, id).inputs[1];
    const Tensor* weights = constant_of(graph_, w);
    const Shape from = type_of(graph_, x).shape;
    const Shape to = type_of(graph_, node_at(graph_, id).outputs[0]).shape;
    if (weights == nullptr || !is_floating(weights->dtype()) || !from.is_static() ||
        !to.is_static()) {
      return false;
    }
    const auto product = matrix_product(parse_einsum(einsum->equation, 2), from.rank());
    if (!product || weights->num_elements() == 0) return false;
    name_ = node_at(graph_, id).name;
    std::int64_t width = 1;
    for (int i = 0; i < product->columns; ++i) width *= to[to.rank() - 1 - i];
    const std::int64_t depth = weights->num_elements() / width;
    const Shape matrix = product->transposed ? Shape{width, depth} : Shape{depth, width};
    Tensor reshaped = weights->reshaped(matrix);
    const ValueId kernel =
        weights->shape() == matrix ? w : append_constant(graph_, std::move(reshaped), name_);
    std::vector<std::int64_t> leading(from.dims().begin(), from.dims().begin() + product->rows);
    const ValueId rows = viewed(x, with(leading, depth));
    ops::MatMul matmul;
    matmul.transpose_b = product->transposed;
    const ValueId y = add(matmul, {rows, kernel}, with(leading, width));
    const ValueId dims = ints(to);
    Node& node = node_at(graph_, id);
    node.op = ops::Reshape{};
    node.inputs = {y, dims};
    return true;
  }

 private:
  static Shape with(std::vector<std::int64_t> dims, std::int64_t last) {
    dims.push_back(last);
    return Shape(std::move(dims));
  }

  ValueId ints(const Shape& shape) {
    return append_constant(graph_, Tensor::from(Shape{shape.rank()}, shape.dims()),
                           name_ + "/shape");
  }

  ValueId viewed(ValueId x, const Shape& shape) {
    if (type_of(graph_, x).shape == shape) return x;
    const ValueId dims = ints(shape);
    return add(ops::Reshape{}, {x, dims}, shape);
  }

  ValueId add(Op op, std::vector<ValueId> inputs, const Shape& shape) {
    const DType dtype = type_of(graph_, inputs[0]).dtype;
    return append_node(graph_, std::move(op), std::move(inputs), {dtype, shape}, name_);
  }

  Graph& graph_;
  std::string name_;
};

}  // namespace

bool fuse_einsum(Graph& graph) {
  bool changed = false;
  EinsumWriter writer(graph);
  const std::size_t count = graph.nodes.size();
  for (std::size_t i = 0; i < count; ++i) changed = writer.run(static_cast<NodeId>(i)) || changed;
  if (changed) {
    normalize(graph);
    remove_dead_code(graph);
  }
  return changed;
}

}  // namespace thaw
