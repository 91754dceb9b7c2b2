// The transforms of winograd.h on vectors. Per-target header: included once for each instruction
// set.
#if defined(THAW_KERNELS_CPU_WINOGRAD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef THAW_KERNELS_CPU_WINOGRAD_INL_H_
#undef THAW_KERNELS_CPU_WINOGRAD_INL_H_
#else
#define THAW_KERNELS_CPU_WINOGRAD_INL_H_
#endif

#include "kernels/cpu/math-inl.h"
#include "kernels/cpu/winograd_forms.h"

HWY_BEFORE_NAMESPACE();
namespace thaw::cpu {
namespace HWY_NAMESPACE {

/// to[i] = sum over j of matrix[i][j] from[j]. Unrolled, the coefficients are known: none of 0 or
/// +-1 is multiplied by.
template <int kFromStep, int kToStep, int kRows, int kColumns>
HWY_INLINE void Transform(const float (&matrix)[kRows][kColumns], const V* from, V* to) {
  HWY_UNROLL(8)
  for (int i = 0; i < kRows; ++i) {
    V sum = hn::Zero(f);
    bool any = false;
    HWY_UNROLL(8)
    for (int j = 0; j < kColumns; ++j) {
      const float factor = matrix[i][j];
      if (factor == 0) continue;
      const V x = from[j * kFromStep];
      if (!any) {
        sum = factor == 1 ? x : hn::Mul(x, Splat(factor));
      } else if (factor == 1) {
        sum = hn::Add(sum, x);
      } else if (factor == -1) {
        sum = hn::Sub(sum, x);
      } else {
        sum = hn::MulAdd(x, Splat(factor), sum);
      }
      any = true;
    }
    to[i * kToStep] = sum;
  }
}

/// F(2, taps) on one axis, or nested on two: down the columns of a patch, then along its lines.
template <int kTaps, bool kSquare>
struct Form {
  using Line = WinogradLine<kTaps>;
  static constexpr int kSide = kTaps + 1;
  static constexpr int kLines = kSquare ? kSide : 1;     // of the patch
  static constexpr int kOutLines = kSquare ? 2 : 1;      // of the tile
  static constexpr int kTapLines = kSquare ? kTaps : 1;  // of the window
  static constexpr int kPoints = kLines * kSide;

  template <int kRows>
  static HWY_INLINE void Nested(const float (&matrix)[kRows][kSide], const V* from, V* to) {
    if constexpr (kSquare) {
      V half[kRows * kSide];
      HWY_UNROLL(8)
      for (int j = 0; j < kSide; ++j) Transform<kSide, kSide>(matrix, from + j, half + j);
      HWY_UNROLL(8)
      for (int i = 0; i < kRows; ++i) {
        Transform<1, 1>(matrix, half + i * kSide, to + i * kRows);
      }
    } else {
      Transform<1, 1>(matrix, from, to);
    }
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace thaw::cpu
HWY_AFTER_NAMESPACE();

#endif
