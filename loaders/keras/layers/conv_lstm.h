// ConvLSTM1D, ConvLSTM2D, ConvLSTM3D.
#pragma once

#include "loaders/keras/table.h"

namespace thaw::keras {

Outputs conv_lstm(const Layer& layer, Weights& weights, GraphBuilder& g);

}  // namespace thaw::keras
