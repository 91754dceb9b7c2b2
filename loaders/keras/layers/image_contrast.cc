// AutoContrast and contrast-limited adaptive histogram equalisation.
#include <algorithm>
#include <cmath>

#include "loaders/keras/layers/image_preprocessing.h"
#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

struct Range {
  double low, high;
};

Range value_range(const Layer& layer) {
  const Json* value = layer.find("value_range");
  if (value == nullptr) return {0, 255};
  const Json::Array* list = list_of(*value);
  if (list == nullptr || list->size() != 2 || !(*list)[0].is_number() || !(*list)[1].is_number()) {
    layer.bad(fmt::format("value_range is {}, expected two numbers", printable(value->dump())));
  }
  return {(*list)[0].number(), (*list)[1].number()};
}

// From one range of values to another, in the order in which Keras computes it.
ValueId mapped(ValueId x, Range from, Range to, DType dtype, GraphBuilder& g) {
  if (from.low == to.low && from.high == to.high) return x;
  const auto number = [&](double value) { return g.scalar(value, dtype); };
  const ValueId width = g.binary(BinaryKind::sub, number(from.high), number(from.low));
  x = g.binary(BinaryKind::sub, g.cast(x, dtype), number(from.low));
  x = g.binary(BinaryKind::div, x, width);
  const ValueId scale = g.binary(BinaryKind::sub, number(to.high), number(to.low));
  return g.binary(BinaryKind::add, g.binary(BinaryKind::mul, x, scale), number(to.low));
}

constexpr Range kBytes{0, 255};

}  // namespace

Outputs auto_contrast(const Layer& layer, Weights&, GraphBuilder& g) {
  const DType dtype = layer.policy.compute;
  Range range = value_range(layer);
  if (range.low > range.high) std::swap(range.low, range.high);
  const int rank = g.shape(layer.input()).rank();
  if (rank != 3 && rank != 4) layer.bad("expected an image or a batch of images");
  const ValueId given = rank == 3 ? g.expand_dims(layer.input(), 0) : layer.input();
  const ValueId x = g.cast(mapped(given, range, kBytes, dtype, g), dtype);
  const ValueId low = g.reduce(ReduceKind::min, x, {1, 2}, true);
  const ValueId high = g.reduce(ReduceKind::max, x, {1, 2}, true);
  const ValueId scale =
      g.binary(BinaryKind::div, g.scalar(255, dtype), g.binary(BinaryKind::sub, high, low));
  const ValueId offset = g.binary(BinaryKind::mul, g.unary({UnaryKind::neg}, low), scale);
  ValueId y = g.binary(BinaryKind::add, g.binary(BinaryKind::mul, x, scale), offset);
  y = mapped(g.unary({UnaryKind::clamp, 0, 255}, y), kBytes, range, dtype, g);
  // An image of one value has no contrast to stretch.
  y = g.select(g.unary({UnaryKind::is_nan}, y), g.cast(given, dtype), y);
  return rank == 3 ? g.squeeze(y, 0) : y;
}

namespace {

/// Sizes of one equalisation.
struct Tiles {
  std::int64_t height, width, channels;  // of the images
  std::int64_t rows, columns;            // of the grid
  std::int64_t tile_height, tile_width;

