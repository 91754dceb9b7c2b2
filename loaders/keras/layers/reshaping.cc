// Flatten, Reshape, Permute, RepeatVector.
#include <algorithm>

#include "loaders/keras/layers/layers.h"
#include "runtime/base/check.h"

namespace thaw::keras {

Outputs flatten_layer(const Layer& layer, Weights&, GraphBuilder& g) {
  ValueId x = layer.input();
  const Shape& shape = g.shape(x);
  if (!shape.has_rank() || shape.rank() == 0)
    layer.bad(fmt::format("cannot flatten {}", shape.to_string()));
  if (shape.rank() == 1) return g.expand_dims(x, 1);
  // channels_first data is brought into the channels_last order first.
  if (layer.channels_first() && shape.rank() > 2) x = channels_to_last(x, g);
  std::int64_t size = 1;
  for (int axis = 1; axis < g.shape(x).rank(); ++axis) {
    const std::int64_t dim = g.shape(x)[axis];
    size = dim == kUnknownDim || size == kUnknownDim ? kUnknownDim : size * dim;
  }
  return g.reshape(x, {GraphBuilder::dim_of(0), size});
}

Outputs reshape(const Layer& layer, Weights&, GraphBuilder& g) {
  const ValueId x = layer.input();
  std::vector<std::int64_t> dims{GraphBuilder::dim_of(0)};
  const Json* target = layer.find("target_shape");
  const Json::Array* list = target == nullptr ? nullptr : list_of(*target);
  if (list == nullptr) layer.bad("target_shape is missing");
  int open = 0;
  std::int64_t known = 1;
  for (const Json& item : *list) {
    const std::int64_t size = item.is_null() ? -1 : item.is_number() ? item.integer() : -2;
    if (size < -1) layer.bad(fmt::format("target_shape is {}", printable(target->dump())));
    open += size == -1 ? 1 : 0;
    if (size >= 0) known *= size;
    dims.push_back(size);
  }
  if (open > 1)
    layer.bad(fmt::format("target_shape {} has more than one unknown dimension",
                          printable(target->dump())));
  // The missing size is known as soon as the input's sizes are.
  std::int64_t total = 1;
  const Shape& shape = g.shape(x);
  bool all_known = shape.has_rank() && known > 0;
  for (int axis = 1; axis < shape.rank(); ++axis) {
    all_known = all_known && shape[axis] != kUnknownDim;
    if (all_known) total *= shape[axis];
  }
  if (open == 1 && all_known) {
    if (total % known != 0)
      layer.bad(
          fmt::format("cannot reshape {} to {}", shape.to_string(), printable(target->dump())));
    std::replace(dims.begin() + 1, dims.end(), std::int64_t{-1}, total / known);
  } else if (open == 0 && all_known && total != known) {
    layer.bad(fmt::format("cannot reshape {} to {}", shape.to_string(), printable(target->dump())));
  }
  return g.reshape(x, dims);
}

Outputs permute(const Layer& layer, Weights&, GraphBuilder& g) {
  std::vector<std::int64_t> order{0};
  for (std::int64_t axis : layer.ints("dims", {})) order.push_back(axis);
  layer.expect_rank(g, layer.input(), static_cast<int>(order.size()));
  std::vector<std::int64_t> sorted = order;
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    if (sorted[i] != static_cast<std::int64_t>(i)) layer.bad("dims is no permutation");
  }
  return g.transpose(layer.input(), order);
}

Outputs repeat_vector(const Layer& layer, Weights&, GraphBuilder& g) {
  const std::int64_t count = layer.integer("n");
  if (count < 0) layer.bad(fmt::format("n is {}", count));
  layer.expect_rank(g, layer.input(), 2);
  return g.broadcast_like(
      g.expand_dims(layer.input(), 1), layer.input(),
      {dim_or_copy(g, layer.input(), 0), count, dim_or_copy(g, layer.input(), 1)});
}

}  // namespace thaw::keras
