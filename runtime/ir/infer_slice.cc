// Slices.
#include <algorithm>

#include "runtime/ir/infer_util.h"

namespace thaw {
namespace {

using inference::Ints;
using inference::invalid;
using inference::kMaxRank;

/// What an entry of the sparse specification becomes in the result's shape.
constexpr int kNewAxis = -1;

/// One input axis; absent begin or end were not known.
struct AxisSlice {
  std::optional<std::int64_t> begin, end;
  std::int64_t stride = 1;
  bool stride_known = true;
  bool begin_masked = true, end_masked = true, shrink = false;
};

/// The specification with one entry per input axis, the ellipsis spelled out.
struct DenseSpec {
  std::vector<AxisSlice> axes;
  std::vector<int> result;  // input axis (also shrunk ones) or kNewAxis, in the result's order
};

bool bit(std::int64_t mask, std::int64_t i) { return ((mask >> i) & 1) != 0; }

/// Begin, end and strides as far as known; `count` entries each.
struct SparseSpec {
  std::int64_t count = 0;
  const Ints *begin = nullptr, *end = nullptr, *strides = nullptr;
};

DenseSpec make_dense(int rank, const ops::StridedSlice& op, const SparseSpec& sparse) {
  if (sparse.count >= 32) invalid("expected fewer than 32 entries, found {}", sparse.count);
  std::int64_t ellipsis = sparse.count;  // an implicit one stands behind the last entry
  for (std::int64_t i = 0; i < sparse.count; ++i) {
    if (!bit(op.ellipsis_mask, i)) continue;
    if (ellipsis != sparse.count) invalid("expected at most one ellipsis, found two");
    ellipsis = i;
  }
  std::int64_t taken = 0;  // input axes that entries name
  for (std::int64_t i = 0; i < sparse.count; ++i) {
    if (i != ellipsis && !bit(op.new_axis_mask, i)) ++taken;
  }
  if (taken > rank) invalid("expected at most {} indices, found {}", rank, taken);

  DenseSpec dense;
  const auto span_axes = [&] {
    for (std::int64_t n = taken; n < rank; ++n) {
      dense.result.push_back(static_cast<int>(dense.axes.size()));
      dense.axes.emplace_back();
    }
  };
  for (std::int64_t i = 0; i < sparse.count; ++i) {
    const auto at = static_cast<std::size_t>(i);
    if (i == ellipsis) {
      span_axes();
    } else if (bit(op.new_axis_mask, i)) {
      dense.result.push_back(kNewAxis);
    } else {
      AxisSlice axis;
      if (sparse.begin) axis.begin = (*sparse.begin)[at];
      if (sparse.end) axis.end = (*sparse.end)[at];
      axis.stride_known = sparse.strides != nullptr;
      if (sparse.strides) axis.stride = (*sparse.strides)[at];
      axis.begin_masked = bit(op.begin_mask, i);
      axis.end_masked = bit(op.end_mask, i);
      axis.shrink = bit(op.shrink_axis_mask, i);
      if (axis.stride == 0) invalid("strides: expected a number other than 0 at entry {}", i);
      if (axis.shrink && axis.stride <= 0) {
        invalid("strides: expected a positive number at shrunk entry {}, found {}", i, axis.stride);
      }
      dense.result.push_back(static_cast<int>(dense.axes.size()));
      dense.axes.push_back(axis);
    }
  }
  if (ellipsis == sparse.count) span_axes();
  return dense;
}

/// Resolves one axis of known size; begin becomes absolute.
std::int64_t resolve(AxisSlice& axis, std::int64_t dim, int index) {
  const std::int64_t low = axis.stride > 0 ? 0 : -1;
  const std::int64_t high = axis.stride > 0 ? dim : dim - 1;
  const auto canonical = [&](std::int64_t x) {
    return std::clamp(x < 0 ? inference::checked_add(dim, x) : x, low, high);
  };
  if (axis.shrink) {
    const std::int64_t x = *axis.begin < 0 ? inference::checked_add(dim, *axis.begin) : *axis.begin;
    if (x < 0 || x >= dim) {
      invalid("index {} is outside axis {} of size {}", *axis.begin, index, dim);
    }
    axis.begin = x;
    return 1;
  }
  const std::int64_t first = axis.stride > 0 ? low : high, last = axis.stride > 0 ? high : low;
  const std::int64_t begin = axis.begin_masked ? first : canonical(*axis.begin);
  const std::int64_t end = axis.end_masked ? last : canonical(*axis.end);
  axis.begin = begin;
  const std::int64_t interval = end - begin;
  if (interval == 0 || (interval < 0) != (axis.stride < 0)) return 0;
  return interval / axis.stride + (interval % axis.stride != 0 ? 1 : 0);
}

/// The size of one axis, as far as the operands tell.
std::int64_t partial_size(AxisSlice axis, std::int64_t dim, int index) {
  if (axis.shrink) {
    if (axis.begin && dim >= 0) resolve(axis, dim, index);
    return 1;
  }
  const bool bounds = (axis.begin || axis.begin_masked) && (axis.end || axis.end_masked);
  if (dim < 0 || !bounds || !axis.stride_known) return kUnknownDim;
  return resolve(axis, dim, index);
}

}  // namespace

DenseSlice dense_slice(const Shape& input, const ops::StridedSlice& op, const Ints& begin,
                       const Ints& end, const Ints& strides) {
  if (!input.is_static()) invalid("expected a known shape, found {}", input.to_string());
  if (begin.size() != end.size() || begin.size() != strides.size()) {
    invalid("expected begin, end and strides of one length, found {}, {} and {}", begin.size(),
            end.size(), strides.size());
  }
  const SparseSpec sparse{static_cast<std::int64_t>(begin.size()), &begin, &end, &strides};
  DenseSpec spec = make_dense(input.rank(), op, sparse);
  DenseSlice dense;
  for (int i = 0; i < input.rank(); ++i) {
    AxisSlice& axis = spec.axes[static_cast<std::size_t>(i)];
    dense.size.push_back(resolve(axis, input[i], i));
    dense.begin.push_back(*axis.begin);
    dense.stride.push_back(axis.stride);
  }
  for (const int source : spec.result) {
    const bool is_new = source == kNewAxis;
    const std::int64_t size = is_new ? 1 : dense.size[static_cast<std::size_t>(source)];
    dense.full_shape.push_back(size);
    if (is_new || !spec.axes[static_cast<std::size_t>(source)].shrink) dense.shape.push_back(size);
  }
  return dense;
}

}  // namespace thaw

