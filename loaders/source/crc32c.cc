// CRC-32C (Castagnoli), with the processor's instruction where there is one.
#include <array>
#include <cstring>

#include "loaders/source/bundle.h"
#include "loaders/source/byte_reader.h"

namespace thaw {
namespace {

constexpr std::uint32_t kPolynomial = 0x82f63b78;  // bits reversed

// tables[k][b]: byte b followed by k zero bytes.
constexpr auto make_tables() {
  std::array<std::array<std::uint32_t, 256>, 8> tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kPolynomial : 0);
    tables[0][byte] = crc;
  }
  for (std::size_t k = 1; k < 8; ++k) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t crc = tables[k - 1][byte];
      tables[k][byte] = (crc >> 8) ^ tables[0][crc & 255];
    }
  }
  return tables;
}
constexpr auto kTables = make_tables();

std::uint32_t update_by_table(std::uint32_t crc, const std::byte* data, std::size_t size) {
  for (; size >= 8; data += 8, size -= 8) {
    const std::uint64_t word = load_little(data, 8) ^ crc;
    crc = 0;
    for (std::size_t k = 0; k < 8; ++k) crc ^= kTables[7 - k][word >> (8 * k) & 255];
  }
  for (; size > 0; ++data, --size)
    crc = (crc >> 8) ^ kTables[0][(crc ^ std::uint32_t(*data)) & 255];
  return crc;
}

#if defined(__x86_64__)
constexpr std::size_t kStream = 4096;  // bytes of each of three streams

// tables[k][b]: what byte k of a register, being b, becomes by kStream zero bytes.
constexpr auto make_shift() {
  std::array<std::uint32_t, 32> bits{};
  for (std::size_t bit = 0; bit < 32; ++bit) {
    std::uint32_t crc = std::uint32_t{1} << bit;
    for (std::size_t i = 0; i < kStream; ++i) crc = (crc >> 8) ^ kTables[0][crc & 255];
    bits[bit] = crc;
  }
  std::array<std::array<std::uint32_t, 256>, 4> tables{};
  for (std::size_t k = 0; k < 4; ++k) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      for (std::size_t bit = 0; bit < 8; ++bit) {
        if ((byte >> bit & 1) != 0) tables[k][byte] ^= bits[8 * k + bit];
      }
    }
  }
  return tables;
}
constexpr auto kShift = make_shift();

std::uint32_t shift_by_stream(std::uint32_t crc) {
  return kShift[0][crc & 255] ^ kShift[1][crc >> 8 & 255] ^ kShift[2][crc >> 16 & 255] ^
         kShift[3][crc >> 24];
}

// The instruction takes three cycles, but one can begin in each: three streams side by side.
__attribute__((target("sse4.2"))) std::uint32_t update_three_streams(std::uint32_t crc,
                                                                     const std::byte* data) {
  std::uint64_t streams[3] = {crc, 0, 0};
  for (std::size_t i = 0; i < kStream; i += 8) {
    for (std::size_t s = 0; s < 3; ++s) {
      std::uint64_t word;
      std::memcpy(&word, data + s * kStream + i, 8);
      streams[s] = __builtin_ia32_crc32di(streams[s], word);
    }
  }
  const auto first = static_cast<std::uint32_t>(streams[0]);
  const auto second = static_cast<std::uint32_t>(streams[1]);
  return shift_by_stream(shift_by_stream(first) ^ second) ^ static_cast<std::uint32_t>(streams[2]);
}

__attribute__((target("sse4.2"))) std::uint32_t update_by_instruction(std::uint32_t crc,
                                                                      const std::byte* data,
                                                                      std::size_t size) {
  for (; size >= 3 * kStream; data += 3 * kStream, size -= 3 * kStream)
    crc = update_three_streams(crc, data);
  std::uint64_t wide = crc;
  for (; size >= 8; data += 8, size -= 8) {
    std::uint64_t word;
    std::memcpy(&word, data, 8);
    wide = __builtin_ia32_crc32di(wide, word);
  }
  crc = static_cast<std::uint32_t>(wide);
  for (; size > 0; ++data, --size)
    crc = __builtin_ia32_crc32qi(crc, std::to_integer<unsigned char>(*data));
  return crc;
}

std::uint32_t update(std::uint32_t crc, const std::byte* data, std::size_t size) {
  return __builtin_cpu_supports("sse4.2") ? update_by_instruction(crc, data, size)
                                          : update_by_table(crc, data, size);
}
#else
std::uint32_t update(std::uint32_t crc, const std::byte* data, std::size_t size) {
  return update_by_table(crc, data, size);
}
#endif

}  // namespace

std::uint32_t crc32c(std::span<const std::byte> data, std::uint32_t seed) {
  return ~update(~seed, data.data(), data.size());
}

std::uint32_t crc32c_portable(std::span<const std::byte> data, std::uint32_t seed) {
  return ~update_by_table(~seed, data.data(), data.size());
}

}  // namespace thaw
