// Convolutions, pooling, resizing, space-to-batch.
#include <algorithm>

#include "runtime/ir/infer_util.h"

namespace thaw {
namespace {

using inference::checked_add;
using inference::checked_mul;
using inference::invalid;

/// The window's extent once dilated.
std::int64_t effective_window(std::int64_t window, std::int64_t stride, std::int64_t dilation) {
  if (window < 1) invalid("window: expected at least 1, found {}", window);
  if (stride < 1) invalid("stride: expected at least 1, found {}", stride);
  if (dilation < 1) invalid("dilation: expected at least 1, found {}", dilation);
  return checked_add(checked_mul(window - 1, dilation), 1);
}

std::pair<std::int64_t, std::int64_t> explicit_padding(const Padding& padding, int axis) {
  const auto at = static_cast<std::size_t>(axis);
  if (axis < 0 || padding.before.size() <= at || padding.after.size() <= at) {
    invalid("explicit padding: expected sizes for axis {}, found {} and {}", axis,
            padding.before.size(), padding.after.size());
  }
  if (padding.before[at] < 0 || padding.after[at] < 0) {
    invalid("explicit padding of axis {}: expected no negative size, found {} and {}", axis,
            padding.before[at], padding.after[at]);
  }
  return {padding.before[at], padding.after[at]};
}

}  // namespace

std::int64_t window_output(std::int64_t size, std::int64_t window, std::int64_t stride,
                           std::int64_t dilation, const Padding& padding, int axis) {
  const std::int64_t extent = effective_window(window, stride, dilation);
  std::int64_t padded = size;
  if (padding.kind == PaddingKind::explicit_) {
    const auto [before, after] = explicit_padding(padding, axis);
    padded = checked_add(size < 0 ? 0 : size, checked_add(before, after));
  }
  if (size < 0) return kUnknownDim;
  if (padding.kind == PaddingKind::same) return size / stride + (size % stride != 0 ? 1 : 0);
  if (padding.kind == PaddingKind::causal) padded = checked_add(size, extent - 1);
  // TensorFlow divides before it looks at the sign: a window that exceeds the input by less than a
  // stride gives an empty result.
  const std::int64_t output = checked_add(padded - extent, stride) / stride;
  if (output < 0) {
    invalid("window of extent {} does not fit into padded size {} of axis {}", extent, padded,
            axis);
  }
  return output;
}

std::pair<std::int64_t, std::int64_t> window_padding(std::int64_t size, std::int64_t window,
                                                     std::int64_t stride, std::int64_t dilation,
                                                     const Padding& padding, int axis) {
  const std::int64_t extent = effective_window(window, stride, dilation);
  switch (padding.kind) {
    case PaddingKind::valid: return {0, 0};
    case PaddingKind::causal: return {extent - 1, 0};
    case PaddingKind::explicit_: return explicit_padding(padding, axis);
    case PaddingKind::same: break;
  }
  if (size < 0) invalid("same padding of axis {} needs a known size", axis);
  const std::int64_t output = window_output(size, window, stride, dilation, padding, axis);
  const std::int64_t covered = checked_add(checked_mul(output - 1, stride), extent);
  const std::int64_t total = std::max<std::int64_t>(0, covered - size);
  return {total / 2, total - total / 2};
}

}  // namespace thaw

