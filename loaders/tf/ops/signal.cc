#include "loaders/tf/ops/numeric.h"

namespace thaw::tf::importers {

// kind: the number of axes, negative for the inverse.
Results fft(OpContext& c) {
  c.expect_count(1);
  return add_host_call(c, "fft",
                       {{"rank", std::int64_t{std::abs(c.kind)}}, {"inverse", c.kind < 0}}, 1);
}

Results rfft(OpContext& c) {
  c.expect_count(2);
  return add_host_call(c, "rfft",
                       {{"rank", std::int64_t{std::abs(c.kind)}}, {"inverse", c.kind < 0}}, 1);
}

// kind: 1, or -1 for the inverse. Lengths and axes are operands.
Results fft_nd(OpContext& c) {
  c.expect_count(3);
  return add_host_call(c, "fft", {{"inverse", c.kind < 0}}, 1);
}

Results rfft_nd(OpContext& c) {
  c.expect_count(3);
  return add_host_call(c, "rfft", {{"inverse", c.kind < 0}}, 1);
}

Results audio_spectrogram(OpContext& c) {
  c.expect_count(1);
  return add_host_call(c, "audio_spectrogram",
                       {{"window_size", c.node.integer("window_size")},
                        {"stride", c.node.integer("stride")},
                        {"magnitude_squared", c.node.flag("magnitude_squared")}},
                       1);
}

Results mfcc(OpContext& c) {
  c.expect_count(2);
  return add_host_call(c, "mfcc",
                       {{"upper_frequency_limit", c.node.number("upper_frequency_limit")},
                        {"lower_frequency_limit", c.node.number("lower_frequency_limit")},
                        {"filterbank_channel_count", c.node.integer("filterbank_channel_count")},
                        {"dct_coefficient_count", c.node.integer("dct_coefficient_count")}},
                       1);
}

Results decode_wav(OpContext& c) {
  c.expect_count(1);
  return add_host_call(c, "decode_wav",
                       {{"desired_channels", c.node.integer("desired_channels")},
                        {"desired_samples", c.node.integer("desired_samples")}},
                       2);
}

}  // namespace thaw::tf::importers
