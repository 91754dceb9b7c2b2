// PNG by libpng. Its errors jump out of C code, so that between setjmp and the calls stand only
// objects without destructors.
#include <png.h>

#include <bit>
#include <csetjmp>
#include <cstring>

#include "kernels/host/image_file.h"
#include "runtime/base/check.h"

namespace thaw::host {
namespace {

struct Failure {
  char message[256] = "";
};

void jump_out(png_structp png, png_const_charp message) {
  auto* failure = static_cast<Failure*>(png_get_error_ptr(png));
  std::strncpy(failure->message, message, sizeof failure->message - 1);
  png_longjmp(png, 1);
}
void stay_silent(png_structp, png_const_charp) {}

void read_bytes(png_structp png, png_bytep to, std::size_t size) {
  auto* rest = static_cast<std::string_view*>(png_get_io_ptr(png));
  if (rest->size() < size) png_error(png, "truncated");
  std::memcpy(to, rest->data(), size);
  rest->remove_prefix(size);
}

class PngReader {
 public:
  explicit PngReader(std::string_view file) : rest_(file) {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, &failure_, jump_out, stay_silent);
    if (png_ != nullptr) info_ = png_create_info_struct(png_);
    if (info_ == nullptr) fail(ErrorCode::resource_exhausted, "no memory for a PNG image");
  }
  ~PngReader() { png_destroy_read_struct(&png_, &info_, nullptr); }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;

  bool read_header() {
    if (setjmp(png_jmpbuf(png_))) return false;
    png_set_read_fn(png_, &rest_, read_bytes);
    png_read_info(png_, info_);
    int depth = 0, colour = 0;
    png_get_IHDR(png_, info_, &width_, &height_, &depth, &colour, nullptr, nullptr, nullptr);
    depth_ = depth;
    colour_ = colour;
    return width_ > 0 && height_ > 0;
  }

  /// Asks libpng for `channels` of 8 or 16 bits; 0 channels: the image's own.
  bool set_output(int channels, bool wide) {
    if (setjmp(png_jmpbuf(png_))) return false;
    const bool palette = colour_ == PNG_COLOR_TYPE_PALETTE;
    const bool transparent = png_get_valid(png_, info_, PNG_INFO_tRNS) != 0;
    const bool alpha = (colour_ & PNG_COLOR_MASK_ALPHA) != 0;
    channels_ = channels;
    if (channels == 0) channels_ = palette ? (transparent ? 4 : 3) : png_get_channels(png_, info_);
    if (channels_ % 2 == 0) {
      if (!alpha && transparent) png_set_tRNS_to_alpha(png_);
      if (!alpha && !transparent) png_set_add_alpha(png_, (1U << depth_) - 1, PNG_FILLER_AFTER);
    } else if (alpha || transparent) {
      png_set_strip_alpha(png_);
    }
    if (depth_ > 8 && !wide) png_set_strip_16(png_);
    png_set_packing(png_);
    passes_ = png_set_interlace_handling(png_);
    if (wide && std::endian::native == std::endian::little) png_set_swap(png_);
    if (palette) png_set_palette_to_rgb(png_);
    const bool grey = (colour_ & PNG_COLOR_MASK_COLOR) == 0;
    if (grey && depth_ < 8) png_set_expand_gray_1_2_4_to_8(png_);
    if (channels_ < 3 && !grey) png_set_rgb_to_gray(png_, 1, 0.299, 0.587);
    if (channels_ >= 3 && grey) png_set_gray_to_rgb(png_);
    png_read_update_info(png_, info_);
    return true;
  }

  /// Reads all rows of `stride` bytes.
  bool read_rows(png_bytep to, std::size_t stride) {
    if (setjmp(png_jmpbuf(png_))) return false;
    for (int pass = 0; pass < passes_; ++pass) {
      for (png_uint_32 row = 0; row < height_; ++row)
        png_read_row(png_, to + row * stride, nullptr);
    }
    png_read_end(png_, info_);
    return true;
  }

  std::int64_t height() const { return height_; }
  std::int64_t width() const { return width_; }
  int channels() const { return channels_; }
  int depth() const { return depth_; }
  std::size_t row_bytes() const { return png_get_rowbytes(png_, info_); }
  [[noreturn]] void fail_with_message() const {
    fail(ErrorCode::invalid_argument, "no valid PNG image: {}", printable(failure_.message));
  }

