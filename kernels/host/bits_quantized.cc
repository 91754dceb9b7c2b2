// Numbers as integers of a range: what TensorFlow calls quint8, qint8, quint16, qint16 and qint32,
// with its roundings, which are part of the result.
#include <array>
#include <cmath>

#include "kernels/host/numeric.h"
#include "kernels/host/quantize.h"
#include "runtime/ir/infer.h"

namespace thaw::host {
namespace {

using Results = std::vector<Tensor>;

template <class Visit>
auto visit_quantized(DType dtype, Visit&& visit) {
  switch (dtype) {
    case DType::int8: return visit(Tag<std::int8_t>{});
    case DType::uint8: return visit(Tag<std::uint8_t>{});
    case DType::int16: return visit(Tag<std::int16_t>{});
    case DType::uint16: return visit(Tag<std::uint16_t>{});
    case DType::int32: return visit(Tag<std::int32_t>{});
    default: wrong_type(dtype);
  }
}

/// What a processor makes of a float: the least number where there is none.
template <class T>
T to_quantized_bits(float x) {
  if (!(std::abs(x) < 2147483648.0F))
    return static_cast<T>(std::numeric_limits<std::int32_t>::min());
  return static_cast<T>(static_cast<std::int32_t>(x));
}

template <class T>
constexpr float kLowest = static_cast<float>(std::numeric_limits<T>::lowest());
template <class T>
constexpr double kSteps = static_cast<double>((std::int64_t{1} << (8 * sizeof(T))) - 1);

float range_end(const Tensor& tensor, const char* what) {
  if (tensor.num_elements() != 1) {
    invalid("{}: expected one number, found shape {}", what, tensor.shape().to_string());
  }
  return *tensor.data<float>();
}

Tensor range_scalar(float x) { return Tensor::from(Shape{}, std::vector<float>{x}); }

// ---- one number ----

/// From numbers to integers so that the range's least number is the least integer.
template <class T>
struct ToQuantized {
  ToQuantized(float low, float high)
      : scale(low == high ? 0.0F : static_cast<float>(kSteps<T> / (high - low))),
        base(std::round(low * scale) - kLowest<T>) {}

  T operator()(float x) const {
    // The largest int32 is no float; the one below it is 128 less.
    constexpr float kMost =
        sizeof(T) == 4 ? 2147483520.0F : static_cast<float>(std::numeric_limits<T>::max());
    const float y = std::max(std::round(x * scale) - base, kLowest<T>);
    return to_quantized_bits<T>(std::min(y, kMost));
  }

  float scale, base;
};

template <class T>
struct FromQuantized {
  FromQuantized(float low, float high)
      : scale(static_cast<float>((high - low) / kSteps<T>)),
        base((low == high ? low : std::round(low / scale) * scale) - kLowest<T> * scale) {}

  float operator()(T x) const { return base + static_cast<float>(x) * scale; }

  float scale, base;
};

/// In double precision, for single numbers.
template <class T>
float exact_number(T x, float low, float high) {
  if (low == high) return low;
  const double scale = (high - low) * ((kSteps<T> + 1) / kSteps<T>) / (kSteps<T> + 1);
  const double offset = static_cast<double>(x) - static_cast<double>(kLowest<T>);
  const auto step = static_cast<float>(scale);
  return static_cast<float>(std::round(low / step) * static_cast<double>(step) + offset * scale);
}

template <class T>
std::int64_t exact_integer(float x, float low, float high, bool clamped) {
  constexpr auto kLeast = static_cast<std::int64_t>(std::numeric_limits<T>::lowest());
  constexpr auto kMost = static_cast<std::int64_t>(std::numeric_limits<T>::max());
  if (low == high) return kLeast;
  const double scale = (kSteps<T> + 1) / ((high - low) * ((kSteps<T> + 1) / kSteps<T>));
  const double steps = std::round(x * scale) - std::round(low * scale);
  if (!(std::abs(steps) < 9.0e15)) invalid("a range of [{}, {}]", low, high);
  const std::int64_t y = static_cast<std::int64_t>(steps) + kLeast;
  return clamped ? std::min(std::max(y, kLeast), kMost) : y;
}

// ---- tensors ----

enum class QuantizeMode : std::uint8_t { min_combined, min_first, scaled };

struct Quantisation {
  QuantizeMode mode = QuantizeMode::min_combined;
  bool half_to_even = false, narrow = false;
  float least_range = 0;
};

/// Numbers of a slice, in order.
struct QuantizedSlice {
  std::int64_t outer, step, inner;

