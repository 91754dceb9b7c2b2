// Importers of ops that compare with what is wanted (losses, distances, fits), and of small ops on
// truth and devices.
#pragma once

#include "loaders/tf/ops/op_context.h"

namespace thaw::tf::importers {

Results ctc_loss(OpContext& c);
Results edit_distance(OpContext& c);
Results isotonic_regression(OpContext& c);
Results nearest_neighbors(OpContext& c);
Results approx_top_k(OpContext& c);
Results to_bool(OpContext& c);
Results device_index(OpContext& c);
Results encode_wav(OpContext& c);

}  // namespace thaw::tf::importers
