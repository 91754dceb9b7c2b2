// Convolutions, pooling and patches as operations of Keras 3.
#include <algorithm>

#include "loaders/keras/layers/adaptive_pooling.h"
#include "loaders/keras/layers/layers.h"
#include "loaders/keras/operations/shared.h"
#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

using Ints = std::vector<std::int64_t>;

struct Window {
  bool channels_first = false;
  std::size_t rank = 0;
  Ints strides, dilations;
  Padding padding;
};

Padding padding_of(OpCall& c) {
  std::string padding = c.text("padding", "valid");
  std::transform(padding.begin(), padding.end(), padding.begin(),
                 [](unsigned char ch) { return static_cast<char>(std::tolower(ch)); });
  Padding result;
  if (padding == "same") {
    result.kind = PaddingKind::same;
  } else if (padding != "valid") {
    c.unsupported("padding=" + padding);
  }
  return result;
}

Window window_of(OpCall& c, Expr x) {
  Window window;
  if (x.rank() < 3 || x.rank() > 5) c.bad("expected 3 to 5 dimensions");
  window.channels_first = c.channels_first();
  window.rank = static_cast<std::size_t>(x.rank()) - 2;
  window.strides = c.sizes("strides", window.rank, 1);
  window.dilations = c.sizes("dilation_rate", window.rank, 1);
  window.padding = padding_of(c);
  return window;
}

Expr to_last(Expr x, const Window& window) {
  return window.channels_first ? x.with(channels_to_last(x, *x.g)) : x;
}
Expr back(Expr y, const Window& window) {
  return window.channels_first ? y.with(channels_to_first(y, *y.g)) : y;
}

std::int64_t channels_of(OpCall& c, Expr x) {
  const std::int64_t channels = x.dim(x.rank() - 1);
  if (channels == kUnknownDim) c.unsupported("an unknown number of channels");
  return channels;
}

void expect_kernel(OpCall& c, Expr kernel, Expr x) {
  if (kernel.rank() != x.rank()) {
    c.bad(fmt::format("a kernel of {} dimensions for an input of {}", kernel.rank(), x.rank()));
  }
  if (!kernel.shape().is_static()) c.unsupported("a kernel of unknown size");
  for (std::int64_t size : kernel.shape().dims()) {
    if (size > INT32_MAX) c.unsupported("a kernel of such a size");
  }
}

Expr convolve(OpCall& c, const Window& window, Expr x, Expr kernel, std::int64_t groups) {
  const ops::Conv op{window.strides, window.dilations, window.padding, groups, {}};
  return c.expr(c.g.add1(op, {x, kernel}));
}

Expr conv_of(OpCall& c) {
  const Expr input = c.tensor("inputs"), kernel = c.tensor("kernel");
  const Window window = window_of(c, input);
  const Expr x = to_last(input, window);
  expect_kernel(c, kernel, x);
  const std::int64_t channels = channels_of(c, x), depth = kernel.dim(kernel.rank() - 2);
  if (depth == 0 || channels % depth != 0) c.bad("the kernel does not fit the channels");
  return back(convolve(c, window, x, kernel, channels / depth), window);
}

// [K..., C, M] as a grouped kernel [K..., 1, C M].
Expr depthwise(OpCall& c, const Window& window, Expr x, Expr kernel) {
  expect_kernel(c, kernel, x);
  const std::int64_t channels = channels_of(c, x);
  Ints sizes = kernel.shape().dims();
  if (sizes[sizes.size() - 2] != channels) c.bad("the kernel does not fit the channels");
  sizes[sizes.size() - 2] = 1;
  sizes.back() *= channels;
  return convolve(c, window, x, reshape(kernel, sizes), channels);
}

Expr depthwise_of(OpCall& c) {
  const Expr input = c.tensor("inputs");
  const Window window = window_of(c, input);
  return back(depthwise(c, window, to_last(input, window), c.tensor("kernel")), window);
}

Expr separable_of(OpCall& c) {
  const Expr input = c.tensor("inputs");
  const Window window = window_of(c, input);
  const Expr middle = depthwise(c, window, to_last(input, window), c.tensor("depthwise_kernel"));
  Window point;
  point.strides.assign(window.rank, 1);
  point.dilations = point.strides;
  const Expr kernel = c.tensor("pointwise_kernel");
  expect_kernel(c, kernel, middle);
  return back(convolve(c, point, middle, kernel, 1), window);
}

