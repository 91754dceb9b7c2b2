#include "kernels/cuda/rnn_persistent.h"
#include "kernels/cuda/team.cuh"

namespace thaw::cuda {

TeamCode rnn_simple_code() { return code_of<TeamCell::simple>(); }

}  // namespace thaw::cuda
