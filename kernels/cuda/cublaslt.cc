#include "kernels/cuda/cublaslt.h"

#include <dlfcn.h>

#include "kernels/cuda_libraries.h"

namespace thaw::cuda {
namespace {

template <class Function>
bool resolve(void* library, const char* symbol, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, symbol));
  return function != nullptr;
}

const CublasLt* open() {
  const std::string soname = cuda_library_names()[0];
  const std::string found = find_cuda_library(soname).path;
  void* library = dlopen((found.empty() ? soname : found).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return nullptr;
  auto* lt = new CublasLt;  // leaked on purpose: kernels of other threads may outlive statics
  const bool whole = resolve(library, "cublasLtCreate", lt->create) &&
                     resolve(library, "cublasLtMatmul", lt->matmul) &&
                     resolve(library, "cublasLtMatmulDescCreate", lt->operation_create) &&
                     resolve(library, "cublasLtMatmulDescDestroy", lt->operation_destroy) &&
                     resolve(library, "cublasLtMatmulDescSetAttribute", lt->operation_set) &&
                     resolve(library, "cublasLtMatrixLayoutCreate", lt->layout_create) &&
                     resolve(library, "cublasLtMatrixLayoutDestroy", lt->layout_destroy) &&
                     resolve(library, "cublasLtMatrixLayoutSetAttribute", lt->layout_set) &&
                     resolve(library, "cublasLtMatmulPreferenceCreate", lt->preference_create) &&
                     resolve(library, "cublasLtMatmulPreferenceDestroy", lt->preference_destroy) &&
                     resolve(library, "cublasLtMatmulPreferenceSetAttribute", lt->preference_set) &&
                     resolve(library, "cublasLtMatmulAlgoGetHeuristic", lt->heuristic);
  if (whole && lt->create(&lt->handle) == CUBLAS_STATUS_SUCCESS) return lt;
  delete lt;
  return nullptr;
}

}  // namespace

const CublasLt* cublaslt() {
  static const CublasLt* const library = open();
  return library;
}

}  // namespace thaw::cuda
