// Fourier transforms, frames and special functions of Keras 3.
#include "loaders/keras/operations/signal.h"

#include <cmath>
#include <numbers>

#include "loaders/keras/operations/shared.h"
#include "runtime/base/check.h"

namespace thaw::keras {

DType complex_type_of(DType real) {
  return real == DType::float64 ? DType::complex128 : DType::complex64;
}

Expr padded_end(Expr x, std::int64_t count) {
  Axes paddings(static_cast<std::size_t>(2 * x.rank()), 0);
  paddings.back() = count;
  return count > 0 ? x.with(x.g->pad(x, paddings)) : x;
}

std::int64_t frame_argument(const OpCall& c, const char* name, std::int64_t otherwise) {
  const std::int64_t value = c.integer(name, otherwise);
  if (value < 1 || value > kMaxFrame) c.bad(fmt::format("{} is {}, out of range", name, value));
  return value;
}

std::int64_t frame_argument(const OpCall& c, const char* name) {
  return frame_argument(c, name, c.integer(name));
}

Expr frames_along(Expr x, int axis, Expr count, std::int64_t size, std::int64_t step) {
  const Expr starts = range(count) * static_cast<double>(step);
  const Expr offsets = range(count.number(static_cast<double>(size)));
  return gather(x, expand(starts, 1) + expand(offsets, 0), axis);
}

Expr overlap_and_add(const OpCall& c, Expr frames, std::int64_t size, std::int64_t step) {
  const std::int64_t blocks = (size + step - 1) / step;
  if (blocks > 4096) c.unsupported("so many overlapping frames");
  const int rank = frames.rank();
  const Expr padded = padded_end(frames, blocks * step - size);
  Expr sum;
  for (std::int64_t i = 0; i < blocks; ++i) {
    const Expr part = slice_axis(padded, rank - 1, i * step, (i + 1) * step);
    Axes widths(static_cast<std::size_t>(2 * rank), 0);
    widths[static_cast<std::size_t>(2 * rank) - 4] = i;
    widths[static_cast<std::size_t>(2 * rank) - 3] = blocks - 1 - i;
    const Expr placed = c.expr(c.g.pad(part, widths));
    sum = sum.id == kNoValue ? placed : sum + placed;
  }
  Axes sizes = sizes_of(sum);
  sizes.pop_back();
  sizes.back() = sum.dim(rank - 2) == kUnknownDim ? -1 : sum.dim(rank - 2) * step;
  const Expr line = reshape_like(sum, sum, sizes);
  return blocks * step == size ? line : slice_axis(line, rank - 2, 0, -(blocks * step - size));
}

namespace {

Expr complex_pair(OpCall& c, const Results& parts) {
  if (parts.size() != 2) c.bad("expected a real and an imaginary part");
  return c.tensorflow1("Complex", {parts[0], parts[1]},
                       {{"Tout", complex_type_of(parts[0].dtype())}});
}

Results real_pair(OpCall& c, Expr x, DType real) {
  return {c.tensorflow1("Real", {x}, {{"Tout", real}}),
          c.tensorflow1("Imag", {x}, {{"Tout", real}})};
}

Results fourier(OpCall& c) {
  const Results parts = c.tensors("x");
  const Expr x = complex_pair(c, parts);
  return real_pair(c, c.tensorflow1(c.row.kind == 1 ? "FFT" : "FFT2D", {x}), parts[0].dtype());
}

// By the transform of the conjugate.
Results inverse_fourier_2d(OpCall& c) {
  const Results parts = c.tensors("x");
  if (parts.size() != 2) c.bad("expected a real and an imaginary part");
  const Expr x = complex_pair(c, {parts[0], -parts[1]});
  const Results found = real_pair(c, c.tensorflow1("FFT2D", {x}), parts[0].dtype());
  const int rank = parts[0].rank();
  const Expr count = size_of_axis(parts[0], rank - 2, parts[0].dtype()) *
                     size_of_axis(parts[0], rank - 1, parts[0].dtype());
  return {found[0] / count, -found[1] / count};
}

std::int64_t last_size(OpCall& c, Expr x) {
  const std::int64_t size = x.dim(x.rank() - 1);
  if (size == kUnknownDim) c.unsupported("a signal of unknown length");
  return size;
}

Expr real_transform(OpCall& c, Expr x, std::int64_t size) {
  x = padded_end(x, size - last_size(c, x));
  return c.tensorflow1("RFFT", {x, c.ints_constant({size})},
                       {{"Tcomplex", complex_type_of(x.dtype())}});
}

Results real_fourier(OpCall& c) {
  const Expr x = c.tensor("x");
  const std::int64_t size = frame_argument(c, "fft_length", last_size(c, x));
  return real_pair(c, real_transform(c, x, size), x.dtype());
}

Expr inverse_real(OpCall& c, Results parts, std::int64_t size) {
  for (Expr& part : parts) part = padded_end(part, size / 2 + 1 - last_size(c, part));
  return c.tensorflow1("IRFFT", {complex_pair(c, parts), c.ints_constant({size})},
                       {{"Treal", parts[0].dtype()}});
}

Expr inverse_real_fourier(OpCall& c) {
  const Results parts = c.tensors("x");
  return inverse_real(c, parts,
                      frame_argument(c, "fft_length", 2 * (last_size(c, parts.at(0)) - 1)));
}

// ---- frames ----

// [..., n] -> [..., frames, size]
Expr frames_of(Expr x, std::int64_t size, std::int64_t step) {
  const int last = x.rank() - 1;
  const Expr n = size_of_axis(x, last, DType::int64);
  const Expr count = maximum(binary(BinaryKind::floor_div, n - static_cast<double>(size),
                                    n.number(static_cast<double>(step))) +
                                 1.0,
                             0.0);
  return frames_along(x, last, count, size, step);
}

Expr extract_sequences(OpCall& c) {
  return frames_of(c.tensor("x"), frame_argument(c, "sequence_length"),
                   frame_argument(c, "sequence_stride"));
}

// The window in the middle of a frame of the transform's size; ones without one.
std::vector<double> window_of(OpCall& c, std::int64_t size, std::int64_t transform) {
  const Operand* operand = c.find("window");
  const Json* stated = c.layer.config.config.find("window");
  std::vector<double> window(static_cast<std::size_t>(transform), 0.0);
  if (operand == nullptr && stated != nullptr)
    return std::vector<double>(static_cast<std::size_t>(transform), 1.0);
  const bool named = operand == nullptr || operand->value.is_string();
  const std::string name = operand == nullptr || !named ? "hann" : operand->value.string();
  const auto left = static_cast<std::size_t>((transform - size) / 2);
  if (!named) {
    const Tensor given = constant_tensor(operand->value, DType::float64);
    if (given.shape().rank() != 1 || given.shape()[0] != size)
      c.bad(fmt::format("a window of {} for a sequence of {}", given.shape().to_string(), size));
    for (std::int64_t i = 0; i < size; ++i)
      window[left + static_cast<std::size_t>(i)] = given.data<double>()[i];
    return window;
  }
  if (name != "hann" && name != "hamming") c.unsupported("window=" + name);
  const double a = name == "hann" ? 0.5 : 0.54;
  for (std::int64_t i = 0; i < size; ++i) {
    const double angle = 2 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(size);
    // Of one element both are 1.
    window[left + static_cast<std::size_t>(i)] = size == 1 ? 1.0 : a - (1 - a) * std::cos(angle);
  }
  return window;
}

Expr vector_constant(OpCall& c, const std::vector<double>& values, DType dtype) {
  const auto size = static_cast<std::int64_t>(values.size());
  return cast(c.expr(c.g.constant(Tensor::from(Shape{size}, values))), dtype);
}

Results short_time_fourier(OpCall& c) {
  Expr x = c.tensor("x");
  const std::int64_t size = frame_argument(c, "sequence_length"),
                     step = frame_argument(c, "sequence_stride");
  const std::int64_t transform = frame_argument(c, "fft_length");
  if (transform < size)
    c.bad(fmt::format("fft_length is {}, less than sequence_length, {}", transform, size));
  if (c.flag("center", true)) {
    Axes widths(static_cast<std::size_t>(2 * x.rank()), 0);
    widths[widths.size() - 1] = widths[widths.size() - 2] = transform / 2;
    x = c.expr(c.g.add1(ops::Pad{PadMode::reflect}, {x, c.paddings(widths)}));
  }
  const Expr window = vector_constant(c, window_of(c, size, transform), x.dtype());
  const Expr spectrum = real_transform(c, frames_of(x, transform, step) * window, transform);
  return real_pair(c, spectrum, x.dtype());
}

// The window that makes overlapping frames add up to the signal.
std::vector<double> inverse_window(const std::vector<double>& window, std::int64_t step) {
  const auto width = static_cast<std::size_t>(step);
  std::vector<double> power(width, 0.0), result(window.size());
  for (std::size_t i = 0; i < window.size(); ++i) power[i % width] += window[i] * window[i];
  for (std::size_t i = 0; i < window.size(); ++i) result[i] = window[i] / power[i % width];
  return result;
}

Expr inverse_short_time(OpCall& c) {
  const Results parts = c.tensors("x");
  const std::int64_t size = frame_argument(c, "sequence_length"),
                     step = frame_argument(c, "sequence_stride");
  const std::int64_t transform = frame_argument(c, "fft_length");
  if (transform < size)
    c.bad(fmt::format("fft_length is {}, less than sequence_length, {}", transform, size));
  const Json* stated = c.layer.config.config.find("window");
  const bool plain = !c.has("window") && stated != nullptr;
  Expr frames = inverse_real(c, parts, transform);
  if (!plain) {
    const std::vector<double> window = inverse_window(window_of(c, size, transform), step);
    frames = frames * vector_constant(c, window, frames.dtype());
  }
  const Expr x = overlap_and_add(c, frames, transform, step);
  const bool center = c.flag("center", true);
  const std::int64_t start = center ? transform / 2 : 0;
  std::int64_t end = GraphBuilder::kToEnd;
  if (c.has("length")) {
    end = start + frame_argument(c, "length");
  } else if (center && transform > 1) {
    end = -(transform / 2);
  }
  return slice_axis(x, x.rank() - 1, start, end);
}

// ---- special functions ----
Expr inverse_erf(OpCall& c) {
  const Expr x = c.tensor("x");
  const bool half = size_of(x.dtype()) == 2;
  return cast(c.tensorflow1("Erfinv", {half ? cast(x, DType::float32) : x}), x.dtype());
}

Expr bessel_i0(OpCall& c) {
  const Expr x = c.tensor("x");
  const DType dtype = x.dtype() == DType::int64 ? DType::float64 : floating_type(x.dtype());
  return c.tensorflow1("BesselI0", {cast(x, dtype)});
}

Expr view(OpCall& c) {
  Expr x = c.tensor("x");
  const DType dtype = c.dtype("dtype", x.dtype());
  if (dtype == x.dtype()) return x;
  const std::size_t from = size_of(x.dtype()), to = size_of(dtype);
  if (from == to) return c.tensorflow1("Bitcast", {x}, {{"type", dtype}});
  if (x.rank() == 0) c.bad("a scalar cannot be viewed as a type of another size");
  const std::int64_t size = last_size(c, x);
  Axes sizes = sizes_of(x);
  if (from > to) {
    sizes.back() = size * static_cast<std::int64_t>(from / to);
    return reshape_like(c.tensorflow1("Bitcast", {x}, {{"type", dtype}}), x, sizes);
  }
  const auto ratio = static_cast<std::int64_t>(to / from);
  if (size % ratio != 0)
    c.bad(fmt::format("the last dimension, {}, does not fit {}", size, name_of(dtype)));
  sizes.back() = size / ratio;
  sizes.push_back(ratio);
  return c.tensorflow1("Bitcast", {reshape(x, sizes)}, {{"type", dtype}});
}

}  // namespace

std::span<const OperationRow> signal_operations() {
  static constexpr OperationRow kRows[] = {
      {"Erfinv", "x", inverse_erf},
      {"ExtractSequences", "x", extract_sequences},
      {"FFT", "x", fourier, 1},
      {"FFT2", "x", fourier, 2},
      {"I0", "x", bessel_i0},
      {"IFFT2", "x", inverse_fourier_2d},
      {"IRFFT", "x", inverse_real_fourier},
      {"ISTFT", "x", inverse_short_time},
      {"RFFT", "x", real_fourier},
      {"STFT", "x", short_time_fourier},
      {"View", "x", view},
  };
  return kRows;
}

}  // namespace thaw::keras
