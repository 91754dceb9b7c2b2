// Spectrograms of audio and what speech models make of them.
#pragma once

#include "kernels/host_call.h"

namespace thaw::host {

/// (samples float32 [T, channels]) -> (float32 [channels, frames, bins]): short-time Fourier
/// transforms under a Hann window, padded to a power of two; magnitudes or their squares.
std::vector<Tensor> audio_spectrogram(const HostArgs& args);
/// (squared spectrogram [channels, frames, bins], sample_rate int32) -> (float32 [channels, frames,
/// coefficients]): mel-frequency cepstral coefficients.
std::vector<Tensor> mfcc(const HostArgs& args);
/// (contents string) -> (float32 [samples, channels], sample_rate int32): a WAV file.
std::vector<Tensor> decode_wav(const HostArgs& args);
std::vector<Tensor> encode_wav(const HostArgs& args);

}  // namespace thaw::host
