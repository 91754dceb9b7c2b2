// Images in Keras 3 sampled elsewhere: projective transforms, coordinates.
#include <algorithm>
#include <limits>
#include <numbers>

#include "loaders/keras/operations/images.h"
#include "loaders/keras/operations/shared.h"
#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

using U = UnaryKind;

Expr projected(OpCall& c, const Images& images, Expr transform, const std::string& fill_mode) {
  std::string mode = fill_mode, interpolation = c.text("interpolation", "bilinear");
  for (std::string* text : {&mode, &interpolation}) {
    std::transform(text->begin(), text->end(), text->begin(),
                   [](unsigned char ch) { return static_cast<char>(std::toupper(ch)); });
  }
  const Expr size = cast(slice_axis(shape_vector(images.x), 0, 1, 3), DType::int32);
  return images.back(
      c.tensorflow1("ImageProjectiveTransformV3",
                    {images.x, transform, size, c.number(c.real("fill_value", 0), DType::float32)},
                    {{"interpolation", interpolation}, {"fill_mode", mode}}));
}

Expr affine_transform(OpCall& c) {
  Expr transform = c.tensor("transform", DType::float32);
  if (transform.rank() == 1) transform = expand(transform, 0);
  return projected(c, images_of(c), transform, c.text("fill_mode", "constant"));
}

// The projective map that takes the end points to the start points: eight equations per image.
Expr homography(OpCall& c) {
  Expr start = c.tensor("start_points", DType::float32),
       end = c.tensor("end_points", DType::float32);
  if (start.rank() == 2) start = expand(start, 0);
  if (end.rank() == 2) end = expand(end, 0);
  if (start.rank() != 3 || start.dim(1) != 4 || start.dim(2) != 2 || end.rank() != 3 ||
      end.dim(1) != 4 || end.dim(2) != 2)
    c.bad("expected four points");
  const Expr x = slice_axis(end, 2, 0, 1), y = slice_axis(end, 2, 1, 2);
  const Expr zero = x * 0.0, one = zero + 1.0;
  Results rows;
  for (int i = 0; i < 2; ++i) {
    const Expr target = slice_axis(start, 2, i, i + 1);
    const Results line = i == 0
                             ? Results{x, y, one, zero, zero, zero, -(target * x), -(target * y)}
                             : Results{zero, zero, zero, x, y, one, -(target * x), -(target * y)};
    rows.push_back(expand(concat(line, 2), 2));  // [N, 4, 1, 8]
  }
  const Expr equations = reshape(concat(rows, 2), {-1, 8, 8});
  return reshape(
      c.tensorflow1("MatrixSolve", {equations, reshape(start, {-1, 8, 1})}, {{"adjoint", false}}),
      {-1, 8});
}

Expr perspective_transform(OpCall& c) {
  return projected(c, images_of(c), homography(c), "constant");
}

// ---- sampling at coordinates ----
struct Sample {
  Expr index, valid, weight;
};

// An index as the fill mode understands it.
std::pair<Expr, Expr> bounded(const std::string& mode, Expr index, Expr size) {
  const Expr always = index == index;
  const Expr last = size - 1.0;
  if (mode == "constant")
    return {clip(index, index.number(0), last), (index >= 0.0) & (index < size)};
  if (mode == "nearest") return {clip(index, index.number(0), last), always};
  if (mode == "wrap") return {binary(BinaryKind::floor_mod, index, size), always};
  const Expr rest = binary(BinaryKind::floor_mod, absolute(index), size * 2.0);
  const Expr turned = size * 2.0 - rest;
  return {select(rest < size, rest, mode == "reflect" ? turned - 1.0 : turned), always};
}

Expr map_coordinates(OpCall& c) {
  const Expr x = c.tensor("inputs");
  const Expr coordinates = c.tensor("coordinates");
  const std::string mode = c.text("fill_mode", "constant");
  const std::int64_t order = c.integer("order");
  if (order != 0 && order != 1) c.unsupported("order=" + std::to_string(order));
  if (mode != "constant" && mode != "nearest" && mode != "wrap" && mode != "mirror" &&
      mode != "reflect")
    c.bad("fill_mode=" + mode);
  const int rank = x.rank();
  if (rank < 1 || rank > 8) c.unsupported(fmt::format("an input of {} dimensions", rank));
  if (coordinates.rank() == 0 || coordinates.dim(0) != rank) {
    c.bad(fmt::format("coordinates of {} dimensions for an input of {}",
                      coordinates.rank() == 0 ? 0 : coordinates.dim(0), rank));
  }
  std::vector<std::vector<Sample>> axes;
  for (int axis = 0; axis < rank; ++axis) {
    Expr at = squeeze(slice_axis(coordinates, 0, axis, axis + 1), 0);
    const Expr size = size_of_axis(x, axis, DType::int32);
    std::vector<Sample> samples;
    if (order == 0) {
      const Expr near = is_integer(at.dtype()) ? at : unary(U::round, at);
      const auto [index, valid] = bounded(mode, cast(near, DType::int32), size);
      samples.push_back({index, valid, at.number(1)});
    } else {
      if (!is_floating(at.dtype())) c.unsupported("integer coordinates");
      const Expr lower = unary(U::floor, at), upper_weight = at - lower;
      const Expr first = cast(lower, DType::int32);
      const auto [low, low_valid] = bounded(mode, first, size);
      const auto [high, high_valid] = bounded(mode, first + 1.0, size);
      samples.push_back({low, low_valid, 1.0 - upper_weight});
      samples.push_back({high, high_valid, upper_weight});
    }
    axes.push_back(samples);
  }
  Expr result;
  const std::size_t corners = std::size_t{1} << (order == 0 ? 0 : rank);
  for (std::size_t corner = 0; corner < corners; ++corner) {
    Results indices;
    Expr valid, weight;
    for (int axis = 0; axis < rank; ++axis) {
      const std::size_t bit = corner >> (rank - 1 - axis) & 1;
      const Sample& sample = axes[static_cast<std::size_t>(axis)][bit];
      indices.push_back(expand(sample.index, -1));
      valid = axis == 0 ? sample.valid : valid & sample.valid;
      weight = axis == 0 ? sample.weight : weight * sample.weight;
    }
    const Expr places = concat(indices, indices[0].rank() - 1);
    Expr value = cast(c.expr(c.g.add1(ops::GatherNd{0}, {x, places})), weight.dtype());
    if (mode == "constant") value = select(valid, value, c.real("fill_value", 0));
    const Expr part = weight * value;
    result = corner == 0 ? part : result + part;
  }
  if (is_integer(x.dtype())) result = unary(U::round, result);
  return cast(result, x.dtype());
}

