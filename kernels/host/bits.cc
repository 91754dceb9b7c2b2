// Bit patterns, parts of complex numbers, quantisation.
#include <bit>
#include <cmath>
#include <cstring>

#include "kernels/host/families.h"
#include "kernels/host/numeric.h"
#include "kernels/host/quantize.h"
#include "runtime/ir/infer.h"

namespace thaw::host {
namespace {

using Results = std::vector<Tensor>;

Results bitcast(const HostArgs& args) {
  const Tensor& x = args.in[0];
  const DType to = args.out[0].dtype;
  const std::size_t in = size_of(x.dtype()), out = size_of(to);
  std::vector<std::int64_t> dims = x.shape().dims();
  if (in > out) {
    dims.push_back(static_cast<std::int64_t>(in / out));
  } else if (in < out) {
    if (dims.empty() || dims.back() != static_cast<std::int64_t>(out / in)) {
      fail(ErrorCode::invalid_argument, "Cannot bitcast from {} to {}: shape {}",
           name_of(x.dtype()), name_of(to), x.shape().to_string());
    }
    dims.pop_back();
  }
  Tensor y(to, Shape(std::move(dims)));
  if (y.size_bytes() > 0) std::memcpy(y.mutable_data(), x.data(), y.size_bytes());
  return {std::move(y)};
}

/// of(z) for every element; real numbers are complex ones without an imaginary part.
template <class Of>
Results map_complex(const HostArgs& args, Of&& of) {
  const Tensor& x = args.in[0];
  Tensor y(args.out[0].dtype, x.shape());
  const auto run = [&]<class T>(Tag<T>) {
    for (std::int64_t i = 0; i < x.num_elements(); ++i) {
      mutable_elements<T>(y)[i] = of(elements<std::complex<T>>(x)[i]);
    }
  };
  if (x.dtype() == DType::complex64) {
    run(Tag<float>{});
  } else if (x.dtype() == DType::complex128) {
    run(Tag<double>{});
  } else {
    for_floats(x.dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      for (std::int64_t i = 0; i < x.num_elements(); ++i) {
        mutable_elements<T>(y)[i] = store<T>(of(Complex128(to_number(elements<T>(x)[i]), 0)));
      }
    });
  }
  return {std::move(y)};
}

Results real(const HostArgs& args) {
  return map_complex(args, [](auto z) { return z.real(); });
}
Results imag(const HostArgs& args) {
  return map_complex(args, [](auto z) { return z.imag(); });
}
Results angle(const HostArgs& args) {
  return map_complex(args, [](auto z) { return std::arg(z); });
}
Results complex_abs(const HostArgs& args) {
  return map_complex(args, [](auto z) { return std::abs(z); });
}

Results conjugate(const HostArgs& args) {
  const Tensor& x = args.in[0];
  if (!is_complex(x.dtype())) return {x};
  Tensor y(x.dtype(), x.shape());
  const auto run = [&]<class T>(Tag<T>) {
    for (std::int64_t i = 0; i < x.num_elements(); ++i) {
      mutable_elements<T>(y)[i] = std::conj(elements<T>(x)[i]);
    }
  };
  if (x.dtype() == DType::complex64) {
    run(Tag<Complex64>{});
  } else {
    run(Tag<Complex128>{});
  }
  return {std::move(y)};
}

/// function(x, y) with broadcasting, for float32 and float64.
template <class Function>
Results map_pairs(const HostArgs& args, Function&& function) {
  const Tensor &a = args.in[0], &b = args.in[1];
  const Shape shape = broadcast(a.shape(), b.shape());
  Tensor y(args.out[0].dtype, shape);
  const auto run = [&]<class T>(Tag<T>) {
    using Result = decltype(function(T(), T()));
    const T *left = elements<T>(a), *right = elements<T>(b);
    auto* out = mutable_elements<Result>(y);
    Broadcast(shape, {a.shape(), b.shape()})
        .each([&](std::int64_t i, const std::vector<std::int64_t>& at) {
          out[i] = function(left[at[0]], right[at[1]]);
        });
  };
  if (a.dtype() == DType::float32) {
    run(Tag<float>{});
  } else {
    run(Tag<double>{});
  }
  return {std::move(y)};
}

Results complex(const HostArgs& args) {
  return map_pairs(args, [](auto re, auto im) { return std::complex<decltype(re)>(re, im); });
}

Results next_after(const HostArgs& args) {
  return map_pairs(args, [](auto x, auto y) { return std::nextafter(x, y); });
}

Results population_count(const HostArgs& args) {
  const Tensor& x = args.in[0];
  Tensor y(DType::uint8, x.shape());
  for_integers(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (std::int64_t i = 0; i < x.num_elements(); ++i) {
      mutable_elements<std::uint8_t>(y)[i] = static_cast<std::uint8_t>(
          std::popcount(static_cast<std::make_unsigned_t<T>>(elements<T>(x)[i])));
    }
  });
  return {std::move(y)};
}

