// LocallyConnected1D and LocallyConnected2D.
#pragma once

#include "loaders/keras/table.h"

namespace thaw::keras {

Outputs locally_connected(const Layer& layer, Weights& weights, GraphBuilder& g);

}  // namespace thaw::keras
