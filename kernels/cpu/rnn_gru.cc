// GRU step. reset_after: one pass, the three gates of a block stay in registers. Reset before: z
// and r * h of all blocks first, then the candidate from r * h.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/rnn_gru.cc"
// clang-format off
#include "kernels/cpu/simd.h"
#include "hwy/foreach_target.h"
#include "kernels/cpu/rnn-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace thaw::cpu {
namespace HWY_NAMESPACE {

/// z h + (1 - z) candidate
HWY_INLINE V Mix(V z, V h, V candidate) { return hn::MulAdd(z, hn::Sub(h, candidate), candidate); }

struct ResetAfterCell {
  static constexpr int kGates = 3, kAhead = 3, kBoth = 4;

  static HWY_INLINE StateWeights Weights(const RnnStep& s) {
    return {s.recurrent, s.recurrent_scales};
  }
  static HWY_INLINE const float* State(const RnnStep& s) { return s.h; }

  template <class Activations, int MR, int Sums>
  static HWY_INLINE void Finish(const RnnStep& s, const Activations& fn, std::int64_t row,
                                std::int64_t block, const V (&acc)[MR][Sums]) {
    const std::int64_t unit = row * s.state_stride + block * kLanes;
    const V bias =
        s.candidate_bias == nullptr ? hn::Zero(f) : hn::LoadU(f, s.candidate_bias + block * kLanes);
    const float* x = s.z + row * s.z_stride + block * 3 * kLanes;
    HWY_UNROLL(8)
    for (int r = 0; r < MR; ++r, x += s.z_stride) {
      const std::int64_t to = unit + r * s.state_stride;
      const V update = fn.gate(hn::Add(acc[r][0], hn::LoadU(f, x)));
      const V reset = fn.gate(hn::Add(acc[r][1], hn::LoadU(f, x + kLanes)));
      const V recurrent = hn::Add(acc[r][2], bias);
      V input = hn::LoadU(f, x + 2 * kLanes);
      if constexpr (Sums > kGates) input = hn::Add(acc[r][kGates], input);
      const V candidate = fn.act(hn::MulAdd(reset, recurrent, input));
      hn::StoreU(Mix(update, hn::LoadU(f, s.h + to), candidate), f, s.h_next + to);
    }
  }
};

/// scratch: z of all rows, then r * h of all rows.
struct GatesCell {
  static constexpr int kGates = 2, kAhead = 3, kBoth = 0;

  static HWY_INLINE StateWeights Weights(const RnnStep& s) {
    return {s.recurrent, s.recurrent_scales};
  }
  static HWY_INLINE const float* State(const RnnStep& s) { return s.h; }

  template <class Activations, int MR>
  static HWY_INLINE void Finish(const RnnStep& s, const Activations& fn, std::int64_t row,
                                std::int64_t block, const V (&acc)[MR][2]) {
    const std::int64_t unit = row * s.state_stride + block * kLanes;
    const float* x = s.z + row * s.z_stride + block * 3 * kLanes;
    for (int r = 0; r < MR; ++r, x += s.z_stride) {
      const std::int64_t to = unit + r * s.state_stride;
      const V reset = fn.gate(hn::Add(acc[r][1], hn::LoadU(f, x + kLanes)));
      hn::StoreU(fn.gate(hn::Add(acc[r][0], hn::LoadU(f, x))), f, s.scratch + to);
      hn::StoreU(hn::Mul(reset, hn::LoadU(f, s.h + to)), f,
                 s.scratch + s.rows * s.state_stride + to);
    }
  }
};

struct CandidateCell {
  static constexpr int kGates = 1, kAhead = 0, kBoth = 0;

  static HWY_INLINE StateWeights Weights(const RnnStep& s) {
    return {s.candidate, s.candidate_scales};
  }
  static HWY_INLINE const float* State(const RnnStep& s) {
    return s.scratch + s.rows * s.state_stride;
  }

  template <class Activations, int MR>
  static HWY_INLINE void Finish(const RnnStep& s, const Activations& fn, std::int64_t row,
                                std::int64_t block, const V (&acc)[MR][1]) {
    const std::int64_t unit = row * s.state_stride + block * kLanes;
    const float* x = s.z + row * s.z_stride + block * 3 * kLanes;
    for (int r = 0; r < MR; ++r, x += s.z_stride) {
      const std::int64_t to = unit + r * s.state_stride;
      const V candidate = fn.act(hn::Add(acc[r][0], hn::LoadU(f, x + 2 * kLanes)));
      const V update = hn::LoadU(f, s.scratch + to);
      hn::StoreU(Mix(update, hn::LoadU(f, s.h + to), candidate), f, s.h_next + to);
    }
  }
};

void GruStep(const RnnStep& s) {
  if (HasTanhSigmoid(s)) {
    ForTiles<ResetAfterCell, TanhSigmoid>(s);
  } else {
    ForTiles<ResetAfterCell, AnyActivations>(s);
  }
}

void GruGatesStep(const RnnStep& s) {
  if (HasTanhSigmoid(s)) {
    ForTiles<GatesCell, TanhSigmoid>(s);
  } else {
    ForTiles<GatesCell, AnyActivations>(s);
  }
}

void GruCandidateStep(const RnnStep& s) {
  if (HasTanhSigmoid(s)) {
    ForTiles<CandidateCell, TanhSigmoid>(s);
  } else {
    ForTiles<CandidateCell, AnyActivations>(s);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace thaw::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace thaw::cpu {

HWY_EXPORT(GruStep);
HWY_EXPORT(GruGatesStep);
HWY_EXPORT(GruCandidateStep);

void gru_step(const RnnStep& step) { HWY_DYNAMIC_DISPATCH(GruStep)(step); }
void gru_gates_step(const RnnStep& step) { HWY_DYNAMIC_DISPATCH(GruGatesStep)(step); }
void gru_candidate_step(const RnnStep& step) { HWY_DYNAMIC_DISPATCH(GruCandidateStep)(step); }

}  // namespace thaw::cpu
#endif
