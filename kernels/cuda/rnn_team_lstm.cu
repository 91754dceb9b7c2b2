#include "kernels/cuda/rnn_persistent.h"
#include "kernels/cuda/team.cuh"

namespace thaw::cuda {

void launch_rnn_lstm(const Queue& queue, const RnnLayer& layer) {
  launch_cell<TeamCell::lstm>(queue, layer);
}

}  // namespace thaw::cuda
