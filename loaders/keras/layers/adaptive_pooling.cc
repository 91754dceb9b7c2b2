// AdaptiveAveragePooling and AdaptiveMaxPooling: as many bins as asked for, whatever the input's
// size.
#include "loaders/keras/layers/adaptive_pooling.h"

#include "loaders/keras/layers/layers.h"
#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

// Bin i covers floor(i size / count) to ceil((i + 1) size / count): `window` elements, or one more.
struct Bins {
  std::int64_t window = 1;
  std::vector<std::int64_t> starts;
  std::vector<bool> wide;
  bool any_wide = false;
};

Bins bins_of(std::int64_t size, std::int64_t count) {
  Bins bins;
  bins.window = (size + count - 1) / count;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t start = i * size / count, end = ((i + 1) * size + count - 1) / count;
    bins.starts.push_back(start);
    bins.wide.push_back(end - start > bins.window);
    bins.any_wide = bins.any_wide || bins.wide.back();
  }
  return bins;
}

// The distance between neighbouring bins, 0 if it varies.
std::int64_t stride_of(const Bins& bins) {
  if (bins.starts.size() < 2) return 1;
  const std::int64_t stride = bins.starts[1];
  for (std::size_t i = 1; i < bins.starts.size(); ++i) {
    if (bins.starts[i] - bins.starts[i - 1] != stride) return 0;
  }
  return stride;
}

ValueId pooled(PoolKind kind, ValueId x, int axis, int rank, std::int64_t window,
               std::int64_t stride, GraphBuilder& g) {
  ops::Pool op;
  op.kind = kind;
  op.window.assign(static_cast<std::size_t>(rank), 1);
  op.strides = op.window;
  op.window[static_cast<std::size_t>(axis)] = window;
  op.strides[static_cast<std::size_t>(axis)] = stride;
  return g.add1(std::move(op), {x});
}

// One spatial axis: every window of either width, of which the bins are picked.
ValueId pooled_axis(PoolKind kind, ValueId x, int axis, int rank, const Bins& bins,
                    GraphBuilder& g) {
  const std::int64_t stride = stride_of(bins);
  if (!bins.any_wide && stride > 0) return pooled(kind, x, axis, rank, bins.window, stride, g);
  ValueId all = pooled(kind, x, axis, rank, bins.window, 1, g);
  const std::int64_t narrow = g.shape(all)[axis + 1];
  if (bins.any_wide) {
    all = g.concat({all, pooled(kind, x, axis, rank, bins.window + 1, 1, g)}, axis + 1);
  }
  std::vector<std::int64_t> picked = bins.starts;
  for (std::size_t i = 0; i < picked.size(); ++i) picked[i] += bins.wide[i] ? narrow : 0;
  return g.gather(all, g.ints(picked), axis + 1);
}

}  // namespace

ValueId pool_into_bins(const Layer& layer, PoolKind kind, ValueId x,
                       const std::vector<std::int64_t>& counts, GraphBuilder& g) {
  constexpr std::int64_t kMaxBins = std::int64_t{1} << 20, kMaxSize = std::int64_t{1} << 40;
  const int rank = static_cast<int>(counts.size());
  for (int axis = 0; axis < rank; ++axis) {
    const std::int64_t size = g.shape(x)[axis + 1], count = counts[static_cast<std::size_t>(axis)];
    if (size == kUnknownDim) {
      layer.unsupported(fmt::format("an input of unknown size along spatial axis {}", axis));
    }
    if (size < 1 || size > kMaxSize) layer.bad(fmt::format("cannot pool {} elements", size));
    if (count > kMaxBins) layer.unsupported(fmt::format("output_size={}", count));
    x = pooled_axis(kind, x, axis, rank, bins_of(size, count), g);
  }
  return x;
}

Outputs adaptive_pooling(const Layer& layer, Weights&, GraphBuilder& g) {
  const int rank = spatial_rank(layer);
  const bool channels_first = layer.channels_first();
  const bool average = layer.class_name().find("Average") != std::string::npos;
  if (!layer.has("output_size")) layer.bad("output_size is missing");
  const std::vector<std::int64_t> counts = layer.sizes("output_size", rank, 1);
  ValueId x = layer.input();
  layer.expect_rank(g, x, rank + 2);
  if (channels_first) x = channels_to_last(x, g);
  x = pool_into_bins(layer, average ? PoolKind::average : PoolKind::max, x, counts, g);
  return channels_first ? channels_to_first(x, g) : x;
}

}  // namespace thaw::keras
