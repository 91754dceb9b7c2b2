// Sources, effects and elementwise ops.
#include <cstdint>

#include "runtime/ir/elementwise.h"
#include "runtime/ir/infer_util.h"

namespace thaw::inference {
namespace {

bool is_float_or_complex(DType dtype) { return is_floating(dtype) || is_complex(dtype); }

const Variable& variable_of(const Context& context, VariableId id) {
  THAW_CHECK(context.graph != nullptr, "variables need a graph");
  const auto& variables = context.graph->variables;
  if (id < 0 || static_cast<std::size_t>(id) >= variables.size()) {
    invalid("expected a variable in [0, {}), found {}", variables.size(), id);
  }
  return variables[static_cast<std::size_t>(id)];
}

/// What element types a unary function is defined for.
enum class Domain { any, numeric, real, float_or_complex, floating, integer, boolean };

Domain domain_of(UnaryKind kind) {
  switch (kind) {
    case UnaryKind::linear: return Domain::any;
    case UnaryKind::neg:
    case UnaryKind::sign:
    case UnaryKind::square:
    case UnaryKind::reciprocal: return Domain::numeric;
    case UnaryKind::abs:
    case UnaryKind::round:
    case UnaryKind::relu:
    case UnaryKind::clamp: return Domain::real;
    case UnaryKind::sqrt:
    case UnaryKind::rsqrt:
    case UnaryKind::exp:
    case UnaryKind::expm1:
    case UnaryKind::log:
    case UnaryKind::log1p:
    case UnaryKind::sin:
    case UnaryKind::cos:
    case UnaryKind::tan:
    case UnaryKind::asin:
    case UnaryKind::acos:
    case UnaryKind::atan:
    case UnaryKind::sinh:
    case UnaryKind::cosh:
    case UnaryKind::tanh:
    case UnaryKind::asinh:
    case UnaryKind::acosh:
    case UnaryKind::atanh:
    case UnaryKind::sigmoid: return Domain::float_or_complex;
    case UnaryKind::logical_not: return Domain::boolean;
    case UnaryKind::bitwise_not: return Domain::integer;
    default: return Domain::floating;
  }
}

bool in_domain(Domain domain, DType dtype) {
  switch (domain) {
    case Domain::any: return dtype != DType::invalid;
    case Domain::numeric: return is_numeric(dtype);
    case Domain::real: return is_real(dtype);
    case Domain::float_or_complex: return is_float_or_complex(dtype);
    case Domain::floating: return is_floating(dtype);
    case Domain::integer: return is_integer(dtype);
    case Domain::boolean: return dtype == DType::boolean;
  }
  return false;
}

const char* describe(Domain domain) {
  switch (domain) {
    case Domain::any: return "a type";
    case Domain::numeric: return "a numeric type";
    case Domain::real: return "a real type";
    case Domain::float_or_complex: return "a floating or complex type";
    case Domain::floating: return "a floating type";
    case Domain::integer: return "an integer type";
    case Domain::boolean: return "bool";
  }
  return "?";
}

/// TensorFlow's registered types, without the operands' own unsigned gaps.
void expect_binary_type(BinaryKind kind, DType dtype) {
  bool holds = false;
  const char* expected = "";
  switch (kind) {
    case BinaryKind::add:  // of strings: concatenation
      holds = is_numeric(dtype) || dtype == DType::string, expected = "a numeric type or string";
      break;
    case BinaryKind::sub:
    case BinaryKind::mul:
    case BinaryKind::pow:
    case BinaryKind::squared_difference:
      holds = is_numeric(dtype), expected = "a numeric type";
      break;
    case BinaryKind::div:
    case BinaryKind::div_no_nan:
    case BinaryKind::mul_no_nan:
    case BinaryKind::xdivy:
    case BinaryKind::xlogy:
      holds = is_float_or_complex(dtype), expected = "a floating or complex type";
      break;
    case BinaryKind::floor_div:
    case BinaryKind::floor_mod:
    case BinaryKind::truncate_div:
    case BinaryKind::truncate_mod:
    case BinaryKind::maximum:
    case BinaryKind::minimum:
    case BinaryKind::less:
    case BinaryKind::less_equal:
    case BinaryKind::greater:
    case BinaryKind::greater_equal: holds = is_real(dtype), expected = "a real type"; break;
    case BinaryKind::atan2: holds = is_floating(dtype), expected = "a floating type"; break;
    case BinaryKind::equal:
    case BinaryKind::not_equal: holds = is_tensor(dtype), expected = "a tensor"; break;
    case BinaryKind::logical_and:
    case BinaryKind::logical_or:
    case BinaryKind::logical_xor: holds = dtype == DType::boolean, expected = "bool"; break;
    case BinaryKind::bitwise_and:
    case BinaryKind::bitwise_or:
    case BinaryKind::bitwise_xor:
    case BinaryKind::left_shift:
    case BinaryKind::right_shift: holds = is_integer(dtype), expected = "an integer type"; break;
  }
  expect_type(holds, name_of(kind), expected, dtype);
}

}  // namespace

DType unary_type(UnaryKind kind, DType dtype) {
  const Domain domain = domain_of(kind);
  expect_type(in_domain(domain, dtype), name_of(kind), describe(domain), dtype);
  return is_predicate(kind) ? DType::boolean : dtype;
}

void expect_activation(const UnaryFn& fn, DType dtype) {
  if (unary_type(fn.kind, dtype) != dtype) {
    invalid("activation: {} does not keep {}", name_of(fn.kind), name_of(dtype));
  }
}

Types infer_op(const ops::Input&, const Context&) {
  fail(ErrorCode::internal, "an input's type is given by whoever adds it");
}

Types infer_op(const ops::Constant& op, const Context& context) {
  expect_operands(context, 0);
  expect_results(context, 1);
  if (op.value.empty()) invalid("expected a tensor, found none");
  return {op.value.type()};
}

Types infer_op(const ops::VariableRead& op, const Context& context) {
  expect_operands(context, 0);
  expect_results(context, 1);
  const Variable& variable = variable_of(context, op.variable);
  if (variable.initial.empty()) invalid("variable '{}' has no initial value", variable.name);
  return {variable.initial.type()};
}

Types infer_op(const ops::VariableAssign& op, const Context& context) {
  expect_operands(context, 1);
  expect_results(context, 0);
  const Variable& variable = variable_of(context, op.variable);
  expect_same_type(variable.initial.dtype(), "value", context.dtype(0));
  if (!compatible(variable.initial.shape(), context.shape(0))) {
    invalid("variable '{}': expected shape {}, found {}", variable.name,
            variable.initial.shape().to_string(), context.shape(0).to_string());
  }
  return {};
}

Types infer_op(const ops::Assert&, const Context& context) {
  expect_operands(context, 1, INT32_MAX);
  expect_results(context, 0);
  expect_same_type(DType::boolean, "condition", context.dtype(0));
  return {};
}

Types infer_op(const ops::Identity&, const Context& context) {
  expect_operands(context, 1);
  expect_results(context, 1);
  return {context.type(0)};
}

Types infer_op(const ops::Unary& op, const Context& context) {
  expect_operands(context, 1);
  expect_results(context, 1);
  return {{unary_type(op.fn.kind, context.dtype(0)), context.shape(0)}};
}

Types infer_op(const ops::Binary& op, const Context& context) {
  expect_operands(context, 2);
  expect_results(context, 1);
  expect_same_type(context.dtype(0), "second operand", context.dtype(1));
  expect_binary_type(op.kind, context.dtype(0));
  const DType dtype = is_predicate(op.kind) ? DType::boolean : context.dtype(0);
  return {{dtype, broadcast(context.shape(0), context.shape(1))}};
}

Types infer_op(const ops::Select&, const Context& context) {
  expect_operands(context, 3);
  expect_results(context, 1);
  expect_same_type(DType::boolean, "condition", context.dtype(0));
  expect_type(is_tensor(context.dtype(1)), "x", "a tensor", context.dtype(1));
  expect_same_type(context.dtype(1), "y", context.dtype(2));
  const Shape both = broadcast(context.shape(1), context.shape(2));
  return {{context.dtype(1), broadcast(context.shape(0), both)}};
}

Types infer_op(const ops::Cast& op, const Context& context) {
  expect_operands(context, 1);
  expect_results(context, 1);
  const auto castable = [](DType dtype) { return is_numeric(dtype) || dtype == DType::boolean; };
  if (op.dtype != context.dtype(0)) {
    expect_type(castable(context.dtype(0)), "x", "a numeric type or bool", context.dtype(0));
    expect_type(castable(op.dtype), "dtype", "a numeric type or bool", op.dtype);
  }
  return {{op.dtype, context.shape(0)}};
}

Types infer_op(const ops::Elementwise& op, const Context& context) {
  expect_operands(context, 1, kMaxElementwiseOperands);
  expect_results(context, 1);
  const DType dtype = context.dtype(0);
  expect_type(is_floating(dtype), "operands", "a floating type", dtype);
  const int operands = static_cast<int>(context.operands.size());
  for (const ElementwiseStep& step : parse_elementwise(op.expression, operands).steps) {
    if (step.binary) {
      expect_binary_type(step.kind, dtype);
    } else {
      unary_type(step.unary.kind, dtype);
    }
  }
  Shape shape = context.shape(0);
  for (int i = 1; i < operands; ++i) {
    expect_same_type(dtype, "operands", context.dtype(i));
    shape = broadcast(shape, context.shape(i));
  }
  return {{dtype, shape}};
}

}  // namespace thaw::inference