Expr conv_transpose_of(OpCall& c) {
  const Expr input = c.tensor("inputs"), kernel = c.tensor("kernel");
  const Window window = window_of(c, input);
  const Expr x = to_last(input, window);
  expect_kernel(c, kernel, x);
  const bool same = window.padding.kind == PaddingKind::same;
  Ints extra = c.ints("output_padding").value_or(Ints{});
  if (extra.size() == 1) extra.resize(window.rank, extra[0]);
  if (!extra.empty() && extra.size() != window.rank) c.bad("output_padding has another rank");
  Results sizes;
  for (std::size_t i = 0; i < window.rank; ++i) {
    const std::int64_t stride = window.strides[i];
    const std::int64_t span = (kernel.dim(static_cast<int>(i)) - 1) * window.dilations[i] + 1;
    std::int64_t surplus = same ? 0 : std::max<std::int64_t>(span - stride, 0);
    if (!extra.empty()) surplus = (same ? span % 2 : span) - stride + extra[i];
    const Expr size = size_of_axis(x, static_cast<int>(i) + 1, DType::int64);
    sizes.push_back(expand(size * static_cast<double>(stride) + static_cast<double>(surplus), 0));
  }
  const ops::ConvTranspose op{window.strides, window.dilations, window.padding};
  return back(c.expr(c.g.add1(op, {x, kernel, concat(sizes, 0)})), window);
}

Expr pool(OpCall& c) {
  const Expr input = c.tensor("inputs");
  Window window = window_of(c, input);
  ops::Pool op;
  op.kind = c.kind<PoolKind>();
  op.window = c.sizes("pool_size", window.rank, 1);
  op.strides = c.has("strides") ? window.strides : op.window;
  op.padding = window.padding;
  return back(c.expr(c.g.add1(op, {to_last(input, window)})), window);
}

Expr adaptive_pool(OpCall& c) {
  const Expr input = c.tensor("inputs");
  Window window;
  if (input.rank() < 3 || input.rank() > 5) c.bad("expected 3 to 5 dimensions");
  window.channels_first = c.channels_first();
  window.rank = static_cast<std::size_t>(input.rank()) - 2;
  const Ints counts = c.sizes("output_size", window.rank, 1);
  const Expr x = to_last(input, window);
  return back(c.expr(pool_into_bins(c.layer, c.kind<PoolKind>(), x, counts, c.g)), window);
}

// ---- sliding blocks of [N, C, H, W] ----
struct Blocks {
  Ints kernel, dilation, padding, stride;
};

constexpr std::int64_t kMaxBlock = 4096;

Blocks blocks_of(OpCall& c) {
  Blocks blocks{
      c.sizes("kernel_size", 2, 1), c.sizes("dilation", 2, 1), {}, c.sizes("stride", 2, 1)};
  blocks.padding = c.ints("padding").value_or(Ints{0});
  if (blocks.padding.size() == 1) blocks.padding.resize(2, blocks.padding[0]);
  if (blocks.padding.size() != 2 || blocks.padding[0] < 0 || blocks.padding[1] < 0)
    c.bad("padding must be one or two sizes");
  if (blocks.kernel[0] > kMaxBlock || blocks.kernel[1] > kMaxBlock ||
      blocks.kernel[0] * blocks.kernel[1] > kMaxBlock)
    c.unsupported("blocks of so many elements");
  return blocks;
}

std::int64_t block_count(const Blocks& blocks, std::size_t axis, std::int64_t padded) {
  const std::int64_t span = blocks.dilation[axis] * (blocks.kernel[axis] - 1) + 1;
  const std::int64_t count = padded < span ? 0 : (padded - span) / blocks.stride[axis] + 1;
  if (count > (std::int64_t{1} << 24)) fail(ErrorCode::unimplemented, "so many blocks");
  return count;
}

Expr strided(Expr x, int axis, std::int64_t begin, std::int64_t count, std::int64_t step) {
  const Expr part = slice_axis(x, axis, begin, begin + (count - 1) * step + 1);
  if (step == 1) return part;
  Axes places;
  for (std::int64_t i = 0; i < count; ++i) places.push_back(i * step);
  return gather(part, x.with(x.g->ints(places)), axis);
}

Expr unfold(OpCall& c) {
  Expr x = c.tensor("x");
  const Blocks blocks = blocks_of(c);
  if (x.rank() != 4 || x.dim(2) == kUnknownDim || x.dim(3) == kUnknownDim ||
      x.dim(1) == kUnknownDim)
    c.unsupported("an input that is no [N, C, H, W] of known size");
  const Ints& pad = blocks.padding;
  if (pad[0] > 0 || pad[1] > 0)
    x = c.expr(c.g.pad(x, {0, 0, 0, 0, pad[0], pad[0], pad[1], pad[1]}));
  const std::int64_t rows = block_count(blocks, 0, x.dim(2)),
                     columns = block_count(blocks, 1, x.dim(3));
  if (rows == 0 || columns == 0) c.bad("the blocks are larger than the input");
  std::vector<ValueId> parts;
  for (std::int64_t i = 0; i < blocks.kernel[0]; ++i) {
    const Expr row = strided(x, 2, i * blocks.dilation[0], rows, blocks.stride[0]);
    for (std::int64_t j = 0; j < blocks.kernel[1]; ++j)
      parts.push_back(strided(row, 3, j * blocks.dilation[1], columns, blocks.stride[1]));
  }
  const std::int64_t depth = x.dim(1) * static_cast<std::int64_t>(parts.size());
  const Expr stacked = c.expr(c.g.add1(ops::Stack{2}, parts));
  return reshape(stacked, {GraphBuilder::dim_of(0), depth, rows * columns});
}

