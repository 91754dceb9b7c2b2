// Images: boxes, colours, windows. Decoders of image files are in the example family.
#include "kernels/host/image.h"

#include "kernels/host/families.h"

namespace thaw::host {

std::span<const HostKernel> image() {
  static constexpr HostKernel kKernels[] = {
      {"adjust_hue", adjust_hue},
      {"adjust_saturation", adjust_saturation},
      {"combined_non_max_suppression", combined_non_max_suppression},
      {"crop_and_resize", crop_and_resize},
      {"dilation_2d", dilation_2d},
      {"draw_bounding_boxes", draw_bounding_boxes},
      {"extract_patches", extract_patches},
      {"hsv_to_rgb", hsv_to_rgb},
      {"max_pool_with_argmax", max_pool_with_argmax},
      {"non_max_suppression", non_max_suppression},
      {"projective_transform", projective_transform},
      {"rgb_to_hsv", rgb_to_hsv},
  };
  return kKernels;
}

}  // namespace thaw::host
