#include "runtime/base/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

namespace thaw {
namespace {

TEST(ThreadPool, CoversEveryIndexOnce) {
  for (const int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.threads(), threads);
    for (const std::int64_t count : {0, 1, 2, 7, 100, 1001}) {
      for (const std::int64_t grain : {-1, 1, 3, 50, 5000}) {
        std::vector<std::atomic<int>> seen(static_cast<std::size_t>(count));
        pool.parallel_for(count, grain, [&](std::int64_t begin, std::int64_t end) {
          ASSERT_LE(0, begin);
          ASSERT_LT(begin, end);
          ASSERT_LE(end, count);
          for (std::int64_t i = begin; i < end; ++i) ++seen[static_cast<std::size_t>(i)];
        });
        for (const auto& times : seen) ASSERT_EQ(times.load(), 1);
      }
    }
  }
}

TEST(ThreadPool, RangesHoldTheGrain) {
  ThreadPool pool(4);
  std::mutex mutex;
  std::vector<std::int64_t> sizes;
  pool.parallel_for(100, 30, [&](std::int64_t begin, std::int64_t end) {
    const std::lock_guard lock(mutex);
    sizes.push_back(end - begin);
  });
  std::int64_t small = 0;
  for (const std::int64_t size : sizes) small += size < 25 ? 1 : 0;  // the last may be shorter
  EXPECT_LE(small, 1);
  EXPECT_LE(sizes.size(), 4u);
}

TEST(ThreadPool, SmallLoopsStayOnTheCaller) {
  ThreadPool pool(4);
  const std::thread::id caller = std::this_thread::get_id();
  int calls = 0;
  pool.parallel_for(10, 10, [&](std::int64_t begin, std::int64_t end) {
    EXPECT_EQ(std::this_thread::get_id(), caller);
    EXPECT_EQ(begin, 0);
    EXPECT_EQ(end, 10);
    ++calls;
  });
  EXPECT_EQ(calls, 1);
}

TEST(ThreadPool, ZeroMeansAllProcessors) {
  const ThreadPool pool(0);
  EXPECT_EQ(pool.threads(), static_cast<int>(std::max(1u, std::thread::hardware_concurrency())));
}

TEST(ThreadPool, WorkersTakePart) {
  ThreadPool pool(3);
  std::mutex mutex;
  std::set<std::thread::id> threads;
  std::atomic<int> waiting{0};
  pool.parallel_for(3, 1, [&](std::int64_t, std::int64_t) {
    {
      const std::lock_guard lock(mutex);
      threads.insert(std::this_thread::get_id());
    }
    ++waiting;
    while (waiting.load() < 3) std::this_thread::yield();  // no range ends before all have begun
  });
  EXPECT_EQ(threads.size(), 3u);
}

TEST(ThreadPool, ExceptionsReachTheCaller) {
  for (const int threads : {1, 4}) {
    ThreadPool pool(threads);
    for (int round = 0; round < 50; ++round) {
      const auto throwing = [&](std::int64_t begin, std::int64_t end) {
        if (begin <= round && round < end)
          throw std::runtime_error("index " + std::to_string(round));
      };
      try {
        pool.parallel_for(50, 1, throwing);
        FAIL() << "no exception in round " << round;
      } catch (const std::runtime_error& error) {
        EXPECT_EQ(error.what(), "index " + std::to_string(round));
      }
      std::atomic<std::int64_t> sum{0};  // the pool works on
      pool.parallel_for(100, 1, [&](std::int64_t begin, std::int64_t end) { sum += end - begin; });
      EXPECT_EQ(sum.load(), 100);
    }
  }
}

TEST(ThreadPool, EveryRangeThrows) {
  ThreadPool pool(4);
  EXPECT_THROW(pool.parallel_for(100, 1, [](std::int64_t, std::int64_t) { throw 1; }), int);
}

TEST(ThreadPool, SeveralCallersShareOnePool) {
  ThreadPool pool(3);
  std::vector<std::thread> callers;
  std::vector<std::int64_t> sums(6, 0);
  for (std::size_t caller = 0; caller < sums.size(); ++caller) {
    callers.emplace_back([&, caller] {
      for (int round = 0; round < 200; ++round) {
        std::atomic<std::int64_t> sum{0};
        pool.parallel_for(64, 4, [&](std::int64_t begin, std::int64_t end) {
          for (std::int64_t i = begin; i < end; ++i) sum += i;
        });
        sums[caller] += sum.load();
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  for (const std::int64_t sum : sums) EXPECT_EQ(sum, 200 * 64 * 63 / 2);
}

TEST(ThreadPool, ManyPoolsComeAndGo) {
  std::atomic<int> total{0};
  for (int i = 0; i < 100; ++i) {
    ThreadPool pool(1 + i % 4);
    if (i % 2 == 0) {
      pool.parallel_for(10, 1, [&](std::int64_t begin, std::int64_t end) {
        total += static_cast<int>(end - begin);
      });
    }
  }
  EXPECT_EQ(total.load(), 500);
}

}  // namespace
}  // namespace thaw
