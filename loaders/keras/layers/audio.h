// Spectrograms of Keras 3.
#pragma once

#include "loaders/keras/layer.h"
#include "loaders/keras/variables.h"

namespace thaw::keras {

/// Short-time Fourier transforms as convolutions with stored kernels.
Outputs stft_spectrogram(const Layer& layer, Weights& weights, GraphBuilder& g);
void stft_spectrogram_variables(VariableList& variables);
/// Power spectrograms on the mel scale, in decibels.
Outputs mel_spectrogram(const Layer& layer, Weights& weights, GraphBuilder& g);

}  // namespace thaw::keras
