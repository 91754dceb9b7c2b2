// Local and global pooling.
#include "loaders/keras/layers/layers.h"
#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

bool is_average(const Layer& layer) {
  return layer.class_name().find("Average") != std::string::npos;
}

// The mean of the steps that the mask keeps.
ValueId masked_mean(const Layer& layer, ValueId x, ValueId mask, bool channels_first,
                    bool keep_dims, GraphBuilder& g) {
  const DType dtype = g.dtype(x);
  const std::int64_t axis = channels_first ? 2 : 1;
  ValueId keep = g.expand_dims(mask, channels_first ? 1 : 2);
  if (layer.keras3()) {
    if (g.dtype(keep) != DType::boolean) keep = g.cast(keep, DType::boolean);
    x = g.select(keep, x, g.scalar(0, dtype));
    keep = g.cast(keep, dtype);
  } else {
    keep = g.cast(keep, dtype);
    x = g.binary(BinaryKind::mul, x, keep);
  }
  return g.binary(BinaryKind::div, g.reduce(ReduceKind::sum, x, {axis}, keep_dims),
                  g.reduce(ReduceKind::sum, keep, {axis}, keep_dims));
}

}  // namespace

Outputs pooling(const Layer& layer, Weights&, GraphBuilder& g) {
  const int rank = spatial_rank(layer);
  const bool channels_first = layer.channels_first();
  ops::Pool op;
  op.kind = is_average(layer) ? PoolKind::average : PoolKind::max;
  op.window = layer.sizes("pool_size", rank, 2);
  op.strides = layer.has("strides") ? layer.sizes("strides", rank, 1) : op.window;
  const std::string padding = layer.text("padding", "valid");
  if (padding != "valid" && padding != "same")
    layer.unsupported(fmt::format("padding={}", printable(padding)));
  op.padding.kind = padding == "same" ? PaddingKind::same : PaddingKind::valid;
  ValueId x = layer.input();
  layer.expect_rank(g, x, rank + 2);
  if (channels_first) x = channels_to_last(x, g);
  const ValueId y = g.add1(std::move(op), {x});
  return channels_first ? channels_to_first(y, g) : y;
}

Outputs global_pooling(const Layer& layer, Weights&, GraphBuilder& g) {
  const int rank = spatial_rank(layer);
  const bool channels_first = layer.channels_first();
  const bool keep_dims = layer.flag("keepdims", false);
  const ValueId x = layer.input();
  layer.expect_rank(g, x, rank + 2);
  const ValueId mask = layer.mask();
  if (rank == 1 && is_average(layer) && mask != kNoValue) {
    return masked_mean(layer, x, mask, channels_first, keep_dims, g);
  }
  std::vector<std::int64_t> axes;
  for (int i = 0; i < rank; ++i) axes.push_back(i + (channels_first ? 2 : 1));
  return g.reduce(is_average(layer) ? ReduceKind::mean : ReduceKind::max, x, axes, keep_dims);
}

}  // namespace thaw::keras
