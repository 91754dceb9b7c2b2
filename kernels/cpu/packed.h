// Weights in a kernel's own layout, as float32 or in a shorter form that is converted in registers.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kernels/backend.h"

namespace thaw::cpu {

/// Column blocks one after the other, each [depth][width]; the last may be narrower.
struct PackedBlocks {
  std::int64_t depth = 0, columns = 0, width = 0;  // columns: padding included

  std::int64_t elements() const { return depth * columns; }
};

/// Elements in order of their blocks. int8: element * scale of its column.
struct PackedWeights {
  std::shared_ptr<const void> memory;
  WeightStorage storage = WeightStorage::f32;
  std::vector<float> column_scales;  // int8 only: of all columns of all blocks

  const void* data() const { return memory.get(); }
  const float* scales() const { return column_scales.empty() ? nullptr : column_scales.data(); }
};

/// Packs `count` rows of an operand, whose elements are at `from`, the first of which is row
/// `first`, to their places behind `to`.
using PackRows =
    std::function<void(const float* from, std::int64_t first, std::int64_t count, float* to)>;

/// Bytes of one element.
std::int64_t element_bytes(WeightStorage storage);
/// Element `index` of weights at `data`.
inline const void* element_at(const void* data, WeightStorage storage, std::int64_t index) {
  return static_cast<const std::byte*>(data) + index * element_bytes(storage);
}

/// Operand `operand` of the site, a float32 constant, packed once and shared through the cache if
/// there is one. `pack` writes the float32 layout, which is the concatenation of `parts`; it is
/// then brought into the cache's form. A matrix with elements that the form cannot hold stays
/// float32.
std::shared_ptr<const PackedWeights> packed_matrix(
    const Site& site, int operand, const std::string& layout,
    const std::vector<PackedBlocks>& parts, const std::function<void(const float*, float*)>& pack);

/// As above, with `pack` called for some rows of the operand after the other, which are all that is
/// copied of it where it cannot be used in place.
std::shared_ptr<const PackedWeights> packed_matrix(const Site& site, int operand,
                                                   const std::string& layout,
                                                   const std::vector<PackedBlocks>& parts,
                                                   std::int64_t rows, const PackRows& pack);

/// A table [rows, row] for the look-up of rows: one scale per row for int8.
std::shared_ptr<const PackedWeights> packed_rows(const Site& site, int operand, std::int64_t rows,
                                                 std::int64_t row);

}  // namespace thaw::cpu
