#include "loaders/tf/ops/run_time_axis.h"

namespace thaw::tf::importers {
namespace {

// [C] -> [C, 1, 1...] so that it broadcasts along axis 1.
ValueId along_channels_first(OpContext& c, ValueId vector, int rank) {
  Ints axes;
  for (int axis = 1; axis < rank - 1; ++axis) axes.push_back(axis);
  return axes.empty() ? vector : c.g.add1(ops::ExpandDims{axes}, {vector});
}

// "NHWC", "NDHWC", "NCHW", ...; refuses blocked formats.
bool channels_first(OpContext& c) {
  const int format = c.one_of("data_format", {"NHWC", "NDHWC", "NCHW", "NCDHW"});
  return format >= 2;
}

}  // namespace

Results matmul(OpContext& c) {
  c.expect_count(2);
  return {c.g.matmul(c.in(0), c.in(1), c.node.flag("transpose_a"), c.node.flag("transpose_b"))};
}

Results batch_matmul(OpContext& c) {
  c.expect_count(2);
  const bool adj_x = c.node.flag("adj_x"), adj_y = c.node.flag("adj_y");
  // The third version has a type for either operand and one that it multiplies in.
  const DType dtype = c.node.has("Tout") ? c.node.type("Tout") : c.dtype(0);
  const auto conjugated = [&](ValueId x, bool adjoint) {
    x = c.g.cast(x, dtype);
    const bool changes = adjoint && is_complex(c.g.dtype(x));
    return changes ? c.g.add1(ops::HostCall{"conj", {}, nullptr}, {x}) : x;
  };
  return {c.g.matmul(conjugated(c.in(0), adj_x), conjugated(c.in(1), adj_y), adj_x, adj_y)};
}

Results einsum(OpContext& c) { return {c.g.add1(ops::Einsum{c.node.text("equation")}, c.inputs)}; }

Results bias_add(OpContext& c) {
  c.expect_count(2);
  const bool first = c.kind == 0 && channels_first(c);
  if (first && !c.shape(0).has_rank()) {  // a one for each axis behind the channels
    const ValueId rank = c.g.add1(ops::ShapeQuery{ShapeQueryKind::rank, DType::int64}, {c.in(0)});
    const ValueId ones = c.g.add1(
        ops::BroadcastTo{}, {c.g.scalar(1, DType::int64),
                             c.g.reshape(c.g.binary(BinaryKind::sub, rank, c.g.ints({2})), {1})});
    const ValueId dims = c.g.concat({run_time_dims(c.g, c.in(1)), ones}, 0);
    const ValueId bias = c.g.add1(ops::Reshape{}, {c.in(1), dims});
    return {c.g.binary(BinaryKind::add, c.in(0), bias)};
  }
  const ValueId bias = first ? along_channels_first(c, c.in(1), c.rank(0)) : c.in(1);
  return {c.g.binary(BinaryKind::add, c.in(0), bias)};
}

namespace {

// Inference: y = (x - mean) scale / sqrt(variance + epsilon) + offset, with one factor and one
// summand.
Results normalise_by_given(OpContext& c, bool first) {
  GraphBuilder& g = c.g;
  const DType dtype = g.dtype(c.in(1));  // of the statistics; x may be float16
  const ValueId epsilon = g.scalar(c.node.number("epsilon"), dtype);
  const ValueId inverse = g.unary({UnaryKind::rsqrt}, g.binary(BinaryKind::add, c.in(4), epsilon));
  ValueId factor = g.binary(BinaryKind::mul, c.in(1), inverse);
  ValueId summand = g.binary(BinaryKind::sub, c.in(2), g.binary(BinaryKind::mul, c.in(3), factor));
  if (first) {
    const int rank = c.rank(0);
    factor = along_channels_first(c, factor, rank);
    summand = along_channels_first(c, summand, rank);
  }
  const ValueId x = g.cast(c.in(0), dtype);
  const ValueId y = g.binary(BinaryKind::add, g.binary(BinaryKind::mul, x, factor), summand);
  return {g.cast(y, c.dtype(0)), c.in(3), c.in(4), c.in(3), c.in(4), kNoValue};
}

// Training: the batch's own statistics (what LayerNormalization is made of). The variance that is
// given out is the unbiased one; what later versions reserve for the gradient is not computed.
Results normalise_by_batch(OpContext& c, bool first) {
  GraphBuilder& g = c.g;
  const DType dtype = g.dtype(c.in(1));
  const int rank = c.rank(0);
  Ints axes;
  for (int axis = 0; axis < rank; ++axis) {
    if (axis != (first ? 1 : rank - 1)) axes.push_back(axis);
  }
  const ValueId x = g.cast(c.in(0), dtype);
  ValueId scale = c.in(1), offset = c.in(2);
  if (first) {
    scale = along_channels_first(c, scale, rank);
    offset = along_channels_first(c, offset, rank);
  }
  ops::Normalize op;
  op.axes = axes;
  op.epsilon = c.node.number("epsilon");
  const ValueId normal = g.add1(op, {x});
  const ValueId y = g.binary(BinaryKind::add, g.binary(BinaryKind::mul, normal, scale), offset);
  const ValueId mean = g.reduce(ReduceKind::mean, x, axes, true);
  const ValueId squares = g.binary(BinaryKind::squared_difference, x, mean);
  const ValueId sum = g.reduce(ReduceKind::sum, squares, axes, false);
  const auto size_of_value = [&](ValueId value) {
    return g.cast(g.add1(ops::ShapeQuery{ShapeQueryKind::size, DType::int64}, {value}), dtype);
  };
  const ValueId count = g.binary(BinaryKind::div, size_of_value(x), size_of_value(sum));
  const ValueId degrees =
      g.binary(BinaryKind::maximum, g.binary(BinaryKind::sub, count, g.scalar(1, dtype)),
               g.scalar(1, dtype));
  const ValueId variance = g.binary(BinaryKind::div, sum, degrees);
  return {g.cast(y, c.dtype(0)),
          g.add1(ops::Squeeze{axes}, {mean}),
          variance,
          kNoValue,
          kNoValue,
          kNoValue};
}

}  // namespace

Results fused_batch_norm(OpContext& c) {
  c.expect_count(5);
  const bool first = channels_first(c);
  return c.node.flag("is_training") ? normalise_by_batch(c, first) : normalise_by_given(c, first);
}

// (t, mean, variance, beta, gamma)
Results global_batch_norm(OpContext& c) {
  c.expect_count(5);
  GraphBuilder& g = c.g;
  const ValueId epsilon = g.scalar(c.node.number("variance_epsilon"), c.dtype(0));
  ValueId factor = g.unary({UnaryKind::rsqrt}, g.binary(BinaryKind::add, c.in(2), epsilon));
  if (c.node.flag("scale_after_normalization")) factor = g.binary(BinaryKind::mul, factor, c.in(4));
  const ValueId summand =
      g.binary(BinaryKind::sub, c.in(3), g.binary(BinaryKind::mul, c.in(1), factor));
  return {g.binary(BinaryKind::add, g.binary(BinaryKind::mul, c.in(0), factor), summand)};
}

namespace {

constexpr std::int64_t kMaxBand = 4096;  // channels whose neighbours are a matrix

// Sums over 2 r + 1 neighbouring channels of [N, H, W, C]: a product with a band of ones.
ValueId sum_by_band(GraphBuilder& g, ValueId x, std::int64_t channels, std::int64_t radius) {
  std::vector<float> band(static_cast<std::size_t>(channels * channels), 0.0F);
  for (std::int64_t i = 0; i < channels; ++i) {
    for (std::int64_t j = std::max<std::int64_t>(0, i - radius); j < channels && j - i <= radius;
         ++j) {
      band[static_cast<std::size_t>(i * channels + j)] = 1;
    }
  }
  return g.matmul(x, g.cast(g.constant(Tensor::from(Shape{channels, channels}, band)), g.dtype(x)));
}

// The same for any number of channels: a convolution over them.
ValueId sum_by_window(OpContext& c, ValueId x, std::int64_t radius) {
  GraphBuilder& g = c.g;
  if (radius > kMaxBand) c.refuse(fmt::format("depth_radius {} over many channels", radius));
  ops::Conv op;
  op.strides = op.dilations = {1};
  op.padding = {PaddingKind::explicit_, {radius}, {radius}};
  const ValueId ones =
      g.add1(ops::BroadcastTo{}, {g.scalar(1, g.dtype(x)), g.ints({2 * radius + 1, 1, 1})});
  const ValueId dims = run_time_dims(g, x);
  const ValueId rows = g.reduce(ReduceKind::prod, g.slice_axis(dims, 0, 0, 3), {0}, true);
  const ValueId flat =
      g.add1(ops::Reshape{},
             {x, g.concat({rows, g.slice_axis(dims, 0, 3, GraphBuilder::kToEnd), g.ints({1})}, 0)});
  refine(g, flat, {kUnknownDim, kUnknownDim, 1});
  return g.add1(ops::Reshape{}, {g.add1(op, {flat, ones}), dims});
}

}  // namespace

// x / (bias + alpha sum of squares of the 2 r + 1 neighbouring channels)^beta
Results lrn(OpContext& c) {
  c.expect_count(1);
  GraphBuilder& g = c.g;
  const std::int64_t radius = c.node.integer("depth_radius");
  const ValueId x = of_rank(c, 0, 4);
  const std::int64_t channels = c.g.shape(x)[3];
  if (radius < 0) fail(ErrorCode::invalid_argument, "depth_radius {}", radius);
  const DType dtype = c.dtype(0);
  const ValueId squares = g.unary({UnaryKind::square}, x);
  const bool few = channels != kUnknownDim && channels <= kMaxBand;
  const ValueId sums =
      few ? sum_by_band(g, squares, channels, radius) : sum_by_window(c, squares, radius);
  ValueId norm = g.binary(BinaryKind::mul, sums, g.scalar(c.node.number("alpha"), dtype));
  norm = g.binary(BinaryKind::add, norm, g.scalar(c.node.number("bias"), dtype));
  norm = g.binary(BinaryKind::pow, norm, g.scalar(-c.node.number("beta"), dtype));
  return {refine_like(g, g.binary(BinaryKind::mul, x, norm), x)};
}

// All results but those of nearest neighbours are float32 whatever the image is.
Results resize(OpContext& c) {
  c.expect_count(2);
  ops::Resize op;
  op.method = static_cast<ResizeMethod>(c.kind);
  op.align_corners = c.node.flag("align_corners");
  if (op.method != ResizeMethod::area) op.half_pixel_centers = c.node.flag("half_pixel_centers");
  const ValueId image =
      op.method == ResizeMethod::nearest ? c.in(0) : c.g.cast(c.in(0), DType::float32);
  return {c.g.add1(op, {image, c.in(1)})};
}

// Resizing by a sampling kernel. tf.image.resize gives size / (height, width) as the scale.
Results scale_and_translate(OpContext& c) {
  c.expect_count(4);
  constexpr ResizeMethod kKernels[] = {ResizeMethod::lanczos1,   ResizeMethod::lanczos3,
                                       ResizeMethod::lanczos5,   ResizeMethod::gaussian,
                                       ResizeMethod::box,        ResizeMethod::triangle,
                                       ResizeMethod::keys_cubic, ResizeMethod::mitchell_cubic};
  ops::Resize op;
  op.method = kKernels[c.one_of("kernel_type", {"lanczos1", "lanczos3", "lanczos5", "gaussian",
                                                "box", "triangle", "keyscubic", "mitchellcubic"})];
  op.antialias = c.node.flag("antialias");
  return {c.g.add1(op, {c.g.cast(c.in(0), DType::float32), c.in(1), c.in(2), c.in(3)})};
}

}  // namespace thaw::tf::importers
