// Copies of tensors with parts replaced, and the older forms of a few ops.
#include "loaders/tf/ops/bad_indices.h"
#include "loaders/tf/ops/fused.h"
#include "loaders/tf/ops/numeric.h"
#include "loaders/tf/ops/run_time_axis.h"

namespace thaw::tf {

ValueId update_slice(OpContext& c, ValueId whole, ValueId begin, ValueId end, ValueId strides,
                     ValueId value) {
  GraphBuilder& g = c.g;
  const auto dims_of = [&](ValueId x) {
    return g.add1(ops::ShapeQuery{ShapeQueryKind::shape, DType::int64}, {x});
  };
  const ValueId size = g.add1(ops::ShapeQuery{ShapeQueryKind::size, DType::int64}, {whole});
  const auto number = [&](double n) { return g.scalar(n, DType::int64); };
  const ValueId flat = g.add1(ops::Range{}, {number(0), size, number(1)});
  // Where each element that the slice takes stands in the whole.
  const ops::StridedSlice op{c.node.integer("begin_mask"), c.node.integer("end_mask"),
                             c.node.integer("ellipsis_mask"), c.node.integer("new_axis_mask"),
                             c.node.integer("shrink_axis_mask")};
  const ValueId positions =
      g.add1(op, {g.add1(ops::Reshape{}, {flat, dims_of(whole)}), begin, end, strides});
  const ValueId values = g.add1(ops::BroadcastTo{}, {value, dims_of(positions)});
  const ValueId updated =
      g.add1(ops::Scatter{ScatterKind::update},
             {g.reshape(whole, {-1}), g.reshape(positions, {-1, 1}), g.reshape(values, {-1})});
  return g.add1(ops::Reshape{}, {updated, dims_of(whole)});
}

namespace importers {

Results tensor_scatter_sub(OpContext& c) {
  c.expect_count(3);
  ValueId indices = c.in(1), updates = c.in(2);
  if (ignores_bad_indices(c)) {
    keep_good_updates(c.g, run_time_dims(c.g, c.in(0)), indices, updates);
  }
  const ValueId negative = c.g.unary({UnaryKind::neg}, updates);
  return {c.g.add1(ops::Scatter{ScatterKind::add}, {c.in(0), indices, negative})};
}

// (input, begin, end, strides, value)
Results strided_slice_update(OpContext& c) {
  c.expect_count(5);
  return {update_slice(c, c.in(0), c.in(1), c.in(2), c.in(3), c.in(4))};
}

// (indices scalar or [n], dims [rank]) -> ([rank] or [rank, n]): places in a tensor of these
// dimensions.
Results unravel_index(OpContext& c) {
  c.expect_count(2);
  GraphBuilder& g = c.g;
  if (c.rank(0) > 1) {
    fail(ErrorCode::invalid_argument, "indices {}: expected a scalar or a vector",
         c.shape(0).to_string());
  }
  // Elements of a step of each axis, without and with the axis itself.
  ops::Scan scan{ScanKind::prod, 0, true, true};
  const ValueId dims = c.vector(1);
  ValueId inner = g.add1(scan, {dims});
  scan.exclusive = false;
  ValueId outer = g.add1(scan, {dims});
  const ValueId all = g.reduce(ReduceKind::prod, dims, {0}, false);
  g.add(ops::Assert{"index is out of bound as with dims"},
        {g.reduce(ReduceKind::all, g.binary(BinaryKind::less, g.reshape(c.in(0), {-1}), all), {0},
                  false)},
        0);
  if (c.rank(0) == 1) {
    inner = g.expand_dims(inner, 1);
    outer = g.expand_dims(outer, 1);
  }
  return {g.binary(BinaryKind::truncate_div, g.binary(BinaryKind::truncate_mod, c.in(0), outer),
                   inner)};
}

Results parse_tensor(OpContext& c) {
  c.expect_count(1);
  return {c.g.add1(ops::HostCall{"parse_tensor", {{"dtype", c.node.type("out_type")}}, nullptr},
                   {c.in(0)})};
}

Results serialize_tensor(OpContext& c) {
  c.expect_count(1);
  return {c.g.add1(ops::HostCall{"serialize_tensor", {}, nullptr}, {c.in(0)})};
}

// TensorFlow Text's. kind: 0 a normal form, 1 letters without their case
Results normalize_text(OpContext& c) {
  c.expect_count(1);
  std::string form = "NFKC_Casefold";
  if (c.kind == 0) {
    c.one_of("normalization_form", {"NFC", "NFD", "NFKC", "NFKD"});
    form = c.node.text("normalization_form");
  }
  return {c.g.add1(ops::HostCall{"string_normalize", {{"form", form}}, nullptr}, {c.in(0)})};
}

// Elements without a value are zeros here.
Results empty(OpContext& c) {
  c.expect_count(1);
  const DType dtype = c.node.type("dtype");
  const ValueId value = dtype == DType::string
                            ? c.g.constant(Tensor::from(Shape{}, std::vector<std::string>{""}))
                            : c.g.scalar(0, dtype);
  return {c.g.add1(ops::BroadcastTo{}, {value, c.in(0)})};
}

// (input_sizes, filter [H, W, C, M], out_backprop): each channel is a transposed convolution of its
// own; as one of all channels its filter has zeros between the channels.
Results depthwise_conv_backprop(OpContext& c) {
  c.expect_count(3);
  const Shape filter = c.shape(1);
  if (!filter.is_static()) c.refuse("a filter of unknown shape");
  if (filter.rank() != 4) fail(ErrorCode::invalid_argument, "filter {}", filter.to_string());
  const std::int64_t channels = filter[2], each = filter[3];
  if (channels > 4096 || each > 4096 || channels * channels * each > (std::int64_t{1} << 24)) {
    c.refuse(fmt::format("a filter of shape {}", filter.to_string()));
  }
  std::vector<float> own(static_cast<std::size_t>(channels * channels * each), 0.0F);
  for (std::int64_t i = 0; i < channels * each; ++i) {
    own[static_cast<std::size_t>(i / each * channels * each + i)] = 1;
  }
  GraphBuilder& g = c.g;
  const ValueId mask =
      g.cast(g.constant(Tensor::from(Shape{channels, channels * each}, own)), c.dtype(1));
  const ValueId flat = g.reshape(c.in(1), {filter[0], filter[1], 1, channels * each});
  const std::vector<ValueId> operands{c.in(0), g.binary(BinaryKind::mul, flat, mask), c.in(2)};
  OpContext dense{g, c.node, operands, 2};
  return conv_backprop(dense);
}

// (x [..., N, N]) -> ([..., N + 1, N]): eigenvalues in the first row, vectors below.
Results self_adjoint_eig_joined(OpContext& c) {
  c.expect_count(1);
  const std::vector<ValueId> parts =
      c.g.add(ops::HostCall{"self_adjoint_eig", {{"compute_v", true}}, nullptr}, {c.in(0)}, 2);
  return {c.g.concat({c.g.expand_dims(parts[0], -2), parts[1]}, -2)};
}

}  // namespace importers
}  // namespace thaw::tf
