#include "kernels/cuda/measured.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "runtime/base/check.h"

namespace thaw::cuda {
namespace {

constexpr int kWarmUps = 2, kRounds = 5, kMostInARow = 16;
constexpr double kRound = 1e-3;  // seconds: shorter runs are timed several in a row
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

  /// Throws if the kernel fails.
  void run_once(const DeviceKernel& kernel) { run(kernel, take(kernel.workspace()), 1); }

  /// Seconds of a run in the quickest round. In a row the device is busy while the host prepares
  /// the next: a wait behind each would take longer than many kernels do.
  double time(const DeviceKernel& kernel, const Measured::Clock& clock) {
    std::byte* workspace = take(kernel.workspace());
    double least = std::numeric_limits<double>::infinity(), once = least;
    for (int i = 0; i < kWarmUps; ++i) {
      const double begin = clock();
      run(kernel, workspace, 1);
      once = clock() - begin;
    }
    const int runs =
        once < kRound / kMostInARow ? kMostInARow : std::max(1, static_cast<int>(kRound / once));
    for (int round = 0; round < kRounds; ++round) {
      const double begin = clock();
      run(kernel, workspace, runs);
      least = std::min(least, (clock() - begin) / runs);
    }
    return least;
  }

 private:
  void run(const DeviceKernel& kernel, std::byte* workspace, int times) {
    for (int i = 0; i < times; ++i) {
      kernel.enqueue({in_, out_, workspace, nullptr}, {*stream_, fault_, 0});
    }
    stream_->wait();
  }
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

std::optional<std::size_t> Measured::known(const std::string& key) const {
  const std::lock_guard lock(mutex_);
  const auto found = positions_.find(key);
  return found == positions_.end() ? std::nullopt : std::optional(found->second);
}

// Behind the last candidate if none has a kernel.
std::size_t Measured::measure(const std::vector<Candidate>& candidates, const Site& site,
                              const Device& device) const {
  Site alone = site;
  alone.packs = nullptr;
  std::vector<std::pair<std::size_t, KernelPtr>> kernels;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (KernelPtr kernel = candidates[i](alone)) kernels.emplace_back(i, std::move(kernel));
  }
  if (kernels.empty()) return candidates.size();
  std::optional<Bench> bench;
  try {
    bench.emplace(site, device);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::resource_exhausted) throw;
    return kernels.front().first;  // no room to try them
  }
  std::size_t best = candidates.size();
  double least = std::numeric_limits<double>::infinity();
  for (const auto& [position, kernel] : kernels) {
    try {
      double seconds = 0;
      if (kernels.size() == 1) {
        bench->run_once(*kernel);
      } else {
        seconds = bench->time(*kernel, clock_);
      }
      if (seconds < least) {
        least = seconds;
        best = position;
      }
    } catch (const Error& error) {
      // The device itself having failed, the first run says so. What there was no room to try has
      // to do where nothing else runs.
      const bool untried = error.code() == ErrorCode::resource_exhausted;
      if (untried && best == candidates.size()) best = position;
    }
  }
  return best;
}

KernelPtr Measured::quickest(const std::vector<Candidate>& candidates, const Site& site,
                             const Device& device, const std::string& key) {
  std::optional<std::size_t> best = known(key);
  if (!best) {
    best = measure(candidates, site, device);
    const std::lock_guard lock(mutex_);
    if (positions_.size() >= kMostKnown) positions_.clear();
    positions_[key] = *best;
  }
  return *best < candidates.size() ? candidates[*best](site) : nullptr;
}

std::string shape_key(const std::string& op, const Site& site) {
  std::string key = op;
  for (const TensorType& type : site.in) key += " " + to_string(type);
  for (const TensorType& type : site.out) key += " " + to_string(type);
  return key;
}

}  // namespace thaw::cuda
