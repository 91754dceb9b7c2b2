// Ops that only move elements: one thread per element of the result, which says where it comes
// from.
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/product.h"
#include "kernels/cuda/strided.h"
#include "kernels/cuda/table.h"
#include "runtime/ir/infer.h"

namespace thaw::cuda {
namespace {

/// to[to_start + ...] = from[from_start + ...] along two sets of strides.
struct Move {
  StridedLoop<2> loop;
  std::int64_t from_start = 0, to_start = 0;
  std::size_t in = 0, out = 0;  // operand and result
};

template <class T>
struct MoveBody {
  StridedLoop<2> loop;
  const T* from;
  T* to;
  THAW_HOST_DEVICE void operator()(std::int64_t i) const {
    std::int64_t at[2];
    loop.offsets(i, at);
    to[at[1]] = from[at[0]];
  }
};

KernelPtr move_kernel(const char* name, DType dtype, std::vector<Move> moves) {
  return for_storage(dtype, [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    return make_kernel({name}, [moves](const Args& args, const Queue& queue) {
      for (const Move& move : moves) {
        launch_each(queue, move.loop.count,
                    MoveBody<T>{move.loop, args.in[move.in].as<T>() + move.from_start,
                                args.out[move.out].as_mutable<T>() + move.to_start});
      }
    });
  });
}

/// The result is dense; null if the nest is too deep.
KernelPtr strided_read(const char* name, const Site& site, const Ints& dims, const Ints& from,
                       std::int64_t start) {
  const Ints to = row_major_strides(Shape(dims));
  Move move;
  move.from_start = start;
  if (!move.loop.set(dims, {&from, &to})) return nullptr;
  return move_kernel(name, site.out[0].dtype, {move});
}

/// Parts lie one after the other along `axis` of `whole`; each move goes between a dense part and
/// its place in the whole.
KernelPtr part_kernel(const char* name, DType dtype, const Shape& whole, int axis,
                      const Ints& part_sizes, bool gather) {
  const Ints outside = row_major_strides(whole);
  std::vector<Move> moves;
  std::int64_t start = 0;
  for (std::size_t i = 0; i < part_sizes.size(); ++i) {
    Shape part = whole;
    part[axis] = part_sizes[i];
    const Ints inside = row_major_strides(part);
    const std::int64_t offset = start * outside[static_cast<std::size_t>(axis)];
    start += part_sizes[i];
    if (part.num_elements() == 0) continue;
    Move move;
    const Ints &from = gather ? inside : outside, &to = gather ? outside : inside;
    if (!move.loop.set(part.dims(), {&from, &to})) return nullptr;
    (gather ? move.to_start : move.from_start) = offset;
    (gather ? move.in : move.out) = i;
    moves.push_back(move);
  }
  return move_kernel(name, dtype, std::move(moves));
}

/// Where along one axis a padded element comes from; -1: it is filled.
struct PadAxis {
  std::int64_t size = 1, before = 0, stride = 0, result = 1;
};

template <class T>
struct PadBody {
  PadMode mode;
  int axes;
  PadAxis axis[kMostAxes];
  const T *x, *value;  // value may be null: zero
  T* y;
  THAW_HOST_DEVICE void operator()(std::int64_t i) const {
    std::int64_t rest = i, from = 0;
    bool inside = true;
    for (int a = axes - 1; a >= 0; --a) {
      std::int64_t at = rest % axis[a].result - axis[a].before;
      rest /= axis[a].result;
      const std::int64_t size = axis[a].size, border = mode == PadMode::symmetric ? 1 : 0;
      if (mode == PadMode::constant) {
        inside = inside && at >= 0 && at < size;
      } else if (at < 0) {
        at = -at - border;
      } else if (at >= size) {
        at = 2 * (size - 1) - at + border;
      }
      from += at * axis[a].stride;
    }
    y[i] = inside ? x[from] : value == nullptr ? T{} : *value;
  }
};

/// One of several copies: a thread per piece, as large as both sides are aligned to, and per unit
/// of what is left behind the last.
struct CopyPart {
  const std::uint8_t* from = nullptr;
  std::uint8_t* to = nullptr;
  std::int64_t pieces = 0, end = 0;  // end: the number of the first thread of the next part
  int piece = 16, unit = 16;         // bytes

