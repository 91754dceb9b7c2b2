// tf.signal: transforms of Fourier and cosine, frames, windows.
#include "loaders/keras/operations/signal.h"

#include <cmath>
#include <numbers>

#include "loaders/keras/functions/function_call.h"
#include "loaders/keras/operations/shared.h"
#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

constexpr double kPi = std::numbers::pi;

int last_axis(Expr x) {
  const int rank = x.rank();
  if (rank == 0) fail(ErrorCode::invalid_argument, "expected a signal, found a scalar");
  return rank - 1;
}

// The first `length` elements of the last axis, with zeros where it ends before.
Expr fitted(Expr x, std::int64_t length) {
  const int last = last_axis(x);
  const std::int64_t size = x.dim(last);
  if (size == length) return x;
  const Expr padded = padded_end(x, size == kUnknownDim ? length : length - size);
  return size != kUnknownDim && size < length ? padded : slice_axis(padded, last, 0, length);
}

// ---- Fourier ----

Results plain_fourier(OpCall& c, const FunctionRow& row) {
  return {c.tensorflow1(row.op, {c.tensor("input")})};
}

bool is_wide(Expr x) { return x.dtype() == DType::float64 || x.dtype() == DType::complex128; }

Expr forward_real(const OpCall& c, Expr x, Expr length) {
  return c.tensorflow1("RFFT", {x, length},
                       {{"Tcomplex", is_wide(x) ? DType::complex128 : DType::complex64}});
}

Expr backward_real(const OpCall& c, Expr x, Expr length) {
  return c.tensorflow1("IRFFT", {x, length},
                       {{"Treal", is_wide(x) ? DType::float64 : DType::float32}});
}

// factor * (size of the last axis + more) as a vector of one length.
Expr length_of(const OpCall& c, Expr x, std::int64_t factor, std::int64_t more) {
  const std::int64_t size = x.dim(last_axis(x));
  if (size != kUnknownDim) return c.ints_constant({factor * (size + more)});
  const Expr count = size_of_axis(x, last_axis(x), DType::int32);
  return reshape((count + static_cast<double>(more)) * static_cast<double>(factor), {1});
}

// row.kind: 1 for the inverse. A signal shorter than the transform is padded, as TensorFlow's
// Python does before its op.
Results real_fourier_of(OpCall& c, const FunctionRow& row) {
  Expr x = c.tensor(need_first(c, {"input_tensor", "input"}));
  const bool inverse = row.kind == 1;
  Expr length = inverse ? length_of(c, x, 2, -1) : length_of(c, x, 1, 0);
  if (c.has("fft_length")) {
    length = int_vector(c, c.need("fft_length"));
    if (c.g.constant_of(length) != nullptr) {
      const std::int64_t wanted = frame_argument(c, "fft_length", c.ints("fft_length")->at(0));
      x = fitted(x, inverse ? wanted / 2 + 1 : wanted);
    }
  }
  return {inverse ? backward_real(c, x, length) : forward_real(c, x, length)};
}

// row.kind: -1 for the inverse.
Results fourier_shift(OpCall& c, const FunctionRow& row) {
  const Expr x = c.tensor("x");
  const Axes axes = c.axes("axes", x.rank());
  if (axes.empty()) return {x};
  std::vector<Expr> shifts;
  for (const std::int64_t axis : axes) {
    const Expr size = size_of_axis(x, static_cast<int>(axis), DType::int32);
    const Expr half = binary(BinaryKind::floor_div, size, size.number(2));
    shifts.push_back(reshape(row.kind < 0 ? -half : half, {1}));
  }
  return {c.tensorflow1("Roll", {x, concat(shifts, 0), c.ints_constant(axes)})};
}

// ---- cosine ----

// k * pi / (2 size) for k = 0, 1, ..., size - 1.
Expr quarter_turns(Expr size) { return range(size) * (kPi / 2) / size; }

// `first` in front of `others`.
Expr orthogonal_weights(Expr size, Expr first, double others) {
  const Expr index = range(size);
  return select(index == index.number(0), first, first * others);
}

