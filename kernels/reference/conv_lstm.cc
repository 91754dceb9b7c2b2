// One direction of a convolutional LSTM.
#include "kernels/reference/prepare.h"

namespace thaw::reference {

KernelPtr prepare_conv_lstm(const Site&) { return nullptr; }

}  // namespace thaw::reference
