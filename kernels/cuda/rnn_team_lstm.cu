#include "kernels/cuda/rnn_persistent.h"
#include "kernels/cuda/team.cuh"

namespace thaw::cuda {

TeamCode rnn_lstm_code() { return code_of<TeamCell::lstm>(); }

}  // namespace thaw::cuda
