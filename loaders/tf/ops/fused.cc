// Ops that an optimiser joined: each is imported as the ops that it stands for.
#include "loaders/tf/ops/fused.h"

#include <algorithm>

#include "loaders/tf/ops/run_time_axis.h"

namespace thaw::tf {

ops::Conv channels_last_window(OpContext& c, const Ints& others) {
  const auto along_image = [&](const char* what, const Ints& entries) {
    if (entries.size() != 4 || entries[0] != 1 || entries[3] != 1) {
      c.refuse(
          fmt::format("{}=[{}]: windows over batch or channels", what, fmt::join(entries, ", ")));
    }
    if (entries[1] < 1 || entries[2] < 1) {
      fail(ErrorCode::invalid_argument, "{}=[{}]", what, fmt::join(entries, ", "));
    }
    return Ints{entries[1], entries[2]};
  };
  ops::Conv op;
  op.strides = along_image("strides", c.node.integers("strides"));
  op.dilations = along_image("window", others);
  constexpr PaddingKind kPaddings[] = {PaddingKind::valid, PaddingKind::same};
  op.padding.kind = kPaddings[c.one_of("padding", {"VALID", "SAME"})];
  return op;
}

ValueId channels_last_conv(OpContext& c, ValueId x, ValueId filter, const Ints& dilations) {
  return c.g.add1(channels_last_window(c, dilations), {x, filter});
}

}  // namespace thaw::tf

namespace thaw::tf::importers {
namespace {

/// The same node with other operands, for the importer of one of its parts.
OpContext part_of_node(OpContext& c, const std::vector<ValueId>& inputs, int kind = 0) {
  return OpContext{c.g, c.node, inputs, kind};
}

/// Activations as fused_ops and activation_mode name them; nothing for another name.
std::optional<UnaryFn> fused_activation(OpContext& c, std::string_view name) {
  struct Row {
    std::string_view name;
    UnaryFn fn;
  };
  static const Row kRows[] = {{"Relu", {UnaryKind::relu}},
                              {"Relu6", {UnaryKind::clamp, 0, 6}},
                              {"Elu", {UnaryKind::elu, 1}},
                              {"Selu", {UnaryKind::selu}},
                              {"Tanh", {UnaryKind::tanh}},
                              {"Sigmoid", {UnaryKind::sigmoid}},
                              {"GeluExact", {UnaryKind::gelu}},
                              {"GeluApproximate", {UnaryKind::gelu_tanh}},
                              {"_FusedSwish", {UnaryKind::silu}},
                              {"Swish", {UnaryKind::silu}},
                              {"_MklSwish", {UnaryKind::silu}},
                              {"_FusedHardSwish", {UnaryKind::hard_silu, 1.0 / 6, 0.5}}};
  if (name == "LeakyRelu") return UnaryFn{UnaryKind::leaky_relu, c.node.number("leakyrelu_alpha")};
  for (const Row& row : kRows) {
    if (row.name == name) return row.fn;
  }
  return std::nullopt;
}

/// Applies fused_ops to y; `at`: the first operand that is theirs. `first`: channels are axis 1.
class FusedTail {
 public:
  FusedTail(OpContext& c, int at, bool first) : c_(c), at_(at), first_(first) {}

  ValueId apply(ValueId y) {
    for (const std::string& op : c_.node.texts("fused_ops")) y = apply_one(y, op);
    // Sizes of windows that an auto-tuner found may follow; they change nothing.
    if (at_ > c_.count()) fail(ErrorCode::invalid_argument, "fused_ops need more operands");
    return y;
  }

 private:
  ValueId apply_one(ValueId y, const std::string& op) {
    GraphBuilder& g = c_.g;
    if (op == "BiasAdd") return g.binary(BinaryKind::add, y, channels(next(), y));
    if (op == "Add") return g.binary(BinaryKind::add, y, next());
    if (op == "FusedBatchNorm") return batch_norm(y);
    const auto fn = fused_activation(c_, op);
    if (!fn) c_.refuse(fmt::format("fused_ops with '{}'", printable(op)));
    return g.unary(*fn, y);
  }

  ValueId next() { return c_.in(at_++); }

