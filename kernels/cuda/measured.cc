#include "kernels/cuda/measured.h"

#include <algorithm>
#include <limits>

#include "runtime/base/check.h"

namespace thaw::cuda {
namespace {

constexpr int kWarmUps = 2, kRounds = 5;
constexpr std::size_t kMostKnown = 4096;

std::size_t bytes_in(const TensorType& type) {
  return static_cast<std::size_t>(type.shape.num_elements()) * size_of(type.dtype);
}

/// Memory for everything that the kernels of a site touch, cleared.
class Bench {
 public:
  Bench(const Site& site, const Device& device) : device_(device), stream_(device.make_stream()) {
    for (const TensorType& type : site.in) in_.push_back({take(bytes_in(type)), &type});
    for (const TensorType& type : site.out) out_.push_back({take(bytes_in(type)), &type});
    fault_ = reinterpret_cast<Fault*>(take(sizeof(Fault)));
  }

  /// Seconds of the quickest run.
  double time(const DeviceKernel& kernel, const Measured::Clock& clock) {
    std::byte* workspace = take(kernel.workspace());
    double least = std::numeric_limits<double>::infinity();
    for (int round = -kWarmUps; round < kRounds; ++round) {
      const double begin = clock();
      kernel.enqueue({in_, out_, workspace, nullptr}, {*stream_, fault_, 0});
      stream_->wait();
      if (round >= 0) least = std::min(least, clock() - begin);
    }
    return least;
  }

 private:
  std::byte* take(std::size_t bytes) {
    memory_.push_back(device_.allocate(bytes, MemoryKind::device));
    if (bytes > 0) stream_->fill_zero(memory_.back().get(), bytes);
    return memory_.back().get();
  }

  const Device& device_;
  std::vector<std::shared_ptr<std::byte>> memory_;
  std::unique_ptr<Stream> stream_;  // behind the memory: it waits before that goes
  std::vector<View> in_, out_;
  Fault* fault_ = nullptr;
};

}  // namespace

Measured::Measured(Clock clock) : clock_(std::move(clock)) {}

std::string Measured::known(const std::string& key) const {
  const std::lock_guard lock(mutex_);
  const auto found = names_.find(key);
  return found == names_.end() ? "" : found->second;
}

KernelPtr Measured::quickest(std::vector<KernelPtr> candidates, const Site& site,
                             const Device& device, const std::string& key) {
  std::erase(candidates, nullptr);
  if (candidates.empty()) return nullptr;
  if (candidates.size() == 1) return std::move(candidates.front());
  const std::string name = known(key);
  for (KernelPtr& candidate : candidates) {
    if (candidate->name() == name) return std::move(candidate);
  }
  double least = std::numeric_limits<double>::infinity();
  KernelPtr* best = &candidates.front();
  Bench bench(site, device);
  for (KernelPtr& candidate : candidates) {
    try {
      const double seconds = bench.time(*candidate, clock_);
      if (seconds < least) {
        least = seconds;
        best = &candidate;
      }
    } catch (const Error&) {
      continue;  // the device itself having failed, the first run says so
    }
  }
  const std::lock_guard lock(mutex_);
  if (names_.size() >= kMostKnown) names_.clear();
  names_[key] = (*best)->name();
  return std::move(*best);
}

std::string shape_key(const std::string& op, const Site& site) {
  std::string key = op;
  for (const TensorType& type : site.in) key += " " + to_string(type);
  for (const TensorType& type : site.out) key += " " + to_string(type);
  return key;
}

}  // namespace thaw::cuda
