// Poses as cuDNN 9 (libcudnn.so.9) on the tests' device: does on the host what the documentation of
// the convolutions says. FAKE_CUDNN is "old" (another version), "broken" (does not start),
// "failing" (every computation fails), or anything else.
#include "tests/fakes/fake_cudnn.h"

#include <functional>

struct cudnnActivationStruct {
  cudnnActivationMode_t mode;
};
struct cudnnConvolutionStruct {
  std::vector<std::int64_t> pads, strides, dilations;
  std::int64_t groups = 1;
  cudnnMathType_t math = CUDNN_DEFAULT_MATH;
};

namespace thaw::fake {
namespace {

constexpr std::size_t kWorkspace = 64;

using Index = std::vector<std::int64_t>;

std::int64_t at(const cudnnTensorStruct& t, const Index& index) {
  std::int64_t offset = 0;
  for (std::size_t i = 0; i < index.size(); ++i) offset += index[i] * t.strides[i];
  return offset;
}
/// [K, spatial..., C]
std::int64_t at(const cudnnFilterStruct& f, std::int64_t k, std::int64_t c, const Index& tap) {
  std::int64_t offset = k;
  for (std::size_t d = 0; d < tap.size(); ++d) offset = offset * f.dims[2 + d] + tap[d];
  return offset * f.dims[1] + c;
}

void each_index(const Index& dims, const std::function<void(const Index&)>& visit) {
  Index index(dims.size(), 0);
  for (const std::int64_t dim : dims) {
    if (dim == 0) return;
  }
  while (true) {
    visit(index);
    std::size_t d = dims.size();
    while (d > 0 && ++index[d - 1] == dims[d - 1]) index[--d] = 0;
    if (d == 0) return;
  }
}

bool fits(const cudnnTensorStruct& large, const cudnnFilterStruct& f,
          const cudnnConvolutionStruct& c, const cudnnTensorStruct& small) {
  bool right = f.format == CUDNN_TENSOR_NHWC && large.dims.size() == f.dims.size() &&
               small.dims.size() == f.dims.size() && c.pads.size() + 2 == f.dims.size() &&
               f.dims[0] == small.dims[1] && f.dims[1] * c.groups == large.dims[1] &&
               large.dims[0] == small.dims[0] && large.type == f.type && small.type == f.type;
  for (std::size_t d = 0; right && d < c.pads.size(); ++d) {
    const std::int64_t reach = (f.dims[2 + d] - 1) * c.dilations[d] + 1;
    right = (large.dims[2 + d] + 2 * c.pads[d] - reach) / c.strides[d] + 1 == small.dims[2 + d];
  }
  return right;
}

/// visit(index into large, index into small, tap) for every pair of pixels that a tap joins.
void each_tap(const cudnnTensorStruct& large, const cudnnFilterStruct& f,
              const cudnnConvolutionStruct& c, const cudnnTensorStruct& small,
              const std::function<void(const Index&, const Index&, const Index&)>& visit) {
  const Index taps(f.dims.begin() + 2, f.dims.end());
  Index pixels = small.dims;
  pixels[1] = 1;
  each_index(pixels, [&](const Index& pixel) {
    each_index(taps, [&](const Index& tap) {
      Index from = pixel;
      for (std::size_t d = 0; d < tap.size(); ++d) {
        from[2 + d] = pixel[2 + d] * c.strides[d] - c.pads[d] + tap[d] * c.dilations[d];
        if (from[2 + d] < 0 || from[2 + d] >= large.dims[2 + d]) return;
      }
      visit(from, pixel, tap);
    });
  });
}

void convolve(const cudnnTensorStruct& large, const void* x, const cudnnFilterStruct& f,
              const void* w, const cudnnConvolutionStruct& c, const cudnnTensorStruct& small,
              void* y, const void* bias, bool relu) {
  std::int64_t count = 1;
  for (const std::int64_t dim : small.dims) count *= dim;
  std::vector<float> sums(static_cast<std::size_t>(count), 0.0f);
  const std::int64_t group_out = f.dims[0] / c.groups;
  each_tap(large, f, c, small, [&](Index from, Index to, const Index& tap) {
    for (std::int64_t k = 0; k < f.dims[0]; ++k) {
      to[1] = k;
      for (std::int64_t i = 0; i < f.dims[1]; ++i) {
        from[1] = k / group_out * f.dims[1] + i;
        sums[static_cast<std::size_t>(at(small, to))] +=
            element(x, large.type, at(large, from)) * element(w, f.type, at(f, k, i, tap));
      }
    }
  });
  each_index(small.dims, [&](const Index& index) {
    float sum = sums[static_cast<std::size_t>(at(small, index))];
    if (bias != nullptr) sum += element(bias, small.type, index[1]);
    if (relu && sum < 0) sum = 0;
    set_element(y, small.type, at(small, index), sum);
  });
}

void convolve_back(const cudnnTensorStruct& large, void* dx, const cudnnFilterStruct& f,
                   const void* w, const cudnnConvolutionStruct& c, const cudnnTensorStruct& small,
                   const void* dy) {
  std::int64_t count = 1;
  for (const std::int64_t dim : large.dims) count *= dim;
  std::vector<float> sums(static_cast<std::size_t>(count), 0.0f);
  each_tap(large, f, c, small, [&](Index from, Index to, const Index& tap) {
    for (std::int64_t k = 0; k < f.dims[0]; ++k) {
      to[1] = k;
      for (std::int64_t i = 0; i < f.dims[1]; ++i) {
        from[1] = i;
        sums[static_cast<std::size_t>(at(large, from))] +=
            element(dy, small.type, at(small, to)) * element(w, f.type, at(f, k, i, tap));
      }
    }
  });
  for (std::int64_t i = 0; i < count; ++i) {
    set_element(dx, large.type, i, sums[static_cast<std::size_t>(i)]);
  }
}

bool scales(const void* alpha, const void* beta) {
  return *static_cast<const float*>(alpha) == 1 && *static_cast<const float*>(beta) == 0;
}

template <class T>
cudnnStatus_t make(T** made) {
  *made = new T{};
  return CUDNN_STATUS_SUCCESS;
}
template <class T>
cudnnStatus_t drop(T* gone) {
  delete gone;
  return CUDNN_STATUS_SUCCESS;
}

}  // namespace
}  // namespace thaw::fake

