#include <algorithm>

#include "loaders/tf/ops/op_context.h"

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

Results concat(OpContext& c) {
  const std::int64_t axis = c.integer(0, "concat_dim");
  return {c.g.concat({c.inputs.begin() + 1, c.inputs.end()}, axis)};
}

Results concat_v2(OpContext& c) {
  const std::int64_t axis = c.integer(c.count() - 1, "axis");
  return {c.g.concat({c.inputs.begin(), c.inputs.end() - 1}, axis)};
}

Results split(OpContext& c) {
  c.expect_count(2);
  const std::int64_t axis = c.integer(0, "split_dim");
  return c.g.add(ops::Split{axis}, {c.in(1)}, output_count(c, "num_split"));
}

Results split_v(OpContext& c) {
  c.expect_count(3);
  const std::int64_t axis = c.integer(2, "split_dim");
  return c.g.add(ops::Split{axis}, {c.in(0), c.in(1)}, output_count(c, "num_split"));
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
  if (flags == nullptr) c.refuse("dims is computed at run time");
  Ints axes;
  for (std::int64_t i = 0; i < flags->num_elements(); ++i) {
    if (flags->data<bool>()[i]) axes.push_back(i);
  }
  return {axes.empty() ? c.in(0) : c.g.add1(ops::Reverse{axes}, {c.in(0)})};
}

Results reverse_v2(OpContext& c) {
  c.expect_count(2);
  const Ints axes = c.ints(1, "axis");
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

Results gather_v2(OpContext& c) {
  c.expect_count(3);
  const ops::Gather op{c.integer(2, "axis"), c.node.integer("batch_dims")};
  return {c.g.add1(op, {c.in(0), c.in(1)})};
}

Results gather_nd(OpContext& c) {
  c.expect_count(2);
  c.one_of("bad_indices_policy", {"", "DEFAULT", "ERROR"});
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
  c.one_of("bad_indices_policy", {"", "DEFAULT", "ERROR"});
  if (c.dtype(1) == DType::string) c.refuse("sums of strings");
  const ValueId zeros = c.g.add1(ops::BroadcastTo{}, {c.g.scalar(0, c.dtype(1)), c.in(2)});
  return {scatter_of(c, ScatterKind::add, zeros, c.in(0), c.in(1))};
}

Results tensor_scatter(OpContext& c) {
  c.expect_count(3);
  c.one_of("bad_indices_policy", {"", "DEFAULT", "ERROR"});
  return {scatter_of(c, static_cast<ScatterKind>(c.kind), c.in(0), c.in(1), c.in(2))};
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
