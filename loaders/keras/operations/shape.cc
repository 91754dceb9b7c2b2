// Operations of Keras 3 that move elements about: reshaping, axes, joining, splitting, padding.
#include <algorithm>
#include <numeric>

#include "loaders/keras/operations/shared.h"
#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

constexpr std::int64_t kMaxParts = 100'000;

Expr reshape_of(OpCall& c) {
  const Expr x = c.tensor("x");
  const std::optional<Axes> sizes = c.ints("newshape");
  if (!sizes) c.bad("newshape is missing");
  for (std::int64_t size : *sizes) {
    if (size < -1) c.bad("newshape has a negative size");
  }
  return reshape(x, *sizes);
}

Expr ravel(OpCall& c) { return reshape(c.tensor("x"), {-1}); }

Expr transpose_of(OpCall& c) {
  const Expr x = c.tensor("x");
  Axes order = c.axes("axes", x.rank());
  if (!c.has("axes") || c.ints("axes")->empty()) {
    order = all_axes(x);
    std::reverse(order.begin(), order.end());
  }
  return transpose(x, order);
}

Expr swap_axes(OpCall& c) {
  const Expr x = c.tensor("x");
  Axes order = all_axes(x);
  std::swap(order[static_cast<std::size_t>(c.axis("axis1", x.rank(), 0))],
            order[static_cast<std::size_t>(c.axis("axis2", x.rank(), 0))]);
  return transpose(x, order);
}

Expr move_axis(OpCall& c) {
  const Expr x = c.tensor("x");
  const Axes from = c.axes("source", x.rank()), to = c.axes("destination", x.rank());
  if (from.size() != to.size()) c.bad("source and destination differ in length");
  return move_axes(x, from, to);
}

Expr expand_dims(OpCall& c) {
  Expr x = c.tensor("x");
  const std::optional<Axes> given = c.ints("axis");
  if (!given) c.bad("axis is missing");
  const int rank = x.rank() + static_cast<int>(given->size());
  Axes axes;
  for (std::int64_t axis : *given) axes.push_back(c.normal(axis, rank));
  std::sort(axes.begin(), axes.end());
  for (std::int64_t axis : axes) x = expand(x, axis);
  return x;
}

Expr squeeze_of(OpCall& c) {
  const Expr x = c.tensor("x");
  Axes axes;
  for (std::int64_t axis : c.axes("axis", x.rank())) {
    if (c.has("axis") || x.dim(static_cast<int>(axis)) == 1) axes.push_back(axis);
  }
  return axes.empty() ? x : c.expr(c.g.add1(ops::Squeeze{axes}, {x}));
}

Expr broadcast_to(OpCall& c) {
  const std::optional<Axes> sizes = c.ints("shape");
  if (!sizes) c.bad("shape is missing");
  return c.expr(c.g.add1(ops::BroadcastTo{}, {c.tensor("x"), c.expr(c.g.ints(*sizes))}));
}

// ---- joining ----
Expr stack(OpCall& c) {
  const Results parts = c.promoted(c.tensors("x"));
  const int axis = c.axis("axis", parts[0].rank() + 1, 0);
  return c.expr(c.g.add1(ops::Stack{axis}, {parts.begin(), parts.end()}));
}

Expr concatenate(OpCall& c) {
  const Results parts = c.promoted(c.tensors("xs"));
  return concat(parts, c.axis("axis", parts[0].rank(), 0));
}

Expr stack_rows(OpCall& c) { return concat(c.promoted(c.tensors("xs")), 0); }

Expr stack_columns(OpCall& c) {
  const Results parts = c.promoted(c.tensors("xs"));
  return concat(parts, parts[0].rank() == 1 ? 0 : 1);
}

Expr stack_depth(OpCall& c) {
  Results parts = c.promoted(c.tensors("xs"));
  for (Expr& x : parts) {
    const int rank = x.rank();
    if (rank == 0) x = reshape(x, {1, 1, 1});
    if (rank == 1) x = expand(expand(x, 0), 2);
    if (rank == 2) x = expand(x, 2);
  }
  return concat(parts, 2);
}

Expr append(OpCall& c) {
  auto [x, y] = c.promoted_tensors("x1", "x2");
  if (!c.has("axis")) return concat({flatten(x), flatten(y)}, 0);
  return concat({x, y}, c.axis("axis", x.rank(), 0));
}

