#include "kernels/cuda/narrow.h"

#include <cmath>
#include <string>

#include "kernels/backend.h"
#include "runtime/base/half.h"
#include "runtime/base/memory.h"

namespace thaw::cuda {

DType storage_of(Precision precision, DType dtype) {
  if (dtype != DType::float32) return dtype;
  switch (precision) {
    case Precision::fp16: return DType::float16;
    case Precision::bf16: return DType::bfloat16;
    default: return dtype;
  }
}

Tensor rounded(const Tensor& weights, DType storage) {
  Tensor narrow(storage, weights.shape());
  const float* from = weights.data<float>();
  auto* to = static_cast<std::uint16_t*>(narrow.mutable_data());
  const bool half = storage == DType::float16;
  for (std::int64_t i = 0; i < weights.num_elements(); ++i) {
    to[i] = half ? float_to_half(from[i]) : float_to_bfloat(from[i]);
    const float back = half ? half_to_float(to[i]) : bfloat_to_float(to[i]);
    if (std::isfinite(from[i]) != std::isfinite(back)) return {};
  }
  return narrow;
}

std::shared_ptr<const void> uploaded(const Tensor& tensor, const Device& device) {
  std::shared_ptr<std::byte> memory = device.allocate(tensor.size_bytes(), MemoryKind::device);
  const std::unique_ptr<Stream> stream = device.make_stream();
  stream->copy_to_device(memory.get(), tensor.data(), tensor.size_bytes());
  stream->wait();
  return memory;
}

bool NarrowOperand::set(const Site& site, std::size_t operand, DType storage,
                        const Device& device) {
  storage_ = storage;
  count_ = site.in[operand].shape.num_elements();
  const Tensor* constant = site.constants[operand];
  if (constant == nullptr) return true;
  const auto pack = [&]() -> std::shared_ptr<const void> {
    const Tensor narrow = rounded(*constant, storage);
    return narrow.empty() ? nullptr : uploaded(narrow, device);
  };
  const std::string layout = std::string("cuda ") + name_of(storage);
  weights_ = site.packs == nullptr ? pack() : site.packs->get(*constant, layout, pack);
  return weights_ != nullptr;
}

std::size_t NarrowOperand::workspace() const {
  return constant() ? 0 : align_up(static_cast<std::size_t>(count_) * size_of(storage_));
}

const void* NarrowOperand::bring(const Queue& queue, const void* x, std::byte* room) const {
  if (constant()) return weights_.get();
  enqueue_cast(queue, DType::float32, x, storage_, room, count_);
  return room;
}

bool NarrowPair::set(const Site& site, DType storage, const Device& device) {
  return first.set(site, 0, storage, device) && second.set(site, 1, storage, device);
}

std::uint32_t NarrowPair::packed() const {
  return (first.constant() ? 1U : 0U) | (second.constant() ? 2U : 0U);
}

void NarrowPair::bring(const Queue& queue, const void*& x, const void*& y, std::byte*& room) const {
  x = first.bring(queue, x, room);
  room += first.workspace();
  y = second.bring(queue, y, room);
  room += second.workspace();
}

}  // namespace thaw::cuda
