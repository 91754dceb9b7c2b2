// What the recurrent cells share: h U for a tile of rows, the choice of activations. Per-target
// header.
#if defined(THAW_KERNELS_CPU_RNN_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef THAW_KERNELS_CPU_RNN_INL_H_
#undef THAW_KERNELS_CPU_RNN_INL_H_
#else
#define THAW_KERNELS_CPU_RNN_INL_H_
#endif

#include "kernels/cpu/functions-inl.h"
#include "kernels/cpu/rnn.h"
#include "kernels/cpu/rnn_ahead-inl.h"
#include "kernels/cpu/weights-inl.h"

HWY_BEFORE_NAMESPACE();
namespace thaw::cpu {
namespace HWY_NAMESPACE {

constexpr int kTileRows = kLanes >= 16 ? 6 : 3;

/// The activations of nearly every layer, inlined.
struct TanhSigmoid {
  explicit TanhSigmoid(const RnnStep&) {}
  HWY_INLINE V act(V x) const { return Tanh(x); }
  HWY_INLINE V gate(V x) const { return SigmoidBounded(x); }
};

/// Any others.
struct AnyActivations {
  explicit AnyActivations(const RnnStep& s)
      : activation(s.activation), recurrent(s.recurrent_activation) {}
  HWY_INLINE V act(V x) const { return CallFunction(activation, x); }
  HWY_INLINE V gate(V x) const { return CallFunction(recurrent, x); }
  VectorFn activation, recurrent;
};

/// acc[r][g] = sum over k of h[r][k] u[k][g], h's rows `stride` apart. So many steps of k go into
/// separate sums that about a dozen chains hide the latency of the multiply-add. `backwards`: from
/// the last k to the first.
template <class T, int MR, int G>
HWY_INLINE void MultiplyWeights(const float* h, std::int64_t stride, std::int64_t units,
                                bool backwards, const T* HWY_RESTRICT u, V (&acc)[MR][G]) {
  const std::int64_t step = backwards ? -1 : 1, first = backwards ? units - 1 : 0;
  u += first * G * kLanes;
  h += first;
  constexpr int kApart = MR * G <= 1 ? 8 : MR * G <= 3 ? 4 : MR * G <= 6 ? 2 : 1;
  V part[kApart][MR][G];
  for (int p = 0; p < kApart; ++p) {
    for (int r = 0; r < MR; ++r) {
      for (int g = 0; g < G; ++g) part[p][r][g] = hn::Zero(f);
    }
  }
  std::int64_t k = 0;
  for (; k + kApart <= units; k += kApart) {
    HWY_UNROLL(8)
    for (int p = 0; p < kApart; ++p, u += step * G * kLanes, h += step) {
      V column[G];
      HWY_UNROLL(4)
      for (int g = 0; g < G; ++g) column[g] = LoadWeights(u + g * kLanes);
      HWY_UNROLL(8)
      for (int r = 0; r < MR; ++r) {
        const V a = Splat(h[r * stride]);
        HWY_UNROLL(4)
        for (int g = 0; g < G; ++g) part[p][r][g] = hn::MulAdd(a, column[g], part[p][r][g]);
      }
    }
  }
  for (; k < units; ++k, u += step * G * kLanes, h += step) {
    for (int r = 0; r < MR; ++r) {
      const V a = Splat(h[r * stride]);
      for (int g = 0; g < G; ++g) {
        part[0][r][g] = hn::MulAdd(a, LoadWeights(u + g * kLanes), part[0][r][g]);
      }
    }
  }
  for (int r = 0; r < MR; ++r) {
    for (int g = 0; g < G; ++g) {
      for (int p = kApart / 2; p > 0; p /= 2) {
        for (int q = 0; q < p; ++q) part[q][r][g] = hn::Add(part[q][r][g], part[q + p][r][g]);
      }
      acc[r][g] = part[0][r][g];
    }
  }
}

/// The weights of one cell in whichever form they are kept.
struct StateWeights {
  const void* data;
  const float* scales;
};

/// The same for block `block` of weights in any form.
template <int MR, int G>
HWY_INLINE void MultiplyState(const RnnStep& s, const float* h, const StateWeights& weights,
                              std::int64_t block, V (&acc)[MR][G]) {
  const std::int64_t first = block * s.units * G * kLanes;
  switch (s.storage) {
    case WeightStorage::f32:
      return MultiplyWeights(h, s.state_stride, s.units, s.backwards,
                             static_cast<const float*>(weights.data) + first, acc);
    case WeightStorage::fp16:
      return MultiplyWeights(h, s.state_stride, s.units, s.backwards,
                             static_cast<const float16*>(weights.data) + first, acc);
    case WeightStorage::bf16:
      return MultiplyWeights(h, s.state_stride, s.units, s.backwards,
                             static_cast<const bfloat16*>(weights.data) + first, acc);
    case WeightStorage::int8: break;
  }
  MultiplyWeights(h, s.state_stride, s.units, s.backwards,
                  static_cast<const std::int8_t*>(weights.data) + first, acc);
  for (int g = 0; g < G; ++g) {
    const V scale = hn::LoadU(f, weights.scales + (block * G + g) * kLanes);
    for (int r = 0; r < MR; ++r) acc[r][g] = hn::Mul(acc[r][g], scale);
  }
}

/// A tile of rows of one block: h U and then the cell.
template <class Cell, class Activations, int MR>
HWY_NOINLINE void CellTile(const RnnStep& s, const Activations& fn, std::int64_t row,
                           std::int64_t block) {
  V acc[MR][Cell::kGates];
  MultiplyState<MR, Cell::kGates>(s, Cell::State(s) + row * s.state_stride, Cell::Weights(s), block,
                                  acc);
  Cell::template Finish<Activations, MR>(s, fn, row, block, acc);
}

/// Calls CellTile for every tile of rows of every block.
template <class Cell, class Activations>
HWY_INLINE void ForTiles(const RnnStep& s) {
  const Activations fn(s);
  if (s.ahead != nullptr && s.ahead->x != nullptr) {
    if constexpr (Cell::kAhead > 0) return ForAhead<Cell>(s, fn);
  }
  for (std::int64_t i = s.block_begin; i < s.block_end; ++i) {
    const std::int64_t block = s.reverse ? s.block_end - 1 - (i - s.block_begin) : i;
    for (std::int64_t row = 0, tile = 0; row < s.rows; row += kTileRows, ++tile) {
      std::int64_t end = HWY_MIN(s.rows, row + kTileRows);
      if (s.limits != nullptr) end = HWY_MIN(end, row + s.limits[tile]);
      std::int64_t r = row;
      if (end == row + kTileRows) {
        CellTile<Cell, Activations, kTileRows>(s, fn, row, block);
        continue;
      }
      for (; r + 2 <= end; r += 2) CellTile<Cell, Activations, 2>(s, fn, r, block);
      if (r < end) CellTile<Cell, Activations, 1>(s, fn, r, block);
    }
  }
}

inline bool HasTanhSigmoid(const RnnStep& s) {
  return s.activation.kind == UnaryKind::tanh && s.recurrent_activation.kind == UnaryKind::sigmoid;
}

}  // namespace HWY_NAMESPACE
}  // namespace thaw::cpu
HWY_AFTER_NAMESPACE();

#endif