// ---- scaling and moving along axes ----
constexpr std::int64_t kMaxAxis = 1 << 20;

// How much an element at distance x >= 0 counts.
Expr sampling_kernel(OpCall& c, const std::string& method, Expr x) {
  if (method == "linear" || method == "bilinear" || method == "trilinear" || method == "triangle")
    return maximum(1.0 - x, 0.0);
  if (method == "cubic" || method == "bicubic" || method == "tricubic") {
    const Expr near = ((x * 1.5 - 2.5) * x) * x + 1.0;
    const Expr far = ((x * -0.5 + 2.5) * x - 4.0) * x + 2.0;
    return select(x >= 2.0, 0.0, select(x >= 1.0, far, near));
  }
  if (method != "lanczos3" && method != "lanczos5") c.bad("method=" + method);
  const double radius = method == "lanczos3" ? 3 : 5, pi = std::numbers::pi;
  const Expr y = unary(U::sin, x * pi) * radius * unary(U::sin, x * pi / radius);
  const Expr safe = select(x != 0.0, square(x) * (pi * pi), x.number(1));
  return select(x > radius, 0.0, select(x > 1e-3, y / safe, x.number(1)));
}

// [input, output]: what each element of one axis gives to each of the result's.
Expr sampling_weights(OpCall& c, const std::string& method, bool antialias, Expr input,
                      std::int64_t output, Expr scale, Expr translation) {
  const DType dtype = scale.dtype();
  const Expr inverse = 1.0 / scale;
  const Expr at = (range(c.number(static_cast<double>(output), dtype)) + 0.5) * inverse -
                  translation * inverse - 0.5;
  Expr distance = absolute(expand(at, 0) - expand(range(input), 1));
  if (antialias) distance = distance / maximum(inverse, 1.0);
  Expr weights = sampling_kernel(c, method, distance);
  const Expr sum = reduce(ReduceKind::sum, weights, {0}, true);
  const double least = 1000.0 * std::numeric_limits<float>::epsilon();
  weights = select(absolute(sum) > least, weights / select(sum != 0.0, sum, sum.number(1)), 0.0);
  const Expr inside = (at >= -0.5) & (at <= input - 0.5);
  return select(expand(inside, 0), weights, 0.0);
}

Expr scale_and_translate(OpCall& c) {
  const Expr x = c.tensor("images");
  const DType dtype = result_type(c.tensor("scale").dtype(), c.tensor("translation").dtype());
  if (!is_floating(dtype)) c.unsupported("a scale of integers, which Keras cannot divide by");
  const Expr scale = c.tensor("scale", dtype), translation = c.tensor("translation", dtype);
  const std::vector<Operand> sizes = items_of(c.need("output_shape"));
  const Axes dims = c.ints("spatial_dims").value_or(Axes{});
  const std::string method = c.text("method", "");
  const bool antialias = c.flag("antialias", true);
  if (sizes.size() != static_cast<std::size_t>(x.rank())) c.bad("output_shape has another rank");
  const bool whole = is_integer(x.dtype());
  Expr y = whole ? cast(x, DType::float32) : x;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    const int axis = c.normal(dims[i], x.rank()), last = x.rank() - 1;
    const Operand& size = sizes[static_cast<std::size_t>(axis)];
    if (size.kind != Argument::Kind::value || !size.value.is_integer())
      c.unsupported("output_shape is computed at run time");
    if (size.value.integer() < 1 || size.value.integer() > kMaxAxis)
      c.unsupported("images of so large a size");
    const auto part = [&](Expr all) {
      const auto at = static_cast<std::int64_t>(i);
      return squeeze(slice_axis(all, 0, at, at + 1), 0);
    };
    const Expr weights = sampling_weights(c, method, antialias, size_of_axis(x, axis, dtype),
                                          size.value.integer(), part(scale), part(translation));
    y = move_axes(contract(y, {axis}, cast(weights, y.dtype()), {0}), {last}, {axis});
  }
  if (!whole) return y;
  const Expr floats = cast(x, DType::float32);
  const Axes all = all_axes(x);
  y = maximum(minimum(unary(U::round, y), reduce(ReduceKind::max, floats, all, false)),
              reduce(ReduceKind::min, floats, all, false));
  return cast(y, x.dtype());
}

}  // namespace

std::span<const OperationRow> image_transform_operations() {
  static constexpr OperationRow kRows[] = {
      {"AffineTransform", "images transform", affine_transform},
      {"MapCoordinates", "inputs coordinates", map_coordinates},
      {"PerspectiveTransform", "images start_points end_points", perspective_transform},
      {"ScaleAndTranslate", "images output_shape scale translation spatial_dims method antialias",
       scale_and_translate},
  };
  return kRows;
}

}  // namespace thaw::keras
