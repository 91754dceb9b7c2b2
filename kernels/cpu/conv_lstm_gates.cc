// The gates of a convolutional LSTM on float32, a vector of filters at a time.
#include <algorithm>

#include "kernels/cpu/conv_lstm.h"

// clang-format off
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/conv_lstm_gates.cc"
#include "kernels/cpu/simd.h"
#include "hwy/foreach_target.h"
#include "kernels/cpu/functions-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace thaw::cpu {
namespace HWY_NAMESPACE {

/// The activations of Keras's layers, inlined.
struct TanhAndSigmoid {
  explicit TanhAndSigmoid(const ConvLstmGates&) {}
  HWY_INLINE V act(V x) const { return Tanh(x); }
  HWY_INLINE V gate(V x) const { return SigmoidBounded(x); }
};
struct TanhAndHardSigmoid {
  explicit TanhAndHardSigmoid(const ConvLstmGates& g)
      : alpha(g.recurrent_activation.alpha), beta(g.recurrent_activation.beta) {}
  HWY_INLINE V act(V x) const { return Tanh(x); }
  HWY_INLINE V gate(V x) const { return HardSigmoid(x, Splat(alpha), Splat(beta)); }
  float alpha, beta;
};
/// Any others.
struct AnyTwo {
  explicit AnyTwo(const ConvLstmGates& g)
      : activation(g.activation), recurrent(g.recurrent_activation) {}
  HWY_INLINE V act(V x) const { return CallFunction(activation, x); }
  HWY_INLINE V gate(V x) const { return CallFunction(recurrent, x); }
  VectorFn activation, recurrent;
};

/// The first `count` filters of a vector, or all of them.
struct Some {
  std::size_t count;
  HWY_INLINE V load(const float* p) const {
    float lanes[kLanes] = {};
    std::copy_n(p, count, lanes);
    return hn::LoadU(f, lanes);
  }
  HWY_INLINE void store(V v, float* p) const {
    float lanes[kLanes];
    hn::StoreU(v, f, lanes);
    std::copy_n(lanes, count, p);
  }
};
struct All {
  HWY_INLINE V load(const float* p) const { return hn::LoadU(f, p); }
  HWY_INLINE void store(V v, float* p) const { hn::StoreU(v, f, p); }
};

template <class Activations, class Lanes>
HWY_INLINE void Update(const Activations& fn, const Lanes& lanes, std::int64_t filters,
                       const float* x, const float* h, float* c_state, float* h_state) {
  const auto sum = [&](std::int64_t gate) HWY_ATTR {
    return hn::Add(lanes.load(x + gate * filters), lanes.load(h + gate * filters));
  };
  const V input = fn.gate(sum(0)), forget = fn.gate(sum(1));
  const V cell = fn.act(sum(2)), output = fn.gate(sum(3));
  const V c = hn::MulAdd(forget, lanes.load(c_state), hn::Mul(input, cell));
  lanes.store(c, c_state);
  lanes.store(hn::Mul(output, fn.act(c)), h_state);
}

template <class Activations>
void AllPixels(const ConvLstmGates& g, std::int64_t pixels) {
  const Activations fn(g);
  const float *x = g.x, *h = g.h;
  float *c = g.c_state, *to = g.h_state;
  for (std::int64_t pixel = 0; pixel < pixels; ++pixel) {
    std::int64_t j = 0;
    for (; j + kLanes <= g.filters; j += kLanes)
      Update(fn, All{}, g.filters, x + j, h + j, c + j, to + j);
    if (j < g.filters) {
      const Some some{static_cast<std::size_t>(g.filters - j)};
      Update(fn, some, g.filters, x + j, h + j, c + j, to + j);
    }
    x += 4 * g.filters;
    h += 4 * g.filters;
    c += g.filters;
    to += g.filters;
  }
}

void Gates(const ConvLstmGates& g, std::int64_t pixels) {
  const bool tanh = g.activation.kind == UnaryKind::tanh;
  if (tanh && g.recurrent_activation.kind == UnaryKind::sigmoid) {
    AllPixels<TanhAndSigmoid>(g, pixels);
  } else if (tanh && g.recurrent_activation.kind == UnaryKind::hard_sigmoid) {
    AllPixels<TanhAndHardSigmoid>(g, pixels);
  } else {
    AllPixels<AnyTwo>(g, pixels);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace thaw::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace thaw::cpu {

HWY_EXPORT(Gates);

void conv_lstm_gates(const ConvLstmGates& gates, std::int64_t pixels) {
  HWY_DYNAMIC_DISPATCH(Gates)(gates, pixels);
}

}  // namespace thaw::cpu
#endif
