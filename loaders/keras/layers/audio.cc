#include "loaders/keras/layers/audio.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "loaders/keras/layers/layers.h"
#include "loaders/keras/operations/op_call.h"
#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

constexpr double kEpsilon = 1e-7;  // Keras's default for small numbers
constexpr std::int64_t kMaxLength = std::int64_t{1} << 24;

std::string spectrogram_mode(const LayerConfig& layer) {
  const Json* mode = layer.config.find("mode");
  return mode != nullptr && mode->is_string() ? mode->string() : "log";
}

std::int64_t power_of_two(std::int64_t least) {
  std::int64_t size = 1;
  while (size < least) size *= 2;
  return size;
}

std::int64_t positive(const Layer& layer, const char* key, std::int64_t otherwise) {
  const std::int64_t value = layer.integer(key, otherwise);
  if (value < 1 || value > kMaxLength) layer.bad(fmt::format("{} is {}", key, value));
  return value;
}

/// One kernel over every channel: [B, T, C] -> [B, T', F, C].
ValueId convolve_channels(ValueId x, ValueId kernel, std::int64_t step, bool same,
                          GraphBuilder& g) {
  const ValueId rows = g.transpose(x, {0, 2, 1});
  const ValueId flat =
      g.add1(ops::ExpandDims{{2}}, {g.reshape_like(rows, x, {-1, dim_or_copy(g, x, 1)})});
  ops::Conv conv;
  conv.strides = {step};
  conv.dilations = {1};
  conv.padding.kind = same ? PaddingKind::same : PaddingKind::valid;
  const ValueId y = g.add1(conv, {flat, kernel});  // [B C, T', F]
  const std::int64_t channels = g.shape(x)[2];
  const ValueId split = g.reshape(y, {-1, channels, dim_or_copy(g, y, 1), g.shape(y)[2]});
  return g.transpose(split, {0, 2, 3, 1});
}

struct Signal {
  ValueId real = kNoValue, imag = kNoValue;
};

ValueId decibel_floor(ValueId x, double least, GraphBuilder& g) {
  return g.binary(BinaryKind::maximum, x, g.scalar(least, g.dtype(x)));
}

/// The output of a mode, [B, T', F, C].
ValueId spectrum(const Layer& layer, const std::string& mode, const Signal& s, GraphBuilder& g) {
  if (mode == "real") return s.real;
  if (mode == "imag") return s.imag;
  if (mode == "angle") return g.binary(BinaryKind::atan2, s.imag, s.real);
  if (mode == "stft") return g.concat({s.real, s.imag}, 2);
  const ValueId power = g.binary(BinaryKind::add, g.unary({UnaryKind::square}, s.real),
                                 g.unary({UnaryKind::square}, s.imag));
  if (mode == "psd") {  // all but the first and the last frequency stand for two
    const std::int64_t bins = g.shape(power)[2];
    const ValueId inner = g.slice_axis(power, 2, 1, std::max<std::int64_t>(bins - 1, 1));
    return g.binary(BinaryKind::add, power, g.pad(inner, {0, 0, 0, 0, 1, 1, 0, 0}));
  }
  const ValueId magnitude = g.unary({UnaryKind::sqrt}, decibel_floor(power, kEpsilon, g));
  if (mode == "magnitude") return magnitude;
  if (mode != "log") layer.unsupported(fmt::format("mode='{}'", printable(mode)));
  return g.unary({UnaryKind::log}, decibel_floor(magnitude, kEpsilon, g));
}

}  // namespace

void stft_spectrogram_variables(VariableList& variables) {
  const std::string mode = spectrogram_mode(variables.layer());
  if (mode != "imag") variables.add("real_kernel");
  if (mode != "real") variables.add("imag_kernel");
}

