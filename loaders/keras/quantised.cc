#include "loaders/keras/quantised.h"

#include <cmath>

#include "loaders/keras/layers/layers.h"
#include "loaders/keras/quantised_matrix.h"
#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

constexpr double kEpsilon = 1e-7;   // of Keras' backend
constexpr double kFloat8Max = 448;  // e4m3fn
constexpr int kFloat8MinExponent = -6, kFloat8Fraction = 3;

// x as whole numbers of -127 to 127, and how many of them make 1.
struct Scaled {
  ValueId value, scale;
};
Scaled quantised_input(ValueId x, const std::vector<std::int64_t>& axes, GraphBuilder& g) {
  const DType dtype = g.dtype(x);
  const ValueId largest = g.reduce(ReduceKind::max, g.unary({UnaryKind::abs}, x), axes, true);
  const ValueId scale = g.binary(BinaryKind::div, g.scalar(127, dtype),
                                 g.binary(BinaryKind::add, largest, g.scalar(kEpsilon, dtype)));
  ValueId q = g.unary({UnaryKind::round}, g.binary(BinaryKind::mul, x, scale));
  q = g.binary(BinaryKind::maximum, q, g.scalar(-127, dtype));
  return {g.binary(BinaryKind::minimum, q, g.scalar(127, dtype)), scale};
}

// Sums of products of small whole numbers: exact in float32 up to 2^24, as Keras has them in int32.
ValueId integer_product(const Layer& layer, ValueId x, ValueId kernel, GraphBuilder& g) {
  const DType wide = layer.policy.compute == DType::float64 ? DType::float64 : DType::float32;
  return g.cast(g.matmul(g.cast(x, wide), g.cast(kernel, wide)), layer.policy.compute);
}

// To the nearest number that float8 e4m3fn has: 4 significant bits, from 2^-6 downwards even steps.
ValueId as_float8(ValueId x, GraphBuilder& g) {
  const DType dtype = g.dtype(x);
  const auto number = [&](double value) { return g.scalar(value, dtype); };
  const auto binary = [&](BinaryKind kind, ValueId a, ValueId b) { return g.binary(kind, a, b); };
  x = binary(BinaryKind::minimum, binary(BinaryKind::maximum, x, number(-kFloat8Max)),
             number(kFloat8Max));
  const ValueId size = binary(BinaryKind::maximum, g.unary({UnaryKind::abs}, x),
                              number(std::ldexp(1.0, kFloat8MinExponent)));
  // The step is a power of two; all comparisons are with exact powers, so no logarithm can be off.
  ValueId step = number(std::ldexp(1.0, kFloat8MinExponent - kFloat8Fraction));
  for (int exponent = kFloat8MinExponent + 1; exponent <= 8; ++exponent) {
    step = g.select(binary(BinaryKind::greater_equal, size, number(std::ldexp(1.0, exponent))),
                    number(std::ldexp(1.0, exponent - kFloat8Fraction)), step);
  }
  return binary(BinaryKind::mul, g.unary({UnaryKind::round}, binary(BinaryKind::div, x, step)),
                step);
}

ValueId through_float8(const Layer& layer, Weights& weights, const char* scale_name, ValueId x,
                       GraphBuilder& g) {
  const ValueId scale = weights.get(scale_name, Shape{});
  return g.binary(BinaryKind::mul, as_float8(g.binary(BinaryKind::div, x, scale), g),
                  g.cast(scale, layer.policy.compute));
}

}  // namespace

namespace {

// weight + alpha / rank * a @ b, where the file has an adapter.
ValueId adapted(const Layer& layer, Weights& weights, const std::string& name,
                const std::string& adapter, const Shape& shape, GraphBuilder& g) {
  const ValueId weight = weights.get(name, shape);
  if (!weights.has(adapter + "_a")) return weight;
  const std::int64_t rank = layer.integer("lora_rank");
  Shape first = shape;
  const int last = shape.rank() - 1;
  first[last] = rank;
  const ValueId a = weights.get(adapter + "_a", first, DType::float32);
  const ValueId b = weights.get(adapter + "_b", {rank, shape[last]}, DType::float32);
  const double share =
      layer.real("lora_alpha", static_cast<double>(rank)) / static_cast<double>(rank);
  const ValueId delta = g.binary(BinaryKind::mul, g.matmul(a, b), g.scalar(share, DType::float32));
  return g.cast(g.binary(BinaryKind::add, g.cast(weight, DType::float32), delta),
                layer.policy.compute);
}

}  // namespace

ValueId adapted_kernel(const Layer& layer, Weights& weights, const Shape& shape, GraphBuilder& g) {
  return adapted(layer, weights, "kernel", "lora_kernel", shape, g);
}

ValueId adapted_table(const Layer& layer, Weights& weights, const Shape& shape, GraphBuilder& g) {
  return adapted(layer, weights, "embeddings", "lora_embeddings", shape, g);
}

