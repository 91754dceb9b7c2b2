// libthaw_cuda.so whose GPU is the host: the CUDA kernels as the host's compiler makes them, behind
// the door that a real plugin has. In the shorter precisions it rounds the operands of products, as
// NVIDIA's libraries do.
#include <bit>

#include "kernels/plugin.h"
#include "runtime/base/half.h"
#include "runtime/base/memory.h"
#include "tests/cuda/host_backend.h"

namespace thaw::test {
namespace {

float round_to(Precision precision, float value) {
  switch (precision) {
    case Precision::fp16: return half_to_float(float_to_half(value));
    case Precision::bf16: return bfloat_to_float(float_to_bfloat(value));
    case Precision::tf32:  // 10 of the 23 bits
      return std::bit_cast<float>((std::bit_cast<std::uint32_t>(value) + 0x1000U) & 0xffffe000U);
    default: return value;
  }
}

/// A product of float32 whose operands are rounded on the way.
class RoundedProduct final : public DeviceKernel {
 public:
  RoundedProduct(std::unique_ptr<DeviceKernel> product, Precision precision, const Site& site)
      : product_(std::move(product)), precision_(precision) {
    workspace_ = product_->workspace();
    for (std::size_t i = 0; i < 2; ++i) {
      counts_[i] = static_cast<std::size_t>(site.in[i].shape.num_elements());
      workspace_ += align_up(counts_[i] * sizeof(float));
    }
  }
  const char* name() const override { return "cuda matmul, rounded"; }
  bool may_fault() const override { return product_->may_fault(); }
  void enqueue(const Args& args, const Queue& queue) const override {
    std::vector<View> in(args.in.begin(), args.in.end());
    std::byte* room = args.workspace;
    for (std::size_t i = 0; i < 2; ++i) {
      const auto* from = static_cast<const float*>(in[i].data);
      auto* to = reinterpret_cast<float*>(room);
      dynamic_cast<cuda::HostStream&>(queue.stream)
          .enqueue([from, to, count = counts_[i], precision = precision_] {
            for (std::size_t k = 0; k < count; ++k) to[k] = round_to(precision, from[k]);
          });
      in[i].data = to;
      room += align_up(counts_[i] * sizeof(float));
    }
    product_->enqueue({in, args.out, room, args.pool}, queue);
  }

 private:
  std::unique_ptr<DeviceKernel> product_;
  Precision precision_;
  std::size_t counts_[2] = {};
};

class HostGpu final : public DeviceBackend {
 public:
  HostGpu(std::shared_ptr<const HostCudaBackend> gpu, Precision precision)
      : gpu_(std::move(gpu)), precision_(precision) {}
  const char* name() const override { return "cuda"; }
  const Device& device() const override { return gpu_->device(); }
  std::unique_ptr<DeviceKernel> prepare(const Site& site) const override {
    std::unique_ptr<DeviceKernel> kernel = gpu_->prepare(site);
    const bool rounded = precision_ != Precision::f32 && kernel != nullptr &&
                         std::holds_alternative<ops::MatMul>(site.op) &&
                         site.in[0].dtype == DType::float32;
    if (!rounded) return kernel;
    return std::make_unique<RoundedProduct>(std::move(kernel), precision_, site);
  }
  const DeviceBackend& in_precision(Precision precision) const override {
    for (const auto& other : others_) {
      if (other->precision_ == precision) return *other;
    }
    return *this;
  }
  void add(Precision precision) { others_.push_back(std::make_unique<HostGpu>(gpu_, precision)); }

 private:
  std::shared_ptr<const HostCudaBackend> gpu_;
  Precision precision_;
  std::vector<std::unique_ptr<HostGpu>> others_;
};

const DeviceBackend* open_host_gpu(char*, std::size_t) {
  auto* gpu = new HostGpu(std::make_shared<const HostCudaBackend>(), Precision::f32);
  for (const Precision precision : {Precision::tf32, Precision::fp16, Precision::bf16}) {
    gpu->add(precision);
  }
  return gpu;  // never destroyed, as the real one
}

}  // namespace
}  // namespace thaw::test

extern "C" __attribute__((visibility("default"))) const thaw::CudaPlugin* thaw_cuda_plugin(
    std::uint32_t interface) {
  static const thaw::CudaPlugin plugin{.open = thaw::test::open_host_gpu};
  return interface == thaw::kPluginInterface ? &plugin : nullptr;
}
