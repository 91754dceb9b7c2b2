// Everything: #include <thaw/thaw.h>.
#pragma once

#include "thaw/error.h"
#include "thaw/model.h"
#include "thaw/options.h"
#include "thaw/session.h"
#include "thaw/tensor.h"
#include "thaw/types.h"

namespace thaw {
/// "0.1.0".
THAW_API const char* version();
}  // namespace thaw
