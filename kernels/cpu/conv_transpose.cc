// ConvTranspose on float32: every input pixel times the weights of all taps by GEMM (input rows of
// one band of the result at a time), then each result pixel sums the taps that reach it. Parallel
// over blocks of the GEMM, then over result rows.
#include <algorithm>
#include <array>
#include <cstring>

#include "kernels/cpu/conv_transpose_apart.h"
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/kernels.h"
#include "runtime/base/memory.h"
#include "runtime/ir/infer.h"

namespace thaw::cpu {
namespace {

constexpr std::int64_t kBandFloats = 1 << 21;  // of products kept at a time, at least one row's

/// Spatial dimensions right-aligned behind ones would put the row loop on a dimension of 1: here
/// they are left-aligned, so that bands always cut the outermost.
struct Geometry {
  std::array<std::int64_t, 3> in{1, 1, 1}, out{1, 1, 1}, kernel{1, 1, 1};
  std::array<std::int64_t, 3> stride{1, 1, 1}, dilation{1, 1, 1}, before{0, 0, 0};
  std::int64_t images = 0, inputs = 0, outputs = 0;

  std::int64_t taps() const { return kernel[0] * kernel[1] * kernel[2]; }
  std::int64_t row_pixels() const { return in[1] * in[2]; }
  /// Where the input pixel lies that reaches `at` through the tap, or -1.
  std::int64_t source(std::size_t axis, std::int64_t at, std::int64_t tap) const {
    const std::int64_t from = at + before[axis] - tap * dilation[axis];
    if (from < 0 || from % stride[axis] != 0) return -1;
    return from / stride[axis] < in[axis] ? from / stride[axis] : -1;
  }
  /// Input rows that reach result rows [begin, end).
  std::pair<std::int64_t, std::int64_t> input_rows(std::int64_t begin, std::int64_t end) const {
    const std::int64_t low = begin + before[0] - (kernel[0] - 1) * dilation[0];
    const std::int64_t first = low <= 0 ? 0 : ceil_div(low, stride[0]);
    const std::int64_t last = end - 1 + before[0] < 0 ? 0 : (end - 1 + before[0]) / stride[0] + 1;
    return {std::min(first, in[0]), std::clamp(last, std::min(first, in[0]), in[0])};
  }
};

class ConvTransposeKernel final : public Kernel {
 public:
  ConvTransposeKernel(const Geometry& geometry, std::shared_ptr<const float> packed, bool bias)
      : g_(geometry), packed_(std::move(packed)), has_bias_(bias) {
    columns_ = g_.taps() * g_.outputs;
    const std::int64_t row = std::max<std::int64_t>(1, g_.row_pixels() * columns_);
    const std::int64_t rows = std::max<std::int64_t>(1, kBandFloats / row);
    const std::int64_t reach = ceil_div((g_.kernel[0] - 1) * g_.dilation[0] + 1, g_.stride[0]);
    band_ = std::clamp<std::int64_t>((rows - reach) * g_.stride[0], 1,
                                     std::max<std::int64_t>(1, g_.out[0]));
    std::int64_t most = 0;
    for (std::int64_t begin = 0; begin < g_.out[0]; begin += band_) {
      const auto [first, last] = g_.input_rows(begin, std::min(g_.out[0], begin + band_));
      most = std::max(most, last - first);
    }
    workspace_ = static_cast<std::size_t>(most * g_.row_pixels() * columns_) * sizeof(float);
  }
  const char* name() const override { return "cpu conv transpose"; }
  OperandUse use(std::size_t operand) const override {
    return operand == 1 ? OperandUse::nothing : OperandUse::elements;
  }

  bool writes_rows(std::size_t, std::int64_t columns) const override {
    return columns == g_.outputs;
  }

  void run(const Args& args) const override {
    const std::int64_t pixel = args.out[0].row_stride(g_.outputs);
    const float* x = args.in[0].as<float>();
    float* y = args.out[0].as_mutable<float>();
    for (std::int64_t image = 0; image < g_.images; ++image) {
      for (std::int64_t begin = 0; begin < g_.out[0]; begin += band_) {
        const std::int64_t end = std::min(g_.out[0], begin + band_);
        const auto [first, last] = g_.input_rows(begin, end);
        multiply(args, x + first * g_.row_pixels() * g_.inputs, last - first);
        gather(args, begin, end, first, y);
      }
      x += g_.in[0] * g_.row_pixels() * g_.inputs;
      y += g_.out[0] * g_.out[1] * g_.out[2] * pixel;
    }
  }