  template <class Visit>
  void each(Visit&& visit) const {
    for (std::int64_t o = 0; o < outer; ++o) {
      for (std::int64_t i = 0; i < inner; ++i) visit(o * step + i);
    }
  }
};

template <class T>
void combine_min(const QuantizedSlice& slice, const float* in, T* out, float low, float high) {
  constexpr double kRange = static_cast<double>(std::numeric_limits<T>::max()) -
                            static_cast<double>(std::numeric_limits<T>::lowest());
  const auto scale = static_cast<float>(kRange / (high - low));
  slice.each([&](std::int64_t at) {
    const float y = (std::max(std::min(in[at], high), low) - low) * scale;
    if constexpr (std::is_signed_v<T>) {
      constexpr auto kHalf = static_cast<float>((kRange + 1) / 2);
      out[at] = to_quantized_bits<T>(std::round(y - kHalf));
    } else {
      out[at] = to_quantized_bits<T>(y + 0.5F);
    }
  });
}

// The range becomes one that has zero at an integer.
template <class T>
void scale_numbers(const Quantisation& q, const QuantizedSlice& slice, const float* in, T* out,
                   float& low, float& high) {
  const auto least =
      static_cast<float>(std::numeric_limits<T>::lowest()) + (q.narrow ? 1.0F : 0.0F);
  const auto most = static_cast<float>(std::numeric_limits<T>::max());
  constexpr float kNone = std::numeric_limits<float>::max();
  const float scale =
      std::min(least * low > 0 ? least / low : kNone, most * high > 0 ? most / high : kNone);
  low = least / scale;
  high = most / scale;
  slice.each([&](std::int64_t at) {
    const float y = std::max(std::min(in[at], high), low) * scale;
    out[at] = to_quantized_bits<T>(q.half_to_even ? std::nearbyint(y) : std::round(y));
  });
}

template <class T>
void quantize_numbers(const Quantisation& q, const QuantizedSlice& slice, const float* in, T* out,
                      float& low, float& high) {
  if (high < low)
    invalid("input_max_range must be larger than input_min_range: {} < {}", high, low);
  // Zero is in the range, and the range is not too small to tell numbers apart.
  const float gap = std::max(1.0F, std::max(std::abs(low), std::abs(high))) * q.least_range;
  low = std::min(0.0F, low);
  high = std::max(0.0F, std::max(high, low + gap));
  switch (q.mode) {
    case QuantizeMode::min_combined: return combine_min(slice, in, out, low, high);
    case QuantizeMode::scaled: return scale_numbers(q, slice, in, out, low, high);
    case QuantizeMode::min_first: {
      const ToQuantized<T> convert(low, high);
      slice.each([&](std::int64_t at) { out[at] = convert(in[at]); });
    }
  }
}

/// Sums of 32 bits to 8 bits in fixed-point arithmetic.
void requantize_sums(const Tensor& x, float low, float high, float new_low, float new_high,
                     Tensor& y) {
  const float range = high - low, new_range = new_high - new_low;
  const auto fixed = [](double value) {
    if (!(std::abs(value) < 9.0e18)) invalid("ranges that are too different");
    return static_cast<std::int64_t>(value);
  };
  const bool none = new_range == 0;
  const float inverse = none ? 0.0F : static_cast<float>(255.0 / new_range);
  const auto middle = static_cast<float>((low + high) / 2.0);
  const std::int64_t scale = none ? 0 : fixed(255.0 * 65536 * range / new_range);
  const std::int64_t in_offset = fixed(middle * inverse * 65536);
  const std::int64_t out_offset = none ? 0 : fixed(65536 * (new_low * 255.0) / new_range);
  const auto* in = x.data<std::int32_t>();
  auto* out = mutable_elements<std::uint8_t>(y);
  for (std::int64_t i = 0; i < x.num_elements(); ++i) {
    const auto product = static_cast<__int128>(in[i]) * scale;
    const __int128 sum = (product >> 32) + in_offset - out_offset + 32768;
    const __int128 value = sum >> 16;
    out[i] = static_cast<std::uint8_t>(value < 0 ? 0 : value > 255 ? 255 : value);
  }
}

}  // namespace

std::vector<Tensor> quantize(const HostArgs& args) {
  const Attributes& attributes = args.call.attributes;
  const std::string& mode = attributes.text("mode");
  Quantisation q;
  q.mode = mode == "SCALED"      ? QuantizeMode::scaled
           : mode == "MIN_FIRST" ? QuantizeMode::min_first
                                 : QuantizeMode::min_combined;
  q.half_to_even = attributes.flag("half_to_even");
  q.narrow = attributes.flag("narrow_range");
  q.least_range = static_cast<float>(attributes.real("ensure_minimum_range"));
  const std::int64_t axis = attributes.integer("axis");
  const Tensor& x = args.in[0];
  const int rank = x.shape().rank();
  if (axis >= rank) invalid("axis {} of {}", axis, x.shape().to_string());
  const std::int64_t slices = axis < 0 ? 1 : x.shape()[static_cast<int>(axis)];
  if (args.in[1].num_elements() != slices || args.in[2].num_elements() != slices) {
    invalid("expected {} ranges, found {} and {}", slices, args.in[1].shape().to_string(),
            args.in[2].shape().to_string());
  }
  Tensor y(args.out[0].dtype, x.shape());
  const Shape ranges = axis < 0 ? Shape{} : Shape{slices};
  Tensor low(DType::float32, ranges), high(DType::float32, ranges);
  const int first = static_cast<int>(axis);
  const std::int64_t inner = axis < 0 ? x.num_elements() : product(x.shape(), first + 1, rank);
  const QuantizedSlice slice{axis < 0 ? 1 : product(x.shape(), 0, first), slices * inner, inner};
  visit_quantized(y.dtype(), [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    for (std::int64_t i = 0; i < slices; ++i) {
      float from = args.in[1].data<float>()[i], to = args.in[2].data<float>()[i];
      quantize_numbers<T>(q, slice, x.data<float>() + i * inner, mutable_elements<T>(y) + i * inner,
                          from, to);
      low.mutable_data<float>()[i] = from;
      high.mutable_data<float>()[i] = to;
    }
  });
  return {std::move(y), std::move(low), std::move(high)};
}

std::vector<Tensor> requantize(const HostArgs& args) {
  const Tensor& x = args.in[0];
  const float low = range_end(args.in[1], "input_min"), high = range_end(args.in[2], "input_max");
  const float new_low = range_end(args.in[3], "requested_output_min");
  const float new_high = range_end(args.in[4], "requested_output_max");
  if (!(new_low <= 0)) invalid("requested_output_min must be <= 0, but got {}", new_low);
  if (!(new_high >= new_low)) {
    invalid("requested_output_max must be >= requested_output_min, but got {} and {}", new_high,
            new_low);
  }
  Tensor y(args.out[0].dtype, x.shape());
  if (x.dtype() == y.dtype() && low == new_low && high == new_high) return {x};
  if (x.dtype() == DType::int32 && y.dtype() == DType::uint8) {
    requantize_sums(x, low, high, new_low, new_high, y);
    return {std::move(y)};
  }
  visit_quantized(x.dtype(), [&](auto from) {
    using T = TypeOf<decltype(from)>;
    const FromQuantized<T> number(low, high);
    visit_quantized(y.dtype(), [&](auto to) {
      using U = TypeOf<decltype(to)>;
      const ToQuantized<U> convert(new_low, new_high);
      for (std::int64_t i = 0; i < x.num_elements(); ++i) {
        mutable_elements<U>(y)[i] = convert(number(elements<T>(x)[i]));
      }
    });
  });
  return {std::move(y)};
}

std::vector<Tensor> requantization_range(const HostArgs& args) {
  const Tensor& x = args.in[0];
  const float low = range_end(args.in[1], "input_min"), high = range_end(args.in[2], "input_max");
  return visit_quantized(x.dtype(), [&](auto tag) -> Results {
    using T = TypeOf<decltype(tag)>;
    T least = std::numeric_limits<T>::max(), most = std::numeric_limits<T>::lowest();
    for (std::int64_t i = 0; i < x.num_elements(); ++i) {
      least = std::min(least, elements<T>(x)[i]);
      most = std::max(most, elements<T>(x)[i]);
    }
    return {range_scalar(std::min(0.0F, exact_number<T>(least, low, high))),
            range_scalar(exact_number<T>(most, low, high))};
  });
}

std::vector<Tensor> quantized_number(const HostArgs& args) {
  const float x = range_end(args.in[0], "x"), low = range_end(args.in[1], "min");
  const float high = range_end(args.in[2], "max");
  const bool clamped = args.call.attributes.flag("clamped");
  const std::int64_t y = visit_quantized(args.call.attributes.dtype("type"), [&](auto tag) {
    return exact_integer<TypeOf<decltype(tag)>>(x, low, high, clamped);
  });
  return {Tensor::from(Shape{}, std::vector<std::int64_t>{y})};
}

// The two are summed in the numbers of a range that no sum can leave.
std::vector<Tensor> quantized_bias_add(const HostArgs& args) {
  const Tensor &x = args.in[0], &bias = args.in[1];
  const float low = range_end(args.in[2], "min_input"), high = range_end(args.in[3], "max_input");
  const float bias_low = range_end(args.in[4], "min_bias");
  const float bias_high = range_end(args.in[5], "max_bias");
  const int rank = x.shape().rank();
  if (rank == 0 || x.shape()[rank - 1] != bias.num_elements()) {
    invalid("Must provide as many biases as the last dimension of the input tensor: {} vs. {}",
            bias.shape().to_string(), x.shape().to_string());
  }
  const float most = std::max(std::max(std::abs(low), std::abs(high)),
                              std::max(std::abs(bias_low), std::abs(bias_high))) *
                     static_cast<float>(1 << 17);
  Tensor y(DType::int32, x.shape());
  const ToQuantized<std::int32_t> convert(-most, most);
  const std::int64_t zero = exact_integer<std::int32_t>(0.0F, -most, most, true);
  visit_quantized(x.dtype(), [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    const FromQuantized<T> number(low, high);
    visit_quantized(bias.dtype(), [&](auto bias_tag) {
      using U = TypeOf<decltype(bias_tag)>;
      const FromQuantized<U> bias_number(bias_low, bias_high);
      for (std::int64_t i = 0; i < x.num_elements(); ++i) {
        const U b = elements<U>(bias)[i % bias.num_elements()];
        const std::int64_t sum = std::int64_t{convert(number(elements<T>(x)[i]))} +
                                 std::int64_t{convert(bias_number(b))} + zero;
        mutable_elements<std::int32_t>(y)[i] = static_cast<std::int32_t>(sum);
      }
    });
  });
  return {std::move(y), range_scalar(-most), range_scalar(most)};
}

// Integers of 8 bits in steps of whole numbers of the common range, whose error grows with the
// integer; a single one is put into the range by itself.
std::vector<Tensor> quantized_add(const HostArgs& args) {
  using Byte = std::uint8_t;
  const float low[] = {range_end(args.in[2], "min_x"), range_end(args.in[4], "min_y")};
  const float high[] = {range_end(args.in[3], "max_x"), range_end(args.in[5], "max_y")};
  const float most = std::max(std::max(high[0], -low[0]), std::max(high[1], -low[1])) *
                     static_cast<float>(1 << 14);
  const int single = args.in[0].num_elements() == 1 ? 0 : args.in[1].num_elements() == 1 ? 1 : -1;
  std::array<std::array<std::int64_t, 256>, 2> summands{};
  for (int i = 0; i < 2; ++i) {
    const auto put = [&](int x, bool clamped) {
      const float number = exact_number<Byte>(static_cast<Byte>(x), low[i], high[i]);
      return exact_integer<std::int32_t>(number, -most, most, clamped);
    };
    const std::int64_t zero = put(0, false), step = put(1, false) - zero;
    for (int x = 0; x < 256; ++x) {
      summands[static_cast<std::size_t>(i)][static_cast<std::size_t>(x)] =
          i == single ? put(x, true) : zero + x * step;
    }
  }
  const Shape shape = broadcast(args.in[0].shape(), args.in[1].shape());
  Tensor z(DType::int32, shape);
  const auto *x = elements<Byte>(args.in[0]), *y = elements<Byte>(args.in[1]);
  Broadcast(shape, {args.in[0].shape(), args.in[1].shape()})
      .each([&](std::int64_t i, const std::vector<std::int64_t>& at) {
        const std::int64_t sum = summands[0][x[at[0]]] + summands[1][y[at[1]]];
        z.mutable_data<std::int32_t>()[i] = static_cast<std::int32_t>(sum);
      });
  return {std::move(z), range_scalar(-most), range_scalar(most)};
}

}  // namespace thaw::host
