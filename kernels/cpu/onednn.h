// oneDNN behind one door: a convolution primitive, prepared once.
#pragma once

#include <cstddef>
#include <memory>

#include "kernels/kernel.h"
#include "runtime/ir/ops.h"

namespace thaw::cpu::onednn {

/// Whether the library is installed; opens it. Where it is not, the packed kernels run.
bool is_there();

/// A convolution of one image, or of a strip of its output along the first spatial axis, with
/// constant weights and without activation, the weights in oneDNN's own layout. Immutable;
/// execute() may be called by several threads at once.
///
/// It runs on the calling thread alone: oneDNN's OpenMP workers would go on spinning after each
/// call and take the processors from Thaw's pool. oneDNN's execute builds its arguments on the
/// heap, a few small blocks a call, so this is for work that takes far longer than that.
class Convolution {
 public:
  /// Output lines [begin, end). Throws Error(internal) when oneDNN refuses.
  static std::unique_ptr<Convolution> prepare(const Site& site, std::int64_t begin,
                                              std::int64_t end);
  virtual ~Convolution() = default;

  /// Bytes of scratchpad for one execution.
  std::size_t scratchpad() const { return scratchpad_; }
  /// x and y are the whole image's.
  virtual void execute(const float* x, const float* bias, float* y,
                       std::byte* scratchpad) const = 0;

 protected:
  std::size_t scratchpad_ = 0;
};

}  // namespace thaw::cpu::onednn
