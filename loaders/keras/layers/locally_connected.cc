// Convolutions whose kernel differs from place to place: one product of matrices per place.
#include "loaders/keras/layers/locally_connected.h"

#include <cstring>

#include "loaders/keras/activations.h"
#include "loaders/keras/layers/layers.h"
#include "loaders/keras/weights.h"
#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

using Ints = std::vector<std::int64_t>;

// No place of the input: an input position in the padding.
constexpr std::int64_t kOutside = -1;

struct Geometry {
  bool channels_first = false;
  int implementation = 1;
  Ints input, kernel, strides, output;  // per spatial axis
  std::int64_t channels = 0, filters = 0;
  Ints taps;  // [places, kernel positions]: the input position under each, or kOutside

  std::int64_t places() const { return product(output); }
  std::int64_t positions() const { return product(input); }
  std::int64_t window() const { return product(kernel); }
  static std::int64_t product(const Ints& sizes) {
    std::int64_t result = 1;
    for (std::int64_t size : sizes) result *= size;
    return result;
  }
};

// The position of `at` in row-major order; counts `at` on by one.
std::int64_t next_position(Ints& at, const Ints& sizes) {
  std::int64_t position = 0;
  for (std::size_t axis = 0; axis < sizes.size(); ++axis)
    position = position * sizes[axis] + at[axis];
  for (std::size_t axis = sizes.size(); axis-- > 0;) {
    if (++at[axis] < sizes[axis]) break;
    at[axis] = 0;
  }
  return position;
}

// Keras centres `same` windows on place * stride, shifted by half a kernel, unlike a convolution.
void fill_taps(Geometry& geometry, bool same) {
  const std::size_t rank = geometry.kernel.size();
  Ints place(rank, 0);
  for (std::int64_t p = 0; p < geometry.places(); ++p) {
    Ints offset(rank, 0);
    for (std::int64_t k = 0; k < geometry.window(); ++k) {
      std::int64_t position = 0;
      bool inside = true;
      for (std::size_t axis = 0; axis < rank; ++axis) {
        const std::int64_t at = place[axis] * geometry.strides[axis] + offset[axis] -
                                (same ? geometry.kernel[axis] / 2 : 0);
        inside = inside && at >= 0 && at < geometry.input[axis];
        position = position * geometry.input[axis] + at;
      }
      geometry.taps.push_back(inside ? position : kOutside);
      next_position(offset, geometry.kernel);
    }
    next_position(place, geometry.output);
  }
}

Geometry geometry_of(const Layer& layer, ValueId x, const GraphBuilder& g) {
  constexpr std::int64_t kMaxTaps = std::int64_t{1} << 26;
  const int rank = spatial_rank(layer);
  Geometry geometry;
  geometry.channels_first = layer.channels_first();
  geometry.implementation = static_cast<int>(layer.integer("implementation", 1));
  if (!layer.has("kernel_size")) layer.bad("kernel_size is missing");
  geometry.kernel = layer.sizes("kernel_size", rank, 1);
  geometry.strides = layer.sizes("strides", rank, 1);
  geometry.filters = layer.integer("filters");
  geometry.channels = known_dim(layer, g, x, -1);
  const std::string padding = layer.text("padding", "valid");
  const bool same = padding == "same";
  if (!same && padding != "valid") layer.unsupported(fmt::format("padding={}", printable(padding)));
  if (geometry.implementation < 1 || geometry.implementation > 3)
    layer.unsupported(fmt::format("implementation={}", geometry.implementation));
  if (same && geometry.implementation == 1)
    layer.unsupported("padding=same with implementation=1, which Keras refuses too");
  std::int64_t taps = 1;
  for (int axis = 0; axis < rank; ++axis) {
    const auto at = static_cast<std::size_t>(axis);
    const std::int64_t size = known_dim(layer, g, x, axis + 1), stride = geometry.strides[at];
    const std::int64_t span = same ? size - 1 : size - geometry.kernel[at];
    if (span < 0)
      layer.bad(fmt::format("the kernel is larger than axis {} of the input", axis + 1));
    geometry.input.push_back(size);
    geometry.output.push_back(span / stride + 1);
    for (std::int64_t factor : {geometry.output.back(), geometry.kernel[at]}) {
      if (factor > kMaxTaps / taps) layer.unsupported("more than 2^26 kernel positions");
      taps *= factor;
    }
  }
  fill_taps(geometry, same);
  return geometry;
}

