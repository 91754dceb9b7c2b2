// BMP without compression.
#include <cstdlib>

#include "kernels/host/image_file.h"
#include "runtime/base/check.h"

namespace thaw::host {
namespace {

std::int64_t little_endian(std::string_view file, std::size_t at, int bytes) {
  std::uint32_t value = 0;
  for (int i = bytes - 1; i >= 0; --i) {
    value = value << 8 | static_cast<unsigned char>(file[at + static_cast<std::size_t>(i)]);
  }
  return bytes == 4 ? static_cast<std::int32_t>(value) : static_cast<std::int16_t>(value);
}

/// One pixel: blue, green and red in the file, or one grey value.
void convert_pixel(const unsigned char* from, std::int64_t from_channels, std::uint8_t* to,
                   std::int64_t channels) {
  const bool grey = from_channels == 1;
  if (channels == 1) {
    to[0] = from[0];
    return;
  }
  for (int c = 0; c < 3; ++c) to[c] = from[grey ? 0 : 2 - c];
  if (channels == 4) to[3] = from_channels == 4 ? from[3] : 255;
}

}  // namespace

std::int64_t checked_pixels(std::int64_t height, std::int64_t width, std::int64_t channels,
                            std::int64_t bytes) {
  std::int64_t total = bytes;
  for (const std::int64_t factor : {height, width, channels}) {
    if (__builtin_mul_overflow(total, factor, &total)) total = INT64_MAX;
  }
  if (total > kMaxPixelBytes) {
    fail(ErrorCode::resource_exhausted, "an image of {} x {} x {} samples of {} bytes", height,
         width, channels, bytes);
  }
  return total;
}

Pixels decode_bmp(std::string_view file, int channels) {
  if (file.size() < 32) fail(ErrorCode::invalid_argument, "a BMP image of {} bytes", file.size());
  const std::int64_t header = little_endian(file, 10, 4), width = little_endian(file, 18, 4),
                     height = little_endian(file, 22, 4), bits = little_endian(file, 28, 2);
  const std::int64_t own = bits / 8;
  if (own != 1 && own != 3 && own != 4) {
    fail(ErrorCode::invalid_argument, "a BMP image of {} bits per pixel", bits);
  }
  if (width <= 0 || height == 0 || header < 0) {
    fail(ErrorCode::invalid_argument, "a BMP image of {} x {} pixels after {} bytes", height, width,
         header);
  }
  Pixels pixels;
  pixels.width = width;
  pixels.height = std::abs(height);
  pixels.channels = channels == 0 ? own : channels;
  const std::int64_t total = checked_pixels(pixels.height, width, pixels.channels, 1);
  const std::int64_t row = (own * width + 3) / 4 * 4;
  if (static_cast<std::int64_t>(file.size()) != header + row * pixels.height) {
    fail(ErrorCode::invalid_argument, "a BMP image of {} bytes, expected {}", file.size(),
         header + row * pixels.height);
  }
  pixels.bytes.resize(static_cast<std::size_t>(total));
  const auto* from = reinterpret_cast<const unsigned char*>(file.data()) + header;
  std::uint8_t* to = pixels.bytes.data();
  for (std::int64_t y = 0; y < pixels.height; ++y) {
    // Rows stand bottom up unless the height is negative.
    const auto* line = from + (height < 0 ? y : pixels.height - 1 - y) * row;
    for (std::int64_t x = 0; x < width; ++x, to += pixels.channels) {
      convert_pixel(line + x * own, own, to, pixels.channels);
    }
  }
  return pixels;
}

}  // namespace thaw::host
