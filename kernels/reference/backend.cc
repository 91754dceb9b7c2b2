#include "kernels/backend.h"

#include "kernels/reference/prepare.h"

namespace thaw {
namespace {

class ReferenceBackend final : public Backend {
 public:
  const char* name() const override { return "reference"; }
  std::unique_ptr<Kernel> prepare(const Site& site) const override {
    return reference::prepare(site);
  }
};

}  // namespace

const Backend& reference_backend() {
  static const Backend* const backend = new ReferenceBackend;  // outlives every user
  return *backend;
}

}  // namespace thaw
