#include "kernels/cuda/rnn_persistent.h"
#include "kernels/cuda/team.cuh"

namespace thaw::cuda {

void launch_rnn_gru_before(const Queue& queue, const RnnLayer& layer) {
  launch_cell<TeamCell::gru_reset_before>(queue, layer);
}

}  // namespace thaw::cuda
