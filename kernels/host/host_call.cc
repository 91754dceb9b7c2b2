#include "kernels/host_call.h"

#include <new>
#include <stdexcept>

#include "kernels/host/families.h"
#include "runtime/base/check.h"

namespace thaw {
namespace {

bool fits(const Shape& found, const Shape& expected) {
  if (!expected.has_rank()) return true;
  if (found.rank() != expected.rank()) return false;
  for (int i = 0; i < found.rank(); ++i) {
    if (expected[i] >= 0 && expected[i] != found[i]) return false;
  }
  return true;
}

std::vector<Tensor> call_function(const ops::HostCall& call, std::span<const Tensor> in,
                                  std::span<const TensorType> out, PackCache* packs) {
  if (call.custom != nullptr) return call.custom->run({in.begin(), in.end()});
  const HostKernel* kernel = find_host_kernel(call.function);
  THAW_CHECK(kernel != nullptr, "host function '{}' has no code", call.function);
  try {
    return kernel->run({call, in, out, packs});
  } catch (const std::bad_alloc&) {
    fail(ErrorCode::resource_exhausted, "'{}': no memory", call.function);
  } catch (const std::length_error&) {
    fail(ErrorCode::resource_exhausted, "'{}': a result is too large", call.function);
  }
}

}  // namespace

std::vector<std::span<const HostKernel>> host_kernel_families() {
  return {host::strings(), host::lookup(), host::linalg(),  host::signal(),
          host::special(), host::random(), host::image(),   host::segment(),
          host::sparse(),  host::ragged(), host::example(), host::bits()};
}

const HostKernel* find_host_kernel(std::string_view name) {
  for (const std::span<const HostKernel> family : host_kernel_families()) {
    for (const HostKernel& kernel : family) {
      if (kernel.name == name) return &kernel;
    }
  }
  return nullptr;
}

std::vector<Tensor> run_host_call(const ops::HostCall& call, std::span<const Tensor> in,
                                  std::span<const TensorType> out, PackCache* packs) {
  std::vector<Tensor> results = call_function(call, in, out, packs);
  if (results.size() != out.size()) {
    fail(ErrorCode::internal, "'{}': expected {} results, found {}", printable(call.function),
         out.size(), results.size());
  }
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (results[i].dtype() == out[i].dtype && fits(results[i].shape(), out[i].shape)) continue;
    fail(ErrorCode::internal, "'{}': result {}: expected {}, found {}", printable(call.function), i,
         to_string(out[i]), to_string(results[i].type()));
  }
  return results;
}

}  // namespace thaw
