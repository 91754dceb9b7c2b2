// libthaw_cuda.so: the door that kernels/cuda_plugin.cc opens.
#include "kernels/plugin.h"

#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "kernels/cuda/cuda_device.h"
#include "kernels/cuda/libraries.h"
#include "kernels/cuda/measured.h"
#include "kernels/cuda/table.h"

namespace thaw::cuda {
namespace {

constexpr std::int64_t kMostColumnBytes = std::int64_t{256} << 20;
constexpr std::int64_t kMostScoreBytes = std::int64_t{256} << 20;
// Of a convolution: the first that the library recommends.
constexpr int kCudnnAlgorithms = 3, kProductsOfConv = 2;

double seconds_now() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

/// What the backends of all precisions share.
struct Gpu {
  CudaDevice device;
  Measured measured{seconds_now};
};

class CudaBackend final : public DeviceBackend {
 public:
  CudaBackend(std::shared_ptr<Gpu> gpu, Precision precision)
      : gpu_(std::move(gpu)), precision_(precision) {}

  const char* name() const override { return "cuda"; }
  const Device& device() const override { return gpu_->device; }
  std::unique_ptr<DeviceKernel> prepare(const Site& site) const override {
    if (KernelPtr kernel = prepare_preferred(site)) return kernel;
    return prepare_from(table(), site, gpu_->device);
  }
  std::unique_ptr<DeviceKernel> prepare_pair(const Site& first, const Site& second) const override {
    return prepare_rnn_pair(first, second, rnn_target());
  }
  const DeviceBackend& in_precision(Precision precision) const override {
    for (const auto& other : others_) {
      if (other->precision_ == precision) return *other;
    }
    return *this;
  }
  void add(std::unique_ptr<CudaBackend> other) { others_.push_back(std::move(other)); }

 private:
  static Projection projection(const Product& product, DType dtype) {
    Projection made = cublaslt_projection(product, dtype);
    return made.enqueue ? made : plain_projection(product, dtype);
  }

  RnnTarget rnn_target() const {
    return {gpu_->device.team_limits(), projection, precision_, &gpu_->device};
  }

  KernelPtr prepare_preferred(const Site& site) const {
    if (std::holds_alternative<ops::MatMul>(site.op)) {
      if (KernelPtr kernel = prepare_narrow(site)) return kernel;
      return prepare_matmul(site);
    }
    if (std::holds_alternative<ops::Conv>(site.op)) return prepare_conv(site);
    if (std::holds_alternative<ops::ConvTranspose>(site.op)) return prepare_conv_transpose(site);
    if (std::holds_alternative<ops::Rnn>(site.op)) return prepare_rnn(site);
    if (std::holds_alternative<ops::Attention>(site.op)) return prepare_attention(site);
    return nullptr;
  }

  /// What a choice depends on beside the op's attributes and the types.
  std::string key(const std::string& op, const Site& site) const {
    return shape_key(op + " " + std::to_string(static_cast<int>(precision_)), site);
  }

  /// Of a product.
  static std::string attributes(const ops::MatMul& op) {
    return " " + std::to_string(op.transpose_a) + std::to_string(op.transpose_b) + " " +
           std::to_string(static_cast<int>(op.activation.kind));
  }

  /// Null unless the precision asks for 16 bits: what is more exact is no candidate then, however
  /// quick.
  KernelPtr prepare_narrow(const Site& site) const {
    std::vector<Measured::Candidate> candidates;
    for (int rank = 0; rank < kProductAlgorithms; ++rank) {
      candidates.push_back([this, rank](const Site& at) {
        return prepare_matmul_narrow(at, gpu_->device, precision_, rank);
      });
    }
    const std::string text = "narrow matmul" + attributes(site.op_as<ops::MatMul>());
    return gpu_->measured.quickest(candidates, site, gpu_->device, key(text, site));
  }

  KernelPtr prepare_matmul(const Site& site) const {
    std::vector<Measured::Candidate> candidates;
    for (int rank = 0; rank < kProductAlgorithms; ++rank) {
      candidates.push_back(
          [this, rank](const Site& at) { return prepare_matmul_cublaslt(at, precision_, rank); });
    }
    // The library's tiles are mostly empty where there is a single row.
    const Shape& y = site.out[0].shape;
    if (y.rank() > 0 && y.num_elements() > 0 && y.num_elements() == y[y.rank() - 1]) {
      candidates.push_back([](const Site& at) { return thaw::cuda::prepare_matmul(at); });
    }
    const std::string text = "matmul" + attributes(site.op_as<ops::MatMul>());
    return gpu_->measured.quickest(candidates, site, gpu_->device, key(text, site));
  }

