// Einsum by the definition: one thread per element of the result, which walks over the labels that
// are summed. Products of a value and a weight come as matmul, attention's as attention.
#include <algorithm>
#include <array>
#include <map>
#include <string>

#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/strided.h"
#include "kernels/cuda/table.h"
#include "runtime/ir/einsum.h"

namespace thaw::cuda {
namespace {

constexpr int kMostOperands = 4;
using Loop = StridedLoop<kMostOperands>;

template <class T, int kOperands>
struct EinsumBody {
  Loop outer, inner;
  const T* x[kOperands];
  T* y;
  THAW_HOST_DEVICE void operator()(std::int64_t i) const {
    using C = Compute<T>;
    std::int64_t start[kMostOperands];
    outer.offsets(i, start);
    C sum = 0, lost = 0;  // what the sum's rounding lost so far
    for (std::int64_t n = 0; n < inner.count; ++n) {
      std::int64_t at[kMostOperands];
      inner.offsets(n, at);
      C term = to_compute(x[0][start[0] + at[0]]);
      THAW_UNROLL for (int operand = 1; operand < kOperands; ++operand) {
        term *= to_compute(x[operand][start[operand] + at[operand]]);
      }
      const C addend = term - lost, next = sum + addend;
      lost = next - sum - addend;
      if (!(lost - lost == 0)) lost = 0;  // beyond all numbers
      sum = next;
    }
    y[i] = from_compute<T>(sum);
  }
};

/// Of one label: its size, and its stride in each operand.
struct Label {
  std::int64_t size = 1;
  std::array<std::int64_t, kMostOperands> strides{};
};

/// False if too many axes are left.
bool set_loop(const std::vector<int>& labels, const std::map<int, Label>& all, Loop& loop) {
  Ints dims, strides[kMostOperands];
  for (const std::int64_t name : labels) {
    const auto found = all.find(name);
    const Label label = found == all.end() ? Label{} : found->second;
    dims.push_back(label.size);
    for (std::size_t n = 0; n < kMostOperands; ++n) strides[n].push_back(label.strides[n]);
  }
  return loop.set(dims, {&strides[0], &strides[1], &strides[2], &strides[3]});
}

/// The loops over the result's labels and over the others.
bool set_loops(const Site& site, Loop& outer, Loop& inner) {
  const EinsumEquation equation =
      parse_einsum(site.op_as<ops::Einsum>().equation, static_cast<int>(site.in.size()));
  std::map<int, Label> all;
  for (std::size_t i = 0; i < site.in.size(); ++i) {
    const Shape& shape = site.in[i].shape;
    const std::vector<int> labels = axis_labels(equation.inputs[i], shape.rank());
    const Ints dense = row_major_strides(shape);
    if (static_cast<int>(labels.size()) != shape.rank()) return false;
    for (std::size_t axis = 0; axis < labels.size(); ++axis) {
      Label& label = all[labels[axis]];
      const std::int64_t size = shape[static_cast<int>(axis)];
      if (size == 1) continue;  // it broadcasts
      label.size = size;
      label.strides[i] += dense[axis];  // a repeated label walks a diagonal
    }
  }
  const std::vector<int> kept = axis_labels(equation.output, site.out[0].shape.rank());
  std::vector<int> summed;
  for (const auto& [name, label] : all) {
    if (std::find(kept.begin(), kept.end(), name) == kept.end()) summed.push_back(name);
  }
  return set_loop(kept, all, outer) && set_loop(summed, all, inner);
}

template <class T, int kOperands>
KernelPtr einsum_kernel(const Loop& outer, const Loop& inner) {
  return make_kernel({"cuda einsum"}, [=](const Args& args, const Queue& queue) {
    EinsumBody<T, kOperands> body{outer, inner, {}, args.out[0].as_mutable<T>()};
    for (std::size_t i = 0; i < kOperands; ++i) body.x[i] = args.in[i].as<T>();
    launch_each(queue, outer.count, body);
  });
}

}  // namespace

KernelPtr prepare_einsum(const Site& site) {
  Loop outer, inner;
  if (site.in.empty() || site.in.size() > kMostOperands || !set_loops(site, outer, inner)) {
    return nullptr;
  }
  return for_floats(site.out[0].dtype, [&](auto tag) -> KernelPtr {
    using T = TypeOf<decltype(tag)>;
    switch (site.in.size()) {
      case 1: return einsum_kernel<T, 1>(outer, inner);
      case 2: return einsum_kernel<T, 2>(outer, inner);
      case 3: return einsum_kernel<T, 3>(outer, inner);
      default: return einsum_kernel<T, 4>(outer, inner);
    }
  });
}

}  // namespace thaw::cuda