template <class T>
bool is_above(T x, T threshold) {
  if constexpr (std::is_arithmetic_v<T>) {
    return x > threshold;
  } else {
    return to_number(x) > to_number(threshold);
  }
}

template <class T>
void pack(const Tensor& x, const Tensor& threshold, Tensor& y) {
  const T* in = elements<T>(x);
  const T limit = *elements<T>(threshold);
  for (std::int64_t i = 0; i < y.num_elements(); ++i) {
    unsigned byte = 0;  // the first comparison is the highest bit
    for (int bit = 0; bit < 8; ++bit) byte = byte << 1 | (is_above(in[i * 8 + bit], limit) ? 1 : 0);
    mutable_elements<std::uint8_t>(y)[i] = static_cast<std::uint8_t>(byte);
  }
}

// Booleans are packed as they are.
void pack_flags(const Tensor& x, Tensor& y) {
  const bool* in = elements<bool>(x);
  for (std::int64_t i = 0; i < y.num_elements(); ++i) {
    unsigned byte = 0;
    for (int bit = 0; bit < 8; ++bit) byte = byte << 1 | (in[i * 8 + bit] ? 1 : 0);
    mutable_elements<std::uint8_t>(y)[i] = static_cast<std::uint8_t>(byte);
  }
}

Results compare_and_bitpack(const HostArgs& args) {
  const Tensor &x = args.in[0], &threshold = args.in[1];
  std::vector<std::int64_t> dims = x.shape().dims();
  if (dims.empty() || dims.back() % 8 != 0) {
    fail(ErrorCode::invalid_argument,
         "Inner dimension of input should be divisible by 8, found shape {}",
         x.shape().to_string());
  }
  dims.back() /= 8;
  Tensor y(DType::uint8, Shape(std::move(dims)));
  if (x.dtype() == DType::boolean) {
    pack_flags(x, y);
  } else if (is_floating(x.dtype())) {
    for_floats(x.dtype(), [&](auto tag) { pack<typename decltype(tag)::type>(x, threshold, y); });
  } else {
    for_integers(x.dtype(), [&](auto tag) { pack<typename decltype(tag)::type>(x, threshold, y); });
  }
  return {std::move(y)};
}

constexpr HostKernel kBits[] = {
    {"bitcast", bitcast},
    {"real", real},
    {"imag", imag},
    {"angle", angle},
    {"complex_abs", complex_abs},
    {"conj", conjugate},
    {"complex", complex},
    {"population_count", population_count},
    {"next_after", next_after},
    {"compare_and_bitpack", compare_and_bitpack},
    {"quantize_and_dequantize", quantize_and_dequantize},
    {"quantize", quantize},
    {"requantize", requantize},
    {"requantization_range", requantization_range},
    {"quantized_number", quantized_number},
    {"quantized_add", quantized_add},
    {"quantized_bias_add", quantized_bias_add},
    {"round_to_float8", round_to_float8},
};

}  // namespace

std::span<const HostKernel> bits() { return kBits; }

}  // namespace thaw::host
