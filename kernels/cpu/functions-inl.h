// UnaryFn on float vectors. Per-target header.
#if defined(THAW_KERNELS_CPU_FUNCTIONS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef THAW_KERNELS_CPU_FUNCTIONS_INL_H_
#undef THAW_KERNELS_CPU_FUNCTIONS_INL_H_
#else
#define THAW_KERNELS_CPU_FUNCTIONS_INL_H_
#endif

#include "kernels/cpu/functions.h"
#include "kernels/cpu/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace thaw::cpu {
namespace HWY_NAMESPACE {

HWY_INLINE V HardSigmoid(V x, V alpha, V beta) {
  return AtMost(AtLeast(hn::MulAdd(alpha, x, beta), 0.0f), 1.0f);
}

/// x < 0 ? negative : x; NaN stays.
HWY_INLINE V BelowZero(V x, V negative) {
  return hn::IfThenElse(hn::Lt(x, hn::Zero(f)), negative, x);
}

/// x times t below zero, times 1 - t above, with t = erfc(|x| / sqrt(2)) / 2: no cancellation on
/// either side. The logarithm (to 2) of the erfc is |x| P(|x|), fitted up to 6, where t vanishes.
HWY_INLINE V Gelu(V x) {
  const V a = hn::Abs(x);
  V p = hn::MulAdd(a, Splat(2.415512767584005e-7f), Splat(-5.599651103693759e-6f));
  p = hn::MulAdd(p, a, Splat(5.180900188861415e-5f));
  p = hn::MulAdd(p, a, Splat(-2.1431801724247634e-4f));
  p = hn::MulAdd(p, a, Splat(-1.0287104021403849e-4f));
  p = hn::MulAdd(p, a, Splat(7.041896693408489e-3f));
  p = hn::MulAdd(p, a, Splat(-5.2489884197711945e-2f));
  p = hn::MulAdd(p, a, Splat(-0.45920878648757935f));
  p = hn::MulAdd(p, a, Splat(-1.1511051654815674f));
  const V logarithm = hn::Mul(a, p);
  const hn::Vec<I> n = hn::NearestInt(logarithm);
  const V r = hn::Mul(hn::Sub(logarithm, hn::ConvertTo(f, n)), Splat(0.6931472f));
  V q = hn::MulAdd(r, Splat(1.3946493854746222e-3f), Splat(8.36661085486412e-3f));
  q = hn::MulAdd(q, r, Splat(4.166628047823906e-2f));
  q = hn::MulAdd(q, r, Splat(0.1666654348373413f));
  q = hn::MulAdd(q, r, Splat(0.5f));
  q = hn::MulAdd(hn::Mul(r, r), q, r);
  const V scale = PowerOfTwo(n);
  const V erfc = hn::IfThenElseZero(hn::Lt(a, Splat(6.0f)), hn::MulAdd(q, scale, scale));
  const V below = hn::Mul(Splat(0.5f), erfc);
  const V above = hn::NegMulAdd(Splat(0.5f), erfc, Splat(1.0f));
  return hn::Mul(x, hn::IfThenElse(hn::Lt(x, hn::Zero(f)), below, above));
}

template <UnaryKind K>
HWY_INLINE V Function(V x, [[maybe_unused]] V alpha, [[maybe_unused]] V beta) {
  [[maybe_unused]] const V one = Splat(1.0f), zero = hn::Zero(f), half = Splat(0.5f);
  if constexpr (K == UnaryKind::linear) return x;
  if constexpr (K == UnaryKind::abs) return hn::Abs(x);
  if constexpr (K == UnaryKind::neg) return hn::Neg(x);
  if constexpr (K == UnaryKind::square) return hn::Mul(x, x);
  if constexpr (K == UnaryKind::sqrt) return hn::Sqrt(x);
  if constexpr (K == UnaryKind::rsqrt) return hn::Div(one, hn::Sqrt(x));
  if constexpr (K == UnaryKind::reciprocal) return hn::Div(one, x);
  if constexpr (K == UnaryKind::exp) return Exp(x);
  if constexpr (K == UnaryKind::expm1) return Expm1(x);
  if constexpr (K == UnaryKind::log) {
    const V y = hn::IfThenElse(hn::Eq(x, zero), Splat(-__builtin_inff()), hn::Log(f, x));
    const V negative = hn::IfThenElse(hn::Lt(x, zero), Splat(__builtin_nanf("")), y);
    const auto keep = hn::Or(hn::IsNaN(x), hn::Eq(x, Splat(__builtin_inff())));
    return hn::IfThenElse(keep, x, negative);
  }
  if constexpr (K == UnaryKind::log1p) {
    const V y = hn::IfThenElse(hn::Eq(x, Splat(-1.0f)), Splat(-__builtin_inff()), hn::Log1p(f, x));
    const V negative = hn::IfThenElse(hn::Lt(x, Splat(-1.0f)), Splat(__builtin_nanf("")), y);
    const auto keep = hn::Or(hn::IsNaN(x), hn::Eq(x, Splat(__builtin_inff())));
    return hn::IfThenElse(keep, x, negative);
  }
  if constexpr (K == UnaryKind::tanh) return Tanh(x);
  if constexpr (K == UnaryKind::erf) return Erf(x);
  if constexpr (K == UnaryKind::floor) return hn::Floor(x);
  if constexpr (K == UnaryKind::ceil) return hn::Ceil(x);
  if constexpr (K == UnaryKind::round) return hn::Round(x);
  if constexpr (K == UnaryKind::sigmoid) return Sigmoid(x);
  if constexpr (K == UnaryKind::log_sigmoid) return hn::Neg(Softplus(hn::Neg(x)));
  if constexpr (K == UnaryKind::relu) return Relu(x);
  if constexpr (K == UnaryKind::clamp) {
    const V low = hn::IfThenElse(hn::Lt(x, alpha), alpha, x);
    return hn::IfThenElse(hn::Gt(low, beta), beta, low);
  }
  if constexpr (K == UnaryKind::leaky_relu) return BelowZero(x, hn::Mul(alpha, x));
  if constexpr (K == UnaryKind::threshold_relu) {
    return hn::IfThenElseZero(hn::Gt(x, alpha), x);
  }
  if constexpr (K == UnaryKind::elu) return BelowZero(x, hn::Mul(alpha, Expm1(x)));
  if constexpr (K == UnaryKind::selu) {
    const V scale = Splat(1.05070098735548f);
    return BelowZero(hn::Mul(scale, x), hn::Mul(Splat(1.75809934084738f), Expm1(x)));
  }
  if constexpr (K == UnaryKind::celu) {
    return BelowZero(x, hn::Mul(alpha, Expm1(hn::Div(x, alpha))));
  }
  if constexpr (K == UnaryKind::softplus) return Softplus(x);
  if constexpr (K == UnaryKind::softsign) return hn::Div(x, hn::Add(one, hn::Abs(x)));
  if constexpr (K == UnaryKind::hard_sigmoid) return HardSigmoid(x, alpha, beta);
  if constexpr (K == UnaryKind::hard_silu) return hn::Mul(x, HardSigmoid(x, alpha, beta));
  if constexpr (K == UnaryKind::gelu) return Gelu(x);
  if constexpr (K == UnaryKind::gelu_tanh) {
    const V cubic = hn::MulAdd(hn::Mul(Splat(0.044715f), x), hn::Mul(x, x), x);
    return hn::Mul(hn::Mul(half, x), hn::Add(one, Tanh(hn::Mul(Splat(0.79788456f), cubic))));
  }
  if constexpr (K == UnaryKind::silu) return hn::Mul(x, Sigmoid(x));
  if constexpr (K == UnaryKind::mish) {
    // tanh(log(1 + e)) = n / (n + 2) with n = e (e + 2); above 20 it is 1.
    const V e = Exp(AtMost(x, 20.0f));
    const V n = hn::Mul(e, hn::Add(e, Splat(2.0f)));
    return hn::Mul(x, hn::Div(n, hn::Add(n, Splat(2.0f))));
  }
  if constexpr (K == UnaryKind::tanh_shrink) return hn::Sub(x, Tanh(x));
  if constexpr (K == UnaryKind::soft_shrink) {
    const V shrunk = hn::CopySign(hn::Sub(hn::Abs(x), alpha), x);
    return hn::IfThenElseZero(hn::Not(hn::Le(hn::Abs(x), alpha)), shrunk);
  }
  if constexpr (K == UnaryKind::hard_shrink) {
    return hn::IfThenElseZero(hn::Not(hn::Le(hn::Abs(x), alpha)), x);
  }
  if constexpr (K == UnaryKind::sparse_plus) {
    const V y = hn::Add(x, one);
    const V middle = hn::Mul(hn::Mul(y, y), Splat(0.25f));
    const V low = hn::IfThenElseZero(hn::Not(hn::Le(x, Splat(-1.0f))), middle);
    return hn::IfThenElse(hn::Ge(x, one), x, low);
  }
  if constexpr (K == UnaryKind::squareplus) {
    const V y = hn::Mul(half, hn::Add(x, hn::Sqrt(hn::MulAdd(x, x, alpha))));
    const V a = hn::Abs(x);  // above 1e18 the square overflows
    const auto big = hn::And(hn::Gt(a, Splat(1e18f)), hn::Lt(a, Splat(__builtin_inff())));
    return hn::IfThenElse(big, Relu(x), y);
  }
}

/// Any function by value: a switch per vector, for epilogues whose function is not worth a
/// template.
inline HWY_NOINLINE V CallFunction(const VectorFn& fn, V x) {
  const V alpha = Splat(fn.alpha), beta = Splat(fn.beta);
  switch (fn.kind) {
#define X(kind) \
  case UnaryKind::kind: return Function<UnaryKind::kind>(x, alpha, beta);
    THAW_VECTOR_UNARY_KINDS(X)
#undef X
    default: return x;
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace thaw::cpu
HWY_AFTER_NAMESPACE();

#endif