// ---- splitting ----
Results parts_of(OpCall& c, Expr x, int axis, const Axes& sizes) {
  std::vector<ValueId> operands{x};
  operands.push_back(c.g.ints(sizes));
  Results parts;
  for (ValueId part : c.g.add(ops::Split{axis}, operands, static_cast<int>(sizes.size())))
    parts.push_back(c.expr(part));
  return parts;
}

Results split_along(OpCall& c, Expr x, int axis) {
  const Operand& operand = c.need("indices_or_sections");
  const std::int64_t size = x.dim(axis);
  if (operand.kind == Argument::Kind::value && operand.value.is_integer()) {
    const std::int64_t count = operand.value.integer();
    if (count < 1 || count > kMaxParts) c.bad("a split into " + std::to_string(count) + " parts");
    Results parts;
    for (ValueId part : c.g.add(ops::Split{axis}, {x}, static_cast<int>(count)))
      parts.push_back(c.expr(part));
    return parts;
  }
  if (size == kUnknownDim) c.unsupported("a split at positions of an axis of unknown size");
  Axes places = c.ints("indices_or_sections").value_or(Axes{});
  if (static_cast<std::int64_t>(places.size()) > kMaxParts)
    c.bad(fmt::format("a split into {} parts", places.size() + 1));
  Axes sizes;
  std::int64_t before = 0;
  for (std::int64_t place : places) {
    if (place < before || place > size) c.bad("split positions out of order or range");
    sizes.push_back(place - before);
    before = place;
  }
  sizes.push_back(size - before);
  return parts_of(c, x, axis, sizes);
}

Results split(OpCall& c) {
  const Expr x = c.tensor("x");
  return split_along(c, x, c.axis("axis", x.rank(), 0));
}

// By columns, rows, depth: the row's parameter is the axis.
Results split_fixed(OpCall& c) {
  const Expr x = c.tensor("x");
  return split_along(c, x, c.row.kind == 1 && x.rank() == 1 ? 0 : c.normal(c.row.kind, x.rank()));
}

Results array_split(OpCall& c) {
  const Expr x = c.tensor("x");
  const int axis = c.axis("axis", x.rank(), 0);
  const std::int64_t count = c.integer("indices_or_sections"), size = x.dim(axis);
  if (count < 1 || count > kMaxParts) c.bad("a split into " + std::to_string(count) + " parts");
  if (size == kUnknownDim) c.unsupported("a split of an axis of unknown size");
  Axes sizes;
  for (std::int64_t i = 0; i < count; ++i) sizes.push_back(size / count + (i < size % count));
  return parts_of(c, x, axis, sizes);
}

Results unstack(OpCall& c) {
  const Expr x = c.tensor("x");
  const int axis = c.axis("axis", x.rank(), 0);
  const std::int64_t count = c.integer("num", x.dim(axis));
  if (count < 1 || count > kMaxParts) c.unsupported("an axis of unknown or absurd size");
  Results parts;
  for (ValueId part : c.g.add(ops::Unstack{axis}, {x}, static_cast<int>(count)))
    parts.push_back(c.expr(part));
  return parts;
}

// ---- repeating and rolling ----
Expr tile(OpCall& c) {
  Expr x = c.tensor("x");
  Axes repeats = c.ints("repeats").value_or(Axes{1});
  if (repeats.size() > 32)
    c.bad(fmt::format("repeats has {} elements, expected at most 32", repeats.size()));
  while (static_cast<int>(repeats.size()) < x.rank()) repeats.insert(repeats.begin(), 1);
  while (static_cast<int>(repeats.size()) > x.rank()) x = expand(x, 0);
  return c.expr(c.g.add1(ops::Tile{}, {x, c.expr(c.g.ints(repeats))}));
}

