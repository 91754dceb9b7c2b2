// Images in Keras 3.
#include "loaders/keras/operations/shared.h"

namespace thaw::keras {

std::span<const OperationRow> image_operations() { return {}; }

}  // namespace thaw::keras
