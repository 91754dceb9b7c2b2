// Scalar functions and the small types that ops have as attributes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace thaw {

// ---- scalar functions
// ---------------------------------------------------------------------------------

// clang-format off
#define THAW_UNARY_KINDS(X)                                                                             \
  X(linear) X(abs) X(neg) X(sign) X(square) X(sqrt) X(rsqrt) X(reciprocal) X(exp) X(expm1) X(log)       \
  X(log1p) X(sin) X(cos) X(tan) X(asin) X(acos) X(atan) X(sinh) X(cosh) X(tanh) X(asinh) X(acosh)       \
  X(atanh) X(erf) X(erfc) X(floor) X(ceil) X(round) X(is_nan) X(is_inf) X(is_finite) X(logical_not)     \
  X(bitwise_not) X(sigmoid) X(log_sigmoid) X(relu) X(clamp) X(leaky_relu) X(threshold_relu) X(elu)      \
  X(selu) X(celu) X(softplus) X(softsign) X(hard_sigmoid) X(gelu) X(gelu_tanh) X(silu) X(hard_silu)     \
  X(mish) X(tanh_shrink) X(soft_shrink) X(hard_shrink) X(sparse_plus) X(squareplus) X(lgamma)           \
  X(digamma)
#define THAW_BINARY_KINDS(X)                                                                            \
  X(add) X(sub) X(mul) X(div) X(floor_div) X(floor_mod) X(truncate_div) X(truncate_mod) X(div_no_nan)   \
  X(mul_no_nan) X(xdivy) X(xlogy) X(pow) X(maximum) X(minimum) X(squared_difference) X(atan2)           \
  X(equal) X(not_equal) X(less) X(less_equal) X(greater) X(greater_equal) X(logical_and) X(logical_or)  \
  X(logical_xor) X(bitwise_and) X(bitwise_or) X(bitwise_xor) X(left_shift) X(right_shift)
// clang-format on

enum class UnaryKind : std::uint8_t {
#define X(kind) kind,
  THAW_UNARY_KINDS(X)
#undef X
};

enum class BinaryKind : std::uint8_t {
#define X(kind) kind,
  THAW_BINARY_KINDS(X)
#undef X
};

/// An elementwise function with its parameters; also the fused activation of matmul, conv and rnn.
/// alpha and beta mean, by kind:
///   clamp: min(max(x, alpha), beta)          hard_sigmoid: min(max(alpha x + beta, 0), 1)
///   hard_silu: x * hard_sigmoid(x)           leaky_relu: x < 0 ? alpha x : x
///   threshold_relu: x > alpha ? x : 0        elu: x < 0 ? alpha (e^x - 1) : x
///   celu: max(x,0) + min(0, alpha (e^(x/alpha) - 1))   soft_shrink, hard_shrink: threshold alpha
///   squareplus: (x + sqrt(x^2 + alpha)) / 2  gelu: exact (erf); gelu_tanh: the approximation
///   log_sigmoid: log(sigmoid(x))             sparse_plus: 0 / (x+1)^2/4 / x at -1 and 1
///   round: half to even                      linear: x
struct UnaryFn {
  UnaryKind kind = UnaryKind::linear;
  double alpha = 0;
  double beta = 0;
  friend bool operator==(const UnaryFn&, const UnaryFn&) = default;
};

const char* name_of(UnaryKind kind);
const char* name_of(BinaryKind kind);
/// False when there is no kind of this name.
bool kind_from_name(const std::string& name, UnaryKind& kind);
bool kind_from_name(const std::string& name, BinaryKind& kind);
/// Comparison and logical kinds give bool.
bool is_predicate(BinaryKind kind);
bool is_predicate(UnaryKind kind);

// ---- attribute enums
// ----------------------------------------------------------------------------------

enum class PaddingKind : std::uint8_t { valid, same, causal, explicit_ };
/// Window padding per spatial axis. `same` pads as TensorFlow does (surplus behind), `causal` pads
/// (k - 1) * dilation in front; before/after are used by explicit_ only.
struct Padding {
  PaddingKind kind = PaddingKind::valid;
  std::vector<std::int64_t> before, after;
  friend bool operator==(const Padding&, const Padding&) = default;
};

enum class PoolKind : std::uint8_t { max, average };
enum class ReduceKind : std::uint8_t { sum, mean, prod, max, min, all, any };
enum class ScanKind : std::uint8_t { sum, prod };
enum class PadMode : std::uint8_t { constant, reflect, symmetric };
/// The methods from lanczos1 on are sampling kernels as TensorFlow's ScaleAndTranslate has them:
/// they place pixel centers at halves, and their weights sum to one at the borders too.
enum class ResizeMethod : std::uint8_t {
  nearest,
  bilinear,
  bicubic,
  area,
  lanczos1,
  lanczos3,
  lanczos5,
  gaussian,
  box,
  triangle,
  keys_cubic,
  mitchell_cubic
};
enum class ScatterKind : std::uint8_t { update, add, mul, max, min };
enum class CellKind : std::uint8_t { lstm, gru, simple };
enum class ShapeQueryKind : std::uint8_t { shape, size, rank };

/// Index into Graph::subgraphs, Graph::variables.
using SubgraphId = std::int32_t;
using VariableId = std::int32_t;

}  // namespace thaw