Expr real_part(const OpCall& c, Expr x) {
  return c.tensorflow1("Real", {x}, {{"Tout", is_wide(x) ? DType::float64 : DType::float32}});
}

Expr second_cosine(const OpCall& c, Expr x, bool orthogonal) {
  const int last = last_axis(x);
  const Expr size = size_of_axis(x, last, x.dtype());
  const Expr zeros = c.tensorflow1("ZerosLike", {x});
  const Expr padded = concat({x, zeros}, last);
  const Expr whole = forward_real(c, padded, length_of(c, padded, 1, 0));  // size + 1 numbers
  const Expr half = slice_axis(whole, last, 0, -1);
  const Expr imaginary = c.tensorflow1("Imag", {half}, {{"Tout", x.dtype()}});
  const Expr angle = quarter_turns(size);
  const Expr y = 2.0 * (real_part(c, half) * unary(UnaryKind::cos, angle) +
                        imaginary * unary(UnaryKind::sin, angle));
  if (!orthogonal) return y;
  return y * orthogonal_weights(size, 0.5 / sqrt(size), std::numbers::sqrt2);
}

Expr third_cosine(const OpCall& c, Expr x, bool orthogonal) {
  const int last = last_axis(x);
  const Expr size = size_of_axis(x, last, x.dtype());
  x = 2.0 * x * (orthogonal ? orthogonal_weights(size, sqrt(size), std::sqrt(0.5)) : size);
  const Expr angle = quarter_turns(size);
  // One frequency more, as a transform of twice the size takes.
  const Expr real = padded_end(x * unary(UnaryKind::cos, angle), 1);
  const Expr imaginary = padded_end(x * unary(UnaryKind::sin, angle), 1);
  const Expr spectrum =
      c.tensorflow1("Complex", {real, imaginary}, {{"Tout", complex_type_of(x.dtype())}});
  const Expr y = backward_real(c, spectrum, length_of(c, x, 2, 0));
  const Expr axis = c.number(last, DType::int32);
  return c.tensorflow("Split", {axis, y}, {{"num_split", std::int64_t{2}}}).at(0);
}

// The odd numbers of the second kind's transform of twice the size.
Expr fourth_cosine(const OpCall& c, Expr x, bool orthogonal) {
  const int last = last_axis(x);
  const Expr size = size_of_axis(x, last, x.dtype());
  const Expr wide = second_cosine(c, concat({x, c.tensorflow1("ZerosLike", {x})}, last), false);
  Axes pairs = sizes_of(x);
  if (x.dim(last) == kUnknownDim) pairs.back() = -1;
  pairs.push_back(2);
  const Expr y = squeeze(slice_axis(reshape_like(wide, wide, pairs), last + 1, 1, 2), last + 1);
  return orthogonal ? y * (std::sqrt(0.5) / sqrt(size)) : y;
}

Expr first_cosine(const OpCall& c, Expr x) {
  const int last = last_axis(x);
  if (x.dim(last) != kUnknownDim && x.dim(last) < 2)
    c.bad(fmt::format("a cosine transform of the first kind of {} elements", x.dim(last)));
  const Expr inner = slice_axis(x, last, 1, -1);
  const Expr mirrored = concat({x, x.with(c.g.reverse(inner, last))}, last);
  return real_part(c, forward_real(c, mirrored, length_of(c, mirrored, 1, 0)));
}

bool orthogonal_norm(const OpCall& c) {
  const std::string norm = c.text("norm", "");
  if (!norm.empty() && norm != "ortho") c.bad("norm=" + printable(norm));
  return norm == "ortho";
}

Expr cosine_transform(const OpCall& c, Expr x, std::int64_t kind, bool orthogonal) {
  if (x.dtype() != DType::float32 && x.dtype() != DType::float64)
    c.bad(fmt::format("a cosine transform of {}", name_of(x.dtype())));
  switch (kind) {
    case 1: return first_cosine(c, x);
    case 2: return second_cosine(c, x, orthogonal);
    case 3: return third_cosine(c, x, orthogonal);
    default: return fourth_cosine(c, x, orthogonal);
  }
}

