#include "kernels/cuda/measured.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "kernels/backend.h"
#include "runtime/base/check.h"

namespace thaw::cuda {
namespace {

constexpr int kWarmUps = 2, kMostRounds = 5, kMostInARow = 16;
constexpr double kRound = 0.5e-3;  // seconds: shorter runs are timed several in a row
constexpr double kRounds = 10e-3;  // seconds in which there is more than one round
constexpr double kHopeless = 2;    // times the quickest's time
// Of the quickest's time: less is noise, and another process would choose something else.
constexpr double kQuicker = 0.97;
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

  /// As a session does in its first two runs. Throws if the kernel fails.
  void try_out(const DeviceKernel& kernel) {
    std::byte* workspace = take(kernel.workspace());
    run(kernel, workspace);
    replay(*record(kernel, workspace, 1));
  }

  /// Seconds of a run in the quickest round. Sessions replay recordings, so that is what is timed:
  /// enqueued, kernels of several launches would be as slow as the host is. In a row, because a
  /// wait behind each would take longer than many kernels do. Where a single run shows that
  /// `to_beat` is out of reach, its time is all that is found out.
  double time(const DeviceKernel& kernel, const Measured::Clock& clock, double to_beat) {
    std::byte* workspace = take(kernel.workspace());
    double least = std::numeric_limits<double>::infinity(), once = least;
    for (int i = 0; i < kWarmUps; ++i) {
      const double begin = clock();
      run(kernel, workspace);
      once = clock() - begin;
    }
    const int runs =
        once < kRound / kMostInARow ? kMostInARow : std::max(1, static_cast<int>(kRound / once));
    const std::unique_ptr<Recording> recording = record(kernel, workspace, runs);
    // Of a run this long, what the host does is a small part.
    if (once > kRound && once > kHopeless * to_beat) return once;
    double spent = 0;
    for (int round = 0; round < kMostRounds && spent < kRounds; ++round) {
      const double begin = clock();
      replay(*recording);
      const double seconds = clock() - begin;
      least = std::min(least, seconds / runs);
      spent += seconds;
    }
    return least;
  }

 private:
  void enqueue(const DeviceKernel& kernel, std::byte* workspace) {
    kernel.enqueue({in_, out_, workspace, nullptr}, {*stream_, fault_, 0});
  }
  void run(const DeviceKernel& kernel, std::byte* workspace) {
    enqueue(kernel, workspace);
    stream_->wait();
  }
  std::unique_ptr<Recording> record(const DeviceKernel& kernel, std::byte* workspace, int runs) {
    stream_->begin_recording();
    try {
      for (int i = 0; i < runs; ++i) enqueue(kernel, workspace);
    } catch (const Error&) {
      abandon_recording();
      throw;
    }
    return stream_->end_recording();
  }
  // What stopped it is told, not what becomes of half a recording.
  void abandon_recording() {
    try {
      stream_->end_recording();
    } catch (const Error&) {
    }
  }
  void replay(const Recording& recording) {
    stream_->launch(recording);
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

// Behind the last candidate if none runs; nothing if none has a kernel.
std::optional<std::size_t> Measured::measure(const std::vector<Candidate>& candidates,
                                             const Site& site, const Device& device) const {
  PackCache packs;  // algorithms of one library share what they pack
  Site alone = site;
  alone.packs = &packs;
  std::vector<std::pair<std::size_t, KernelPtr>> kernels;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (KernelPtr kernel = candidates[i](alone)) kernels.emplace_back(i, std::move(kernel));
  }
  if (kernels.empty()) return std::nullopt;
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
        bench->try_out(*kernel);
      } else {
        seconds = bench->time(*kernel, clock_, least);
      }
      if (seconds < least * kQuicker) {
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
    // What two threads run at once is slower than it is alone.
    const std::lock_guard measuring(measuring_);
    best = known(key);
    if (!best && (best = measure(candidates, site, device))) {
      const std::lock_guard lock(mutex_);
      if (positions_.size() >= kMostKnown) positions_.clear();
      positions_[key] = *best;
    }
  }
  return best && *best < candidates.size() ? candidates[*best](site) : nullptr;
}

std::string shape_key(const std::string& op, const Site& site) {
  std::string key = op;
  for (std::size_t i = 0; i < site.in.size(); ++i) {
    key += (site.constants[i] == nullptr ? " " : " constant ") + to_string(site.in[i]);
  }
  for (const TensorType& type : site.out) key += " " + to_string(type);
  return key;
}

}  // namespace thaw::cuda
