// Paired weights as float vectors (rnn_pairs.h). Per-target header.
#if defined(THAW_KERNELS_CPU_RNN_PAIRS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef THAW_KERNELS_CPU_RNN_PAIRS_INL_H_
#undef THAW_KERNELS_CPU_RNN_PAIRS_INL_H_
#else
#define THAW_KERNELS_CPU_RNN_PAIRS_INL_H_
#endif

#include <type_traits>

#include "kernels/cpu/math-inl.h"
#include "kernels/cpu/rnn_pairs.h"

HWY_BEFORE_NAMESPACE();
namespace thaw::cpu {
namespace HWY_NAMESPACE {

template <class T>
constexpr bool kPaired = std::is_same_v<T, PairedBfloat> || std::is_same_v<T, PairedHalf>;

/// One vector of columns of two rows.
struct PairedRows {
  V low, high;
};

HWY_INLINE PairedRows LoadPair(const PairedBfloat* p) {
  const hn::RebindToUnsigned<F> words;
  const auto both = hn::LoadU(words, reinterpret_cast<const std::uint32_t*>(p));
  return {hn::BitCast(f, hn::ShiftLeft<16>(both)),
          hn::BitCast(f, hn::And(both, hn::Set(words, 0xffff0000u)))};
}

HWY_INLINE PairedRows LoadPair(const PairedHalf* p) {
  const auto fields = hn::Set(fi, static_cast<std::int32_t>(0x8fffe000u));
  const auto both = hn::LoadU(fi, reinterpret_cast<const std::int32_t*>(p));
#if HWY_TARGET == HWY_AVX3
  // The low half with its sign extended, times 2^13: a multiplier takes what two shifts would.
  const hn::Vec<I> low{_mm512_madd_epi16(both.raw, _mm512_set1_epi32(1 << 13))};
#else
  const auto low = hn::ShiftRight<3>(hn::ShiftLeft<16>(both));
#endif
  return {hn::BitCast(f, hn::And(low, fields)),
          hn::BitCast(f, hn::And(hn::ShiftRight<3>(both), fields))};
}

/// What h has to be multiplied with, and the sums.
template <class T>
HWY_INLINE V ScaledPair(V x) {
  if constexpr (std::is_same_v<T, PairedHalf>) return hn::Mul(x, Splat(kPairedHalfScale));
  return x;
}

/// sum[g] = h U of G vectors of columns of one block, rows in `apart` pairs of separate sums.
template <class T, int G>
HWY_INLINE void MultiplyPairs(const float* h, std::int64_t units, bool backwards,
                              const T* HWY_RESTRICT u, V (&sum)[G]) {
  constexpr int kApart = G == 1 ? 4 : G <= 3 ? 2 : 1;
  const std::int64_t pairs = units / 2, step = backwards ? -1 : 1;
  const T* const last = u + pairs * 2 * G * kLanes;
  const float* const last_h = h + pairs * 2;
  V low[kApart][G], high[kApart][G];
  for (int p = 0; p < kApart; ++p) {
    for (int g = 0; g < G; ++g) low[p][g] = high[p][g] = hn::Zero(f);
  }
  if (backwards && pairs > 0) {
    u += (pairs - 1) * 2 * G * kLanes;
    h += (pairs - 1) * 2;
  }
  const auto add = [&](int p) HWY_ATTR {
    const V a = ScaledPair<T>(Splat(h[0])), b = ScaledPair<T>(Splat(h[1]));
    HWY_UNROLL(4)
    for (int g = 0; g < G; ++g) {
      const PairedRows w = LoadPair(u + g * 2 * kLanes);
      low[p][g] = hn::MulAdd(a, w.low, low[p][g]);
      high[p][g] = hn::MulAdd(b, w.high, high[p][g]);
    }
    u += step * 2 * G * kLanes;
    h += step * 2;
  };
  std::int64_t pair = 0;
  for (; pair + kApart <= pairs; pair += kApart) {
    HWY_UNROLL(4)
    for (int p = 0; p < kApart; ++p) add(p);
  }
  for (; pair < pairs; ++pair) add(0);
  for (int g = 0; g < G; ++g) {
    if (units % 2 != 0) {
      low[0][g] =
          hn::MulAdd(ScaledPair<T>(Splat(*last_h)), LoadPair(last + g * 2 * kLanes).low, low[0][g]);
    }
    for (int p = kApart / 2; p > 0; p /= 2) {
      for (int q = 0; q < p; ++q) {
        low[q][g] = hn::Add(low[q][g], low[q + p][g]);
        high[q][g] = hn::Add(high[q][g], high[q + p][g]);
      }
    }
    sum[g] = ScaledPair<T>(hn::Add(low[0][g], high[0][g]));
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace thaw::cpu
HWY_AFTER_NAMESPACE();

#endif
