// What is timed, and what becomes of candidates that cannot be run where they are measured.
#include "kernels/cuda/measured.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <thread>

#include "kernels/backend.h"
#include "kernels/cuda/host_stream.h"
#include "tests/support/fake_device.h"

namespace thaw::cuda {
namespace {

/// Runs, or is refused when it is enqueued, as a library refuses what it has no code for.
class Candidate final : public DeviceKernel {
 public:
  Candidate(std::optional<ErrorCode> failure, std::size_t bytes) : failure_(failure) {
    workspace_ = bytes;
  }
  const char* name() const override { return "candidate"; }
  void enqueue(const Args&, const Queue&) const override {
    if (failure_) throw Error(*failure_, "it does not run");
  }

 private:
  std::optional<ErrorCode> failure_;
};

class MeasuredFailures : public ::testing::Test {
 protected:
  static Measured::Candidate candidate(bool refused) {
    const auto failure = refused ? std::optional(ErrorCode::device) : std::nullopt;
    return [=](const Site&) -> KernelPtr { return std::make_unique<Candidate>(failure, 64); };
  }
  KernelPtr quickest(const std::vector<Measured::Candidate>& candidates, const std::string& key) {
    return measured.quickest(candidates, {op, types, types, known, nullptr}, device, key);
  }

  double now = 0;
  Measured measured{[this] { return now += 1e-3; }};
  test::FakeDevice device;
  const Op op = ops::Unary{{UnaryKind::relu}};
  const std::vector<TensorType> types = {{DType::float32, {3}}};
  const std::vector<const Tensor*> known = {nullptr};
};

TEST_F(MeasuredFailures, ASingleCandidateIsTriedToo) {
  EXPECT_NE(quickest({candidate(false)}, "runs"), nullptr);
  EXPECT_EQ(quickest({candidate(true)}, "refused"), nullptr)
      << "the next kernel of the op is taken";
  EXPECT_EQ(quickest({candidate(true)}, "refused"), nullptr) << "which is known from then on";
}

TEST_F(MeasuredFailures, WhatThereWasNoRoomToTryIsTakenLast) {
  const auto large = [](const Site&) -> KernelPtr {
    return std::make_unique<Candidate>(ErrorCode::resource_exhausted, 128);
  };
  EXPECT_EQ(quickest({large, candidate(false)}, "other")->workspace(), 64U);
  EXPECT_EQ(quickest({candidate(true), large}, "none")->workspace(), 128U);
}

TEST_F(MeasuredFailures, WhatCannotBeRecordedIsOut) {
  const auto waiting = [](const Site&) -> KernelPtr {
    return make_kernel({"waiting", 32},
                       [](const Args&, const Queue& queue) { queue.stream.wait(); });
  };
  EXPECT_EQ(quickest({waiting}, "alone"), nullptr) << "sessions could not run it twice";
  EXPECT_EQ(quickest({waiting, candidate(false)}, "first")->workspace(), 64U);
  EXPECT_EQ(device.counts().alive, 0);
}

TEST_F(MeasuredFailures, NoneIsLeftWhereAllAreRefused) {
  EXPECT_EQ(quickest({candidate(true), candidate(true)}, "all"), nullptr);
  EXPECT_NE(quickest({candidate(true), candidate(false)}, "one"), nullptr);
  EXPECT_EQ(device.counts().alive, 0);
}

/// Launches that take the host some time to enqueue and the device some to run.
class MeasuredTimes : public MeasuredFailures {
 protected:
  Measured::Candidate launches(int count, double host, double on_device) {
    return [=, this](const Site&) -> KernelPtr {
      const auto body = [=, this](const Args&, const Queue& queue) {
        for (int i = 0; i < count; ++i) {
          clock += host;
          dynamic_cast<HostStream&>(queue.stream).enqueue([=, this] {
            ++runs;
            clock += on_device;
          });
        }
      };
      return make_kernel({"launches", static_cast<std::size_t>(count)}, body);
    };
  }
  std::size_t chosen(const std::vector<Measured::Candidate>& candidates, const std::string& key) {
    return timed.quickest(candidates, {op, types, types, known, nullptr}, device, key)->workspace();
  }

  double clock = 0;
  int runs = 0;
  Measured timed{[this] { return clock; }};
};

TEST_F(MeasuredTimes, WhatTheHostDoesOnceIsNotTimed) {
  EXPECT_EQ(chosen({launches(1, 5e-6, 9e-6), launches(4, 5e-6, 2e-6)}, "short"), 4U);
  EXPECT_EQ(chosen({launches(1, 5e-6, 7e-6), launches(4, 5e-6, 2e-6)}, "shorter"), 1U);
  EXPECT_EQ(chosen({launches(1, 5e-6, 9e-3), launches(4, 5e-6, 2e-3)}, "long"), 4U);
}

TEST_F(MeasuredTimes, NoiseDoesNotChoose) {
  EXPECT_EQ(chosen({launches(1, 0, 1e-5), launches(2, 0, 0.49e-5)}, "noise"), 1U);
  EXPECT_EQ(chosen({launches(1, 0, 1e-5), launches(2, 0, 0.48e-5)}, "more"), 2U);
}

TEST_F(MeasuredTimes, LongRunsAreFew) {
  EXPECT_EQ(chosen({launches(1, 0, 0.1), launches(2, 0, 0.2)}, "long"), 1U);
  EXPECT_EQ(runs, 3 + 2 * 2) << "two warm-ups and a round; two warm-ups";
}

TEST_F(MeasuredTimes, OneThreadMeasuresAndTheOthersKnow) {
  Measured real([] {
    const auto passed = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration<double>(passed).count();
  });
  std::atomic<int> prepared = 0, packed = 0;
  const Tensor weights = Tensor::from<float>({3}, {1, 2, 3});
  const std::vector<const Tensor*> constants = {&weights};
  const auto packing = [&](const Site& at) -> KernelPtr {
    ++prepared;
    at.packs->get(*at.constants[0], "form", [&]() -> std::shared_ptr<const void> {
      ++packed;
      return std::make_shared<int>(1);
    });
    return make_kernel({"slow"}, [](const Args&, const Queue&) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    });
  };
  PackCache packs;
  const Site once{op, types, types, constants, &packs};
  EXPECT_NE(real.quickest({packing, packing}, once, device, "weights"), nullptr);
  EXPECT_EQ(packed, 1 + 1) << "once for all candidates, once for the kernel";
  PackCache others;
  std::vector<std::thread> threads;
  prepared = 0;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      const Site site{op, types, types, constants, &others};
      EXPECT_NE(real.quickest({packing, packing}, site, device, "elsewhere"), nullptr);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(prepared, 2 + 4) << "both by who measured, the quickest by each";
}

}  // namespace
}  // namespace thaw::cuda
