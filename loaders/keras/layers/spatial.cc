// ZeroPadding, Cropping and UpSampling of one to three dimensions.
#include <algorithm>
#include <optional>

#include "loaders/keras/layers/layers.h"
#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

using Pair = std::pair<std::int64_t, std::int64_t>;

// An integer, one integer per axis, or a (front, back) pair per axis.
std::vector<Pair> pairs_of(const Layer& layer, const char* key, int rank, std::int64_t otherwise) {
  const Json* value = layer.find(key);
  if (value == nullptr)
    return std::vector<Pair>(static_cast<std::size_t>(rank), Pair(otherwise, otherwise));
  auto wrong = [&]() { layer.bad(fmt::format("{} is {}", key, printable(value->dump()))); };
  auto number = [&](const Json& item) {
    if (!item.is_integer() || item.integer() < 0 || item.integer() > (std::int64_t{1} << 40))
      wrong();
    return item.integer();
  };
  if (value->is_integer())
    return std::vector<Pair>(static_cast<std::size_t>(rank), Pair(number(*value), number(*value)));
  const Json::Array* list = list_of(*value);
  if (list == nullptr) wrong();
  // One-dimensional layers take (front, back) itself.
  const bool flat =
      std::all_of(list->begin(), list->end(), [](const Json& item) { return item.is_integer(); });
  if (rank == 1 && flat && list->size() == 2) return {Pair(number((*list)[0]), number((*list)[1]))};
  if (list->size() != static_cast<std::size_t>(rank)) wrong();
  std::vector<Pair> pairs;
  for (const Json& item : *list) {
    const Json::Array* both = list_of(item);
    if (both == nullptr) {
      pairs.emplace_back(number(item), number(item));
    } else {
      if (both->size() != 2) wrong();
      pairs.emplace_back(number((*both)[0]), number((*both)[1]));
    }
  }
  return pairs;
}

int first_spatial_axis(const Layer& layer, int rank) {
  return rank > 1 && layer.channels_first() ? 2 : 1;
}

// Nearest: every element `factor` times along `axis`.
ValueId repeated(ValueId x, int axis, std::int64_t factor, GraphBuilder& g) {
  if (factor == 1) return x;
  const int rank = g.shape(x).rank();
  std::vector<std::int64_t> wide, merged;
  for (int i = 0; i < rank; ++i) {
    const std::int64_t size = g.shape(x)[i];
    wide.push_back(dim_or_copy(g, x, i));
    if (i == axis) wide.push_back(factor);
    merged.push_back(i != axis ? dim_or_copy(g, x, i) : size == kUnknownDim ? -1 : size * factor);
  }
  const ValueId copies = g.broadcast_like(g.expand_dims(x, axis + 1), x, wide);
  return g.reshape_like(copies, x, merged);
}

// Null for an interpolation that the writer does not have, and for nearest, which repeats.
std::optional<ResizeMethod> method_of(const Layer& layer, const std::string& interpolation) {
  struct Row {
    const char* name;
    ResizeMethod method;
    bool keras3;
  };
  constexpr Row kRows[] = {
      {"area", ResizeMethod::area, false},
      {"bicubic", ResizeMethod::bicubic, true},
      {"bilinear", ResizeMethod::bilinear, true},
      {"gaussian", ResizeMethod::gaussian, false},
      {"lanczos3", ResizeMethod::lanczos3, true},
      {"lanczos5", ResizeMethod::lanczos5, true},
      {"mitchellcubic", ResizeMethod::mitchell_cubic, false},
  };
  for (const Row& row : kRows) {
    if (interpolation == row.name && (row.keras3 || !layer.keras3())) return row.method;
  }
  return std::nullopt;
}

