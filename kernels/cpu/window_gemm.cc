#include "kernels/cpu/window_gemm.h"

#include <utility>

namespace thaw::cpu {

WindowGemm::WindowGemm(const Window& window, std::int64_t groups, std::int64_t outputs,
                       std::shared_ptr<const float> packed, const UnaryFn& activation)
    : window_(window),
      packed_(std::move(packed)),
      groups_(groups),
      outputs_(outputs),
      activation_(activation) {
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

std::shared_ptr<const float> WindowGemm::pack(const Site& site, int operand, std::int64_t groups) {
  const Shape& w = site.in[static_cast<std::size_t>(operand)].shape;
  const std::int64_t outputs = w[w.rank() - 1], columns = outputs / groups;
  const std::int64_t depth = product(w, 0, w.rank() - 1), size = packed_size(depth, columns);
  return packed_weights(site, operand, layout_name("conv", {depth, outputs, groups, float_lanes()}),
                        size * groups, depth,
                        [&](const float* from, std::int64_t first, std::int64_t rows, float* to) {
                          for (std::int64_t group = 0; group < groups; ++group) {
                            pack_matrix_rows(from + group * columns, depth, columns, outputs,
                                             to + group * size, first, rows);
                          }
                        });
}

void WindowGemm::run(const Args& args, const float* images, std::int64_t count, const float* bias,
                     float* y, std::int64_t pixel) const {
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
  base.c_stride = pixel;
  base.m = rows;
  base.n = columns;
  base.activation = activation_;
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
               g.c = y + slice * rows * pixel + group * columns;
               gemm(g, from, to);
               begin += to - from;
             }
           });
}

}  // namespace thaw::cpu