ValueId with_adapter(const Layer& layer, Weights& weights, const Quantisation& how,
                     const std::string& adapter, const Shape& shape, ValueId y,
                     const std::function<ValueId(ValueId)>& apply, GraphBuilder& g) {
  if (!weights.has(adapter + "_a")) return y;
  if (how.mode != QuantMode::int8 && how.mode != QuantMode::int4)
    layer.unsupported("a LoRA adapter beside this quantisation");
  const std::int64_t rank = layer.integer("lora_rank");
  const int last = shape.rank() - 1;
  Shape first = shape;
  first[last] = rank;
  const ValueId a = weights.get(adapter + "_a", first);
  const ValueId b = weights.get(adapter + "_b", {rank, shape[last]});
  const double share =
      layer.real("lora_alpha", static_cast<double>(rank)) / static_cast<double>(rank);
  const ValueId delta =
      g.binary(BinaryKind::mul, g.matmul(apply(a), b), g.scalar(share, layer.policy.compute));
  return g.binary(BinaryKind::add, y, delta);
}

ValueId quantised_product(const Layer& layer, Weights& weights, const Quantisation& how, ValueId x,
                          std::int64_t features, std::int64_t units, GraphBuilder& g) {
  const DType compute = layer.policy.compute;
  if (how.mode == QuantMode::float8) {
    const ValueId kernel = weights.get("kernel", {features, units});
    return g.matmul(through_float8(layer, weights, "inputs_scale", x, g),
                    through_float8(layer, weights, "kernel_scale", kernel, g));
  }
  if (is_grouped(how)) {
    const Matrix kernel = grouped_kernel(layer, weights, how, features, units);
    return g.matmul(x, constant_of({features, units}, kernel.values, compute, g));
  }
  const ValueId kernel = g.constant(how.mode == QuantMode::int8
                                        ? weights.tensor("kernel", {features, units})
                                        : int4_numbers(layer, weights, "kernel", features, units),
                                    layer.name + "/kernel");
  ValueId scale = weights.get("kernel_scale", {units});
  if (!how.inputs) {
    return g.binary(BinaryKind::div, g.matmul(x, g.cast(kernel, compute)), scale);
  }
  const Scaled input = quantised_input(x, {-1}, g);
  scale = g.binary(BinaryKind::mul, scale, input.scale);
  return g.binary(BinaryKind::div, integer_product(layer, input.value, kernel, g), scale);
}

ValueId quantised_bias(const Layer& layer, const Quantisation& how, ValueId bias, GraphBuilder& g) {
  // Keras rounds a float32 bias for the fused float8 product of accelerators.
  if (how.mode != QuantMode::float8 || layer.policy.compute != DType::float32) return bias;
  return g.cast(g.cast(bias, DType::bfloat16), DType::float32);
}

QuantisedOperands quantised_operands(const Layer& layer, Weights& weights, const Quantisation& how,
                                     ValueId x, const Shape& shape,
                                     const std::vector<std::int64_t>& reduced_of_x,
                                     const std::vector<std::int64_t>& reduced_of_kernel,
                                     const std::vector<std::int64_t>& columns, GraphBuilder& g) {
  const DType compute = layer.policy.compute;
  if (how.mode == QuantMode::float8) {
    return {through_float8(layer, weights, "inputs_scale", x, g),
            through_float8(layer, weights, "kernel_scale", weights.get("kernel", shape), g)};
  }
  if (!shape.is_static())
    layer.bad(fmt::format("the kernel's shape {} must be known", shape.to_string()));
  std::int64_t rows = 1, width = 1;
  for (std::int64_t axis : reduced_of_kernel) rows *= shape[static_cast<int>(axis)];
  for (std::int64_t axis : columns) width *= shape[static_cast<int>(axis)];
  if (how.inputs) {
    const Scaled input = quantised_input(x, reduced_of_x, g);
    x = g.binary(BinaryKind::div, input.value, input.scale);
  }
  if (how.mode != QuantMode::int8) {
    Matrix kernel;
    if (is_grouped(how)) {
      kernel = grouped_kernel(layer, weights, how, rows, width);
    } else {
      kernel = int4_matrix(layer, weights, "kernel", rows, width);
      const std::vector<double> scale = in_compute_type(layer, weights, "kernel_scale", {width});
      for (std::size_t i = 0; i < kernel.values.size(); ++i)
        kernel.values[i] /= scale[i % scale.size()];
    }
    return {x, constant_of(shape, kernel.values, compute, g)};
  }
  // The scale is stored for the output: one number for each of the kernel's other axes, in the
  // output's order. Bring it to the kernel's order.
  std::vector<std::int64_t> dims, order, spread(static_cast<std::size_t>(shape.rank()), 1);
  for (std::int64_t axis : columns) dims.push_back(shape[static_cast<int>(axis)]);
  for (std::int64_t axis = 0; axis < shape.rank(); ++axis) {
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (columns[i] != axis) continue;
      order.push_back(static_cast<std::int64_t>(i));
      spread[static_cast<std::size_t>(axis)] = shape[static_cast<int>(axis)];
    }
  }
  const Tensor stored = weights.tensor("kernel_scale", Shape::unknown_rank());
  if (stored.num_elements() != width)
    layer.bad(
        fmt::format("kernel_scale has {} numbers, expected {}", stored.num_elements(), width));
  ValueId scale = g.cast(g.constant(stored), compute);
  scale = g.reshape(g.transpose(g.reshape(scale, dims), order), spread);
  const ValueId kernel = g.cast(g.constant(weights.tensor("kernel", shape)), compute);
  return {x, g.binary(BinaryKind::div, kernel, scale)};
}

