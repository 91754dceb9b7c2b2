// Numbers as TensorFlow reads and prints them, whatever the process's locale.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace thaw::host {

/// All of `text` as a decimal integer, blanks around it allowed; nothing if it is none or does not
/// fit.
std::optional<std::int64_t> parse_signed(std::string_view text);
std::optional<std::uint64_t> parse_unsigned(std::string_view text);
/// All of `text` as a number in C's notation (decimal, hexadecimal, inf, nan), blanks around it
/// allowed; rounds once, overflows to infinity.
std::optional<float> parse_float(std::string_view text);
std::optional<double> parse_double(std::string_view text);

/// The shortest of 6 and 9 digits (15 and 17) that reads back as the same number.
std::string print_float(float value);
std::string print_double(double value);

}  // namespace thaw::host
