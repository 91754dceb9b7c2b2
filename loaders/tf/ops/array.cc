#include <algorithm>

#include "loaders/tf/ops/bad_indices.h"
#include "loaders/tf/ops/run_time_axis.h"

namespace thaw::tf::importers {
namespace {

int output_count(OpContext& c, const char* attr) {
  const std::int64_t count = c.node.list_length(attr);
  if (count < 1) fail(ErrorCode::invalid_argument, "{} is {}, expected at least 1", attr, count);
  return static_cast<int>(count);
}

// A sum of bools is their disjunction.
ValueId scatter_of(OpContext& c, ScatterKind kind, ValueId whole, ValueId at, ValueId updates) {
  const ops::Scatter op{kind};
  if (c.g.dtype(whole) != DType::boolean || kind == ScatterKind::update) {
    return c.g.add1(op, {whole, at, updates});
  }
  const ValueId sums =
      c.g.add1(op, {c.g.cast(whole, DType::int32), at, c.g.cast(updates, DType::int32)});
  return c.g.cast(sums, DType::boolean);
}

}  // namespace

Results transpose(OpContext& c) {
  c.expect_count(2);
  return {c.g.add1(ops::Transpose{}, {c.in(0), c.in(1)})};
}

Results pack(OpContext& c) { return {c.g.add1(ops::Stack{c.node.integer("axis")}, c.inputs)}; }

Results unpack(OpContext& c) {
  c.expect_count(1);
  if (c.node.integer("num") == 0) return {};
  return c.g.add(ops::Unstack{c.node.integer("axis")}, {c.in(0)}, output_count(c, "num"));
}

namespace {

Results concat_along(OpContext& c, const std::vector<ValueId>& xs, int axis) {
  if (xs.empty()) fail(ErrorCode::invalid_argument, "nothing to concatenate");
  if (!c.known_ints(axis)) return {concat_at_run_time(c.g, xs, c.in(axis))};
  return {c.g.concat(xs, c.integer(axis, "axis"))};
}

// `operands`: the tensor and, of split_v, the sizes.
Results split_along(OpContext& c, std::vector<ValueId> operands, int axis) {
  const int count = output_count(c, "num_split");
  if (c.known_ints(axis)) {
    return c.g.add(ops::Split{c.integer(axis, "split_dim")}, std::move(operands), count);
  }
  const RunTimeAxis along(c.g, operands[0], c.in(axis));
  operands[0] = along.flat(operands[0]);
  Results parts = c.g.add(ops::Split{1}, std::move(operands), count);
  for (ValueId& part : parts) {
    part = along.whole(part, c.g.slice_axis(run_time_dims(c.g, part), 0, 1, 2));
  }
  return parts;
}

}  // namespace

Results concat(OpContext& c) {
  c.expect_count(2, c.count());
  return concat_along(c, {c.inputs.begin() + 1, c.inputs.end()}, 0);
}

Results concat_v2(OpContext& c) {
  c.expect_count(2, c.count());
  return concat_along(c, {c.inputs.begin(), c.inputs.end() - 1}, c.count() - 1);
}

Results split(OpContext& c) {
  c.expect_count(2);
  return split_along(c, {c.in(1)}, 0);
}

Results split_v(OpContext& c) {
  c.expect_count(3);
  return split_along(c, {c.in(0), c.in(1)}, 2);
}

Results slice(OpContext& c) {
  c.expect_count(3);
  return {c.g.add1(ops::Slice{}, {c.in(0), c.in(1), c.in(2)})};
}

Results strided_slice(OpContext& c) {
  c.expect_count(4);
  const ops::StridedSlice op{c.node.integer("begin_mask"), c.node.integer("end_mask"),
                             c.node.integer("ellipsis_mask"), c.node.integer("new_axis_mask"),
                             c.node.integer("shrink_axis_mask")};
  const auto index = [&](int i) {
    return c.dtype(i) == DType::int16 ? c.g.cast(c.in(i), DType::int32) : c.in(i);
  };
  const ValueId y = c.g.add1(op, {c.in(0), index(1), index(2), index(3)});
  // Shape arithmetic on partly known shapes folds where the picked dimension is known.
  if (c.g.constant_of(y) == nullptr && (c.dtype(0) == DType::int32 || c.dtype(0) == DType::int64) &&
      c.shape(0).has_rank() && c.shape(0).rank() == 1) {
    const auto dims = partial_dims(c.g, y);
    const bool complete = dims && std::find(dims->begin(), dims->end(), kUnknownDim) == dims->end();
    if (complete && c.shape(0).is_static()) {
      const ValueId known = c.g.cast(c.g.ints(*dims), c.dtype(0));
      return {c.g.shape(y).rank() == 0 ? c.g.reshape(known, {}) : known};
    }
  }
  return {y};
}

Results tile(OpContext& c) {
  c.expect_count(2);
  return {c.g.add1(ops::Tile{}, {c.in(0), c.in(1)})};
}

Results pad(OpContext& c) {
  c.expect_count(2, 3);
  return {c.g.add1(ops::Pad{PadMode::constant}, c.inputs)};
}

Results mirror_pad(OpContext& c) {
  c.expect_count(2);
  const int mode = c.one_of("mode", {"REFLECT", "SYMMETRIC"});
  return {c.g.add1(ops::Pad{mode == 0 ? PadMode::reflect : PadMode::symmetric}, c.inputs)};
}

// TensorFlow 1: a flag per axis.
Results reverse(OpContext& c) {
  c.expect_count(2);
  const Tensor* flags = c.g.constant_of(c.in(1));
  if (flags == nullptr) return {reverse_where(c.g, c.in(0), c.in(1))};
  Ints axes;
  for (std::int64_t i = 0; i < flags->num_elements(); ++i) {
    if (flags->data<bool>()[i]) axes.push_back(i);
  }
  return {axes.empty() ? c.in(0) : c.g.add1(ops::Reverse{axes}, {c.in(0)})};
}

Results reverse_v2(OpContext& c) {
  c.expect_count(2);
  const std::optional<Ints> known = c.known_ints(1);
  if (!known) return {reverse_at_run_time(c.g, c.in(0), c.in(1))};
  const Ints& axes = *known;
  return {axes.empty() ? c.in(0) : c.g.add1(ops::Reverse{axes}, {c.in(0)})};
}

Results reverse_sequence(OpContext& c) {
  c.expect_count(2);
  const ops::ReverseSequence op{c.node.integer("seq_dim"), c.node.integer("batch_dim")};
  return {c.g.add1(op, {c.in(0), c.in(1)})};
}

Results gather(OpContext& c) {
  c.expect_count(2);
  return {c.g.gather(c.in(0), c.in(1))};
}

namespace {

// [.., before, along, behind] with the batches in front as one axis.
Results gather_at_run_time(OpContext& c) {
  GraphBuilder& g = c.g;
  const RunTimeAxis axis(g, c.in(0), c.in(2));
  const ValueId zero = g.ints({0}), given = run_time_dims(g, c.in(1));
  const std::int64_t batches = c.node.integer("batch_dims");
  ValueId batch = g.ints({batches});
  if (batches < 0) {
    const ValueId rank = g.add1(ops::ShapeQuery{ShapeQueryKind::rank, DType::int64}, {c.in(1)});
    batch = g.reshape(g.binary(BinaryKind::add, batch, rank), {1});
  }
  const ValueId fits =
      g.binary(BinaryKind::logical_and, g.binary(BinaryKind::less_equal, batch, axis.axis()),
               g.binary(BinaryKind::greater_equal, batch, zero));
  check_at_run_time(g, "batch_dims must be at most axis", fits);
  const ValueId outer = run_time_part(g, axis.before(), zero, batch);
  const ValueId wanted = run_time_part(g, given, batch, kNoValue);
  const ValueId same = g.binary(BinaryKind::equal, run_time_part(g, given, zero, batch), outer);
  check_at_run_time(g, "batches of different sizes", same);
  const auto product = [&](ValueId dims) { return g.reduce(ReduceKind::prod, dims, {0}, true); };
  const ValueId inner = run_time_part(g, axis.before(), batch, kNoValue);
  const ValueId x =
      g.add1(ops::Reshape{},
             {c.in(0),
              g.concat({product(outer), product(inner), axis.along(), product(axis.behind())}, 0)});
  const ValueId indices =
      g.add1(ops::Reshape{}, {c.in(1), g.concat({product(outer), product(wanted)}, 0)});
  const ValueId y = g.add1(ops::Gather{2, 1}, {x, indices});
  const bool ranks = batches >= 0 && c.shape(1).has_rank();
  if (ranks) return {axis.whole(y, wanted, c.rank(1) - static_cast<int>(batches) - 1)};
  return {g.add1(ops::Reshape{}, {y, g.concat({axis.before(), wanted, axis.behind()}, 0)})};
}

}  // namespace

Results gather_v2(OpContext& c) {
  c.expect_count(3);
  if (!c.known_ints(2)) return gather_at_run_time(c);
  const ops::Gather op{c.integer(2, "axis"), c.node.integer("batch_dims")};
  return {c.g.add1(op, {c.in(0), c.in(1)})};
}

Results gather_nd(OpContext& c) {
  c.expect_count(2);
  if (ignores_bad_indices(c)) return {gather_good_indices(c.g, c.in(0), c.in(1))};
  return {c.g.add1(ops::GatherNd{}, {c.in(0), c.in(1)})};
}

Results one_hot(OpContext& c) {
  c.expect_count(4);
  return {c.g.add1(ops::OneHot{c.node.integer("axis")}, c.inputs)};
}

Results where(OpContext& c) {
  c.expect_count(1);
  ValueId condition = c.in(0);
  if (c.dtype(0) != DType::boolean) {
    condition = c.g.binary(BinaryKind::not_equal, condition, c.g.scalar(0, c.dtype(0)));
  }
  return {c.g.add1(ops::Where{}, {condition})};
}

// Updates add up where indices repeat.
Results scatter_nd(OpContext& c) {
  c.expect_count(3);
  ValueId indices = c.in(0), updates = c.in(1);
  if (ignores_bad_indices(c)) keep_good_updates(c.g, c.in(2), indices, updates);
  if (c.dtype(1) == DType::string) {  // joined in their order
    return {c.g.add1(ops::HostCall{"scatter_strings", {}, nullptr}, {indices, updates, c.in(2)})};
  }
  const ValueId zeros = c.g.add1(ops::BroadcastTo{}, {c.g.scalar(0, c.dtype(1)), c.in(2)});
  return {scatter_of(c, ScatterKind::add, zeros, indices, updates)};
}

Results tensor_scatter(OpContext& c) {
  c.expect_count(3);
  ValueId indices = c.in(1), updates = c.in(2);
  if (ignores_bad_indices(c)) {
    keep_good_updates(c.g, run_time_dims(c.g, c.in(0)), indices, updates);
  }
  return {scatter_of(c, static_cast<ScatterKind>(c.kind), c.in(0), indices, updates)};
}

// The forms of TensorFlow 1 have one block size for the two axes of an image.
Results space_to_batch(OpContext& c) {
  c.expect_count(2);
  const std::int64_t block = c.node.integer("block_size");
  return {c.g.add1(ops::SpaceToBatch{}, {c.in(0), c.g.ints({block, block}), c.in(1)})};
}

Results space_to_batch_nd(OpContext& c) {
  c.expect_count(3);
  return {c.g.add1(ops::SpaceToBatch{}, c.inputs)};
}

Results batch_to_space(OpContext& c) {
  c.expect_count(2);
  const std::int64_t block = c.node.integer("block_size");
  return {c.g.add1(ops::BatchToSpace{}, {c.in(0), c.g.ints({block, block}), c.in(1)})};
}

Results batch_to_space_nd(OpContext& c) {
  c.expect_count(3);
  return {c.g.add1(ops::BatchToSpace{}, c.inputs)};
}

// Keeps element (m, n) if m - n <= num_lower and n - m <= num_upper; a negative bound keeps all.
Results matrix_band_part(OpContext& c) {
  c.expect_count(3);
  GraphBuilder& g = c.g;
  if (c.shape(0).has_rank() && c.rank(0) < 2) {
    fail(ErrorCode::invalid_argument, "expected a matrix, found {}", c.shape(0).to_string());
  }
  const ValueId dims = g.add1(ops::ShapeQuery{ShapeQueryKind::shape, DType::int64}, {c.in(0)});
  const auto number = [&](std::int64_t value) {
    return g.constant(Tensor::from(Shape{}, Ints{value}));
  };
  const auto indices = [&](std::int64_t axis) {
    const ValueId size =
        g.reshape(g.slice_axis(dims, 0, axis, axis == -1 ? GraphBuilder::kToEnd : axis + 1), {});
    const ValueId range = g.add1(ops::Range{}, {number(0), size, number(1)});
    return g.expand_dims(range, axis == -1 ? 0 : 1);
  };
  const ValueId offset = g.binary(BinaryKind::sub, indices(-2), indices(-1));  // m - n
  const ValueId zero = g.scalar(0, c.dtype(0));
  ValueId y = c.in(0);
  // `distance` below the diagonal, or above it.
  const auto keep = [&](int operand, ValueId distance) {
    const std::optional<Ints> bound = c.known_ints(operand);
    if (bound && bound->size() == 1 && bound->front() < 0) return;
    const ValueId most = g.reshape(g.cast(c.in(operand), DType::int64), {});
    ValueId kept = g.binary(BinaryKind::less_equal, distance, most);
    if (!bound) {
      kept = g.binary(BinaryKind::logical_or, kept, g.binary(BinaryKind::less, most, number(0)));
    }
    y = g.select(kept, y, zero);
  };
  keep(1, offset);
  keep(2, g.unary({UnaryKind::neg}, offset));
  return {y};
}

}  // namespace thaw::tf::importers
