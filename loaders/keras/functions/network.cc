// Functions of tf.nn: softmax, convolutions, pooling, normalisation, losses.
#include <algorithm>
#include <cmath>

#include "loaders/keras/functions/function_call.h"
#include "loaders/keras/layers/layers.h"
#include "loaders/keras/operations/shared.h"

namespace thaw::keras {
namespace {

using Ints = std::vector<std::int64_t>;

Results softmax(OpCall& c, const FunctionRow& row) {
  const Expr x = c.tensor("logits");
  const Operand* given = first_of(c, {"axis", "dim"});
  const std::int64_t axis = given == nullptr ? -1 : given->value.integer();
  return {c.expr(c.g.add1(ops::Softmax{{c.normal(axis, x.rank())}, row.kind == 1}, {x}))};
}

bool channels_first(OpCall& c) {
  const std::string format = c.text("data_format", "N...C");
  return format.size() > 1 && format[1] == 'C';
}

Expr to_last(Expr x, bool first) { return first ? x.with(channels_to_last(x, *x.g)) : x; }
Expr back(Expr x, bool first) { return first ? x.with(channels_to_first(x, *x.g)) : x; }

// A number, one per spatial axis, or one per axis of the tensor.
Ints spatial(OpCall& c, std::initializer_list<const char*> names, std::size_t rank, bool first,
             std::int64_t otherwise) {
  for (const char* name : names) {
    std::optional<Axes> given = c.ints(name);
    if (!given) continue;
    if (given->size() == 1) given->resize(rank, given->at(0));
    if (given->size() == rank + 2) {
      const auto begin = given->begin() + (first ? 2 : 1);
      const bool plain = given->at(0) == 1 && (first ? given->at(1) : given->back()) == 1;
      if (!plain) c.unsupported("a window over batch or channels");
      *given = Axes(begin, begin + static_cast<std::ptrdiff_t>(rank));
    }
    if (given->size() != rank) c.bad(std::string(name) + " has another rank");
    for (std::int64_t size : *given) {
      if (size < 1 || size > (std::int64_t{1} << 31)) c.bad(std::string(name) + " is out of range");
    }
    return *given;
  }
  return Ints(rank, otherwise);
}

Padding padding_of(OpCall& c, std::size_t rank, bool first) {
  const Operand& operand = c.need("padding");
  Padding padding;
  if (operand.value.is_string()) {
    const std::string name = operand.value.string();
    if (name != "SAME" && name != "VALID" && name != "same" && name != "valid")
      c.unsupported("padding=" + name);
    padding.kind = name[0] == 'S' || name[0] == 's' ? PaddingKind::same : PaddingKind::valid;
    return padding;
  }
  const Tensor widths = constant_tensor(operand.value, DType::int64);
  if (widths.shape().rank() != 2 || widths.shape()[0] != static_cast<std::int64_t>(rank) + 2 ||
      widths.shape()[1] != 2)
    c.bad("padding must be a name or two widths per axis");
  padding.kind = PaddingKind::explicit_;
  const std::int64_t* values = widths.data<std::int64_t>();
  for (std::size_t i = 0; i < rank; ++i) {
    const std::size_t axis = i + (first ? 2 : 1);
    if (values[2 * axis] < 0 || values[2 * axis + 1] < 0) c.bad("a negative padding");
    padding.before.push_back(values[2 * axis]);
    padding.after.push_back(values[2 * axis + 1]);
  }
  return padding;
}

Expr input_of(OpCall& c) { return c.tensor(need_first(c, {"input", "value", "x"})); }

std::size_t spatial_rank_of(OpCall& c, Expr x, const FunctionRow& row) {
  const int rank = row.kind % 10 > 0 ? row.kind % 10 : x.rank() - 2;
  if (rank < 1 || rank > 3 || x.rank() != rank + 2) c.bad("an input of another rank");
  return static_cast<std::size_t>(rank);
}

Results convolution(OpCall& c, const FunctionRow& row) {
  const Expr input = input_of(c);
  const Expr kernel = c.tensor(need_first(c, {"filters", "filter"}), input.dtype());
  const std::size_t rank = spatial_rank_of(c, input, row);
  const bool first = channels_first(c);
  const Expr x = to_last(input, first);
  const std::int64_t channels = x.dim(x.rank() - 1), depth = kernel.dim(kernel.rank() - 2);
  if (channels == kUnknownDim || depth < 1 || channels % depth != 0)
    c.bad("the kernel does not fit the channels");
  const ops::Conv op{spatial(c, {"strides", "stride"}, rank, first, 1),
                     spatial(c, {"dilations", "dilation_rate", "rate"}, rank, first, 1),
                     padding_of(c, rank, first),
                     channels / depth,
                     {}};
  return {back(c.expr(c.g.add1(op, {x, kernel})), first)};
}

Expr depthwise(OpCall& c, Expr x, Expr kernel, bool first) {
  Ints sizes = kernel.shape().dims();
  const std::int64_t channels = x.dim(x.rank() - 1);
  if (sizes.size() != 4 || !kernel.shape().is_static() || sizes[2] != channels)
    c.bad("the kernel does not fit the channels");
  sizes[3] *= channels;
  sizes[2] = 1;
  const ops::Conv op{spatial(c, {"strides"}, 2, first, 1),
                     spatial(c, {"dilations", "rate"}, 2, first, 1),
                     padding_of(c, 2, first),
                     channels,
                     {}};
  return c.expr(c.g.add1(op, {x, reshape(kernel, sizes)}));
}

Results depthwise_conv(OpCall& c, const FunctionRow&) {
  const bool first = channels_first(c);
  const Expr x = to_last(input_of(c), first);
  return {back(depthwise(c, x, c.tensor("filter", x.dtype()), first), first)};
}

Results separable_conv(OpCall& c, const FunctionRow&) {
  const bool first = channels_first(c);
  const Expr x = to_last(input_of(c), first);
  const Expr middle = depthwise(c, x, c.tensor("depthwise_filter", x.dtype()), first);
  const ops::Conv point{{1, 1}, {1, 1}, Padding{}, 1, {}};
  const Expr kernel = c.tensor("pointwise_filter", x.dtype());
  return {back(c.expr(c.g.add1(point, {middle, kernel})), first)};
}

Results conv_transpose(OpCall& c, const FunctionRow& row) {
  const Expr input = input_of(c);
  const Expr kernel = c.tensor(need_first(c, {"filters", "filter"}), input.dtype());
  const std::size_t rank = spatial_rank_of(c, input, row);
  const bool first = channels_first(c);
  const Expr shape = int_vector(c, c.need("output_shape"));
  const std::int64_t begin = shape.dim(0) == static_cast<std::int64_t>(rank) ? 0 : first ? 2 : 1;
  // TensorFlow's importer knows the sizes in a partly known shape.
  const Expr sizes =
      c.tensorflow1("StridedSlice", {shape, c.ints_constant({begin}),
                                     c.ints_constant({begin + static_cast<std::int64_t>(rank)}),
                                     c.ints_constant({1})});
  const ops::ConvTranspose op{spatial(c, {"strides"}, rank, first, 1),
                              spatial(c, {"dilations"}, rank, first, 1),
                              padding_of(c, rank, first)};
  return {back(c.expr(c.g.add1(op, {to_last(input, first), kernel, sizes})), first)};
}

// kind: the spatial rank, and 10 for the average.
Results pool(OpCall& c, const FunctionRow& row) {
  const Expr input = input_of(c);
  const std::size_t rank = spatial_rank_of(c, input, row);
  const bool first = channels_first(c);
  ops::Pool op;
  bool average = row.kind >= 10;
  if (c.has("pooling_type")) average = c.text("pooling_type", "MAX") == "AVG";
  op.kind = average ? PoolKind::average : PoolKind::max;
  op.window = spatial(c, {"ksize", "window_shape"}, rank, first, 1);
  op.strides = spatial(c, {"strides"}, rank, first, 1);
  op.padding = padding_of(c, rank, first);
  for (std::int64_t rate : spatial(c, {"dilations", "dilation_rate"}, rank, first, 1)) {
    if (rate != 1) c.unsupported("dilated pooling");
  }
  return {back(c.expr(c.g.add1(op, {to_last(input, first)})), first)};
}

Results bias_add(OpCall& c, const FunctionRow&) {
  const Expr x = c.tensor("value");
  const Expr bias = c.tensor("bias", x.dtype());
  if (!channels_first(c)) return {x + bias};
  Ints sizes(static_cast<std::size_t>(x.rank()) - 1, 1);
  sizes[0] = -1;
  return {x + reshape(bias, sizes)};
}

Results batch_normalization(OpCall& c, const FunctionRow&) {
  const Expr x = c.tensor("x");
  const auto parameter = [&](const char* name) { return c.tensor(name, x.dtype()); };
  Expr inverse = unary(UnaryKind::rsqrt, parameter("variance") + c.real("variance_epsilon", 1e-3));
  if (c.has("scale")) inverse = inverse * parameter("scale");
  Expr shift = -(parameter("mean") * inverse);
  if (c.has("offset")) shift = parameter("offset") + shift;
  return {x * inverse + shift};
}

Results local_response(OpCall& c, const FunctionRow& row) {
  return {c.tensorflow1(row.op, {input_of(c)},
                        {{"depth_radius", c.integer("depth_radius", 5)},
                         {"bias", c.real("bias", 1)},
                         {"alpha", c.real("alpha", 1)},
                         {"beta", c.real("beta", 0.5)}})};
}

Results l2_loss(OpCall& c, const FunctionRow&) {
  const Expr x = c.tensor("t");
  return {reduce(ReduceKind::sum, square(x), all_axes(x), false) / 2.0};
}

// At inference Keras asks for a rate of zero or writes a layer; anything else is random.
Results dropout(OpCall& c, const FunctionRow&) {
  const bool none =
      (c.has("rate") && c.real("rate") == 0) || (c.has("keep_prob") && c.real("keep_prob") == 1);
  if (!none) c.unsupported("TensorFlow function nn.dropout, which draws random numbers");
  return {c.tensor("x")};
}

// ---- losses ----
Results sigmoid_loss(OpCall& c, const FunctionRow&) {
  const auto [x, labels] = matched(c, c.need("logits"), c.need("labels"));
  return {unary(UnaryKind::relu, x) - x * labels + unary(UnaryKind::log1p, exp(-absolute(x)))};
}

Results softmax_loss(OpCall& c, const FunctionRow&) {
  const auto [x, labels] = matched(c, c.need("logits"), c.need("labels"));
  const Operand* given = first_of(c, {"axis", "dim"});
  const int axis = c.normal(given == nullptr ? -1 : given->value.integer(), x.rank());
  const Expr logs = c.expr(c.g.add1(ops::Softmax{{axis}, true}, {x}));
  return {-reduce(ReduceKind::sum, labels * logs, {axis}, false)};
}

Results sparse_loss(OpCall& c, const FunctionRow&) {
  const Expr x = c.tensor("logits"), labels = c.tensor("labels");
  const int last = x.rank() - 1;
  const Expr logs = c.expr(c.g.add1(ops::Softmax{{last}, true}, {x}));
  return {-squeeze(gather(logs, expand(labels, last), last, last), last)};
}

}  // namespace

std::span<const FunctionRow> network_functions() {
  static constexpr FunctionRow kRows[] = {
      {"nn.avg_pool", "input ksize strides padding data_format", pool, "", 10},
      {"nn.avg_pool1d", "input ksize strides padding data_format", pool, "", 11},
      {"nn.avg_pool2d", "input ksize strides padding data_format", pool, "", 12},
      {"nn.avg_pool3d", "input ksize strides padding data_format", pool, "", 13},
      {"nn.batch_normalization", "x mean variance offset scale variance_epsilon",
       batch_normalization},
      {"nn.bias_add", "value bias data_format", bias_add},
      {"nn.conv1d", "input filters stride padding data_format dilations", convolution, "", 1},
      {"nn.conv1d_transpose", "input filters output_shape strides padding data_format dilations",
       conv_transpose, "", 1},
      {"nn.conv2d", "input filters strides padding data_format dilations", convolution, "", 2},
      {"nn.conv2d_transpose", "input filters output_shape strides padding data_format dilations",
       conv_transpose, "", 2},
      {"nn.conv3d", "input filters strides padding data_format dilations", convolution, "", 3},
      {"nn.conv3d_transpose", "input filters output_shape strides padding data_format dilations",
       conv_transpose, "", 3},
      {"nn.conv_transpose", "input filters output_shape strides padding data_format dilations",
       conv_transpose, "", 0},
      {"nn.convolution", "input filters strides padding data_format dilations", convolution, "", 0},
      {"nn.depthwise_conv2d", "input filter strides padding data_format dilations", depthwise_conv},
      {"nn.dropout", "x rate", dropout},
      {"nn.l2_loss", "t", l2_loss},
      {"nn.local_response_normalization", "input depth_radius bias alpha beta", local_response,
       "LRN"},
      {"nn.log_softmax", "logits axis", softmax, "", 1},
      {"nn.lrn", "input depth_radius bias alpha beta", local_response, "LRN"},
      {"nn.max_pool", "input ksize strides padding data_format", pool, "", 0},
      {"nn.max_pool1d", "input ksize strides padding data_format", pool, "", 1},
      {"nn.max_pool2d", "input ksize strides padding data_format", pool, "", 2},
      {"nn.max_pool3d", "input ksize strides padding data_format", pool, "", 3},
      {"nn.pool", "input window_shape pooling_type strides padding data_format dilations", pool, "",
       0},
      {"nn.separable_conv2d",
       "input depthwise_filter pointwise_filter strides padding data_format dilations",
       separable_conv},
      {"nn.sigmoid_cross_entropy_with_logits", "labels logits", sigmoid_loss},
      {"nn.softmax", "logits axis", softmax, "", 0},
      {"nn.softmax_cross_entropy_with_logits", "labels logits axis", softmax_loss},
      {"nn.softmax_cross_entropy_with_logits_v2", "labels logits axis", softmax_loss},
      {"nn.sparse_softmax_cross_entropy_with_logits", "labels logits", sparse_loss},
  };
  return kRows;
}

}  // namespace thaw::keras
