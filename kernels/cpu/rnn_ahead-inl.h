// Steps of a single row that compute x W of later rows on their way (RnnAhead). Per-target header.
#if defined(THAW_KERNELS_CPU_RNN_AHEAD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef THAW_KERNELS_CPU_RNN_AHEAD_INL_H_
#undef THAW_KERNELS_CPU_RNN_AHEAD_INL_H_
#else
#define THAW_KERNELS_CPU_RNN_AHEAD_INL_H_
#endif

#include <type_traits>
#include <utility>

#include "hwy/cache_control.h"
#include "kernels/cpu/rnn.h"
#include "kernels/cpu/rnn_pairs-inl.h"
#include "kernels/cpu/weights-inl.h"

HWY_BEFORE_NAMESPACE();
namespace thaw::cpu {
namespace HWY_NAMESPACE {

/// Blocks that go through a step together. Their tile of x W is one vector wide and has as many
/// rows as they have vectors of gates: so many registers are left beside their own sums.
constexpr int AheadBlocks(int gates) {
  return kLanes >= 16 ? (gates == 1 ? 8 : 2) : (gates == 1 ? 4 : 1);
}

/// Calls run(block, blocks) for blocks [begin, end) in groups of Most, the rest in smaller ones:
/// the same groups in either order.
template <int Most, class Run>
HWY_INLINE void ForGroups(std::int64_t begin, std::int64_t end, bool reverse, const Run& run) {
  const std::int64_t count = (end - begin) / Most, rest = begin + count * Most;
  if constexpr (Most > 1) {
    if (reverse) ForGroups<Most / 2>(rest, end, reverse, run);
  }
  for (std::int64_t i = 0; i < count; ++i) {
    run(begin + (reverse ? count - 1 - i : i) * Most, std::integral_constant<int, Most>());
  }
  if constexpr (Most > 1) {
    if (!reverse) ForGroups<Most / 2>(rest, end, reverse, run);
  }
}

/// Inputs of a step's first tile that were multiplied while others were still in the step before.
template <int Rows>
struct EarlySums {
  std::int64_t inputs = 0;
  HWY_ALIGN float sums[Rows * kLanes];
};

/// Of every other tile.
struct NoEarlySums {
  static constexpr std::int64_t inputs = 0;
};

/// Waits for the others of the team and asks for their part of h, which is in their caches.
HWY_INLINE void WaitForState(const RnnStep& s) {
  constexpr std::int64_t kLineFloats = 16;
  s.team->wait_for_all(*s.member);
  for (std::int64_t i = 0; i < s.units; i += kLineFloats) hwy::Prefetch(s.h + i);
}

/// One vector of columns of x W for some of the rows.
template <class T, int Rows>
struct AheadTile {
  const RnnAhead& a;
  std::int64_t vector, row, stride;
  const float* x;
  const T* w;
  V sum[Rows];

  /// The part of `slot` for blocks whose first vector is `first`.
  HWY_INLINE AheadTile(const RnnAhead& ahead, std::int64_t first, std::int64_t slot)
      : a(ahead), vector(first + slot % Rows), row(slot / Rows * Rows) {
    const std::int64_t packed = vector / 4 * 4, vectors = a.columns / kLanes;
    stride = HWY_MIN(std::int64_t{4}, vectors - packed) * kLanes;
    w = static_cast<const T*>(a.weights) + packed * kLanes * a.inputs + (vector - packed) * kLanes;
    x = a.x + row;
    HWY_UNROLL(8)
    for (int r = 0; r < Rows; ++r) sum[r] = hn::Zero(f);
  }

  /// Goes on behind the inputs of `early`.
  HWY_INLINE void Continue(const EarlySums<Rows>& early) {
    w += early.inputs * stride;
    x += early.inputs * a.rows;
    HWY_UNROLL(8)
    for (int r = 0; r < Rows; ++r) sum[r] = hn::Load(f, early.sums + r * kLanes);
  }

  /// The next input.
  HWY_INLINE void Multiply() {
    const V column = LoadWeights(w);
    HWY_UNROLL(8)
    for (int r = 0; r < Rows; ++r) sum[r] = hn::MulAdd(Splat(x[r]), column, sum[r]);
    w += stride;
    x += a.rows;
  }

