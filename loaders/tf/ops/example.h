// Importers of tf.io: serialized examples, records, image files.
#pragma once

#include "loaders/tf/ops/op_context.h"

namespace thaw::tf::importers {

// What the importers of serialized examples share.
/// The strings of an operand that must be known at load.
std::vector<std::string> known_strings(OpContext& c, int i, std::string_view what);
/// One key per operand, from operand `first` on.
std::vector<std::string> key_operands(OpContext& c, int first, std::int64_t count);
/// The shapes of dense features one behind the other: rank and dimensions of each.
Ints pack_shapes(OpContext& c, const char* attr);
std::vector<ValueId> operands_from(OpContext& c, int first);

Results parse_example(OpContext& c);
Results parse_example_v2(OpContext& c);
Results parse_single_example(OpContext& c);
Results parse_sequence_example(OpContext& c);
Results parse_sequence_example_v2(OpContext& c);
Results parse_single_sequence_example(OpContext& c);
Results decode_raw(OpContext& c);
Results decode_compressed(OpContext& c);
Results decode_csv(OpContext& c);
Results decode_image(OpContext& c);
Results jpeg_shape(OpContext& c);
Results encode_png(OpContext& c);
Results encode_jpeg(OpContext& c);

}  // namespace thaw::tf::importers