Expr repeat(OpCall& c) {
  Expr x = c.tensor("x");
  const bool flat = !c.has("axis");
  if (flat) x = flatten(x);
  const int axis = flat ? 0 : c.axis("axis", x.rank(), 0);
  const Axes repeats = c.ints("repeats").value_or(Axes{1});
  for (std::int64_t count : repeats) {
    if (count < 0 || count > (std::int64_t{1} << 31)) c.bad("repeats out of range");
  }
  if (repeats.size() == 1) {
    Axes multiples(static_cast<std::size_t>(x.rank()) + 1, 1);
    multiples[static_cast<std::size_t>(axis) + 1] = repeats[0];
    Axes sizes = sizes_of(x);
    std::int64_t& size = sizes[static_cast<std::size_t>(axis)];
    size = size < 0 || size > INT32_MAX || repeats[0] == 0 ? -1 : size * repeats[0];
    if (repeats[0] == 0) return slice_axis(x, axis, 0, 0);
    const ValueId tiled = c.g.add1(ops::Tile{}, {expand(x, axis + 1), c.expr(c.g.ints(multiples))});
    return reshape_like(c.expr(tiled), x, sizes);
  }
  if (x.dim(axis) != static_cast<std::int64_t>(repeats.size()))
    c.bad(fmt::format("repeats has {} elements for an axis of {}", repeats.size(), x.dim(axis)));
  Axes places;
  for (std::size_t i = 0; i < repeats.size(); ++i) {
    if (static_cast<std::int64_t>(places.size()) + repeats[i] > (std::int64_t{1} << 26))
      c.unsupported("so many repetitions");
    places.insert(places.end(), static_cast<std::size_t>(repeats[i]), static_cast<std::int64_t>(i));
  }
  return gather(x, c.expr(c.g.ints(places)), axis);
}

Expr roll_axis(Expr x, int axis, std::int64_t shift) {
  const std::int64_t size = x.dim(axis);
  if (size == kUnknownDim) {
    const Expr count = size_of_axis(x, axis, DType::int64);
    const Expr places = range(count) - static_cast<double>(shift);
    return gather(x, binary(BinaryKind::floor_mod, places, count), axis);
  }
  if (size == 0 || shift % size == 0) return x;
  const std::int64_t first = size - ((shift % size) + size) % size;
  return concat({slice_axis(x, axis, first, GraphBuilder::kToEnd), slice_axis(x, axis, 0, first)},
                axis);
}

Expr roll(OpCall& c) {
  Expr x = c.tensor("x");
  Axes shifts = c.ints("shift").value_or(Axes{0});
  if (!c.has("axis")) {
    const Expr rolled = roll_axis(flatten(x), 0, shifts.at(0));
    return reshape_like(rolled, x, sizes_of(x));
  }
  const Axes axes = c.axes("axis", x.rank());
  if (shifts.size() == 1) shifts.resize(axes.size(), shifts[0]);
  if (shifts.size() != axes.size()) c.bad("shift and axis differ in length");
  for (std::size_t i = 0; i < axes.size(); ++i)
    x = roll_axis(x, static_cast<int>(axes[i]), shifts[i]);
  return x;
}

Expr flip(OpCall& c) {
  const Expr x = c.tensor("x");
  const Axes axes =
      c.row.kind < 0 ? c.axes("axis", x.rank()) : Axes{c.normal(c.row.kind, x.rank())};
  return axes.empty() ? x : c.expr(c.g.add1(ops::Reverse{axes}, {x}));
}

// As Keras's TensorFlow backend does it, whose half turn of a plane that is no square reads the
// turned elements in the old shape.
Expr rot90(OpCall& c) {
  Expr x = c.tensor("array");
  const int rank = x.rank();
  const std::int64_t turns = ((c.integer("k", 1) % 4) + 4) % 4;
  Axes axes = c.has("axes") ? c.axes("axes", rank) : Axes{0, 1};
  if (rank < 2 || axes.size() != 2 || axes[0] == axes[1]) c.bad("axes must be two of the array's");
  if (turns == 0) return x;
  Axes order;
  for (int axis = 0; axis < rank; ++axis) {
    if (axis != axes[0] && axis != axes[1]) order.push_back(axis);
  }
  order.insert(order.end(), axes.begin(), axes.end());
  x = transpose(x, order);
  Axes sizes = sizes_of(x);
  const std::int64_t height = x.dim(rank - 2), width = x.dim(rank - 1);
  if (height == kUnknownDim || width == kUnknownDim) c.unsupported("a plane of unknown size");
  const bool odd = turns % 2 == 1;
  const std::int64_t last_height = odd ? width : height, last_width = odd ? height : width;
  const Expr source = x;
  Expr plane = reshape(x, {-1, height, width});
  for (std::int64_t i = 0; i < turns; ++i) {
    if (i == 1) plane = reshape(plane, {-1, last_height, last_width});
    plane = transpose(c.expr(c.g.reverse(plane, 2)), {0, 2, 1});
  }
  sizes[static_cast<std::size_t>(rank) - 2] = last_height;
  sizes[static_cast<std::size_t>(rank) - 1] = last_width;
  Axes inverse(order.size());
  for (std::size_t i = 0; i < order.size(); ++i)
    inverse[static_cast<std::size_t>(order[i])] = static_cast<std::int64_t>(i);
  return transpose(reshape_like(plane, source, sizes), inverse);
}

