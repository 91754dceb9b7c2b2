#include <cmath>

#include "kernels/host/numeric.h"
#include "kernels/host/quantize.h"

namespace thaw::host {
namespace {

struct Quantizer {
  bool is_signed = true, narrow = false, range_given = false, half_up = false;
  std::int64_t bits = 8;
};

/// float for the 16-bit types: TensorFlow's kernels for them round after each step, which is less
/// exact.
template <class T>
using Working = std::conditional_t<std::is_same_v<T, double>, double, float>;

template <class F>
struct Range {
  F low, high, scale, inverse;
};

/// The range widened so that zero and the side that decides the scale are exact.
template <class F>
Range<F> widen(const Quantizer& q, F low, F high) {
  const auto steps = [](std::int64_t bits) { return static_cast<F>((1ULL << bits) - 1); };
  const F top = q.is_signed ? steps(q.bits - 1) : steps(q.bits);
  const F bottom = q.is_signed ? -steps(q.bits - 1) - (q.narrow ? F(0) : F(1)) : F(0);
  const F most = std::numeric_limits<F>::max();
  const F from_low = bottom * low > 0 ? bottom / low : most;
  const F from_high = top * high > 0 ? top / high : most;
  if (from_low < from_high) {
    const F inverse = low / bottom;
    return {low, top * inverse, from_low, inverse};
  }
  const F inverse = high / top;
  return {bottom * inverse, high, from_high, inverse};
}

template <class T>
void quantize_slice(const Quantizer& q, const T* in, T* out, std::int64_t outer, std::int64_t step,
                    std::int64_t inner, Working<T> low, Working<T> high) {
  using F = Working<T>;
  const auto at = [&](std::int64_t o) { return o * step; };
  if (!q.range_given) {
    low = std::numeric_limits<F>::infinity(), high = -low;
    for (std::int64_t o = 0; o < outer; ++o) {
      for (std::int64_t i = 0; i < inner; ++i) {
        const F x = static_cast<F>(to_number(in[at(o) + i]));
        low = std::min(low, x);
        high = std::max(high, x);
      }
    }
  }
  const Range<F> range = widen<F>(q, low, high);
  for (std::int64_t o = 0; o < outer; ++o) {
    for (std::int64_t i = 0; i < inner; ++i) {
      F x = static_cast<F>(to_number(in[at(o) + i]));
      if (q.range_given) x = std::max(std::min(x, range.high), range.low);
      x *= range.scale;
      out[at(o) + i] =
          store<T>((q.half_up ? std::floor(x + F(0.5)) : std::nearbyint(x)) * range.inverse);
    }
  }
}

template <class T>
void quantize(const HostArgs& args, const Quantizer& q, Tensor& y) {
  const Tensor &x = args.in[0], &low = args.in[1], &high = args.in[2];
  const std::int64_t axis = args.call.attributes.integer("axis");
  const int rank = x.shape().rank();
  const std::int64_t channels = axis < 0 ? 1 : x.shape()[static_cast<int>(axis)];
  const std::int64_t inner =
      axis < 0 ? x.num_elements() : product(x.shape(), static_cast<int>(axis) + 1, rank);
  const std::int64_t outer = axis < 0 ? 1 : product(x.shape(), 0, static_cast<int>(axis));
  if (q.range_given && (low.num_elements() != channels || high.num_elements() != channels)) {
    fail(ErrorCode::invalid_argument, "expected ranges of {} channels, found {} and {}", channels,
         low.shape().to_string(), high.shape().to_string());
  }
  using F = Working<T>;
  for (std::int64_t c = 0; c < channels; ++c) {
    const F from = q.range_given ? static_cast<F>(to_number(elements<T>(low)[c])) : F(0);
    const F to = q.range_given ? static_cast<F>(to_number(elements<T>(high)[c])) : F(0);
    if (from > to) {
      fail(ErrorCode::invalid_argument, "Invalid range: input_min {} > input_max {}", from, to);
    }
    quantize_slice<T>(q, elements<T>(x) + c * inner, mutable_elements<T>(y) + c * inner, outer,
                      channels * inner, inner, from, to);
  }
}

}  // namespace

std::vector<Tensor> quantize_and_dequantize(const HostArgs& args) {
  const Attributes& attributes = args.call.attributes;
  Quantizer q;
  q.is_signed = attributes.flag("signed_input");
  q.narrow = attributes.flag("narrow_range");
  q.range_given = attributes.flag("range_given");
  q.half_up = attributes.text("round_mode") == "HALF_UP";
  q.bits = integer(args.in[3], "num_bits");
  if (q.bits < 1 || q.bits > 63 || (q.is_signed && q.bits < 2)) {
    fail(ErrorCode::invalid_argument, "num_bits is out of range: {} with signed_input {}", q.bits,
         q.is_signed);
  }
  Tensor y(args.in[0].dtype(), args.in[0].shape());
  for_floats(y.dtype(), [&](auto tag) { quantize<typename decltype(tag)::type>(args, q, y); });
  return {std::move(y)};
}

}  // namespace thaw::host
