// Loads of packed weights as float vectors, whatever form they are kept in. Per-target header.
#if defined(THAW_KERNELS_CPU_WEIGHTS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef THAW_KERNELS_CPU_WEIGHTS_INL_H_
#undef THAW_KERNELS_CPU_WEIGHTS_INL_H_
#else
#define THAW_KERNELS_CPU_WEIGHTS_INL_H_
#endif

#include "kernels/cpu/math-inl.h"
#include "thaw/tensor.h"

HWY_BEFORE_NAMESPACE();
namespace thaw::cpu {
namespace HWY_NAMESPACE {

HWY_INLINE V LoadWeights(const float* p) { return hn::LoadU(f, p); }

HWY_INLINE V LoadWeights(const float16* p) {
  const hn::Rebind<hwy::float16_t, F> half;
  return hn::PromoteTo(f, hn::LoadU(half, reinterpret_cast<const hwy::float16_t*>(p)));
}

HWY_INLINE V LoadWeights(const bfloat16* p) {
  const hn::Rebind<std::uint16_t, F> half;
  const hn::RebindToUnsigned<F> wide;
  const auto bits = hn::LoadU(half, reinterpret_cast<const std::uint16_t*>(p));
  return hn::BitCast(f, hn::ShiftLeft<16>(hn::PromoteTo(wide, bits)));
}

HWY_INLINE V LoadWeights(const std::int8_t* p) {
  const hn::Rebind<std::int8_t, F> bytes;
  return hn::ConvertTo(f, hn::PromoteTo(fi, hn::LoadU(bytes, p)));
}

}  // namespace HWY_NAMESPACE
}  // namespace thaw::cpu
HWY_AFTER_NAMESPACE();

#endif
