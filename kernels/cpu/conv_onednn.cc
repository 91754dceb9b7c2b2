// Large convolutions with constant weights through oneDNN, one strip of an image at a time, each
// with its activation while it is in the cache (oneDNN's own relu turns NaN into 0). Parallel over
// strips, which are cut by the shape alone, so that the result does not depend on the number of
// threads.
#include <algorithm>
#include <vector>

#include "kernels/cpu/common.h"
#include "kernels/cpu/functions.h"
#include "kernels/cpu/kernels.h"
#include "kernels/cpu/onednn.h"
#include "runtime/base/memory.h"
#include "runtime/ir/infer.h"

namespace thaw::cpu {
namespace {

// Multiply-adds per image from which oneDNN's blocking pays: measured about 10% faster than the
// packed kernel above, no faster below.
constexpr std::int64_t kMinimumWork = 50'000'000;

constexpr std::int64_t kStrips = 4, kStripLines = 7;  // at most, at least

struct Strip {
  std::unique_ptr<onednn::Convolution> convolution;
  std::int64_t offset, size;  // of its part of the result
};

std::vector<Strip> strips_of(const Site& site) {
  const Shape& y = site.out[0].shape;
  const std::int64_t count = std::clamp<std::int64_t>(y[1] / kStripLines, 1, kStrips);
  const std::int64_t line = product(y, 2, y.rank());
  std::vector<Strip> strips;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t begin = y[1] * i / count, end = y[1] * (i + 1) / count;
    strips.push_back(
        {onednn::Convolution::prepare(site, begin, end), begin * line, (end - begin) * line});
  }
  return strips;
}

class OneDnnConvKernel final : public Kernel {
 public:
  explicit OneDnnConvKernel(const Site& site)
      : strips_(strips_of(site)),
        activation_(site.op_as<ops::Conv>().activation),
        images_(site.in[0].shape[0]),
        x_size_(site.in[0].shape.num_elements() / images_),
        y_size_(site.out[0].shape.num_elements() / images_),
        has_bias_(site.in.size() > 2) {
    tasks_ = images_ * static_cast<std::int64_t>(strips_.size());
    slots_ = std::min<std::int64_t>(tasks_, site.threads);
    for (const Strip& strip : strips_) {
      slot_bytes_ = std::max(slot_bytes_, align_up(strip.convolution->scratchpad()));
    }
    workspace_ = slot_bytes_ * static_cast<std::size_t>(slots_);
  }
  const char* name() const override { return "onednn conv"; }
  OperandUse use(std::size_t operand) const override {
    return operand == 1 ? OperandUse::nothing : OperandUse::elements;
  }

  void run(const Args& args) const override {
    parallel(args, slots_, kParallelWork, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t slot = begin; slot < end; ++slot) {
        for (std::int64_t i = tasks_ * slot / slots_; i < tasks_ * (slot + 1) / slots_; ++i) {
          run_strip(args, i, args.workspace + slot_bytes_ * static_cast<std::size_t>(slot));
        }
      }
    });
  }

 private:
  void run_strip(const Args& args, std::int64_t task, std::byte* scratchpad) const {
    const auto count = static_cast<std::int64_t>(strips_.size());
    const Strip& strip = strips_[static_cast<std::size_t>(task % count)];
    const float* bias = has_bias_ ? args.in[2].as<float>() : nullptr;
    float* y = args.out[0].as_mutable<float>() + task / count * y_size_;
    strip.convolution->execute(args.in[0].as<float>() + task / count * x_size_, bias, y,
                               scratchpad);
    if (activation_.kind != UnaryKind::linear) {
      apply(activation_, y + strip.offset, y + strip.offset, strip.size);
    }
  }

  std::vector<Strip> strips_;
  UnaryFn activation_;
  std::int64_t images_, x_size_, y_size_, tasks_ = 0, slots_ = 0;
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
  // A single strip would keep all threads but one waiting. Every strip must see some input. Where
  // it is otherwise, the packed kernel runs.
  const auto [front, back] =
      window_padding(x[1], w[0], op.strides[0], op.dilations[0], op.padding, 0);
  if (work < kMinimumWork || y[1] < 2 * kStripLines || front >= kStripLines ||
      back >= kStripLines || !onednn::is_there())
    return nullptr;
  return std::make_unique<OneDnnConvKernel>(site);
}

}  // namespace thaw::cpu
