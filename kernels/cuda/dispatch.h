// From an element type known at preparation to a device kernel compiled for it.
#pragma once

#include <memory>
#include <utility>

#include "kernels/cuda/element.cuh"
#include "kernels/device.h"

namespace thaw::cuda {

using KernelPtr = std::unique_ptr<DeviceKernel>;

struct KernelTraits {
  const char* name;
  std::size_t workspace = 0;
  bool may_fault = false;
  std::uint32_t packed = 0;  // one bit per operand: it was taken over at preparation
};

/// A kernel whose enqueue() is a function object that carries what preparation decided.
template <class Body>
KernelPtr make_kernel(const KernelTraits& traits, Body body) {
  class BodyKernel final : public DeviceKernel {
   public:
    BodyKernel(const KernelTraits& given, Body b) : traits_(given), body_(std::move(b)) {
      workspace_ = given.workspace;
    }
    const char* name() const override { return traits_.name; }
    bool may_fault() const override { return traits_.may_fault; }
    OperandUse use(std::size_t operand) const override {
      const bool packed = operand < 32 && (traits_.packed >> operand & 1) != 0;
      return packed ? OperandUse::nothing : OperandUse::elements;
    }
    void enqueue(const Args& args, const Queue& queue) const override { body_(args, queue); }

   private:
    KernelTraits traits_;
    Body body_;
  };
  return std::make_unique<BodyKernel>(traits, std::move(body));
}

template <class T>
struct Tag {
  using type = T;
};
template <class T>
using TypeOf = typename T::type;

// Each calls make(Tag<T>{}) and gives null for other dtypes: those nodes run on the host.

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

/// All integers by two types, not eight: every kernel is compiled for many architectures, and loads
/// whose width is known at run time cost little beside the memory.
template <class Make>
KernelPtr for_integers(DType dtype, const Make& make) {
  if (!is_integer(dtype)) return nullptr;
  return dtype == DType::uint64 ? make(Tag<std::uint64_t>{}) : make(Tag<AnyInteger>{});
}

template <class Make>
KernelPtr for_reals(DType dtype, const Make& make) {
  return is_floating(dtype) ? for_floats(dtype, make) : for_integers(dtype, make);
}

template <class T>
Reader<T> reader(const View& view) {
  return {view.data, view.type->dtype};
}
template <class T>
Writer<T> writer(const View& view) {
  return {view.data, view.type->dtype};
}

struct Bytes16 {
  std::uint64_t low = 0, high = 0;
};

/// For ops that only move elements: a type of the element's size.
template <class Make>
KernelPtr for_storage(DType dtype, const Make& make) {
  if (dtype == DType::string) return nullptr;
  switch (size_of(dtype)) {
    case 1: return make(Tag<std::uint8_t>{});
    case 2: return make(Tag<std::uint16_t>{});
    case 4: return make(Tag<std::uint32_t>{});
    case 8: return make(Tag<std::uint64_t>{});
    case 16: return make(Tag<Bytes16>{});
    default: return nullptr;
  }
}

}  // namespace thaw::cuda
