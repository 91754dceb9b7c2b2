// Image files by their first bytes, in every form that the decoders give.
#include "kernels/host/image_file.h"
#include "tests/fuzz/fuzz.h"

namespace {

void touch(const thaw::host::Pixels& pixels) {
  thaw::fuzz::touch(pixels.bytes.data(), pixels.bytes.size());
  thaw::fuzz::touch(pixels.words.data(), pixels.words.size() * sizeof(std::uint16_t));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace thaw;
  const Bytes input = fuzz::copy(data, size);
  const std::string_view file = input.text();
  const bool jpeg = file.starts_with("\xff\xd8\xff"), png = file.starts_with("\x89PNG");
  for (const int channels : {0, 1, 3, 4}) {
    fuzz::attempt([&] {
      if (png) touch(host::decode_png(file, channels, channels % 3 == 0));
      if (file.starts_with("BM") && channels != 1) touch(host::decode_bmp(file, channels));
    });
  }
  for (const bool recover : {false, true}) {
    fuzz::attempt([&] {
      host::JpegOptions options;
      options.recover_truncated = recover;
      options.ratio = recover ? 2 : 1;
      if (jpeg) touch(host::decode_jpeg(file, options));
    });
  }
  fuzz::attempt([&] {
    std::int64_t frames = 0;
    if (file.starts_with("GIF8")) touch(host::decode_gif(file, false, frames));
  });
  return 0;
}