 private:
  void multiply(const Args& args, const float* x, std::int64_t rows) const {
    Gemm gemm_of;
    gemm_of.a = x;
    gemm_of.m = rows * g_.row_pixels();
    gemm_of.inner_rows = std::max<std::int64_t>(1, gemm_of.m);
    gemm_of.row_stride = gemm_of.segment_length = g_.inputs;
    gemm_of.packed = packed_.get();
    gemm_of.c = reinterpret_cast<float*>(args.workspace);
    gemm_of.n = gemm_of.c_stride = columns_;
    parallel(args, gemm_tasks(gemm_of.m, gemm_of.n), gemm_cost(gemm_of.m, g_.inputs),
             [&](std::int64_t begin, std::int64_t end) { gemm(gemm_of, begin, end); });
  }

  void gather(const Args& args, std::int64_t begin, std::int64_t end, std::int64_t first,
              float* y) const {
    const std::int64_t lines = g_.out[1], stride = args.out[0].row_stride(g_.outputs);
    const std::int64_t cost = std::max<std::int64_t>(1, g_.out[2] * columns_ / 4);
    parallel(args, (end - begin) * lines, cost, [&](std::int64_t from, std::int64_t to) {
      for (std::int64_t i = from; i < to; ++i) {
        const std::int64_t a = begin + i / lines, b = i % lines;
        for (std::int64_t c = 0; c < g_.out[2]; ++c) {
          pixel(args, {a, b, c}, first, y + ((a * lines + b) * g_.out[2] + c) * stride);
        }
      }
    });
  }

  /// One result pixel: the bias and its taps in their order.
  void pixel(const Args& args, const std::array<std::int64_t, 3>& at, std::int64_t first,
             float* y) const {
    const auto* products = reinterpret_cast<const float*>(args.workspace);
    if (has_bias_) {
      std::memcpy(y, args.in[3].data, static_cast<std::size_t>(g_.outputs) * sizeof(float));
    } else {
      std::fill_n(y, g_.outputs, 0.0f);
    }
    for (std::int64_t k0 = 0; k0 < g_.kernel[0]; ++k0) {
      const std::int64_t p0 = g_.source(0, at[0], k0);
      if (p0 < 0) continue;
      for (std::int64_t k1 = 0; k1 < g_.kernel[1]; ++k1) {
        const std::int64_t p1 = g_.source(1, at[1], k1);
        if (p1 < 0) continue;
        for (std::int64_t k2 = 0; k2 < g_.kernel[2]; ++k2) {
          const std::int64_t p2 = g_.source(2, at[2], k2);
          if (p2 < 0) continue;
          const std::int64_t from = ((p0 - first) * g_.in[1] + p1) * g_.in[2] + p2;
          const std::int64_t tap = (k0 * g_.kernel[1] + k1) * g_.kernel[2] + k2;
          const float* term = products + from * columns_ + tap * g_.outputs;
          for (std::int64_t o = 0; o < g_.outputs; ++o) y[o] += term[o];
        }
      }
    }
  }

  Geometry g_;
  std::shared_ptr<const float> packed_;
  bool has_bias_;
  std::int64_t columns_ = 0, band_ = 1;
};

}  // namespace

std::unique_ptr<Kernel> prepare_conv_transpose(const Site& site) {
  const auto& op = site.op_as<ops::ConvTranspose>();
  const Shape &x = site.in[0].shape, &w = site.in[1].shape, &y = site.out[0].shape;
  const int spatial = x.rank() - 2;
  const bool floats = site.in[0].dtype == DType::float32 && site.out[0].dtype == DType::float32;
  if (!floats || site.constants[1] == nullptr || spatial < 1 || spatial > 3) return nullptr;
  if (y.num_elements() == 0 || x.num_elements() == 0) return nullptr;
  if (auto apart = prepare_conv_transpose_apart(site)) return apart;
  Geometry g;
  g.images = x[0];
  g.inputs = x[x.rank() - 1];
  g.outputs = y[y.rank() - 1];
  for (int i = 0; i < spatial; ++i) {
    const auto axis = static_cast<std::size_t>(i);
    g.in[axis] = x[1 + i];
    g.out[axis] = y[1 + i];
    g.kernel[axis] = w[i];
    if (!op.strides.empty()) g.stride[axis] = op.strides[axis];
    if (!op.dilations.empty()) g.dilation[axis] = op.dilations[axis];
    g.before[axis] =
        window_padding(g.out[axis], w[i], g.stride[axis], g.dilation[axis], op.padding, i).first;
  }
  const std::int64_t columns = g.taps() * g.outputs;
  const std::string layout = layout_name("conv transpose", {g.inputs, columns, float_lanes()});
  const std::shared_ptr<const float> packed = packed_weights(
      site, 1, layout, packed_size(g.inputs, columns), [&](const float* from, float* to) {
        // Column (tap, output) lies in the weights as a row of inputs.
        pack_matrix(from, g.inputs, columns, 1, g.inputs, to, 0, ceil_div(columns, gemm_columns()));
      });
  return std::make_unique<ConvTransposeKernel>(g, packed, site.in.size() > 3);
}

}  // namespace thaw::cpu
