// Operations of Keras 3 that pick and put elements by index.
#include <algorithm>

#include "loaders/keras/operations/getitem.h"
#include "loaders/keras/operations/shared.h"
#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

Expr get_item_of(OpCall& c) {
  // A key None is a new axis, which has() would take for an absent argument.
  if (c.layer.args.size() < 2) c.bad("called without a key");
  return get_item(c.layer, c.tensor("x"), items_of(c.layer.args[1]));
}

Expr take(OpCall& c) {
  Expr x = c.tensor("x");
  const bool flat = !c.has("axis");
  if (flat) x = flatten(x);
  const int axis = flat ? 0 : c.axis("axis", x.rank(), 0);
  Expr indices = c.tensor("indices");
  if (!is_integer(indices.dtype())) indices = cast(indices, DType::int32);
  return gather(x, wrapped_indices(indices, x, axis), axis);
}

// Sizes of the shape that two broadcast to; where one is unknown, the larger of the two.
Expr common_shape(OpCall& c, Expr x, Expr y, int axis, Expr own) {
  Results sizes;
  for (int i = 0; i < x.rank(); ++i) {
    const std::int64_t a = x.dim(i), b = y.dim(i);
    Expr size = c.number(1, DType::int64);
    if (i == axis) {
      size = size_of_axis(own, i, DType::int64);
    } else if (a != kUnknownDim && a != 1) {
      size = size_of_axis(x, i, DType::int64);
    } else if (b != kUnknownDim && b != 1) {
      size = size_of_axis(y, i, DType::int64);
    } else if (a == kUnknownDim || b == kUnknownDim) {
      size = maximum(size_of_axis(x, i, DType::int64), size_of_axis(y, i, DType::int64));
    }
    sizes.push_back(expand(size, 0));
  }
  return concat(sizes, 0);
}

Expr broadcast_to(OpCall& c, Expr x, Expr shape) {
  return c.tensorflow1("BroadcastTo", {x, shape});
}

Expr take_along_axis(OpCall& c) {
  Expr x = c.tensor("x"), indices = c.tensor("indices", DType::int64);
  const bool flat = !c.has("axis");
  if (flat) x = flatten(x);
  if (x.rank() != indices.rank() || x.rank() == 0)
    c.bad(fmt::format("x has {} dimensions and indices {}, expected as many", x.rank(),
                      indices.rank()));
  const int rank = x.rank(), axis = flat ? 0 : c.axis("axis", rank, 0);
  bool same = true;
  for (int i = 0; i < rank; ++i)
    same = same && (i == axis || (x.dim(i) == indices.dim(i) && x.dim(i) != kUnknownDim));
  indices = wrapped_indices(indices, x, axis);
  if (!same) {
    const Expr x_shape = common_shape(c, x, indices, axis, x);
    const Expr index_shape = common_shape(c, x, indices, axis, indices);
    x = broadcast_to(c, x, x_shape);
    indices = broadcast_to(c, indices, index_shape);
  }
  x = move_axes(x, {axis}, {rank - 1});
  indices = move_axes(indices, {axis}, {rank - 1});
  return move_axes(gather(x, indices, rank - 1, rank - 1), {rank - 1}, {axis});
}

// ---- scatter and slices ----
Expr scatter(OpCall& c) {
  const Expr values = c.tensor("values");
  const std::optional<Axes> sizes = c.ints("shape");
  if (!sizes) c.bad("shape is missing");
  const ValueId zeros = c.g.add1(ops::BroadcastTo{}, {values.number(0), c.g.ints(*sizes)});
  return c.expr(c.g.add1(ops::Scatter{ScatterKind::add}, {zeros, c.tensor("indices"), values}));
}

Expr scatter_update(OpCall& c) {
  const std::string reduction = c.text("reduction", "");
  ScatterKind kind = ScatterKind::update;
  if (reduction == "add") {
    kind = ScatterKind::add;
  } else if (reduction == "mul") {
    kind = ScatterKind::mul;
  } else if (reduction == "max") {
    kind = ScatterKind::max;
  } else if (reduction == "min") {
    kind = ScatterKind::min;
  } else if (!reduction.empty()) {
    c.unsupported("reduction=" + reduction);
  }
  const Expr x = c.tensor("inputs");
  return c.expr(
      c.g.add1(ops::Scatter{kind}, {x, c.tensor("indices"), c.tensor("updates", x.dtype())}));
}

Expr start_vector(OpCall& c, int rank) {
  Expr start = cast(c.tensor("start_indices"), DType::int64);
  if (start.rank() == 0) start = reshape(start, {1});
  if (start.dim(0) != rank)
    c.bad(fmt::format("start_indices must give one index for each of {} dimensions", rank));
  return start;
}

Expr slice_of(OpCall& c) {
  const Expr x = c.tensor("inputs");
  const std::optional<Axes> sizes = c.ints("shape");
  if (!sizes || static_cast<int>(sizes->size()) != x.rank())
    c.bad(fmt::format("shape must give one size for each of {} dimensions", x.rank()));
  return c.expr(c.g.add1(ops::Slice{}, {x, start_vector(c, x.rank()), c.g.ints(*sizes)}));
}

