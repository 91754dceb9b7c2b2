// Convolutions, with or without groups, and their transposes by cuDNN's C interface, channels last.
// The library wants the weights as [O, K..., C], which is ours with the last axis first: constant
// weights are brought into that order once. It pads both sides alike: other padding is written out
// in the workspace.
#include <algorithm>
#include <cstring>
#include <string>

#include "kernels/backend.h"
#include "kernels/cuda/cuda_stream.h"
#include "kernels/cuda/cudnn.h"
#include "kernels/cuda/libraries.h"
#include "kernels/cuda/library_room.h"
#include "kernels/cuda/narrow.h"
#include "kernels/cuda/product.h"
#include "kernels/cuda/window.cuh"
#include "runtime/base/memory.h"
#include "runtime/base/stored.h"

namespace thaw::cuda {
namespace {

constexpr std::size_t kMostConvWorkspace = std::size_t{256} << 20;

/// [..., n] to [n, ...].
Tensor last_axis_first(const Tensor& weights) {
  const std::int64_t columns = weights.shape()[weights.shape().rank() - 1];
  const std::int64_t rows = columns == 0 ? 0 : weights.num_elements() / columns;
  const std::size_t element = size_of(weights.dtype());
  Tensor turned(weights.dtype(), weights.shape());
  const ReadOnce elements(weights, 1);
  const auto* from = elements.as<std::byte>();
  auto* to = static_cast<std::byte*>(turned.mutable_data());
  for (std::int64_t column = 0; column < columns; ++column) {
    for (std::int64_t row = 0; row < rows; ++row) {
      std::memcpy(to + static_cast<std::size_t>(column * rows + row) * element,
                  from + static_cast<std::size_t>(row * columns + column) * element, element);
    }
  }
  return turned;
}

/// What both directions of a convolution tell the library.
struct ConvPlan {
  const Cudnn* library = nullptr;
  DType dtype = DType::float32;  // what the library computes with
  bool narrow = false;           // x and y are float32: they are rounded, and widened
  NarrowOperand pixels;
  std::size_t y_bytes = 0;  // of y in 16 bits
  CudnnDescriptor<cudnnTensorDescriptor_t> large, small, bias;
  CudnnDescriptor<cudnnFilterDescriptor_t> filter;
  CudnnDescriptor<cudnnConvolutionDescriptor_t> conv;
  CudnnDescriptor<cudnnActivationDescriptor_t> activation;
  std::shared_ptr<const void> weights;
  cudnnConvolutionFwdAlgo_t forward = CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM;
  cudnnConvolutionBwdDataAlgo_t backward = CUDNN_CONVOLUTION_BWD_DATA_ALGO_1;
  std::size_t workspace = 0;  // the library's
  bool has_bias = false, fused = false;
  UnaryFn after;  // what is not fused
  std::int64_t images = 0, channels = 0, out_channels = 0;
  std::size_t padded_bytes = 0;  // 0: x is read as it is
  Window window;