Outputs stft_spectrogram(const Layer& layer, Weights& weights, GraphBuilder& g) {
  layer.expect_rank(g, layer.input(), 3);
  const std::string mode = spectrogram_mode(layer.config);
  const std::int64_t frame = positive(layer, "frame_length", 256);
  const std::int64_t step = positive(layer, "frame_step", std::max<std::int64_t>(frame / 2, 1));
  const std::int64_t length = positive(layer, "fft_length", power_of_two(frame));
  const std::string padding = layer.text("padding", "valid");
  if (padding != "valid" && padding != "same") {
    layer.unsupported(fmt::format("padding='{}'", printable(padding)));
  }
  const bool first = layer.channels_first();
  const ValueId x = first ? g.transpose(layer.input(), {0, 2, 1}) : layer.input();
  known_dim(layer, g, x, 2);
  const Shape kernel{frame, 1, length / 2 + 1};
  const auto transformed = [&](const char* name) {
    return convolve_channels(x, weights.get(name, kernel), step, padding == "same", g);
  };
  Signal signal;
  if (mode != "imag") signal.real = transformed("real_kernel");
  if (mode != "real") signal.imag = transformed("imag_kernel");
  const ValueId y = spectrum(layer, mode, signal, g);  // [B, T', F, C]
  if (layer.flag("expand_dims", false)) {
    return first ? g.transpose(y, {0, 3, 1, 2}) : y;
  }
  const std::int64_t features = g.shape(y)[2] * g.shape(y)[3];
  const std::int64_t frames = dim_or_copy(g, y, 1);
  const ValueId rows = g.transpose(y, {0, 1, 3, 2});  // channels outside frequencies
  const ValueId flat = g.reshape(rows, {-1, frames, features});
  return first ? g.transpose(flat, {0, 2, 1}) : flat;
}

namespace {

/// The window of a frame, in the middle of the transform's length.
Tensor window_of(const Layer& layer, std::int64_t size, std::int64_t length) {
  Tensor window(DType::float64, Shape{length});
  double* out = window.mutable_data<double>() + (length - size) / 2;
  const Json* given = layer.find("window");
  if (given != nullptr && given->is_string()) {
    const std::string kind = given->string();
    if (kind != "hann" && kind != "hamming") {
      layer.unsupported(fmt::format("window='{}'", printable(kind)));
    }
    const double mean = kind == "hann" ? 0.5 : 0.54;
    for (std::int64_t i = 0; i < size; ++i) {
      out[i] = mean - (1 - mean) * std::cos(2 * std::numbers::pi * static_cast<double>(i) /
                                            static_cast<double>(size));
    }
  } else if (given != nullptr) {
    const Tensor numbers = constant_tensor(*given, DType::float64);
    if (numbers.shape() != Shape{size}) {
      layer.bad(
          fmt::format("a window of shape {} for frames of {}", numbers.shape().to_string(), size));
    }
    std::copy_n(numbers.data<double>(), size, out);
  } else {
    std::fill(out, out + size, 1.0);
  }
  return window;
}

double mel(double hertz) { return 1127.0 * std::log(1.0 + hertz / 700.0); }

/// [bins, bands]: triangles on the mel scale; the constant frequency is left out.
Tensor mel_matrix(std::int64_t bins, std::int64_t bands, double rate, double lower, double upper) {
  Tensor matrix(DType::float64, Shape{bins, bands});
  const double first = mel(lower), spacing = (mel(upper) - first) / static_cast<double>(bands + 1);
  for (std::int64_t i = 1; i < bins; ++i) {
    const double at = mel(rate / 2 * static_cast<double>(i) / static_cast<double>(bins - 1));
    for (std::int64_t band = 0; band < bands; ++band) {
      const double edge = first + spacing * static_cast<double>(band);
      const double up = (at - edge) / spacing, down = (edge + 2 * spacing - at) / spacing;
      matrix.mutable_data<double>()[i * bands + band] = std::max(0.0, std::min(up, down));
    }
  }
  return matrix;
}

/// [..., T] -> [..., frames, length], T known or not.
ValueId frames_of(ValueId x, std::int64_t length, std::int64_t step, GraphBuilder& g) {
  const int last = g.shape(x).rank() - 1;
  const auto number = [&](std::int64_t value) {
    return g.constant(Tensor::from<std::int64_t>(Shape{}, {value}));
  };
  const ValueId shape = g.add1(ops::ShapeQuery{ShapeQueryKind::shape, DType::int64}, {x});
  const ValueId samples = g.squeeze(g.slice_axis(shape, 0, last, last + 1), 0);
  // Begins of all frames that end inside.
  const ValueId limit = g.binary(BinaryKind::sub, samples, number(length - 1));
  const ValueId begins = g.add1(
      ops::Range{}, {number(0), g.binary(BinaryKind::maximum, limit, number(0)), number(step)});
  const ValueId offsets = g.add1(ops::Range{}, {number(0), number(length), number(1)});
  const ValueId indices =
      g.binary(BinaryKind::add, g.expand_dims(begins, 1), g.expand_dims(offsets, 0));
  return g.gather(x, indices, last);
}

}  // namespace

