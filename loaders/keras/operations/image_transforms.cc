// Images in Keras 3 sampled elsewhere: projective transforms, coordinates.
#include <algorithm>

#include "loaders/keras/operations/images.h"
#include "loaders/keras/operations/shared.h"

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
  if (rank < 1 || rank > 8 || coordinates.dim(0) != rank) c.bad("coordinates of another rank");
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

}  // namespace

std::span<const OperationRow> image_transform_operations() {
  static constexpr OperationRow kRows[] = {
      {"AffineTransform", "images transform", affine_transform},
      {"MapCoordinates", "inputs coordinates", map_coordinates},
      {"PerspectiveTransform", "images start_points end_points", perspective_transform},
  };
  return kRows;
}

}  // namespace thaw::keras
