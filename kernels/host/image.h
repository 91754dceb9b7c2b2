// The functions of the image family; image.cc names them.
#pragma once

#include "kernels/host/by_type.h"

namespace thaw::host {

// image_colour.cc
std::vector<Tensor> rgb_to_hsv(const HostArgs& args);
std::vector<Tensor> hsv_to_rgb(const HostArgs& args);
std::vector<Tensor> adjust_hue(const HostArgs& args);
std::vector<Tensor> adjust_saturation(const HostArgs& args);

// image_boxes.cc
std::vector<Tensor> crop_and_resize(const HostArgs& args);
std::vector<Tensor> draw_bounding_boxes(const HostArgs& args);

// image_suppression.cc, image_combined_suppression.cc
std::vector<Tensor> non_max_suppression(const HostArgs& args);
std::vector<Tensor> combined_non_max_suppression(const HostArgs& args);

/// Intersection over union of two boxes (y1, x1, y2, x2), corners in any order; 0 if one is empty.
/// In float for all element types, as TensorFlow has it.
float intersection_over_union(const float* a, const float* b);

// image_windows.cc
std::vector<Tensor> extract_patches(const HostArgs& args);
std::vector<Tensor> max_pool_with_argmax(const HostArgs& args);
std::vector<Tensor> dilation_2d(const HostArgs& args);

// image_glimpse.cc
std::vector<Tensor> extract_glimpse(const HostArgs& args);

// image_warp.cc
std::vector<Tensor> projective_transform(const HostArgs& args);

// image_codec.cc
std::vector<Tensor> decode_image(const HostArgs& args);
std::vector<Tensor> jpeg_shape(const HostArgs& args);
std::vector<Tensor> encode_png(const HostArgs& args);
std::vector<Tensor> encode_jpeg(const HostArgs& args);

}  // namespace thaw::host
