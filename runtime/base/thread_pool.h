// A fixed pool of worker threads for data-parallel loops.
#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>

namespace thaw {

/// A non-owning reference to a callable: no allocation, valid while the callable lives.
template <class Signature>
class FunctionRef;
template <class R, class... Args>
class FunctionRef<R(Args...)> {
 public:
  template <class F>
  FunctionRef(const F& f)  // NOLINT: implicit on purpose
      : object_(&f), call_([](const void* object, Args... args) -> R {
          return (*static_cast<const F*>(object))(args...);
        }) {}
  R operator()(Args... args) const { return call_(object_, args...); }

 private:
  const void* object_;
  R (*call_)(const void*, Args...);
};

/// Splits index ranges over the calling thread and `threads - 1` workers. One loop runs at a time;
/// a second caller waits. An exception in the body is rethrown in the caller. No allocation after
/// construction.
class ThreadPool {
 public:
  /// 0 means as many threads as there are processors.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const;
  /// Calls body(begin, end) for disjoint ranges that cover [0, count). Ranges hold at least `grain`
  /// indices, so that small loops stay on the calling thread. Results must not depend on the split.
  void parallel_for(std::int64_t count, std::int64_t grain,
                    FunctionRef<void(std::int64_t, std::int64_t)> body);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace thaw
