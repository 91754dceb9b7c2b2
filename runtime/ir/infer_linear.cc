// Matrix products.
#include <array>

#include "runtime/ir/einsum.h"
#include "runtime/ir/infer_util.h"

namespace thaw::inference {

Types infer_op(const ops::MatMul& op, const Context& context) {
  expect_operands(context, 2, 3);
  expect_results(context, 1);
  const DType dtype = context.dtype(0);
  expect_type(is_numeric(dtype), "a", "a numeric type", dtype);
  expect_same_type(dtype, "b", context.dtype(1));
  expect_activation(op.activation, dtype);
  const Shape &a = context.shape(0), &b = context.shape(1);
  expect_rank_at_least(a, 2, "a");
  expect_rank_at_least(b, 2, "b");

  const auto matrix_dim = [](const Shape& shape, bool transposed, int which) {
    if (!shape.has_rank()) return kUnknownDim;
    return shape[shape.rank() - 2 + (transposed ? 1 - which : which)];
  };
  const std::int64_t rows = matrix_dim(a, op.transpose_a, 0);
  std::int64_t columns = matrix_dim(b, op.transpose_b, 1);
  const std::int64_t inner_a = matrix_dim(a, op.transpose_a, 1);
  const std::int64_t inner_b = matrix_dim(b, op.transpose_b, 0);
  if (inner_a >= 0 && inner_b >= 0 && inner_a != inner_b) {
    invalid("expected b with {} rows for a {}, found b {}", inner_a, a.to_string(), b.to_string());
  }
  DType result = dtype;
  if (context.count() == 3) {
    // What is added to a float32 bias is float32 already: shorter operands keep it.
    const bool shorter = dtype == DType::float16 || dtype == DType::bfloat16;
    if (shorter && context.dtype(2) == DType::float32) result = DType::float32;
    expect_same_type(result, "bias", context.dtype(2));
    expect_rank(context.shape(2), 1, "bias");
    if (context.shape(2).has_rank())
      columns = merge_dim(columns, context.shape(2)[0], "bias length");
  }
  if (!a.has_rank() || !b.has_rank()) return {{result, Shape::unknown_rank()}};
  const auto leading = [](const Shape& shape) {
    return Shape(Ints(shape.dims().begin(), shape.dims().end() - 2));
  };
  Ints dims = broadcast(leading(a), leading(b)).dims();
  dims.push_back(rows);
  dims.push_back(columns);
  return {{result, Shape(std::move(dims))}};
}

namespace {

/// Sizes of the labels and the broadcast of what the ellipses stand for.
struct EinsumSizes {
  std::array<std::int64_t, 128> label;
  Shape ellipsis;
  EinsumSizes() { label.fill(kUnknownDim); }
};

void add_operand(const std::string& labels, const Shape& shape, EinsumSizes& sizes) {
  const std::size_t at = labels.find(kEllipsis);
  const bool elliptic = at != std::string::npos;
  const int letters = static_cast<int>(labels.size()) - (elliptic ? 1 : 0);
  if (!shape.has_rank()) {
    if (elliptic) sizes.ellipsis = Shape::unknown_rank();
    return;
  }
  if (shape.rank() < letters || (!elliptic && shape.rank() != letters)) {
    invalid("expected {} {} dimension(s) for a term of the equation, found shape {}",
            elliptic ? "at least" : "exactly", letters, shape.to_string());
  }
  int axis = 0;
  for (const char c : labels) {
    if (c == kEllipsis) {
      const int length = shape.rank() - letters;
      const auto begin = shape.dims().begin() + axis;
      sizes.ellipsis = broadcast(sizes.ellipsis, Shape(Ints(begin, begin + length)));
      axis += length;
    } else {
      std::int64_t& size = sizes.label[static_cast<std::size_t>(c)];
      size = merge_dim(size, shape[axis++], fmt::format("size of label '{}'", c));
    }
  }
}

}  // namespace

Types infer_op(const ops::Einsum& op, const Context& context) {
  expect_operands(context, 1, 64);
  expect_results(context, 1);
  const DType dtype = context.dtype(0);
  expect_type(is_numeric(dtype), "operand 0", "a numeric type", dtype);
  const EinsumEquation equation = parse_einsum(op.equation, context.count());
  EinsumSizes sizes;
  for (int i = 0; i < context.count(); ++i) {
    expect_same_type(dtype, fmt::format("operand {}", i), context.dtype(i));
    add_operand(equation.inputs[static_cast<std::size_t>(i)], context.shape(i), sizes);
  }
  const bool keeps_ellipsis = equation.output.find(kEllipsis) != std::string::npos;
  if (!keeps_ellipsis && sizes.ellipsis.has_rank() && sizes.ellipsis.rank() > 0) {
    invalid("equation '{}': expected '...' in the output", printable(op.equation));
  }
  if (keeps_ellipsis && !sizes.ellipsis.has_rank()) return {{dtype, Shape::unknown_rank()}};
  Ints dims;
  for (const char c : equation.output) {
    if (c == kEllipsis) {
      dims.insert(dims.end(), sizes.ellipsis.dims().begin(), sizes.ellipsis.dims().end());
    } else {
      dims.push_back(sizes.label[static_cast<std::size_t>(c)]);
    }
  }
  return {{dtype, Shape(std::move(dims))}};
}

}  // namespace thaw::inference
