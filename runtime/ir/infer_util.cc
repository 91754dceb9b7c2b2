#include "runtime/ir/infer_util.h"

#include <algorithm>

namespace thaw::inference {

void expect_operands(const Context& context, int least, int most) {
  const int count = context.count();
  if (count >= least && count <= most) return;
  if (least == most) invalid("expected {} operand(s), found {}", least, count);
  if (most == INT32_MAX) invalid("expected at least {} operand(s), found {}", least, count);
  invalid("expected {} to {} operands, found {}", least, most, count);
}

void expect_results(const Context& context, int count) {
  if (context.outputs != count) {
    invalid("expected {} result(s), found {}", count, context.outputs);
  }
}

bool is_tensor(DType dtype) { return size_of(dtype) > 0; }
bool is_real(DType dtype) { return is_floating(dtype) || is_integer(dtype); }
bool is_numeric(DType dtype) { return is_real(dtype) || is_complex(dtype); }

void expect_type(bool holds, std::string_view what, std::string_view expected, DType found) {
  if (!holds) invalid("{}: expected {}, found {}", what, expected, name_of(found));
}

void expect_same_type(DType expected, std::string_view what, DType found) {
  if (expected != found) {
    invalid("{}: expected {}, found {}", what, name_of(expected), name_of(found));
  }
}

void expect_index_type(std::string_view what, DType found) {
  expect_type(found == DType::int32 || found == DType::int64, what, "int32 or int64", found);
}

std::int64_t checked_add(std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) invalid("dimension {} + {} overflows", a, b);
  return sum;
}

std::int64_t checked_mul(std::int64_t a, std::int64_t b) {
  std::int64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product)) invalid("dimension {} * {} overflows", a, b);
  return product;
}

std::int64_t merge_dim(std::int64_t a, std::int64_t b, std::string_view what) {
  if (a < 0) return b;
  if (b < 0 || a == b) return a;
  invalid("{}: expected {}, found {}", what, a, b);
}

Shape merge_shape(const Shape& a, const Shape& b, std::string_view what) {
  if (!a.has_rank()) return b;
  if (!b.has_rank()) return a;
  if (!compatible(a, b)) {
    invalid("{}: expected shape {}, found {}", what, a.to_string(), b.to_string());
  }
  Shape merged = a;
  for (int i = 0; i < a.rank(); ++i) merged[i] = a[i] < 0 ? b[i] : a[i];
  return merged;
}

bool compatible(const Shape& a, const Shape& b) {
  if (!a.has_rank() || !b.has_rank()) return true;
  if (a.rank() != b.rank()) return false;
  for (int i = 0; i < a.rank(); ++i) {
    if (a[i] >= 0 && b[i] >= 0 && a[i] != b[i]) return false;
  }
  return true;
}

Shape generalise(const Shape& a, const Shape& b) {
  if (!a.has_rank() || !b.has_rank() || a.rank() != b.rank()) return Shape::unknown_rank();
  Shape common = a;
  for (int i = 0; i < a.rank(); ++i) {
    if (a[i] != b[i]) common[i] = kUnknownDim;
  }
  return common;
}

Shape unknown_dims(std::int64_t rank) {
  if (rank < 0) return Shape::unknown_rank();
  if (rank > kMaxRank) invalid("expected at most {} dimensions, found {}", kMaxRank, rank);
  return Shape(Ints(static_cast<std::size_t>(rank), kUnknownDim));
}

void expect_rank(const Shape& shape, int rank, std::string_view what) {
  if (shape.has_rank() && shape.rank() != rank) {
    invalid("{}: expected {} dimension(s), found shape {}", what, rank, shape.to_string());
  }
}

void expect_rank_at_least(const Shape& shape, int rank, std::string_view what) {
  if (shape.has_rank() && shape.rank() < rank) {
    invalid("{}: expected at least {} dimension(s), found shape {}", what, rank, shape.to_string());
  }
}

int normal_axis(std::int64_t axis, int rank, std::string_view what) {
  if (axis < -rank || axis >= rank) {
    invalid("{}: expected an axis in [{}, {}), found {}", what, -rank, rank, axis);
  }
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

std::vector<bool> axis_flags(const Ints& axes, int rank, std::string_view what) {
  std::vector<bool> flags(static_cast<std::size_t>(rank), false);
  for (const std::int64_t axis : axes) {
    const auto at = static_cast<std::size_t>(normal_axis(axis, rank, what));
    if (flags[at]) invalid("{}: expected different axes, found axis {} twice", what, at);
    flags[at] = true;
  }
  return flags;
}

std::optional<Ints> ints_operand(const Context& context, int i, std::string_view what) {
  expect_index_type(what, context.dtype(i));
  const Shape& shape = context.shape(i);
  if (shape.has_rank() && shape.rank() > 1) {
    invalid("{}: expected a vector, found shape {}", what, shape.to_string());
  }
  const Tensor* constant = context.constant(i);
  if (constant == nullptr) return std::nullopt;
  return to_ints(*constant);
}

std::int64_t ints_length(const Context& context, int i) {
  if (const Tensor* constant = context.constant(i)) return constant->num_elements();
  const Shape& shape = context.shape(i);
  if (!shape.has_rank()) return kUnknownDim;
  return shape.rank() == 0 ? 1 : shape[0];
}

void expect_scalar(const Context& context, int i, std::string_view what) {
  const Shape& shape = context.shape(i);
  if (shape.has_rank() && shape.rank() != 0) {
    invalid("{}: expected a scalar, found shape {}", what, shape.to_string());
  }
}

namespace {

template <class T>
std::int64_t first(const Tensor& tensor) {
  const T value = tensor.data<T>()[0];
  if constexpr (std::is_same_v<T, std::uint64_t>) {
    if (value > INT64_MAX) invalid("{} does not fit into int64", value);
  }
  return static_cast<std::int64_t>(value);
}

}  // namespace

std::optional<std::int64_t> int_operand(const Context& context, int i, std::string_view what,
                                        bool any_integer) {
  if (any_integer) {
    expect_type(is_integer(context.dtype(i)), what, "an integer type", context.dtype(i));
  } else {
    expect_index_type(what, context.dtype(i));
  }
  expect_scalar(context, i, what);
  const Tensor* constant = context.constant(i);
  if (constant == nullptr) return std::nullopt;
  if (constant->num_elements() != 1) {
    invalid("{}: expected a scalar, found {}", what, to_string(constant->type()));
  }
  switch (constant->dtype()) {
    case DType::int8: return first<std::int8_t>(*constant);
    case DType::int16: return first<std::int16_t>(*constant);
    case DType::int32: return first<std::int32_t>(*constant);
    case DType::int64: return first<std::int64_t>(*constant);
    case DType::uint8: return first<std::uint8_t>(*constant);
    case DType::uint16: return first<std::uint16_t>(*constant);
    case DType::uint32: return first<std::uint32_t>(*constant);
    case DType::uint64: return first<std::uint64_t>(*constant);
    default: invalid("{}: expected an integer, found {}", what, name_of(constant->dtype()));
  }
}

}  // namespace thaw::inference