Outputs mel_spectrogram(const Layer& layer, Weights&, GraphBuilder& g) {
  const std::int64_t length = positive(layer, "fft_length", 2048);
  const std::int64_t step = positive(layer, "sequence_stride", 512);
  const std::int64_t size = positive(layer, "sequence_length", length);
  const std::int64_t bands = positive(layer, "num_mel_bins", 128);
  const double rate = layer.real("sampling_rate", 16000);
  const double lower = layer.real("min_freq", 20),
               upper = layer.real("max_freq", std::floor(rate / 2));
  if (size > length || bands > kMaxLength / (length / 2 + 1) || !(rate > 0) || !(lower >= 0) ||
      !(upper > lower)) {
    layer.bad("contradictory lengths or frequencies");
  }
  const DType dtype = layer.policy.compute == DType::float64 ? DType::float64 : DType::float32;
  ValueId x = g.cast(layer.input(), dtype);
  const int rank = g.shape(x).rank();
  if (rank < 1) layer.bad("expected samples, found a scalar");
  Tensor paddings(DType::int64, Shape{rank, 2});
  std::fill_n(paddings.mutable_data<std::int64_t>() + 2 * (rank - 1), 2, length / 2);
  x = g.add1(ops::Pad{PadMode::reflect}, {x, g.constant(paddings)});
  const ValueId window = g.cast(g.constant(window_of(layer, size, length)), dtype);
  const ValueId frames = g.binary(BinaryKind::mul, frames_of(x, length, step, g), window);
  const ValueId transformed =
      g.add1(ops::HostCall{"rfft", {{"rank", std::int64_t{1}}, {"inverse", false}}, nullptr},
             {frames, g.ints({length})});
  ValueId y = g.add1(ops::HostCall{"complex_abs", {}, nullptr}, {transformed});
  y = g.binary(BinaryKind::pow, y, g.scalar(layer.real("mag_exp", 2), dtype));
  y = g.matmul(y, g.cast(g.constant(mel_matrix(length / 2 + 1, bands, rate, lower, upper)), dtype));
  if (layer.flag("power_to_db", true)) {
    const double least = layer.real("min_power", 1e-10);
    const double reference = std::max(std::abs(layer.real("ref_power", 1)), least);
    const ValueId scale = g.scalar(10 / std::numbers::ln10, dtype);
    y = g.binary(BinaryKind::mul, g.unary({UnaryKind::log}, decibel_floor(y, least, g)), scale);
    y = g.binary(BinaryKind::sub, y, g.scalar(10 * std::log10(reference), dtype));
    std::vector<std::int64_t> axes;
    for (int axis = 0; axis <= rank; ++axis) axes.push_back(axis);
    const ValueId top = g.reduce(ReduceKind::max, y, axes, false);
    y = g.binary(BinaryKind::maximum, y,
                 g.binary(BinaryKind::sub, top, g.scalar(layer.real("top_db", 80), dtype)));
  }
  std::vector<std::int64_t> order;
  for (int axis = 0; axis < rank - 1; ++axis) order.push_back(axis);
  order.insert(order.end(), {rank, rank - 1});
  return computed(layer, g.transpose(y, order), g);
}

}  // namespace thaw::keras
