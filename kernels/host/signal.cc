// Fourier transforms over some axes of a tensor.
#include "kernels/host/families.h"
#include "kernels/host/fft.h"
#include "kernels/host/numeric.h"
#include "kernels/host/spectrogram.h"

namespace thaw::host {
namespace {

using Results = std::vector<Tensor>;

/// The axes that are transformed, in order, and the length of each in the time domain.
struct Transform {
  std::vector<int> axes;
  std::vector<std::int64_t> lengths;
};

/// How a line along one axis is read and written.
enum class Line { forward, inverse, real_forward, real_inverse };

Shape with_dim(Shape shape, int axis, std::int64_t dim) {
  shape[axis] = dim;
  return shape;
}

Tensor widened(const Tensor& x) {
  Tensor y(DType::complex128, x.shape());
  auto* out = mutable_elements<Complex128>(y);
  const std::int64_t count = x.num_elements();
  switch (x.dtype()) {
    case DType::complex64: std::copy_n(elements<Complex64>(x), count, out); break;
    case DType::complex128: return x;
    case DType::float32: std::copy_n(elements<float>(x), count, out); break;
    case DType::float64: std::copy_n(elements<double>(x), count, out); break;
    default: wrong_type(x.dtype());
  }
  return y;
}

Tensor narrowed(const Tensor& x, DType dtype) {
  if (dtype == DType::complex128) return x;
  Tensor y(dtype, x.shape());
  const auto* in = elements<Complex128>(x);
  for (std::int64_t i = 0; i < x.num_elements(); ++i) {
    if (dtype == DType::complex64) {
      mutable_elements<Complex64>(y)[i] = Complex64(in[i]);
    } else if (dtype == DType::float32) {
      mutable_elements<float>(y)[i] = static_cast<float>(in[i].real());
    } else {
      mutable_elements<double>(y)[i] = in[i].real();
    }
  }
  return y;
}

/// `line` holds the first elements of a real signal's spectrum: adds those that mirror them.
void mirror(std::vector<Complex128>& line) {
  const std::size_t n = line.size();
  line[0] = line[0].real();
  if (n % 2 == 0) line[n / 2] = line[n / 2].real();
  for (std::size_t k = n / 2 + 1; k < n; ++k) line[k] = std::conj(line[n - k]);
}

/// Transforms every line along `axis`, which is cut or padded with zeros to `length`.
Tensor along_axis(const Tensor& x, int axis, std::int64_t length, Line kind) {
  const std::int64_t in_size = x.shape()[axis];
  const std::int64_t out_size = kind == Line::real_forward ? length / 2 + 1 : length;
  const std::int64_t inner = product(x.shape(), axis + 1, x.shape().rank());
  const std::int64_t outer = product(x.shape(), 0, axis);
  Tensor y(DType::complex128, with_dim(x.shape(), axis, out_size));
  if (y.num_elements() == 0) return y;
  const std::int64_t used = std::min(in_size, kind == Line::real_inverse ? length / 2 + 1 : length);
  Fft fft(length);
  std::vector<Complex128> line(static_cast<std::size_t>(length));
  for (std::int64_t o = 0; o < outer; ++o) {
    for (std::int64_t i = 0; i < inner; ++i) {
      const Complex128* in = elements<Complex128>(x) + o * in_size * inner + i;
      Complex128* out = mutable_elements<Complex128>(y) + o * out_size * inner + i;
      std::fill(line.begin(), line.end(), Complex128(0));
      for (std::int64_t k = 0; k < used; ++k) line[static_cast<std::size_t>(k)] = in[k * inner];
      if (kind == Line::real_inverse) mirror(line);
      if (kind == Line::forward || kind == Line::real_forward) {
        fft.forward(line.data());
      } else {
        fft.inverse(line.data());
      }
      for (std::int64_t k = 0; k < out_size; ++k)
        out[k * inner] = line[static_cast<std::size_t>(k)];
    }
  }
  return y;
}

/// Axes and lengths from the attributes and operands: the last `rank` axes, or those of operand 2;
/// lengths of operand 1, or the operand's own.
Transform transform_of(const HostArgs& args) {
  const Shape& x = args.in[0].shape();
  Transform t;
  if (args.in.size() > 2) {
    for (const std::int64_t axis : integers(args.in[2])) {
      t.axes.push_back(static_cast<int>(axis < 0 ? axis + x.rank() : axis));
    }
  } else {
    const auto rank = static_cast<int>(args.call.attributes.integer("rank"));
    for (int i = 0; i < rank; ++i) t.axes.push_back(x.rank() - rank + i);
  }
  std::vector<bool> seen(static_cast<std::size_t>(x.rank()), false);
  for (const int axis : t.axes) {
    if (axis < 0 || axis >= x.rank() || seen[static_cast<std::size_t>(axis)]) {
      fail(ErrorCode::invalid_argument, "axes of a transform of {} are out of range or repeated",
           x.to_string());
    }
    seen[static_cast<std::size_t>(axis)] = true;
  }
  if (args.in.size() > 1) {
    t.lengths = integers(args.in[1]);
  } else {
    for (const int axis : t.axes) t.lengths.push_back(x[axis]);
  }
  if (t.lengths.size() != t.axes.size()) {
    fail(ErrorCode::invalid_argument, "fft_length must have shape [{}], has {} elements",
         t.axes.size(), t.lengths.size());
  }
  return t;
}

/// With three operands shorter axes are padded; else they are errors, as in TensorFlow.
void expect_lengths(const HostArgs& args, const Transform& t, bool half_last) {
  const Shape& x = args.in[0].shape();
  for (std::size_t i = 0; i < t.axes.size(); ++i) {
    const bool half = half_last && i + 1 == t.axes.size();
    const std::int64_t least = half ? t.lengths[i] / 2 + 1 : t.lengths[i];
    if (t.lengths[i] < 0 || (t.lengths[i] == 0 && args.in.size() > 1)) {
      fail(ErrorCode::invalid_argument, "fft_length[{}] must be positive, found {}", i,
           t.lengths[i]);
    }
    // Empty inputs of TensorFlow's transforms give empty or zero results.
    if (args.in.size() == 2 && x.num_elements() > 0 && x[t.axes[i]] < least) {
      fail(ErrorCode::invalid_argument,
           "Input dimension {} must have length of at least {} but got: {}", t.axes[i], least,
           x[t.axes[i]]);
    }
  }
}

Results complex_transform(const HostArgs& args) {
  const Transform t = transform_of(args);
  expect_lengths(args, t, false);
  const Line kind = args.call.attributes.flag("inverse") ? Line::inverse : Line::forward;
  Tensor y = widened(args.in[0]);
  for (std::size_t i = t.axes.size(); i-- > 0;) {
    y = along_axis(y, t.axes[i], t.lengths[i], kind);
  }
  return {narrowed(y, args.out[0].dtype)};
}

Results real_transform(const HostArgs& args) {
  const Transform t = transform_of(args);
  const bool inverse = args.call.attributes.flag("inverse");
  expect_lengths(args, t, inverse);
  Tensor y = widened(args.in[0]);
  const std::size_t last = t.axes.size() - 1;
  if (!inverse) y = along_axis(y, t.axes[last], t.lengths[last], Line::real_forward);
  for (std::size_t i = last; i-- > 0;) {
    y = along_axis(y, t.axes[i], t.lengths[i], inverse ? Line::inverse : Line::forward);
  }
  if (inverse) y = along_axis(y, t.axes[last], t.lengths[last], Line::real_inverse);
  return {narrowed(y, args.out[0].dtype)};
}

constexpr HostKernel kSignal[] = {
    {"fft", complex_transform},
    {"rfft", real_transform},
    {"audio_spectrogram", audio_spectrogram},
    {"mfcc", mfcc},
    {"decode_wav", decode_wav},
    {"encode_wav", encode_wav},
};

}  // namespace

std::span<const HostKernel> signal() { return kSignal; }

}  // namespace thaw::host
