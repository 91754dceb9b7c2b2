#include "runtime/base/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace thaw {

struct ThreadPool::Impl {
  using Body = FunctionRef<void(std::int64_t, std::int64_t)>;

  std::vector<std::thread> workers;
  std::mutex run_mutex;  // held by the one loop that runs

  std::mutex mutex;
  std::condition_variable wake, done;
  std::uint64_t epoch = 0;
  int active = 0;  // workers that have not finished this epoch
  bool stop = false;

  const Body* body = nullptr;
  std::int64_t count = 0, chunk = 1;
  std::atomic<std::int64_t> next{0};
  std::exception_ptr error;

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

  void worker() {
    std::uint64_t seen = 0;
    std::unique_lock lock(mutex);
    for (;;) {
      wake.wait(lock, [&] { return stop || epoch != seen; });
      if (stop) return;
      seen = epoch;
      lock.unlock();
      work_off();
      lock.lock();
      if (--active == 0) done.notify_one();
    }
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
  const std::int64_t parts = std::min<std::int64_t>((count + grain - 1) / grain, threads());
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->body = &body;
    impl_->count = count;
    impl_->chunk = (count + parts - 1) / parts;
    impl_->next.store(0, std::memory_order_relaxed);
    impl_->error = nullptr;
    impl_->active = static_cast<int>(impl_->workers.size());
    ++impl_->epoch;
  }
  impl_->wake.notify_all();
  impl_->work_off();
  std::unique_lock lock(impl_->mutex);
  impl_->done.wait(lock, [&] { return impl_->active == 0; });
  if (impl_->error) std::rethrow_exception(std::exchange(impl_->error, nullptr));
}

}  // namespace thaw