  ValueId channels(ValueId vector, ValueId y) const {
    if (!first_) return vector;
    const Shape& shape = c_.g.shape(y);
    if (!shape.has_rank()) c_.refuse("an image of unknown rank");
    Ints axes;
    for (int axis = 1; axis < shape.rank() - 1; ++axis) axes.push_back(axis);
    return axes.empty() ? vector : c_.g.add1(ops::ExpandDims{axes}, {vector});
  }

  // scale, offset, mean, variance
  ValueId batch_norm(ValueId y) {
    GraphBuilder& g = c_.g;
    const ValueId scale = next(), offset = next(), mean = next(), variance = next();
    const DType dtype = g.dtype(y);
    const ValueId epsilon = g.scalar(c_.node.number("epsilon"), dtype);
    const auto same = [&](ValueId x) { return g.cast(x, dtype); };
    const ValueId inverse =
        g.unary({UnaryKind::rsqrt}, g.binary(BinaryKind::add, same(variance), epsilon));
    const ValueId factor = g.binary(BinaryKind::mul, same(scale), inverse);
    const ValueId summand =
        g.binary(BinaryKind::sub, same(offset), g.binary(BinaryKind::mul, same(mean), factor));
    return g.binary(BinaryKind::add, g.binary(BinaryKind::mul, y, channels(factor, y)),
                    channels(summand, y));
  }