  bool describe(const Window& w, Precision precision, std::int64_t images_in,
                std::int64_t large_channels, std::int64_t small_channels, std::int64_t groups);
};

/// Surplus padding behind (or in front): written out.
bool is_symmetric(const Window& w, int d) {
  const std::int64_t reach = (w.window[d] - 1) * w.dilation[d] + 1;
  const std::int64_t needed = (w.small[d] - 1) * w.stride[d] + reach - w.large[d] - w.before[d];
  // Rows that no window reaches need no padding: behind may be less than in front.
  return w.before[d] >= needed &&
         (w.large[d] + 2 * w.before[d] - reach) / w.stride[d] + 1 == w.small[d];
}

cudnnMathType_t math_of(Precision precision, DType dtype) {
  if (dtype != DType::float32) return CUDNN_TENSOR_OP_MATH;
  switch (precision) {
    case Precision::tf32:
    case Precision::bf16: return CUDNN_DEFAULT_MATH;  // the library has no rounding to bfloat16
    case Precision::fp16: return CUDNN_TENSOR_OP_MATH_ALLOW_CONVERSION;
    default: return CUDNN_FMA_MATH;
  }
}

bool ConvPlan::describe(const Window& w, Precision precision, std::int64_t images_in,
                        std::int64_t large_channels, std::int64_t small_channels,
                        std::int64_t groups) {
  cudnnDataType_t type{};
  if (!cudnn_type(dtype, type)) return false;
  const std::int64_t most =
      std::max(w.large_volume * large_channels, w.small_volume * small_channels);
  if (images_in * most > INT32_MAX) return false;
  images = images_in;
  large = channels_last(*library, type, images, large_channels, w.large);
  small = channels_last(*library, type, images, small_channels, w.small);
  const int flat = w.large[0] == 1 && w.window[0] == 1 && w.small[0] == 1 ? 1 : 0;
  int taps[5] = {static_cast<int>(small_channels), static_cast<int>(large_channels / groups)};
  int pads[3] = {}, strides[3] = {}, dilations[3] = {};
  for (int d = flat; d < 3; ++d) {
    taps[2 + d - flat] = static_cast<int>(w.window[d]);
    pads[d - flat] = static_cast<int>(w.before[d]);
    strides[d - flat] = static_cast<int>(w.stride[d]);
    dilations[d - flat] = static_cast<int>(w.dilation[d]);
  }
  filter = make_descriptor(*library, library->create_filter, library->destroy_filter);
  conv = make_descriptor(*library, library->create_conv, library->destroy_conv);
  const bool described =
      library->set_filter(filter.get(), type, CUDNN_TENSOR_NHWC, 5 - flat, taps) ==
          CUDNN_STATUS_SUCCESS &&
      library->set_conv(conv.get(), 3 - flat, pads, strides, dilations, CUDNN_CROSS_CORRELATION,
                        CUDNN_DATA_FLOAT) == CUDNN_STATUS_SUCCESS &&
      library->set_conv_groups(conv.get(), static_cast<int>(groups)) == CUDNN_STATUS_SUCCESS &&
      library->set_conv_math(conv.get(), math_of(precision, dtype)) == CUDNN_STATUS_SUCCESS;
  // One spatial dimension more in a tensor than in its filter would be refused anyhow.
  return described && (flat == 1) == (w.large[0] == 1) && (flat == 1) == (w.small[0] == 1);
}

/// The `rank`-th that the library recommends and that fits, among those that give the same result
/// in each run; strict float32 stays with fused multiply-adds.
template <class Performance, class Algorithm>
bool choose(const std::vector<Performance>& found, bool strict, int rank, Algorithm& algorithm,
            std::size_t& workspace) {
  for (const Performance& one : found) {
    const bool narrow = one.mathType != CUDNN_FMA_MATH && one.mathType != CUDNN_DEFAULT_MATH;
    if (one.status != CUDNN_STATUS_SUCCESS || one.memory > kMostConvWorkspace) continue;
    if ((strict && narrow) || one.determinism != CUDNN_DETERMINISTIC || rank-- > 0) continue;
    algorithm = one.algo;
    workspace = one.memory;
    return true;
  }
  return false;
}

constexpr int kMostAlgorithms = 8;

bool choose_forward(ConvPlan& plan, bool strict, int rank) {
  std::vector<cudnnConvolutionFwdAlgoPerf_t> found(kMostAlgorithms);
  int count = 0;
  const std::lock_guard lock(plan.library->mutex);
  if (plan.library->forward_algorithms(plan.library->handle, plan.large.get(), plan.filter.get(),
                                       plan.conv.get(), plan.small.get(), kMostAlgorithms, &count,
                                       found.data()) != CUDNN_STATUS_SUCCESS) {
    return false;
  }
  found.resize(static_cast<std::size_t>(count));
  return choose(found, strict, rank, plan.forward, plan.workspace);
}

bool choose_backward(ConvPlan& plan, bool strict, int rank) {
  std::vector<cudnnConvolutionBwdDataAlgoPerf_t> found(kMostAlgorithms);
  int count = 0;
  const std::lock_guard lock(plan.library->mutex);
  if (plan.library->backward_algorithms(plan.library->handle, plan.filter.get(), plan.small.get(),
                                        plan.conv.get(), plan.large.get(), kMostAlgorithms, &count,
                                        found.data()) != CUDNN_STATUS_SUCCESS) {
    return false;
  }
  found.resize(static_cast<std::size_t>(count));
  return choose(found, strict, rank, plan.backward, plan.workspace);
}

/// Bias and activation that the library computes with the convolution: ReLU, or the bias alone by
/// the one algorithm that can.
void fuse(ConvPlan& plan, const UnaryFn& activation, bool may_fuse) {
  const bool relu = activation.kind == UnaryKind::relu;
  const bool bias_alone = activation.kind == UnaryKind::linear &&
                          plan.forward == CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM;
  plan.after = activation;
  if (!may_fuse || plan.narrow || !plan.has_bias || !(relu || bias_alone)) return;
  const Cudnn& library = *plan.library;
  cudnnDataType_t type{};
  cudnn_type(plan.dtype, type);
  plan.bias = channels_last(library, type, 1, plan.out_channels, {1, 1, 1});
  plan.activation = make_descriptor(library, library.create_activation, library.destroy_activation);
  library.require(library.set_activation(plan.activation.get(),
                                         relu ? CUDNN_ACTIVATION_RELU : CUDNN_ACTIVATION_IDENTITY,
                                         CUDNN_PROPAGATE_NAN, 0),
                  "an activation");
  plan.fused = true;
  plan.after = {};
}

/// Null if 16 bits cannot hold them.
std::shared_ptr<const void> packed(const Site& site, const Device& device, DType dtype) {
  const Tensor& weights = *site.constants[1];
  const auto pack = [&]() -> std::shared_ptr<const void> {
    if (weights.dtype() == dtype) return uploaded(last_axis_first(weights), device);
    const Tensor narrow = rounded(weights, dtype);
    return narrow.empty() ? nullptr : uploaded(last_axis_first(narrow), device);
  };
  const std::string layout = std::string("cudnn ") + name_of(dtype);
  return site.packs == nullptr ? pack() : site.packs->get(weights, layout, pack);
}

void run_forward(const ConvPlan& p, const Args& args, const Queue& queue) {
  const void* x = args.in[0].data;
  void* y = args.out[0].data;
  std::byte* workspace = args.workspace;
  if (p.narrow) {
    x = p.pixels.bring(queue, x, workspace);
    workspace += p.pixels.workspace();
    y = workspace;
    workspace += align_up(p.y_bytes);
  }
  if (p.padded_bytes > 0) {
    enqueue_padded(queue, p.window, p.images, p.channels, p.dtype, x, workspace);
    x = workspace;
    workspace += align_up(p.padded_bytes);
  }
  workspace = library_workspace(workspace, p.workspace);
  const float one = 1, zero = 0;
  {
    const auto quiet = outside_recordings(queue.stream);
    const std::lock_guard lock(p.library->mutex);
    p.library->require(p.library->set_stream(p.library->handle, native(queue.stream)), "a stream");
    const cudnnStatus_t status =
        p.fused ? p.library->forward_fused(
                      p.library->handle, &one, p.large.get(), x, p.filter.get(), p.weights.get(),
                      p.conv.get(), p.forward, workspace, p.workspace, &zero, p.small.get(), y,
                      p.bias.get(), args.in[2].data, p.activation.get(), p.small.get(), y)
                : p.library->forward(p.library->handle, &one, p.large.get(), x, p.filter.get(),
                                     p.weights.get(), p.conv.get(), p.forward, workspace,
                                     p.workspace, &zero, p.small.get(), y);
    p.library->require(status, "a convolution");
  }
  const std::int64_t count = p.images * p.window.small_volume * p.out_channels;
  if (p.narrow) enqueue_cast(queue, p.dtype, y, DType::float32, args.out[0].data, count);
  if (p.fused || (!p.has_bias && p.after.kind == UnaryKind::linear)) return;
  add_bias_in_place(queue, p.after, p.narrow ? DType::float32 : p.dtype, args.out[0].data,
                    p.has_bias ? args.in[2].data : nullptr, p.out_channels, count);
}

void run_backward(const ConvPlan& p, const Args& args, const Queue& queue) {
  const float one = 1, zero = 0;
  void* y = args.out[0].data;
  std::byte* workspace = library_workspace(args.workspace, p.workspace);
  {
    const auto quiet = outside_recordings(queue.stream);
    const std::lock_guard lock(p.library->mutex);
    p.library->require(p.library->set_stream(p.library->handle, native(queue.stream)), "a stream");
    p.library->require(p.library->backward(p.library->handle, &one, p.filter.get(), p.weights.get(),
                                           p.small.get(), args.in[0].data, p.conv.get(), p.backward,
                                           workspace, p.workspace, &zero, p.large.get(), y),
                       "a transposed convolution");
  }
  if (!p.has_bias) return;
  add_bias_in_place(queue, {}, p.dtype, y, args.in[3].data, p.out_channels,
                    p.images * p.window.large_volume * p.out_channels);
}

}  // namespace

KernelPtr prepare_conv_cudnn(const Site& site, const Device& device, Precision precision, int rank,
                             bool may_fuse) {
  const auto& op = site.op_as<ops::Conv>();
  const Shape &x = site.in[0].shape, &weights = site.in[1].shape, &y = site.out[0].shape;
  ConvPlan plan;
  plan.dtype = storage_of(precision, site.out[0].dtype);
  if (plan.dtype == DType::float16) plan.dtype = site.out[0].dtype;
  plan.narrow = plan.dtype != site.out[0].dtype;
  const bool known = site.constants[1] != nullptr;
  if (!known || x.num_elements() == 0 || y.num_elements() == 0 || op.groups <= 0 ||
      !plan.window.set(x, y, spatial_dims(weights), op.strides, op.dilations, op.padding)) {
    return nullptr;
  }
  plan.library = cudnn();
  if (plan.library == nullptr) return nullptr;
  plan.channels = x[x.rank() - 1];
  plan.out_channels = y[y.rank() - 1];
  plan.has_bias = site.in.size() > 2;
  const Window& w = plan.window;
  const bool as_it_is = is_symmetric(w, 0) && is_symmetric(w, 1) && is_symmetric(w, 2);
  const Window seen = as_it_is ? w : w.written_out();
  if (!as_it_is) {
    plan.padded_bytes =
        static_cast<std::size_t>(x[0] * seen.large_volume * plan.channels) * size_of(plan.dtype);
  }
  const bool strict = precision == Precision::f32 && plan.dtype == DType::float32;
  if (!plan.describe(seen, precision, x[0], plan.channels, plan.out_channels, op.groups) ||
      !choose_forward(plan, strict, rank)) {
    return nullptr;
  }
  fuse(plan, op.activation, may_fuse);
  plan.weights = packed(site, device, plan.dtype);
  if (plan.weights == nullptr) return nullptr;
  std::size_t workspace = align_up(plan.padded_bytes) + library_room(plan.workspace);
  if (plan.narrow) {
    if (!plan.pixels.set(site, 0, plan.dtype, device)) return nullptr;
    plan.y_bytes = static_cast<std::size_t>(y.num_elements()) * size_of(plan.dtype);
    workspace += plan.pixels.workspace() + align_up(plan.y_bytes);
  }
  const char* name = plan.narrow  ? "cudnn conv, 16 bits"
                     : plan.fused ? "cudnn conv, fused"
                                  : "cudnn conv";
  const std::uint32_t taken = plan.pixels.constant() ? 3 : 2;  // x may be a constant, too
  return make_kernel({name, workspace, false, taken}, [plan](const Args& args, const Queue& queue) {
    run_forward(plan, args, queue);
  });
}

KernelPtr prepare_conv_transpose_cudnn(const Site& site, const Device& device, Precision precision,
                                       int rank) {
  const auto& op = site.op_as<ops::ConvTranspose>();
  const Shape &x = site.in[0].shape, &weights = site.in[1].shape, &y = site.out[0].shape;
  ConvPlan plan;
  plan.dtype = site.out[0].dtype;
  Window& w = plan.window;
  if (site.constants[1] == nullptr || x.num_elements() == 0 || y.num_elements() == 0 ||
      !w.set(y, x, spatial_dims(weights), op.strides, op.dilations, op.padding) ||
      !is_symmetric(w, 0) || !is_symmetric(w, 1) || !is_symmetric(w, 2)) {
    return nullptr;
  }
  plan.library = cudnn();
  if (plan.library == nullptr) return nullptr;
  plan.channels = x[x.rank() - 1];
  plan.out_channels = y[y.rank() - 1];
  plan.has_bias = site.in.size() > 3;
  const bool strict = precision == Precision::f32 && plan.dtype == DType::float32;
  if (!plan.describe(w, precision, x[0], plan.out_channels, plan.channels, 1) ||
      !choose_backward(plan, strict, rank)) {
    return nullptr;
  }
  plan.weights = packed(site, device, plan.dtype);
  return make_kernel(
      {"cudnn conv transpose", library_room(plan.workspace), false, 2},
      [plan](const Args& args, const Queue& queue) { run_backward(plan, args, queue); });
}

}  // namespace thaw::cuda