ValueId table_rows(ValueId table, ValueId indices, GraphBuilder& g) {
  return g.add1(ops::Gather{0, 0, true}, {table, indices});
}

ValueId quantised_rows(const Layer& layer, Weights& weights, const Quantisation& how,
                       ValueId indices, GraphBuilder& g) {
  const DType compute = layer.policy.compute;
  const std::int64_t tokens = layer.integer("input_dim"), width = layer.integer("output_dim");
  if (how.mode == QuantMode::int8) {
    const ValueId table = g.constant(weights.tensor("embeddings", {tokens, width}));
    const ValueId scale = table_rows(weights.get("embeddings_scale", {tokens}), indices, g);
    return g.binary(BinaryKind::div, g.cast(table_rows(table, indices, g), compute),
                    g.expand_dims(scale, -1));
  }
  if (how.mode != QuantMode::int4) layer.unsupported("this quantisation of an embedding");
  // Only the rows that are asked for become floats.
  const ValueId table = g.constant(int4_numbers(layer, weights, "embeddings", tokens, width));
  const ValueId rows = g.cast(table_rows(table, indices, g), compute);
  if (!is_grouped(how)) {
    const ValueId scale = table_rows(weights.get("embeddings_scale", {tokens}), indices, g);
    return g.binary(BinaryKind::div, rows, g.expand_dims(scale, -1));
  }
  const std::int64_t count = group_count(how, width);
  const ValueId groups = g.ints(group_indices(layer, weights, width, count));
  const auto of_columns = [&](ValueId per_group) {
    const ValueId of_rows = g.cast(table_rows(per_group, indices, g), compute);
    return g.gather(of_rows, groups, g.shape(indices).rank());
  };
  const ValueId zero = of_columns(g.constant(weights.tensor("embeddings_zero", {tokens, count})));
  return g.binary(BinaryKind::mul, g.binary(BinaryKind::sub, rows, zero),
                  of_columns(weights.get("embeddings_scale", {tokens, count})));
}

namespace {

// The table of the way back and what its sums are divided by; `scale` is kNoValue when the table
// holds its true numbers.
struct ReverseTable {
  ValueId table, scale;
  bool transposed;  // [tokens, width]
};

ReverseTable reverse_table(const Layer& layer, Weights& weights, const Quantisation& how,
                           GraphBuilder& g) {
  const DType compute = layer.policy.compute;
  const std::int64_t tokens = layer.integer("input_dim"), width = layer.integer("output_dim");
  const bool tied = layer.flag("tie_weights", true);
  const std::string name = tied ? "embeddings" : "reverse_embeddings";
  if (is_grouped(how)) {
    if (tied) {
      const Matrix table = int4_table(layer, weights, how, tokens, width);
      return {constant_of({tokens, width}, table.values, compute, g), kNoValue, true};
    }
    const Matrix table = grouped_reverse_table(layer, weights, how, width, tokens);
    return {constant_of({width, tokens}, table.values, compute, g), kNoValue, false};
  }
  const ValueId scale = weights.get(name + "_scale", {tokens});
  const Shape shape = tied ? Shape{tokens, width} : Shape{width, tokens};
  if (how.mode == QuantMode::int8) return {g.constant(weights.tensor(name, shape)), scale, tied};
  if (how.mode != QuantMode::int4) layer.unsupported("this quantisation of an embedding");
  return {g.constant(int4_numbers(layer, weights, name, shape[0], shape[1])), scale, tied};
}

}  // namespace

ValueId quantised_logits(const Layer& layer, Weights& weights, const Quantisation& how, ValueId x,
                         GraphBuilder& g) {
  if (weights.has("lora_embeddings_a"))
    layer.unsupported("a LoRA adapter beside a quantised way back");
  const ReverseTable back = reverse_table(layer, weights, how, g);
  const ValueId table = back.transposed ? g.transpose(back.table, {1, 0}) : back.table;
  const Scaled input = how.inputs ? quantised_input(x, {-1}, g) : Scaled{x, kNoValue};
  const ValueId logits = integer_product(layer, input.value, table, g);
  if (!how.inputs && back.scale == kNoValue) return logits;
  const ValueId scale = back.scale == kNoValue ? input.scale
                        : input.scale == kNoValue
                            ? back.scale
                            : g.binary(BinaryKind::mul, input.scale, back.scale);
  return g.binary(BinaryKind::div, logits, scale);
}

}  // namespace thaw::keras
