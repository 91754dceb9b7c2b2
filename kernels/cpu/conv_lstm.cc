// ConvLstm on float32. Per chunk of steps: the input convolution of all its frames into the
// workspace, then step by step the recurrent convolution and the gates of all sequences. Both
// convolutions are GEMMs over the windows of padded frames.
#include "kernels/cpu/conv_lstm.h"

#include <cstring>
#include <utility>

#include "kernels/cpu/kernels.h"
#include "kernels/cpu/window_gemm.h"
#include "runtime/base/memory.h"

namespace thaw::cpu {
namespace {

constexpr std::int64_t kProjectionFloats = 1 << 18;  // of the convolved input kept at a time

struct Sizes {
  std::int64_t batch = 0, steps = 0, pixels = 0, filters = 0;

  std::int64_t state() const { return pixels * filters; }
  std::int64_t gates() const { return 4 * state(); }
};

std::size_t floats(std::int64_t count) {
  return align_up(static_cast<std::size_t>(count) * sizeof(float)) / sizeof(float);
}

class ConvLstmKernel final : public Kernel {
 public:
  ConvLstmKernel(const ops::ConvLstm& op, const Sizes& sizes, WindowGemm input,
                 WindowGemm recurrent)
      : op_(op), s_(sizes), input_(std::move(input)), recurrent_(std::move(recurrent)) {
    chunk_ = std::max<std::int64_t>(1, kProjectionFloats / (s_.batch * s_.gates()));
    chunk_ = std::min(chunk_, std::max<std::int64_t>(1, s_.steps));
    pad_ = floats(static_cast<std::int64_t>(
        std::max(input_.window().workspace(), recurrent_.window().workspace()) / sizeof(float)));
    x_ = floats(s_.batch * chunk_ * s_.gates());
    h_ = floats(s_.batch * s_.gates());
    workspace_ = (pad_ + x_ + h_) * sizeof(float);
  }

  const char* name() const override { return "cpu conv_lstm"; }
  OperandUse use(std::size_t operand) const override {
    return operand == 1 || operand == 2 ? OperandUse::nothing : OperandUse::elements;
  }

  void run(const Args& args) const override {
    // The states live in their results.
    float* h = args.out[1].as_mutable<float>();
    float* c = args.out[2].as_mutable<float>();
    const std::size_t count = 3 + (op_.has_bias ? 1 : 0) + (op_.has_mask ? 1 : 0);
    set(h, op_.has_state ? args.in[count].as<float>() : nullptr, s_.batch * s_.state());
    set(c, op_.has_state ? args.in[count + 1].as<float>() : nullptr, s_.batch * s_.state());
    float* y = args.out[0].as_mutable<float>();
    if (!op_.return_sequences) set(y, nullptr, s_.batch * s_.state());
    const bool* mask = op_.has_mask ? args.in[op_.has_bias ? 4 : 3].as<bool>() : nullptr;
    float* from_x = reinterpret_cast<float*>(args.workspace) + pad_;
    float* from_h = from_x + x_;
    for (std::int64_t first = 0; first < s_.steps; first += chunk_) {
      const std::int64_t steps = std::min(chunk_, s_.steps - first);
      convolve_input(args, first, steps, from_x);
      for (std::int64_t i = first; i < first + steps; ++i) {
        convolve_state(args, h, from_h);
        update(args, mask, i, from_x + position(i, first, steps) * s_.gates(), steps, from_h, c, h);
        write_output(args, mask, i, h, y);
      }
    }
  }

 private:
  static void set(float* to, const float* from, std::int64_t count) {
    const std::size_t bytes = static_cast<std::size_t>(count) * sizeof(float);
    if (bytes == 0) return;
    if (from == nullptr) {
      std::memset(to, 0, bytes);
    } else {
      std::memcpy(to, from, bytes);
    }
  }

  std::int64_t source(std::int64_t step) const {
    return op_.go_backwards ? s_.steps - 1 - step : step;
  }
  /// Where step `i` of the chunk of `steps` from `first` stands: a chunk's frames keep their order.
  std::int64_t position(std::int64_t i, std::int64_t first, std::int64_t steps) const {
    return op_.go_backwards ? steps - 1 - (i - first) : i - first;
  }
  bool masked(const bool* mask, std::int64_t b, std::int64_t step) const {
    return mask != nullptr && !mask[b * s_.steps + source(step)];
  }

  /// to [B, steps, S', 4 F]
  void convolve_input(const Args& args, std::int64_t first, std::int64_t steps, float* to) const {
    const Window& window = input_.window();
    const float* bias = op_.has_bias ? args.in[3].as<float>() : nullptr;
    const std::int64_t frame = op_.go_backwards ? s_.steps - first - steps : first;
    for (std::int64_t b = 0; b < s_.batch; ++b) {
      for (std::int64_t i = 0; i < steps; i += window.wave) {
        const std::int64_t count = std::min(window.wave, steps - i);
        const float* images =
            window.pad(args, args.in[0].as<float>(), b * s_.steps + frame + i, count);
        input_.run(args, images, count, bias, to + (b * steps + i) * s_.gates());
      }
    }
  }

