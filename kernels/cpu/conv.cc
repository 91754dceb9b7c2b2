// Conv on float32 as a GEMM that reads its rows in place: row = output pixel, k = the window's
// taps, which lie at fixed offsets in the padded input (runs of a whole kernel line without groups
// and dilation). Parallel over blocks of pixels and of output channels of all images in the
// workspace.
#include <utility>

#include "kernels/cpu/gemm.h"
#include "kernels/cpu/kernels.h"
#include "kernels/cpu/window.h"

namespace thaw::cpu {
namespace {

class ConvKernel final : public Kernel {
 public:
  ConvKernel(const ops::Conv& op, Window window, std::shared_ptr<const float> packed,
             std::int64_t outputs, bool bias)
      : window_(window),
        packed_(std::move(packed)),
        groups_(op.groups),
        outputs_(outputs),
        has_bias_(bias),
        activation_(op.activation) {
    workspace_ = window_.workspace();
    const std::int64_t per_group = window_.channels / groups_;
    const bool whole_line = groups_ == 1 && window_.dilation[2] == 1;
    run_ = whole_line ? window_.kernel[2] * per_group : per_group;
    for (std::int64_t d = 0; d < window_.kernel[0]; ++d) {
      for (std::int64_t h = 0; h < window_.kernel[1]; ++h) {
        for (std::int64_t w = 0; w < (whole_line ? 1 : window_.kernel[2]); ++w) {
          offsets_.push_back(window_.tap(d, h, w));
        }
      }
    }
    depth_ = static_cast<std::int64_t>(offsets_.size()) * run_;
    // A pointwise convolution is one product over all pixels.
    pointwise_ = !window_.copied && offsets_.size() == 1 && window_.kernel[2] == 1 &&
                 window_.stride == Window::Extent{1, 1, 1};
  }

  const char* name() const override { return "cpu packed conv"; }

  void run(const Args& args) const override {
    const float* x = args.in[0].as<float>();
    for (std::int64_t first = 0; first < window_.images; first += window_.wave) {
      const std::int64_t count = std::min(window_.wave, window_.images - first);
      multiply(args, window_.pad(args, x, first, count), first, count);
    }
  }

 private:
  void multiply(const Args& args, const float* images, std::int64_t first,
                std::int64_t count) const {
    const std::int64_t columns = outputs_ / groups_;
    std::int64_t slices = count * window_.out[0], rows = window_.out[1] * window_.out[2];
    if (pointwise_) {
      rows *= slices;
      slices = 1;
    }
    Gemm base;
    base.inner_rows = pointwise_ ? std::max<std::int64_t>(1, rows) : window_.out[2];
    base.row_stride = window_.row_stride();
    base.outer_stride = window_.line_stride();
    base.segment_offsets = offsets_.data();
    base.segments = static_cast<std::int64_t>(offsets_.size());
    base.segment_length = run_;
    base.c_stride = outputs_;
    base.m = rows;
    base.n = columns;
    base.activation = activation_;
    float* y = args.out[0].as_mutable<float>() +
               first * window_.out[0] * window_.out[1] * window_.out[2] * outputs_;
    const float* bias = has_bias_ ? args.in[2].as<float>() : nullptr;

    const std::int64_t tasks = gemm_tasks(rows, columns), packed = packed_size(depth_, columns);
    parallel(args, slices * groups_ * tasks, gemm_cost(rows, depth_),
             [&](std::int64_t begin, std::int64_t end) {
               while (begin < end) {
                 const std::int64_t index = begin / tasks, from = begin % tasks;
                 const std::int64_t to = std::min(tasks, from + end - begin);
                 const std::int64_t slice = index / groups_, group = index % groups_;
                 Gemm g = base;
                 g.a = images + slice / window_.out[0] * window_.padded_floats() +
                       slice % window_.out[0] * window_.slice_stride() +
                       group * (window_.channels / groups_);
                 g.packed = packed_.get() + group * packed;
                 g.bias = bias == nullptr ? nullptr : bias + group * columns;
                 g.c = y + slice * rows * outputs_ + group * columns;
                 gemm(g, from, to);
                 begin += to - from;
               }
             });
  }

  Window window_;
  std::shared_ptr<const float> packed_;  // per group
  std::vector<std::int64_t> offsets_;    // of the runs of a window
  std::int64_t run_ = 0, depth_ = 0;     // floats of a run, of a window
  std::int64_t groups_, outputs_;
  bool has_bias_, pointwise_ = false;
  UnaryFn activation_;
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
  const std::int64_t outputs = w[w.rank() - 1], columns = outputs / op.groups;
  const std::int64_t depth = product(w, 0, w.rank() - 1), size = packed_size(depth, columns);
  std::shared_ptr<const float> packed =
      packed_weights(site, 1, layout_name("conv", {depth, outputs, op.groups, float_lanes()}),
                     size * op.groups, [&](const float* from, float* to) {
                       for (std::int64_t group = 0; group < op.groups; ++group) {
                         pack_matrix(from + group * columns, depth, columns, outputs, 1,
                                     to + group * size, 0, ceil_div(columns, gemm_columns()));
                       }
                     });
  return std::make_unique<ConvKernel>(op, window, std::move(packed), outputs, site.in.size() > 2);
}

}  // namespace thaw::cpu
