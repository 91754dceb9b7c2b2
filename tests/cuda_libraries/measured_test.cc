// What becomes of candidates that cannot be run where they are measured.
#include "kernels/cuda/measured.h"

#include <gtest/gtest.h>

#include <optional>

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

TEST_F(MeasuredFailures, NoneIsLeftWhereAllAreRefused) {
  EXPECT_EQ(quickest({candidate(true), candidate(true)}, "all"), nullptr);
  EXPECT_NE(quickest({candidate(true), candidate(false)}, "one"), nullptr);
  EXPECT_EQ(device.counts().alive, 0);
}

}  // namespace
}  // namespace thaw::cuda