using namespace thaw::fake;  // NOLINT: the C functions below are outside of it

extern "C" {

size_t cudnnGetVersion() { return poses_as("old") ? 80907 : 91900; }
const char* cudnnGetErrorString(cudnnStatus_t) { return "no such luck"; }
cudnnStatus_t cudnnCreate(cudnnHandle_t* handle) {
  return poses_as("broken") ? CUDNN_STATUS_NOT_INITIALIZED : make(handle);
}
cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream) {
  handle->stream = reinterpret_cast<thaw::cuda::HostStream*>(stream);
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnCreateTensorDescriptor(cudnnTensorDescriptor_t* made) { return make(made); }
cudnnStatus_t cudnnDestroyTensorDescriptor(cudnnTensorDescriptor_t gone) { return drop(gone); }
cudnnStatus_t cudnnSetTensorNdDescriptor(cudnnTensorDescriptor_t tensor, cudnnDataType_t type,
                                         int rank, const int dims[], const int strides[]) {
  *tensor = {type, {dims, dims + rank}, {strides, strides + rank}};
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnCreateFilterDescriptor(cudnnFilterDescriptor_t* made) { return make(made); }
cudnnStatus_t cudnnDestroyFilterDescriptor(cudnnFilterDescriptor_t gone) { return drop(gone); }
cudnnStatus_t cudnnSetFilterNdDescriptor(cudnnFilterDescriptor_t filter, cudnnDataType_t type,
                                         cudnnTensorFormat_t format, int rank, const int dims[]) {
  *filter = {type, format, {dims, dims + rank}};
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnCreateActivationDescriptor(cudnnActivationDescriptor_t* made) {
  return make(made);
}
cudnnStatus_t cudnnDestroyActivationDescriptor(cudnnActivationDescriptor_t gone) {
  return drop(gone);
}
cudnnStatus_t cudnnSetActivationDescriptor(cudnnActivationDescriptor_t activation,
                                           cudnnActivationMode_t mode, cudnnNanPropagation_t,
                                           double) {
  activation->mode = mode;
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnCreateConvolutionDescriptor(cudnnConvolutionDescriptor_t* made) {
  return make(made);
}
cudnnStatus_t cudnnDestroyConvolutionDescriptor(cudnnConvolutionDescriptor_t gone) {
  return drop(gone);
}
cudnnStatus_t cudnnSetConvolutionNdDescriptor(cudnnConvolutionDescriptor_t conv, int rank,
                                              const int pads[], const int strides[],
                                              const int dilations[], cudnnConvolutionMode_t mode,
                                              cudnnDataType_t) {
  conv->pads.assign(pads, pads + rank);
  conv->strides.assign(strides, strides + rank);
  conv->dilations.assign(dilations, dilations + rank);
  return mode == CUDNN_CROSS_CORRELATION ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_BAD_PARAM;
}
cudnnStatus_t cudnnSetConvolutionGroupCount(cudnnConvolutionDescriptor_t conv, int groups) {
  conv->groups = groups;
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnSetConvolutionMathType(cudnnConvolutionDescriptor_t conv, cudnnMathType_t math) {
  conv->math = math;
  return CUDNN_STATUS_SUCCESS;
}

// The first is too large, the second fails, the third multiplies in a shorter form, the fifth sums
// in another order each time.
cudnnStatus_t cudnnGetConvolutionForwardAlgorithm_v7(
    cudnnHandle_t, const cudnnTensorDescriptor_t large, const cudnnFilterDescriptor_t filter,
    const cudnnConvolutionDescriptor_t conv, const cudnnTensorDescriptor_t small, int, int* count,
    cudnnConvolutionFwdAlgoPerf_t* found) {
  if (!fits(*large, *filter, *conv, *small)) return CUDNN_STATUS_BAD_PARAM;
  for (int i = 0; i < 6; ++i) {
    found[i] = {};
    found[i].algo = CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM;
    found[i].memory = kWorkspace;
    found[i].mathType = conv->math;
    found[i].determinism = CUDNN_DETERMINISTIC;
  }
  found[0].memory = std::size_t{1} << 40;
  found[1].status = CUDNN_STATUS_NOT_SUPPORTED;
  found[2].mathType = CUDNN_TENSOR_OP_MATH;
  found[4].determinism = CUDNN_NON_DETERMINISTIC;
  found[5].algo = CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM;
  *count = 6;
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnConvolutionForward(cudnnHandle_t handle, const void* alpha,
                                      const cudnnTensorDescriptor_t large, const void* x,
                                      const cudnnFilterDescriptor_t filter, const void* w,
                                      const cudnnConvolutionDescriptor_t conv,
                                      cudnnConvolutionFwdAlgo_t, void* workspace, size_t bytes,
                                      const void* beta, const cudnnTensorDescriptor_t small,
                                      void* y) {
  if (poses_as("failing")) return CUDNN_STATUS_EXECUTION_FAILED;
  const bool right = scales(alpha, beta) && workspace != nullptr && bytes == kWorkspace &&
                     fits(*large, *filter, *conv, *small);
  if (!right) return CUDNN_STATUS_BAD_PARAM;
  handle->stream->enqueue([=, large = *large, filter = *filter, conv = *conv, small = *small] {
    convolve(large, x, filter, w, conv, small, y, nullptr, false);
  });
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnConvolutionBiasActivationForward(
    cudnnHandle_t handle, const void* alpha, const cudnnTensorDescriptor_t large, const void* x,
    const cudnnFilterDescriptor_t filter, const void* w, const cudnnConvolutionDescriptor_t conv,
    cudnnConvolutionFwdAlgo_t algorithm, void*, size_t bytes, const void* beta,
    const cudnnTensorDescriptor_t, const void*, const cudnnTensorDescriptor_t bias_of,
    const void* bias, const cudnnActivationDescriptor_t activation,
    const cudnnTensorDescriptor_t small, void* y) {
  if (poses_as("failing")) return CUDNN_STATUS_EXECUTION_FAILED;
  const bool relu = activation->mode == CUDNN_ACTIVATION_RELU;
  const bool identity = activation->mode == CUDNN_ACTIVATION_IDENTITY &&
                        algorithm == CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM;
  const bool right = scales(alpha, beta) && bytes == kWorkspace && (relu || identity) &&
                     bias_of->dims[1] == small->dims[1] && fits(*large, *filter, *conv, *small);
  if (!right) return CUDNN_STATUS_BAD_PARAM;
  handle->stream->enqueue([=, large = *large, filter = *filter, conv = *conv, small = *small] {
    convolve(large, x, filter, w, conv, small, y, bias, relu);
  });
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnGetConvolutionBackwardDataAlgorithm_v7(
    cudnnHandle_t, const cudnnFilterDescriptor_t filter, const cudnnTensorDescriptor_t small,
    const cudnnConvolutionDescriptor_t conv, const cudnnTensorDescriptor_t large, int, int* count,
    cudnnConvolutionBwdDataAlgoPerf_t* found) {
  if (!fits(*large, *filter, *conv, *small)) return CUDNN_STATUS_BAD_PARAM;
  found[0] = {};
  found[0].algo = CUDNN_CONVOLUTION_BWD_DATA_ALGO_1;
  found[0].memory = kWorkspace;
  found[0].mathType = conv->math;
  found[0].determinism = CUDNN_DETERMINISTIC;
  *count = 1;
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnConvolutionBackwardData(cudnnHandle_t handle, const void* alpha,
                                           const cudnnFilterDescriptor_t filter, const void* w,
                                           const cudnnTensorDescriptor_t small, const void* dy,
                                           const cudnnConvolutionDescriptor_t conv,
                                           cudnnConvolutionBwdDataAlgo_t, void*, size_t bytes,
                                           const void* beta, const cudnnTensorDescriptor_t large,
                                           void* dx) {
  if (poses_as("failing")) return CUDNN_STATUS_EXECUTION_FAILED;
  const bool right =
      scales(alpha, beta) && bytes == kWorkspace && fits(*large, *filter, *conv, *small);
  if (!right) return CUDNN_STATUS_BAD_PARAM;
  handle->stream->enqueue([=, large = *large, filter = *filter, conv = *conv, small = *small] {
    convolve_back(large, dx, filter, w, conv, small, dy);
  });
  return CUDNN_STATUS_SUCCESS;
}
}
