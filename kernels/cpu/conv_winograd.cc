// Conv of stride 1 with constant weights by minimal filtering (winograd.h), pooled or not.
#include <utility>

#include "kernels/cpu/kernels.h"
#include "kernels/cpu/winograd.h"

namespace thaw::cpu {
namespace {

class WinogradKernel final : public Kernel {
 public:
  WinogradKernel(Winograd winograd, std::int64_t images, bool bias)
      : winograd_(std::move(winograd)), images_(images), has_bias_(bias) {
    workspace_ = winograd_.workspace();
  }

  const char* name() const override {
    return winograd_.is_pooled() ? "cpu pooled winograd conv" : "cpu winograd conv";
  }
  OperandUse use(std::size_t operand) const override {
    return operand == 1 ? OperandUse::nothing : OperandUse::elements;
  }

  bool reads_rows(std::size_t operand, std::int64_t columns) const override {
    return operand == 0 && columns == winograd_.channels();
  }
  bool writes_rows(std::size_t, std::int64_t columns) const override {
    return columns == winograd_.outputs();
  }

  void run(const Args& args) const override {
    const float* bias = has_bias_ ? args.in[2].as<float>() : nullptr;
    winograd_.run(args, args.in[0].as<float>(), images_, bias, args.out[0].as_mutable<float>(),
                  args.workspace, args.in[0].pitch, args.out[0].pitch);
  }

 private:
  Winograd winograd_;
  std::int64_t images_;
  bool has_bias_;
};

}  // namespace

std::unique_ptr<Kernel> winograd_kernel(Winograd winograd, std::int64_t images, bool bias) {
  return std::make_unique<WinogradKernel>(std::move(winograd), images, bias);
}

std::unique_ptr<Kernel> prepare_conv_winograd(const Site& site) {
  const auto& op = site.op_as<ops::Conv>();
  const Shape &x = site.in[0].shape, &w = site.in[1].shape, &y = site.out[0].shape;
  Window window;
  if (!all_float32(site) || site.constants[1] == nullptr || y.num_elements() == 0 ||
      w.num_elements() == 0 || !window.init(op, x, w, y, 1, site.threads, false)) {
    return nullptr;
  }
  std::optional<Winograd> winograd = Winograd::prepare(site, 1, window, op.groups, op.activation);
  if (!winograd) return nullptr;
  return winograd_kernel(std::move(*winograd), x[0], site.in.size() > 2);
}

}  // namespace thaw::cpu
