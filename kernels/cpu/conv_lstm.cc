// ConvLstm on float32. Per chunk of steps: the input convolution of all its frames into the
// workspace, then step by step the recurrent convolution and the gates of all sequences. Both
// convolutions are by minimal filtering where that pays, else GEMMs over the windows of padded
// frames.
#include "kernels/cpu/conv_lstm.h"

#include <cstring>
#include <optional>
#include <utility>

#include "kernels/cpu/kernels.h"
#include "kernels/cpu/window_gemm.h"
#include "kernels/cpu/winograd.h"
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

/// Frames to the pre-activations of all gates.
class GateConv {
 public:
  /// Of constant weights `operand` over `images` frames like `frame` [any, S..., C]; nothing if the
  /// padding is one that only the reference backend handles.
  static std::optional<GateConv> prepare(const Site& site, int operand, const ops::Conv& op,
                                         std::int64_t images, Shape frame) {
    const Shape& w = site.in[static_cast<std::size_t>(operand)].shape;
    Shape gates = site.out[1].shape;
    frame[0] = gates[0] = images;
    gates[gates.rank() - 1] *= 4;
    Window clipped, padded;
    if (!clipped.init(op, frame, w, gates, 1, site.threads, false) ||
        !padded.init(op, frame, w, gates, 1, site.threads)) {
      return std::nullopt;
    }
    GateConv conv;
    conv.frame_ = product(frame, 1, frame.rank());
    conv.gates_ = product(gates, 1, gates.rank());
    conv.winograd_ = Winograd::prepare(site, operand, clipped, 1, {});
    if (!conv.winograd_) {
      conv.gemm_ =
          WindowGemm(padded, 1, gates[gates.rank() - 1], WindowGemm::pack(site, operand, 1), {});
    }
    return conv;
  }

  std::size_t workspace() const {
    return winograd_ ? winograd_->workspace() : gemm_.window().workspace();
  }

  /// Of frames [first, first + count) of x.
  void run(const Args& args, const float* x, std::int64_t first, std::int64_t count,
           const float* bias, float* y) const {
    if (winograd_) {
      return winograd_->run(args, x + first * frame_, count, bias, y, args.workspace);
    }
    const Window& window = gemm_.window();
    for (std::int64_t i = 0; i < count; i += window.wave) {
      const std::int64_t some = std::min(window.wave, count - i);
      gemm_.run(args, window.pad(args, x, first + i, some), some, bias, y + i * gates_,
                gemm_.outputs());
    }
  }

 private:
  std::optional<Winograd> winograd_;
  WindowGemm gemm_;                     // without it
  std::int64_t frame_ = 0, gates_ = 0;  // floats of an image, of its result
};

class ConvLstmKernel final : public Kernel {
 public:
  ConvLstmKernel(const ops::ConvLstm& op, const Sizes& sizes, GateConv input, GateConv recurrent)
      : op_(op), s_(sizes), input_(std::move(input)), recurrent_(std::move(recurrent)) {
    chunk_ = std::max<std::int64_t>(1, kProjectionFloats / (s_.batch * s_.gates()));
    chunk_ = std::min(chunk_, std::max<std::int64_t>(1, s_.steps));
    pad_ = floats(static_cast<std::int64_t>(std::max(input_.workspace(), recurrent_.workspace()) /
                                            sizeof(float)));
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
    const float* bias = op_.has_bias ? args.in[3].as<float>() : nullptr;
    const std::int64_t frame = op_.go_backwards ? s_.steps - first - steps : first;
    for (std::int64_t b = 0; b < s_.batch; ++b) {
      input_.run(args, args.in[0].as<float>(), b * s_.steps + frame, steps, bias,
                 to + b * steps * s_.gates());
    }
  }

  /// to [B, S', 4 F]
  void convolve_state(const Args& args, const float* h, float* to) const {
    recurrent_.run(args, h, 0, s_.batch, nullptr, to);
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
  GateConv input_, recurrent_;
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
  std::optional<GateConv> over_input =
      GateConv::prepare(site, 1, input, sizes.batch * sizes.steps, Shape(frame));
  std::optional<GateConv> over_state = GateConv::prepare(site, 2, recurrent, sizes.batch, state);
  if (!over_input || !over_state) return nullptr;
  return std::make_unique<ConvLstmKernel>(op, sizes, std::move(*over_input),
                                          std::move(*over_state));
}

}  // namespace thaw::cpu
