// Ops that only move elements, of any type but string: each is one or a few strided copies.
// Parallel over the rows of each copy.
#include <cstring>
#include <utility>

#include "kernels/cpu/kernels.h"
#include "kernels/cpu/move.h"
#include "runtime/base/check.h"
#include "runtime/ir/infer.h"

namespace thaw::cpu {
namespace {

struct Part {
  Move move;
  std::size_t in = 0, out = 0;
};

class MoveKernel : public Kernel {
 public:
  MoveKernel(std::size_t size, std::vector<Part> parts) : size_(size), parts_(std::move(parts)) {}
  const char* name() const override { return "cpu move"; }

  void run(const Args& args) const override {
    for (const Part& part : parts_)
      part.move.run(args, size_, args.in[part.in].data, args.out[part.out].data);
  }

 protected:
  std::size_t size_;

 private:
  std::vector<Part> parts_;
};

/// Operands side by side. One that is in its place already is left there.
class JoinKernel final : public Kernel {
 public:
  /// Rows of `widths` elements each, which together are a row of the result.
  JoinKernel(std::size_t size, std::vector<Part> parts, Ints widths, std::int64_t rows)
      : size_(size), parts_(std::move(parts)), widths_(std::move(widths)), rows_(rows) {
    for (const std::int64_t width : widths_) columns_ += width;
  }
  const char* name() const override { return "cpu move"; }
  bool reads_rows(std::size_t operand, std::int64_t columns) const override {
    return columns == widths_[operand];
  }
  bool writes_rows(std::size_t, std::int64_t columns) const override { return columns == columns_; }

  void run(const Args& args) const override {
    const View& y = args.out[0];
    std::int64_t start = 0;
    for (std::size_t i = 0; i < widths_.size(); start += widths_[i++]) {
      const View& x = args.in[i];
      auto* to = static_cast<std::byte*>(y.data) + static_cast<std::size_t>(start) * size_;
      if (x.data == to || widths_[i] == 0) continue;
      if (x.pitch == 0 && y.pitch == 0) {
        parts_[i].move.run(args, size_, x.data, y.data);
      } else {
        copy_rows(args, x, widths_[i], to, y.row_stride(columns_));
      }
    }
  }

 private:
  void copy_rows(const Args& args, const View& x, std::int64_t width, std::byte* to,
                 std::int64_t stride) const {
    const auto bytes = [&](std::int64_t count) { return static_cast<std::size_t>(count) * size_; };
    const auto* from = static_cast<const std::byte*>(x.data);
    parallel(args, rows_, width, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        std::memcpy(to + bytes(row * stride), from + bytes(row * x.row_stride(width)),
                    bytes(width));
      }
    });
  }

  std::size_t size_;
  std::vector<Part> parts_;
  Ints widths_;
  std::int64_t rows_, columns_ = 0;
};

/// Constant padding: the whole result filled, then the interior copied.
class PadKernel final : public MoveKernel {
 public:
  PadKernel(std::size_t size, std::vector<Part> parts, std::int64_t count, bool has_value)
      : MoveKernel(size, std::move(parts)), count_(count), has_value_(has_value) {}
  const char* name() const override { return "cpu pad"; }

  void run(const Args& args) const override {
    auto* y = static_cast<std::byte*>(args.out[0].data);
    const auto* value = has_value_ ? static_cast<const std::byte*>(args.in[2].data) : nullptr;
    const auto bytes = static_cast<std::size_t>(count_) * size_;
    if (value == nullptr ||
        std::all_of(value, value + size_, [](std::byte b) { return b == std::byte{0}; })) {
      std::memset(y, 0, bytes);
    } else {
      for (std::size_t at = 0; at < bytes; at += size_) std::memcpy(y + at, value, size_);
    }
    MoveKernel::run(args);
  }

 private:
  std::int64_t count_;
  bool has_value_;
};

bool is_movable(DType dtype) { return dtype != DType::string && size_of(dtype) > 0; }

int axis_of(std::int64_t axis, int rank) { return static_cast<int>(axis < 0 ? axis + rank : axis); }

/// The parts lie one after the other along `axis` of `whole`, each with its size there.
std::vector<Part> parts_of(const Shape& whole, int axis, const Ints& sizes, bool join) {
  const Ints outside = dense_strides(whole);
  std::vector<Part> parts;
  std::int64_t start = 0;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    Shape part = whole;
    part[axis] = sizes[i];
    const Ints inside = dense_strides(part);
    const std::int64_t offset = start * outside[static_cast<std::size_t>(axis)];
    if (join) {
      parts.push_back({Move(part.dims(), inside, outside, 0, offset), i, 0});
    } else {
      parts.push_back({Move(part.dims(), outside, inside, offset, 0), 0, i});
    }
    start += sizes[i];
  }
  return parts;
}

std::unique_ptr<Kernel> move_kernel(DType dtype, std::vector<Part> parts) {
  return std::make_unique<MoveKernel>(size_of(dtype), std::move(parts));
}

