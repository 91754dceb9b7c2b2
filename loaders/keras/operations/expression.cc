#include "loaders/keras/operations/expression.h"

#include <algorithm>
#include <numeric>

#include "runtime/base/check.h"

namespace thaw::keras {

int Expr::rank() const {
  if (!shape().has_rank()) fail(ErrorCode::unimplemented, "a tensor of unknown rank");
  return shape().rank();
}

Expr select(Expr condition, Expr x, Expr y) { return x.with(x.g->select(condition, x, y)); }
Expr select(Expr condition, Expr x, double y) { return select(condition, x, x.number(y)); }
Expr select(Expr condition, double x, Expr y) { return select(condition, y.number(x), y); }

Expr reduce(ReduceKind kind, Expr x, const Axes& axes, bool keep_dims) {
  return x.with(x.g->reduce(kind, x, axes, keep_dims));
}

Axes all_axes(Expr x) {
  Axes axes(static_cast<std::size_t>(x.rank()));
  std::iota(axes.begin(), axes.end(), 0);
  return axes;
}

Expr transpose(Expr x, const Axes& permutation) {
  return std::is_sorted(permutation.begin(), permutation.end())
             ? x
             : x.with(x.g->transpose(x, permutation));
}

Expr move_axes(Expr x, const Axes& from, const Axes& to) {
  Axes order;
  for (std::int64_t axis : all_axes(x)) {
    if (std::find(from.begin(), from.end(), axis) == from.end()) order.push_back(axis);
  }
  std::vector<std::pair<std::int64_t, std::int64_t>> moves;
  for (std::size_t i = 0; i < from.size(); ++i) moves.emplace_back(to[i], from[i]);
  std::sort(moves.begin(), moves.end());
  for (const auto& [place, axis] : moves) order.insert(order.begin() + place, axis);
  return transpose(x, order);
}

Axes sizes_of(Expr x) {
  Axes sizes;
  for (int axis = 0; axis < x.rank(); ++axis) {
    sizes.push_back(x.dim(axis) == kUnknownDim ? GraphBuilder::dim_of(axis) : x.dim(axis));
  }
  return sizes;
}

Expr reshape(Expr x, const Axes& sizes) { return x.with(x.g->reshape(x, sizes)); }
Expr reshape_like(Expr x, Expr source, const Axes& sizes) {
  return x.with(x.g->reshape_like(x, source, sizes));
}
Expr broadcast_like(Expr x, Expr source) {
  return x.with(x.g->broadcast_like(x, source, sizes_of(source)));
}

Expr shape_vector(Expr x) {
  if (x.shape().has_rank()) return x.with(x.g->dims(x, sizes_of(x)));
  return x.with(x.g->add1(ops::ShapeQuery{ShapeQueryKind::shape, DType::int64}, {x}));
}

Expr size_of_axis(Expr x, int axis, DType dtype) {
  const std::int64_t size = x.dim(axis);
  if (size != kUnknownDim) return x.with(x.g->scalar(static_cast<double>(size), dtype));
  const ValueId shape = x.g->add1(ops::ShapeQuery{ShapeQueryKind::shape, DType::int64}, {x});
  return cast(gather(x.with(shape), x.with(x.g->scalar(axis, DType::int64)), 0), dtype);
}

Expr slice_axis(Expr x, int axis, std::int64_t begin, std::int64_t end) {
  return x.with(x.g->slice_axis(x, axis, begin, end));
}

Expr flatten(Expr x) { return x.rank() == 1 ? x : reshape(x, {-1}); }
Expr expand(Expr x, std::int64_t axis) { return x.with(x.g->expand_dims(x, axis)); }
Expr squeeze(Expr x, std::int64_t axis) { return x.with(x.g->squeeze(x, axis)); }

Expr concat(const std::vector<Expr>& xs, std::int64_t axis) {
  const std::vector<ValueId> values(xs.begin(), xs.end());
  return values.size() == 1 ? xs[0] : xs[0].with(xs[0].g->concat(values, axis));
}

Expr gather(Expr x, Expr indices, std::int64_t axis, std::int64_t batch_dims) {
  return x.with(x.g->add1(ops::Gather{axis, batch_dims}, {x, indices}));
}

Expr range(Expr limit) {
  return limit.with(limit.g->add1(ops::Range{}, {limit.number(0), limit, limit.number(1)}));
}

Expr matmul(Expr x, Expr y, bool transpose_x, bool transpose_y) {
  return x.with(x.g->matmul(x, y, transpose_x, transpose_y));
}

Expr contract(Expr x, const Axes& x_axes, Expr y, const Axes& y_axes) {
  const int x_rank = x.rank(), y_rank = y.rank();
  if (x_rank + y_rank > 50) fail(ErrorCode::unimplemented, "a contraction of so many dimensions");
  std::string left(static_cast<std::size_t>(x_rank), ' '),
      right(static_cast<std::size_t>(y_rank), ' ');
  std::string result;
  char next = 'a';
  const auto letter = [&next] {
    const char c = next;
    next = next == 'z' ? 'A' : static_cast<char>(next + 1);
    return c;
  };
  for (std::size_t i = 0; i < x_axes.size(); ++i) {
    left[static_cast<std::size_t>(x_axes[i])] = right[static_cast<std::size_t>(y_axes[i])] =
        letter();
  }
  for (std::string* side : {&left, &right}) {
    for (char& c : *side) {
      if (c == ' ') result += c = letter();
    }
  }
  return x.with(x.g->add1(ops::Einsum{left + "," + right + "->" + result}, {x, y}));
}

Sorted sorted(Expr x, int axis, bool descending) {
  const int last = x.rank() - 1;
  Expr keys = move_axes(x, {axis}, {last});
  // The largest come first: the order is turned round by a monotone map without overflow.
  const bool real = is_floating(x.dtype());
  const UnaryKind flip = real ? UnaryKind::neg : UnaryKind::bitwise_not;
  if (!descending) keys = unary(flip, keys);
  const Expr count = size_of_axis(keys, last, DType::int32);
  const std::vector<ValueId> top = x.g->add(ops::TopK{true, DType::int32}, {keys, count}, 2);
  Expr values = x.with(top[0]);
  if (!descending) values = unary(flip, values);
  return {move_axes(values, {last}, {axis}), move_axes(x.with(top[1]), {last}, {axis})};
}

Expr boolean_mask(Expr x, Expr mask, int axis) {
  const int count = mask.rank();
  Axes sizes = sizes_of(x);
  if (axis + count > x.rank() || count == 0) {
    fail(ErrorCode::invalid_argument, "a mask of {} dimensions for {} dimensions from axis {}",
         count, x.rank(), axis);
  }
  if (count > 1) {
    sizes.erase(sizes.begin() + axis, sizes.begin() + axis + count);
    sizes.insert(sizes.begin() + axis, -1);
    x = reshape(x, sizes);
  }
  const ValueId places = x.g->add1(ops::Where{}, {flatten(mask)});
  return gather(x, squeeze(x.with(places), 1), axis);
}

}  // namespace thaw::keras
