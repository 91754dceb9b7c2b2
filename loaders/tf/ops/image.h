// Importers of ops on images.
#pragma once

#include "loaders/tf/ops/op_context.h"

namespace thaw::tf::importers {

Results adjust_contrast(OpContext& c);
Results colours(OpContext& c);
Results crop_and_resize(OpContext& c);
Results draw_bounding_boxes(OpContext& c);
Results non_max_suppression(OpContext& c);
Results combined_non_max_suppression(OpContext& c);
Results extract_glimpse(OpContext& c);
Results extract_patches(OpContext& c);
Results max_pool_with_argmax(OpContext& c);
Results dilation_2d(OpContext& c);
Results projective_transform(OpContext& c);

}  // namespace thaw::tf::importers