  HWY_INLINE void Store() const {
    const std::int64_t at = vector * kLanes;
    const V bias = a.bias == nullptr ? hn::Zero(f) : hn::LoadU(f, a.bias + at);
    V scale = hn::Zero(f);
    if constexpr (sizeof(T) == 1) scale = hn::LoadU(f, a.scales + at);
    HWY_UNROLL(8)
    for (int r = 0; r < Rows; ++r) {
      const V scaled = sizeof(T) == 1 ? hn::Mul(sum[r], scale) : sum[r];
      hn::StoreU(hn::Add(scaled, bias), f, a.z + (row + r) * a.columns + at);
    }
  }
};

/// One step of k of h U for Blocks blocks, `apart` elements apart.
template <class T, int Blocks, int Gates>
HWY_INLINE void MultiplyBlocks(const float* h, const T* HWY_RESTRICT u, std::int64_t apart,
                               V (&sum)[Blocks][Gates]) {
  const V a = Splat(*h);
  HWY_UNROLL(8)
  for (int b = 0; b < Blocks; ++b) {
    HWY_UNROLL(4)
    for (int g = 0; g < Gates; ++g) {
      sum[b][g] = hn::MulAdd(a, LoadWeights(u + b * apart + g * kLanes), sum[b][g]);
    }
  }
}

/// The same for steps 2 i and 2 i + 1, whose sums are apart.
template <class T, int Blocks, int Gates>
HWY_INLINE void MultiplyPairedBlocks(const float* h, const T* HWY_RESTRICT u, std::int64_t apart,
                                     V (&low)[Blocks][Gates], V (&high)[Blocks][Gates]) {
  const V a = ScaledPair<T>(Splat(h[0])), b = ScaledPair<T>(Splat(h[1]));
  HWY_UNROLL(8)
  for (int i = 0; i < Blocks; ++i) {
    HWY_UNROLL(4)
    for (int g = 0; g < Gates; ++g) {
      const PairedRows w = LoadPair(u + i * apart + g * 2 * kLanes);
      low[i][g] = hn::MulAdd(a, w.low, low[i][g]);
      high[i][g] = hn::MulAdd(b, w.high, high[i][g]);
    }
  }
}

/// Waits for the others of the team. A function of its own: calls in SumsAhead would cost it
/// registers.
template <class T, int Rows>
HWY_NOINLINE void MultiplyEarly(const RnnStep& s, std::int64_t first, EarlySums<Rows>& early) {
  constexpr std::int64_t kAtOnce = 8;  // about 20 ns
  AheadTile<T, Rows> tile(*s.ahead, first, s.ahead->slot);
  while (early.inputs + kAtOnce <= s.ahead->inputs && !s.team->all_arrived(*s.member)) {
    for (std::int64_t i = 0; i < kAtOnce; ++i) tile.Multiply();
    early.inputs += kAtOnce;
  }
  WaitForState(s);
  for (int r = 0; r < Rows; ++r) hn::Store(tile.sum[r], f, early.sums + r * kLanes);
}

/// h U of Blocks blocks into `out`, [block][gate][lane], and their part of the step's slot. T, U:
/// the elements of the input's and of the recurrent weights.
template <class T, class U, int Blocks, int Gates, int Rows, class Early>
HWY_NOINLINE void SumsAhead(const RnnStep& s, std::int64_t block, const Early& early, float* out) {
  constexpr bool kEarly = !std::is_same_v<Early, NoEarlySums>;
  AheadTile<T, Rows> tile(*s.ahead, block * (Rows / Blocks), s.ahead->slot);
  if constexpr (kEarly) tile.Continue(early);
  // Single rows backwards from the last one, pairs from the last whole pair.
  const std::int64_t step = s.backwards ? -1 : 1, whole = s.units / 2 * 2;
  const std::int64_t rows = kPaired<U> ? paired_rows(s.units) : s.units;
  const std::int64_t first = !s.backwards ? 0 : kPaired<U> ? HWY_MAX(whole - 2, 0) : s.units - 1;
  const std::int64_t apart = rows * Gates * kLanes, next = step * Gates * kLanes;
  const U* const base = static_cast<const U*>(s.recurrent) + block * apart;
  const U* u = base + first * Gates * kLanes;
  const float* h = s.h + first;
  V even[Blocks][Gates], odd[Blocks][Gates];
  HWY_UNROLL(8)
  for (int b = 0; b < Blocks; ++b) {
    HWY_UNROLL(4)
    for (int g = 0; g < Gates; ++g) even[b][g] = odd[b][g] = hn::Zero(f);
  }
  const std::int64_t inputs = s.ahead->inputs - early.inputs;
  const std::int64_t both = HWY_MIN(s.units, inputs) / 2 * 2;
  for (std::int64_t k = 0; k < both; k += 2, u += 2 * next, h += 2 * step) {
    if constexpr (kPaired<U>) {
      MultiplyPairedBlocks(h, u, apart, even, odd);
      tile.Multiply();
    } else {
      MultiplyBlocks(h, u, apart, even);
      tile.Multiply();
      MultiplyBlocks(h + step, u + next, apart, odd);
    }
    tile.Multiply();
  }
  if constexpr (kPaired<U>) {
    for (std::int64_t k = both; k < whole; k += 2, u += 2 * next, h += 2 * step) {
      MultiplyPairedBlocks(h, u, apart, even, odd);
    }
    if (whole < s.units) {  // the last row stands beside zeros
      const V a = ScaledPair<U>(Splat(s.h[whole]));
      for (int b = 0; b < Blocks; ++b) {
        for (int g = 0; g < Gates; ++g) {
          const U* last = base + b * apart + (whole * Gates + g * 2) * kLanes;
          even[b][g] = hn::MulAdd(a, LoadPair(last).low, even[b][g]);
        }
      }
    }
  } else {
    std::int64_t k = both;
    if constexpr (kEarly) {  // as many rows in two sums as if nothing had been early
      const std::int64_t in_two = HWY_MIN(s.units, s.ahead->inputs) / 2 * 2;
      for (; k < in_two; k += 2, u += 2 * next, h += 2 * step) {
        MultiplyBlocks(h, u, apart, even);
        MultiplyBlocks(h + step, u + next, apart, odd);
      }
    }
    for (; k < s.units; ++k, u += next, h += step) MultiplyBlocks(h, u, apart, even);
  }
  for (std::int64_t k = both; k < inputs; ++k) tile.Multiply();
  tile.Store();
  HWY_UNROLL(8)
  for (int b = 0; b < Blocks; ++b) {
    HWY_UNROLL(4)
    for (int g = 0; g < Gates; ++g, out += kLanes) {
      V sum = hn::Add(even[b][g], odd[b][g]);
      if constexpr (sizeof(U) == 1) {
        sum = hn::Mul(sum, hn::LoadU(f, s.recurrent_scales + ((block + b) * Gates + g) * kLanes));
      }
      hn::StoreU(kPaired<U> ? ScaledPair<U>(sum) : sum, f, out);
    }
  }
}

/// The step of a single row.
template <class Cell, class Activations>
HWY_INLINE void ForAhead(const RnnStep& s, const Activations& fn) {
  constexpr int kGates = Cell::kGates, kColumns = Cell::kAhead;
  bool wait = s.team != nullptr;
  ForGroups<AheadBlocks(kColumns)>(
      s.block_begin, s.block_end, s.reverse, [&](std::int64_t block, auto blocks) HWY_ATTR {
        constexpr int kBlocks = decltype(blocks)::value;
        HWY_ALIGN float sums[kBlocks * kGates * kLanes];
        const auto of = [&](auto input, auto recurrent) HWY_ATTR {
          SumsAhead<decltype(input), decltype(recurrent), kBlocks, kGates, kBlocks * kColumns>(
              s, block, NoEarlySums(), sums);
        };
        const bool waiting = std::exchange(wait, false);
        if (waiting && s.storage != WeightStorage::f32) WaitForState(s);
        switch (s.storage) {
          case WeightStorage::f32:
            if (waiting) {
              EarlySums<kBlocks * kColumns> early;
              MultiplyEarly<float>(s, block * kColumns, early);
              SumsAhead<float, float, kBlocks, kGates, kBlocks * kColumns>(s, block, early, sums);
            } else {
              of(float{}, float{});
            }
            break;
          case WeightStorage::fp16:
            if (s.paired) {
              of(float16{}, PairedHalf{});
            } else {
              of(float16{}, float16{});
            }
            break;
          case WeightStorage::bf16: of(bfloat16{}, PairedBfloat{}); break;
          case WeightStorage::int8: of(std::int8_t{}, std::int8_t{}); break;
        }
        HWY_UNROLL(8)
        for (int b = 0; b < kBlocks; ++b) {
          V acc[1][kGates];
          for (int g = 0; g < kGates; ++g)
            acc[0][g] = hn::Load(f, sums + (b * kGates + g) * kLanes);
          Cell::template Finish<Activations>(s, fn, 0, block + b, acc);
        }
      });
}

template <class T, int Rows>
HWY_NOINLINE void TileAlone(const RnnAhead& a, std::int64_t vector) {
  AheadTile<T, Rows> tile(a, vector, 0);
  for (std::int64_t k = 0; k < a.inputs; ++k) tile.Multiply();
  tile.Store();
}

/// All rows of the vectors [begin, end).
template <class T>
HWY_INLINE void TilesAlone(const RnnAhead& a, std::int64_t begin, std::int64_t end) {
  for (std::int64_t i = begin; i < end; ++i) {
    switch (a.rows) {
      case 3: TileAlone<T, 3>(a, i); break;
      case 4: TileAlone<T, 4>(a, i); break;
      case 6: TileAlone<T, 6>(a, i); break;
      default: TileAlone<T, 8>(a, i); break;
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace thaw::cpu
HWY_AFTER_NAMESPACE();

#endif
