// LSTM step. One block of units at a time: its four gates stay in registers from h U to the new
// state.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/rnn_lstm.cc"
// clang-format off
#include "kernels/cpu/simd.h"
#include "hwy/foreach_target.h"
#include "kernels/cpu/rnn-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace thaw::cpu {
namespace HWY_NAMESPACE {

struct LstmCell {
  static constexpr int kGates = 4, kAhead = 4, kBoth = 4;

  static HWY_INLINE StateWeights Weights(const RnnStep& s) {
    return {s.recurrent, s.recurrent_scales};
  }
  static HWY_INLINE const float* State(const RnnStep& s) { return s.h; }

  template <class Activations, int MR>
  static HWY_INLINE void Finish(const RnnStep& s, const Activations& fn, std::int64_t row,
                                std::int64_t block, const V (&acc)[MR][4]) {
    const std::int64_t unit = row * s.state_stride + block * kLanes;
    const float* z = s.z + row * s.z_stride + block * 4 * kLanes;
    HWY_UNROLL(8)
    for (int r = 0; r < MR; ++r, z += s.z_stride) {
      const std::int64_t to = unit + r * s.state_stride;
      const V input = fn.gate(hn::Add(acc[r][0], hn::LoadU(f, z)));
      const V forget = fn.gate(hn::Add(acc[r][1], hn::LoadU(f, z + kLanes)));
      const V cell = fn.act(hn::Add(acc[r][2], hn::LoadU(f, z + 2 * kLanes)));
      const V output = fn.gate(hn::Add(acc[r][3], hn::LoadU(f, z + 3 * kLanes)));
      const V c = hn::MulAdd(forget, hn::LoadU(f, s.c + to), hn::Mul(input, cell));
      hn::StoreU(c, f, s.c_next + to);
      hn::StoreU(hn::Mul(output, fn.act(c)), f, s.h_next + to);
    }
  }
};

void LstmStep(const RnnStep& s) {
  if (HasTanhSigmoid(s)) {
    ForTiles<LstmCell, TanhSigmoid>(s);
  } else {
    ForTiles<LstmCell, AnyActivations>(s);
  }
}

std::int64_t TileRows() { return kTileRows; }
std::int64_t AheadRows(std::int64_t gates) { return gates * AheadBlocks(static_cast<int>(gates)); }
void Ahead(const RnnAhead& ahead, std::int64_t begin, std::int64_t end) {
  switch (ahead.storage) {
    case WeightStorage::f32: return TilesAlone<float>(ahead, begin, end);
    case WeightStorage::fp16: return TilesAlone<float16>(ahead, begin, end);
    case WeightStorage::bf16: return TilesAlone<bfloat16>(ahead, begin, end);
    case WeightStorage::int8: return TilesAlone<std::int8_t>(ahead, begin, end);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace thaw::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace thaw::cpu {

HWY_EXPORT(LstmStep);
HWY_EXPORT(TileRows);
HWY_EXPORT(AheadRows);
HWY_EXPORT(Ahead);

void lstm_step(const RnnStep& step) { HWY_DYNAMIC_DISPATCH(LstmStep)(step); }
std::int64_t rnn_tile_rows() { return HWY_DYNAMIC_DISPATCH(TileRows)(); }
std::int64_t rnn_ahead_rows(std::int64_t gates) { return HWY_DYNAMIC_DISPATCH(AheadRows)(gates); }
void rnn_ahead(const RnnAhead& ahead, std::int64_t begin, std::int64_t end) {
  HWY_DYNAMIC_DISPATCH(Ahead)(ahead, begin, end);
}

}  // namespace thaw::cpu
#endif
