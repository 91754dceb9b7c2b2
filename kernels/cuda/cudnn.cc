#include "kernels/cuda/cudnn.h"

#include <dlfcn.h>

#include "kernels/cuda_libraries.h"
#include "runtime/base/check.h"

namespace thaw::cuda {
namespace {

constexpr std::size_t kMajor = 9;

template <class Function>
bool resolve(void* library, const char* symbol, Function& function, std::string& why) {
  function = reinterpret_cast<Function>(dlsym(library, symbol));
  if (function != nullptr) return true;
  why = fmt::format("{} is missing", symbol);
  return false;
}

}  // namespace

void Cudnn::require(cudnnStatus_t status, const char* what) const {
  if (status == CUDNN_STATUS_SUCCESS) return;
  fail(ErrorCode::device, "cuDNN failed at {}: {} ({})", what, error_text(status),
       static_cast<int>(status));
}

std::unique_ptr<Cudnn> open_cudnn(const std::string& path, std::string& why) {
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* text = dlerror();
    why = text == nullptr ? "it does not load" : printable(text, 512);
    return nullptr;
  }
  auto made = std::make_unique<Cudnn>();
#define X(member, symbol) \
  if (!resolve(library, #symbol, made->member, why)) return nullptr;
  THAW_CUDNN_FUNCTIONS(X)
#undef X
  if (const std::size_t version = made->version(); version / 10000 != kMajor) {
    why = fmt::format("version {} is not {}.x", version, kMajor);
    return nullptr;
  }
  if (const cudnnStatus_t status = made->create(&made->handle); status != CUDNN_STATUS_SUCCESS) {
    why = fmt::format("it does not start: {}", printable(made->error_text(status)));
    return nullptr;
  }
  return made;
}

const Cudnn* cudnn() {
  // Leaked on purpose: kernels of other threads may outlive statics.
  static const Cudnn* const library = [] {
    const std::string soname = cuda_library_names()[1];
    const std::string found = find_cuda_library(soname).path;
    std::string why;
    return open_cudnn(found.empty() ? soname : found, why).release();
  }();
  return library;
}

bool cudnn_type(DType dtype, cudnnDataType_t& type) {
  switch (dtype) {
    case DType::float32: type = CUDNN_DATA_FLOAT; return true;
    case DType::float16: type = CUDNN_DATA_HALF; return true;
    case DType::bfloat16: type = CUDNN_DATA_BFLOAT16; return true;
    default: return false;
  }
}

CudnnDescriptor<cudnnTensorDescriptor_t> channels_last(const Cudnn& library, cudnnDataType_t type,
                                                       std::int64_t images, std::int64_t channels,
                                                       const std::int64_t (&spatial)[3]) {
  auto made = make_descriptor(library, library.create_tensor, library.destroy_tensor);
  const auto narrow = [](std::int64_t n) { return static_cast<int>(n); };
  const int flat = spatial[0] == 1 ? 1 : 0;  // two spatial dimensions are enough
  int dims[5] = {narrow(images), narrow(channels)}, strides[5] = {};
  std::int64_t stride = channels;
  strides[1] = 1;
  for (int d = 2; d >= flat; --d) {
    dims[2 + d - flat] = narrow(spatial[d]);
    strides[2 + d - flat] = narrow(stride);
    stride *= spatial[d];
  }
  strides[0] = narrow(stride);
  library.require(library.set_tensor(made.get(), type, 5 - flat, dims, strides), "a tensor");
  return made;
}

}  // namespace thaw::cuda
