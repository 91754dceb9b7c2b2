// SimpleRNN step: h' = activation(x W + b + h U), one vector of units at a time.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/rnn_simple.cc"
// clang-format off
#include "kernels/cpu/simd.h"
#include "hwy/foreach_target.h"
#include "kernels/cpu/rnn-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace thaw::cpu {
namespace HWY_NAMESPACE {

struct SimpleCell {
  static constexpr int kGates = 1, kAhead = 1, kBoth = 0;

  static HWY_INLINE StateWeights Weights(const RnnStep& s) {
    return {s.recurrent, s.recurrent_scales};
  }
  static HWY_INLINE const float* State(const RnnStep& s) { return s.h; }

  template <class Activations, int MR>
  static HWY_INLINE void Finish(const RnnStep& s, const Activations& fn, std::int64_t row,
                                std::int64_t block, const V (&acc)[MR][1]) {
    const std::int64_t unit = row * s.state_stride + block * kLanes;
    const float* z = s.z + row * s.z_stride + block * kLanes;
    for (int r = 0; r < MR; ++r, z += s.z_stride) {
      hn::StoreU(fn.act(hn::Add(acc[r][0], hn::LoadU(f, z))), f,
                 s.h_next + unit + r * s.state_stride);
    }
  }
};

void SimpleStep(const RnnStep& s) {
  if (s.activation.kind == UnaryKind::tanh) {
    ForTiles<SimpleCell, TanhSigmoid>(s);
  } else {
    ForTiles<SimpleCell, AnyActivations>(s);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace thaw::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace thaw::cpu {

HWY_EXPORT(SimpleStep);

void simple_step(const RnnStep& step) { HWY_DYNAMIC_DISPATCH(SimpleStep)(step); }

}  // namespace thaw::cpu
#endif