namespace thaw::inference {
namespace {

/// Number of spatial axes of a window op, by its strides.
int spatial_rank(const Ints& strides, const Ints& others, std::string_view others_name,
                 const Padding& padding) {
  const std::size_t rank = strides.size();
  if (rank < 1 || rank > kMaxRank - 2) {
    invalid("strides: expected one per spatial axis, found {}", rank);
  }
  if (others.size() != rank) {
    invalid("{}: expected {} values as strides has, found {}", others_name, rank, others.size());
  }
  if (padding.kind == PaddingKind::explicit_ &&
      (padding.before.size() != rank || padding.after.size() != rank)) {
    invalid("explicit padding: expected {} values in front and behind, found {} and {}", rank,
            padding.before.size(), padding.after.size());
  }
  return static_cast<int>(rank);
}

/// [N, S..., C] without a known rank.
Shape or_unknown(const Shape& shape, int rank) {
  return shape.has_rank() ? shape : unknown_dims(rank);
}

void check_bias(const Context& context, int i, DType dtype, std::int64_t& channels) {
  if (context.count() <= i) return;
  expect_same_type(dtype, "bias", context.dtype(i));
  expect_rank(context.shape(i), 1, "bias");
  if (context.shape(i).has_rank()) {
    channels = merge_dim(channels, context.shape(i)[0], "bias length");
  }
}

void expect_conv_types(const Context& context) {
  const DType dtype = context.dtype(0);
  expect_type(is_floating(dtype) || dtype == DType::int32, "x", "a floating type or int32", dtype);
  expect_same_type(dtype, "weights", context.dtype(1));
}

/// A known window checks its parameters even where the size is unknown.
std::int64_t output_size(std::int64_t size, std::int64_t window, std::int64_t stride,
                         std::int64_t dilation, const Padding& padding, int axis) {
  const std::int64_t checked = window < 0 ? 1 : window;
  const std::int64_t output =
      window_output(window < 0 ? kUnknownDim : size, checked, stride, dilation, padding, axis);
  return window < 0 && padding.kind == PaddingKind::same
             ? window_output(size, 1, stride, dilation, padding, axis)
             : output;
}

}  // namespace

Types infer_op(const ops::Conv& op, const Context& context) {
  expect_operands(context, 2, 3);
  expect_results(context, 1);
  expect_conv_types(context);
  expect_activation(op.activation, context.dtype(0));
  const int spatial = spatial_rank(op.strides, op.dilations, "dilations", op.padding);
  if (op.padding.kind == PaddingKind::causal && spatial != 1) {
    invalid("causal padding: expected 1 spatial axis, found {}", spatial);
  }
  expect_rank(context.shape(0), spatial + 2, "x");
  expect_rank(context.shape(1), spatial + 2, "weights");
  const Shape x = or_unknown(context.shape(0), spatial + 2);
  const Shape w = or_unknown(context.shape(1), spatial + 2);

  if (op.groups < 1) invalid("groups: expected at least 1, found {}", op.groups);
  if (op.pool < 1) invalid("pool: expected at least 1, found {}", op.pool);
  const std::int64_t channels = x[spatial + 1], group_channels = w[spatial];
  if (group_channels >= 0) {
    merge_dim(checked_mul(group_channels, op.groups), channels, "channels of x");
  } else if (channels >= 0 && channels % op.groups != 0) {
    invalid("channels of x: expected a multiple of {} groups, found {}", op.groups, channels);
  }
  std::int64_t filters = w[spatial + 1];
  if (filters >= 0 && filters % op.groups != 0) {
    invalid("filters: expected a multiple of {} groups, found {}", op.groups, filters);
  }
  check_bias(context, 2, context.dtype(0), filters);
  Shape y = x;
  for (int i = 0; i < spatial; ++i) {
    const auto at = static_cast<std::size_t>(i);
    y[i + 1] = output_size(x[i + 1], w[i], op.strides[at], op.dilations[at], op.padding, i);
    if (y[i + 1] >= 0) y[i + 1] /= op.pool;
  }
  y[spatial + 1] = filters;
  return {{context.dtype(0), y}};
}

Types infer_op(const ops::ConvTranspose& op, const Context& context) {
  expect_operands(context, 3, 4);
  expect_results(context, 1);
  expect_conv_types(context);
  const int spatial = spatial_rank(op.strides, op.dilations, "dilations", op.padding);
  if (op.padding.kind == PaddingKind::causal) {
    fail(ErrorCode::unimplemented, "causal padding of a transposed convolution");
  }
  expect_rank(context.shape(0), spatial + 2, "x");
  expect_rank(context.shape(1), spatial + 2, "weights");
  const Shape x = or_unknown(context.shape(0), spatial + 2);
  const Shape w = or_unknown(context.shape(1), spatial + 2);
  merge_dim(w[spatial + 1], x[spatial + 1], "channels of x");
  std::int64_t filters = w[spatial];
  check_bias(context, 3, context.dtype(0), filters);

  const std::optional<Ints> sizes = ints_operand(context, 2, "spatial");
  const std::int64_t length = ints_length(context, 2);
  if (length >= 0 && length != spatial) {
    invalid("spatial: expected {} sizes, found {}", spatial, length);
  }
  Shape y = x;
  for (int i = 0; i < spatial; ++i) {
    const auto at = static_cast<std::size_t>(i);
    const std::int64_t size = sizes ? (*sizes)[at] : kUnknownDim;
    if (sizes && size < 0) invalid("spatial: expected no negative size, found {}", size);
    const std::int64_t forward =
        output_size(size, w[i], op.strides[at], op.dilations[at], op.padding, i);
    if (forward >= 0 && x[i + 1] >= 0 && forward != x[i + 1]) {
      invalid("spatial: size {} of axis {} convolves to {}, but x has {}", size, i, forward,
              x[i + 1]);
    }
    y[i + 1] = size;
  }
  y[spatial + 1] = filters;
  return {{context.dtype(0), y}};
}

Types infer_op(const ops::Pool& op, const Context& context) {
  expect_operands(context, 1);
  expect_results(context, 1);
  const DType dtype = context.dtype(0);
  if (op.kind == PoolKind::average) {
    expect_type(is_floating(dtype), "x", "a floating type", dtype);
  } else {
    expect_type(is_real(dtype), "x", "a real type", dtype);
  }
  const int spatial = spatial_rank(op.strides, op.window, "window", op.padding);
  if (op.padding.kind == PaddingKind::causal) {
    fail(ErrorCode::unimplemented, "causal padding of pooling");
  }
  expect_rank(context.shape(0), spatial + 2, "x");
  Shape y = or_unknown(context.shape(0), spatial + 2);
  for (int i = 0; i < spatial; ++i) {
    const auto at = static_cast<std::size_t>(i);
    y[i + 1] = window_output(y[i + 1], op.window[at], op.strides[at], 1, op.padding, i);
  }
  return {{dtype, y}};
}

namespace {

/// Attributes and operands that only some methods have.
void check_resize_method(const ops::Resize& op, const Context& context) {
  const bool sampling = op.method >= ResizeMethod::lanczos1;
  expect_operands(context, 2, sampling ? 4 : 2);
  if (context.count() == 3) invalid("expected scale and translation, found one of them");
  for (int i = 2; i < context.count(); ++i) {
    const char* what = i == 2 ? "scale" : "translation";
    expect_type(context.dtype(i) == DType::float32, what, "float32", context.dtype(i));
    expect_rank(context.shape(i), 1, what);
    const Shape shape = or_unknown(context.shape(i), 1);
    if (shape[0] != kUnknownDim && shape[0] != 2)
      invalid("{}: expected 2 elements, found {}", what, shape[0]);
  }
  if (op.align_corners && op.half_pixel_centers)
    invalid("expected align_corners or half_pixel_centers, found both");
  if (sampling && op.align_corners) invalid("align_corners: a sampling kernel has none");
  if ((sampling || op.method == ResizeMethod::area) && op.half_pixel_centers)
    invalid("half_pixel_centers: the method has no choice of pixel centers");
  if (!sampling && op.antialias) invalid("antialias: expected a sampling kernel");
}

}  // namespace

Types infer_op(const ops::Resize& op, const Context& context) {
  check_resize_method(op, context);
  expect_results(context, 1);
  const DType dtype = context.dtype(0);
  if (op.method == ResizeMethod::nearest) {
    expect_type(is_real(dtype), "x", "a real type", dtype);
  } else {
    expect_type(is_floating(dtype), "x", "a floating type", dtype);
  }
  expect_rank(context.shape(0), 4, "x");
  Shape y = or_unknown(context.shape(0), 4);
  const std::optional<Ints> size = ints_operand(context, 1, "size");
  const std::int64_t length = ints_length(context, 1);
  if (length >= 0 && length != 2) invalid("size: expected 2 elements, found {}", length);
  for (int i = 0; i < 2; ++i) {
    if (y[i + 1] == 0) invalid("x: expected an image that is not empty, found {}", y.to_string());
    y[i + 1] = size ? (*size)[static_cast<std::size_t>(i)] : kUnknownDim;
    if (size && y[i + 1] < 1) invalid("size: expected at least 1, found {}", y[i + 1]);
  }
  return {{dtype, y}};
}

namespace {

/// Block sizes and [M, 2] paddings or crops, as far as known.
struct BlockOperands {
  std::int64_t count = kUnknownDim;  // M
  std::optional<Ints> block, borders;
};

std::optional<Ints> matrix_operand(const Context& context, int i, std::int64_t& rows,
                                   std::string_view what) {
  expect_index_type(what, context.dtype(i));
  expect_rank(context.shape(i), 2, what);
  if (context.shape(i).has_rank()) {
    merge_dim(2, context.shape(i)[1], fmt::format("columns of {}", what));
    rows = merge_dim(rows, context.shape(i)[0], fmt::format("rows of {}", what));
  }
  if (context.constant(i) == nullptr) return std::nullopt;
  Ints values = to_ints(*context.constant(i));
  for (const std::int64_t value : values) {
    if (value < 0) invalid("{}: expected no negative size, found {}", what, value);
  }
  return values;
}

BlockOperands block_operands(const Context& context, std::string_view borders_name) {
  expect_operands(context, 3);
  expect_results(context, 1);
  expect_type(is_tensor(context.dtype(0)), "x", "a tensor", context.dtype(0));
  BlockOperands found;
  found.block = ints_operand(context, 1, "block");
  found.count = ints_length(context, 1);
  found.borders = matrix_operand(context, 2, found.count, borders_name);
  if (found.block) {
    for (const std::int64_t size : *found.block) {
      if (size < 1) invalid("block: expected at least 1, found {}", size);
    }
  }
  const Shape& x = context.shape(0);
  if (found.count >= 0 && x.has_rank() && x.rank() < found.count + 1) {
    invalid("x: expected at least {} dimensions, found {}", found.count + 1, x.to_string());
  }
  if (found.count >= kMaxRank) invalid("block: expected fewer than {} sizes", kMaxRank);
  return found;
}

/// The axes that the block may change are unknown unless all is known.
Types unknown_blocks(const Context& context, const BlockOperands& blocks) {
  Shape y = context.shape(0);
  if (!y.has_rank()) return {{context.dtype(0), y}};
  const std::int64_t changed = blocks.count < 0 ? y.rank() : blocks.count + 1;
  for (int i = 0; i < changed; ++i) y[i] = kUnknownDim;
  return {{context.dtype(0), y}};
}

}  // namespace

Types infer_op(const ops::SpaceToBatch&, const Context& context) {
  const BlockOperands blocks = block_operands(context, "paddings");
  if (!blocks.block || !blocks.borders || !context.shape(0).has_rank()) {
    return unknown_blocks(context, blocks);
  }
  Shape y = context.shape(0);
  for (int i = 0; i < blocks.count; ++i) {
    const auto at = static_cast<std::size_t>(i);
    const std::int64_t block = (*blocks.block)[at];
    const std::int64_t border =
        checked_add((*blocks.borders)[2 * at], (*blocks.borders)[2 * at + 1]);
    if (y[0] >= 0) y[0] = checked_mul(y[0], block);
    if (y[i + 1] < 0) continue;
    const std::int64_t padded = checked_add(y[i + 1], border);
    if (padded % block != 0) {
      invalid("x: padded size {} of axis {} is not a multiple of block {}", padded, i + 1, block);
    }
    y[i + 1] = padded / block;
  }
  return {{context.dtype(0), y}};
}

Types infer_op(const ops::BatchToSpace&, const Context& context) {
  const BlockOperands blocks = block_operands(context, "crops");
  if (!blocks.block || !blocks.borders || !context.shape(0).has_rank()) {
    return unknown_blocks(context, blocks);
  }
  Shape y = context.shape(0);
  std::int64_t product = 1;
  for (int i = 0; i < blocks.count; ++i) {
    const auto at = static_cast<std::size_t>(i);
    const std::int64_t block = (*blocks.block)[at];
    product = checked_mul(product, block);
    if (y[i + 1] < 0) continue;
    const std::int64_t crop = checked_add((*blocks.borders)[2 * at], (*blocks.borders)[2 * at + 1]);
    const std::int64_t size = checked_mul(y[i + 1], block);
    if (crop > size) invalid("crops: {} of axis {} exceed its size {}", crop, i + 1, size);
    y[i + 1] = size - crop;
  }
  if (y[0] >= 0) {
    if (y[0] % product != 0) {
      invalid("x: batch size {} is not a multiple of the block's {}", y[0], product);
    }
    y[0] /= product;
  }
  return {{context.dtype(0), y}};
}

}  // namespace thaw::inference
