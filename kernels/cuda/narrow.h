// float32 operands kept in 16 bits, for the precisions that ask for it.
#pragma once

#include <cstdint>
#include <memory>

#include "kernels/cuda/dispatch.h"
#include "runtime/base/rounded.h"
#include "thaw/options.h"

namespace thaw::cuda {

/// What `precision` keeps operands of `dtype` as: float16 or bfloat16 for float32, else `dtype`.
DType storage_of(Precision precision, DType dtype);

/// y = x in another type of float.
void enqueue_cast(const Queue& queue, DType from, const void* x, DType to, void* y,
                  std::int64_t count);

/// One float32 operand of a product in 16 bits. A constant lies rounded in the device's memory and
/// nowhere else there; what is computed is rounded in each run.
class NarrowOperand {
 public:
  /// False if a constant does not fit into `storage`.
  bool set(const Site& site, std::size_t operand, DType storage, const Device& device);
  bool constant() const { return weights_ != nullptr; }
  /// Bytes of the workspace, aligned.
  std::size_t workspace() const;
  /// The operand in 16 bits, in `room` unless it is a constant.
  const void* bring(const Queue& queue, const void* x, std::byte* room) const;

 private:
  DType storage_ = DType::invalid;
  std::int64_t count_ = 0;
  std::shared_ptr<const void> weights_;
};

/// Operands 0 and 1 of a site.
struct NarrowPair {
  NarrowOperand first, second;

  bool set(const Site& site, DType storage, const Device& device);
  std::size_t workspace() const { return first.workspace() + second.workspace(); }
  /// One bit per constant (KernelTraits).
  std::uint32_t packed() const;
  /// Both become what they are in 16 bits, and `room` what is behind them.
  void bring(const Queue& queue, const void*& x, const void*& y, std::byte*& room) const;
};

/// A copy in the device's memory, complete on return.
std::shared_ptr<const void> uploaded(const Tensor& tensor, const Device& device);

}  // namespace thaw::cuda