  OpContext& c_;
  int at_;
  bool first_;
};

bool is_channels_first(OpContext& c) { return c.node.text("data_format").starts_with("NC"); }

}  // namespace

Results fused_matmul(OpContext& c) {
  const std::vector<ValueId> operands{c.in(0), c.in(1)};
  OpContext product = part_of_node(c, operands);
  return {FusedTail(c, 2, false).apply(matmul(product)[0])};
}

Results fused_conv(OpContext& c) {
  c.one_of("filter_format", {"HWIO"});
  const std::vector<ValueId> operands{c.in(0), c.in(1)};
  OpContext convolution = part_of_node(c, operands, 2);
  return {FusedTail(c, 2, is_channels_first(c)).apply(conv(convolution)[0])};
}

Results fused_depthwise_conv(OpContext& c) {
  const std::vector<ValueId> operands{c.in(0), c.in(1)};
  OpContext convolution = part_of_node(c, operands);
  return {FusedTail(c, 2, is_channels_first(c)).apply(depthwise_conv(convolution)[0])};
}

// (x, scale, offset, mean, variance, [side input]): normalised, plus the side input, activated.
Results fused_batch_norm_ex(OpContext& c) {
  c.expect_count(5, 6);
  const std::vector<ValueId> operands(c.inputs.begin(), c.inputs.begin() + 5);
  OpContext norm = part_of_node(c, operands);
  Results results = fused_batch_norm(norm);
  if (c.count() == 6) results[0] = c.g.binary(BinaryKind::add, results[0], c.in(5));
  const std::string mode = c.node.text("activation_mode");
  if (mode == "Identity") return results;
  const auto fn = fused_activation(c, mode);
  if (!fn) c.refuse(fmt::format("attribute activation_mode={}", printable(mode)));
  results[0] = c.g.unary(*fn, results[0]);
  return results;
}

// kind 0: (input, paddings, filter); 1: (input, size, paddings, filter), resized bilinearly first.
Results fused_pad_conv(OpContext& c) {
  c.expect_count(c.kind == 0 ? 3 : 4);
  constexpr PadMode kModes[] = {PadMode::reflect, PadMode::symmetric};
  ValueId x = c.in(0);
  if (c.kind == 1) {
    ops::Resize resize;
    resize.method = ResizeMethod::bilinear;
    resize.align_corners = c.node.flag("resize_align_corners");
    x = c.g.cast(c.g.add1(resize, {c.g.cast(x, DType::float32), c.in(1)}), c.dtype(0));
  }
  x = c.g.add1(ops::Pad{kModes[c.one_of("mode", {"REFLECT", "SYMMETRIC"})]},
               {x, c.in(c.count() - 2)});
  return {channels_last_conv(c, x, c.in(c.count() - 1), {1, 1, 1, 1})};
}

// Elementwise ops one after the other, by name.
Results unary_chain(OpContext& c) {
  c.expect_count(1);
  std::vector<ValueId> value{c.in(0)};
  for (const std::string& op : c.node.texts("op_names")) {
    const OpRow* row = find_op(op);
    if (row == nullptr || (row->import != unary && row->import != relu6)) {
      c.refuse(fmt::format("op_names with '{}'", printable(op)));
    }
    OpContext step = part_of_node(c, value, row->kind);
    value = row->import(step);
  }
  return {value[0]};
}

namespace {

/// Where each letter of the old layout stands in the new one.
Ints format_map(OpContext& c, const std::string& from, const std::string& to) {
  if (from.size() != to.size() || (from.size() != 4 && from.size() != 5)) {
    c.refuse(fmt::format("layouts '{}' and '{}'", printable(from), printable(to)));
  }
  Ints map;
  for (const char letter : from) {
    const std::size_t at = to.find(letter);
    if (at == to.npos || from.find(letter) != from.rfind(letter)) {
      c.refuse(fmt::format("layouts '{}' and '{}'", printable(from), printable(to)));
    }
    map.push_back(static_cast<std::int64_t>(at));
  }
  return map;
}

}  // namespace

// (axes) -> (axes): negative ones count from the end.
Results data_format_dim_map(OpContext& c) {
  c.expect_count(1);
  const std::string from = c.node.text("src_format");
  const Ints map = format_map(c, from, c.node.text("dst_format"));
  GraphBuilder& g = c.g;
  const auto rank = static_cast<double>(map.size());
  const ValueId table = g.cast(g.ints(map), c.dtype(0));
  return {g.gather(table, g.binary(BinaryKind::floor_mod, c.in(0), g.scalar(rank, c.dtype(0))))};
}

namespace {

void leave_out_batch_and_channels(std::string& format) {
  std::erase_if(format, [](char letter) { return letter == 'N' || letter == 'C'; });
}

Ints order_of_letters(const std::string& from, const std::string& to) {
  Ints order;
  for (const char letter : to) order.push_back(static_cast<std::int64_t>(from.find(letter)));
  return order;
}

// For a number of entries that is computed: the order of all axes, behind it that of an image's.
Results permute_at_run_time(OpContext& c, std::string from, std::string to) {
  GraphBuilder& g = c.g;
  Ints orders = order_of_letters(from, to);
  const auto axes = static_cast<std::int64_t>(orders.size());
  leave_out_batch_and_channels(from);
  leave_out_batch_and_channels(to);
  const Ints inner = order_of_letters(from, to);
  orders.insert(orders.end(), inner.begin(), inner.end());
  const ValueId count = run_time_part(g, run_time_dims(g, c.in(0)), g.ints({0}), g.ints({1}));
  const ValueId is_whole = g.binary(BinaryKind::equal, count, g.ints({axes}));
  const ValueId is_inner = g.binary(BinaryKind::equal, count, g.ints({axes - 2}));
  check_at_run_time(g, "entries that do not fit the layout",
                    g.binary(BinaryKind::logical_or, is_whole, is_inner));
  const ValueId begin = g.select(is_whole, g.ints({0}), g.ints({axes}));
  const ValueId order =
      run_time_part(g, g.ints(orders), begin, g.binary(BinaryKind::add, begin, count));
  return {refine_like(g, g.gather(c.in(0), order), c.in(0))};
}

}  // namespace

// (x [n] or [n, 2]) -> (y): what stands by axis, in the order of the other layout; n may leave out
// batch and channels.
Results data_format_vec_permute(OpContext& c) {
  c.expect_count(1);
  std::string from = c.node.text("src_format"), to = c.node.text("dst_format");
  const Shape& x = c.shape(0);
  format_map(c, from, to);
  if (!x.has_rank() || x.rank() < 1 || x[0] < 0) return permute_at_run_time(c, from, to);
  if (x[0] + 2 == static_cast<std::int64_t>(from.size())) {
    leave_out_batch_and_channels(from);
    leave_out_batch_and_channels(to);
  }
  if (x[0] != static_cast<std::int64_t>(from.size())) {
    fail(ErrorCode::invalid_argument, "{} entries for the layout '{}'", x[0], printable(from));
  }
  return {c.g.gather(c.in(0), c.g.ints(order_of_letters(from, to)))};
}

}  // namespace thaw::tf::importers
