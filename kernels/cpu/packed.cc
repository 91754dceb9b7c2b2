#include "kernels/cpu/packed.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "runtime/base/half.h"
#include "runtime/base/memory.h"
#include "runtime/base/stored.h"

namespace thaw::cpu {
namespace {

constexpr float kLargestHalf = 65504;

std::shared_ptr<std::byte> allocate(std::int64_t bytes) {
  return {allocate_aligned(static_cast<std::size_t>(bytes)).release(), AlignedFree{}};
}

bool can_hold(WeightStorage storage, const float* x, std::int64_t count) {
  if (storage == WeightStorage::bf16) return true;
  const float limit =
      storage == WeightStorage::fp16 ? kLargestHalf : std::numeric_limits<float>::max();
  return std::all_of(x, x + count, [&](float value) { return std::fabs(value) <= limit; });
}

/// The scale for elements up to `largest`; 0 for those that vanish.
float scale_of(float largest) {
  const float scale = largest / 127.0f;
  return scale >= std::numeric_limits<float>::min() ? scale : 0.0f;
}

std::int8_t quantised(float value, float scale) {
  if (scale == 0) return 0;
  return static_cast<std::int8_t>(std::clamp(std::nearbyint(value / scale), -127.0f, 127.0f));
}

void quantise_block(const float* x, std::int64_t depth, std::int64_t width, std::int8_t* to,
                    float* scales) {
  std::fill_n(scales, width, 0.0f);
  for (std::int64_t k = 0; k < depth; ++k) {
    for (std::int64_t j = 0; j < width; ++j) {
      scales[j] = std::max(scales[j], std::fabs(x[k * width + j]));
    }
  }
  for (std::int64_t j = 0; j < width; ++j) scales[j] = scale_of(scales[j]);
  for (std::int64_t k = 0; k < depth; ++k) {
    for (std::int64_t j = 0; j < width; ++j) {
      to[k * width + j] = quantised(x[k * width + j], scales[j]);
    }
  }
}

void to_sixteen_bits(WeightStorage storage, const float* x, std::int64_t count, std::uint16_t* to) {
  if (storage == WeightStorage::fp16) {
    for (std::int64_t i = 0; i < count; ++i) to[i] = float_to_half(x[i]);
  } else {
    for (std::int64_t i = 0; i < count; ++i) to[i] = float_to_bfloat(x[i]);
  }
}

void compress(const std::vector<PackedBlocks>& parts, const float* x, std::int64_t count,
              WeightStorage storage, PackedWeights& packed) {
  const std::shared_ptr<std::byte> memory = allocate(count * element_bytes(storage));
  packed.storage = storage;
  packed.memory = memory;
  if (storage != WeightStorage::int8) {
    to_sixteen_bits(storage, x, count, reinterpret_cast<std::uint16_t*>(memory.get()));
    return;
  }
  auto* to = reinterpret_cast<std::int8_t*>(memory.get());
  for (const PackedBlocks& part : parts) {
    for (std::int64_t first = 0; first < part.columns; first += part.width) {
      const std::int64_t width = std::min(part.width, part.columns - first);
      const std::size_t at = packed.column_scales.size();
      packed.column_scales.resize(at + static_cast<std::size_t>(width));
      quantise_block(x, part.depth, width, to, packed.column_scales.data() + at);
      x += part.depth * width;
      to += part.depth * width;
    }
  }
}

std::shared_ptr<const PackedWeights> cached(
    const Site& site, int operand, const std::string& layout,
    const std::function<std::shared_ptr<const void>()>& make) {
  const Tensor& source = *site.constants[static_cast<std::size_t>(operand)];
  return std::static_pointer_cast<const PackedWeights>(
      site.packs == nullptr ? make() : site.packs->get(source, layout, make));
}

WeightStorage wanted(const Site& site) {
  return site.packs == nullptr ? WeightStorage::f32 : site.packs->storage();
}

}  // namespace

std::int64_t element_bytes(WeightStorage storage) {
  switch (storage) {
    case WeightStorage::f32: return 4;
    case WeightStorage::fp16:
    case WeightStorage::bf16: return 2;
    case WeightStorage::int8: break;
  }
  return 1;
}

std::shared_ptr<const PackedWeights> packed_matrix(
    const Site& site, int operand, const std::string& layout,
    const std::vector<PackedBlocks>& parts, const std::function<void(const float*, float*)>& pack) {
  return packed_matrix(
      site, operand, layout, parts, 1,
      [&](const float* from, std::int64_t, std::int64_t, float* to) { pack(from, to); });
}

std::shared_ptr<const PackedWeights> packed_matrix(const Site& site, int operand,
                                                   const std::string& layout,
                                                   const std::vector<PackedBlocks>& parts,
                                                   std::int64_t rows, const PackRows& pack) {
  const WeightStorage storage = wanted(site);
  return cached(site, operand, layout, [&]() -> std::shared_ptr<const void> {
    std::int64_t count = 0;
    for (const PackedBlocks& part : parts) count += part.elements();
    const bool kept = storage == WeightStorage::f32 && site.packs != nullptr;
    const std::shared_ptr<std::byte> memory =
        kept ? site.packs->allocate(static_cast<std::size_t>(count) * 4) : allocate(count * 4);
    auto* floats = reinterpret_cast<float*>(memory.get());
    read_rows_once(*site.constants[static_cast<std::size_t>(operand)], rows,
                   [&](const void* from, std::int64_t first, std::int64_t some) {
                     pack(static_cast<const float*>(from), first, some, floats);
                   });
    auto packed = std::make_shared<PackedWeights>();
    if (storage != WeightStorage::f32 && can_hold(storage, floats, count)) {
      compress(parts, floats, count, storage, *packed);
    } else {
      packed->memory = memory;
    }
    return packed;
  });
}

std::shared_ptr<const PackedWeights> packed_rows(const Site& site, int operand, std::int64_t rows,
                                                 std::int64_t row) {
  const WeightStorage storage = wanted(site);
  if (storage == WeightStorage::f32) return nullptr;
  const ReadOnce elements(*site.constants[static_cast<std::size_t>(operand)]);
  const float* x = elements.as<float>();
  const std::int64_t count = rows * row;
  if (!can_hold(storage, x, count)) return nullptr;
  const std::string layout = "rows/" + std::to_string(rows) + '/' + std::to_string(row);
  return cached(site, operand, layout, [&]() -> std::shared_ptr<const void> {
    auto packed = std::make_shared<PackedWeights>();
    if (storage != WeightStorage::int8) {
      compress({}, x, count, storage, *packed);
      return packed;
    }
    const std::shared_ptr<std::byte> memory = allocate(count);
    auto* to = reinterpret_cast<std::int8_t*>(memory.get());
    packed->storage = storage;
    packed->memory = memory;
    packed->column_scales.reserve(static_cast<std::size_t>(rows));
    for (std::int64_t r = 0; r < rows; ++r, x += row, to += row) {
      float largest = 0;
      for (std::int64_t i = 0; i < row; ++i) largest = std::max(largest, std::fabs(x[i]));
      const float scale = scale_of(largest);
      for (std::int64_t i = 0; i < row; ++i) to[i] = quantised(x[i], scale);
      packed->column_scales.push_back(scale);
    }
    return packed;
  });
}

}  // namespace thaw::cpu