// ---- padding ----
Axes pad_widths(OpCall& c, int rank) {
  const Operand& operand = c.need("pad_width");
  const Tensor widths = constant_tensor(operand.value, DType::int64);
  const std::int64_t* values = widths.data<std::int64_t>();
  const std::int64_t count = widths.num_elements();
  const int dims = widths.shape().rank();
  Axes pairs;
  const bool per_axis = dims == 2 && widths.shape()[0] == rank && widths.shape()[1] > 0;
  for (int axis = 0; axis < rank; ++axis) {
    if (per_axis) {
      const std::int64_t width = widths.shape()[1];
      pairs.push_back(values[axis * width]);
      pairs.push_back(values[axis * width + width - 1]);
    } else if (count == 1 || count == 2) {
      pairs.push_back(values[0]);
      pairs.push_back(values[count - 1]);
    } else {
      c.bad("pad_width does not fit the dimensions");
    }
  }
  return pairs;
}

Expr pad(OpCall& c) {
  const Expr x = c.tensor("x");
  const std::string mode = c.text("mode", "constant");
  const Expr widths = c.paddings(pad_widths(c, x.rank()));
  if (mode == "constant") {
    std::vector<ValueId> operands{x, widths};
    if (c.has("constant_values")) operands.push_back(c.tensor("constant_values", x.dtype()));
    return c.expr(c.g.add1(ops::Pad{PadMode::constant}, operands));
  }
  if (mode != "reflect" && mode != "symmetric") c.unsupported("mode=" + mode);
  const PadMode kind = mode == "reflect" ? PadMode::reflect : PadMode::symmetric;
  return c.expr(c.g.add1(ops::Pad{kind}, {x, widths}));
}

Results meshgrid(OpCall& c) {
  Results vectors;
  for (const Expr& x : c.tensors("x")) vectors.push_back(flatten(x));
  const std::string indexing = c.text("indexing", "xy");
  if (indexing != "xy" && indexing != "ij") c.bad("indexing=" + indexing);
  const std::size_t rank = vectors.size();
  std::vector<std::size_t> place(rank);
  std::iota(place.begin(), place.end(), std::size_t{0});
  if (indexing == "xy" && rank > 1) std::swap(place[0], place[1]);
  Results sizes(rank);
  for (std::size_t i = 0; i < rank; ++i)
    sizes[place[i]] = expand(size_of_axis(vectors[i], 0, DType::int64), 0);
  const Expr shape = concat(sizes, 0);
  Results grids;
  for (std::size_t i = 0; i < rank; ++i) {
    Axes dims(rank, 1);
    dims[place[i]] = -1;
    const Expr row = rank == 1 ? vectors[i] : reshape(vectors[i], dims);
    grids.push_back(c.tensorflow1("BroadcastTo", {row, shape}));
  }
  return grids;
}

}  // namespace

std::span<const OperationRow> shape_operations() {
  static constexpr OperationRow kRows[] = {
      {"Append", "x1 x2", append},
      {"ArraySplit", "x", array_split},
      {"BroadcastTo", "x", broadcast_to},
      {"Concatenate", "xs", concatenate},
      {"Dsplit", "x", split_fixed, 2},
      {"Dstack", "xs", stack_depth},
      {"ExpandDims", "x", expand_dims},
      {"Flip", "x", flip, -1},
      {"Fliplr", "x", flip, 1},
      {"Flipud", "x", flip, 0},
      {"Hsplit", "x", split_fixed, 1},
      {"Hstack", "xs", stack_columns},
      {"Meshgrid", "*x", meshgrid},
      {"Moveaxis", "x", move_axis},
      {"Pad", "x constant_values", pad},
      {"Ravel", "x", ravel},
      {"Repeat", "x", repeat},
      {"Reshape", "x", reshape_of},
      {"Roll", "x", roll},
      {"Rot90", "array", rot90},
      {"Split", "x", split},
      {"Squeeze", "x", squeeze_of},
      {"Stack", "x", stack},
      {"Swapaxes", "x", swap_axes},
      {"Tile", "x", tile},
      {"Transpose", "x", transpose_of},
      {"Unstack", "x", unstack},
      {"Vsplit", "x", split_fixed, 0},
      {"Vstack", "xs", stack_rows},
  };
  return kRows;
}

}  // namespace thaw::keras
