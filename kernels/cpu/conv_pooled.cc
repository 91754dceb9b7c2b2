// Conv that keeps the largest of each 2 x 2 block of its results: by minimal filtering, whose tiles
// are these blocks; by a GEMM over some pairs of lines at a time, parallel over these; any other as
// two kernels, with all results in the workspace between them.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/conv_pooled.cc"
// clang-format off
#include "kernels/cpu/simd.h"
#include "hwy/foreach_target.h"
#include "kernels/cpu/math-inl.h"
// clang-format on

#include <atomic>
#include <utility>

#include "kernels/backend.h"
#include "kernels/cpu/kernels.h"
#include "kernels/cpu/window_gemm.h"
#include "kernels/cpu/winograd.h"
#include "runtime/base/memory.h"
#include "runtime/ir/infer.h"

#ifndef THAW_KERNELS_CPU_CONV_POOLED_
#define THAW_KERNELS_CPU_CONV_POOLED_
namespace thaw::cpu {

/// Two lines of pixels, one after the other, and the line of blocks that they become.
struct LinePair {
  const float* x;
  float* y;
  std::int64_t pixels, channels, y_pixel;  // y_pixel: floats from one block to the next
};

}  // namespace thaw::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace thaw::cpu {
namespace HWY_NAMESPACE {

/// The largest of the four pixels from `x` on.
template <class Load>
HWY_INLINE V LargestOfBlock(const LinePair& p, const float* x, const Load& load) {
  const float* below = x + p.pixels * p.channels;
  return Maximum(Maximum(load(x), load(x + p.channels)),
                 Maximum(load(below), load(below + p.channels)));
}

void PoolLinePair(const LinePair& p) {
  for (std::int64_t block = 0; block < p.pixels / 2; ++block) {
    const float* x = p.x + 2 * block * p.channels;
    float* y = p.y + block * p.y_pixel;
    std::int64_t c = 0;
    for (; c + kLanes <= p.channels; c += kLanes) {
      const auto whole = [](const float* at) HWY_ATTR { return hn::LoadU(f, at); };
      hn::StoreU(LargestOfBlock(p, x + c, whole), f, y + c);
    }
    if (c == p.channels) continue;
    const std::int64_t left = p.channels - c;
    const auto some = [left](const float* at) HWY_ATTR { return LoadPartial(at, left); };
    StorePartial(LargestOfBlock(p, x + c, some), y + c, left);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace thaw::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace thaw::cpu {

HWY_EXPORT(PoolLinePair);

namespace {

constexpr std::int64_t kLeastRows = 48;           // of a block's product
constexpr std::int64_t kMostFloats = 1 << 14;     // of its result: half of an L2 cache at most
constexpr std::int64_t kMostTapFloats = 1 << 13;  // of the weights, which each block reads anew

/// Blocks of some pairs of lines, each a product and then what is left of its result.
class PooledGemmKernel final : public Kernel {
 public:
  PooledGemmKernel(const Site& site, const ops::Conv& op, const Window& window)
      : window_(window),
        outputs_(site.out[0].shape[3]),
        packed_(WindowGemm::pack(site, 1, 1)),
        activation_(op.activation),
        has_bias_(site.in.size() > 2),
        lines_(window.out[1] / 2) {
    for (std::int64_t h = 0; h < window.kernel[1]; ++h) offsets_.push_back(window.tap(0, h, 0));
    pairs_ = std::clamp(ceil_div(kLeastRows, 2 * window.out[2]), std::int64_t{1}, lines_);
    blocks_ = ceil_div(lines_, pairs_);
    slots_ = std::min<std::int64_t>(site.threads, window.wave * blocks_);
    padded_bytes_ = align_up(window.workspace());
    workspace_ = padded_bytes_ + static_cast<std::size_t>(slots_ * slot_floats()) * sizeof(float);
  }

  static bool takes(const ops::Conv& op, const Window& window, std::int64_t outputs) {
    const std::int64_t line = window.out[2] * outputs;
    const std::int64_t taps = window.kernel[1] * window.kernel[2] * window.channels;
    return op.groups == 1 && op.pool == 2 && op.strides.size() == 2 &&
           window.dilation == Window::Extent{1, 1, 1} && gemm_activation(op.activation) &&
           2 * line + 2 * kLeastRows * outputs <= kMostFloats && taps * outputs <= kMostTapFloats;
  }

  const char* name() const override { return "cpu pooled packed conv"; }
  OperandUse use(std::size_t operand) const override {
    return operand == 1 ? OperandUse::nothing : OperandUse::elements;
  }
  bool writes_rows(std::size_t, std::int64_t columns) const override { return columns == outputs_; }

  void run(const Args& args) const override {
    const float* x = args.in[0].as<float>();
    for (std::int64_t first = 0; first < window_.images; first += window_.wave) {
      const std::int64_t count = std::min(window_.wave, window_.images - first);
      const float* padded = window_.pad(args, x, first, count);
      std::atomic<std::int64_t> next{0};
      const std::int64_t tasks = count * blocks_;
      const std::int64_t cost = gemm_cost(2 * pairs_ * window_.out[2], depth()) * tasks / slots_;
      parallel(args, slots_, cost, [&](std::int64_t slot, std::int64_t) {
        float* lines =
            reinterpret_cast<float*>(args.workspace + padded_bytes_) + slot * slot_floats();
        for (std::int64_t i = next++; i < tasks; i = next++) {
          run_block(args, padded, first, i, lines);
        }
      });
    }
  }

 private:
  std::int64_t depth() const { return window_.kernel[1] * window_.kernel[2] * window_.channels; }
  std::int64_t slot_floats() const {
    return ceil_div(2 * pairs_ * window_.out[2] * outputs_, 16) * 16;
  }

  void run_block(const Args& args, const float* padded, std::int64_t first, std::int64_t task,
                 float* lines) const {
    const std::int64_t image = task / blocks_, block = task % blocks_;
    const std::int64_t begin = lines_ * block / blocks_, end = lines_ * (block + 1) / blocks_;
    Gemm g;
    g.a = padded + image * window_.padded_floats() + 2 * begin * window_.line_stride();
    g.inner_rows = window_.out[2];
    g.row_stride = window_.row_stride();
    g.outer_stride = window_.line_stride();
    g.segment_offsets = offsets_.data();
    g.segments = static_cast<std::int64_t>(offsets_.size());
    g.segment_length = window_.kernel[2] * window_.channels;
    g.packed = packed_.get();
    g.bias = has_bias_ ? args.in[2].as<float>() : nullptr;
    g.c = lines;
    g.c_stride = outputs_;
    g.m = 2 * (end - begin) * window_.out[2];
    g.n = outputs_;
    g.activation = activation_;
    gemm(g, 0, gemm_tasks(g.m, g.n));
    const std::int64_t y_pixel = args.out[0].row_stride(outputs_);
    const std::int64_t y_line = window_.out[2] / 2 * y_pixel;
    float* y = args.out[0].as_mutable<float>() + ((first + image) * lines_ + begin) * y_line;
    for (std::int64_t i = 0; i < end - begin; ++i) {
      HWY_DYNAMIC_DISPATCH(PoolLinePair)
      ({lines + 2 * i * window_.out[2] * outputs_, y + i * y_line, window_.out[2], outputs_,
        y_pixel});
    }
  }

  Window window_;
  std::int64_t outputs_;
  std::shared_ptr<const float> packed_;
  UnaryFn activation_;
  bool has_bias_;
  std::vector<std::int64_t> offsets_;            // of the runs of a window
  std::int64_t lines_, pairs_ = 1, blocks_ = 1;  // of an image, of a block; blocks of an image
  std::int64_t slots_ = 1;
  std::size_t padded_bytes_ = 0;
};

/// The convolution without pooling.
ops::Conv unpooled(const ops::Conv& op) {
  ops::Conv conv = op;
  conv.pool = 1;
  return conv;
}

TensorType unpooled_type(const Site& site, const ops::Conv& op) {
  const Shape &x = site.in[0].shape, &w = site.in[1].shape;
  TensorType type = site.out[0];
  for (int i = 0; i + 2 < x.rank(); ++i) {
    const auto at = static_cast<std::size_t>(i);
    type.shape[i + 1] =
        window_output(x[i + 1], w[i], op.strides[at], op.dilations[at], op.padding, i);
  }
  return type;
}

/// Both as if they were nodes of their own.
class ConvThenPool final : public Kernel {
 public:
  ConvThenPool(const Site& site, const ops::Conv& op)
      : conv_op_(unpooled(op)), type_(unpooled_type(site, op)) {
    ops::Pool pool;
    pool.window.assign(op.strides.size(), op.pool);
    pool.strides = pool.window;
    pool_op_ = pool;
    const std::span<const TensorType> between(&type_, 1);
    const Tensor* const unknown[] = {nullptr};
    conv_ = cpu_backend().prepare(
        {conv_op_, site.in, between, site.constants, site.packs, site.threads});
    pool_ = cpu_backend().prepare({pool_op_, between, site.out, unknown, site.packs, site.threads});
    if (!is_complete()) return;
    results_ =
        align_up(static_cast<std::size_t>(type_.shape.num_elements()) * size_of(type_.dtype));
    workspace_ = results_ + std::max(conv_->workspace(), pool_->workspace());
  }

  bool is_complete() const { return conv_ != nullptr && pool_ != nullptr; }
  const char* name() const override { return conv_->name(); }
  OperandUse use(std::size_t operand) const override { return conv_->use(operand); }
  bool reads_rows(std::size_t operand, std::int64_t columns) const override {
    return conv_->reads_rows(operand, columns);
  }
  bool writes_rows(std::size_t result, std::int64_t columns) const override {
    return pool_->writes_rows(result, columns);
  }

  void run(const Args& args) const override {
    const View between[] = {{args.workspace, &type_}};
    conv_->run({args.in, between, args.workspace + results_, args.pool});
    pool_->run({between, args.out, args.workspace + results_, args.pool});
  }

 private:
  Op conv_op_, pool_op_;
  TensorType type_;
  std::unique_ptr<Kernel> conv_, pool_;
  std::size_t results_ = 0;
};

}  // namespace

std::unique_ptr<Kernel> prepare_conv_pooled(const Site& site) {
  const auto& op = site.op_as<ops::Conv>();
  if (op.pool == 1) return nullptr;
  const Shape &x = site.in[0].shape, &w = site.in[1].shape;
  const bool vectors = all_float32(site) && site.constants[1] != nullptr &&
                       site.out[0].shape.num_elements() > 0 && w.num_elements() > 0;
  const Shape y = unpooled_type(site, op).shape;
  Window window;
  if (vectors && window.init(op, x, w, y, 1, site.threads, false)) {
    std::optional<Winograd> winograd =
        Winograd::prepare(site, 1, window, op.groups, op.activation, op.pool);
    if (winograd) return winograd_kernel(std::move(*winograd), x[0], site.in.size() > 2);
  }
  if (vectors && window.init(op, x, w, y, 1, site.threads) &&
      PooledGemmKernel::takes(op, window, y[y.rank() - 1])) {
    return std::make_unique<PooledGemmKernel>(site, op, window);
  }
  auto both = std::make_unique<ConvThenPool>(site, op);
  if (!both->is_complete()) return nullptr;
  return both;
}

}  // namespace thaw::cpu
#endif
