#include "kernels/cuda/rnn_persistent.h"
#include "kernels/cuda/team.cuh"

namespace thaw::cuda {

TeamCode rnn_gru_code() { return code_of<TeamCell::gru>(); }

}  // namespace thaw::cuda
