#include "kernels/cpu/einsum_plan.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "runtime/ir/einsum.h"
#include "runtime/ir/ops.h"

namespace thaw::cpu {
namespace {

constexpr std::int64_t kMaxProducts = 1 << 20;
constexpr std::int64_t kTinyProduct = 32;  // many of fewer steps are no matter of matrices
constexpr std::size_t kResult = 2;         // behind the operands 0 and 1

/// One label with a size above 1: where it stands, and the stride there (0 where it broadcasts).
struct Axis {
  std::int64_t size = 1;
  std::array<bool, 3> in{};
  std::array<std::int64_t, 3> stride{};
};
using Axes = std::vector<const Axis*>;

/// A run of axes as one: false if their elements are not evenly spaced.
bool merges(const Axes& axes, std::size_t where, std::int64_t& stride) {
  stride = axes.empty() ? 0 : axes.back()->stride[where];
  for (std::size_t i = axes.size(); i-- > 1;) {
    if (axes[i - 1]->stride[where] != axes[i]->stride[where] * axes[i]->size) return false;
  }
  return true;
}

std::int64_t size_of_all(const Axes& axes) {
  std::int64_t size = 1;
  for (const Axis* axis : axes) size *= axis->size;
  return size;
}

class Planner {
 public:
  explicit Planner(const Site& site) : site_(site) {}

  std::optional<EinsumPlan> run() {
    if (!read_labels() || !sort_labels()) return std::nullopt;
    EinsumPlan plan;
    plan.products = size_of_all(batch_);
    plan.m = size_of_all(rows_);
    plan.n = size_of_all(columns_);
    plan.k = size_of_all(summed_);
    const bool tiny = plan.products > 1 && plan.m * plan.n * plan.k < kTinyProduct;
    if (tiny || plan.products > kMaxProducts) return std::nullopt;
    place(plan.a, left_, rows_, summed_, true);
    place(plan.b, 1 - left_, summed_, columns_, false);
    place(plan.y, kResult, rows_, columns_, true);
    return plan;
  }

 private:
  bool read_labels() {
    const EinsumEquation equation = parse_einsum(site_.op_as<ops::Einsum>().equation, 2);
    for (std::size_t where = 0; where < 3; ++where) {
      const Shape& shape = where == kResult ? site_.out[0].shape : site_.in[where].shape;
      const std::string& term = where == kResult ? equation.output : equation.inputs[where];
      const std::vector<int> labels = axis_labels(term, shape.rank());
      if (static_cast<int>(labels.size()) != shape.rank()) return false;
      const Ints strides = dense_strides(shape);
      for (std::size_t i = 0; i < labels.size(); ++i) {
        Axis& axis = axes_[labels[i]];
        if (axis.in[where]) return false;  // a diagonal
        const std::int64_t size = shape[static_cast<int>(i)];
        axis.in[where] = true;
        axis.size = std::max(axis.size, size);
        axis.stride[where] = size == 1 ? 0 : strides[i];
        if (size != 1) order_[where].push_back(labels[i]);
      }
    }
    return true;
  }

  bool stands(const Axis& axis, std::size_t where) const {
    return axis.in[where] && axis.stride[where] != 0;
  }

  /// The result's last axis must be a column, so that the product writes vectors.
  bool sort_labels() {
    const std::vector<int>& last = order_[kResult];
    if (!last.empty()) {
      const Axis& axis = axes_[last.back()];
      left_ = stands(axis, 0) && !stands(axis, 1) ? 1 : 0;
    }
    for (const int label : order_[kResult]) {
      const Axis& axis = axes_[label];
      const bool in_a = stands(axis, left_), in_b = stands(axis, 1 - left_);
      // A dimension of 1 that broadcasts inside a batch keeps its matrices where they are.
      (in_a && in_b ? batch_ : in_a ? rows_ : columns_).push_back(&axis);
      if (!in_a && !in_b) return false;
    }
    for (const int label : order_[left_]) {
      const Axis& axis = axes_[label];
      if (axis.in[kResult]) continue;
      if (!stands(axis, 1 - left_)) return false;
      summed_.push_back(&axis);
    }
    return std::all_of(order_[1 - left_].begin(), order_[1 - left_].end(), [&](int label) {
      return axes_[label].in[kResult] || stands(axes_[label], left_);
    });
  }

  /// `dense_columns`: the matrix's columns must lie side by side.
  void place(EinsumPlan::Matrices& matrices, std::size_t where, const Axes& rows,
             const Axes& columns, bool dense_columns) const {
    matrices.operand = where;
    const bool straight =
        merges(rows, where, matrices.row_stride) && merges(columns, where, matrices.column_stride);
    const bool usable =
        straight && (!dense_columns || columns.empty() || matrices.column_stride == 1);
    Ints sizes, strides;
    for (const Axes* group : {&batch_, &rows, &columns}) {
      for (const Axis* axis : *group) {
        sizes.push_back(axis->size);
        strides.push_back(axis->stride[where]);
      }
    }
    const std::vector<std::int64_t> packed = dense_strides(Shape(sizes));
    if (!usable) {
      matrices.copy =
          where == kResult ? Move(sizes, packed, strides) : Move(sizes, strides, packed);
      matrices.floats = Shape(sizes).num_elements();
      matrices.column_stride = 1;
      matrices.row_stride = size_of_all(columns);
      strides = packed;
    }
    list_matrices(matrices, strides);
  }

  /// Every batch index is a matrix of its own: batch labels stand in both operands.
  void list_matrices(EinsumPlan::Matrices& matrices, const Ints& strides) const {
    const std::int64_t count = size_of_all(batch_);
    for (std::int64_t i = 0; i < count; ++i) {
      std::int64_t rest = i, at = 0;
      for (std::size_t axis = batch_.size(); axis-- > 0;) {
        at += rest % batch_[axis]->size * strides[axis];
        rest /= batch_[axis]->size;
      }
      matrices.offsets.push_back(at);
    }
  }

  const Site& site_;
  std::map<int, Axis> axes_;
  std::array<std::vector<int>, 3> order_;  // labels with a size above 1, by operand
  std::size_t left_ = 0;                   // the operand that gives the rows
  Axes batch_, rows_, columns_, summed_;
};

}  // namespace

std::optional<EinsumPlan> plan_einsum(const Site& site) { return Planner(site).run(); }

}  // namespace thaw::cpu
