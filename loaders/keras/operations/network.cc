// Normalisation, attention and losses as operations of Keras 3.
#include <cmath>

#include "loaders/keras/operations/shared.h"
#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

using U = UnaryKind;

constexpr double kEpsilon = 1e-7;  // keras.backend.epsilon() unless the user changes it

// ---- normalisation ----
Expr normalize(OpCall& c) {
  Expr x = c.tensor("x");
  if (x.rank() == 0) x = expand(x, 0);
  const std::int64_t order = c.integer("order", 2);
  const double epsilon = c.real("epsilon", kEpsilon);
  if (order < 1) c.bad("order must be positive");
  const Json* stated = c.layer.config.config.find("axis");
  const Axes axes =
      !c.has("axis") && stated == nullptr ? Axes{x.rank() - 1} : c.axes("axis", x.rank());
  if (order == 2) {
    const Expr sum = reduce(ReduceKind::sum, square(x), axes, true);
    return x * minimum(unary(U::rsqrt, sum), 1.0 / epsilon);
  }
  return x / maximum(norm_of(c, x, c.find("order"), axes, true), epsilon);
}

// A vector of parameters against the axes that are normalised.
Expr spread(Expr parameter, Expr x, const Axes& axes) {
  if (parameter.rank() == x.rank() || (axes.size() == 1 && axes[0] == x.rank() - 1))
    return parameter;
  Axes sizes(static_cast<std::size_t>(x.rank()), 1);
  for (std::int64_t axis : axes) {
    const std::int64_t size = x.dim(static_cast<int>(axis));
    sizes[static_cast<std::size_t>(axis)] = size == kUnknownDim ? GraphBuilder::dim_of(axis) : size;
  }
  return reshape_like(parameter, x, sizes);
}

Axes last_axes(OpCall& c, Expr x) {
  return c.has("axis") ? c.axes("axis", x.rank()) : Axes{x.rank() - 1};
}

Expr rms_norm(OpCall& c) {
  Expr x = c.tensor("x");
  const DType dtype = x.dtype();
  x = cast(x, result_type(dtype, DType::float32));
  if (x.rank() == 0) x = expand(x, 0);
  const Expr mean = reduce(ReduceKind::mean, square(x), last_axes(c, x), true);
  Expr y = x * unary(U::rsqrt, mean + c.real("epsilon", kEpsilon));
  if (c.has("scale")) y = y * c.tensor("scale", x.dtype());
  return cast(y, dtype);
}

Expr layer_norm(OpCall& c) {
  Expr x = c.tensor("x");
  const DType dtype = x.dtype();
  x = cast(x, result_type(dtype, DType::float32));
  const Axes axes = last_axes(c, x);
  const Expr mean = reduce(ReduceKind::mean, x, axes, true);
  Expr inverse = unary(U::rsqrt, variance(x, axes, true) + c.real("epsilon", kEpsilon));
  if (c.has("gamma")) inverse = inverse * spread(c.tensor("gamma", x.dtype()), x, axes);
  Expr y = x * inverse;
  if (!c.flag("rms_scaling", false)) {
    y = (x - mean) * inverse;
    if (c.has("beta")) y = y + spread(c.tensor("beta", x.dtype()), x, axes);
  }
  return cast(y, dtype);
}

Expr batch_norm(OpCall& c) {
  const Expr x = c.tensor("x");
  const int axis = c.axis("axis", x.rank(), -1);
  const auto parameter = [&](const char* name) { return spread(c.tensor(name), x, {axis}); };
  Expr inverse = unary(U::rsqrt, parameter("variance") + c.real("epsilon", 1e-3));
  if (c.has("scale")) inverse = inverse * parameter("scale");
  Expr shift = -(parameter("mean") * inverse);
  if (c.has("offset")) shift = parameter("offset") + shift;
  return x * cast(inverse, x.dtype()) + cast(shift, x.dtype());
}

Expr signal_to_noise(OpCall& c) {
  const Expr x = c.tensor("x1"), y = c.tensor("x2");
  const Expr error = reduce(ReduceKind::mean, square(x - y), all_axes(x), false);
  return 20.0 * std::log10(c.real("max_val")) - 10.0 * (log(error) / std::log(10.0));
}

