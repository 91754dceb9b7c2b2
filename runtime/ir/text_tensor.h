// Types and tensors in a graph's text.
#pragma once

#include "runtime/ir/text_scanner.h"
#include "thaw/tensor.h"

namespace thaw::text {

/// "float32[2, ?]", "int64[]", "string[...]".
TensorType parse_type(Scanner& scanner);
/// "float32[2](1, 0.5)"; "none" is an empty Tensor.
Tensor parse_tensor(Scanner& scanner);
/// A number, "inf", "nan" or "nan:0x7ff8000000000001".
double parse_double(Scanner& scanner);

}  // namespace thaw::text
