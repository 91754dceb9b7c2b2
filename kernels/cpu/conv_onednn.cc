// Large convolutions with constant weights through oneDNN, one image at a time, each with its activation
// while it is in the cache (oneDNN's own relu turns NaN into 0). Parallel over images.
#include <utility>

#include "kernels/cpu/common.h"
#include "kernels/cpu/functions.h"
#include "kernels/cpu/kernels.h"
#include "kernels/cpu/onednn.h"
#include "runtime/base/memory.h"

namespace thaw::cpu {
namespace {

// Multiply-adds per image from which oneDNN's blocking pays: measured about 10% faster than the packed
// kernel above, no faster below.
constexpr std::int64_t kMinimumWork = 50'000'000;

class OneDnnConvKernel final : public Kernel {
 public:
  OneDnnConvKernel(std::unique_ptr<onednn::Convolution> convolution, const Site& site)
      : convolution_(std::move(convolution)),
        activation_(site.op_as<ops::Conv>().activation),
        images_(site.in[0].shape[0]),
        x_size_(site.in[0].shape.num_elements() / images_),
        y_size_(site.out[0].shape.num_elements() / images_),
        slots_(std::min<std::int64_t>(images_, site.threads)),
        has_bias_(site.in.size() > 2) {
    slot_bytes_ = align_up(convolution_->scratchpad());
    workspace_ = slot_bytes_ * static_cast<std::size_t>(slots_);
  }
  const char* name() const override { return "onednn conv"; }

  void run(const Args& args) const override {
    const float* bias = has_bias_ ? args.in[2].as<float>() : nullptr;
    parallel(args, slots_, kParallelWork, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t slot = begin; slot < end; ++slot) {
        std::byte* scratchpad = args.workspace + slot_bytes_ * static_cast<std::size_t>(slot);
        for (std::int64_t i = images_ * slot / slots_; i < images_ * (slot + 1) / slots_; ++i) {
          float* y = args.out[0].as_mutable<float>() + i * y_size_;
          convolution_->execute(args.in[0].as<float>() + i * x_size_, bias, y, scratchpad);
          if (activation_.kind != UnaryKind::linear) apply(activation_, y, y, y_size_);
        }
      }
    });
  }

 private:
  std::unique_ptr<onednn::Convolution> convolution_;
  UnaryFn activation_;
  std::int64_t images_, x_size_, y_size_, slots_;
  bool has_bias_;
  std::size_t slot_bytes_ = 0;
};

}  // namespace

std::unique_ptr<Kernel> prepare_conv_onednn(const Site& site) {
  const auto& op = site.op_as<ops::Conv>();
  const Shape &x = site.in[0].shape, &w = site.in[1].shape, &y = site.out[0].shape;
  const int spatial = x.rank() - 2;
  if (!all_float32(site) || site.constants[1] == nullptr || !has_vector_form(op.activation.kind) ||
      spatial < 1 || spatial > 3 || y.num_elements() == 0 || w.num_elements() == 0) {
    return nullptr;
  }
  const std::int64_t work = product(y, 1, y.rank()) * product(w, 0, w.rank() - 1);
  // With fewer images than threads the packed kernel shares out each image instead.
  const bool shared = site.threads == 1 || x[0] >= 2 * site.threads;
  if (work < kMinimumWork || !shared) return nullptr;
  return std::make_unique<OneDnnConvKernel>(onednn::Convolution::prepare(site), site);
}

}  // namespace thaw::cpu