  template <class T>
  THAW_HOST_DEVICE void move(std::int64_t at) const {
    *reinterpret_cast<T*>(to + at) = *reinterpret_cast<const T*>(from + at);
  }
  THAW_HOST_DEVICE void operator()(std::int64_t i) const {
    const bool whole = i < pieces;
    const std::int64_t at = whole ? i * piece : pieces * piece + (i - pieces) * unit;
    switch (whole ? piece : unit) {
      case 16: move<Aligned16>(at); break;
      case 8: move<std::uint64_t>(at); break;
      case 4: move<std::uint32_t>(at); break;
      case 2: move<std::uint16_t>(at); break;
      default: move<std::uint8_t>(at); break;
    }
  }

  struct alignas(16) Aligned16 {
    std::uint64_t low, high;
  };
};

struct CopyBody {
  CopyPart part[kMostCopies];
  THAW_HOST_DEVICE void operator()(std::int64_t i) const {
    int p = 0;
    while (i >= part[p].end) ++p;
    part[p](p == 0 ? i : i - part[p - 1].end);
  }
};

/// The largest power of two, up to 16, that divides all of `bits`, which are added by |.
int common_unit(std::uintptr_t bits) {
  int unit = 16;
  while (bits % static_cast<std::uintptr_t>(unit) != 0) unit /= 2;
  return unit;
}

CopyPart copy_part(const Copy& copy, std::int64_t first_thread) {
  CopyPart part;
  part.from = static_cast<const std::uint8_t*>(copy.from);
  part.to = static_cast<std::uint8_t*>(copy.to);
  part.piece = common_unit(reinterpret_cast<std::uintptr_t>(copy.from) |
                           reinterpret_cast<std::uintptr_t>(copy.to));
  part.pieces = copy.bytes / part.piece;
  const std::int64_t rest = copy.bytes % part.piece;
  part.unit = common_unit(static_cast<std::uintptr_t>(rest));
  part.end = first_thread + part.pieces + rest / part.unit;
  return part;
}

}  // namespace

void enqueue_copies(const Queue& queue, std::span<const Copy> copies) {
  CopyBody body;
  std::int64_t threads = 0;
  for (std::size_t i = 0; i < copies.size(); ++i) {
    body.part[i] = copy_part(copies[i], threads);
    threads = body.part[i].end;
  }
  launch_each(queue, threads, body);
}

void enqueue_copy(const Queue& queue, const void* from, void* to, std::int64_t bytes) {
  const Copy copy{from, to, bytes};
  enqueue_copies(queue, {&copy, 1});
}

KernelPtr prepare_copy(const Site& site) {
  const std::int64_t count = site.out[0].shape.num_elements();
  return strided_read("cuda copy", site, {count}, {1}, 0);
}

KernelPtr prepare_transpose(const Site& site) {
  const Shape &x = site.in[0].shape, &y = site.out[0].shape;
  const Ints dense = row_major_strides(x);
  Ints strides;
  for (std::int64_t axis : site.ints(1)) {
    strides.push_back(dense[static_cast<std::size_t>(axis_of(axis, x.rank()))]);
  }
  return strided_read("cuda transpose", site, y.dims(), strides, 0);
}

KernelPtr prepare_broadcast_to(const Site& site) {
  const Shape& y = site.out[0].shape;
  return strided_read("cuda broadcast", site, y.dims(), broadcast_strides(site.in[0].shape, y), 0);
}

KernelPtr prepare_tile(const Site& site) {
  const Shape& x = site.in[0].shape;
  const Ints multiples = site.ints(1), dense = row_major_strides(x);
  Ints dims, strides;
  for (int axis = 0; axis < x.rank(); ++axis) {
    const auto a = static_cast<std::size_t>(axis);
    dims.insert(dims.end(), {multiples[a], x[axis]});
    strides.insert(strides.end(), {0, dense[a]});
  }
  return strided_read("cuda tile", site, dims, strides, 0);
}

KernelPtr prepare_slice(const Site& site) {
  const Shape &x = site.in[0].shape, &y = site.out[0].shape;
  const Ints begin = site.ints(1), strides = row_major_strides(x);
  std::int64_t start = 0;
  for (int axis = 0; axis < x.rank(); ++axis) {
    const std::int64_t first = begin[static_cast<std::size_t>(axis)];
    if (first < 0 || first > x[axis] - y[axis]) {
      throw Error(ErrorCode::invalid_argument,
                  "slice of " + std::to_string(y[axis]) + " at " + std::to_string(first) +
                      " of axis " + std::to_string(axis) + " leaves " + x.to_string());
    }
    start += first * strides[static_cast<std::size_t>(axis)];
  }
  return strided_read("cuda slice", site, y.dims(), strides, start);
}

KernelPtr prepare_strided_slice(const Site& site) {
  const Shape& x = site.in[0].shape;
  const DenseSlice slice =
      dense_slice(x, site.op_as<ops::StridedSlice>(), site.ints(1), site.ints(2), site.ints(3));
  const Ints dense = row_major_strides(x);
  Ints strides;
  std::int64_t start = 0;
  for (std::size_t axis = 0; axis < dense.size(); ++axis) {
    start += slice.begin[axis] * dense[axis];
    strides.push_back(slice.stride[axis] * dense[axis]);
  }
  return strided_read("cuda strided slice", site, slice.size, strides, start);
}

KernelPtr prepare_reverse(const Site& site) {
  const Shape& x = site.in[0].shape;
  const std::vector<bool> reversed = axis_flags(site.op_as<ops::Reverse>().axes, x.rank());
  Ints strides = row_major_strides(x);
  std::int64_t start = 0;
  for (int axis = 0; axis < x.rank(); ++axis) {
    const auto a = static_cast<std::size_t>(axis);
    if (!reversed[a]) continue;
    start += (x[axis] - 1) * strides[a];
    strides[a] = -strides[a];
  }
  return strided_read("cuda reverse", site, x.dims(), strides, start);
}

KernelPtr prepare_concat(const Site& site) {
  const Shape& whole = site.out[0].shape;
  const int axis = axis_of(site.op_as<ops::Concat>().axis, whole.rank());
  Ints sizes;
  for (const TensorType& part : site.in) sizes.push_back(part.shape[axis]);
  return part_kernel("cuda concat", site.out[0].dtype, whole, axis, sizes, true);
}

KernelPtr prepare_split(const Site& site) {
  const Shape& whole = site.in[0].shape;
  const int axis = axis_of(site.op_as<ops::Split>().axis, whole.rank());
  Ints sizes;
  for (const TensorType& part : site.out) sizes.push_back(part.shape[axis]);
  return part_kernel("cuda split", site.in[0].dtype, whole, axis, sizes, false);
}

KernelPtr prepare_stack(const Site& site) {
  const Shape& whole = site.out[0].shape;
  const int axis = axis_of(site.op_as<ops::Stack>().axis, whole.rank());
  return part_kernel("cuda stack", site.out[0].dtype, whole, axis, Ints(site.in.size(), 1), true);
}

KernelPtr prepare_unstack(const Site& site) {
  const Shape& whole = site.in[0].shape;
  const int axis = axis_of(site.op_as<ops::Unstack>().axis, whole.rank());
  return part_kernel("cuda unstack", site.in[0].dtype, whole, axis, Ints(site.out.size(), 1),
                     false);
}

KernelPtr prepare_pad(const Site& site) {
  const PadMode mode = site.op_as<ops::Pad>().mode;
  const Shape &x = site.in[0].shape, &y = site.out[0].shape;
  if (x.rank() > kMostAxes) return nullptr;
  const Ints paddings = site.ints(1), strides = row_major_strides(x);
  const bool has_value = site.in.size() > 2;
  return for_storage(site.out[0].dtype, [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    PadBody<T> body{mode, x.rank(), {}, nullptr, nullptr, nullptr};
    for (int axis = 0; axis < x.rank(); ++axis) {
      const auto a = static_cast<std::size_t>(axis);
      body.axis[axis] = {x[axis], paddings[2 * a], strides[a], y[axis]};
    }
    const std::int64_t count = y.num_elements();
    return make_kernel({"cuda pad"}, [=](const Args& args, const Queue& queue) {
      PadBody<T> bound = body;
      bound.x = args.in[0].as<T>();
      bound.value = has_value ? args.in[2].as<T>() : nullptr;
      bound.y = args.out[0].as_mutable<T>();
      launch_each(queue, count, bound);
    });
  });
}

}  // namespace thaw::cuda
