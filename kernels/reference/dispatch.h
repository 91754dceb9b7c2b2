// From an element type known at preparation to a kernel compiled for it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kernels/kernel.h"
#include "kernels/reference/element.h"

namespace thaw::reference {

using KernelPtr = std::unique_ptr<Kernel>;

/// A kernel whose run() is a function object that carries what preparation decided.
template <class Body>
KernelPtr make_kernel(Body body, std::size_t workspace = 0) {
  class BodyKernel final : public Kernel {
   public:
    BodyKernel(Body b, std::size_t bytes) : body_(std::move(b)) { workspace_ = bytes; }
    void run(const Args& args) const override { body_(args); }

   private:
    Body body_;
  };
  return std::make_unique<BodyKernel>(std::move(body), workspace);
}

template <class T>
struct Tag {
  using type = T;
};
template <class T>
using TypeOf = typename T::type;

// Each calls make(Tag<T>{}) for the dtype's element type and gives null for dtypes outside its
// class.

template <class Make>
KernelPtr for_floats(DType dtype, const Make& make) {
  switch (dtype) {
    case DType::float16: return make(Tag<float16>{});
    case DType::bfloat16: return make(Tag<bfloat16>{});
    case DType::float32: return make(Tag<float>{});
    case DType::float64: return make(Tag<double>{});
    default: return nullptr;
  }
}

template <class Make>
KernelPtr for_integers(DType dtype, const Make& make) {
  switch (dtype) {
    case DType::int8: return make(Tag<std::int8_t>{});
    case DType::int16: return make(Tag<std::int16_t>{});
    case DType::int32: return make(Tag<std::int32_t>{});
    case DType::int64: return make(Tag<std::int64_t>{});
    case DType::uint8: return make(Tag<std::uint8_t>{});
    case DType::uint16: return make(Tag<std::uint16_t>{});
    case DType::uint32: return make(Tag<std::uint32_t>{});
    case DType::uint64: return make(Tag<std::uint64_t>{});
    default: return nullptr;
  }
}

template <class Make>
KernelPtr for_complex(DType dtype, const Make& make) {
  switch (dtype) {
    case DType::complex64: return make(Tag<Complex64>{});
    case DType::complex128: return make(Tag<Complex128>{});
    default: return nullptr;
  }
}

/// Floats and integers: what has an order.
template <class Make>
KernelPtr for_reals(DType dtype, const Make& make) {
  return is_floating(dtype) ? for_floats(dtype, make) : for_integers(dtype, make);
}

/// Reals and complex numbers.
template <class Make>
KernelPtr for_numbers(DType dtype, const Make& make) {
  return is_complex(dtype) ? for_complex(dtype, make) : for_reals(dtype, make);
}

/// For ops that only move elements: an unsigned type of the element's size, or std::string.
template <class Make>
KernelPtr for_storage(DType dtype, const Make& make) {
  struct Bytes16 {
    std::uint64_t low = 0, high = 0;
  };
  if (dtype == DType::string) return make(Tag<std::string>{});
  switch (size_of(dtype)) {
    case 1: return make(Tag<std::uint8_t>{});
    case 2: return make(Tag<std::uint16_t>{});
    case 4: return make(Tag<std::uint32_t>{});
    case 8: return make(Tag<std::uint64_t>{});
    case 16: return make(Tag<Bytes16>{});
    default: return nullptr;
  }
}

/// Element `i` of an integer tensor; used for indices, whose dtype varies.
inline std::int64_t integer_at(const View& view, std::int64_t i) {
  switch (view.type->dtype) {
    case DType::int8: return view.as<std::int8_t>()[i];
    case DType::int16: return view.as<std::int16_t>()[i];
    case DType::int32: return view.as<std::int32_t>()[i];
    case DType::int64: return view.as<std::int64_t>()[i];
    case DType::uint8: return view.as<std::uint8_t>()[i];
    case DType::uint16: return view.as<std::uint16_t>()[i];
    case DType::uint32: return view.as<std::uint32_t>()[i];
    case DType::uint64: {
      const std::uint64_t value = view.as<std::uint64_t>()[i];
      return value > INT64_MAX ? INT64_MAX : static_cast<std::int64_t>(value);
    }
    default: return -1;
  }
}

/// Writes an index, which fits, as element `i` of an integer tensor.
inline void set_integer(const View& view, std::int64_t i, std::int64_t value) {
  switch (size_of(view.type->dtype)) {
    case 1: view.as_mutable<std::uint8_t>()[i] = static_cast<std::uint8_t>(value); break;
    case 2: view.as_mutable<std::uint16_t>()[i] = static_cast<std::uint16_t>(value); break;
    case 4: view.as_mutable<std::uint32_t>()[i] = static_cast<std::uint32_t>(value); break;
    default: view.as_mutable<std::uint64_t>()[i] = static_cast<std::uint64_t>(value); break;
  }
}

}  // namespace thaw::reference
