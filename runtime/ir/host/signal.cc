// Fourier transforms.
#include "runtime/ir/host/families.h"

namespace thaw::host_types {
namespace {

using inference::Context;
using inference::invalid;
using inference::Types;

constexpr std::int64_t kMaxTransformRank = 32;
constexpr std::int64_t kMaxBands = 4096;  // of a mel filter bank; speech models have 40

/// (x, [lengths [n], [axes [n]]]): transforms the last `rank` axes or `axes`, cut or padded to
/// `lengths`. Without padding, an axis that is too short is an error of the kernel.
struct Transformed {
  std::vector<int> axes;                   // empty: unknown
  std::optional<inference::Ints> lengths;  // in the time domain
};

Transformed transformed(const ops::HostCall& call, const Context& context) {
  Transformed t;
  const Shape& x = context.shape(0);
  if (context.count() > 1) {
    inference::expect_index_type("fft_length", context.dtype(1));
    t.lengths = inference::ints_operand(context, 1, "fft_length");
  }
  if (context.count() > 2) {
    inference::expect_index_type("axes", context.dtype(2));
    const auto axes = inference::ints_operand(context, 2, "axes");
    if (!x.has_rank() || !axes) return t;
    inference::axis_flags(*axes, x.rank(), "axes");
    for (const std::int64_t axis : *axes) {
      t.axes.push_back(inference::normal_axis(axis, x.rank(), "axes"));
    }
  } else {
    const std::int64_t rank = call.attributes.integer("rank");
    if (rank < 1 || rank > kMaxTransformRank) invalid("transform over {} axes", rank);
    inference::expect_rank_at_least(x, static_cast<int>(rank), "x");
    if (!x.has_rank()) return t;
    for (int i = 0; i < rank; ++i) t.axes.push_back(x.rank() - static_cast<int>(rank) + i);
  }
  if (t.lengths && t.lengths->size() != t.axes.size()) {
    invalid("fft_length: expected {} elements, found {}", t.axes.size(), t.lengths->size());
  }
  for (const std::int64_t length : t.lengths.value_or(inference::Ints{})) {
    if (length <= 0) invalid("fft_length: expected positive lengths, found {}", length);
  }
  return t;
}

/// The operand's shape with the lengths in place of the transformed dimensions; `half_last`: the
/// last one keeps the first half of a real signal's spectrum.
Shape shape_of(const Shape& x, const Transformed& t, bool given, bool half_last) {
  if (!x.has_rank()) return x;
  if (t.axes.empty()) return inference::unknown_dims(x.rank());
  Shape shape = x;
  for (std::size_t i = 0; i < t.axes.size(); ++i) {
    std::int64_t& dim = shape[t.axes[i]];
    if (given) dim = t.lengths ? (*t.lengths)[i] : kUnknownDim;
    if (half_last && i + 1 == t.axes.size() && dim >= 0) dim = dim / 2 + 1;
  }
  return shape;
}

Types fft(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 1, 3);
  inference::expect_type(is_complex(context.dtype(0)), "x", "a complex type", context.dtype(0));
  const Transformed t = transformed(call, context);
  return {{context.dtype(0), shape_of(context.shape(0), t, context.count() > 1, false)}};
}

Types rfft(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 2, 3);
  const bool inverse = call.attributes.flag("inverse");
  const DType x = context.dtype(0);
  DType dtype = DType::float64;
  if (inverse) {
    inference::expect_type(is_complex(x), "x", "a complex type", x);
    if (x == DType::complex64) dtype = DType::float32;
  } else {
    inference::expect_type(x == DType::float32 || x == DType::float64, "x", "float32 or float64",
                           x);
    dtype = x == DType::float32 ? DType::complex64 : DType::complex128;
  }
  const Transformed t = transformed(call, context);
  return {{dtype, shape_of(context.shape(0), t, true, !inverse)}};
}

Types audio_spectrogram(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 1);
  const Shape& x = context.shape(0);
  inference::expect_type(is_floating(context.dtype(0)), "x", "a floating type", context.dtype(0));
  inference::expect_rank(x, 2, "x");
  const std::int64_t window = call.attributes.integer("window_size");
  const std::int64_t stride = call.attributes.integer("stride");
  if (window < 2 || stride < 1 || window > INT32_MAX) {
    invalid("expected a window of at least 2 and a stride of at least 1, found {} and {}", window,
            stride);
  }
  std::int64_t size = 1;
  while (size < window) size *= 2;
  const std::int64_t samples = x.has_rank() ? x[0] : kUnknownDim;
  const std::int64_t channels = x.has_rank() ? x[1] : kUnknownDim;
  std::int64_t frames = kUnknownDim;
  if (samples >= 0) frames = samples < window ? 0 : (samples - window) / stride + 1;
  return {{context.dtype(0), Shape{channels, frames, size / 2 + 1}}};
}

Types mfcc(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 2);
  const Shape& x = context.shape(0);
  inference::expect_type(is_floating(context.dtype(0)), "x", "a floating type", context.dtype(0));
  inference::expect_rank(x, 3, "x");
  inference::expect_index_type("sample_rate", context.dtype(1));
  const std::int64_t bands = call.attributes.integer("filterbank_channel_count");
  const std::int64_t coefficients = call.attributes.integer("dct_coefficient_count");
  if (coefficients < 1 || bands < coefficients || bands > kMaxBands) {
    invalid("expected at most {} filters and no more coefficients, found {} and {}", kMaxBands,
            bands, coefficients);
  }
  const std::int64_t channels = x.has_rank() ? x[0] : kUnknownDim;
  const std::int64_t frames = x.has_rank() ? x[1] : kUnknownDim;
  return {{context.dtype(0), Shape{channels, frames, coefficients}}};
}

Types decode_wav(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 1);
  inference::expect_type(context.dtype(0) == DType::string, "contents", "string", context.dtype(0));
  inference::expect_scalar(context, 0, "contents");
  const auto asked = [&](const char* name) {
    const std::int64_t value = call.attributes.integer(name);
    if (value < -1) invalid("{}: expected -1 or more, found {}", name, value);
    return value;
  };
  return {{DType::float32, Shape{asked("desired_samples"), asked("desired_channels")}},
          {DType::int32, Shape{}}};
}

Types encode_wav(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 2);
  inference::expect_type(context.dtype(0) == DType::float32, "audio", "float32", context.dtype(0));
  inference::expect_type(context.dtype(1) == DType::int32, "sample_rate", "int32",
                         context.dtype(1));
  inference::expect_rank(context.shape(0), 2, "audio");
  inference::expect_scalar(context, 1, "sample_rate");
  return {{DType::string, Shape{}}};
}

constexpr HostFunction kSignal[] = {
    {"fft", fft},
    {"rfft", rfft},
    {"audio_spectrogram", audio_spectrogram},
    {"mfcc", mfcc},
    {"decode_wav", decode_wav, true, true},
    {"encode_wav", encode_wav, true, true},
};

}  // namespace

std::span<const HostFunction> signal() { return kSignal; }

}  // namespace thaw::host_types
