// Attention on one block of query rows: k and v are read where they are, each share of a row
// against a vector of v. What a row gives does not depend on its block.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/attention_block.cc"
// clang-format off
#include "kernels/cpu/simd.h"
#include "hwy/foreach_target.h"
#include "kernels/cpu/math-inl.h"
// clang-format on

#include "kernels/cpu/attention_block.h"

HWY_BEFORE_NAMESPACE();
namespace thaw::cpu {
namespace HWY_NAMESPACE {

#if HWY_TARGET != HWY_SCALAR
/// Four rows and columns.
HWY_INLINE void TransposeFour(const TransposedRows& t, std::int64_t row, std::int64_t column) {
  const hn::FixedTag<float, 4> four;
  const float* from = t.from + row * t.from_step + column;
  const auto scale = hn::Set(four, t.scale);
  const auto a = hn::Mul(hn::LoadU(four, from), scale);
  const auto b = hn::Mul(hn::LoadU(four, from + t.from_step), scale);
  const auto c = hn::Mul(hn::LoadU(four, from + 2 * t.from_step), scale);
  const auto d = hn::Mul(hn::LoadU(four, from + 3 * t.from_step), scale);
  const auto ab_low = hn::InterleaveLower(four, a, b), ab_high = hn::InterleaveUpper(four, a, b);
  const auto cd_low = hn::InterleaveLower(four, c, d), cd_high = hn::InterleaveUpper(four, c, d);
  float* to = t.to + column * t.to_step + row;
  hn::StoreU(hn::ConcatLowerLower(four, cd_low, ab_low), four, to);
  hn::StoreU(hn::ConcatUpperUpper(four, cd_low, ab_low), four, to + t.to_step);
  hn::StoreU(hn::ConcatLowerLower(four, cd_high, ab_high), four, to + 2 * t.to_step);
  hn::StoreU(hn::ConcatUpperUpper(four, cd_high, ab_high), four, to + 3 * t.to_step);
}
#endif

void TransposeRows(const TransposedRows& t) {
  std::int64_t fours = 0, columns = 0;
#if HWY_TARGET != HWY_SCALAR
  fours = t.rows / 4 * 4;
  columns = t.columns / 4 * 4;
  for (std::int64_t row = 0; row < fours; row += 4) {
    for (std::int64_t column = 0; column < columns; column += 4) TransposeFour(t, row, column);
  }
#endif
  for (std::int64_t column = 0; column < t.columns; ++column) {
    float* to = t.to + column * t.to_step;
    for (std::int64_t row = column < columns ? fours : 0; row < t.rows; ++row) {
      to[row] = t.from[row * t.from_step + column] * t.scale;
    }
    for (std::int64_t row = t.rows; row < t.to_step; ++row) to[row] = 0;
  }
}

/// A score of step s in vector n of the rows, masked.
template <MaskUse Use, bool PerRow>
HWY_INLINE V Masked(const AttentionBlock& b, V score, std::int64_t s, int n) {
  if constexpr (Use == MaskUse::none) return score;
  const V mask = PerRow ? hn::LoadU(f, b.mask + s * b.padded + n * kLanes) : Splat(b.mask[s]);
  if constexpr (Use == MaskUse::added) return hn::Add(score, mask);
  return hn::IfThenElse(hn::Eq(mask, hn::Zero(f)), Splat(b.masked), score);
}

/// e^x for x <= 0, without denormals: what ExpParts makes of less than -87 is dropped.
HWY_INLINE V ShareOf(V x) {
  hn::Vec<I> n;
  const V p = ExpParts(x, n);
  const V scale = PowerOfTwo(n);
  return hn::IfThenElseZero(hn::Not(hn::Lt(x, Splat(-87.0f))), hn::MulAdd(p, scale, scale));
}

constexpr std::int64_t kRun = 64;  // steps whose shares are summed apart

/// Scores become shares that are still to be divided by their sum. N vectors of rows from `first`.
template <MaskUse Use, bool PerRow, int N>
void SharesOf(const AttentionBlock& b, int first) {
  V best[N], sum[N];
  float* const scores = b.scores + first * kLanes;
  for (int n = 0; n < N; ++n) best[n] = Splat(-__builtin_inff()), sum[n] = hn::Zero(f);
  for (std::int64_t s = 0; s < b.steps; ++s) {
    HWY_UNROLL(4)
    for (int n = 0; n < N; ++n) {
      float* at = scores + s * b.padded + n * kLanes;
      const V score = Masked<Use, PerRow>(b, hn::LoadU(f, at), s, first + n);
      if (Use != MaskUse::none) hn::StoreU(score, f, at);
      best[n] = hn::Max(best[n], score);  // a NaN may win or not: it makes the sum NaN
    }
  }
  for (std::int64_t begin = 0; begin < b.steps; begin += kRun) {
    const std::int64_t end = HWY_MIN(b.steps, begin + kRun);
    V run[N];
    for (int n = 0; n < N; ++n) run[n] = hn::Zero(f);
    for (std::int64_t s = begin; s < end; ++s) {
      HWY_UNROLL(4)
      for (int n = 0; n < N; ++n) {
        float* at = scores + s * b.padded + n * kLanes;
        const V share = ShareOf(hn::Sub(hn::LoadU(f, at), best[n]));
        hn::StoreU(share, f, at);
        run[n] = hn::Add(run[n], share);
      }
    }
    for (int n = 0; n < N; ++n) sum[n] = hn::Add(sum[n], run[n]);
  }
  for (int n = 0; n < N; ++n) {
    hn::StoreU(hn::Div(Splat(1.0f), sum[n]), f, b.inverse + (first + n) * kLanes);
  }
}

template <MaskUse Use, bool PerRow>
void SharesOfVectors(const AttentionBlock& b) {
  const auto vectors = static_cast<int>(b.padded / kLanes);
  int first = 0;
  if constexpr (kLanes >= 16) {  // twice the registers
    for (; first + 4 <= vectors; first += 4) SharesOf<Use, PerRow, 4>(b, first);
  }
  for (; first + 2 <= vectors; first += 2) SharesOf<Use, PerRow, 2>(b, first);
  if (first < vectors) SharesOf<Use, PerRow, 1>(b, first);
}

void Shares(const AttentionBlock& b) {
  if (b.use == MaskUse::none) return SharesOfVectors<MaskUse::none, false>(b);
  if (b.use == MaskUse::added) {
    return b.mask_per_row ? SharesOfVectors<MaskUse::added, true>(b)
                          : SharesOfVectors<MaskUse::added, false>(b);
  }
  return b.mask_per_row ? SharesOfVectors<MaskUse::replaced, true>(b)
                        : SharesOfVectors<MaskUse::replaced, false>(b);
}

/// Rows of a tile with N vectors of v: what the register file holds, and no more than the padding.
template <int N>
constexpr int kTileRows = HWY_MIN(static_cast<int>(kLanes), (kLanes >= 16 ? 24 : 12) / N);
constexpr std::int64_t kSumRun = 384;  // steps whose products are summed apart

HWY_INLINE V LoadSome(const float* p, std::int64_t lanes) {
  return lanes >= kLanes ? hn::LoadU(f, p) : LoadPartial(p, lanes);
}

/// `Rows` rows from `row` on of N vectors of values from `column` on; stores those before `end`.
template <int Rows, int N, bool Whole>
void WeighTile(const AttentionBlock& b, std::int64_t row, std::int64_t column, std::int64_t end) {
  const std::int64_t last = b.value_width - column - (N - 1) * kLanes;  // lanes of the last vector
  for (std::int64_t begin = 0; begin == 0 || begin < b.steps; begin += kSumRun) {
    const std::int64_t stop = HWY_MIN(b.steps, begin + kSumRun);
    V sum[Rows][N];
    for (int r = 0; r < Rows; ++r) {
      for (int n = 0; n < N; ++n) sum[r][n] = hn::Zero(f);
    }
    const float* share = b.scores + begin * b.padded + row;
    const float* v = b.v + begin * b.v_step + column;
    for (std::int64_t s = begin; s < stop; ++s, share += b.padded, v += b.v_step) {
      V value[N];
      HWY_UNROLL(4)
      for (int n = 0; n < N; ++n) {
        value[n] =
            Whole || n < N - 1 ? hn::LoadU(f, v + n * kLanes) : LoadPartial(v + n * kLanes, last);
      }
      HWY_UNROLL(16)
      for (int r = 0; r < Rows; ++r) {
        const V weight = Splat(share[r]);
        HWY_UNROLL(4)
        for (int n = 0; n < N; ++n) sum[r][n] = hn::MulAdd(weight, value[n], sum[r][n]);
      }
    }
    for (int r = 0; r < Rows && row + r < end; ++r) {
      for (int n = 0; n < N; ++n) {
        float* y = b.y + (row + r) * b.y_step + column + n * kLanes;
        const std::int64_t lanes = Whole || n < N - 1 ? kLanes : last;
        V total = sum[r][n];
        if (begin > 0) total = hn::Add(total, LoadSome(y, lanes));
        if (stop == b.steps) total = hn::Mul(total, Splat(b.inverse[row + r]));
        if (lanes == kLanes) {
          hn::StoreU(total, f, y);
        } else {
          StorePartial(total, y, lanes);
        }
      }
    }
  }
}

template <int N, bool Whole>
void WeighColumns(const AttentionBlock& b, std::int64_t column) {
  constexpr int kRows = kTileRows<N>;
  if (b.rows == 1) return WeighTile<1, N, Whole>(b, 0, column, 1);
  for (std::int64_t row = 0; row < b.rows; row += kRows) {
    // The last tile begins early rather than to be narrow: what it computes again is the same.
    const std::int64_t from = HWY_MAX(std::int64_t{0}, HWY_MIN(row, b.rows - kRows));
    WeighTile<kRows, N, Whole>(b, from, column, b.rows);
  }
}

template <int N>
void WeighVectors(const AttentionBlock& b, std::int64_t column) {
  const bool whole = b.value_width - column >= N * kLanes;
  return whole ? WeighColumns<N, true>(b, column) : WeighColumns<N, false>(b, column);
}

/// y = shares times v over their sums.
void Weigh(const AttentionBlock& b) {
  for (std::int64_t column = 0; column < b.value_width; column += 4 * kLanes) {
    switch (ceil_div(HWY_MIN(b.value_width - column, 4 * kLanes), kLanes)) {
      case 1: WeighVectors<1>(b, column); break;
      case 2: WeighVectors<2>(b, column); break;
      case 3: WeighVectors<3>(b, column); break;
      default: WeighVectors<4>(b, column); break;
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace thaw::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace thaw::cpu {

HWY_EXPORT(TransposeRows);
HWY_EXPORT(Shares);
HWY_EXPORT(Weigh);

void transpose_rows(const TransposedRows& t) { HWY_DYNAMIC_DISPATCH(TransposeRows)(t); }
void attention_shares(const AttentionBlock& block) { HWY_DYNAMIC_DISPATCH(Shares)(block); }
void attention_values(const AttentionBlock& block) { HWY_DYNAMIC_DISPATCH(Weigh)(block); }

}  // namespace thaw::cpu
#endif
