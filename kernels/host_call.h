// Functions of whole tensors that run on the host: the code behind ops::HostCall.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "kernels/backend.h"

namespace thaw {

struct HostArgs {
  const ops::HostCall& call;
  std::span<const Tensor> in;
  std::span<const TensorType> out;  // as inferred; unknown where the elements decide
  PackCache* packs = nullptr;       // may be null; for what is made from a Tensor attribute
};

/// run() is stateless and may be called by several sessions at once; it throws Error for bad
/// elements. It gives as many tensors as `out` has types.
struct HostKernel {
  std::string_view name;
  std::vector<Tensor> (*run)(const HostArgs& args);
};

/// Null if there is none of this name.
const HostKernel* find_host_kernel(std::string_view name);
/// All of them, by family.
std::vector<std::span<const HostKernel>> host_kernel_families();

/// Runs `call` on tensors and checks the results against the inferred types.
std::vector<Tensor> run_host_call(const ops::HostCall& call, std::span<const Tensor> in,
                                  std::span<const TensorType> out, PackCache* packs);

}  // namespace thaw
