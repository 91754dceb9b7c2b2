#include "kernels/cuda/rnn_persistent.h"
#include "kernels/cuda/team.cuh"

namespace thaw::cuda {

void launch_rnn_simple(const Queue& queue, const RnnLayer& layer) {
  launch_cell<TeamCell::simple>(queue, layer);
}

}  // namespace thaw::cuda
