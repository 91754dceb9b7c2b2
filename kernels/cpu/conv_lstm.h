// The gates of a convolutional LSTM; conv_lstm.cc computes what they add up.
#pragma once

#include <cstdint>

#include "kernels/cpu/functions.h"

namespace thaw::cpu {

/// Pixels with their filters: x and h hold the gates i, f, c, o of a pixel one behind the other
/// ([pixel][4 filters]), c_state and h_state [pixel][filters] are written.
struct ConvLstmGates {
  const float *x = nullptr, *h = nullptr;
  float *c_state = nullptr, *h_state = nullptr;
  std::int64_t filters = 0;
  VectorFn activation, recurrent_activation;
};

void conv_lstm_gates(const ConvLstmGates& gates, std::int64_t pixels);

}  // namespace thaw::cpu
