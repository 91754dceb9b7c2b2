// Softmax and normalisation: a block per group of elements, which it reads twice or three times; a
// group of the usual size stays in the cache.
#include <cmath>

#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/strided.h"
#include "kernels/cuda/table.h"

namespace thaw::cuda {
namespace {

template <class C>
struct Larger {
  THAW_HOST_DEVICE C operator()(C a, C b) const { return b > a || b != b ? b : a; }
};
template <class C>
struct Plus {
  THAW_HOST_DEVICE C operator()(C a, C b) const { return a + b; }
};

template <class T>
struct SoftmaxBody {
  StridedLoop<1> outer, inner;  // x and y have one layout
  bool log;
  const T* x;
  T* y;
  THAW_HOST_DEVICE std::int64_t offset(std::int64_t start, std::int64_t i) const {
    std::int64_t at[1];
    inner.offsets(i, at);
    return start + at[0];
  }
  THAW_DEVICE void operator()(const Block& block, std::int64_t group) const {
    using C = Compute<T>;
    std::int64_t start[1];
    outer.offsets(group, start);
    const auto value = [&](std::int64_t i) { return to_compute(x[offset(start[0], i)]); };
    const C largest = block.reduce(inner.count, lowest<C>(), value, Larger<C>{});
    const C sum = block.reduce(
        inner.count, C{0}, [&](std::int64_t i) { return std::exp(value(i) - largest); }, Plus<C>{});
    const C log_sum = std::log(sum);
    block.each(inner.count, [&](std::int64_t i) {
      const C shifted = value(i) - largest;
      y[offset(start[0], i)] = from_compute<T>(log ? shifted - log_sum : std::exp(shifted) / sum);
    });
  }
};

template <class T>
struct NormalizeBody {
  StridedLoop<3> outer, inner;  // x and y, scale, offset
  Compute<T> epsilon;
  bool centered;
  const T *x, *scale, *offset;  // scale and offset may be null
  T* y;
  THAW_DEVICE void operator()(const Block& block, std::int64_t group) const {
    using C = Compute<T>;
    std::int64_t start[3];
    outer.offsets(group, start);
    const auto value = [&](std::int64_t i) {
      std::int64_t at[3];
      inner.offsets(i, at);
      return to_compute(x[start[0] + at[0]]);
    };
    const C count = static_cast<C>(inner.count);
    const C mean = centered ? block.reduce(inner.count, C{0}, value, Plus<C>{}) / count : C{0};
    const C squares = block.reduce(
        inner.count, C{0},
        [&](std::int64_t i) {
          const C deviation = value(i) - mean;
          return deviation * deviation;
        },
        Plus<C>{});
    const C factor = 1 / std::sqrt(squares / count + epsilon);
    block.each(inner.count, [&](std::int64_t i) {
      std::int64_t at[3];
      inner.offsets(i, at);
      C result = (to_compute(x[start[0] + at[0]]) - mean) * factor;
      if (scale != nullptr) result *= to_compute(scale[start[1] + at[1]]);
      if (offset != nullptr) result += to_compute(offset[start[2] + at[2]]);
      y[start[0] + at[0]] = from_compute<T>(result);
    });
  }
};

/// Splits the axes of `x` and of operands that are walked with it.
template <int N>
bool split(const Shape& x, const std::vector<bool>& together, const Ints* const (&strides)[N],
           StridedLoop<N>& outer, StridedLoop<N>& inner) {
  Ints dims[2], parts[2][N];
  for (int axis = 0; axis < x.rank(); ++axis) {
    const auto a = static_cast<std::size_t>(axis);
    const int side = together[a] ? 1 : 0;
    dims[side].push_back(x[axis]);
    for (int n = 0; n < N; ++n) parts[side][n].push_back((*strides[n])[a]);
  }
  const Ints* of[2][N];
  for (int n = 0; n < N; ++n) {
    of[0][n] = &parts[0][n];
    of[1][n] = &parts[1][n];
  }
  return outer.set(dims[0], of[0]) && inner.set(dims[1], of[1]);
}

}  // namespace

KernelPtr prepare_softmax(const Site& site) {
  const auto& op = site.op_as<ops::Softmax>();
  const Shape& x = site.in[0].shape;
  const Ints strides = row_major_strides(x);
  StridedLoop<1> outer, inner;
  if (!split(x, axis_flags(op.axes, x.rank()), {&strides}, outer, inner)) return nullptr;
  return for_floats(site.in[0].dtype, [&, log = op.log](auto tag) {
    using T = TypeOf<decltype(tag)>;
    return make_kernel({"cuda softmax"}, [=](const Args& args, const Queue& queue) {
      launch_blocks(
          queue, outer.count, 0,
          SoftmaxBody<T>{outer, inner, log, args.in[0].as<T>(), args.out[0].as_mutable<T>()});
    });
  });
}

KernelPtr prepare_normalize(const Site& site) {
  const auto op = site.op_as<ops::Normalize>();
  const Shape& x = site.in[0].shape;
  const std::size_t at_offset = op.has_scale ? 2 : 1;
  const Ints none(static_cast<std::size_t>(x.rank()), 0), dense = row_major_strides(x);
  const Ints scale = op.has_scale ? broadcast_strides(site.in[1].shape, x) : none;
  const Ints offset = op.has_offset ? broadcast_strides(site.in[at_offset].shape, x) : none;
  StridedLoop<3> outer, inner;
  if (!split(x, axis_flags(op.axes, x.rank()), {&dense, &scale, &offset}, outer, inner)) {
    return nullptr;
  }
  return for_floats(site.in[0].dtype, [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    const auto epsilon = static_cast<Compute<T>>(op.epsilon);
    return make_kernel({"cuda normalize"}, [=](const Args& args, const Queue& queue) {
      launch_blocks(queue, outer.count, 0,
                    NormalizeBody<T>{outer, inner, epsilon, op.centered, args.in[0].as<T>(),
                                     op.has_scale ? args.in[1].as<T>() : nullptr,
                                     op.has_offset ? args.in[at_offset].as<T>() : nullptr,
                                     args.out[0].as_mutable<T>()});
    });
  });
}

}  // namespace thaw::cuda
