// Images: boxes, colours, windows, files.
#include "kernels/host/image.h"

#include "kernels/host/families.h"

namespace thaw::host {

std::span<const HostKernel> image() {
  static constexpr HostKernel kKernels[] = {
      {"adjust_hue", adjust_hue},
      {"adjust_saturation", adjust_saturation},
      {"combined_non_max_suppression", combined_non_max_suppression},
      {"crop_and_resize", crop_and_resize},
      {"decode_image", decode_image},
      {"dilation_2d", dilation_2d},
      {"draw_bounding_boxes", draw_bounding_boxes},
      {"encode_jpeg", encode_jpeg},
      {"encode_png", encode_png},
      {"extract_glimpse", extract_glimpse},
      {"extract_patches", extract_patches},
      {"hsv_to_rgb", hsv_to_rgb},
      {"jpeg_shape", jpeg_shape},
      {"max_pool_with_argmax", max_pool_with_argmax},
      {"non_max_suppression", non_max_suppression},
      {"projective_transform", projective_transform},
      {"rgb_to_hsv", rgb_to_hsv},
  };
  return kKernels;
}

}  // namespace thaw::host