// Copies single elements of the stored kernel to [places, window, channels, filters].
class Gathered {
 public:
  Gathered(const Tensor& stored, const Geometry& geometry)
      : stored_(stored),
        geometry_(geometry),
        width_(size_of(stored.dtype())),
        result_(stored.dtype(),
                {geometry.places(), geometry.window(), geometry.channels, geometry.filters}) {
    if (result_.num_elements() != 0) std::memset(result_.mutable_data(), 0, width_ * count());
  }

  void copy(std::int64_t tap, std::int64_t channel, std::int64_t filter, std::int64_t from) {
    const std::int64_t to = (tap * geometry_.channels + channel) * geometry_.filters + filter;
    std::memcpy(
        static_cast<std::byte*>(result_.mutable_data()) + static_cast<std::size_t>(to) * width_,
        static_cast<const std::byte*>(stored_.data()) + static_cast<std::size_t>(from) * width_,
        width_);
  }
  Tensor take() { return std::move(result_); }

 private:
  std::size_t count() const { return static_cast<std::size_t>(result_.num_elements()); }

  const Tensor& stored_;
  const Geometry& geometry_;
  std::size_t width_;
  Tensor result_;
};

// Stored [places, window * channels, filters]; channels-first windows are [channels, window].
Tensor kernel_by_place(Weights& weights, const Geometry& geometry) {
  const std::int64_t window = geometry.window(), channels = geometry.channels;
  const Tensor stored =
      weights.tensor("kernel", {geometry.places(), window * channels, geometry.filters});
  if (!geometry.channels_first)
    return stored.reshaped({geometry.places(), window, channels, geometry.filters});
  return transposed(stored.reshaped({geometry.places(), channels, window, geometry.filters}),
                    {0, 2, 1, 3});
}

// Stored as a whole matrix from every input to every output, of which the windows count.
Tensor kernel_of_matrix(Weights& weights, const Geometry& geometry) {
  const std::int64_t places = geometry.places(), positions = geometry.positions();
  Ints shape;
  const auto add = [&](const Ints& sizes, std::int64_t depth) {
    if (geometry.channels_first) shape.push_back(depth);
    shape.insert(shape.end(), sizes.begin(), sizes.end());
    if (!geometry.channels_first) shape.push_back(depth);
  };
  add(geometry.input, geometry.channels);
  add(geometry.output, geometry.filters);
  const Tensor stored = weights.tensor("kernel", Shape(shape));
  Gathered kernel(stored, geometry);
  const bool first = geometry.channels_first;
  for (std::size_t tap = 0; tap < geometry.taps.size(); ++tap) {
    const std::int64_t position = geometry.taps[tap];
    const std::int64_t place = static_cast<std::int64_t>(tap) / geometry.window();
    if (position == kOutside) continue;
    for (std::int64_t c = 0; c < geometry.channels; ++c) {
      const std::int64_t in = first ? c * positions + position : position * geometry.channels + c;
      for (std::int64_t f = 0; f < geometry.filters; ++f) {
        const std::int64_t out = first ? f * places + place : place * geometry.filters + f;
        kernel.copy(static_cast<std::int64_t>(tap), c, f, in * places * geometry.filters + out);
      }
    }
  }
  return kernel.take();
}

