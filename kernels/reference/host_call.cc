// Host functions inside a plan: the operands become tensors, the results are copied out.
#include "kernels/host_call.h"

#include <algorithm>
#include <cstring>

#include "kernels/reference/prepare.h"

namespace thaw::reference {
namespace {

/// Allocates in every run: host functions make their own results.
class HostCallKernel final : public Kernel {
 public:
  explicit HostCallKernel(const Site& site)
      : call_(site.op_as<ops::HostCall>()),
        out_(site.out.begin(), site.out.end()),
        packs_(site.packs) {}

  const char* name() const override { return "host"; }

  void run(const Args& args) const override {
    std::vector<Tensor> in;
    in.reserve(args.in.size());
    for (const View& view : args.in) {
      in.push_back(Tensor::borrow(view.type->dtype, view.type->shape, view.data, nullptr));
    }
    const std::vector<Tensor> results = run_host_call(call_, in, out_, packs_);
    for (std::size_t i = 0; i < results.size(); ++i) {
      if (results[i].num_elements() == 0) continue;
      std::memcpy(args.out[i].data, results[i].data(), results[i].size_bytes());
    }
  }

 private:
  ops::HostCall call_;
  std::vector<TensorType> out_;
  PackCache* packs_;
};

bool is_plain(const TensorType& type) {
  return type.shape.is_static() && type.dtype != DType::string && size_of(type.dtype) != 0;
}

}  // namespace

KernelPtr prepare_host_call(const Site& site) {
  const bool plain = std::all_of(site.in.begin(), site.in.end(), is_plain) &&
                     std::all_of(site.out.begin(), site.out.end(), is_plain);
  return plain ? std::make_unique<HostCallKernel>(site) : nullptr;
}

}  // namespace thaw::reference
