// Ops that change or query the shape, not the elements.
#include <cmath>

#include "runtime/base/half.h"
#include "runtime/ir/infer_util.h"

namespace thaw::inference {
namespace {

void expect_tensor(const Context& context, int i, std::string_view what) {
  expect_type(is_tensor(context.dtype(i)), what, "a tensor", context.dtype(i));
}

/// Product of the known dimensions other than -1; nullopt if the shape is not static.
std::optional<std::int64_t> elements_of(const Shape& shape) {
  if (!shape.is_static()) return std::nullopt;
  return shape.num_elements();
}

/// Checks the operand list "(x) -> (y)" of a tensor.
void expect_one_tensor(const Context& context) {
  expect_operands(context, 1);
  expect_results(context, 1);
  expect_tensor(context, 0, "x");
}

void expect_tensor_and_ints(const Context& context) {
  expect_operands(context, 2);
  expect_results(context, 1);
  expect_tensor(context, 0, "x");
}

}  // namespace

Types infer_op(const ops::ShapeQuery& op, const Context& context) {
  expect_one_tensor(context);
  expect_index_type("dtype", op.dtype);
  if (op.kind != ShapeQueryKind::shape) return {{op.dtype, Shape()}};
  const Shape& x = context.shape(0);
  return {{op.dtype, Shape{x.has_rank() ? x.rank() : kUnknownDim}}};
}

Types infer_op(const ops::Reshape&, const Context& context) {
  expect_tensor_and_ints(context);
  const DType dtype = context.dtype(0);
  const std::optional<Ints> sizes = ints_operand(context, 1, "shape");
  if (!sizes) return {{dtype, unknown_dims(ints_length(context, 1))}};
  if (sizes->size() > kMaxRank) invalid("shape: expected at most {} sizes", kMaxRank);

  Shape y(*sizes);
  std::int64_t known = 1;
  int wildcard = -1;
  for (int i = 0; i < y.rank(); ++i) {
    if (y[i] < -1) invalid("shape: expected sizes of at least -1, found {}", y[i]);
    if (y[i] == -1 && wildcard >= 0) invalid("shape: expected at most one -1, found two");
    if (y[i] == -1) {
      wildcard = i;
    } else {
      known = checked_mul(known, y[i]);
    }
  }
  const std::optional<std::int64_t> count = elements_of(context.shape(0));
  if (!count) return {{dtype, y}};
  if (wildcard >= 0) {
    if (known == 0) {
      invalid("shape: -1 cannot be inferred next to a size of 0 for {}",
              context.shape(0).to_string());
    }
    y[wildcard] = *count / known;
  }
  if (y.num_elements() != *count) {
    invalid("shape: expected one of {} elements for {}, found [{}]", *count,
            context.shape(0).to_string(), fmt::join(*sizes, ", "));
  }
  return {{dtype, y}};
}

Types infer_op(const ops::ExpandDims& op, const Context& context) {
  expect_one_tensor(context);
  const Shape& x = context.shape(0);
  if (!x.has_rank()) return {{context.dtype(0), x}};
  if (op.axes.size() > kMaxRank) invalid("axes: expected at most {}", kMaxRank);
  const int rank = x.rank() + static_cast<int>(op.axes.size());
  Ints dims;
  int next = 0;
  for (const bool inserted : axis_flags(op.axes, rank, "axes")) {
    dims.push_back(inserted ? 1 : x[next++]);
  }
  return {{context.dtype(0), Shape(std::move(dims))}};
}

Types infer_op(const ops::Squeeze& op, const Context& context) {
  expect_one_tensor(context);
  const Shape& x = context.shape(0);
  if (!x.has_rank()) return {{context.dtype(0), x}};
  std::vector<bool> removed(static_cast<std::size_t>(x.rank()), false);
  for (const std::int64_t axis : op.axes) {  // TensorFlow allows one to be named twice
    const int at = normal_axis(axis, x.rank(), "axes");
    if (x[at] >= 0 && x[at] != 1) {
      invalid("axes: expected a size of 1 at axis {}, found {}", at, x.to_string());
    }
    removed[static_cast<std::size_t>(at)] = true;
  }
  Ints dims;
  for (int i = 0; i < x.rank(); ++i) {
    if (op.axes.empty() && x[i] < 0) return {{context.dtype(0), Shape::unknown_rank()}};
    const bool drop = op.axes.empty() ? x[i] == 1 : removed[static_cast<std::size_t>(i)];
    if (!drop) dims.push_back(x[i]);
  }
  return {{context.dtype(0), Shape(std::move(dims))}};
}

Types infer_op(const ops::Transpose&, const Context& context) {
  expect_tensor_and_ints(context);
  const std::optional<Ints> permutation = ints_operand(context, 1, "permutation");
  const std::int64_t length = ints_length(context, 1);
  Shape x = context.shape(0);
  if (!x.has_rank()) x = unknown_dims(length);
  if (length >= 0 && length != x.rank()) {
    invalid("permutation: expected {} axes, found {}", x.rank(), length);
  }
  if (!x.has_rank()) return {{context.dtype(0), x}};
  if (!permutation) return {{context.dtype(0), unknown_dims(x.rank())}};
  Ints dims;
  std::vector<bool> seen(permutation->size(), false);
  for (const std::int64_t axis : *permutation) {
    if (axis < 0 || axis >= x.rank() || seen[static_cast<std::size_t>(axis)]) {
      invalid("permutation: expected each axis of {} once, found [{}]", x.to_string(),
              fmt::join(*permutation, ", "));
    }
    seen[static_cast<std::size_t>(axis)] = true;
    dims.push_back(x[static_cast<int>(axis)]);
  }
  return {{context.dtype(0), Shape(std::move(dims))}};
}

Types infer_op(const ops::BroadcastTo&, const Context& context) {
  expect_tensor_and_ints(context);
  const std::optional<Ints> sizes = ints_operand(context, 1, "shape");
  const Shape& x = context.shape(0);
  const std::int64_t rank = ints_length(context, 1);
  if (rank >= 0 && rank < x.rank()) {
    invalid("shape: expected at least {} sizes for {}, found {}", x.rank(), x.to_string(), rank);
  }
  if (!sizes) return {{context.dtype(0), unknown_dims(rank)}};
  if (rank > kMaxRank) invalid("shape: expected at most {} sizes", kMaxRank);
  const Shape y(*sizes);
  for (int i = 0; i < y.rank(); ++i) {
    if (y[i] < 0) invalid("shape: expected no negative size, found {}", y[i]);
    const int source = i - (y.rank() - x.rank());
    if (!x.has_rank() || source < 0) continue;
    if (x[source] >= 0 && x[source] != 1 && x[source] != y[i]) {
      invalid("shape: {} does not broadcast to {}", x.to_string(), y.to_string());
    }
  }
  return {{context.dtype(0), y}};
}

Types infer_op(const ops::Tile&, const Context& context) {
  expect_tensor_and_ints(context);
  const std::optional<Ints> multiples = ints_operand(context, 1, "multiples");
  const std::int64_t length = ints_length(context, 1);
  Shape y = context.shape(0);
  if (!y.has_rank()) y = unknown_dims(length);
  if (length >= 0 && length != y.rank()) {
    invalid("multiples: expected {} for {}, found {}", y.rank(), y.to_string(), length);
  }
  for (int i = 0; i < y.rank(); ++i) {
    if (!multiples) {
      y[i] = y[i] == 0 ? 0 : kUnknownDim;
      continue;
    }
    const std::int64_t multiple = (*multiples)[static_cast<std::size_t>(i)];
    if (multiple < 0) invalid("multiples: expected no negative number, found {}", multiple);
    if (multiple == 0) {
      y[i] = 0;
    } else if (y[i] >= 0) {
      y[i] = checked_mul(y[i], multiple);
    }
  }
  return {{context.dtype(0), y}};
}

namespace {

/// TensorFlow counts in the element type, so that 16-bit floats round at each step.
template <class Round>
std::int64_t float_count(double start, double limit, double delta, Round round) {
  const double count = std::ceil(std::abs(round(round(limit - start) / delta)));
  if (!(count < 0x1p62)) invalid("range: {} elements are too many", count);
  return static_cast<std::int64_t>(count);
}

void check_direction(bool zero, bool backwards) {
  if (zero) invalid("delta: expected a number other than 0");
  if (backwards) invalid("expected delta to lead from start to limit");
}

template <class T, class Convert, class Round>
std::int64_t count_floats(const Context& context, Convert convert, Round round) {
  const auto value = [&](int i) {
    return static_cast<double>(convert(*static_cast<const T*>(context.constant(i)->data())));
  };
  const double start = value(0), limit = value(1), delta = value(2);
  if (std::isnan(start) || std::isnan(limit) || std::isnan(delta)) invalid("range: found NaN");
  check_direction(delta == 0, delta > 0 ? start > limit : start < limit);
  return float_count(start, limit, delta, round);
}

template <class T>
std::int64_t count_integers(const Context& context) {
  const auto value = [&](int i) {
    return static_cast<__int128>(*static_cast<const T*>(context.constant(i)->data()));
  };
  const __int128 start = value(0), limit = value(1), delta = value(2);
  check_direction(delta == 0, delta > 0 ? start > limit : start < limit);
  const __int128 distance = limit > start ? limit - start : start - limit;
  const __int128 step = delta > 0 ? delta : -delta;
  const __int128 count = (distance + step - 1) / step;
  if (count > INT64_MAX) invalid("range: too many elements");
  return static_cast<std::int64_t>(count);
}

std::int64_t range_count(const Context& context) {
  const auto same = [](auto x) { return x; };
  switch (context.dtype(0)) {
    case DType::float16:
      return count_floats<std::uint16_t>(context, half_to_float, [](double x) {
        return half_to_float(float_to_half(static_cast<float>(x)));
      });
    case DType::bfloat16:
      return count_floats<std::uint16_t>(context, bfloat_to_float, [](double x) {
        return bfloat_to_float(float_to_bfloat(static_cast<float>(x)));
      });
    case DType::float32:
      return count_floats<float>(context, same, [](double x) { return static_cast<float>(x); });
    case DType::float64: return count_floats<double>(context, same, same);
    case DType::int8: return count_integers<std::int8_t>(context);
    case DType::int16: return count_integers<std::int16_t>(context);
    case DType::int32: return count_integers<std::int32_t>(context);
    case DType::int64: return count_integers<std::int64_t>(context);
    case DType::uint8: return count_integers<std::uint8_t>(context);
    case DType::uint16: return count_integers<std::uint16_t>(context);
    case DType::uint32: return count_integers<std::uint32_t>(context);
    case DType::uint64: return count_integers<std::uint64_t>(context);
    default: return kUnknownDim;
  }
}

}  // namespace

Types infer_op(const ops::Range&, const Context& context) {
  expect_operands(context, 3);
  expect_results(context, 1);
  const DType dtype = context.dtype(0);
  expect_type(is_real(dtype), "start", "a real type", dtype);
  bool known = true;
  for (int i = 0; i < 3; ++i) {
    const char* what = i == 0 ? "start" : i == 1 ? "limit" : "delta";
    expect_same_type(dtype, what, context.dtype(i));
    expect_scalar(context, i, what);
    const Tensor* constant = context.constant(i);
    known = known && constant != nullptr;
    if (constant != nullptr && (constant->num_elements() != 1 || constant->dtype() != dtype)) {
      invalid("{}: expected a scalar {}, found {}", what, name_of(dtype),
              to_string(constant->type()));
    }
  }
  return {{dtype, Shape{known ? range_count(context) : kUnknownDim}}};
}

}  // namespace thaw::inference
