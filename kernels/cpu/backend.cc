#include "kernels/backend.h"

#include <string_view>

#include "kernels/cpu/functions.h"
#include "kernels/cpu/table.h"

namespace thaw {
namespace {

class CpuBackend final : public Backend {
 public:
  const char* name() const override { return "cpu"; }

  std::unique_ptr<Kernel> prepare(const Site& site) const override {
    const std::string_view op = name_of(site.op);
    for (const cpu::Row& row : cpu::table()) {
      if (op != row.op) continue;
      if (std::unique_ptr<Kernel> kernel = row.prepare(site)) return kernel;
    }
    return reference_backend().prepare(site);
  }

  bool fuses(const Op& op, DType dtype) const override {
    return dtype == DType::float32 &&
           (std::holds_alternative<ops::Attention>(op) || std::holds_alternative<ops::Pool>(op) ||
            cpu::fuses_elementwise(op));
  }
};

}  // namespace

const Backend& cpu_backend() {
  // Leaked on purpose: sessions of other threads may outlive static destruction.
  static const Backend* const backend = new CpuBackend;
  return *backend;
}

}  // namespace thaw
