// Importers of ops on integers that stand for numbers of a range. The quantised types are read as
// the integers that they are stored as; the range travels beside them.
#pragma once

#include "loaders/tf/ops/op_context.h"

namespace thaw::tf::importers {

Results quantize(OpContext& c);
Results dequantize(OpContext& c);
Results requantize(OpContext& c);
Results requantization_range(OpContext& c);
Results shrink_range(OpContext& c);
Results quantized_matmul(OpContext& c);
Results quantized_conv(OpContext& c);
Results quantized_bias_add(OpContext& c);
Results quantized_add(OpContext& c);
Results quantized_mul(OpContext& c);
Results quantized_relu(OpContext& c);
Results quantized_max_pool(OpContext& c);
Results quantized_average_pool(OpContext& c);
Results quantized_reshape(OpContext& c);
Results quantized_concat(OpContext& c);

}  // namespace thaw::tf::importers
