// Importers of ops on strings and ragged tensors.
#pragma once

#include "loaders/tf/ops/op_context.h"

namespace thaw::tf::importers {

// strings.cc
Results as_string(OpContext& c);
Results base64(OpContext& c);
Results fingerprint(OpContext& c);
Results reduce_join(OpContext& c);
Results regex_full_match(OpContext& c);
Results regex_replace(OpContext& c);
Results string_case(OpContext& c);
Results string_format(OpContext& c);
Results string_hash(OpContext& c);
Results string_join(OpContext& c);
Results string_length(OpContext& c);
Results string_ngrams(OpContext& c);
Results string_split(OpContext& c);
Results string_strip(OpContext& c);
Results string_to_number(OpContext& c);
Results substr(OpContext& c);
Results unicode_decode(OpContext& c);
Results unicode_encode(OpContext& c);
Results unicode_script(OpContext& c);
Results unicode_transcode(OpContext& c);
Results unsorted_segment_join(OpContext& c);
// ragged.cc
Results ragged_gather(OpContext& c);
Results ragged_range(OpContext& c);
Results ragged_to_sparse(OpContext& c);
Results ragged_to_tensor(OpContext& c);
Results count_sparse(OpContext& c);

}  // namespace thaw::tf::importers