// ---- attention ----
Expr repeat_heads(Expr x, std::int64_t times) {
  Axes sizes = sizes_of(x), multiples{1, 1, 1, times, 1};
  sizes[2] *= times;
  const ValueId tiled = x.g->add1(ops::Tile{}, {expand(x, 3), x.with(x.g->ints(multiples))});
  return reshape_like(x.with(tiled), x, sizes);
}

Expr attention(OpCall& c) {
  if (c.has("flash_attention") && c.flag("flash_attention", false))
    c.unsupported("flash_attention=True");
  Expr query = c.tensor("query"), key = c.tensor("key"), value = c.tensor("value");
  if (query.rank() != 4 || key.rank() != 4 || value.rank() != 4) c.bad("expected 4 dimensions");
  const DType compute = result_type(
      {ArgumentType{query.dtype()}, ArgumentType{key.dtype()}, ArgumentType{value.dtype()}});
  query = cast(query, compute);
  key = cast(key, compute);
  value = cast(value, compute);
  const std::int64_t heads = query.dim(2), key_heads = key.dim(2);
  if (heads > key_heads && key_heads > 1) {
    key = repeat_heads(key, heads / key_heads);
    value = repeat_heads(value, heads / key_heads);
  }
  const DType wide = result_type(compute, DType::float32);
  Expr logits = cast(c.expr(c.g.add1(ops::Einsum{"btnh,bsnh->bnts"}, {query, key})), wide);
  const Expr scale = c.has("scale")
                         ? c.tensor("scale", wide)
                         : cast(unary(U::rsqrt, size_of_axis(key, 3, DType::float32)), wide);
  logits = logits * scale;
  if (c.has("bias")) logits = logits + c.tensor("bias", wide);
  const double lowest = wide == DType::float16 ? 65500.0 * -0.7 : 3.38953e38 * -0.7;
  if (c.has("mask")) logits = select(c.tensor("mask", DType::boolean), logits, lowest);
  if (c.flag("is_causal", false))
    logits = select(diagonal_test(logits, BinaryKind::less_equal, 0), logits, lowest);
  const Expr probabilities = cast(c.expr(c.g.add1(ops::Softmax{{3}, false}, {logits})), compute);
  return c.expr(c.g.add1(ops::Einsum{"bnts,bsnh->btnh"}, {probabilities, value}));
}

// ---- losses ----

// What went into the sigmoid or softmax that gave x: Keras computes losses from that instead.
std::optional<Expr> logits_behind(Expr x, bool softmax) {
  const Graph& graph = x.g->graph();
  const NodeId producer = graph.values[static_cast<std::size_t>(x.id)].producer;
  if (producer == kNoNode) return std::nullopt;
  const Node& node = graph.nodes[static_cast<std::size_t>(producer)];
  const auto* unary_op = std::get_if<ops::Unary>(&node.op);
  const auto* softmax_op = std::get_if<ops::Softmax>(&node.op);
  const bool found = softmax ? softmax_op != nullptr && !softmax_op->log
                             : unary_op != nullptr && unary_op->fn == UnaryFn{U::sigmoid, 0, 0};
  return found ? std::optional(x.with(node.inputs[0])) : std::nullopt;
}

Expr probability(Expr x) { return clip(x, x.number(kEpsilon), x.number(1 - kEpsilon)); }

Expr binary_crossentropy(OpCall& c) {
  const Expr output = c.tensor("output");
  const Expr target = c.tensor("target", output.dtype());
  const std::optional<Expr> behind = logits_behind(output, false);
  if (behind || c.flag("from_logits", false)) {
    const Expr x = behind.value_or(output);
    const Expr log_term = unary(U::log1p, exp(-absolute(x)));
    return unary(U::relu, x) - x * target + log_term;
  }
  const Expr p = probability(output);
  return -(target * log(p) + (1.0 - target) * log(1.0 - p));
}

Expr categorical_crossentropy(OpCall& c) {
  const Expr output = c.tensor("output");
  const Expr target = c.tensor("target", output.dtype());
  const int axis = c.axis("axis", output.rank(), -1);
  const std::optional<Expr> behind = logits_behind(output, true);
  Expr logs = output;
  if (behind || c.flag("from_logits", false)) {
    logs = c.expr(c.g.add1(ops::Softmax{{axis}, true}, {behind.value_or(output)}));
  } else {
    logs = log(probability(output / reduce(ReduceKind::sum, output, {axis}, true)));
  }
  return -reduce(ReduceKind::sum, target * logs, {axis}, false);
}