// XLA's dynamic update: the start is moved so that the update fits.
Expr slice_update(OpCall& c) {
  const Expr x = c.tensor("inputs"), updates = c.tensor("updates", x.dtype());
  const int rank = x.rank();
  if (updates.rank() != rank)
    c.bad(fmt::format("updates has {} dimensions, expected {} as inputs", updates.rank(), rank));
  if (rank == 0) return updates;
  const Expr start = start_vector(c, rank);
  Expr result = x;
  // Positions along each axis; outside of the update an index beyond every axis drops out.
  Expr inside = c.number(1, DType::boolean);
  Expr picked = updates;
  for (int axis = 0; axis < rank; ++axis) {
    const Expr size = size_of_axis(x, axis, DType::int64);
    const Expr width = size_of_axis(updates, axis, DType::int64);
    const Expr begin = gather(start, c.number(axis, DType::int64), 0);
    const Expr first = clip(begin, begin.number(0), size - width);
    const Expr place = range(size) - first;
    Axes sizes(static_cast<std::size_t>(rank), 1);
    sizes[static_cast<std::size_t>(axis)] = -1;
    inside = inside & reshape((place >= 0.0) & (place < width), sizes);
    picked = gather(picked, clip(place, place.number(0), width - 1.0), axis);
  }
  return select(inside, picked, result);
}

// ---- positions ----
Results nonzero(OpCall& c) {
  const Expr x = cast(c.tensor("x"), DType::boolean);
  const ValueId places = c.g.add1(ops::Where{}, {x});
  Results columns;
  for (ValueId column : c.g.add(ops::Unstack{1}, {places}, x.rank()))
    columns.push_back(cast(c.expr(column), DType::int32));
  return columns;
}

Results unravel_index(OpCall& c) {
  Expr rest = c.tensor("indices");
  Axes sizes = c.ints("shape").value_or(Axes{});
  if (sizes.empty()) c.bad("shape is missing");
  for (std::int64_t size : sizes) {
    if (size < 1) c.bad("shape must hold positive sizes");
  }
  // Keras's TensorFlow backend takes the sizes in order unless there is one row of indices.
  if (rest.rank() == 1) std::reverse(sizes.begin(), sizes.end());
  Results places;
  for (std::int64_t size : sizes) {
    const Expr by = rest.number(static_cast<double>(size));
    places.push_back(binary(BinaryKind::floor_mod, rest, by));
    rest = binary(BinaryKind::floor_div, rest, by);
  }
  std::reverse(places.begin(), places.end());
  return places;
}

Expr is_in(OpCall& c) {
  auto [x, y] = c.promoted_tensors("x1", "x2");
  const Expr matches = expand(x, -1) == flatten(y);
  const Expr found = reduce(ReduceKind::any, matches, {x.rank()}, false);
  const bool none = y.shape().is_static() && y.shape().num_elements() == 0;
  return c.flag("invert", false) && !none ? !found : found;
}

Expr one_hot_of(OpCall& c, Expr x, DType dtype) {
  c.refuse_flag("sparse");
  const std::int64_t classes = c.integer("num_classes");
  if (classes < 0) c.bad("num_classes is negative");
  const int axis = c.normal(c.integer("axis", -1), x.rank() + 1);
  const ValueId depth = c.g.scalar(static_cast<double>(classes), DType::int32);
  return c.expr(c.g.add1(ops::OneHot{axis}, {cast(x, DType::int64), depth, c.g.scalar(1, dtype),
                                             c.g.scalar(0, dtype)}));
}

Expr one_hot(OpCall& c) { return one_hot_of(c, c.tensor("x"), c.dtype("dtype", DType::float32)); }

Expr multi_hot(OpCall& c) {
  const Expr x = c.tensor("inputs");
  const DType dtype = c.dtype("dtype", DType::float32);
  const Expr rows = one_hot_of(c, x, dtype);
  const ReduceKind kind = dtype == DType::boolean ? ReduceKind::any : ReduceKind::max;
  return reduce(kind, rows, {x.rank() > 1 ? 1 : 0}, false);
}

}  // namespace

Expr wrapped_indices(Expr indices, Expr x, int axis) {
  return select(indices < 0.0, indices + size_of_axis(x, axis, indices.dtype()), indices);
}

std::span<const OperationRow> indexing_operations() {
  static constexpr OperationRow kRows[] = {
      {"GetItem", "x key", get_item_of},
      {"IsIn", "x1 x2", is_in},
      {"MultiHot", "inputs", multi_hot},
      {"Nonzero", "x", nonzero},
      {"OneHot", "x", one_hot},
      {"Scatter", "indices values", scatter},
      {"ScatterUpdate", "inputs indices updates", scatter_update},
      {"Slice", "inputs start_indices", slice_of},
      {"SliceUpdate", "inputs start_indices updates", slice_update},
      {"Take", "x indices", take},
      {"TakeAlongAxis", "x indices", take_along_axis},
      {"UnravelIndex", "indices", unravel_index},
  };
  return kRows;
}

}  // namespace thaw::keras
