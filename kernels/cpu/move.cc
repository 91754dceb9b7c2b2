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
void Move::tile(const T* in, T* out) const {
  if (column_.size == 1) {
    if (row_.in == 1 && row_.out == 1) {
      copy_bytes(in, out, static_cast<std::size_t>(row_.size) * sizeof(T));
    } else {
      for (std::int64_t i = 0; i < row_.size; ++i) out[i * row_.out] = in[i * row_.in];
    }
    return;
  }
  for (std::int64_t c0 = 0; c0 < column_.size; c0 += kTile) {
    const std::int64_t c1 = std::min(column_.size, c0 + kTile);
    for (std::int64_t r0 = 0; r0 < row_.size; r0 += kTile) {
      const std::int64_t r1 = std::min(row_.size, r0 + kTile);
      for (std::int64_t c = c0; c < c1; ++c) {
        for (std::int64_t r = r0; r < r1; ++r) {
          out[c * column_.out + r * row_.out] = in[c + r * row_.in];
        }
      }
    }
  }
}

template <class T>
void Move::run_as(const Args& args, const T* in, T* out) const {
  const std::int64_t block = row_.size * column_.size;
  const Axis last = outer_.empty() ? Axis{} : outer_.back();
  parallel(args, count_ / block, std::max<std::int64_t>(1, block / 2),
           [&](std::int64_t begin, std::int64_t end) {
             while (begin < end) {  // a run along the last of the outer axes
               const std::int64_t index = begin % last.size;
               std::int64_t rest = begin / last.size, from = in_start_, to = out_start_;
               for (std::size_t axis = outer_.size(); axis-- > 1;) {
                 const Axis& other = outer_[axis - 1];
                 from += rest % other.size * other.in;
                 to += rest % other.size * other.out;
                 rest /= other.size;
               }
               const std::int64_t count = std::min(last.size - index, end - begin);
               for (std::int64_t i = index; i < index + count; ++i) {
                 tile(in + from + i * last.in, out + to + i * last.out);
               }
               begin += count;
             }
           });
}

void Move::run(const Args& args, std::size_t size, const void* in, void* out) const {
  if (count_ == 0) return;
  switch (size) {
    case 1:
      return run_as(args, static_cast<const std::uint8_t*>(in), static_cast<std::uint8_t*>(out));
    case 2:
      return run_as(args, static_cast<const std::uint16_t*>(in), static_cast<std::uint16_t*>(out));
    case 4:
      return run_as(args, static_cast<const std::uint32_t*>(in), static_cast<std::uint32_t*>(out));
    case 8:
      return run_as(args, static_cast<const std::uint64_t*>(in), static_cast<std::uint64_t*>(out));
    default: return run_as(args, static_cast<const Wide*>(in), static_cast<Wide*>(out));
  }
}

}  // namespace thaw::cpu