Expr sparse_crossentropy(OpCall& c) {
  const Expr output = c.tensor("output");
  const int last = output.rank() - 1;
  if (c.axis("axis", output.rank(), -1) != last) c.unsupported("an axis that is not the last");
  Expr target = c.tensor("target", DType::int64);
  if (target.rank() == output.rank() && target.dim(last) == 1) target = squeeze(target, last);
  if (target.rank() != last) c.bad("target must have one dimension less than output");
  const std::optional<Expr> behind = logits_behind(output, true);
  Expr x = output;
  if (behind) {
    x = *behind;
  } else if (!c.flag("from_logits", false)) {
    x = log(probability(output));
  }
  const Expr logs = c.expr(c.g.add1(ops::Softmax{{last}, true}, {x}));
  return -squeeze(gather(logs, expand(target, last), last, last), last);
}

// ---- decoding ----

// Labels of the most likely sequences, filled up with -1, and their scores.
Results ctc_decode(OpCall& c) {
  Expr x = floating(c.tensor("inputs"));
  if (x.rank() != 3) c.bad("expected inputs of 3 dimensions");
  const Expr shape = slice_axis(shape_vector(x), 0, 0, 2);
  x = transpose(x, {1, 0, 2});
  const Expr lengths = cast(c.tensor("sequence_lengths"), DType::int32);
  const Json* stated = c.layer.config.config.find("mask_index");
  const bool masked = c.has("mask_index") || stated == nullptr;
  const std::int64_t mask = c.integer("mask_index", 0);
  const std::string strategy = c.text("strategy", "greedy");
  std::int64_t paths = 1;
  Results found;
  if (strategy == "greedy") {
    found = c.tensorflow("CTCGreedyDecoder", {x, lengths},
                         {{"merge_repeated", c.flag("merge_repeated", true)},
                          {"blank_index", masked ? mask : std::int64_t{-1}}});
  } else if (strategy == "beam_search") {
    if (masked && mask < 0) c.unsupported(fmt::format("mask_index={} of a beam search", mask));
    if (masked) {  // TensorFlow takes the last class
      x = concat({slice_axis(x, 2, 0, mask), slice_axis(x, 2, mask + 1, GraphBuilder::kToEnd),
                  slice_axis(x, 2, mask, mask + 1)},
                 2);
    }
    paths = c.integer("top_paths", 1);
    found = c.tensorflow("CTCBeamSearchDecoder", {x, lengths},
                         {{"beam_width", c.integer("beam_width", 100)},
                          {"top_paths", paths},
                          {"merge_repeated", false}});
  } else {
    c.unsupported(fmt::format("strategy='{}'", printable(strategy)));
  }
  Results labels;
  const auto count = static_cast<std::size_t>(paths);
  for (std::size_t i = 0; i < count; ++i) {
    const Expr dense = c.tensorflow1(
        "SparseToDense", {found.at(i), shape, found.at(count + i), c.number(-1, DType::int64)});
    labels.push_back(expand(cast(dense, DType::int32), 0));
  }
  Expr all = concat(labels, 0);
  if (strategy == "beam_search" && masked)
    all = select(all >= static_cast<double>(mask), all + 1.0, all);
  return {all, found.at(3 * count)};
}

}  // namespace

std::span<const OperationRow> network_operations() {
  static constexpr OperationRow kRows[] = {
      {"BatchNorm", "x mean variance offset scale", batch_norm},
      {"BinaryCrossentropy", "target output", binary_crossentropy},
      {"CTCDecode", "inputs sequence_lengths", ctc_decode},
      {"CategoricalCrossentropy", "target output", categorical_crossentropy},
      {"DotProductAttention", "query key value bias mask scale", attention},
      {"LayerNorm", "x gamma beta", layer_norm},
      {"Normalize", "x", normalize},
      {"PSNR", "x1 x2", signal_to_noise},
      {"RMSNorm", "x scale", rms_norm},
      {"SparseCategoricalCrossentropy", "target output", sparse_crossentropy},
  };
  return kRows;
}

}  // namespace thaw::keras