ValueId resized(const Layer& layer, ResizeMethod method, ValueId x,
                const std::vector<std::int64_t>& size, GraphBuilder& g) {
  ValueId target = kNoValue;
  if (g.shape(x)[1] != kUnknownDim && g.shape(x)[2] != kUnknownDim) {
    target = g.ints({g.shape(x)[1] * size[0], g.shape(x)[2] * size[1]});
  } else {
    target = g.binary(BinaryKind::mul,
                      g.dims(x, {GraphBuilder::dim_of(1), GraphBuilder::dim_of(2)}), g.ints(size));
  }
  // TensorFlow answers in float32; Keras 3 goes back to the type that it had.
  const DType dtype = layer.keras3() ? g.dtype(x) : DType::float32;
  if (g.dtype(x) != dtype || !is_floating(dtype)) x = g.cast(x, DType::float32);
  const bool has_centers = method == ResizeMethod::bilinear || method == ResizeMethod::bicubic;
  ops::Resize op{method, false, has_centers};
  // TensorFlow 1's resize, the only one there was before Keras 2.3, had pixel centres at the
  // corners. Later stand-alone versions do not tell which TensorFlow they ran on; the newer one is
  // assumed.
  const Writer& writer = layer.writer;
  if (!writer.tf_keras && !writer.at_least(2, 3)) op.half_pixel_centers = false;
  return g.cast(g.add1(op, {x, target}), dtype);
}

}  // namespace

Outputs zero_padding(const Layer& layer, Weights&, GraphBuilder& g) {
  const int rank = spatial_rank(layer);
  const std::vector<Pair> pairs = pairs_of(layer, "padding", rank, 1);
  const int first = rank == 1 && layer.text("data_format", "channels_last") == "channels_first"
                        ? 2
                        : first_spatial_axis(layer, rank);
  layer.expect_rank(g, layer.input(), rank + 2);
  std::vector<std::int64_t> paddings(static_cast<std::size_t>(2 * (rank + 2)), 0);
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const std::size_t axis = static_cast<std::size_t>(first) + i;
    paddings[2 * axis] = pairs[i].first;
    paddings[2 * axis + 1] = pairs[i].second;
  }
  return g.pad(layer.input(), paddings);
}

Outputs cropping(const Layer& layer, Weights&, GraphBuilder& g) {
  const int rank = spatial_rank(layer);
  const std::vector<Pair> pairs = pairs_of(layer, "cropping", rank,
                                           rank == 1   ? 1
                                           : rank == 2 ? 0
                                                       : 1);
  const int first = first_spatial_axis(layer, rank);
  ValueId x = layer.input();
  layer.expect_rank(g, x, rank + 2);
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const auto [front, back] = pairs[i];
    const int axis = first + static_cast<int>(i);
    // Cropping more than there is leaves an empty axis, as slicing does in Keras.
    if (front != 0 || back != 0)
      x = g.slice_axis(x, axis, front, back == 0 ? GraphBuilder::kToEnd : -back);
  }
  return x;
}

Outputs up_sampling(const Layer& layer, Weights&, GraphBuilder& g) {
  const int rank = spatial_rank(layer);
  const std::vector<std::int64_t> size = layer.sizes("size", rank, 2);
  const std::string interpolation = layer.text("interpolation", "nearest");
  const bool channels_first = rank > 1 && layer.channels_first();
  ValueId x = layer.input();
  layer.expect_rank(g, x, rank + 2);
  const std::optional<ResizeMethod> method = method_of(layer, interpolation);
  if (method && rank == 2) {
    if (channels_first) x = channels_to_last(x, g);
    const ValueId y = resized(layer, *method, x, size, g);
    return channels_first ? channels_to_first(y, g) : y;
  }
  if (interpolation != "nearest")
    layer.unsupported(fmt::format("interpolation={}", printable(interpolation)));
  const int first = channels_first ? 2 : 1;
  for (int i = 0; i < rank; ++i) x = repeated(x, first + i, size[static_cast<std::size_t>(i)], g);
  return x;
}

}  // namespace thaw::keras
