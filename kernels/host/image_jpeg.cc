// JPEG by libjpeg. Its errors jump out of C code, so that between setjmp and the calls stand only
// objects without destructors.
#include <algorithm>
#include <csetjmp>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

// jpeglib.h needs size_t and FILE from above, jerror.h needs jpeglib.h.
// clang-format off
#include <jpeglib.h>
#include <jerror.h>
// clang-format on

#include "kernels/host/image_file.h"
#include "runtime/base/check.h"

namespace thaw::host {
namespace {

struct ErrorManager {
  jpeg_error_mgr base;
  std::jmp_buf jump;
  char message[JMSG_LENGTH_MAX];
};

void jump_out(j_common_ptr info) {
  auto* manager = reinterpret_cast<ErrorManager*>(info->err);
  info->err->format_message(info, manager->message);
  std::longjmp(manager->jump, 1);
}
void stay_silent(j_common_ptr, int) {}

/// The whole file in memory; at its end a truncated one may go on with an end marker.
struct Source {
  jpeg_source_mgr base;
  const JOCTET* begin;
  bool recover;
  const JOCTET* stalled_at;
  int stalls;
};

/// The library reads on from a copy of the position: asked again and again at one place, it makes
/// no progress.
constexpr int kMostStalls = 1000;

const JOCTET kEndOfImage[2] = {0xFF, JPEG_EOI};

void no_action(j_decompress_ptr) {}

boolean fill_buffer(j_decompress_ptr info) {
  auto* source = reinterpret_cast<Source*>(info->src);
  if (source->base.bytes_in_buffer == 0 && source->base.next_input_byte == source->begin) {
    ERREXIT(info, JERR_INPUT_EMPTY);
  }
  // Bytes are left but they are not enough: most likely damage.
  if (source->base.bytes_in_buffer != 0) {
    if (source->stalled_at != source->base.next_input_byte) source->stalls = 0;
    source->stalled_at = source->base.next_input_byte;
    if (++source->stalls > kMostStalls) ERREXIT(info, JERR_FILE_READ);
    return source->recover ? TRUE : FALSE;
  }
  if (source->base.next_input_byte == kEndOfImage || !source->recover) {
    ERREXIT(info, JERR_FILE_READ);
  }
  source->base.next_input_byte = kEndOfImage;
  source->base.bytes_in_buffer = 2;
  return TRUE;
}

void skip_bytes(j_decompress_ptr info, long count) {
  if (count <= 0) return;
  jpeg_source_mgr* source = info->src;
  const std::size_t step = std::min(static_cast<std::size_t>(count), source->bytes_in_buffer);
  source->next_input_byte += static_cast<std::size_t>(count) > source->bytes_in_buffer ? 0 : step;
  source->bytes_in_buffer -= step;
}

class Decoder {
 public:
  Decoder(std::string_view file, bool recover) {
    std::memset(&info_, 0, sizeof info_);
    info_.err = jpeg_std_error(&error_.base);
    error_.base.error_exit = jump_out;
    error_.base.emit_message = stay_silent;
    error_.message[0] = '\0';
    source_.base.init_source = no_action;
    source_.base.fill_input_buffer = fill_buffer;
    source_.base.skip_input_data = skip_bytes;
    source_.base.resync_to_restart = jpeg_resync_to_restart;
    source_.base.term_source = no_action;
    source_.base.next_input_byte = source_.begin = reinterpret_cast<const JOCTET*>(file.data());
    source_.base.bytes_in_buffer = file.size();
    source_.recover = recover;
    source_.stalled_at = nullptr;
    source_.stalls = 0;
  }
  ~Decoder() { jpeg_destroy_decompress(&info_); }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  bool read_header() {
    if (setjmp(error_.jump)) return false;
    jpeg_create_decompress(&info_);
    info_.src = &source_.base;
    return jpeg_read_header(&info_, TRUE) == JPEG_HEADER_OK;
  }

  /// Sets the form of the result; `components` 1 or 3.
  bool set_output(const JpegOptions& options, int components) {
    if (setjmp(error_.jump)) return false;
    const bool four = info_.jpeg_color_space == JCS_CMYK || info_.jpeg_color_space == JCS_YCCK;
    info_.out_color_space = components == 1 ? JCS_GRAYSCALE : four ? JCS_CMYK : JCS_RGB;
    info_.do_fancy_upsampling = options.fancy_upscaling ? TRUE : FALSE;
    info_.scale_num = 1;
    info_.scale_denom = static_cast<unsigned>(options.ratio);
    info_.dct_method = options.fast_dct ? JDCT_IFAST : JDCT_ISLOW;
    jpeg_calc_output_dimensions(&info_);
    return true;
  }

