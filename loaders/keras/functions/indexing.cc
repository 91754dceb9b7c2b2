// Functions that pick, put and make elements.
#include <cmath>

#include "loaders/keras/functions/function_call.h"
#include "loaders/keras/operations/shared.h"

namespace thaw::keras {
namespace {

Results gather_of(OpCall& c, const FunctionRow&) {
  const Expr x = c.tensor("params"), indices = c.tensor("indices");
  std::int64_t batch = c.integer("batch_dims", 0);
  if (batch < 0) batch += indices.rank();
  const int axis = c.has("axis") ? c.axis("axis", x.rank(), 0) : static_cast<int>(batch);
  return {gather(x, indices, axis, batch)};
}

Results gather_nd(OpCall& c, const FunctionRow&) {
  return {c.expr(c.g.add1(ops::GatherNd{c.integer("batch_dims", 0)},
                          {c.tensor("params"), c.tensor("indices")}))};
}

Results embedding_lookup(OpCall& c, const FunctionRow&) {
  if (c.has("max_norm")) c.unsupported("max_norm");
  const std::vector<Operand> tables = items_of(c.need("params"));
  const Expr x = c.tensor(c.need("params").kind == Argument::Kind::list && tables.size() == 1
                              ? tables[0]
                              : c.need("params"));
  return {gather(x, c.tensor("ids"), 0)};
}

Results slice(OpCall& c, const FunctionRow&) {
  return {c.tensorflow1("Slice", {c.tensor("input_"), int_vector(c, c.need("begin")),
                                  int_vector(c, c.need("size"))})};
}

Results strided_slice(OpCall& c, const FunctionRow&) {
  const Expr begin = int_vector(c, c.need("begin"));
  const Operand* strides = c.find("strides");
  if (strides == nullptr && begin.dim(0) == kUnknownDim) c.unsupported("an unknown number of axes");
  const Expr steps =
      strides != nullptr
          ? int_vector(c, *strides)
          : c.ints_constant(Axes(static_cast<std::size_t>(begin.dim(0)), 1), begin.dtype());
  const ops::StridedSlice op{c.integer("begin_mask", 0), c.integer("end_mask", 0),
                             c.integer("ellipsis_mask", 0), c.integer("new_axis_mask", 0),
                             c.integer("shrink_axis_mask", 0)};
  return {c.expr(c.g.add1(op, {c.tensor("input_"), begin, int_vector(c, c.need("end")), steps}))};
}

Results where(OpCall& c, const FunctionRow& row) {
  Expr condition = c.tensor("condition");
  if (!c.has("x") || !c.has("y")) return {c.expr(c.g.add1(ops::Where{}, {condition}))};
  const auto [x, y] = matched(c, c.need("x"), c.need("y"));
  // In TensorFlow 1 a vector of conditions picks rows.
  const bool first_version =
      row.kind == 0 && c.layer.text("function", "").starts_with("compat.v1.");
  if (first_version && condition.rank() == 1 && x.rank() > 1) {
    Axes sizes(static_cast<std::size_t>(x.rank()), 1);
    sizes[0] = -1;
    condition = reshape(condition, sizes);
  }
  return {select(condition, x, y)};
}

Results one_hot(OpCall& c, const FunctionRow&) {
  const Expr indices = c.tensor("indices");
  const Operand *on = c.find("on_value"), *off = c.find("off_value");
  DType dtype = c.dtype("dtype", DType::invalid);
  if (dtype == DType::invalid) {
    dtype = on != nullptr    ? c.tensor(*on).dtype()
            : off != nullptr ? c.tensor(*off).dtype()
                             : DType::float32;
  }
  const int axis = c.axis("axis", indices.rank() + 1, -1);
  return {c.expr(c.g.add1(
      ops::OneHot{axis},
      {indices, c.tensor("depth"), on != nullptr ? c.tensor(*on, dtype) : c.number(1, dtype),
       off != nullptr ? c.tensor(*off, dtype) : c.number(0, dtype)}))};
}

Results scatter_nd(OpCall& c, const FunctionRow&) {
  const Expr updates = c.tensor("updates");
  const ValueId zeros =
      c.g.add1(ops::BroadcastTo{}, {updates.number(0), int_vector(c, c.need("shape"))});
  return {c.expr(c.g.add1(ops::Scatter{ScatterKind::add}, {zeros, c.tensor("indices"), updates}))};
}

Results tensor_scatter(OpCall& c, const FunctionRow& row) {
  const Expr x = c.tensor("tensor");
  Expr updates = c.tensor("updates", x.dtype());
  if (row.kind < 0) updates = -updates;
  const auto kind = row.kind < 0 ? ScatterKind::add : static_cast<ScatterKind>(row.kind);
  return {c.expr(c.g.add1(ops::Scatter{kind}, {x, c.tensor("indices"), updates}))};
}

// ---- making tensors ----
Results like(OpCall& c, const FunctionRow& row) {
  const Expr x = c.tensor(need_first(c, {"input", "tensor"}));
  return {broadcast_like(c.number(row.kind, c.dtype("dtype", x.dtype())), x)};
}

Results filled(OpCall& c, const FunctionRow& row) {
  const Expr value =
      row.kind < 0 ? c.tensor("value") : c.number(row.kind, c.dtype("dtype", DType::float32));
  const Expr shape = int_vector(c, need_first(c, {"dims", "shape"}));
  return {c.tensorflow1("Fill", {shape, value})};
}

Results range_of(OpCall& c, const FunctionRow&) {
  const bool one = !c.has("limit");
  const Operand &start = c.need("start"), &limit = one ? start : c.need("limit");
  DType dtype = c.dtype("dtype", DType::invalid);
  if (dtype == DType::invalid) {
    // The type that holds all arguments: int32 before int64 before floats.
    dtype = DType::int32;
    for (const Operand* operand : {&start, &limit, c.find("delta")}) {
      if (operand == nullptr) continue;
      const DType own = c.tensor(*operand).dtype();
      const bool wider =
          is_floating(own) == is_floating(dtype) ? size_of(own) > size_of(dtype) : is_floating(own);
      if (wider) dtype = own;
    }
  }
  const Expr first = one ? c.number(0, dtype) : c.tensor(start, dtype);
  const Expr step = c.has("delta") ? c.tensor("delta", dtype) : c.number(1, dtype);
  return {c.expr(c.g.add1(ops::Range{}, {first, c.tensor(limit, dtype), step}))};
}

Results linspace(OpCall& c, const FunctionRow&) {
  const auto [start, stop] = matched(c, c.need("start"), c.need("stop"));
  const std::int64_t count = c.integer("num");
  if (count < 1 || count > 10'000'000) c.bad("num is out of range");
  if (!is_floating(start.dtype())) c.unsupported("integer steps");
  return {linear_space(start, stop, count, c.normal(c.integer("axis", 0), start.rank() + 1))};
}

Results eye(OpCall& c, const FunctionRow&) {
  const Expr rows = c.tensor("num_rows", DType::int64);
  const Expr columns = c.has("num_columns") ? c.tensor("num_columns", DType::int64) : rows;
  if (c.has("batch_shape")) c.unsupported("batch_shape");
  const Expr same = expand(range(rows), 1) == expand(range(columns), 0);
  return {cast(same, c.dtype("dtype", DType::float32))};
}

Results sequence_mask(OpCall& c, const FunctionRow&) {
  const Expr lengths = c.tensor("lengths");
  Expr longest = c.has("maxlen") ? c.tensor("maxlen", lengths.dtype())
                                 : reduce(ReduceKind::max, lengths, all_axes(lengths), false);
  const Expr mask = range(maximum(longest, 0.0)) < expand(lengths, lengths.rank());
  return {cast(mask, c.dtype("dtype", DType::boolean))};
}

constexpr int k(ScatterKind kind) { return static_cast<int>(kind); }

}  // namespace

std::span<const FunctionRow> indexing_functions() {
  static constexpr FunctionRow kRows[] = {
      {"eye", "num_rows num_columns batch_shape dtype", eye},
      {"fill", "dims value", filled, "", -1},
      {"gather", "params indices validate_indices axis batch_dims", gather_of},
      {"gather_nd", "params indices batch_dims", gather_nd},
      {"linspace", "start stop num", linspace},
      {"nn.embedding_lookup", "params ids max_norm", embedding_lookup},
      {"one_hot", "indices depth on_value off_value axis dtype", one_hot},
      {"ones", "shape dtype", filled, "", 1},
      {"ones_like", "input dtype", like, "", 1},
      {"range", "start limit delta dtype", range_of},
      {"scatter_nd", "indices updates shape", scatter_nd},
      {"sequence_mask", "lengths maxlen dtype", sequence_mask},
      {"slice", "input_ begin size", slice},
      {"strided_slice", "input_ begin end strides", strided_slice},
      {"tensor_scatter_nd_add", "tensor indices updates", tensor_scatter, "", k(ScatterKind::add)},
      {"tensor_scatter_nd_max", "tensor indices updates", tensor_scatter, "", k(ScatterKind::max)},
      {"tensor_scatter_nd_min", "tensor indices updates", tensor_scatter, "", k(ScatterKind::min)},
      {"tensor_scatter_nd_sub", "tensor indices updates", tensor_scatter, "", -1},
      {"tensor_scatter_nd_update", "tensor indices updates", tensor_scatter, "",
       k(ScatterKind::update)},
      {"where", "condition x y", where},
      {"where_v2", "condition x y", where, "", 2},
      {"zeros", "shape dtype", filled, "", 0},
      {"zeros_like", "input dtype", like, "", 0},
  };
  return kRows;
}

}  // namespace thaw::keras
