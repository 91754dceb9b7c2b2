// Bit patterns, parts of complex numbers, quantisation.
#include "runtime/ir/host/families.h"

namespace thaw::host_types {
namespace {

using inference::Context;
using inference::invalid;
using inference::Types;

DType part_of(DType dtype) {
  if (dtype == DType::complex64) return DType::float32;
  return dtype == DType::complex128 ? DType::float64 : dtype;
}

// Elements of another size take a dimension from the end or give one.
Types bitcast(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 1);
  const DType from = context.dtype(0), to = call.attributes.dtype("dtype");
  for (const DType dtype : {from, to}) {
    inference::expect_type(inference::is_numeric(dtype), "bitcast", "a numeric type", dtype);
  }
  Shape shape = context.shape(0);
  const auto in = static_cast<std::int64_t>(size_of(from)),
             out = static_cast<std::int64_t>(size_of(to));
  if (in == out || !shape.has_rank()) return {{to, shape}};
  std::vector<std::int64_t> dims = shape.dims();
  if (in > out) {
    dims.push_back(in / out);
  } else {
    if (dims.empty() || (dims.back() >= 0 && dims.back() != out / in)) {
      invalid("Cannot bitcast from {} to {}: the last dimension of {} is not {}", name_of(from),
              name_of(to), shape.to_string(), out / in);
    }
    dims.pop_back();
  }
  return {{to, Shape(std::move(dims))}};
}

/// A complex number's part: real numbers are their own.
Types part(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 1);
  const DType dtype = context.dtype(0);
  inference::expect_type(is_complex(dtype) || is_floating(dtype), "x", "a complex or floating type",
                         dtype);
  return {{part_of(dtype), context.shape(0)}};
}

Types conjugate(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 1);
  inference::expect_type(inference::is_numeric(context.dtype(0)), "x", "a numeric type",
                         context.dtype(0));
  return {context.type(0)};
}

Types complex(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 2);
  const DType dtype = context.dtype(0);
  inference::expect_type(dtype == DType::float32 || dtype == DType::float64, "real",
                         "float32 or float64", dtype);
  inference::expect_same_type(dtype, "imag", context.dtype(1));
  return {{dtype == DType::float32 ? DType::complex64 : DType::complex128,
           broadcast(context.shape(0), context.shape(1))}};
}

Types population_count(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 1);
  inference::expect_type(is_integer(context.dtype(0)), "x", "an integer type", context.dtype(0));
  return {{DType::uint8, context.shape(0)}};
}

Types next_after(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 2);
  const DType dtype = context.dtype(0);
  inference::expect_type(dtype == DType::float32 || dtype == DType::float64, "x",
                         "float32 or float64", dtype);
  inference::expect_same_type(dtype, "y", context.dtype(1));
  return {{dtype, broadcast(context.shape(0), context.shape(1))}};
}

// Eight comparisons of the last axis in one byte.
Types compare_and_bitpack(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 2);
  inference::expect_same_type(context.dtype(0), "threshold", context.dtype(1));
  inference::expect_scalar(context, 1, "threshold");
  const DType dtype = context.dtype(0);
  inference::expect_type(inference::is_real(dtype) || dtype == DType::boolean, "x",
                         "a real or boolean type", dtype);
  Shape shape = context.shape(0);
  inference::expect_rank_at_least(shape, 1, "x");
  if (!shape.has_rank()) return {{DType::uint8, shape}};
  std::int64_t& last = shape[shape.rank() - 1];
  if (last >= 0 && last % 8 != 0) invalid("x: expected a last dimension of 8 n, found {}", last);
  if (last >= 0) last /= 8;
  return {{DType::uint8, shape}};
}

Types quantize_and_dequantize(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 4);
  const DType dtype = context.dtype(0);
  inference::expect_type(is_floating(dtype), "x", "a floating type", dtype);
  inference::expect_same_type(dtype, "input_min", context.dtype(1));
  inference::expect_same_type(dtype, "input_max", context.dtype(2));
  inference::expect_index_type("num_bits", context.dtype(3));
  const std::int64_t axis = call.attributes.integer("axis");
  if (axis < -1) invalid("axis: expected -1 or more, found {}", axis);
  const Shape& x = context.shape(0);
  if (x.has_rank() && axis >= x.rank()) invalid("axis {} of {}", axis, x.to_string());
  return {context.type(0)};
}

