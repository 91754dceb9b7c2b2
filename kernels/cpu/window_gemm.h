// A convolution as a GEMM that reads its rows in place: row = output pixel, k = the window's taps,
// which lie at fixed offsets in the padded input (runs of a whole kernel line without groups and
// dilation).
#pragma once

#include <memory>
#include <vector>

#include "kernels/cpu/gemm.h"
#include "kernels/cpu/window.h"

namespace thaw::cpu {

class WindowGemm {
 public:
  WindowGemm() = default;
  /// `packed` as pack() makes it.
  WindowGemm(const Window& window, std::int64_t groups, std::int64_t outputs,
             std::shared_ptr<const float> packed, const UnaryFn& activation);

  /// Operand `operand` of a site, [K..., C / groups, outputs], a constant.
  static std::shared_ptr<const float> pack(const Site& site, int operand, std::int64_t groups);

  /// y [count, S'..., outputs], `pixel` floats from one to the next, from the padded images that
  /// Window::pad gave, plus `bias` [outputs] if not null. Parallel over blocks of pixels and of
  /// output channels of all images.
  void run(const Args& args, const float* images, std::int64_t count, const float* bias, float* y,
           std::int64_t pixel) const;
  std::int64_t outputs() const { return outputs_; }

  const Window& window() const { return window_; }

 private:
  Window window_;
  std::shared_ptr<const float> packed_;  // per group
  std::vector<std::int64_t> offsets_;    // of the runs of a window
  std::int64_t run_ = 0, depth_ = 0;     // floats of a run, of a window
  std::int64_t groups_ = 1, outputs_ = 0;
  bool pointwise_ = false;
  UnaryFn activation_;
};

}  // namespace thaw::cpu
