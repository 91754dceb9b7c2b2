// Importers of tf.io: serialized examples, records, image files.
#pragma once

#include "loaders/tf/ops/op_context.h"

namespace thaw::tf::importers {

Results parse_example(OpContext& c);
Results parse_example_v2(OpContext& c);
Results parse_single_example(OpContext& c);
Results parse_sequence_example(OpContext& c);
Results parse_sequence_example_v2(OpContext& c);
Results decode_raw(OpContext& c);
Results decode_compressed(OpContext& c);
Results decode_csv(OpContext& c);
Results decode_image(OpContext& c);
Results jpeg_shape(OpContext& c);
Results encode_png(OpContext& c);
Results encode_jpeg(OpContext& c);

}  // namespace thaw::tf::importers