  std::int64_t padded_height() const { return rows * tile_height; }
  std::int64_t padded_width() const { return columns * tile_width; }
  std::int64_t tile_pixels() const { return tile_height * tile_width; }
};

Tiles tiles_of(const Layer& layer, ValueId x, GraphBuilder& g) {
  const std::vector<std::int64_t> grid = layer.ints("tile_grid_size", {8, 8});
  if (grid.size() != 2 || grid[0] < 1 || grid[1] < 1) layer.bad("tile_grid_size: two sizes");
  Tiles t{known_dim(layer, g, x, 1),
          known_dim(layer, g, x, 2),
          known_dim(layer, g, x, 3),
          grid[0],
          grid[1],
          0,
          0};
  t.tile_height = (t.height + t.rows - 1) / t.rows;
  t.tile_width = (t.width + t.columns - 1) / t.columns;
  return t;
}

constexpr std::int64_t kBins = 256;

// Per tile and channel how many pixels have each of the 256 values: [B, rows, columns, C, 256].
ValueId histograms(ValueId pixels, const Tiles& t, GraphBuilder& g) {
  using B = GraphBuilder;
  ValueId x =
      g.reshape(pixels, {B::dim_of(0), t.rows, t.tile_height, t.columns, t.tile_width, t.channels});
  x = g.transpose(x, {0, 1, 3, 5, 2, 4});
  x = g.reshape(x, {-1, t.tile_pixels()});  // one row per histogram
  const ValueId count = g.add1(
      ops::OneHot{-1},
      {x, g.scalar(kBins, DType::int32), g.scalar(1, DType::float32), g.scalar(0, DType::float32)});
  const ValueId sums = g.reduce(ReduceKind::sum, count, {-2}, false);
  return g.reshape_like(sums, pixels, {B::dim_of(0), t.rows, t.columns, t.channels, kBins});
}

// What each value becomes, per tile and channel: the clipped histogram's distribution.
ValueId mappings(const Layer& layer, ValueId hists, const Tiles& t, GraphBuilder& g) {
  const auto number = [&](double value) { return g.scalar(value, DType::float32); };
  const auto pixels = static_cast<double>(t.tile_pixels());
  const double clip_limit = layer.real("clip_limit", 4.0);
  if (clip_limit > 0) {
    const double limit = clip_limit * pixels / 256.0;
    const ValueId clipped = g.binary(BinaryKind::minimum, hists, number(limit));
    const ValueId excess =
        g.reduce(ReduceKind::sum, g.binary(BinaryKind::sub, hists, clipped), {-1}, true);
    hists = g.binary(BinaryKind::add, clipped, g.binary(BinaryKind::div, excess, number(256)));
  }
  const ValueId sums = g.add1(ops::Scan{ScanKind::sum, 4}, {hists});
  const ValueId least = g.reduce(ReduceKind::min, sums, {-1}, true);
  const ValueId above =
      g.binary(BinaryKind::mul, g.binary(BinaryKind::sub, sums, least), number(255));
  const ValueId rest = g.binary(BinaryKind::sub, number(pixels), least);
  const ValueId safe = g.select(g.binary(BinaryKind::equal, rest, number(0)), number(1), rest);
  return g.unary({UnaryKind::clamp, 0, 255}, g.binary(BinaryKind::div, above, safe));
}

/// Where the pixels of one axis stand between the tiles' centres.
struct Position {
  Tensor before, after;  // tiles, the border ones twice
  Tensor weight;         // of `after`
};

Position positions(std::int64_t tile, std::int64_t tiles) {
  const std::int64_t size = tile * tiles;
  Position p{Tensor(DType::int32, {size}), Tensor(DType::int32, {size}),
             Tensor(DType::float32, {size})};
  for (std::int64_t i = 0; i < size; ++i) {
    const auto side = static_cast<float>(tile);
    const float at = (static_cast<float>(i) - side / 2.0F) / side + 1.0F;
    const float floor = std::floor(at);
    const auto bounded = [&](float value) {
      return static_cast<std::int32_t>(std::clamp(value, 0.0F, static_cast<float>(tiles + 1)));
    };
    p.before.mutable_data<std::int32_t>()[i] = bounded(floor);
    p.after.mutable_data<std::int32_t>()[i] = bounded(floor + 1.0F);
    p.weight.mutable_data<float>()[i] = at - floor;
  }
  return p;
}

// The border tiles once more around the grid's axis.
ValueId with_borders(ValueId x, std::int64_t axis, std::int64_t size, GraphBuilder& g) {
  return g.concat({g.slice_axis(x, axis, 0, 1), x, g.slice_axis(x, axis, size - 1, size)}, axis);
}

// Every pixel's value looked up in four mappings, weighed by its distance from their tiles.
ValueId interpolated(ValueId table, ValueId pixels, const Tiles& t, GraphBuilder& g) {
  const Position y = positions(t.tile_height, t.rows), x = positions(t.tile_width, t.columns);
  table = with_borders(with_borders(table, 1, t.rows, g), 2, t.columns, g);
  const std::int64_t stride_x = kBins * t.channels, stride_y = stride_x * (t.columns + 2);
  table = g.reshape(table, {GraphBuilder::dim_of(0), stride_y * (t.rows + 2)});  // per image
  Tensor channel(DType::int32, {1, 1, 1, t.channels});
  for (std::int64_t c = 0; c < t.channels; ++c) {
    channel.mutable_data<std::int32_t>()[c] = static_cast<std::int32_t>(c * kBins);
  }
  const ValueId base = g.binary(BinaryKind::add, pixels, g.constant(channel));
  const auto looked_up = [&](const Tensor& row, const Tensor& column) {
    const ValueId down =
        g.binary(BinaryKind::mul, g.constant(row.reshaped({1, t.padded_height(), 1, 1})),
                 g.scalar(static_cast<double>(stride_y), DType::int32));
    const ValueId right =
        g.binary(BinaryKind::mul, g.constant(column.reshaped({1, 1, t.padded_width(), 1})),
                 g.scalar(static_cast<double>(stride_x), DType::int32));
    const ValueId index = g.binary(BinaryKind::add, g.binary(BinaryKind::add, base, down), right);
    return g.add1(ops::Gather{1, 1}, {table, index});
  };
  const auto mixed = [&](ValueId a, ValueId b, ValueId weight) {
    const ValueId rest = g.binary(BinaryKind::sub, g.scalar(1, DType::float32), weight);
    return g.binary(BinaryKind::add, g.binary(BinaryKind::mul, a, rest),
                    g.binary(BinaryKind::mul, b, weight));
  };
  const ValueId across = g.constant(x.weight.reshaped({1, 1, t.padded_width(), 1}));
  const ValueId along = g.constant(y.weight.reshaped({1, t.padded_height(), 1, 1}));
  const ValueId top = mixed(looked_up(y.before, x.before), looked_up(y.before, x.after), across);
  const ValueId bottom = mixed(looked_up(y.after, x.before), looked_up(y.after, x.after), across);
  return mixed(top, bottom, along);
}

}  // namespace

