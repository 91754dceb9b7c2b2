// Joining: elementwise, along axes, by segment.
#include <algorithm>

#include "kernels/host/strings.h"

namespace thaw::host {
namespace {

// Normalised axes, the slowest first: of the axes named, the first one changes fastest.
std::vector<int> reduced_axes(const Tensor& axes, int rank) {
  std::vector<int> all;
  for (std::int64_t i = 0; i < axes.num_elements(); ++i) {
    const std::int64_t axis = index_at(axes, i);
    if (axis < -rank || axis >= rank) {
      fail(ErrorCode::invalid_argument,
           "Invalid reduction dimension {} for input with {} dimension(s)", axis, rank);
    }
    const int normal = static_cast<int>(axis < 0 ? axis + rank : axis);
    if (std::ranges::find(all, normal) != all.end()) {
      fail(ErrorCode::invalid_argument, "Duplicate reduction dimension {}", axis);
    }
    all.push_back(normal);
  }
  std::ranges::reverse(all);
  return all;
}

// Offsets in a dense tensor of all indices along `axes`, the last one changing fastest.
std::vector<std::int64_t> offsets_along(const Shape& shape, const std::vector<int>& axes) {
  std::vector<std::int64_t> strides(static_cast<std::size_t>(shape.rank()), 1);
  for (int axis = shape.rank() - 2; axis >= 0; --axis) {
    const auto a = static_cast<std::size_t>(axis);
    strides[a] = strides[a + 1] * shape[axis + 1];
  }
  std::vector<std::int64_t> offsets{0};
  for (const int axis : axes) {
    std::vector<std::int64_t> next;
    next.reserve(offsets.size() * static_cast<std::size_t>(shape[axis]));
    for (const std::int64_t offset : offsets) {
      for (std::int64_t i = 0; i < shape[axis]; ++i) {
        next.push_back(offset + i * strides[static_cast<std::size_t>(axis)]);
      }
    }
    offsets = std::move(next);
  }
  return offsets;
}

}  // namespace

// Scalars are repeated for the others' shape.
Results string_join(const HostArgs& args) {
  const std::string& separator = args.call.attributes.text("separator");
  Shape shape;
  bool has_shape = false;
  for (const Tensor& in : args.in) {
    if (in.shape().rank() == 0) continue;
    if (has_shape && in.shape() != shape) {
      fail(ErrorCode::invalid_argument, "Input shapes do not match: {} vs. {}", shape.to_string(),
           in.shape().to_string());
    }
    shape = in.shape();
    has_shape = true;
  }
  Tensor out(DType::string, shape);
  for (std::int64_t i = 0; i < out.num_elements(); ++i) {
    std::string& text = out.mutable_data<std::string>()[i];
    for (std::size_t k = 0; k < args.in.size(); ++k) {
      if (k > 0) text += separator;
      text += strings_of(args.in[k])[args.in[k].shape().rank() == 0 ? 0 : i];
    }
  }
  return {out};
}

Results reduce_join(const HostArgs& args) {
  const Attributes& attributes = args.call.attributes;
  const std::string& separator = attributes.text("separator");
  const bool keep = attributes.flag("keep_dims");
  const Shape& shape = args.in[0].shape();
  const std::vector<int> reduced = reduced_axes(args.in[1], shape.rank());
  std::vector<int> kept;
  std::vector<std::int64_t> dims;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    const bool is_reduced = std::ranges::find(reduced, axis) != reduced.end();
    if (!is_reduced) kept.push_back(axis);
    if (!is_reduced || keep) dims.push_back(is_reduced ? 1 : shape[axis]);
  }
  Tensor out(DType::string, Shape(dims));
  if (out.num_elements() == 0) return {out};
  const std::vector<std::int64_t> starts = offsets_along(shape, kept);
  const std::vector<std::int64_t> steps = offsets_along(shape, reduced);
  for (std::size_t i = 0; i < starts.size(); ++i) {
    std::string& text = out.mutable_data<std::string>()[i];
    for (std::size_t k = 0; k < steps.size(); ++k) {
      if (k > 0) text += separator;
      text += strings_of(args.in[0])[starts[i] + steps[k]];
    }
  }
  return {out};
}

// segment_ids covers the leading axes of the data.
Results unsorted_segment_join(const HostArgs& args) {
  const Tensor &data = args.in[0], &ids = args.in[1];
  const std::string& separator = args.call.attributes.text("separator");
  const std::int64_t segments = index_at(args.in[2], 0);
  if (segments < 0) fail(ErrorCode::invalid_argument, "Number of segments cannot be negative");
  std::vector<std::int64_t> dims{segments};
  for (int axis = 0; axis < data.shape().rank(); ++axis) {
    if (axis >= ids.shape().rank()) {
      dims.push_back(data.shape()[axis]);
    } else if (ids.shape()[axis] != data.shape()[axis]) {
      fail(ErrorCode::invalid_argument, "input.shape must start with segment_ids.shape: {} vs. {}",
           data.shape().to_string(), ids.shape().to_string());
    }
  }
  if (ids.shape().rank() > data.shape().rank()) {
    fail(ErrorCode::invalid_argument, "segment_ids of rank {} for data of rank {}",
         ids.shape().rank(), data.shape().rank());
  }
  Tensor out(DType::string, Shape(dims));
  const std::int64_t rows = ids.num_elements(), width = rows == 0 ? 0 : data.num_elements() / rows;
  std::vector<bool> started(static_cast<std::size_t>(segments), false);
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::int64_t id = index_at(ids, row);
    if (id < 0 || id >= segments) {
      fail(ErrorCode::invalid_argument,
           "segment_ids are not allowed to exceed num_segments or to have negative values.");
    }
    for (std::int64_t k = 0; k < width; ++k) {
      std::string& text = out.mutable_data<std::string>()[id * width + k];
      if (started[static_cast<std::size_t>(id)]) text += separator;
      text += strings_of(data)[row * width + k];
    }
    started[static_cast<std::size_t>(id)] = true;
  }
  return {out};
}

}  // namespace thaw::host