// row.kind: 1 for the inverse, where the second and the third kind change places.
Results cosine(OpCall& c, const FunctionRow& row) {
  Expr x = c.tensor("input");
  std::int64_t kind = c.integer("type", 2);
  const bool orthogonal = orthogonal_norm(c);
  if (kind < 1 || kind > 4) c.bad(fmt::format("type is {}, expected 1 to 4", kind));
  if (c.integer("axis", -1) != -1) c.unsupported("an axis that is not -1");
  if (kind == 1 && orthogonal) c.bad("norm='ortho' with type=1");
  if (c.has("n")) x = fitted(x, frame_argument(c, "n"));
  if (row.kind == 1 && (kind == 2 || kind == 3)) kind = 5 - kind;
  return {cosine_transform(c, x, kind, orthogonal)};
}

Results cepstral(OpCall& c, const FunctionRow&) {
  const Expr x = c.tensor("log_mel_spectrograms");
  const Expr size = size_of_axis(x, last_axis(x), x.dtype());
  return {cosine_transform(c, x, 2, false) / sqrt(size * 2.0)};
}

// ---- windows ----

// Of one element all windows of this family are 1.
Expr raised_cosine(Expr size, double mean, bool periodic) {
  const Expr odd = binary(BinaryKind::floor_mod, size, size.number(2));
  const Expr period = periodic ? size - odd : size - 1.0;
  const Expr window = mean - (1 - mean) * unary(UnaryKind::cos, range(size) * (2 * kPi) / period);
  return select(period == period.number(0), 1.0, window);
}

Expr vorbis(Expr size) {
  const Expr sine = unary(UnaryKind::sin, (range(size) + 0.5) * kPi / size);
  return unary(UnaryKind::sin, square(sine) * (kPi / 2));
}

Expr kaiser(const OpCall& c, Expr size, double beta) {
  const Expr half = (size - 1.0) / 2.0;
  const Expr place = select(half == half.number(0), 0.0, (range(size) - half) / half);
  const Expr at = beta * sqrt(maximum(1.0 - square(place), 0.0));
  const auto bessel = [&](Expr x) { return c.tensorflow1("BesselI0e", {x}); };
  return exp(at - beta) * bessel(at) / bessel(size.number(beta));
}

Expr kaiser_bessel_derived(const OpCall& c, Expr size, double beta) {
  const Expr half = binary(BinaryKind::floor_div, size, size.number(2));
  const Expr sums = c.tensorflow1("Cumsum", {kaiser(c, half + 1.0, beta), c.ints_constant({0})});
  const Expr rising =
      sqrt(slice_axis(sums, 0, 0, -1) / slice_axis(sums, 0, -1, GraphBuilder::kToEnd));
  return concat({rising, rising.with(c.g.reverse(rising, 0))}, 0);
}

Expr window_named(const OpCall& c, const std::string& name, Expr size) {
  if (name == "hann_window") return raised_cosine(size, 0.5, true);
  if (name == "hamming_window") return raised_cosine(size, 0.54, true);
  if (name == "vorbis_window") return vorbis(size);
  if (name == "kaiser_window") return kaiser(c, size, 12);
  if (name == "kaiser_bessel_derived_window") return kaiser_bessel_derived(c, size, 12);
  c.unsupported(fmt::format("window_fn={}, a Python function", printable(name)));
}

// frames times the window that the file names; `otherwise`: where it names none. None is a window
// of `flat`.
Expr windowed(const OpCall& c, Expr frames, std::int64_t size, const std::string& otherwise,
              double flat) {
  const Operand* given = c.layer.argument("window_fn");
  const bool none = given != nullptr && !c.has("window_fn");
  if (none) return flat == 1 ? frames : frames * flat;
  const Expr count = c.number(static_cast<double>(size), frames.dtype());
  return frames * window_named(c, c.text("window_fn", otherwise), count);
}

