// Image files: JPEG, PNG, BMP and GIF, decoded as TensorFlow decodes them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace thaw::host {

/// Pixels of one image, rows from the top; 16-bit samples only where they were asked for.
struct Pixels {
  std::int64_t height = 0, width = 0, channels = 0;
  std::vector<std::uint8_t> bytes;
  std::vector<std::uint16_t> words;
};

/// No image has more bytes than this once it is decoded; what claims more is an attack or a
/// mistake.
constexpr std::int64_t kMaxPixelBytes = std::int64_t{1} << 29;
/// height * width * channels * bytes per sample. Throws Error(resource_exhausted) above the limit.
std::int64_t checked_pixels(std::int64_t height, std::int64_t width, std::int64_t channels,
                            std::int64_t bytes);

struct JpegOptions {
  int channels = 0;  // 0: the image's own, CMYK as RGB
  int ratio = 1;     // the image is made smaller by 1, 2, 4 or 8
  bool fancy_upscaling = true, recover_truncated = false, fast_dct = true;
  double acceptable_fraction = 1;
  bool crop = false;
  std::int64_t crop_y = 0, crop_x = 0, crop_height = 0, crop_width = 0;
};
// All throw Error(invalid_argument) for what is no such image.
Pixels decode_jpeg(std::string_view file, const JpegOptions& options);
/// Height, width and channels from the header.
Pixels read_jpeg_header(std::string_view file);

struct JpegWriting {
  bool grey = false;  // else RGB
  int quality = 95;
  bool progressive = false, optimize = false, subsample_chroma = true;
  int density_unit = 1, x_density = 300, y_density = 300;  // 0 none, 1 per inch, 2 per centimetre
};
std::string encode_jpeg_file(const std::uint8_t* pixels, std::int64_t height, std::int64_t width,
                             const JpegWriting& options);

/// `wide`: 16-bit samples. channels 0: the image's own.
Pixels decode_png(std::string_view file, int channels, bool wide);
/// `compression` of zlib, -1 its default. The samples are 8 or 16 bits in the machine's order.
std::string encode_png_file(const void* pixels, std::int64_t height, std::int64_t width,
                            std::int64_t channels, bool wide, int compression);

Pixels decode_bmp(std::string_view file, int channels);

/// All frames below each other, or the first one; `count` of them.
Pixels decode_gif(std::string_view file, bool first_only, std::int64_t& count);

}  // namespace thaw::host
