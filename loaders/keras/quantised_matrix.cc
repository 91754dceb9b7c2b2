#include "loaders/keras/quantised_matrix.h"

#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

// The elements as numbers.
std::vector<double> numbers(const Layer& layer, const Tensor& tensor) {
  std::vector<double> values(static_cast<std::size_t>(tensor.num_elements()));
  const auto copy = [&](const auto* from) {
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(from[i]);
  };
  switch (tensor.dtype()) {
    case DType::int8: copy(tensor.data<std::int8_t>()); break;
    case DType::uint8: copy(tensor.data<std::uint8_t>()); break;
    case DType::int32: copy(tensor.data<std::int32_t>()); break;
    case DType::float32: copy(tensor.data<float>()); break;
    case DType::float64: copy(tensor.data<double>()); break;
    case DType::float16:
      for (std::size_t i = 0; i < values.size(); ++i)
        values[i] = to_float(tensor.data<float16>()[i]);
      break;
    case DType::bfloat16:
      for (std::size_t i = 0; i < values.size(); ++i)
        values[i] = to_float(tensor.data<bfloat16>()[i]);
      break;
    default: layer.bad(fmt::format("quantised weights are stored as {}", name_of(tensor.dtype())));
  }
  return values;
}

std::int8_t half_of(const Tensor& packed, std::int64_t index, bool high, bool is_signed) {
  const auto byte = static_cast<const std::uint8_t*>(packed.data())[index];
  const int bits = high ? byte >> 4 : byte & 15;
  return static_cast<std::int8_t>(is_signed ? (bits ^ 8) - 8 : bits);
}

Tensor unpacked(const Layer& layer, const Tensor& packed, int axis, std::int64_t rows,
                std::int64_t columns, bool is_signed) {
  if (packed.dtype() != DType::int8 && packed.dtype() != DType::uint8)
    layer.bad(fmt::format("packed weights are stored as {}", name_of(packed.dtype())));
  Tensor numbers(DType::int8, {rows, columns});
  auto* to = numbers.mutable_data<std::int8_t>();
  const std::int64_t width = packed.shape()[1];
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < columns; ++c) {
      const std::int64_t index = axis == 0 ? r / 2 * width + c : r * width + c / 2;
      to[r * columns + c] = half_of(packed, index, (axis == 0 ? r : c) % 2 != 0, is_signed);
    }
  }
  return numbers;
}

// (q - zero) * scale with the zero and the scale of each row's group, [groups, columns], or
// [columns, groups] if `transposed`.
void dequantise(Matrix& q, const std::vector<std::int64_t>& groups, std::int64_t count,
                const std::vector<double>& zero, const std::vector<double>& scale,
                bool transposed) {
  for (std::int64_t r = 0; r < q.rows; ++r) {
    const std::int64_t group = groups[static_cast<std::size_t>(r)];
    for (std::int64_t c = 0; c < q.columns; ++c) {
      const auto i =
          static_cast<std::size_t>(transposed ? c * count + group : group * q.columns + c);
      q.at(r, c) = (q.at(r, c) - zero[i]) * scale[i];
    }
  }
}

}  // namespace

std::int64_t group_count(const Quantisation& how, std::int64_t rows) {
  return how.group <= 0 ? 1 : (rows + how.group - 1) / how.group;
}

std::vector<std::int64_t> group_indices(const Layer& layer, Weights& weights, std::int64_t rows,
                                        std::int64_t groups) {
  std::vector<std::int64_t> indices;
  for (double value : numbers(layer, weights.tensor("g_idx", {rows}))) {
    if (!(value >= 0 && value < static_cast<double>(groups)))
      layer.bad(fmt::format("g_idx holds {}, but there are {} groups", value, groups));
    indices.push_back(static_cast<std::int64_t>(value));
  }
  return indices;
}

bool is_grouped(const Quantisation& how) {
  return how.mode == QuantMode::gptq || how.mode == QuantMode::awq ||
         (how.mode == QuantMode::int4 && how.group > 0);
}

ValueId constant_of(const Shape& shape, const std::vector<double>& values, DType dtype,
                    GraphBuilder& g) {
  if (dtype == DType::float64) return g.constant(Tensor::from<double>(shape, values));
  std::vector<float> rounded(values.begin(), values.end());
  return g.cast(g.constant(Tensor::from<float>(shape, rounded)), dtype);
}

std::vector<double> in_compute_type(const Layer& layer, Weights& weights, const std::string& name,
                                    const Shape& shape) {
  std::vector<double> values = numbers(layer, weights.tensor(name, shape));
  for (double& value : values) {
    switch (layer.policy.compute) {
      case DType::float16: value = to_float(float16_from(static_cast<float>(value))); break;
      case DType::bfloat16: value = to_float(bfloat16_from(static_cast<float>(value))); break;
      case DType::float32: value = static_cast<float>(value); break;
      default: break;
    }
  }
  return values;
}

