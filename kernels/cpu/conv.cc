// Conv on float32 as a GEMM over the windows of the padded input (window_gemm.h).
#include <utility>

#include "kernels/cpu/kernels.h"
#include "kernels/cpu/window_gemm.h"

namespace thaw::cpu {
namespace {

class ConvKernel final : public Kernel {
 public:
  ConvKernel(WindowGemm gemm, bool bias) : gemm_(std::move(gemm)), has_bias_(bias) {
    workspace_ = gemm_.window().workspace();
  }

  const char* name() const override { return "cpu packed conv"; }
  OperandUse use(std::size_t operand) const override {
    return operand == 1 ? OperandUse::nothing : OperandUse::elements;
  }

  bool writes_rows(std::size_t, std::int64_t columns) const override {
    return columns == gemm_.outputs();
  }

  void run(const Args& args) const override {
    const Window& window = gemm_.window();
    const float* x = args.in[0].as<float>();
    const float* bias = has_bias_ ? args.in[2].as<float>() : nullptr;
    const std::int64_t pixel = args.out[0].row_stride(gemm_.outputs());
    const std::int64_t image = window.out[0] * window.out[1] * window.out[2] * pixel;
    float* y = args.out[0].as_mutable<float>();
    for (std::int64_t first = 0; first < window.images; first += window.wave) {
      const std::int64_t count = std::min(window.wave, window.images - first);
      gemm_.run(args, window.pad(args, x, first, count), count, bias, y + first * image, pixel);
    }
  }

 private:
  WindowGemm gemm_;
  bool has_bias_;
};

}  // namespace

std::unique_ptr<Kernel> prepare_conv(const Site& site) {
  const auto& op = site.op_as<ops::Conv>();
  const Shape& w = site.in[1].shape;
  if (!all_float32(site) || site.constants[1] == nullptr || !gemm_activation(op.activation)) {
    return nullptr;
  }
  Window window;
  if (site.out[0].shape.num_elements() == 0 || w.num_elements() == 0 ||
      !window.init(op, site.in[0].shape, w, site.out[0].shape, 1, site.threads)) {
    return nullptr;
  }
  const std::int64_t outputs = w[w.rank() - 1];
  WindowGemm gemm(window, op.groups, outputs, WindowGemm::pack(site, 1, op.groups), op.activation);
  return std::make_unique<ConvKernel>(std::move(gemm), site.in.size() > 2);
}

}  // namespace thaw::cpu
