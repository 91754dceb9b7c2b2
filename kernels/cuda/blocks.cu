// Space to batch and back, and ranges: one thread per element of the result, which says where it
// comes from.
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/strided.h"
#include "kernels/cuda/table.h"

namespace thaw::cuda {
namespace {

/// space [images, space..., inner], batched [positions of a block * images, batched..., inner].
struct BlockShape {
  int axes = 0;
  std::int64_t images = 1, inner = 1;
  std::int64_t space[kMostAxes] = {}, batched[kMostAxes] = {};
  std::int64_t block[kMostAxes] = {}, before[kMostAxes] = {};  // before: padding or crop in front
};

/// y is batched; outside of x it is zero.
template <class T>
struct SpaceToBatchBody {
  BlockShape s;
  const T* x;
  T* y;
  THAW_HOST_DEVICE void operator()(std::int64_t i) const {
    std::int64_t rest = i / s.inner, volume = 1;
    for (int axis = 0; axis < s.axes; ++axis) volume *= s.batched[axis];
    std::int64_t position = rest / volume / s.images, from = 0, step = s.inner;
    const std::int64_t image = rest / volume % s.images;
    rest %= volume;
    for (int axis = s.axes - 1; axis >= 0; --axis) {
      const std::int64_t at =
          rest % s.batched[axis] * s.block[axis] + position % s.block[axis] - s.before[axis];
      if (at < 0 || at >= s.space[axis]) {
        y[i] = T{};
        return;
      }
      from += at * step;
      step *= s.space[axis];
      rest /= s.batched[axis];
      position /= s.block[axis];
    }
    y[i] = x[from + image * step + i % s.inner];
  }
};

/// y is space.
template <class T>
struct BatchToSpaceBody {
  BlockShape s;
  const T* x;
  T* y;
  THAW_HOST_DEVICE void operator()(std::int64_t i) const {
    std::int64_t rest = i / s.inner, from = 0, step = s.inner, position = 0, positions = 1;
    for (int axis = s.axes - 1; axis >= 0; --axis) {
      const std::int64_t at = rest % s.space[axis] + s.before[axis];
      from += at / s.block[axis] * step;
      position += at % s.block[axis] * positions;
      step *= s.batched[axis];
      positions *= s.block[axis];
      rest /= s.space[axis];
    }
    y[i] = x[from + (position * s.images + rest) * step + i % s.inner];
  }
};

bool block_shape(const Site& site, const Shape& space, const Shape& batched, BlockShape& s) {
  const Ints block = site.ints(1), margins = site.ints(2);
  if (block.size() > kMostAxes) return false;
  s.axes = static_cast<int>(block.size());
  s.images = space[0];
  s.inner = product(space, s.axes + 1, space.rank());
  for (int axis = 0; axis < s.axes; ++axis) {
    const auto a = static_cast<std::size_t>(axis);
    s.space[axis] = space[axis + 1];
    s.batched[axis] = batched[axis + 1];
    s.block[axis] = block[a];
    s.before[axis] = margins[2 * a];
  }
  return true;
}

template <class T>
struct RangeBody {
  Sum<T> start, delta;
  Writer<T> y;
  THAW_HOST_DEVICE void operator()(std::int64_t i) const {
    y.put(i, start + static_cast<Sum<T>>(i) * delta);
  }
};

/// Of a tensor in the host's memory.
template <class T>
Compute<T> first_of(const Tensor& tensor) {
  return Reader<T>(tensor.data(), tensor.dtype())[0];
}

}  // namespace

KernelPtr prepare_space_to_batch(const Site& site) {
  BlockShape shape;
  if (!block_shape(site, site.in[0].shape, site.out[0].shape, shape)) return nullptr;
  const std::int64_t count = site.out[0].shape.num_elements();
  return for_storage(site.out[0].dtype, [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    return make_kernel({"cuda space to batch"}, [=](const Args& args, const Queue& queue) {
      launch_each(queue, count,
                  SpaceToBatchBody<T>{shape, args.in[0].as<T>(), args.out[0].as_mutable<T>()});
    });
  });
}

KernelPtr prepare_batch_to_space(const Site& site) {
  BlockShape shape;
  if (!block_shape(site, site.out[0].shape, site.in[0].shape, shape)) return nullptr;
  const std::int64_t count = site.out[0].shape.num_elements();
  return for_storage(site.out[0].dtype, [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    return make_kernel({"cuda batch to space"}, [=](const Args& args, const Queue& queue) {
      launch_each(queue, count,
                  BatchToSpaceBody<T>{shape, args.in[0].as<T>(), args.out[0].as_mutable<T>()});
    });
  });
}

KernelPtr prepare_range(const Site& site) {
  if (site.constants[0] == nullptr || site.constants[2] == nullptr) return nullptr;
  const std::int64_t count = site.out[0].shape.num_elements();
  return for_reals(site.out[0].dtype, [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    RangeBody<T> body{};
    body.start = static_cast<Sum<T>>(first_of<T>(*site.constants[0]));
    body.delta = static_cast<Sum<T>>(first_of<T>(*site.constants[2]));
    return make_kernel({"cuda range"}, [=](const Args& args, const Queue& queue) {
      RangeBody<T> bound = body;
      bound.y = writer<T>(args.out[0]);
      launch_each(queue, count, bound);
    });
  });
}

bool has_code_for_device() { return has_code<RangeBody<float>>(); }

}  // namespace thaw::cuda
