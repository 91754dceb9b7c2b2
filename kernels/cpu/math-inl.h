// Elementary functions on float vectors. Per-target header: included once for each instruction set.
//
// Errors against correctly rounded results, over all finite floats: exp, expm1, tanh, erf <= 4 ulp,
// sigmoid too for x > -87 (tests/kernels/cpu_unary_test.cc measures them). NaN gives NaN.
#if defined(THAW_KERNELS_CPU_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef THAW_KERNELS_CPU_MATH_INL_H_
#undef THAW_KERNELS_CPU_MATH_INL_H_
#else
#define THAW_KERNELS_CPU_MATH_INL_H_
#endif

#include <cstdint>
#include <cstring>

// clang-format off
#include "hwy/highway.h"
#include "hwy/contrib/math/math-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace thaw::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using F = hn::ScalableTag<float>;
using I = hn::RebindToSigned<F>;
using V = hn::Vec<F>;
constexpr F f{};
constexpr I fi{};
constexpr std::int64_t kLanes = HWY_LANES(float);

HWY_INLINE V Splat(float x) { return hn::Set(f, x); }

/// The first n < kLanes elements; zeros behind. Touches nothing else.
HWY_INLINE V LoadPartial(const float* p, std::int64_t n) {
#if HWY_TARGET <= HWY_AVX2
  return hn::MaskedLoad(hn::FirstN(f, static_cast<std::size_t>(n)), f, p);
#else
  HWY_ALIGN float lanes[kLanes] = {};
  std::memcpy(lanes, p, static_cast<std::size_t>(n) * sizeof(float));
  return hn::Load(f, lanes);
#endif
}

HWY_INLINE void StorePartial(V v, float* p, std::int64_t n) {
#if HWY_TARGET <= HWY_AVX2
  hn::BlendedStore(v, hn::FirstN(f, static_cast<std::size_t>(n)), f, p);
#else
  HWY_ALIGN float lanes[kLanes];
  hn::Store(v, f, lanes);
  std::memcpy(p, lanes, static_cast<std::size_t>(n) * sizeof(float));
#endif
}

// Clamps that let NaN through: x86's minimum and maximum give the second operand where either is
// NaN, Arm's give NaN; of others it is not known.
HWY_INLINE V AtMost(V x, float limit) {
#if HWY_ARCH_X86 || HWY_ARCH_ARM
  return hn::Min(Splat(limit), x);
#else
  return hn::IfThenElse(hn::Gt(x, Splat(limit)), Splat(limit), x);
#endif
}
HWY_INLINE V AtLeast(V x, float limit) {
#if HWY_ARCH_X86 || HWY_ARCH_ARM
  return hn::Max(Splat(limit), x);
#else
  return hn::IfThenElse(hn::Lt(x, Splat(limit)), Splat(limit), x);
#endif
}
/// Maximum as TensorFlow and numpy have it: NaN if either is.
HWY_INLINE V Maximum(V a, V b) {
  return hn::IfThenElse(hn::IsNaN(a), a, hn::IfThenElse(hn::Gt(a, b), a, b));
}
HWY_INLINE V Minimum(V a, V b) {
  return hn::IfThenElse(hn::IsNaN(a), a, hn::IfThenElse(hn::Lt(a, b), a, b));
}
HWY_INLINE V Relu(V x) { return hn::IfThenElseZero(hn::Not(hn::Le(x, hn::Zero(f))), x); }

/// x = n ln2 + r with |r| <= ln2 / 2; returns e^r - 1 and n. |x| < 200.
HWY_INLINE V ExpParts(V x, hn::Vec<I>& n) {
  n = hn::NearestInt(hn::Mul(x, Splat(1.44269504f)));
  const V nf = hn::ConvertTo(f, n);
  V r = hn::NegMulAdd(nf, Splat(0.693145752f), x);
  r = hn::NegMulAdd(nf, Splat(1.42860677e-6f), r);
  V q = hn::MulAdd(r, Splat(1.3946493854746222e-3f), Splat(8.36661085486412e-3f));
  q = hn::MulAdd(q, r, Splat(4.166628047823906e-2f));
  q = hn::MulAdd(q, r, Splat(0.1666654348373413f));
  q = hn::MulAdd(q, r, Splat(0.5f));
  return hn::MulAdd(hn::Mul(r, r), q, r);
}

/// 2^n for -126 <= n <= 127.
HWY_INLINE V PowerOfTwo(hn::Vec<I> n) {
  return hn::BitCast(f, hn::ShiftLeft<23>(hn::Add(n, hn::Set(fi, 127))));
}

