#include "runtime/base/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/base/spin.h"

namespace thaw {
namespace {

// The ranges of a loop, per thread: who comes late still finds some.
constexpr std::int64_t kRangesPerThread = 4;
// Looks at an atomic before a thread sleeps: tens of microseconds, about what waking it would take.
constexpr int kSpins = 2000;

template <class Condition>
bool spin_until(const Condition& condition) {
  for (int i = 0; i < kSpins; ++i) {
    if (condition()) return true;
    spin_pause();
  }
  return condition();
}

}  // namespace

// Neither side takes the mutex where nobody sleeps: a worker counts itself in (`busy`) and then
// looks whether the loop is open; the caller closes the loop and then waits until nobody is
// counted. Of two such pairs of sequentially consistent accesses one always sees the other. The
// same holds for those who are about to sleep and those who wake them.
struct ThreadPool::Impl {
  using Body = FunctionRef<void(std::int64_t, std::int64_t)>;

  std::vector<std::thread> workers;
  std::mutex run_mutex;  // held by the one loop that runs

  std::mutex mutex;
  std::condition_variable wake, done;
  alignas(64) std::atomic<std::uint64_t> epoch{0};  // loops so far
  std::atomic<bool> stop{false};
  std::atomic<bool> open{false};     // workers may enter
  std::atomic<int> sleeping{0};      // workers; changes under the mutex
  std::atomic<bool> waiting{false};  // the caller sleeps until nobody is busy
  // Workers inside the loop or about to see that it is closed.
  alignas(64) std::atomic<int> busy{0};
  std::exception_ptr error;

  // Written while the loop is closed.
  const Body* body = nullptr;
  std::int64_t count = 0, chunk = 1;
  alignas(64) std::atomic<std::int64_t> next{0};

  void work_off() {
    for (;;) {
      const std::int64_t begin = next.fetch_add(chunk, std::memory_order_relaxed);
      if (begin >= count) return;
      try {
        (*body)(begin, std::min(count, begin + chunk));
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!error) error = std::current_exception();
      }
    }
  }

  void leave() {
    if (--busy == 0 && waiting) {
      const std::lock_guard lock(mutex);
      done.notify_one();
    }
  }

  // False when the pool ends; true when there has been a loop that this worker has not seen.
  bool next_loop(std::uint64_t& seen) {
    const auto news = [&] { return stop || epoch != seen; };
    if (!spin_until(news)) {
      std::unique_lock lock(mutex);
      ++sleeping;
      wake.wait(lock, news);
      --sleeping;
    }
    if (stop) return false;
    seen = epoch;
    return true;
  }

  void worker() {
    std::uint64_t seen = 0;
    while (next_loop(seen)) {
      ++busy;
      if (open) work_off();  // else too late
      leave();
    }
  }

  void start(const Body& loop, std::int64_t size, std::int64_t range) {
    body = &loop;
    count = size;
    chunk = range;
    next.store(0, std::memory_order_relaxed);
    error = nullptr;
    open = true;
    ++epoch;
    if (sleeping == 0) return;
    mutex.lock();  // who counts as sleeping does sleep now, or has seen the epoch
    mutex.unlock();
    wake.notify_all();
  }

  // No worker is inside afterwards, and none can enter: those that come late are not waited for.
  void finish() {
    open = false;
    if (spin_until([&] { return busy == 0; })) return;
    std::unique_lock lock(mutex);
    waiting = true;
    done.wait(lock, [&] { return busy == 0; });
    waiting = false;
  }
};

ThreadPool::ThreadPool(int threads) : impl_(std::make_unique<Impl>()) {
  if (threads <= 0) threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  for (int i = 1; i < threads; ++i) impl_->workers.emplace_back([this] { impl_->worker(); });
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stop = true;
  }
  impl_->wake.notify_all();
  for (std::thread& worker : impl_->workers) worker.join();
}

int ThreadPool::threads() const { return static_cast<int>(impl_->workers.size()) + 1; }

void ThreadPool::parallel_for(std::int64_t count, std::int64_t grain,
                              FunctionRef<void(std::int64_t, std::int64_t)> body) {
  if (count <= 0) return;
  grain = std::max<std::int64_t>(1, grain);
  if (impl_->workers.empty() || count <= grain) {
    body(0, count);
    return;
  }
  const std::lock_guard run_lock(impl_->run_mutex);
  const std::int64_t parts = std::min((count + grain - 1) / grain, kRangesPerThread * threads());
  impl_->start(body, count, (count + parts - 1) / parts);
  impl_->work_off();
  impl_->finish();
  if (impl_->error) std::rethrow_exception(std::exchange(impl_->error, nullptr));
}

}  // namespace thaw
