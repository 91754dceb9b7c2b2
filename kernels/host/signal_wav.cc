// RIFF/WAVE files of 16-bit samples.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/host/numeric.h"
#include "kernels/host/spectrogram.h"

namespace thaw::host {
namespace {

/// Little-endian fields of a file; throws at its end.
class Reader {
 public:
  explicit Reader(const std::string& bytes) : bytes_(bytes) {}

  std::size_t left() const { return bytes_.size() - at_; }
  void skip(std::size_t count) { at_ += std::min(count, left()); }
  std::uint32_t number(int width) {
    expect(static_cast<std::size_t>(width));
    std::uint32_t value = 0;
    for (int i = 0; i < width; ++i) {
      value |= std::uint32_t{static_cast<unsigned char>(bytes_[at_++])} << (8 * i);
    }
    return value;
  }
  std::string tag() {
    expect(4);
    at_ += 4;
    return bytes_.substr(at_ - 4, 4);
  }
  const char* take(std::size_t count) {
    expect(count);
    at_ += count;
    return bytes_.data() + at_ - count;
  }

 private:
  void expect(std::size_t count) const {
    if (left() < count) {
      fail(ErrorCode::invalid_argument, "WAV file ends after {} bytes, {} more are needed",
           bytes_.size(), count - left());
    }
  }

  const std::string& bytes_;
  std::size_t at_ = 0;
};

struct Wave {
  std::int64_t channels = 0, rate = 0, samples = 0;
  const char* data = nullptr;  // int16, little-endian, [samples, channels]

  float sample(std::int64_t i, std::int64_t channel) const {
    const char* at = data + 2 * (i * channels + channel);
    const auto bits = static_cast<std::uint16_t>(static_cast<unsigned char>(at[0]) |
                                                 static_cast<unsigned char>(at[1]) << 8);
    return static_cast<float>(static_cast<std::int16_t>(bits)) / 32768.0f;
  }
};

void read_format(Reader& in, std::size_t size, Wave& wave) {
  constexpr std::uint32_t kPcm = 1, kExtensible = 0xFFFE;
  if (size < 16) fail(ErrorCode::invalid_argument, "WAV format chunk of {} bytes", size);
  const std::uint32_t format = in.number(2);
  if (format != kPcm && format != kExtensible) {
    fail(ErrorCode::invalid_argument, "Bad audio format for WAV: Expected 1 (PCM), but got {}",
         format);
  }
  wave.channels = in.number(2);
  wave.rate = in.number(4);
  const std::uint32_t bytes_per_second = in.number(4), bytes_per_sample = in.number(2);
  const std::uint32_t bits = in.number(2);
  in.skip(size - 16);
  if (bits != 16) {
    fail(ErrorCode::invalid_argument, "Can only read 16-bit WAV files, but received {}", bits);
  }
  if (wave.channels < 1 || wave.rate < 1 || wave.rate > INT32_MAX ||
      bytes_per_sample != 2 * wave.channels || bytes_per_second != wave.rate * bytes_per_sample) {
    fail(ErrorCode::invalid_argument,
         "WAV header contradicts itself: {} channels, {} samples a "
         "second, {} bytes a sample, {} bytes a second",
         wave.channels, wave.rate, bytes_per_sample, bytes_per_second);
  }
}

Wave read_wave(const std::string& bytes) {
  Reader in(bytes);
  if (in.tag() != "RIFF") fail(ErrorCode::invalid_argument, "Header mismatch: Expected RIFF");
  in.number(4);
  if (in.tag() != "WAVE") fail(ErrorCode::invalid_argument, "Header mismatch: Expected WAVE");
  Wave wave;
  while (in.left() > 0) {
    const std::string tag = in.tag();
    const std::size_t size = in.number(4);
    if (tag == "fmt ") {
      read_format(in, size, wave);
    } else if (tag == "data") {
      if (wave.channels == 0) {
        fail(ErrorCode::invalid_argument, "WAV data comes before its format");
      }
      wave.samples = static_cast<std::int64_t>(size) / (2 * wave.channels);
      wave.data = in.take(size);
      return wave;
    } else {
      in.skip(size);
    }
  }
  fail(ErrorCode::invalid_argument, "WAV file without a data chunk");
}

}  // namespace

std::vector<Tensor> decode_wav(const HostArgs& args) {
  if (args.in[0].num_elements() != 1) {
    fail(ErrorCode::invalid_argument, "Input contents must be scalar, but had shape {}",
         args.in[0].shape().to_string());
  }
  const Wave wave = read_wave(*args.in[0].data<std::string>());
  const std::int64_t asked_channels = args.call.attributes.integer("desired_channels");
  const std::int64_t asked_samples = args.call.attributes.integer("desired_samples");
  const std::int64_t channels = asked_channels < 0 ? wave.channels : asked_channels;
  const std::int64_t samples = asked_samples < 0 ? wave.samples : asked_samples;
  Tensor audio(DType::float32, shape_from({samples, channels}));
  float* out = audio.mutable_data<float>();
  for (std::int64_t i = 0; i < std::min(samples, wave.samples); ++i) {
    for (std::int64_t channel = 0; channel < channels; ++channel) {
      out[i * channels + channel] = wave.sample(i, std::min(channel, wave.channels - 1));
    }
  }
  return {std::move(audio),
          Tensor::from<std::int32_t>(Shape{}, {static_cast<std::int32_t>(wave.rate)})};
}

// (samples [n, channels], samples a second) -> a file
std::vector<Tensor> encode_wav(const HostArgs& args) {
  const Tensor& audio = args.in[0];
  const std::int64_t samples = audio.shape()[0], channels = audio.shape()[1];
  const std::int64_t rate = integer(args.in[1], "sample_rate");
  if (samples < 1 || channels < 1 || channels > INT16_MAX) {
    invalid("audio: expected samples of at most {} channels, found shape {}", INT16_MAX,
            audio.shape().to_string());
  }
  const std::int64_t bytes = 2 * audio.num_elements();
  const std::int64_t frame = 2 * channels;
  if (rate < 1 || rate > UINT32_MAX / frame) invalid("sample_rate: found {}", rate);
  if (bytes > INT32_MAX - 36) invalid("audio: {} bytes are too many for a file", bytes);
  std::string file;
  const auto number = [&](std::int64_t value, int width) {
    for (int i = 0; i < width; ++i) file.push_back(static_cast<char>(value >> (8 * i) & 0xFF));
  };
  file += "RIFF";
  number(36 + bytes, 4);
  file += "WAVEfmt ";
  number(16, 4);
  number(1, 2);
  number(channels, 2);
  number(rate, 4);
  number(rate * frame, 4);
  number(frame, 2);
  number(16, 2);
  file += "data";
  number(bytes, 4);
  const auto* x = elements<float>(audio);
  for (std::int64_t i = 0; i < audio.num_elements(); ++i) {
    const float level = std::isnan(x[i]) ? -32768.0F : std::round(x[i] * 32768.0F);
    number(static_cast<std::int64_t>(std::min(std::max(level, -32768.0F), 32767.0F)), 2);
  }
  return {Tensor::from(Shape{}, std::vector<std::string>{std::move(file)})};
}

}  // namespace thaw::host
