#include "loaders/source/bundle_slices.h"

#include <algorithm>
#include <cstring>

#include "runtime/base/check.h"

namespace thaw {
namespace {

constexpr std::size_t kMaxSlices = 1 << 14;  // checking that slices are disjoint compares pairs

SliceBox resolve(const BundleSlice& slice, const Shape& shape, const std::string& place) {
  if (static_cast<int>(slice.extents.size()) != shape.rank()) {
    fail(ErrorCode::data_loss, "{}: a slice of rank {} of {}", place, slice.extents.size(),
         shape.to_string());
  }
  SliceBox box;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    BundleSlice::Extent extent = slice.extents[static_cast<std::size_t>(axis)];
    if (extent.length < 0 && extent.start == 0) extent.length = shape[axis];
    if (extent.length < 0 || extent.start > shape[axis] ||
        extent.length > shape[axis] - extent.start) {
      fail(ErrorCode::data_loss, "{}: a slice from {} of length {} of axis {} of {}", place,
           extent.start, extent.length, axis, shape.to_string());
    }
    box.start.push_back(extent.start);
    box.length.push_back(extent.length);
  }
  return box;
}

bool overlap(const SliceBox& a, const SliceBox& b) {
  for (std::size_t axis = 0; axis < a.start.size(); ++axis) {
    if (a.start[axis] >= b.start[axis] + b.length[axis] ||
        b.start[axis] >= a.start[axis] + a.length[axis]) {
      return false;
    }
  }
  return true;
}

}  // namespace

std::vector<SliceBox> resolve_slices(const BundleEntry& entry, const std::string& place) {
  if (entry.slices.size() > kMaxSlices) {
    fail(ErrorCode::resource_exhausted, "{}: {} slices, the limit is {}", place,
         entry.slices.size(), kMaxSlices);
  }
  std::vector<SliceBox> boxes;
  std::int64_t covered = 0;
  const std::int64_t total = entry.shape.num_elements();
  for (const BundleSlice& slice : entry.slices) {
    boxes.push_back(resolve(slice, entry.shape, place));
    const std::int64_t size = boxes.back().shape().num_elements();
    if (size > total - covered) fail(ErrorCode::data_loss, "{}: its slices overlap", place);
    covered += size;
  }
  // Disjoint boxes of the right total size leave no gap.
  if (covered != total) {
    fail(ErrorCode::data_loss, "{}: its slices hold {} of {} elements", place, covered, total);
  }
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (overlap(boxes[i], boxes[j])) fail(ErrorCode::data_loss, "{}: its slices overlap", place);
    }
  }
  return boxes;
}

void place_slice(const Tensor& part, const SliceBox& box, Tensor& whole) {
  const int rank = whole.shape().rank();
  const std::int64_t count = part.num_elements();
  if (count == 0) return;
  const std::int64_t row = rank == 0 ? 1 : box.length.back();
  std::vector<std::int64_t> index(box.start.size(), 0);
  for (std::int64_t from = 0; from < count; from += row) {
    std::int64_t to = 0;
    for (std::size_t axis = 0; axis < index.size(); ++axis) {
      to = to * whole.shape()[static_cast<int>(axis)] + box.start[axis] + index[axis];
    }
    if (whole.dtype() == DType::string) {
      std::copy_n(part.data<std::string>() + from, row, whole.mutable_data<std::string>() + to);
    } else {
      const std::size_t width = size_of(whole.dtype());
      std::memcpy(
          static_cast<std::byte*>(whole.mutable_data()) + static_cast<std::size_t>(to) * width,
          static_cast<const std::byte*>(part.data()) + static_cast<std::size_t>(from) * width,
          static_cast<std::size_t>(row) * width);
    }
    for (std::size_t axis = index.size(); axis-- > 1;) {  // the last axis is the row itself
      if (++index[axis - 1] < box.length[axis - 1]) break;
      index[axis - 1] = 0;
    }
  }
}

}  // namespace thaw
