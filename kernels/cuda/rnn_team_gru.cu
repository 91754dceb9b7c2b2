#include "kernels/cuda/rnn_persistent.h"
#include "kernels/cuda/team.cuh"

namespace thaw::cuda {

void launch_rnn_gru(const Queue& queue, const RnnLayer& layer) {
  launch_cell<TeamCell::gru>(queue, layer);
}

}  // namespace thaw::cuda