// Zeros between the elements of an axis.
Expr spread(Expr x, int axis, std::int64_t step) {
  if (step == 1) return x;
  Axes sizes = sizes_of(x), paddings(static_cast<std::size_t>(2 * (x.rank() + 1)), 0);
  const std::int64_t count = sizes[static_cast<std::size_t>(axis)];
  sizes[static_cast<std::size_t>(axis)] = count * step;
  paddings[static_cast<std::size_t>(2 * (axis + 1)) + 1] = step - 1;
  const Expr wide = x.with(x.g->pad(expand(x, axis + 1), paddings));
  return slice_axis(reshape_like(wide, x, sizes), axis, 0, (count - 1) * step + 1);
}

Expr fold(OpCall& c) {
  const Expr x = c.tensor("x");
  const Blocks blocks = blocks_of(c);
  const Ints size = c.sizes("output_size", 2, 1);
  const std::int64_t block = blocks.kernel[0] * blocks.kernel[1];
  const std::int64_t height = size[0] + 2 * blocks.padding[0],
                     width = size[1] + 2 * blocks.padding[1];
  const std::int64_t rows = block_count(blocks, 0, height), columns = block_count(blocks, 1, width);
  if (x.rank() != 3 || x.dim(1) == kUnknownDim || x.dim(1) % block != 0 || rows * columns == 0)
    c.bad("the input has no such blocks");
  const std::int64_t channels = x.dim(1) / block;
  const Expr all = reshape(x, {GraphBuilder::dim_of(0), channels, block, rows, columns});
  const std::vector<ValueId> parts = c.g.add(ops::Unstack{2}, {all}, static_cast<int>(block));
  Expr sum;
  for (std::int64_t i = 0; i < blocks.kernel[0]; ++i) {
    for (std::int64_t j = 0; j < blocks.kernel[1]; ++j) {
      const Expr part = c.expr(parts[static_cast<std::size_t>(i * blocks.kernel[1] + j)]);
      const Expr wide = spread(spread(part, 2, blocks.stride[0]), 3, blocks.stride[1]);
      const std::int64_t top = i * blocks.dilation[0], left = j * blocks.dilation[1];
      const Expr placed = c.expr(c.g.pad(
          wide, {0, 0, 0, 0, top, height - top - wide.dim(2), left, width - left - wide.dim(3)}));
      sum = sum.id == kNoValue ? placed : sum + placed;
    }
  }
  sum = slice_axis(sum, 2, blocks.padding[0], blocks.padding[0] + size[0]);
  return slice_axis(sum, 3, blocks.padding[1], blocks.padding[1] + size[1]);
}

Expr depth_and_space(OpCall& c) {
  const Expr input = c.tensor("x");
  if (input.rank() != 4) c.bad("expected 4 dimensions");
  Window window;
  window.channels_first = c.channels_first();
  return back(c.tensorflow1(c.row.kind == 0 ? "DepthToSpace" : "SpaceToDepth",
                            {to_last(input, window)}, {{"block_size", c.integer("block_size")}}),
              window);
}

}  // namespace

std::span<const OperationRow> window_operations() {
  static constexpr OperationRow kRows[] = {
      {"AdaptiveAveragePool", "inputs", adaptive_pool, PoolKind::average},
      {"AdaptiveMaxPool", "inputs", adaptive_pool, PoolKind::max},
      {"AveragePool", "inputs", pool, PoolKind::average},
      {"Conv", "inputs kernel", conv_of},
      {"ConvTranspose", "inputs kernel", conv_transpose_of},
      {"DepthToSpace", "x", depth_and_space, 0},
      {"DepthwiseConv", "inputs kernel", depthwise_of},
      {"Fold", "x", fold},
      {"MaxPool", "inputs", pool, PoolKind::max},
      {"SeparableConv", "inputs depthwise_kernel pointwise_kernel", separable_of},
      {"SpaceToDepth", "x", depth_and_space, 1},
      {"Unfold", "x", unfold},
  };
  return kRows;
}

}  // namespace thaw::keras