  /// to [B, S', 4 F]
  void convolve_state(const Args& args, const float* h, float* to) const {
    const Window& window = recurrent_.window();
    for (std::int64_t b = 0; b < s_.batch; b += window.wave) {
      const std::int64_t count = std::min(window.wave, s_.batch - b);
      recurrent_.run(args, window.pad(args, h, b, count), count, nullptr, to + b * s_.gates());
    }
  }

  /// A masked sequence keeps its states. x holds one step, the next sequence `steps` frames on.
  void update(const Args& args, const bool* mask, std::int64_t step, const float* x,
              std::int64_t steps, const float* from_h, float* c, float* h) const {
    ConvLstmGates base;
    base.filters = s_.filters;
    base.activation = VectorFn(op_.activation);
    base.recurrent_activation = VectorFn(op_.recurrent_activation);
    parallel(args, s_.batch * s_.pixels, s_.filters * 32,
             [&](std::int64_t begin, std::int64_t end) {
               while (begin < end) {
                 const std::int64_t b = begin / s_.pixels, pixel = begin % s_.pixels;
                 const std::int64_t count = std::min(s_.pixels - pixel, end - begin);
                 if (!masked(mask, b, step)) {
                   ConvLstmGates g = base;
                   g.x = x + b * steps * s_.gates() + pixel * 4 * s_.filters;
                   g.h = from_h + b * s_.gates() + pixel * 4 * s_.filters;
                   g.c_state = c + b * s_.state() + pixel * s_.filters;
                   g.h_state = h + b * s_.state() + pixel * s_.filters;
                   conv_lstm_gates(g, count);
                 }
                 begin += count;
               }
             });
  }

  /// A masked step repeats the output before it, which before the first step is zero.
  void write_output(const Args&, const bool* mask, std::int64_t step, const float* h,
                    float* y) const {
    if (!op_.return_sequences && mask == nullptr && step + 1 < s_.steps) return;
    for (std::int64_t b = 0; b < s_.batch; ++b) {
      const bool skip = masked(mask, b, step);
      if (!op_.return_sequences) {
        if (!skip) set(y + b * s_.state(), h + b * s_.state(), s_.state());
        continue;
      }
      float* to = y + (b * s_.steps + step) * s_.state();
      const float* last = step == 0 ? nullptr : to - s_.state();
      set(to, skip ? last : h + b * s_.state(), s_.state());
    }
  }

  ops::ConvLstm op_;
  Sizes s_;
  WindowGemm input_, recurrent_;
  std::int64_t chunk_ = 1;
  std::size_t pad_ = 0, x_ = 0, h_ = 0;  // floats of the parts of the workspace
};

bool only_float32(const Site& site, const ops::ConvLstm& op) {
  const std::size_t mask = op.has_mask ? (op.has_bias ? 4 : 3) : site.in.size();
  for (std::size_t i = 0; i < site.in.size(); ++i) {
    if (i != mask && site.in[i].dtype != DType::float32) return false;
  }
  return true;
}

/// The window of a convolution of frames [images, S..., C] to [images, S'..., 4 F].
bool make_window(const Site& site, const ops::Conv& op, std::int64_t images, const Shape& from,
                 int kernel, Window& window) {
  const Shape &state = site.out[1].shape, &w = site.in[static_cast<std::size_t>(kernel)].shape;
  Shape x = from, y = state;
  x[0] = y[0] = images;
  y[y.rank() - 1] *= 4;
  return window.init(op, x, w, y, 1, site.threads);
}

}  // namespace

std::unique_ptr<Kernel> prepare_conv_lstm(const Site& site) {
  const auto& op = site.op_as<ops::ConvLstm>();
  const Shape& state = site.out[1].shape;
  if (!only_float32(site, op) || site.constants[1] == nullptr || site.constants[2] == nullptr ||
      !has_vector_form(op.activation.kind) || !has_vector_form(op.recurrent_activation.kind)) {
    return nullptr;
  }
  for (int i = 0; i < 3; ++i) {
    if (site.in[static_cast<std::size_t>(i)].shape.num_elements() == 0) return nullptr;
  }
  if (state.num_elements() == 0) return nullptr;
  std::vector<std::int64_t> frame = site.in[0].shape.dims();
  Sizes sizes{frame[0], frame[1], product(state, 1, state.rank() - 1), state[state.rank() - 1]};
  frame.erase(frame.begin() + 1);
  ops::Conv input, recurrent;
  input.strides = op.strides;
  input.dilations = op.dilations;
  input.padding = op.padding;
  recurrent.strides.assign(op.strides.size(), 1);
  recurrent.dilations.assign(op.strides.size(), 1);
  recurrent.padding.kind = PaddingKind::same;
  Window over_input, over_state;
  if (!make_window(site, input, sizes.batch * sizes.steps, Shape(frame), 1, over_input) ||
      !make_window(site, recurrent, sizes.batch, state, 2, over_state)) {
    return nullptr;
  }
  const std::int64_t columns = 4 * sizes.filters;
  return std::make_unique<ConvLstmKernel>(
      op, sizes, WindowGemm(over_input, 1, columns, WindowGemm::pack(site, 1, 1), {}),
      WindowGemm(over_state, 1, columns, WindowGemm::pack(site, 2, 1), {}));
}

}  // namespace thaw::cpu
