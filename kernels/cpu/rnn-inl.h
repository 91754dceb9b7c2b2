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
#include "kernels/cpu/rnn_pairs-inl.h"
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

/// acc[r][g] = sum over k of h[r][k] u[k][g], h's rows `stride` apart. Of a single row, so many
/// steps of k go into separate sums that about a dozen chains hide the latency of the multiply-add;
/// otherwise as many whatever the tile, so that the rows may be split in any way. `backwards`: from
/// the last k to the first.
template <bool Single, class T, int MR, int G>
HWY_INLINE void MultiplyWeights(const float* h, std::int64_t stride, std::int64_t units,
                                bool backwards, const T* HWY_RESTRICT u, V (&acc)[MR][G]) {
  const std::int64_t step = backwards ? -1 : 1, first = backwards ? units - 1 : 0;
  u += first * G * kLanes;
  h += first;
  constexpr int kApart = Single ? (G == 1 ? 8 : G <= 3 ? 4 : 2) : (G == 1 ? 2 : 1);
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

/// The columns of a block's G gates in weights packed for gemm() or by blocks.
template <class T, int G>
struct GateColumns {
  const T* at[G];
  std::int64_t stride[G];
};

/// acc[r][g] += sum over k < count of rows[r][k] column g's k; the last column's is acc[r][Last].
template <int Last, class T, int MR, int G, int N>
HWY_INLINE void AddRows(const float* const (&rows)[MR], std::int64_t count, GateColumns<T, G> u,
                        V (&acc)[MR][N]) {
  for (std::int64_t k = 0; k < count; ++k) {
    V column[G];
    HWY_UNROLL(4)
    for (int g = 0; g < G; ++g) {
      column[g] = LoadWeights(u.at[g]);
      u.at[g] += u.stride[g];
    }
    HWY_UNROLL(8)
    for (int r = 0; r < MR; ++r) {
      const V a = Splat(rows[r][k]);
      HWY_UNROLL(4)
      for (int g = 0; g < G; ++g) {
        V& sum = acc[r][g == G - 1 ? Last : g];
        sum = hn::MulAdd(a, column[g], sum);
      }
    }
  }
}

/// acc = x W + h U of block `block`; with more sums than gates, x W of the last gate is one apart.
template <class T, int G, int MR, int N>
HWY_INLINE void MultiplyBoth(const RnnStep& s, std::int64_t row, std::int64_t block,
                             V (&acc)[MR][N]) {
  const float* rows[MR];
  GateColumns<T, G> u;
  const std::int64_t vectors = s.z_columns / kLanes;
  HWY_UNROLL(8)
  for (int r = 0; r < MR; ++r) {
    rows[r] = s.x + s.x_rows[row + r];
    HWY_UNROLL(4)
    for (int i = 0; i < N; ++i) acc[r][i] = hn::Zero(f);
  }
  HWY_UNROLL(4)
  for (int g = 0; g < G; ++g) {  // gemm()'s blocks are four vectors wide, the last may be narrower
    const std::int64_t vector = block * G + g, packed = G == 4 ? block * 4 : vector / 4 * 4;
    u.stride[g] = G == 4 ? 4 * kLanes : HWY_MIN(std::int64_t{4}, vectors - packed) * kLanes;
    u.at[g] = static_cast<const T*>(s.input) + (packed * s.inputs + vector - packed) * kLanes;
  }
  AddRows<N - 1>(rows, s.inputs, u, acc);
  HWY_UNROLL(8)
  for (int r = 0; r < MR; ++r) rows[r] = s.h + (row + r) * s.state_stride;
  HWY_UNROLL(4)
  for (int g = 0; g < G; ++g) {
    u.stride[g] = G * kLanes;
    u.at[g] = static_cast<const T*>(s.recurrent) + (block * s.units * G + g) * kLanes;
  }
  AddRows<G - 1>(rows, s.units, u, acc);
}

template <int G, int MR, int N>
HWY_INLINE void MultiplyBothForms(const RnnStep& s, std::int64_t row, std::int64_t block,
                                  V (&acc)[MR][N]) {
  switch (s.storage) {
    case WeightStorage::fp16: return MultiplyBoth<float16, G>(s, row, block, acc);
    case WeightStorage::bf16: return MultiplyBoth<bfloat16, G>(s, row, block, acc);
    default: return MultiplyBoth<float, G>(s, row, block, acc);
  }
}

/// The weights of one cell in whichever form they are kept.
struct StateWeights {
  const void* data;
  const float* scales;
};

/// The same for block `block` of weights in any form.
template <bool Single, int MR, int G>
HWY_INLINE void MultiplyState(const RnnStep& s, const float* h, const StateWeights& weights,
                              std::int64_t block, V (&acc)[MR][G]) {
  if constexpr (Single) {
    if (s.paired) {
      const std::int64_t pairs = block * paired_rows(s.units) * G * kLanes;
      if (s.storage == WeightStorage::bf16) {
        return MultiplyPairs(h, s.units, s.backwards,
                             static_cast<const PairedBfloat*>(weights.data) + pairs, acc[0]);
      }
      return MultiplyPairs(h, s.units, s.backwards,
                           static_cast<const PairedHalf*>(weights.data) + pairs, acc[0]);
    }
  }
  const std::int64_t first = block * s.units * G * kLanes;
  switch (s.storage) {
    case WeightStorage::f32:
      return MultiplyWeights<Single>(h, s.state_stride, s.units, s.backwards,
                                     static_cast<const float*>(weights.data) + first, acc);
    case WeightStorage::fp16:
      return MultiplyWeights<Single>(h, s.state_stride, s.units, s.backwards,
                                     static_cast<const float16*>(weights.data) + first, acc);
    case WeightStorage::bf16:
      return MultiplyWeights<Single>(h, s.state_stride, s.units, s.backwards,
                                     static_cast<const bfloat16*>(weights.data) + first, acc);
    case WeightStorage::int8: break;
  }
  MultiplyWeights<Single>(h, s.state_stride, s.units, s.backwards,
                          static_cast<const std::int8_t*>(weights.data) + first, acc);
  for (int g = 0; g < G; ++g) {
    const V scale = hn::LoadU(f, weights.scales + (block * G + g) * kLanes);
    for (int r = 0; r < MR; ++r) acc[r][g] = hn::Mul(acc[r][g], scale);
  }
}

/// A tile of rows of one block: h U and then the cell.
template <class Cell, class Activations, int MR, bool Single = false>
HWY_NOINLINE void CellTile(const RnnStep& s, const Activations& fn, std::int64_t row,
                           std::int64_t block) {
  if constexpr (Cell::kBoth > 0) {
    if (s.x != nullptr) {
      V acc[MR][Cell::kBoth];
      MultiplyBothForms<Cell::kGates>(s, row, block, acc);
      return Cell::template Finish<Activations>(s, fn, row, block, acc);
    }
  }
  V acc[MR][Cell::kGates];
  MultiplyState<Single, MR, Cell::kGates>(s, Cell::State(s) + row * s.state_stride,
                                          Cell::Weights(s), block, acc);
  Cell::template Finish<Activations>(s, fn, row, block, acc);
}

/// CellTile for `rows` <= MR rows.
template <class Cell, class Activations, int MR = kTileRows>
HWY_INLINE void AnyCellTile(const RnnStep& s, const Activations& fn, std::int64_t row,
                            std::int64_t rows, std::int64_t block) {
  if constexpr (MR > 1) {
    if (rows < MR) return AnyCellTile<Cell, Activations, MR - 1>(s, fn, row, rows, block);
  }
  CellTile<Cell, Activations, MR>(s, fn, row, block);
}

/// The rows of every block, in as few tiles as they fit into, alike in size.
template <class Cell, class Activations>
HWY_INLINE void ForTiles(const RnnStep& s) {
  const Activations fn(s);
  if (s.ahead != nullptr && s.ahead->x != nullptr) {
    if constexpr (Cell::kAhead > 0) return ForAhead<Cell>(s, fn);
  }
  if (s.team != nullptr) s.team->wait_for_all(*s.member);
  const std::int64_t tiles = (s.rows + kTileRows - 1) / kTileRows;
  for (std::int64_t i = s.block_begin; i < s.block_end; ++i) {
    const std::int64_t block = s.reverse ? s.block_end - 1 - (i - s.block_begin) : i;
    if (s.single) {
      CellTile<Cell, Activations, 1, true>(s, fn, 0, block);
      continue;
    }
    for (std::int64_t tile = 0; tile < tiles; ++tile) {
      const std::int64_t row = s.rows * tile / tiles;
      AnyCellTile<Cell, Activations>(s, fn, row, s.rows * (tile + 1) / tiles - row, block);
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