  bool start(const JpegOptions& options) {
    if (setjmp(error_.jump)) return false;
    if (jpeg_start_decompress(&info_) == FALSE) return false;
    if (!options.crop) return true;
    auto x = static_cast<JDIMENSION>(options.crop_x);
    auto width = static_cast<JDIMENSION>(options.crop_width);
    jpeg_crop_scanline(&info_, &x, &width);
    return jpeg_skip_scanlines(&info_, static_cast<JDIMENSION>(options.crop_y)) ==
           static_cast<JDIMENSION>(options.crop_y);
  }

  /// The next row, as wide as the library makes it. False at a suspended source; on an error
  /// `failed` is set too.
  bool read_row(JSAMPLE* row, bool& failed) {
    if (setjmp(error_.jump)) {
      failed = true;
      return false;
    }
    return jpeg_read_scanlines(&info_, &row, 1) == 1;
  }

  const jpeg_decompress_struct& info() const { return info_; }

  [[noreturn]] void fail_with_message() const {
    fail(ErrorCode::invalid_argument, "no valid JPEG image: {}",
         error_.message[0] == '\0' ? "truncated" : printable(error_.message));
  }

 private:
  jpeg_decompress_struct info_;
  ErrorManager error_;
  Source source_;
};

/// One row of `width` CMYK pixels; Adobe stores the inks inverted.
void cmyk_to_rgb(const JSAMPLE* row, std::int64_t width, bool inverted, std::uint8_t* to) {
  for (std::int64_t i = 0; i < width; ++i, row += 4) {
    const int black = row[3];
    for (int c = 0; c < 3; ++c) {
      const int ink = row[c];
      *to++ = static_cast<std::uint8_t>(inverted ? black * ink / 255
                                                 : (255 - black) * (255 - ink) / 255);
    }
  }
}

void check_window(const JpegOptions& options, std::int64_t height, std::int64_t width) {
  if (options.crop_height <= 0 || options.crop_width <= 0 || options.crop_y < 0 ||
      options.crop_x < 0 || options.crop_height > height - options.crop_y ||
      options.crop_width > width - options.crop_x) {
    fail(ErrorCode::invalid_argument, "crop window [{}, {}, {}, {}] leaves an image of {} x {}",
         options.crop_y, options.crop_x, options.crop_height, options.crop_width, height, width);
  }
}

/// Rows that could not be read are black, or with recovery repeat the last one.
void fill_rest(Pixels& pixels, std::int64_t rows, bool recover) {
  const std::int64_t stride = pixels.width * pixels.channels;
  if (!recover || rows == 0) return;
  for (std::int64_t i = rows; i < pixels.height; ++i) {
    std::memcpy(pixels.bytes.data() + i * stride, pixels.bytes.data() + (i - 1) * stride,
                static_cast<std::size_t>(stride));
  }
}

void read_rows(Decoder& decoder, const JpegOptions& options, Pixels& pixels) {
  const jpeg_decompress_struct& info = decoder.info();
  const bool cmyk = info.out_color_space == JCS_CMYK;
  const std::int64_t row_channels = cmyk ? 4 : pixels.channels;
  // A cropped row begins at a block's edge: what was asked for stands at its end.
  const std::int64_t skipped =
      (static_cast<std::int64_t>(info.output_width) - pixels.width) * row_channels;
  std::vector<JSAMPLE> row(static_cast<std::size_t>(info.output_width * row_channels));
  const std::int64_t stride = pixels.width * pixels.channels;
  std::int64_t rows = 0;
  for (; rows < pixels.height; ++rows) {
    bool failed = false;
    if (!decoder.read_row(row.data(), failed)) {
      if (failed) decoder.fail_with_message();
      break;
    }
    std::uint8_t* to = pixels.bytes.data() + rows * stride;
    if (cmyk) {
      cmyk_to_rgb(row.data() + skipped, pixels.width, info.saw_Adobe_marker != FALSE, to);
    } else {
      std::memcpy(to, row.data() + skipped, static_cast<std::size_t>(stride));
    }
  }
  if (rows == pixels.height) return;
  const double fraction = static_cast<double>(rows) / static_cast<double>(pixels.height);
  if (!options.recover_truncated && fraction < std::min(1.0, options.acceptable_fraction)) {
    decoder.fail_with_message();
  }
  fill_rest(pixels, rows, options.recover_truncated);
}

}  // namespace

Pixels decode_jpeg(std::string_view file, const JpegOptions& options) {
  Decoder decoder(file, options.recover_truncated);
  if (!decoder.read_header()) decoder.fail_with_message();
  const jpeg_decompress_struct& info = decoder.info();
  Pixels pixels;
  pixels.channels = options.channels == 0 ? std::min(info.num_components, 3) : options.channels;
  if (pixels.channels != 1 && pixels.channels != 3) {
    fail(ErrorCode::invalid_argument, "a JPEG image of {} channels", pixels.channels);
  }
  if (!decoder.set_output(options, static_cast<int>(pixels.channels))) decoder.fail_with_message();
  pixels.height = info.output_height;
  pixels.width = info.output_width;
  if (pixels.height <= 0 || pixels.width <= 0) decoder.fail_with_message();
  checked_pixels(pixels.height, pixels.width, info.num_components, 1);
  if (options.crop) {
    check_window(options, pixels.height, pixels.width);
    pixels.height = options.crop_height;
    pixels.width = options.crop_width;
  }
  if (!decoder.start(options)) decoder.fail_with_message();
  pixels.bytes.resize(
      static_cast<std::size_t>(checked_pixels(pixels.height, pixels.width, pixels.channels, 1)));
  read_rows(decoder, options, pixels);
  return pixels;
}

Pixels read_jpeg_header(std::string_view file) {
  Decoder decoder(file, false);
  if (!decoder.read_header()) decoder.fail_with_message();
  Pixels pixels;
  pixels.height = decoder.info().image_height;
  pixels.width = decoder.info().image_width;
  pixels.channels = decoder.info().num_components;
  return pixels;
}

namespace {

/// The library's own buffer, freed in any case.
struct Encoded {
  unsigned char* data = nullptr;
  unsigned long size = 0;
};

bool write_jpeg(jpeg_compress_struct& info, ErrorManager& error, Encoded& encoded,
                const std::uint8_t* pixels, std::int64_t height, std::int64_t width,
                const JpegWriting& options) {
  if (setjmp(error.jump)) return false;
  jpeg_create_compress(&info);
  jpeg_mem_dest(&info, &encoded.data, &encoded.size);
  info.image_height = static_cast<JDIMENSION>(height);
  info.image_width = static_cast<JDIMENSION>(width);
  info.input_components = options.grey ? 1 : 3;
  info.in_color_space = options.grey ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_set_defaults(&info);
  if (options.optimize) info.optimize_coding = TRUE;
  info.density_unit = static_cast<UINT8>(options.density_unit);
  info.X_density = static_cast<UINT16>(options.x_density);
  info.Y_density = static_cast<UINT16>(options.y_density);
  jpeg_set_quality(&info, options.quality, TRUE);
  if (options.progressive) jpeg_simple_progression(&info);
  if (!options.subsample_chroma) {
    for (int c = 0; c < info.num_components; ++c) {
      info.comp_info[c].h_samp_factor = info.comp_info[c].v_samp_factor = 1;
    }
  }
  jpeg_start_compress(&info, TRUE);
  for (std::int64_t i = 0; i < height; ++i) {
    auto* row = const_cast<JSAMPLE*>(pixels + i * width * info.input_components);
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  return true;
}

}  // namespace

std::string encode_jpeg_file(const std::uint8_t* pixels, std::int64_t height, std::int64_t width,
                             const JpegWriting& options) {
  jpeg_compress_struct info;
  std::memset(&info, 0, sizeof info);
  ErrorManager error;
  error.message[0] = '\0';
  info.err = jpeg_std_error(&error.base);
  error.base.error_exit = jump_out;
  error.base.emit_message = stay_silent;
  Encoded encoded;
  const bool written = write_jpeg(info, error, encoded, pixels, height, width, options);
  std::string file;
  if (written) file.assign(reinterpret_cast<const char*>(encoded.data), encoded.size);
  jpeg_destroy_compress(&info);
  std::free(encoded.data);
  if (!written) {
    fail(ErrorCode::invalid_argument, "no JPEG image can be made: {}", printable(error.message));
  }
  return file;
}

}  // namespace thaw::host
