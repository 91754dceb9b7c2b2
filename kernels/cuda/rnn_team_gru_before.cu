#include "kernels/cuda/rnn_persistent.h"
#include "kernels/cuda/team.cuh"

namespace thaw::cuda {

TeamCode rnn_gru_before_code() { return code_of<TeamCell::gru_reset_before>(); }

}  // namespace thaw::cuda