  KernelPtr prepare_conv(const Site& site) const {
    std::vector<Measured::Candidate> candidates;
    for (int rank = 0; rank < kCudnnAlgorithms; ++rank) {
      candidates.push_back([this, rank](const Site& at) {
        return prepare_conv_cudnn(at, gpu_->device, precision_, rank);
      });
    }
    if (site.in.size() > 2 && size_of(site.in[0].dtype) == 2) {
      candidates.push_back([this](const Site& at) {
        return prepare_conv_cudnn(at, gpu_->device, precision_, 0, false);
      });
    }
    for (int rank = 0; rank < kProductsOfConv; ++rank) {
      candidates.push_back([this, rank](const Site& at) {
        return prepare_conv_cublaslt(at, gpu_->device, kMostColumnBytes, precision_, rank);
      });
    }
    const auto& op = site.op_as<ops::Conv>();
    if (op.pool > 1) return nullptr;
    if (op.groups > 1) {
      candidates.push_back(
          [this](const Site& at) { return prepare_conv_narrow(at, gpu_->device, precision_); });
      // With few channels in a group there is little to reuse.
      candidates.push_back([](const Site& at) { return thaw::cuda::prepare_conv(at); });
    }
    std::string text = "conv " + std::to_string(op.groups) + attributes(op);
    text += " " + std::to_string(static_cast<int>(op.activation.kind));
    return gpu_->measured.quickest(candidates, site, gpu_->device, key(text, site));
  }

  KernelPtr prepare_conv_transpose(const Site& site) const {
    std::vector<Measured::Candidate> candidates;
    for (int rank = 0; rank < kCudnnAlgorithms; ++rank) {
      candidates.push_back([this, rank](const Site& at) {
        return prepare_conv_transpose_cudnn(at, gpu_->device, precision_, rank);
      });
    }
    for (int rank = 0; rank < kProductsOfConv; ++rank) {
      candidates.push_back([this, rank](const Site& at) {
        return prepare_conv_transpose_cublaslt(at, gpu_->device, kMostColumnBytes, precision_,
                                               rank);
      });
    }
    const std::string text = "conv_transpose" + attributes(site.op_as<ops::ConvTranspose>());
    return gpu_->measured.quickest(candidates, site, gpu_->device, key(text, site));
  }

  /// Of any convolution.
  template <class AnyConv>
  static std::string attributes(const AnyConv& op) {
    std::string text = " " + std::to_string(static_cast<int>(op.padding.kind));
    for (const auto* list : {&op.strides, &op.dilations, &op.padding.before, &op.padding.after}) {
      text += ";";
      for (const std::int64_t one : *list) text += " " + std::to_string(one);
    }
    return text;
  }

  /// Scores that never leave a block, or a library's products with scores in memory.
  KernelPtr prepare_attention(const Site& site) const {
    std::vector<Measured::Candidate> candidates;
    candidates.push_back([](const Site& at) { return thaw::cuda::prepare_attention(at); });
    for (const auto batches : {LtBatches::together, LtBatches::each}) {
      candidates.push_back([this, batches](const Site& at) {
        return prepare_attention_cublaslt(at, gpu_->device, kMostScoreBytes, precision_, batches);
      });
    }
    const auto& op = site.op_as<ops::Attention>();
    std::string text = "attention";
    for (const std::int64_t one : {op.heads, op.key_heads, op.key_width, op.value_width,
                                   op.query_at, op.key_at, op.value_at}) {
      text += " " + std::to_string(one);
    }
    return gpu_->measured.quickest(candidates, site, gpu_->device, key(text, site));
  }

  /// Own teams of blocks or cuDNN's algorithms: no rule says which is quicker for every shape.
  KernelPtr prepare_rnn(const Site& site) const {
    std::vector<Measured::Candidate> candidates;
    candidates.push_back(
        [this](const Site& at) { return prepare_rnn_persistent(at, rnn_target()); });
    for (const auto algorithm : {CudnnRnnAlgorithm::standard, CudnnRnnAlgorithm::small}) {
      candidates.push_back([this, algorithm](const Site& at) {
        return prepare_rnn_cudnn(at, gpu_->device, precision_, algorithm);
      });
    }
    const auto& op = site.op_as<ops::Rnn>();
    const std::string text = "rnn " + std::to_string(static_cast<int>(op.cell)) +
                             std::to_string(op.reset_after) + std::to_string(op.has_mask);
    return gpu_->measured.quickest(candidates, site, gpu_->device, key(text, site));
  }

  std::shared_ptr<Gpu> gpu_;
  Precision precision_;
  std::vector<std::unique_ptr<CudaBackend>> others_;
};

const DeviceBackend* open(char* why, std::size_t why_bytes) {
  try {
    const auto gpu = std::make_shared<Gpu>();
    auto backend = std::make_unique<CudaBackend>(gpu, Precision::f32);
    for (const Precision precision : {Precision::tf32, Precision::fp16, Precision::bf16}) {
      backend->add(std::make_unique<CudaBackend>(gpu, precision));
    }
    return backend.release();  // never destroyed
  } catch (const std::exception& error) {
    std::snprintf(why, why_bytes, "%s", error.what());
    return nullptr;
  }
}

}  // namespace
}  // namespace thaw::cuda

extern "C" __attribute__((visibility("default"))) const thaw::CudaPlugin* thaw_cuda_plugin(
    std::uint32_t interface) {
  static const thaw::CudaPlugin plugin{.open = thaw::cuda::open};
  return interface == thaw::kPluginInterface ? &plugin : nullptr;
}