// The window itself, where its length is a tensor: row.op names it.
Results window_function(OpCall& c, const FunctionRow& row) {
  const DType dtype = c.dtype("dtype", DType::float32);
  if (dtype != DType::float32 && dtype != DType::float64)
    c.unsupported(fmt::format("a window of {}", name_of(dtype)));
  const std::string name = row.op;
  const Expr size = cast(c.tensor("window_length"), dtype);
  if (!c.flag("periodic", true)) return {raised_cosine(size, name[1] == 'n' ? 0.5 : 0.54, false)};
  if (name == "kaiser_window") return {kaiser(c, size, c.real("beta", 12))};
  if (name == "kaiser_bessel_derived_window")
    return {kaiser_bessel_derived(c, size, c.real("beta", 12))};
  return {window_named(c, name, size)};
}

// ---- frames ----

Expr framed(OpCall& c, Expr x, int axis, std::int64_t size, std::int64_t step) {
  const std::int64_t samples = x.dim(axis);
  const bool pad = c.flag("pad_end", false);
  const auto whole = [&](std::int64_t value) {
    return c.number(static_cast<double>(value), DType::int64);
  };
  const Expr before = size_of_axis(x, axis, DType::int64);
  const Expr span = pad ? before + static_cast<double>(step - 1)
                        : maximum(before + static_cast<double>(step - size), 0.0);
  const Expr count = binary(BinaryKind::floor_div, span, whole(step));
  if (pad && (samples == kUnknownDim || samples > 0)) {
    // No frame reaches further behind the end than its own size.
    const std::int64_t rest = samples == kUnknownDim ? 0 : (samples - 1) % step + 1;
    Axes widths(static_cast<std::size_t>(2 * x.rank()), 0);
    widths[static_cast<std::size_t>(2 * axis + 1)] = std::max<std::int64_t>(size - rest, 0);
    const Expr value =
        c.has("pad_value") ? c.tensor(c.need("pad_value"), x.dtype()) : c.number(0, x.dtype());
    x = c.tensorflow1("PadV2", {x, c.paddings(widths), value});
  }
  return frames_along(x, axis, count, size, step);
}

Results frame(OpCall& c, const FunctionRow&) {
  const Expr x = c.tensor("signal");
  const int axis = c.axis("axis", x.rank(), -1);
  return {framed(c, x, axis, frame_argument(c, "frame_length"), frame_argument(c, "frame_step"))};
}

void expect_frames(const OpCall& c, Expr x) {
  if (x.rank() < 2)
    c.bad(fmt::format("expected frames, found a tensor of {} dimensions", x.rank()));
}

Results overlapped(OpCall& c, const FunctionRow&) {
  const Expr x = c.tensor("signal");
  expect_frames(c, x);
  const std::int64_t size = x.dim(last_axis(x));
  if (size == kUnknownDim) c.unsupported("frames of unknown length");
  return {overlap_and_add(c, x, size, frame_argument(c, "frame_step"))};
}

std::int64_t transform_size(OpCall& c, std::int64_t frame_size) {
  if (c.has("fft_length")) return frame_argument(c, "fft_length");
  std::int64_t size = 1;
  while (size < frame_size) size *= 2;
  return size;
}

Results short_time(OpCall& c, const FunctionRow&) {
  const Expr x = c.tensor("signals");
  const std::int64_t size = frame_argument(c, "frame_length");
  const std::int64_t transform = transform_size(c, size);
  const Expr frames = framed(c, x, last_axis(x), size, frame_argument(c, "frame_step"));
  const Expr shaped = fitted(windowed(c, frames, size, "hann_window", 1), transform);
  return {forward_real(c, shaped, c.ints_constant({transform}))};
}

Results inverse_short_time_of(OpCall& c, const FunctionRow&) {
  const Expr x = c.tensor("stfts");
  expect_frames(c, x);
  const std::int64_t size = frame_argument(c, "frame_length");
  const std::int64_t transform = transform_size(c, size);
  const Expr spectrum = fitted(x, transform / 2 + 1);
  const Expr frames = fitted(backward_real(c, spectrum, c.ints_constant({transform})), size);
  return {overlap_and_add(c, windowed(c, frames, size, "hann_window", 1), size,
                          frame_argument(c, "frame_step"))};
}

// Part i of `count` along the last axis, whose size is known.
Expr part_of(Expr x, int i, int count) {
  const std::int64_t size = x.dim(last_axis(x)) / count;
  return slice_axis(x, last_axis(x), i * size, (i + 1) * size);
}
Expr mirrored(Expr x) { return x.with(x.g->reverse(x, last_axis(x))); }

