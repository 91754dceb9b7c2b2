#include <algorithm>

#include "loaders/tf/ops/op_context.h"

namespace thaw::tf::importers {
namespace {

int output_count(OpContext& c, const char* attr) {
  const std::int64_t count = c.node.list_length(attr);
  if (count < 1) fail(ErrorCode::invalid_argument, "{} is {}, expected at least 1", attr, count);
  return static_cast<int>(count);
}

ValueId slice_axis(OpContext& c, ValueId x, std::int64_t axis, std::int64_t begin,
                   std::int64_t end) {
  return c.g.slice_axis(x, axis, begin, end);
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

namespace {

// The same along an axis whose size is known at run time.
ValueId roll_unknown(GraphBuilder& g, ValueId x, int axis, std::int64_t shift) {
  const auto number = [&](std::int64_t value) {
    return g.scalar(static_cast<double>(value), DType::int64);
  };
  const ValueId dims = g.add1(ops::ShapeQuery{ShapeQueryKind::shape, DType::int64}, {x});
  const ValueId n = g.squeeze(g.slice_axis(dims, 0, axis, axis + 1), 0);
  const ValueId step =
      g.binary(BinaryKind::floor_mod, number(shift), g.binary(BinaryKind::maximum, n, number(1)));
  ValueId split = g.expand_dims(g.binary(BinaryKind::sub, n, step), 0);
  const Ints zeros(static_cast<std::size_t>(axis), 0), ones(zeros.size() + 1, 1);
  if (axis > 0) split = g.concat({g.ints(zeros), split}, 0);
  const std::int64_t before = (std::int64_t{1} << axis) - 1, all = before << 1 | 1;
  const ValueId last =
      g.add1(ops::StridedSlice{before, all, 0, 0, 0}, {x, split, split, g.ints(ones)});
  const ValueId first =
      g.add1(ops::StridedSlice{all, before, 0, 0, 0}, {x, split, split, g.ints(ones)});
  return g.concat({last, first}, axis);
}

}  // namespace

// Rolling by s along an axis of n: the last s elements come first.
Results roll(OpContext& c) {
  c.expect_count(3);
  const Ints shifts = c.ints(1, "shift"), axes = c.ints(2, "axis");
  if (shifts.size() != axes.size()) {
    fail(ErrorCode::invalid_argument, "{} shifts for {} axes", shifts.size(), axes.size());
  }
  ValueId x = c.in(0);
  const int rank = c.rank(0);
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const std::int64_t axis = axes[i] < 0 ? axes[i] + rank : axes[i];
    if (axis < 0 || axis >= rank)
      fail(ErrorCode::invalid_argument, "axis {} of rank {}", axes[i], rank);
    const std::int64_t n = c.shape(0)[static_cast<int>(axis)];
    if (n == kUnknownDim) {
      x = roll_unknown(c.g, x, static_cast<int>(axis), shifts[i]);
      continue;
    }
    if (n == 0) continue;
    const std::int64_t split = n - ((shifts[i] % n) + n) % n;
    if (split == n) continue;
    x = c.g.concat(
        {slice_axis(c, x, axis, split, GraphBuilder::kToEnd), slice_axis(c, x, axis, 0, split)},
        axis);
  }
  return {x};
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

// [N, H, W, C] -> [N, H / b, W / b, b b C]
Results space_to_depth(OpContext& c) {
  c.expect_count(1);
  const bool first = c.one_of("data_format", {"NHWC", "NCHW"}) == 1;
  const std::int64_t b = c.node.integer("block_size");
  const ValueId x = first ? c.g.transpose(c.in(0), {0, 2, 3, 1}) : c.in(0);
  const Shape s = c.g.shape(x);
  if (!s.has_rank() || s.rank() != 4 || s[1] < 0 || s[2] < 0 || s[3] < 0) {
    c.refuse("an image of unknown size");
  }
  if (b < 1 || s[1] % b != 0 || s[2] % b != 0) {
    fail(ErrorCode::invalid_argument, "block_size {} does not divide {}", b, s.to_string());
  }
  constexpr auto batch = GraphBuilder::dim_of(0);
  ValueId y = c.g.reshape(x, {batch, s[1] / b, b, s[2] / b, b, s[3]});
  y = c.g.transpose(y, {0, 1, 3, 2, 4, 5});
  y = c.g.reshape(y, {batch, s[1] / b, s[2] / b, b * b * s[3]});
  return {first ? c.g.transpose(y, {0, 3, 1, 2}) : y};
}

// [N, H, W, b b C] -> [N, b H, b W, C]
Results depth_to_space(OpContext& c) {
  c.expect_count(1);
  const bool first = c.one_of("data_format", {"NHWC", "NCHW"}) == 1;
  const std::int64_t b = c.node.integer("block_size");
  const ValueId x = first ? c.g.transpose(c.in(0), {0, 2, 3, 1}) : c.in(0);
  const Shape s = c.g.shape(x);
  if (!s.has_rank() || s.rank() != 4 || s[1] < 0 || s[2] < 0 || s[3] < 0) {
    c.refuse("an image of unknown size");
  }
  if (b < 1 || b > 1 << 15 || s[3] % (b * b) != 0) {
    fail(ErrorCode::invalid_argument, "block_size {} does not divide the channels of {}", b,
         s.to_string());
  }
  constexpr auto batch = GraphBuilder::dim_of(0);
  ValueId y = c.g.reshape(x, {batch, s[1], s[2], b, b, s[3] / (b * b)});
  y = c.g.transpose(y, {0, 1, 3, 2, 4, 5});
  y = c.g.reshape(y, {batch, s[1] * b, s[2] * b, s[3] / (b * b)});
  return {first ? c.g.transpose(y, {0, 3, 1, 2}) : y};
}

// Keeps element (m, n) if m - n <= num_lower and n - m <= num_upper; a negative bound keeps all.
Results matrix_band_part(OpContext& c) {
  c.expect_count(3);
  if (c.rank(0) < 2)
    fail(ErrorCode::invalid_argument, "expected a matrix, found {}", c.shape(0).to_string());
  const std::int64_t lower = c.integer(1, "num_lower"), upper = c.integer(2, "num_upper");
  const ValueId dims = c.g.add1(ops::ShapeQuery{ShapeQueryKind::shape, DType::int64}, {c.in(0)});
  const auto indices = [&](std::int64_t axis) {
    const ValueId size =
        c.g.squeeze(c.g.slice_axis(dims, 0, c.rank(0) + axis, c.rank(0) + axis + 1), 0);
    const ValueId range =
        c.g.add1(ops::Range{}, {c.g.scalar(0, DType::int64), size, c.g.scalar(1, DType::int64)});
    return c.g.expand_dims(range, axis == -1 ? 0 : 1);
  };
  const ValueId offset = c.g.binary(BinaryKind::sub, indices(-2), indices(-1));  // m - n
  ValueId y = c.in(0);
  const ValueId zero = c.g.scalar(0, c.dtype(0));
  const auto keep = [&](BinaryKind kind, std::int64_t bound) {
    const ValueId kept = c.g.binary(kind, offset, c.g.constant(Tensor::from(Shape{}, Ints{bound})));
    y = c.g.select(kept, y, zero);
  };
  if (lower >= 0) keep(BinaryKind::less_equal, lower);
  if (upper >= 0) keep(BinaryKind::greater_equal, -upper);
  return {y};
}

}  // namespace thaw::tf::importers
