// Recurrent weights in 16 bits for steps of a single row, whose time is that of turning them into
// floats: two rows k side by side, so that one load and one or two bit operations each give two
// vectors.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "kernels/cpu/packed.h"

namespace thaw::cpu {

/// Element k of a column in the low half of a 32-bit word, k + 1 in the high one.
/// [block][pair of rows][column][2]; behind an odd last row stand zeros.
struct PairedBfloat {
  std::uint16_t bits;
};

/// The same of halves, with an exponent field that has room for every half below 128 as a normal
/// number: moved three bits to the right, field and mantissa are a float's, kPairedHalfScale^2
/// times too small. (The processor's own conversion takes two steps of the multipliers' time, and
/// multiplying by a half's subnormals as they are would be slow on some.)
struct PairedHalf {
  std::uint16_t bits;
};
constexpr float kPairedHalfScale = 0x1p51f;  // of h, and then of the sums

/// Rows of a packed block.
constexpr std::int64_t paired_rows(std::int64_t units) { return (units + 1) / 2 * 2; }

/// `from` as [block][row][width] for `blocks` blocks; false, and nothing useful, if the form
/// (fp16 or bf16) does not hold an element.
bool pack_pairs(WeightStorage storage, const float* from, std::int64_t blocks, std::int64_t rows,
                std::int64_t width, std::uint16_t* to);

}  // namespace thaw::cpu
