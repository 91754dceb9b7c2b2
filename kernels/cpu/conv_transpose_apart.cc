// ConvTranspose whose windows do not overlap, float32: for each tap in front of the last axis one
// product of all pixels with the weights of a line of taps, whose results lie side by side.
// Parallel over blocks of pixels and columns, taps and slices.
#include "kernels/cpu/conv_transpose_apart.h"

#include <algorithm>
#include <array>
#include <vector>

#include "kernels/cpu/gemm.h"
#include "runtime/ir/infer.h"

namespace thaw::cpu {
namespace {

using Extent = std::array<std::int64_t, 3>;

/// Sizes as depth, height, width; missing ones are 1 in front.
struct ApartGeometry {
  std::int64_t images = 0, inputs = 0, outputs = 0;
  Extent in{1, 1, 1}, kernel{1, 1, 1};

  std::int64_t columns() const { return kernel[2] * outputs; }
  std::int64_t lines() const { return kernel[0] * kernel[1]; }  // of taps
};

class ConvTransposeApartKernel final : public Kernel {
 public:
  ConvTransposeApartKernel(const ApartGeometry& geometry, std::shared_ptr<const float> packed,
                           bool bias)
      : g_(geometry), packed_(std::move(packed)), has_bias_(bias) {
    if (has_bias_) workspace_ = static_cast<std::size_t>(g_.columns()) * sizeof(float);
  }
  const char* name() const override { return "cpu conv transpose apart"; }
  OperandUse use(std::size_t operand) const override {
    return operand == 1 ? OperandUse::nothing : OperandUse::elements;
  }

  bool writes_rows(std::size_t, std::int64_t columns) const override {
    return columns == g_.outputs && columns % float_lanes() == 0;
  }

  void run(const Args& args) const override {
    const float* bias = has_bias_ ? repeated_bias(args) : nullptr;
    const float* x = args.in[0].as<float>();
    const std::int64_t tasks = gemm_tasks(g_.in[1] * g_.in[2], g_.columns());
    const std::int64_t products = g_.images * g_.in[0] * g_.lines();
    parallel(args, products * tasks, gemm_cost(g_.in[1] * g_.in[2], g_.inputs),
             [&](std::int64_t begin, std::int64_t end) {
               while (begin < end) {
                 const std::int64_t first = begin % tasks;
                 const std::int64_t last = std::min(tasks, first + end - begin);
                 gemm(product_of(begin / tasks, x, bias, args.out[0]), first, last);
                 begin += last - first;
               }
             });
  }

 private:
  /// One for each tap of a line of taps.
  const float* repeated_bias(const Args& args) const {
    auto* repeated = reinterpret_cast<float*>(args.workspace);
    const auto* bias = args.in[3].as<float>();
    for (std::int64_t i = 0; i < g_.kernel[2]; ++i) {
      std::copy_n(bias, g_.outputs, repeated + i * g_.outputs);
    }
    return repeated;
  }

  /// Product `index`: a slice of an image times a line of taps.
  Gemm product_of(std::int64_t index, const float* x, const float* bias, const View& y) const {
    const std::int64_t slice = index / g_.lines(), line = index % g_.lines();
    const std::int64_t pixels = g_.in[1] * g_.in[2];
    const std::int64_t pixel = y.row_stride(g_.outputs), columns = g_.kernel[2] * pixel;
    const std::int64_t out_line = g_.in[2] * columns;
    Gemm of;
    of.a = x + slice * pixels * g_.inputs;
    of.m = pixels;
    of.inner_rows = g_.in[2];
    of.row_stride = of.segment_length = g_.inputs;
    of.outer_stride = g_.in[2] * g_.inputs;
    of.packed = packed_.get() + line * packed_size(g_.inputs, g_.columns());
    of.bias = bias;
    of.n = g_.columns();
    of.c_stride = columns;
    if (pixel != g_.outputs) {
      of.c_run = g_.outputs;
      of.c_gap = pixel - g_.outputs;
    }
    of.c_outer_stride = g_.kernel[1] * out_line;
    const std::int64_t depth = slice * g_.kernel[0] + line / g_.kernel[1];
    of.c =
        y.as_mutable<float>() + (depth * g_.in[1] * g_.kernel[1] + line % g_.kernel[1]) * out_line;
    return of;
  }

  ApartGeometry g_;
  std::shared_ptr<const float> packed_;  // per line of taps
  bool has_bias_;
};

}  // namespace

std::unique_ptr<Kernel> prepare_conv_transpose_apart(const Site& site) {
  const auto& op = site.op_as<ops::ConvTranspose>();
  const Shape &x = site.in[0].shape, &w = site.in[1].shape, &y = site.out[0].shape;
  const int spatial = x.rank() - 2;
  ApartGeometry g;
  g.images = x[0];
  g.inputs = x[x.rank() - 1];
  g.outputs = y[y.rank() - 1];
  for (int i = 0; i < spatial; ++i) {
    const auto own = static_cast<std::size_t>(i), axis = static_cast<std::size_t>(3 - spatial + i);
    const std::int64_t stride = op.strides.empty() ? 1 : op.strides[own];
    const std::int64_t dilation = op.dilations.empty() ? 1 : op.dilations[own];
    const bool apart = stride == w[i] && y[1 + i] == x[1 + i] * stride &&
                       (dilation == 1 || w[i] == 1) &&
                       window_padding(y[1 + i], w[i], stride, dilation, op.padding, i).first == 0;
    if (!apart) return nullptr;
    g.in[axis] = x[1 + i];
    g.kernel[axis] = w[i];
  }
  const std::int64_t columns = g.columns(), size = packed_size(g.inputs, columns);
  const std::string layout =
      layout_name("conv transpose apart", {g.inputs, columns, g.lines(), float_lanes()});
  std::shared_ptr<const float> packed =
      packed_weights(site, 1, layout, size * g.lines(), [&](const float* from, float* to) {
        for (std::int64_t line = 0; line < g.lines(); ++line) {
          // Column (tap, output) lies in the weights as a row of inputs.
          pack_matrix(from + line * columns * g.inputs, g.inputs, columns, 1, g.inputs,
                      to + line * size, 0, ceil_div(columns, gemm_columns()));
        }
      });
  return std::make_unique<ConvTransposeApartKernel>(g, std::move(packed), site.in.size() > 3);
}

}  // namespace thaw::cpu
