// Functions that move elements about: shapes, axes, joining, splitting, padding.
#include <algorithm>
#include <numeric>

#include "loaders/keras/functions/function_call.h"
#include "loaders/keras/operations/shared.h"

namespace thaw::keras {
namespace {

constexpr std::int64_t kMaxParts = 100'000;

Expr shaped_input(const OpCall& c) {
  return c.tensor(need_first(c, {"input", "tensor", "x", "value", "a", "input_", "matrix"}));
}

Results reshape_of(OpCall& c, const FunctionRow&) {
  return {c.tensorflow1("Reshape", {c.tensor("tensor"), int_vector(c, c.need("shape"))})};
}

Results transpose_of(OpCall& c, const FunctionRow&) {
  const Expr x = c.tensor("a");
  if (c.flag("conjugate", false) && is_complex(x.dtype())) c.unsupported("conjugate=True");
  if (const Operand* order = c.find("perm"))
    return {c.expr(c.g.add1(ops::Transpose{}, {x, int_vector(c, *order)}))};
  Axes order = all_axes(x);
  std::reverse(order.begin(), order.end());
  return {transpose(x, order)};
}

Results matrix_transpose(OpCall& c, const FunctionRow&) {
  const Expr x = shaped_input(c);
  const int rank = x.rank();
  if (rank < 2) c.bad("expected matrices");
  return {move_axes(x, {rank - 2, rank - 1}, {rank - 1, rank - 2})};
}

Results expand_dims(OpCall& c, const FunctionRow&) {
  return {expand(shaped_input(c), c.has("axis") ? c.integer("axis") : c.integer("dim"))};
}

Results squeeze_of(OpCall& c, const FunctionRow&) {
  const Expr x = shaped_input(c);
  Axes axes;
  const bool given = c.has("axis") || c.has("squeeze_dims");
  for (std::int64_t axis : c.axes(c.has("axis") ? "axis" : "squeeze_dims", x.rank())) {
    if (given || x.dim(static_cast<int>(axis)) == 1) axes.push_back(axis);
  }
  return {axes.empty() ? x : c.expr(c.g.add1(ops::Squeeze{axes}, {x}))};
}

Results concat_of(OpCall& c, const FunctionRow&) {
  const Results parts = matched(c, c.need("values"));
  const int rank = parts[0].rank();
  return {concat(parts, c.axis("axis", rank, 0))};
}

Results stack(OpCall& c, const FunctionRow&) {
  const Results parts = matched(c, c.need("values"));
  const int axis = c.axis("axis", parts[0].rank() + 1, 0);
  return {c.expr(c.g.add1(ops::Stack{axis}, {parts.begin(), parts.end()}))};
}

Results all_of(OpCall& c, const std::vector<ValueId>& values) {
  Results results;
  for (ValueId value : values) results.push_back(c.expr(value));
  return results;
}

Results unstack(OpCall& c, const FunctionRow&) {
  const Expr x = c.tensor("value");
  const int axis = c.axis("axis", x.rank(), 0);
  const std::int64_t count = c.integer("num", x.dim(axis));
  if (count < 1 || count > kMaxParts) c.unsupported("an axis of unknown or absurd size");
  return all_of(c, c.g.add(ops::Unstack{axis}, {x}, static_cast<int>(count)));
}

Results split(OpCall& c, const FunctionRow&) {
  const Expr x = c.tensor("value");
  const int axis = c.axis("axis", x.rank(), 0);
  const Operand& how = c.need("num_or_size_splits");
  if (how.kind == Argument::Kind::value && how.value.is_integer()) {
    const std::int64_t count = how.value.integer();
    if (count < 1 || count > kMaxParts) c.bad("a split into " + std::to_string(count) + " parts");
    return all_of(c, c.g.add(ops::Split{axis}, {x}, static_cast<int>(count)));
  }
  const Expr sizes = int_vector(c, how);
  if (sizes.dim(0) < 1 || sizes.dim(0) > kMaxParts) c.unsupported("an unknown number of parts");
  return all_of(c, c.g.add(ops::Split{axis}, {x, sizes}, static_cast<int>(sizes.dim(0))));
}

Results tile(OpCall& c, const FunctionRow&) {
  return {c.tensorflow1("Tile", {shaped_input(c), int_vector(c, c.need("multiples"))})};
}

Results repeat(OpCall& c, const FunctionRow&) {
  Expr x = shaped_input(c);
  const bool flat = !c.has("axis");
  if (flat) x = flatten(x);
  const int axis = flat ? 0 : c.axis("axis", x.rank(), 0);
  Axes repeats = c.ints("repeats").value_or(Axes{});
  constexpr std::int64_t kMaxAxis = std::int64_t{1} << 20;
  if (repeats.size() == 1 && (x.dim(axis) == kUnknownDim || x.dim(axis) > kMaxAxis)) {
    Axes multiples(static_cast<std::size_t>(x.rank()) + 1, 1), sizes = sizes_of(x);
    multiples[static_cast<std::size_t>(axis) + 1] = repeats[0];
    sizes[static_cast<std::size_t>(axis)] = -1;
    const ValueId tiled = c.g.add1(ops::Tile{}, {expand(x, axis + 1), c.g.ints(multiples)});
    return {reshape_like(c.expr(tiled), x, sizes)};
  }
  if (repeats.size() == 1)
    repeats.resize(static_cast<std::size_t>(std::max<std::int64_t>(x.dim(axis), 0)), repeats[0]);
  if (static_cast<std::int64_t>(repeats.size()) != x.dim(axis))
    c.unsupported("repeats of another length than the axis");
  Axes places;
  for (std::size_t i = 0; i < repeats.size(); ++i) {
    if (repeats[i] < 0 ||
        static_cast<std::int64_t>(places.size()) + repeats[i] > (std::int64_t{1} << 26))
      c.bad("repeats out of range");
    places.insert(places.end(), static_cast<std::size_t>(repeats[i]), static_cast<std::int64_t>(i));
  }
  return {gather(x, c.expr(c.g.ints(places)), axis)};
}

Results reverse(OpCall& c, const FunctionRow&) {
  const Expr x = shaped_input(c);
  const Axes axes = c.axes("axis", x.rank());
  return {axes.empty() ? x : c.expr(c.g.add1(ops::Reverse{axes}, {x}))};
}

Results reverse_sequence(OpCall& c, const FunctionRow&) {
  const Operand* sequence = first_of(c, {"seq_axis", "seq_dim"});
  const Operand* batch = first_of(c, {"batch_axis", "batch_dim"});
  const Expr x = shaped_input(c);
  const auto axis = [&](const Operand* operand, std::int64_t otherwise) {
    return operand == nullptr ? otherwise : operand->value.integer();
  };
  const ops::ReverseSequence op{c.normal(axis(sequence, 0), x.rank()),
                                c.normal(axis(batch, 0), x.rank())};
  return {c.expr(c.g.add1(op, {x, c.tensor("seq_lengths")}))};
}

Results roll(OpCall& c, const FunctionRow&) {
  const Expr x = shaped_input(c);
  return {
      c.tensorflow1("Roll", {x, int_vector(c, c.need("shift")), int_vector(c, c.need("axis"))})};
}

Results pad(OpCall& c, const FunctionRow&) {
  const Expr x = c.tensor("tensor");
  const Expr widths = c.tensor("paddings");
  const std::string mode = c.text("mode", "CONSTANT");
  if (mode == "CONSTANT" || mode == "constant") {
    std::vector<ValueId> operands{x, widths};
    if (c.has("constant_values")) operands.push_back(c.tensor("constant_values", x.dtype()));
    return {c.expr(c.g.add1(ops::Pad{PadMode::constant}, operands))};
  }
  if (mode == "REFLECT" || mode == "reflect")
    return {c.expr(c.g.add1(ops::Pad{PadMode::reflect}, {x, widths}))};
  if (mode != "SYMMETRIC" && mode != "symmetric") c.bad("mode=" + mode);
  return {c.expr(c.g.add1(ops::Pad{PadMode::symmetric}, {x, widths}))};
}

Results broadcast_to(OpCall& c, const FunctionRow&) {
  return {c.tensorflow1("BroadcastTo", {shaped_input(c), int_vector(c, c.need("shape"))})};
}

Results shape_query(OpCall& c, const FunctionRow& row) {
  const auto kind = static_cast<ShapeQueryKind>(row.kind);
  const DType dtype =
      kind == ShapeQueryKind::rank ? DType::int32 : c.dtype("out_type", DType::int32);
  const Expr x = shaped_input(c);
  if (kind == ShapeQueryKind::rank && x.shape().has_rank())
    return {c.number(x.rank(), DType::int32)};
  return {c.expr(c.g.add1(ops::ShapeQuery{kind, dtype}, {x}))};
}

Results space_and_depth(OpCall& c, const FunctionRow& row) {
  return {c.tensorflow1(
      row.op, {shaped_input(c)},
      {{"block_size", c.integer("block_size")}, {"data_format", c.text("data_format", "NHWC")}})};
}

Results space_and_batch(OpCall& c, const FunctionRow& row) {
  return {c.tensorflow1(row.op, {shaped_input(c), int_vector(c, c.need("block_shape")),
                                 c.tensor(need_first(c, {"paddings", "crops"}))})};
}

Results ensure_shape(OpCall& c, const FunctionRow&) { return {c.tensor("x")}; }

Results boolean_mask_of(OpCall& c, const FunctionRow&) {
  const Expr x = c.tensor("tensor");
  return {boolean_mask(x, c.tensor("mask"), c.axis("axis", x.rank(), 0))};
}

// All dimensions but the first in one.
Results batch_flatten(OpCall& c, const FunctionRow&) {
  const Expr x = c.tensor("x");
  return {reshape(x, {x.dim(0) == kUnknownDim ? GraphBuilder::dim_of(0) : x.dim(0), -1})};
}

// ---- triangles and diagonals ----
Results band_part(OpCall& c, const FunctionRow&) {
  const Expr x = shaped_input(c);
  const std::int64_t lower = c.integer("num_lower"), upper = c.integer("num_upper");
  Expr y = x;
  if (lower >= 0) y = select(diagonal_test(x, BinaryKind::greater_equal, -lower), y, 0.0);
  if (upper >= 0) y = select(diagonal_test(x, BinaryKind::less_equal, upper), y, 0.0);
  return {y};
}

Results diag(OpCall& c, const FunctionRow&) {
  const Expr x = c.tensor(need_first(c, {"diagonal", "input"}));
  const int rank = x.rank();
  if (c.integer("k", 0) != 0 || c.integer("num_rows", -1) != -1 || c.integer("num_cols", -1) != -1)
    c.unsupported("a diagonal beside the main one");
  const Expr wide = broadcast_like(expand(x, rank), expand(x, rank) == expand(x, rank - 1));
  const Expr padding = c.has("padding_value") ? c.tensor("padding_value", x.dtype()) : x.number(0);
  return {select(diagonal_test(wide, BinaryKind::equal, 0), wide, padding)};
}

Results diag_part(OpCall& c, const FunctionRow&) {
  return {diagonal(c, shaped_input(c), c.integer("k", 0))};
}

Results set_diag(OpCall& c, const FunctionRow&) {
  const Expr x = shaped_input(c), values = c.tensor("diagonal", x.dtype());
  const int rank = x.rank();
  if (c.integer("k", 0) != 0) c.unsupported("a diagonal beside the main one");
  if (x.dim(rank - 1) == kUnknownDim || x.dim(rank - 1) > x.dim(rank - 2) ||
      x.dim(rank - 2) == kUnknownDim)
    c.unsupported("matrices wider than high, or of unknown size");
  return {select(diagonal_test(x, BinaryKind::equal, 0), expand(values, rank - 2), x)};
}

Results trace(OpCall& c, const FunctionRow&) {
  const Expr x = c.tensor("x");
  const int rank = x.rank();
  const Expr on = diagonal_test(x, BinaryKind::equal, 0);
  return {reduce(ReduceKind::sum, select(on, x, 0.0), {rank - 2, rank - 1}, false)};
}

constexpr int k(ShapeQueryKind kind) { return static_cast<int>(kind); }

}  // namespace

std::span<const FunctionRow> shape_functions() {
  static constexpr FunctionRow kRows[] = {
      {"batch_to_space", "input block_shape crops", space_and_batch, "BatchToSpaceND"},
      {"boolean_mask", "tensor mask axis", boolean_mask_of},
      {"broadcast_to", "input shape", broadcast_to},
      {"concat", "values axis", concat_of},
      {"ensure_shape", "x shape", ensure_shape},
      {"expand_dims", "input axis", expand_dims},
      {"keras.backend.batch_flatten", "x", batch_flatten},
      {"linalg.band_part", "input num_lower num_upper", band_part},
      {"linalg.diag", "diagonal", diag},
      {"linalg.diag_part", "input", diag_part},
      {"linalg.matrix_transpose", "a", matrix_transpose},
      {"linalg.set_diag", "input diagonal k", set_diag},
      {"linalg.tensor_diag_part", "input", diag_part},
      {"linalg.trace", "x", trace},
      {"matrix_band_part", "input num_lower num_upper", band_part},
      {"nn.depth_to_space", "input block_size data_format", space_and_depth, "DepthToSpace"},
      {"nn.space_to_depth", "input block_size data_format", space_and_depth, "SpaceToDepth"},
      {"pad", "tensor paddings mode constant_values", pad},
      {"rank", "input", shape_query, "", k(ShapeQueryKind::rank)},
      {"repeat", "input repeats axis", repeat},
      {"reshape", "tensor shape", reshape_of},
      {"reverse", "tensor axis", reverse},
      {"reverse_sequence", "input seq_lengths seq_axis batch_axis", reverse_sequence},
      {"roll", "input shift axis", roll},
      {"shape", "input out_type", shape_query, "", k(ShapeQueryKind::shape)},
      {"size", "input out_type", shape_query, "", k(ShapeQueryKind::size)},
      {"space_to_batch", "input block_shape paddings", space_and_batch, "SpaceToBatchND"},
      {"split", "value num_or_size_splits axis num", split},
      {"squeeze", "input axis", squeeze_of},
      {"stack", "values axis", stack},
      {"tile", "input multiples", tile},
      {"transpose", "a perm conjugate", transpose_of},
      {"unstack", "value num axis", unstack},
  };
  return kRows;
}

}  // namespace thaw::keras