/// e^x, overflowing to infinity and underflowing through the denormals to 0.
HWY_INLINE V Exp(V x) {
  hn::Vec<I> n;
  const V p = ExpParts(AtLeast(AtMost(x, 90.0f), -105.0f), n);
  const hn::Vec<I> half = hn::ShiftRight<1>(n);  // two steps, so that no factor overflows
  const V scale = PowerOfTwo(half);
  return hn::Mul(hn::MulAdd(p, scale, scale), PowerOfTwo(hn::Sub(n, half)));
}

/// e^x for x <= 88; below -87 it is about 1e-38 instead of less. For sums and gates.
HWY_INLINE V ExpBounded(V x) {
  hn::Vec<I> n;
  const V p = ExpParts(AtLeast(x, -87.0f), n);
  const V scale = PowerOfTwo(n);
  return hn::MulAdd(p, scale, scale);
}

/// e^x - 1.
HWY_INLINE V Expm1(V x) {
  hn::Vec<I> n;
  const V p = ExpParts(AtLeast(AtMost(x, 90.0f), -80.0f), n);
  const hn::Vec<I> half = hn::ShiftRight<1>(n);
  const V low = PowerOfTwo(half), high = PowerOfTwo(hn::Sub(n, half));
  // 2^n p + (2^n - 1) without 2^n itself, which overflows before the result does.
  const V big = hn::Mul(hn::MulAdd(p, low, low), high);
  const V small = hn::MulAdd(p, hn::Mul(low, high), hn::Sub(hn::Mul(low, high), Splat(1.0f)));
  return hn::IfThenElse(hn::Gt(x, Splat(40.0f)), big, small);
}

HWY_INLINE V Sigmoid(V x) { return hn::Div(Splat(1.0f), hn::Add(Exp(hn::Neg(x)), Splat(1.0f))); }

/// Sigmoid that ends at 6e-39 instead of 0. For gates.
HWY_INLINE V SigmoidBounded(V x) {
  const V e = ExpBounded(AtMost(hn::Neg(x), 88.0f));
  return hn::Div(Splat(1.0f), hn::Add(e, Splat(1.0f)));
}

/// e / (e + 2) with e = expm1(2 x): no cancellation near 0.
HWY_INLINE V Tanh(V x) {
  hn::Vec<I> n;
  const V y = AtLeast(AtMost(x, 9.1f), -9.1f);
  const V p = ExpParts(hn::Add(y, y), n);
  const V scale = PowerOfTwo(n);
  const V e = hn::MulAdd(p, scale, hn::Sub(scale, Splat(1.0f)));
  return hn::Div(e, hn::Add(e, Splat(2.0f)));
}

/// log(1 + e^x)
HWY_INLINE V Softplus(V x) {
  const V tail = ExpBounded(hn::Neg(hn::Abs(x)));
  return hn::Add(Relu(x), hn::Log1p(f, tail));
}

/// |x| < 1: x P(x^2); else 1 - exp(Q(|x|)), Q being log(erfc).
HWY_INLINE V Erf(V x) {
  const V a = AtMost(hn::Abs(x), 4.0f);
  const V t = hn::Mul(x, x);
  V p = hn::MulAdd(t, Splat(7.853857823647559e-5f), Splat(-8.010192541405559e-4f));
  p = hn::MulAdd(p, t, Splat(5.188327748328447e-3f));
  p = hn::MulAdd(p, t, Splat(-2.6853810995817184e-2f));
  p = hn::MulAdd(p, t, Splat(0.1128358542919159f));
  p = hn::MulAdd(p, t, Splat(-0.3761262595653534f));
  p = hn::MulAdd(p, t, Splat(1.1283791065216064f));
  V q = hn::MulAdd(a, Splat(-2.16976877709385e-5f), Splat(4.414735594764352e-4f));
  q = hn::MulAdd(q, a, Splat(-4.205289296805859e-3f));
  q = hn::MulAdd(q, a, Splat(2.521035261452198e-2f));
  q = hn::MulAdd(q, a, Splat(-0.10842212289571762f));
  q = hn::MulAdd(q, a, Splat(-0.633216381072998f));
  q = hn::MulAdd(q, a, Splat(-1.1295803785324097f));
  q = hn::MulAdd(q, a, Splat(1.8847025057766587e-4f));
  const V far = hn::CopySign(hn::Sub(Splat(1.0f), ExpBounded(q)), x);
  return hn::IfThenElse(hn::Lt(a, Splat(1.0f)), hn::Mul(x, p),
                        hn::IfThenElse(hn::IsNaN(x), x, far));
}

}  // namespace HWY_NAMESPACE
}  // namespace thaw::cpu
HWY_AFTER_NAMESPACE();

#endif
