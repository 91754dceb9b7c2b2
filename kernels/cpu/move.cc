#include "kernels/cpu/move.h"

#include <cstring>

namespace thaw::cpu {
namespace {

constexpr std::int64_t kTile = 16;
constexpr std::size_t kShortRow = 256;  // bytes

struct Wide {
  std::uint64_t halves[2];
};

}  // namespace

Ints dense_strides(const Shape& shape) {
  Ints strides(static_cast<std::size_t>(shape.rank()));
  std::int64_t step = 1;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    strides[static_cast<std::size_t>(axis)] = step;
    step *= shape[axis];
  }
  return strides;
}

Move::Move(const Ints& dims, const Ints& in_strides, const Ints& out_strides, std::int64_t in_start,
           std::int64_t out_start)
    : in_start_(in_start), out_start_(out_start) {
  for (std::size_t i = 0; i < dims.size(); ++i) {
    count_ *= dims[i];
    if (dims[i] == 1) continue;
    const Axis next{dims[i], in_strides[i], out_strides[i]};
    if (!outer_.empty() && outer_.back().in == next.in * next.size &&
        outer_.back().out == next.out * next.size) {
      outer_.back() = {outer_.back().size * next.size, next.in, next.out};
    } else {
      outer_.push_back(next);
    }
  }
  if (outer_.empty()) return;
  row_ = outer_.back();
  outer_.pop_back();
  if (row_.in == 1) return;
  const auto contiguous =
      std::find_if(outer_.begin(), outer_.end(), [](const Axis& axis) { return axis.in == 1; });
  if (contiguous == outer_.end()) return;
  column_ = *contiguous;
  outer_.erase(contiguous);
}

namespace {

/// A call of memcpy costs more than a short row.
void copy_bytes(const void* in, void* out, std::size_t bytes) {
  if (bytes > kShortRow || bytes % sizeof(Wide) != 0) {
    std::memcpy(out, in, bytes);
    return;
  }
  for (std::size_t at = 0; at < bytes; at += sizeof(Wide)) {
    std::memcpy(static_cast<std::byte*>(out) + at, static_cast<const std::byte*>(in) + at,
                sizeof(Wide));
  }
}

}  // namespace

template <class T>
void Move::tile(const T* in, T* out, std::int64_t row_out, std::int64_t column_out) const {
  const std::int64_t row_in = row_.in;
  if (column_.size == 1) {
    if (row_in == 1 && row_out == 1) {
      copy_bytes(in, out, static_cast<std::size_t>(row_.size) * sizeof(T));
    } else {
      for (std::int64_t i = 0; i < row_.size; ++i) out[i * row_out] = in[i * row_in];
    }
    return;
  }
  for (std::int64_t c0 = 0; c0 < column_.size; c0 += kTile) {
    const std::int64_t c1 = std::min(column_.size, c0 + kTile);
    for (std::int64_t r0 = 0; r0 < row_.size; r0 += kTile) {
      const std::int64_t r1 = std::min(row_.size, r0 + kTile);
      for (std::int64_t c = c0; c < c1; ++c) {
        const T* from = in + c + r0 * row_in;
        T* to = out + c * column_out + r0 * row_out;
#pragma GCC unroll 4
        for (std::int64_t r = r0; r < r1; ++r, from += row_in, to += row_out) *to = *from;
      }
    }
  }
}

template <class T>
void Move::run_as(const Args& args, const T* in, T* out, const Row& row) const {
  const auto placed = [&row](std::int64_t stride) {
    return stride < row.size ? stride : stride / row.size * row.pitch;
  };
  const std::int64_t row_out = placed(row_.out), column_out = placed(column_.out);
  const std::int64_t block = row_.size * column_.size;
  const Axis last = outer_.empty() ? Axis{} : outer_.back();
  const std::int64_t last_out = placed(last.out);
  parallel(args, count_ / block, std::max<std::int64_t>(1, block / 2),
           [&](std::int64_t begin, std::int64_t end) {
             while (begin < end) {  // a run along the last of the outer axes
               const std::int64_t index = begin % last.size;
               std::int64_t rest = begin / last.size, from = in_start_, to = out_start_;
               for (std::size_t axis = outer_.size(); axis-- > 1;) {
                 const Axis& other = outer_[axis - 1];
                 from += rest % other.size * other.in;
                 to += rest % other.size * placed(other.out);
                 rest /= other.size;
               }
               const std::int64_t count = std::min(last.size - index, end - begin);
               for (std::int64_t i = index; i < index + count; ++i) {
                 tile(in + from + i * last.in, out + to + i * last_out, row_out, column_out);
               }
               begin += count;
             }
           });
}

void Move::run(const Args& args, std::size_t size, const void* in, void* out,
               const Row& row) const {
  if (count_ == 0) return;
  switch (size) {
    case 1:
      return run_as(args, static_cast<const std::uint8_t*>(in), static_cast<std::uint8_t*>(out),
                    row);
    case 2:
      return run_as(args, static_cast<const std::uint16_t*>(in), static_cast<std::uint16_t*>(out),
                    row);
    case 4:
      return run_as(args, static_cast<const std::uint32_t*>(in), static_cast<std::uint32_t*>(out),
                    row);
    case 8:
      return run_as(args, static_cast<const std::uint64_t*>(in), static_cast<std::uint64_t*>(out),
                    row);
    default: return run_as(args, static_cast<const Wide*>(in), static_cast<Wide*>(out), row);
  }
}

namespace {

/// Strides of a dense result whose rows of `columns` elements are one element longer, so that no
/// axis of a Move goes over them.
Ints apart(Ints strides, std::int64_t columns) {
  for (std::int64_t& stride : strides) {
    if (stride >= columns) stride = stride / columns * (columns + 1);
  }
  return strides;
}

class StridedCopy final : public Kernel {
 public:
  StridedCopy(std::size_t size, std::int64_t columns, const Ints& dims, const Ints& strides,
              std::int64_t start)
      : size_(size),
        columns_(columns),
        dense_(dims, strides, dense_strides(Shape(dims)), start),
        rows_(dims, strides, apart(dense_strides(Shape(dims)), columns), start) {}
  const char* name() const override { return "cpu move"; }
  bool writes_rows(std::size_t, std::int64_t columns) const override { return columns == columns_; }

  void run(const Args& args) const override {
    const View& y = args.out[0];
    if (y.pitch == 0) {
      dense_.run(args, size_, args.in[0].data, y.data);
    } else {
      rows_.run(args, size_, args.in[0].data, y.data, {columns_ + 1, y.pitch});
    }
  }

 private:
  std::size_t size_;
  std::int64_t columns_;
  Move dense_, rows_;  // without and with gaps
};

}  // namespace

std::unique_ptr<Kernel> strided_copy(const Site& site, const Ints& dims, const Ints& strides,
                                     std::int64_t start) {
  const Shape& y = site.out[0].shape;
  const std::int64_t columns = y.rank() == 0 ? 1 : y[y.rank() - 1];
  return std::make_unique<StridedCopy>(size_of(site.out[0].dtype),
                                       std::max<std::int64_t>(1, columns), dims, strides, start);
}

}  // namespace thaw::cpu