// Stored as the values of a sparse matrix, sorted by output and then by input.
Tensor kernel_of_list(const Layer& layer, Weights& weights, const Geometry& geometry) {
  const std::int64_t window = geometry.window(), channels = geometry.channels;
  const Tensor stored = weights.tensor("kernel", {kUnknownDim});
  Gathered kernel(stored, geometry);
  std::int64_t next = 0;
  const auto take = [&](std::int64_t tap, std::int64_t c, std::int64_t f) {
    if (geometry.taps[static_cast<std::size_t>(tap)] == kOutside) return;
    if (next < stored.num_elements()) kernel.copy(tap, c, f, next);
    ++next;
  };
  if (geometry.channels_first) {
    for (std::int64_t f = 0; f < geometry.filters; ++f) {
      for (std::int64_t p = 0; p < geometry.places(); ++p) {
        for (std::int64_t c = 0; c < channels; ++c) {
          for (std::int64_t k = 0; k < window; ++k) take(p * window + k, c, f);
        }
      }
    }
  } else {
    for (std::int64_t p = 0; p < geometry.places(); ++p) {
      for (std::int64_t f = 0; f < geometry.filters; ++f) {
        for (std::int64_t k = 0; k < window; ++k) {
          for (std::int64_t c = 0; c < channels; ++c) take(p * window + k, c, f);
        }
      }
    }
  }
  if (next != stored.num_elements()) {
    layer.bad(fmt::format("variable kernel: expected {} elements, found {}", next,
                          stored.num_elements()));
  }
  return kernel.take();
}

// [B, positions, C] -> [places, B, window * C].
ValueId windows(ValueId x, const Geometry& geometry, GraphBuilder& g) {
  Ints indices = geometry.taps;
  bool outside = false;
  for (std::int64_t& index : indices) {
    outside = outside || index == kOutside;
    if (index == kOutside) index = geometry.positions();
  }
  if (outside) x = g.pad(x, {0, 0, 0, 1, 0, 0});
  const std::int64_t places = geometry.places(), window = geometry.window();
  const ValueId taken = g.gather(x, g.constant(Tensor::from(Shape{places * window}, indices)), 1);
  const ValueId rows =
      g.reshape_like(taken, x, {GraphBuilder::dim_of(0), places, window * geometry.channels});
  return g.transpose(rows, {1, 0, 2});
}

// Channels-first biases are read in another order than they are written: [places, filters] in
// memory is taken for [filters, places].
ValueId biased(Weights& weights, ValueId y, const Geometry& geometry, GraphBuilder& g) {
  Ints shape = geometry.output;
  shape.push_back(geometry.filters);
  const ValueId bias = weights.get("bias", Shape(shape));
  if (!geometry.channels_first) return g.binary(BinaryKind::add, y, bias);
  const ValueId read = g.reshape(bias, {geometry.filters, geometry.places()});
  return g.binary(BinaryKind::add, y, g.reshape(g.transpose(read, {1, 0}), shape));
}

}  // namespace

Outputs locally_connected(const Layer& layer, Weights& weights, GraphBuilder& g) {
  ValueId x = computed(layer, layer.input(), g);
  layer.expect_rank(g, x, spatial_rank(layer) + 2);
  if (layer.channels_first()) x = channels_to_last(x, g);
  const Geometry geometry = geometry_of(layer, x, g);
  const Tensor kernel = geometry.implementation == 1   ? kernel_by_place(weights, geometry)
                        : geometry.implementation == 2 ? kernel_of_matrix(weights, geometry)
                                                       : kernel_of_list(layer, weights, geometry);
  const std::int64_t places = geometry.places();
  const ValueId matrices = computed(
      layer,
      g.cast(g.constant(
                 kernel.reshaped({places, geometry.window() * geometry.channels, geometry.filters}),
                 layer.name + "/kernel"),
             layer.policy.variable),
      g);
  const ValueId flat =
      g.reshape(x, {GraphBuilder::dim_of(0), geometry.positions(), geometry.channels});
  ValueId y = g.transpose(g.matmul(windows(flat, geometry, g), matrices), {1, 0, 2});
  Ints shape{GraphBuilder::dim_of(0)};
  shape.insert(shape.end(), geometry.output.begin(), geometry.output.end());
  shape.push_back(geometry.filters);
  y = g.reshape_like(y, x, shape);
  if (layer.flag("use_bias", true)) y = biased(weights, y, geometry, g);
  const Activation activation = activation_of(layer, "activation", "linear");
  if (!geometry.channels_first) return activate(activation, y, layer, g);
  return activate(activation, channels_to_first(y, g), layer, g);
}

}  // namespace thaw::keras
