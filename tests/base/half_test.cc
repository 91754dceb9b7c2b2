// Every 16-bit pattern, and rounding, against the definition of the formats and the compiler's own
// type.
#include "runtime/base/half.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <random>

namespace thaw {
namespace {

/// The value of a binary format by its definition.
double defined_value(std::uint32_t bits, int exponent_bits, int mantissa_bits) {
  const int sign = (bits >> (exponent_bits + mantissa_bits)) & 1;
  const int exponent = static_cast<int>((bits >> mantissa_bits) & ((1u << exponent_bits) - 1));
  const double mantissa = bits & ((1u << mantissa_bits) - 1);
  const int bias = (1 << (exponent_bits - 1)) - 1;
  double value = 0;
  if (exponent == (1 << exponent_bits) - 1) {
    value = mantissa == 0 ? INFINITY : NAN;
  } else if (exponent == 0) {
    value = std::ldexp(mantissa, 1 - bias - mantissa_bits);
  } else {
    value = std::ldexp(mantissa + std::ldexp(1, mantissa_bits), exponent - bias - mantissa_bits);
  }
  return sign ? -value : value;
}

void expect_equal(double found, double expected, std::uint32_t bits) {
  if (std::isnan(expected)) {
    ASSERT_TRUE(std::isnan(found)) << bits;
  } else {
    ASSERT_EQ(found, expected) << bits;
    ASSERT_EQ(std::signbit(found), std::signbit(expected)) << bits;
  }
}

TEST(Half, EveryPatternHasItsValue) {
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    const auto pattern = static_cast<std::uint16_t>(bits);
    expect_equal(half_to_float(pattern), defined_value(bits, 5, 10), bits);
    expect_equal(bfloat_to_float(pattern), defined_value(bits, 8, 7), bits);
    expect_equal(to_float(float16{pattern}), defined_value(bits, 5, 10), bits);
    expect_equal(to_float(bfloat16{pattern}), defined_value(bits, 8, 7), bits);
  }
}

TEST(Half, EveryPatternRoundTrips) {
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    const auto pattern = static_cast<std::uint16_t>(bits);
    const float half = half_to_float(pattern), bfloat = bfloat_to_float(pattern);
    if (std::isnan(half)) {
      ASSERT_TRUE(std::isnan(half_to_float(float_to_half(half))));
    } else {
      ASSERT_EQ(float_to_half(half), pattern);
    }
    if (std::isnan(bfloat)) {
      ASSERT_TRUE(std::isnan(bfloat_to_float(float_to_bfloat(bfloat))));
    } else {
      ASSERT_EQ(float_to_bfloat(bfloat), pattern);
    }
  }
}

/// Between each two neighbours: just below the middle, the middle (to even), just above.
TEST(Half, RoundsToNearestEven) {
  for (std::uint32_t bits = 0; bits + 1 < 0x7c00; ++bits) {
    const float low = half_to_float(static_cast<std::uint16_t>(bits));
    const float high = half_to_float(static_cast<std::uint16_t>(bits + 1));
    const float middle = low + (high - low) / 2;  // exact: float has more digits
    const std::uint32_t even = bits % 2 == 0 ? bits : bits + 1;
    ASSERT_EQ(float_to_half(middle), even);
    ASSERT_EQ(float_to_half(std::nextafter(middle, 0.0f)), bits);
    ASSERT_EQ(float_to_half(std::nextafter(middle, high)), bits + 1);
    ASSERT_EQ(float_to_half(-middle), even | 0x8000);
  }
  EXPECT_EQ(float_to_half(65519.996f), 0x7bff);
  EXPECT_EQ(float_to_half(65520.0f), 0x7c00);
  EXPECT_EQ(float_to_half(-1e30f), 0xfc00);
  EXPECT_EQ(float_to_half(INFINITY), 0x7c00);
  EXPECT_EQ(float_to_half(std::ldexp(1.0f, -25)), 0);
  EXPECT_EQ(float_to_half(std::nextafter(std::ldexp(1.0f, -25), 1.0f)), 1);
}

TEST(Half, BfloatRoundsToNearestEven) {
  for (std::uint32_t bits = 0; bits + 1 < 0x7f80; ++bits) {
    const double low = bfloat_to_float(static_cast<std::uint16_t>(bits));
    const double high = bfloat_to_float(static_cast<std::uint16_t>(bits + 1));
    const double top = std::isinf(high) ? std::ldexp(1.0, 128) : high;
    const auto middle = static_cast<float>(low + (top - low) / 2);
    const std::uint32_t even = bits % 2 == 0 ? bits : bits + 1;
    ASSERT_EQ(float_to_bfloat(middle), even);
    ASSERT_EQ(float_to_bfloat(std::nextafter(middle, 0.0f)), bits);
    ASSERT_EQ(float_to_bfloat(std::nextafter(middle, INFINITY)), bits + 1);
    ASSERT_EQ(float_to_bfloat(-middle), even | 0x8000);
  }
}

#ifdef __FLT16_MANT_DIG__
TEST(Half, AsTheCompilerRounds) {
  std::mt19937 rng(1);
  for (int i = 0; i < 2'000'000; ++i) {
    const auto value = std::bit_cast<float>(static_cast<std::uint32_t>(rng()));
    if (std::isnan(value)) continue;
    ASSERT_EQ(float_to_half(value), std::bit_cast<std::uint16_t>(static_cast<_Float16>(value)))
        << value;
  }
}
#endif

}  // namespace
}  // namespace thaw
