// TensorFlow's decoding ops: the content says what kind of image it is, whatever the op is called.
#include "kernels/host/image.h"
#include "kernels/host/image_file.h"

namespace thaw::host {
namespace {

JpegOptions jpeg_options(const HostArgs& args, int channels) {
  const Attributes& attributes = args.call.attributes;
  JpegOptions options;
  options.channels = channels;
  options.ratio = static_cast<int>(attributes.integer("ratio"));
  options.fancy_upscaling = attributes.flag("fancy_upscaling");
  options.recover_truncated = attributes.flag("try_recover_truncated");
  options.acceptable_fraction = attributes.real("acceptable_fraction");
  options.fast_dct = attributes.flag("fast_dct");
  if (args.in.size() == 2) {
    const std::vector<std::int64_t> window = integers(args.in[1]);
    options.crop = true;
    options.crop_y = window[0];
    options.crop_x = window[1];
    options.crop_height = window[2];
    options.crop_width = window[3];
  }
  return options;
}

/// `frames`: how many a GIF image has, whose results have an axis for them; 0 for others.
Pixels decode_any(const HostArgs& args, std::string_view file, std::int64_t& frames) {
  const std::string& op = args.call.attributes.text("op");
  const int channels = static_cast<int>(args.call.attributes.integer("channels"));
  const bool wide = args.call.attributes.dtype("dtype") != DType::uint8;
  const bool bmp = file.starts_with("BM");
  if (op == "DecodeBmp" && !bmp) invalid("DecodeBmp: the content is no BMP image");
  if (file.starts_with("\xff\xd8\xff")) {
    if (channels == 4) invalid("a JPEG image has no 4 channels");
    return decode_jpeg(file, jpeg_options(args, channels));
  }
  if (op == "DecodeAndCropJpeg") invalid("DecodeAndCropJpeg: the content is no JPEG image");
  if (file.starts_with("\x89PNG\r\n\x1a\n")) return decode_png(file, channels, wide);
  if (bmp && (op == "DecodeBmp" || op == "DecodeImage")) {
    if (channels == 1) invalid("channels: expected 0, 3 or 4 for a BMP image, found 1");
    return decode_bmp(file, channels);
  }
  if (file.starts_with("GIF8") && op != "DecodeBmp") {
    if (channels != 0 && channels != 3) {
      invalid("channels: expected 0 or 3 for a GIF image, found {}", channels);
    }
    const bool animated = args.call.attributes.flag("expand_animations");
    const Pixels pixels = decode_gif(file, op == "DecodeImage" && !animated, frames);
    if ((op == "DecodePng" || op == "DecodeJpeg") && frames > 1) {
      invalid("{}: a GIF image of {} frames", op, frames);
    }
    if (op == "DecodePng" || op == "DecodeJpeg" || (op == "DecodeImage" && !animated)) frames = 0;
    return pixels;
  }
  if (file.starts_with("RIFF")) fail(ErrorCode::unimplemented, "{}: a WebP image", op);
  invalid("{}: the content is no JPEG, PNG, GIF or BMP image that it takes", op);
}

/// The samples in the type that was asked for; floats go from 0 to 1.
Tensor image_tensor(const Pixels& pixels, DType dtype, std::int64_t frames) {
  std::vector<std::int64_t> dims{pixels.height, pixels.width, pixels.channels};
  if (frames > 0) dims.insert(dims.begin(), frames);
  Tensor image = allocate(dtype, dims);
  const bool words = !pixels.words.empty();
  const auto count = static_cast<std::size_t>(image.num_elements());
  for (std::size_t i = 0; i < count; ++i) {
    const unsigned value = words ? pixels.words[i] : pixels.bytes[i];
    if (dtype == DType::uint8) {
      image.mutable_data<std::uint8_t>()[i] = static_cast<std::uint8_t>(value);
    } else if (dtype == DType::uint16) {
      image.mutable_data<std::uint16_t>()[i] =
          static_cast<std::uint16_t>(words ? value : value * 256);
    } else {
      const float scale = static_cast<float>(words ? 1.0 / 65535 : 1.0 / 255);
      image.mutable_data<float>()[i] = static_cast<float>(value) * scale;
    }
  }
  return image;
}

}  // namespace

// (contents, [crop window [4]]) -> (image [H, W, C], for DecodeGif and animations [N, H, W, C])
std::vector<Tensor> decode_image(const HostArgs& args) {
  const std::string& file = args.in[0].data<std::string>()[0];
  std::int64_t frames = 0;
  const Pixels pixels = decode_any(args, file, frames);
  if (args.call.attributes.text("op") == "DecodeGif" && frames == 0) frames = 1;
  return {image_tensor(pixels, args.call.attributes.dtype("dtype"), frames)};
}

// (contents) -> (height, width, channels)
std::vector<Tensor> jpeg_shape(const HostArgs& args) {
  const Pixels pixels = read_jpeg_header(args.in[0].data<std::string>()[0]);
  return {integer_tensor(args.call.attributes.dtype("dtype"), {3},
                         {pixels.height, pixels.width, pixels.channels})};
}

// (images [..., H, W, C]) -> (contents [...])
std::vector<Tensor> encode_png(const HostArgs& args) {
  const Tensor& images = args.in[0];
  const int rank = images.shape().rank();
  const std::int64_t height = images.shape()[rank - 3], width = images.shape()[rank - 2],
                     channels = images.shape()[rank - 1];
  if (height < 1 || width < 1) invalid("an image of {} x {} pixels", height, width);
  checked_pixels(height, width, channels, 2);
  std::vector<std::int64_t> dims(images.shape().dims().begin(), images.shape().dims().end() - 3);
  Tensor files = allocate(DType::string, dims);
  const bool wide = images.dtype() == DType::uint16;
  const auto* from = static_cast<const std::uint8_t*>(images.data());
  const auto compression = static_cast<int>(args.call.attributes.integer("compression"));
  for (std::int64_t i = 0; i < files.num_elements(); ++i) {
    files.mutable_data<std::string>()[i] =
        encode_png_file(from + i * height * width * channels * (wide ? 2 : 1), height, width,
                        channels, wide, compression);
  }
  return {files};
}

// (image [H, W, C]) -> (contents)
std::vector<Tensor> encode_jpeg(const HostArgs& args) {
  const Tensor& image = args.in[0];
  const Attributes& attributes = args.call.attributes;
  const std::int64_t height = image.shape()[0], width = image.shape()[1],
                     channels = image.shape()[2];
  const std::string& format = attributes.text("format");
  JpegWriting options;
  options.grey = format == "grayscale" || (format.empty() && channels == 1);
  if (channels != (options.grey ? 1 : 3)) {
    invalid("format '{}' with {} channels", printable(format), channels);
  }
  if (height < 1 || width < 1 || height > 65535 || width > 65535) {
    invalid("a JPEG image of {} x {} pixels", height, width);
  }
  options.quality = static_cast<int>(attributes.integer("quality"));
  options.progressive = attributes.flag("progressive");
  options.optimize = attributes.flag("optimize_size");
  options.subsample_chroma = attributes.flag("chroma_downsampling");
  options.density_unit = attributes.text("density_unit") == "in" ? 1 : 2;
  options.x_density = static_cast<int>(attributes.integer("x_density"));
  options.y_density = static_cast<int>(attributes.integer("y_density"));
  Tensor file = allocate(DType::string, {});
  file.mutable_data<std::string>()[0] =
      encode_jpeg_file(image.data<std::uint8_t>(), height, width, options);
  return {file};
}

}  // namespace thaw::host
