// Sums of products in numpy's notation: loops over the labels of the result, inside them over the
// rest.
#include "runtime/ir/einsum.h"

#include <algorithm>
#include <map>
#include <string>

#include "kernels/reference/prepare.h"
#include "runtime/base/check.h"

namespace thaw::reference {
namespace {

constexpr std::size_t kMaxOperands = 4;  // TensorFlow's own kernel takes 2
using Loop = NestedLoop<kMaxOperands + 1>;

using Labels = std::vector<int>;

Labels labels_of_term(const std::string& term, int rank) {
  Labels labels = axis_labels(term, rank);
  THAW_CHECK(static_cast<int>(labels.size()) == rank, "einsum term '{}' for rank {}", term, rank);
  return labels;
}

/// Adds each axis's stride to its label's: a repeated label walks a diagonal. An axis of 1 stays
/// where it is, which broadcasts what the ellipsis stands for.
void add_strides(const Labels& labels, const Shape& shape, std::size_t operand,
                 std::map<int, Loop::Offsets>& strides) {
  const Ints dense = row_major_strides(shape);
  for (std::size_t axis = 0; axis < labels.size(); ++axis) {
    if (shape[static_cast<int>(axis)] != 1) strides[labels[axis]][operand] += dense[axis];
  }
}

Loop make_loop(const Labels& labels, std::map<int, std::int64_t>& sizes,
               std::map<int, Loop::Offsets>& strides) {
  Ints dims;
  std::array<Ints, kMaxOperands + 1> by_operand;
  for (int label : labels) {
    dims.push_back(sizes[label]);
    for (std::size_t n = 0; n <= kMaxOperands; ++n) by_operand[n].push_back(strides[label][n]);
  }
  return Loop(dims, by_operand);
}

struct EinsumPlan {
  Loop outer, inner;
  std::size_t operands = 0;
};

EinsumPlan plan_einsum(const Site& site) {
  const EinsumEquation equation =
      parse_einsum(site.op_as<ops::Einsum>().equation, static_cast<int>(site.in.size()));
  std::map<int, std::int64_t> sizes;
  std::map<int, Loop::Offsets> strides;
  for (std::size_t i = 0; i < site.in.size(); ++i) {
    const Labels labels = labels_of_term(equation.inputs[i], site.in[i].shape.rank());
    for (std::size_t axis = 0; axis < labels.size(); ++axis) {
      std::int64_t& size = sizes.emplace(labels[axis], 1).first->second;
      const std::int64_t here = site.in[i].shape[static_cast<int>(axis)];
      if (size == 1) size = here;
      THAW_CHECK(here == 1 || here == size, "einsum: sizes {} and {} of one label", here, size);
    }
    add_strides(labels, site.in[i].shape, i, strides);
  }
  const Labels outer = labels_of_term(equation.output, site.out[0].shape.rank());
  add_strides(outer, site.out[0].shape, kMaxOperands, strides);
  Labels inner;
  for (const auto& [label, size] : sizes) {
    if (std::find(outer.begin(), outer.end(), label) == outer.end()) inner.push_back(label);
  }
  return {make_loop(outer, sizes, strides), make_loop(inner, sizes, strides), site.in.size()};
}

template <class T>
void einsum(const EinsumPlan& plan, const Args& args) {
  std::array<const T*, kMaxOperands> x{};
  for (std::size_t n = 0; n < plan.operands; ++n) x[n] = args.in[n].as<T>();
  T* y = args.out[0].as_mutable<T>();
  plan.outer.each([&](const Loop::Offsets& start) {
    Accumulator<T> sum{};
    plan.inner.each(
        [&](const Loop::Offsets& at) {
          Accumulator<T> term = load_wide(x[0][at[0]]);
          for (std::size_t n = 1; n < plan.operands; ++n) term *= load_wide(x[n][at[n]]);
          sum += term;
        },
        start);
    y[start[kMaxOperands]] = store<T>(sum);
  });
}

}  // namespace

KernelPtr prepare_einsum(const Site& site) {
  if (site.in.empty() || site.in.size() > kMaxOperands) {
    fail(ErrorCode::unimplemented, "einsum with {} operands; 1 to {} are supported", site.in.size(),
         kMaxOperands);
  }
  const EinsumPlan plan = plan_einsum(site);
  return for_numbers(site.out[0].dtype, [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    return make_kernel([plan](const Args& args) { einsum<T>(plan, args); });
  });
}

}  // namespace thaw::reference