namespace thaw::inference {

Types infer_op(const ops::StridedSlice& op, const Context& context) {
  expect_operands(context, 4);
  expect_results(context, 1);
  expect_type(is_tensor(context.dtype(0)), "x", "a tensor", context.dtype(0));
  const std::optional<Ints> begin = ints_operand(context, 1, "begin");
  const std::optional<Ints> end = ints_operand(context, 2, "end");
  const std::optional<Ints> strides = ints_operand(context, 3, "strides");
  SparseSpec sparse;
  sparse.count = kUnknownDim;
  for (int i = 1; i < 4; ++i) {
    sparse.count =
        merge_dim(sparse.count, ints_length(context, i), "length of begin, end, strides");
  }
  const Shape& x = context.shape(0);
  if (sparse.count < 0 || !x.has_rank()) return {{context.dtype(0), Shape::unknown_rank()}};
  if (begin) sparse.begin = &*begin;
  if (end) sparse.end = &*end;
  if (strides) sparse.strides = &*strides;
  const DenseSpec dense = make_dense(x.rank(), op, sparse);
  Ints dims;
  for (const int source : dense.result) {
    if (source == kNewAxis) {
      dims.push_back(1);
      continue;
    }
    const AxisSlice& axis = dense.axes[static_cast<std::size_t>(source)];
    const std::int64_t size = partial_size(axis, x[source], source);
    if (!axis.shrink) dims.push_back(size);
  }
  return {{context.dtype(0), Shape(std::move(dims))}};
}

Types infer_op(const ops::Slice&, const Context& context) {
  expect_operands(context, 3);
  expect_results(context, 1);
  expect_type(is_tensor(context.dtype(0)), "x", "a tensor", context.dtype(0));
  const std::optional<Ints> begin = ints_operand(context, 1, "begin");
  const std::optional<Ints> size = ints_operand(context, 2, "size");
  std::int64_t rank = context.shape(0).has_rank() ? context.shape(0).rank() : kUnknownDim;
  rank = merge_dim(rank, ints_length(context, 1), "length of begin");
  rank = merge_dim(rank, ints_length(context, 2), "length of size");
  if (rank < 0) return {{context.dtype(0), Shape::unknown_rank()}};
  Shape y = unknown_dims(rank);
  for (int i = 0; i < y.rank(); ++i) {
    const auto at = static_cast<std::size_t>(i);
    const std::int64_t dim = context.shape(0).has_rank() ? context.shape(0)[i] : kUnknownDim;
    const std::int64_t first = begin ? (*begin)[at] : 0;
    const std::int64_t asked = size ? (*size)[at] : kUnknownDim;
    if (first < 0 || (dim >= 0 && first > dim)) {
      invalid("begin: expected at most {} for axis {}, found {}", dim < 0 ? INT64_MAX : dim, i,
              first);
    }
    if (asked < -1 || (asked >= 0 && dim >= 0 && asked > dim - first)) {
      invalid("size: expected at most {} for axis {} of size {} from {}, found {}",
              dim < 0 ? INT64_MAX : dim - first, i, dim, first, asked);
    }
    if (asked >= 0) y[i] = asked;
    if (asked < 0 && size && begin && dim >= 0) y[i] = dim - first;
  }
  return {{context.dtype(0), y}};
}

}  // namespace thaw::inference
