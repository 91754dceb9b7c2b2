#include "kernels/cuda/narrow.h"

#include <string>

#include "kernels/backend.h"
#include "runtime/base/memory.h"
#include "runtime/base/stored.h"

namespace thaw::cuda {

DType storage_of(Precision precision, DType dtype) {
  if (dtype != DType::float32) return dtype;
  switch (precision) {
    case Precision::fp16: return DType::float16;
    case Precision::bf16: return DType::bfloat16;
    default: return dtype;
  }
}

std::shared_ptr<const void> uploaded(const Tensor& tensor, const Device& device) {
  std::shared_ptr<std::byte> memory = device.allocate(tensor.size_bytes(), MemoryKind::device);
  const ReadOnce elements(tensor, 1);
  const std::unique_ptr<Stream> stream = device.make_stream();  // ends before what it reads
  stream->copy_to_device(memory.get(), elements.data(), tensor.size_bytes());
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
