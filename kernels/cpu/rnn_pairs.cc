#include "kernels/cpu/rnn_pairs.h"

#include <bit>
#include <cmath>

#include "runtime/base/half.h"

namespace thaw::cpu {
namespace {

constexpr float kPairedHalfLimit = 127.9375f;  // the largest half below 128
constexpr std::uint32_t kFieldsApart =
    102;  // between a float's exponent field and ours: 2^-24 is 1

std::uint16_t paired_half(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(half_to_float(float_to_half(value)));
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  const std::uint32_t code = magnitude == 0 ? 0 : (magnitude >> 13) - (kFieldsApart << 10);
  return static_cast<std::uint16_t>((bits >> 16 & 0x8000u) | code);
}

}  // namespace

bool pack_pairs(WeightStorage storage, const float* from, std::int64_t blocks, std::int64_t rows,
                std::int64_t width, std::uint16_t* to) {
  bool holds = true;
  for (std::int64_t block = 0; block < blocks; ++block) {
    for (std::int64_t row = 0; row < rows; ++row, from += width) {
      std::uint16_t* out = to + (block * paired_rows(rows) + row / 2 * 2) * width + row % 2;
      for (std::int64_t j = 0; j < width; ++j) {
        if (storage == WeightStorage::bf16) {
          out[2 * j] = float_to_bfloat(from[j]);
        } else {
          holds = holds && std::fabs(from[j]) <= kPairedHalfLimit;
          out[2 * j] = holds ? paired_half(from[j]) : std::uint16_t{0};
        }
      }
    }
    if (rows % 2 != 0) {
      std::uint16_t* out = to + (block * paired_rows(rows) + rows - 1) * width + 1;
      for (std::int64_t j = 0; j < width; ++j) out[2 * j] = 0;
    }
  }
  return holds;
}

}  // namespace thaw::cpu
