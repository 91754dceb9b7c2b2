// Partitioned variables: where each slice of a bundle entry lies, and joining them.
#pragma once

#include <string>
#include <vector>

#include "loaders/source/bundle_entry.h"
#include "thaw/tensor.h"

namespace thaw {

/// A slice with all axes resolved against the variable's shape.
struct SliceBox {
  std::vector<std::int64_t> start, length;
  Shape shape() const { return Shape(length); }
};

/// Checks that the slices cover the shape exactly, without gaps or overlaps. Throws data_loss
/// naming `place`.
std::vector<SliceBox> resolve_slices(const BundleEntry& entry, const std::string& place);
/// Copies the elements of one slice to its place in `whole`, which has the same element type.
void place_slice(const Tensor& part, const SliceBox& box, Tensor& whole);

}  // namespace thaw