Tensor int4_numbers(const Layer& layer, Weights& weights, const std::string& name,
                    std::int64_t rows, std::int64_t columns) {
  const Tensor packed = weights.tensor(name, {kUnknownDim, kUnknownDim});
  if (packed.shape() == Shape{rows, (columns + 1) / 2})
    return unpacked(layer, packed, 1, rows, columns, true);
  if (packed.shape() == Shape{(rows + 1) / 2, columns})
    return unpacked(layer, packed, 0, rows, columns, true);
  layer.bad(fmt::format("variable {}: {} holds no [{}, {}] numbers of 4 bits", name,
                        packed.shape().to_string(), rows, columns));
}

Matrix int4_matrix(const Layer& layer, Weights& weights, const std::string& name, std::int64_t rows,
                   std::int64_t columns) {
  return {rows, columns, numbers(layer, int4_numbers(layer, weights, name, rows, columns))};
}

Matrix grouped_kernel(const Layer& layer, Weights& weights, const Quantisation& how,
                      std::int64_t rows, std::int64_t columns) {
  const std::int64_t count = group_count(how, rows);
  const std::vector<std::int64_t> groups = group_indices(layer, weights, rows, count);
  if (how.mode == QuantMode::int4) {
    Matrix q = int4_matrix(layer, weights, "kernel", rows, columns);
    dequantise(q, groups, count, numbers(layer, weights.tensor("kernel_zero", {count, columns})),
               in_compute_type(layer, weights, "kernel_scale", {count, columns}), false);
    return q;
  }
  // Stored transposed: [columns, rows].
  Matrix stored;
  if (how.mode == QuantMode::awq || how.bits == 4) {
    const Tensor packed = weights.tensor("quantized_kernel", {(columns + 1) / 2, rows});
    stored = {columns, rows, numbers(layer, unpacked(layer, packed, 0, columns, rows, false))};
  } else {
    stored = {columns, rows, numbers(layer, weights.tensor("quantized_kernel", {columns, rows}))};
  }
  Matrix q{rows, columns, std::vector<double>(stored.values.size())};
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < columns; ++c) q.at(r, c) = stored.at(c, r);
  }
  dequantise(q, groups, count, numbers(layer, weights.tensor("kernel_zero", {columns, count})),
             in_compute_type(layer, weights, "kernel_scale", {columns, count}), true);
  if (how.mode == QuantMode::awq) {
    const std::vector<double> scales = in_compute_type(layer, weights, "awq_scales", {rows});
    for (std::int64_t r = 0; r < rows; ++r) {
      for (std::int64_t c = 0; c < columns; ++c)
        q.at(r, c) = static_cast<float>(q.at(r, c)) / scales[static_cast<std::size_t>(r)];
    }
  }
  return q;
}

Matrix int4_table(const Layer& layer, Weights& weights, const Quantisation& how,
                  std::int64_t tokens, std::int64_t width) {
  Matrix q = int4_matrix(layer, weights, "embeddings", tokens, width);
  if (!is_grouped(how)) {
    const std::vector<double> scale = in_compute_type(layer, weights, "embeddings_scale", {tokens});
    for (std::int64_t r = 0; r < tokens; ++r) {
      for (std::int64_t c = 0; c < width; ++c) q.at(r, c) /= scale[static_cast<std::size_t>(r)];
    }
    return q;
  }
  // Here the columns are in groups: [tokens, groups].
  const std::int64_t count = group_count(how, width);
  const std::vector<std::int64_t> groups = group_indices(layer, weights, width, count);
  const std::vector<double> zero =
      numbers(layer, weights.tensor("embeddings_zero", {tokens, count}));
  const std::vector<double> scale =
      in_compute_type(layer, weights, "embeddings_scale", {tokens, count});
  for (std::int64_t r = 0; r < tokens; ++r) {
    for (std::int64_t c = 0; c < width; ++c) {
      const auto i = static_cast<std::size_t>(r * count + groups[static_cast<std::size_t>(c)]);
      q.at(r, c) = (q.at(r, c) - zero[i]) * scale[i];
    }
  }
  return q;
}

Matrix grouped_reverse_table(const Layer& layer, Weights& weights, const Quantisation& how,
                             std::int64_t width, std::int64_t tokens) {
  const std::int64_t count = group_count(how, width);
  Matrix q = int4_matrix(layer, weights, "reverse_embeddings", width, tokens);
  dequantise(q, group_indices(layer, weights, width, count), count,
             in_compute_type(layer, weights, "reverse_embeddings_zero", {count, tokens}),
             in_compute_type(layer, weights, "reverse_embeddings_scale", {count, tokens}), false);
  return q;
}

}  // namespace thaw::keras