 private:
  std::string_view rest_;
  Failure failure_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  png_uint_32 width_ = 0, height_ = 0;
  int depth_ = 0, colour_ = 0, channels_ = 0, passes_ = 1;
};

/// Deflate makes data at most 1032 times as large: an image that claims more pixels has not got
/// them.
void expect_plausible(std::string_view file, std::int64_t height, std::int64_t width) {
  constexpr std::int64_t kMostRatio = 1040;
  if (height * (width / 8 + 1) > static_cast<std::int64_t>(file.size()) * kMostRatio) {
    fail(ErrorCode::invalid_argument, "no valid PNG image: {} x {} pixels in {} bytes", height,
         width, file.size());
  }
}

}  // namespace

Pixels decode_png(std::string_view file, int channels, bool wide) {
  PngReader reader(file);
  if (!reader.read_header()) reader.fail_with_message();
  checked_pixels(reader.height(), reader.width(), 1, 1);
  expect_plausible(file, reader.height(), reader.width());
  if (!reader.set_output(channels, wide)) reader.fail_with_message();
  Pixels pixels;
  pixels.height = reader.height();
  pixels.width = reader.width();
  pixels.channels = reader.channels();
  const bool words = wide && reader.depth() > 8;
  const std::int64_t bytes =
      checked_pixels(pixels.height, pixels.width, pixels.channels, wide ? 2 : 1);
  const std::size_t stride =
      static_cast<std::size_t>(pixels.width * pixels.channels) * (words ? 2 : 1);
  if (reader.row_bytes() != stride) reader.fail_with_message();
  if (words) {
    pixels.words.resize(static_cast<std::size_t>(bytes) / 2);
    if (!reader.read_rows(reinterpret_cast<png_bytep>(pixels.words.data()), stride)) {
      reader.fail_with_message();
    }
    return pixels;
  }
  pixels.bytes.resize(static_cast<std::size_t>(bytes) / (wide ? 2 : 1));
  if (!reader.read_rows(pixels.bytes.data(), stride)) reader.fail_with_message();
  if (wide) {
    // 255 becomes 65535.
    for (const std::uint8_t byte : pixels.bytes) {
      pixels.words.push_back(static_cast<std::uint16_t>(byte * 257));
    }
    pixels.bytes.clear();
  }
  return pixels;
}

namespace {

void append_bytes(png_structp png, png_bytep from, std::size_t size) {
  static_cast<std::string*>(png_get_io_ptr(png))->append(reinterpret_cast<const char*>(from), size);
}
void no_flush(png_structp) {}

bool write_png(png_structp png, png_infop info, std::string& file, const png_byte* pixels,
               std::int64_t height, std::int64_t width, std::int64_t channels, bool wide,
               int compression) {
  if (setjmp(png_jmpbuf(png))) return false;
  constexpr int kColours[] = {PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB,
                              PNG_COLOR_TYPE_RGB_ALPHA};
  png_set_write_fn(png, &file, append_bytes, no_flush);
  if (compression >= 0) png_set_compression_level(png, compression);
  png_set_compression_mem_level(png, 8);
  png_set_IHDR(png, info, static_cast<png_uint_32>(width), static_cast<png_uint_32>(height),
               wide ? 16 : 8, kColours[channels - 1], PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(png, info);
  if (wide && std::endian::native == std::endian::little) png_set_swap(png);
  for (std::int64_t row = 0; row < height; ++row) {
    png_write_row(png, pixels + row * width * channels * (wide ? 2 : 1));
  }
  png_write_end(png, nullptr);
  return true;
}

}  // namespace

std::string encode_png_file(const void* pixels, std::int64_t height, std::int64_t width,
                            std::int64_t channels, bool wide, int compression) {
  Failure failure;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &failure, jump_out, stay_silent);
  png_infop info = png == nullptr ? nullptr : png_create_info_struct(png);
  std::string file;
  const bool written =
      info != nullptr && write_png(png, info, file, static_cast<const png_byte*>(pixels), height,
                                   width, channels, wide, compression);
  png_destroy_write_struct(&png, &info);
  if (!written) {
    fail(ErrorCode::invalid_argument, "no PNG image can be made: {}", printable(failure.message));
  }
  return file;
}

}  // namespace thaw::host