bool is_quantized(DType dtype) {
  return is_integer(dtype) && (size_of(dtype) <= 2 || dtype == DType::int32);
}

void expect_quantized(std::string_view what, DType dtype) {
  inference::expect_type(is_quantized(dtype), what, "an integer type of 8 or 16 bits, or int32",
                         dtype);
}

/// The ends of a range: float32 scalars.
void expect_range(const Context& context, int first, int last) {
  for (int i = first; i <= last; ++i) {
    inference::expect_same_type(DType::float32, "range", context.dtype(i));
    inference::expect_scalar(context, i, "range");
  }
}

Types quantize(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 3);
  for (int i = 0; i < 3; ++i) {
    inference::expect_same_type(DType::float32, "x and its range", context.dtype(i));
  }
  const DType dtype = call.attributes.dtype("dtype");
  expect_quantized("dtype", dtype);
  const std::int64_t axis = call.attributes.integer("axis");
  const Shape& x = context.shape(0);
  if (axis < -1 || (x.has_rank() && axis >= x.rank())) {
    invalid("axis {} of {}", axis, x.to_string());
  }
  const Shape range =
      axis < 0 ? Shape{} : Shape{x.has_rank() ? x[static_cast<int>(axis)] : kUnknownDim};
  return {{dtype, x}, {DType::float32, range}, {DType::float32, range}};
}

Types requantize(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 5);
  expect_quantized("x", context.dtype(0));
  expect_range(context, 1, 4);
  const DType dtype = call.attributes.dtype("dtype");
  expect_quantized("dtype", dtype);
  return {{dtype, context.shape(0)}};
}

Types requantization_range(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 3);
  expect_quantized("x", context.dtype(0));
  expect_range(context, 1, 2);
  return {{DType::float32, Shape{}}, {DType::float32, Shape{}}};
}

Types quantized_number(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 3);
  expect_range(context, 0, 2);
  expect_quantized("type", call.attributes.dtype("type"));
  return {{DType::int64, Shape{}}};
}

Types quantized_bias_add(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 6);
  expect_quantized("x", context.dtype(0));
  expect_quantized("bias", context.dtype(1));
  inference::expect_rank(context.shape(1), 1, "bias");
  expect_range(context, 2, 5);
  return {{DType::int32, context.shape(0)}, {DType::float32, Shape{}}, {DType::float32, Shape{}}};
}

Types quantized_add(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 6);
  inference::expect_same_type(DType::uint8, "x", context.dtype(0));
  inference::expect_same_type(DType::uint8, "y", context.dtype(1));
  expect_range(context, 2, 5);
  const Shape shape = broadcast(context.shape(0), context.shape(1));
  return {{DType::int32, shape}, {DType::float32, Shape{}}, {DType::float32, Shape{}}};
}

Types round_to_float8(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 1);
  const std::string& kind = call.attributes.text("kind");
  if (kind != "e4m3fn" && kind != "e5m2") invalid("float8 of kind {}", kind);
  inference::expect_type(is_floating(context.dtype(0)), "x", "a floating type", context.dtype(0));
  return {context.type(0)};
}

constexpr HostFunction kBits[] = {
    {"bitcast", bitcast, true, true},
    {"real", part},
    {"imag", part},
    {"angle", part},
    {"complex_abs", part},
    {"conj", conjugate},
    {"complex", complex},
    {"population_count", population_count},
    {"next_after", next_after, true, true},
    {"compare_and_bitpack", compare_and_bitpack},
    {"quantize_and_dequantize", quantize_and_dequantize},
    {"quantize", quantize, true, true},
    {"requantize", requantize, true, true},
    {"requantization_range", requantization_range, true, true},
    {"quantized_number", quantized_number, true, true},
    {"quantized_add", quantized_add, true, true},
    {"quantized_bias_add", quantized_bias_add, true, true},
    {"round_to_float8", round_to_float8},
};

}  // namespace

std::span<const HostFunction> bits() { return kBits; }

}  // namespace thaw::host_types