Results modified_cosine(OpCall& c, const FunctionRow&) {
  const Expr x = c.tensor("signals");
  const std::int64_t size = frame_argument(c, "frame_length");
  if (size % 4 != 0) c.bad(fmt::format("frame_length is {}, no multiple of 4", size));
  const Expr frames = windowed(c, framed(c, x, last_axis(x), size, size / 2), size, "vorbis_window",
                               std::sqrt(0.5));
  const Expr first = -mirrored(part_of(frames, 2, 4)) - part_of(frames, 3, 4);
  const Expr second = part_of(frames, 0, 4) - mirrored(part_of(frames, 1, 4));
  return {cosine_transform(c, concat({first, second}, last_axis(frames)), 4, orthogonal_norm(c))};
}

Results inverse_modified_cosine(OpCall& c, const FunctionRow&) {
  const Expr x = c.tensor("mdcts");
  expect_frames(c, x);
  const std::int64_t half = x.dim(last_axis(x));
  if (half == kUnknownDim) c.unsupported("frames of unknown length");
  if (half < 2 || half % 2 != 0) c.bad(fmt::format("{} bins, expected an even number", half));
  const bool orthogonal = orthogonal_norm(c);
  Expr y = cosine_transform(c, x, 4, orthogonal);
  if (!orthogonal) y = y * (0.5 / static_cast<double>(half));
  const Expr low = part_of(y, 0, 2), high = part_of(y, 1, 2);
  const Expr frames = concat({high, -mirrored(high), -mirrored(low), -low}, last_axis(y));
  return {overlap_and_add(c, windowed(c, frames, 2 * half, "vorbis_window", std::sqrt(0.5)),
                          2 * half, half)};
}

}  // namespace

std::span<const FunctionRow> signal_functions() {
  static constexpr FunctionRow kRows[] = {
      {"signal.dct", "input type n axis norm", cosine},
      {"signal.fft", "input", plain_fourier, "FFT"},
      {"signal.fft2d", "input", plain_fourier, "FFT2D"},
      {"signal.fft3d", "input", plain_fourier, "FFT3D"},
      {"signal.fftshift", "x axes", fourier_shift},
      {"signal.frame", "signal frame_length frame_step pad_end pad_value axis", frame},
      {"signal.hamming_window", "window_length periodic dtype", window_function, "hamming_window"},
      {"signal.hann_window", "window_length periodic dtype", window_function, "hann_window"},
      {"signal.idct", "input type n axis norm", cosine, "", 1},
      {"signal.ifft", "input", plain_fourier, "IFFT"},
      {"signal.ifft2d", "input", plain_fourier, "IFFT2D"},
      {"signal.ifft3d", "input", plain_fourier, "IFFT3D"},
      {"signal.ifftshift", "x axes", fourier_shift, "", -1},
      {"signal.inverse_mdct", "mdcts window_fn norm", inverse_modified_cosine},
      {"signal.inverse_stft", "stfts frame_length frame_step fft_length window_fn",
       inverse_short_time_of},
      {"signal.irfft", "input_tensor fft_length", real_fourier_of, "IRFFT", 1},
      {"signal.kaiser_bessel_derived_window", "window_length beta dtype", window_function,
       "kaiser_bessel_derived_window"},
      {"signal.kaiser_window", "window_length beta dtype", window_function, "kaiser_window"},
      {"signal.mdct", "signals frame_length window_fn pad_end norm", modified_cosine},
      {"signal.mfccs_from_log_mel_spectrograms", "log_mel_spectrograms", cepstral},
      {"signal.overlap_and_add", "signal frame_step", overlapped},
      {"signal.rfft", "input_tensor fft_length", real_fourier_of, "RFFT", 0},
      {"signal.stft", "signals frame_length frame_step fft_length window_fn pad_end", short_time},
      {"signal.vorbis_window", "window_length dtype", window_function, "vorbis_window"},
  };
  return kRows;
}

}  // namespace thaw::keras
