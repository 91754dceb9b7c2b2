// Gather, one-hot and reversed sequences: one thread per element of the result; of a gathered row,
// per piece of up to 16 bytes. A bad index gives zero and a fault.
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/strided.h"
#include "kernels/cuda/table.h"

namespace thaw::cuda {
namespace {

struct alignas(16) Piece {
  std::uint64_t low = 0, high = 0;
};

/// make(tag, elements of a piece), by the widest type that rows of `inner` elements divide into.
template <class Make>
KernelPtr for_pieces(DType dtype, std::int64_t inner, const Make& make) {
  if (dtype == DType::string) return nullptr;
  const auto element = static_cast<std::int64_t>(size_of(dtype)), bytes = inner * element;
  if (bytes % 16 == 0) return make(Tag<Piece>{}, 16 / element);
  if (bytes % 8 == 0) return make(Tag<std::uint64_t>{}, 8 / element);
  if (bytes % 4 == 0) return make(Tag<std::uint32_t>{}, 4 / element);
  if (bytes % 2 == 0) return make(Tag<std::uint16_t>{}, 2 / element);
  return make(Tag<std::uint8_t>{}, 1);
}

/// params [batch, outer, size, inner], indices [batch, count] -> [batch, outer, count, inner].
struct GatherShape {
  std::int64_t batch = 1, outer = 1, size = 1, inner = 1, count = 1;
  bool from_end = false;
};

template <class T>
struct GatherBody {
  GatherShape s;
  DType index_type;
  const T* params;
  const void* indices;
  T* y;
  Fault* fault;
  std::int32_t step;
  THAW_HOST_DEVICE void operator()(std::int64_t i) const {
    const std::int64_t within = i % s.inner, row = i / s.inner;
    const std::int64_t block = row / s.count;  // batch and outer
    const std::int64_t position = block / s.outer * s.count + row % s.count;
    const std::int64_t given = integer_at(indices, index_type, position);
    const std::int64_t index = given < 0 && s.from_end ? given + s.size : given;
    if (index < 0 || index >= s.size) {
      report(fault, Fault::index_out_of_range, step, position, given, s.size);
      y[i] = T{};
    } else {
      y[i] = params[(block * s.size + index) * s.inner + within];
    }
  }
};

/// params [batch, dims..., inner], indices [batch, count, depth] -> [batch, count, inner].
struct GatherNdShape {
  std::int64_t count = 1, inner = 1, params_batch = 1;
  int depth = 0;
  std::int64_t dims[kMostAxes] = {}, strides[kMostAxes] = {};
};

template <class T>
struct GatherNdBody {
  GatherNdShape s;
  DType index_type;
  const T* params;
  const void* indices;
  T* y;
  Fault* fault;
  std::int32_t step;
  THAW_HOST_DEVICE void operator()(std::int64_t i) const {
    const std::int64_t row = i / s.inner;  // batch and count
    std::int64_t from = row / s.count * s.params_batch + i % s.inner;
    for (int d = 0; d < s.depth; ++d) {
      const std::int64_t index = integer_at(indices, index_type, row * s.depth + d);
      if (index < 0 || index >= s.dims[d]) {
        report(fault, Fault::index_out_of_range, step, row * s.depth + d, index, s.dims[d]);
        y[i] = T{};
        return;
      }
      from += index * s.strides[d];
    }
    y[i] = params[from];
  }
};

template <class T>
struct OneHotBody {
  std::int64_t depth, inner;
  DType index_type;
  const void* indices;
  const T *on, *off;
  T* y;
  THAW_HOST_DEVICE void operator()(std::int64_t i) const {
    const std::int64_t within = i % inner, here = i / inner % depth, outer = i / inner / depth;
    y[i] = integer_at(indices, index_type, outer * inner + within) == here ? *on : *off;
  }
};

template <class T>
struct ReverseSequenceBody {
  std::int64_t batches, batch_stride, steps, step_stride;
  DType length_type;
  const T* x;
  const void* lengths;
  T* y;
  Fault* fault;
  std::int32_t step;
  THAW_HOST_DEVICE void operator()(std::int64_t i) const {
    const std::int64_t b = i / batch_stride % batches, t = i / step_stride % steps;
    const std::int64_t length = integer_at(lengths, length_type, b);
    if (length < 0 || length > steps) {
      report(fault, Fault::length_out_of_range, step, b, length, steps);
      y[i] = T{};
    } else {
      y[i] = x[t < length ? i + (length - 1 - 2 * t) * step_stride : i];
    }
  }
};

}  // namespace

KernelPtr prepare_gather(const Site& site) {
  const auto& op = site.op_as<ops::Gather>();
  const Shape &params = site.in[0].shape, &indices = site.in[1].shape;
  const DType index_type = site.in[1].dtype;
  const int axis = axis_of(op.axis, params.rank());
  const int batch =
      static_cast<int>(op.batch_dims < 0 ? op.batch_dims + indices.rank() : op.batch_dims);
  if (!is_integer(index_type) || batch < 0 || batch > axis || batch > indices.rank())
    return nullptr;
  const GatherShape shape{product(params, 0, batch),
                          product(params, batch, axis),
                          params[axis],
                          product(params, axis + 1, params.rank()),
                          product(indices, batch, indices.rank()),
                          op.from_end};
  const std::int64_t count = site.out[0].shape.num_elements();
  return for_pieces(site.in[0].dtype, shape.inner, [&](auto tag, std::int64_t piece) {
    using T = TypeOf<decltype(tag)>;
    GatherShape of = shape;
    of.inner /= piece;
    return make_kernel({"cuda gather", 0, true}, [=](const Args& args, const Queue& queue) {
      launch_each(queue, count / piece,
                  GatherBody<T>{of, index_type, args.in[0].as<T>(), args.in[1].data,
                                args.out[0].as_mutable<T>(), queue.fault, queue.step});
    });
  });
}

KernelPtr prepare_gather_nd(const Site& site) {
  const Shape &params = site.in[0].shape, &indices = site.in[1].shape;
  const DType index_type = site.in[1].dtype;
  const int last = indices.rank() - 1;
  const int batch = static_cast<int>(site.op_as<ops::GatherNd>().batch_dims);
  if (last < 0 || batch < 0 || batch > last || !is_integer(index_type)) return nullptr;
  const std::int64_t depth = indices[last];
  if (depth > kMostAxes || batch + depth > params.rank()) return nullptr;
  GatherNdShape shape;
  shape.depth = static_cast<int>(depth);
  const Ints strides = row_major_strides(params);
  for (int d = 0; d < shape.depth; ++d) {
    shape.dims[d] = params[batch + d];
    shape.strides[d] = strides[static_cast<std::size_t>(batch + d)];
  }
  shape.count = product(indices, batch, last);
  shape.inner = product(params, batch + shape.depth, params.rank());
  shape.params_batch = product(params, batch, params.rank());
  const std::int64_t count = site.out[0].shape.num_elements();
  return for_pieces(site.in[0].dtype, shape.inner, [&](auto tag, std::int64_t piece) {
    using T = TypeOf<decltype(tag)>;
    GatherNdShape of = shape;
    of.inner /= piece;
    of.params_batch /= piece;
    for (int d = 0; d < of.depth; ++d) of.strides[d] /= piece;
    return make_kernel({"cuda gather nd", 0, true}, [=](const Args& args, const Queue& queue) {
      launch_each(queue, count / piece,
                  GatherNdBody<T>{of, index_type, args.in[0].as<T>(), args.in[1].data,
                                  args.out[0].as_mutable<T>(), queue.fault, queue.step});
    });
  });
}

KernelPtr prepare_one_hot(const Site& site) {
  const Shape& y = site.out[0].shape;
  const DType index_type = site.in[0].dtype;
  if (!is_integer(index_type)) return nullptr;
  const int axis = axis_of(site.op_as<ops::OneHot>().axis, y.rank());
  const std::int64_t depth = y[axis], inner = product(y, axis + 1, y.rank());
  const std::int64_t count = y.num_elements();
  return for_storage(site.out[0].dtype, [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    return make_kernel({"cuda one-hot"}, [=](const Args& args, const Queue& queue) {
      launch_each(queue, count,
                  OneHotBody<T>{depth, inner, index_type, args.in[0].data, args.in[2].as<T>(),
                                args.in[3].as<T>(), args.out[0].as_mutable<T>()});
    });
  });
}

KernelPtr prepare_reverse_sequence(const Site& site) {
  const auto& op = site.op_as<ops::ReverseSequence>();
  const Shape& x = site.in[0].shape;
  const DType length_type = site.in[1].dtype;
  const int sequence = axis_of(op.sequence_axis, x.rank());
  const int batch = axis_of(op.batch_axis, x.rank());
  const Ints strides = row_major_strides(x);
  const std::int64_t batches = x[batch], steps = x[sequence], count = x.num_elements();
  const std::int64_t batch_stride = strides[static_cast<std::size_t>(batch)];
  const std::int64_t step_stride = strides[static_cast<std::size_t>(sequence)];
  if (!is_integer(length_type)) return nullptr;
  return for_storage(site.in[0].dtype, [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    return make_kernel(
        {"cuda reverse sequence", 0, true}, [=](const Args& args, const Queue& queue) {
          launch_each(queue, count,
                      ReverseSequenceBody<T>{batches, batch_stride, steps, step_stride, length_type,
                                             args.in[0].as<T>(), args.in[1].data,
                                             args.out[0].as_mutable<T>(), queue.fault, queue.step});
        });
  });
}

}  // namespace thaw::cuda