Outputs equalize_adaptive(const Layer& layer, Weights&, GraphBuilder& g) {
  const Range range = value_range(layer);
  const bool channels_first = layer.channels_first();
  ValueId x = layer.input();
  const DType given = g.dtype(x);
  const int rank = g.shape(x).rank();
  if (rank != 3 && rank != 4) layer.bad("expected an image or a batch of images");
  if (rank == 3) x = g.expand_dims(x, 0);
  if (channels_first) x = g.transpose(x, {0, 2, 3, 1});
  x = mapped(x, range, kBytes, DType::float32, g);
  const Tiles t = tiles_of(layer, x, g);
  const std::int64_t more_rows = t.padded_height() - t.height,
                     more_columns = t.padded_width() - t.width;
  if (more_rows != 0 || more_columns != 0) {
    const ValueId amounts = g.reshape(g.ints({0, 0, 0, more_rows, 0, more_columns, 0, 0}), {4, 2});
    x = g.add1(ops::Pad{PadMode::symmetric}, {x, amounts});
  }
  const ValueId clipped =
      g.binary(BinaryKind::minimum,
               g.binary(BinaryKind::maximum, g.cast(x, DType::int32), g.scalar(0, DType::int32)),
               g.scalar(255, DType::int32));
  const ValueId table = mappings(layer, histograms(clipped, t, g), t, g);
  ValueId y = interpolated(table, clipped, t, g);
  y = g.slice_axis(g.slice_axis(y, 1, 0, t.height), 2, 0, t.width);
  y = g.cast(mapped(y, kBytes, range, DType::float32, g), given);
  if (channels_first) y = g.transpose(y, {0, 3, 1, 2});
  return rank == 3 ? g.squeeze(y, 0) : y;
}

}  // namespace thaw::keras