Ints sizes_of(std::span<const TensorType> types, int axis) {
  Ints sizes;
  for (const TensorType& type : types) sizes.push_back(type.shape[axis]);
  return sizes;
}

}  // namespace

std::unique_ptr<Kernel> prepare_concat(const Site& site) {
  if (!is_movable(site.out[0].dtype)) return nullptr;
  const Shape& whole = site.out[0].shape;
  const int axis = axis_of(site.op_as<ops::Concat>().axis, whole.rank());
  Ints widths = sizes_of(site.in, axis);
  std::vector<Part> parts = parts_of(whole, axis, widths, true);
  for (std::int64_t& width : widths) width *= product(whole, axis + 1, whole.rank());
  return std::make_unique<JoinKernel>(size_of(site.out[0].dtype), std::move(parts),
                                      std::move(widths), product(whole, 0, axis));
}

std::unique_ptr<Kernel> prepare_split(const Site& site) {
  if (!is_movable(site.in[0].dtype)) return nullptr;
  const Shape& whole = site.in[0].shape;
  const int axis = axis_of(site.op_as<ops::Split>().axis, whole.rank());
  return move_kernel(site.in[0].dtype, parts_of(whole, axis, sizes_of(site.out, axis), false));
}

std::unique_ptr<Kernel> prepare_stack(const Site& site) {
  if (!is_movable(site.out[0].dtype)) return nullptr;
  const Shape& whole = site.out[0].shape;
  const int axis = axis_of(site.op_as<ops::Stack>().axis, whole.rank());
  return move_kernel(site.out[0].dtype, parts_of(whole, axis, Ints(site.in.size(), 1), true));
}

std::unique_ptr<Kernel> prepare_unstack(const Site& site) {
  if (!is_movable(site.in[0].dtype)) return nullptr;
  const Shape& whole = site.in[0].shape;
  const int axis = axis_of(site.op_as<ops::Unstack>().axis, whole.rank());
  return move_kernel(site.in[0].dtype, parts_of(whole, axis, Ints(site.out.size(), 1), false));
}

std::unique_ptr<Kernel> prepare_transpose(const Site& site) {
  if (!is_movable(site.out[0].dtype)) return nullptr;
  const Shape &x = site.in[0].shape, &y = site.out[0].shape;
  const Ints dense = dense_strides(x);
  Ints strides;
  for (const std::int64_t axis : site.ints(1)) {
    strides.push_back(dense[static_cast<std::size_t>(axis_of(axis, x.rank()))]);
  }
  return strided_copy(site, y.dims(), strides);
}

std::unique_ptr<Kernel> prepare_slice(const Site& site) {
  if (!is_movable(site.out[0].dtype)) return nullptr;
  const Shape &x = site.in[0].shape, &y = site.out[0].shape;
  const Ints begin = site.ints(1), strides = dense_strides(x);
  std::int64_t start = 0;
  for (int axis = 0; axis < x.rank(); ++axis) {
    const std::int64_t first = begin[static_cast<std::size_t>(axis)];
    if (first < 0 || first > x[axis] - y[axis]) return nullptr;  // the reference says what is wrong
    start += first * strides[static_cast<std::size_t>(axis)];
  }
  return strided_copy(site, y.dims(), strides, start);
}

std::unique_ptr<Kernel> prepare_strided_slice(const Site& site) {
  if (!is_movable(site.out[0].dtype)) return nullptr;
  const Shape& x = site.in[0].shape;
  const DenseSlice slice =
      dense_slice(x, site.op_as<ops::StridedSlice>(), site.ints(1), site.ints(2), site.ints(3));
  const Ints dense = dense_strides(x);
  Ints strides;
  std::int64_t start = 0;
  for (std::size_t axis = 0; axis < dense.size(); ++axis) {
    start += slice.begin[axis] * dense[axis];
    strides.push_back(slice.stride[axis] * dense[axis]);
  }
  // New and dropped axes have size 1, so the result is dense in the operand's axes too.
  return strided_copy(site, slice.size, strides, start);
}

std::unique_ptr<Kernel> prepare_pad(const Site& site) {
  if (!is_movable(site.out[0].dtype) || site.op_as<ops::Pad>().mode != PadMode::constant)
    return nullptr;
  const Shape &x = site.in[0].shape, &y = site.out[0].shape;
  const Ints paddings = site.ints(1), strides = dense_strides(y);
  std::int64_t start = 0;
  for (std::size_t axis = 0; axis < strides.size(); ++axis) {
    if (paddings[2 * axis] < 0 || paddings[2 * axis + 1] < 0) return nullptr;
    start += paddings[2 * axis] * strides[axis];
  }
  std::vector<Part> parts = {{Move(x.dims(), dense_strides(x), strides, 0, start)}};
  return std::make_unique<PadKernel>(size_of(site.out[0].dtype), std::move(parts), y.num_elements(),
                                     site.in.size() > 2);
}

}  // namespace thaw::cpu
