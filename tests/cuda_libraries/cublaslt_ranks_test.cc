// Which of the algorithms that cuBLASLt proposes for a product runs.
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernels/cuda/lt_product.h"
#include "kernels/cuda/measured.h"
#include "runtime/base/memory.h"
#include "tests/cuda/device_op.h"
#include "tests/cuda_libraries/host_cublaslt.h"

namespace thaw::cuda {
namespace {

/// A product of a shape that no other test has asked for, since nobody has asked at all.
class LtRanks : public ::testing::Test {
 protected:
  Site site() const { return {op, in, out, known, nullptr}; }
  /// Bytes that the algorithm of this rank asks for; nothing if there is none.
  std::optional<std::size_t> workspace(int rank) const {
    const KernelPtr kernel = prepare_matmul_cublaslt(site(), Precision::f32, rank);
    return kernel == nullptr ? std::nullopt : std::optional(kernel->workspace());
  }
  static std::size_t room(std::size_t i) { return library_room(kLtWorkspaces[i]); }

  /// The algorithm that is chosen among all ranks, in kLtWorkspaces; nothing if none.
  std::optional<std::size_t> chosen(Precision precision = Precision::f32) {
    std::vector<Measured::Candidate> candidates;
    for (int rank = 0; rank < kProductAlgorithms; ++rank) {
      candidates.push_back([this, precision, rank](const Site& at) {
        return precision == Precision::f32 ? prepare_matmul_cublaslt(at, precision, rank)
                                           : prepare_matmul_narrow(at, device, precision, rank);
      });
    }
    const std::string key = shape_key(std::to_string(static_cast<int>(precision)), site());
    const KernelPtr kernel = measured.quickest(candidates, site(), device, key);
    if (kernel == nullptr) return std::nullopt;
    // Behind the operands in 16 bits.
    const std::size_t operands = precision == Precision::f32 ? 0 : 2 * kAlignment;
    for (const std::size_t i : {0, 1, 2}) {
      if (kernel->workspace() - operands == room(i)) return i;
    }
    ADD_FAILURE() << kernel->workspace();
    return std::nullopt;
  }

  LtLibrary& library = fresh_lt_library();
  double clock = 0;
  Measured measured{[this] { return clock; }};
  test::FakeDevice device;
  const Op op = ops::MatMul{};
  const std::vector<TensorType> in = {{DType::float32, {3, 5}}, {DType::float32, {5, 2}}};
  const std::vector<TensorType> out = {{DType::float32, {3, 2}}};
  const std::vector<const Tensor*> known = {nullptr, nullptr};
};

TEST_F(LtRanks, FollowTheLibraryAndAreAskedForOnce) {
  EXPECT_EQ(workspace(0), room(0));
  EXPECT_EQ(workspace(1), room(1)) << "what is not the same bits each time is not proposed";
  EXPECT_EQ(workspace(2), room(2)) << "what does not run here is no rank";
  EXPECT_EQ(workspace(3), std::nullopt);
  EXPECT_EQ(library.questions, 1);
}

TEST_F(LtRanks, EndWithTheProposals) {
  library.most = 1;
  EXPECT_EQ(workspace(0), room(0));
  EXPECT_EQ(workspace(1), std::nullopt);
  EXPECT_EQ(library.questions, 1);
  EXPECT_EQ(chosen(), 0U);
  EXPECT_EQ(library.products, 2) << "a single one is tried, not timed";
  fresh_lt_library().most = 0;
  EXPECT_EQ(workspace(0), std::nullopt);
}

TEST_F(LtRanks, AgreeWithReferenceFloat64) {
  LtBackend backend;
  for (const int rank : {1, 2, 3}) {
    backend.rank = rank;
    int products = 0, convolutions = 0;
    for (const test::OpCase& row : test::op_cases()) {
      SCOPED_TRACE(row.name);
      const bool product = std::holds_alternative<ops::MatMul>(row.op);
      const bool convolution = std::holds_alternative<ops::Conv>(row.op) ||
                               std::holds_alternative<ops::ConvTranspose>(row.op);
      if (!product && !convolution) continue;
      const int runs = test::check_row(backend, row, DType::float32) ? 1 : 0;
      (product ? products : convolutions) += runs;
    }
    EXPECT_EQ(products > 10, rank < 3);
    EXPECT_EQ(convolutions > 10, rank < 3);
    EXPECT_EQ(products + convolutions == 0, rank == 3);
  }
}

TEST_F(LtRanks, TheQuickestIsChosenAndRemembered) {
  library.clock = &clock;
  library.seconds = {3e-4, 1e-4, 2e-4};
  EXPECT_EQ(chosen(), 1U);
  const int products = library.products;
  EXPECT_GT(products, 0);
  library.seconds = {1e-4, 3e-4, 2e-4};
  EXPECT_EQ(chosen(), 1U);
  EXPECT_EQ(library.products, products) << "it is known";
  library.seconds = {3e-4, 2e-4, 1e-4};
  EXPECT_EQ(chosen(Precision::fp16), 2U);
  EXPECT_EQ(chosen(Precision::bf16), 2U);
}

TEST_F(LtRanks, WhatFailsAtALaunchIsOut) {
  library.clock = &clock;
  library.seconds = {1e-4, 3e-4, 2e-4};
  library.failing = {kLtWorkspaces[0]};
  EXPECT_EQ(chosen(), 2U) << "the first is the quickest, and does not run";
  library.failing = {kLtWorkspaces[0], kLtWorkspaces[1], kLtWorkspaces[2]};
  Measured anew([this] { return clock; });
  const auto first = [](const Site& at) { return prepare_matmul_cublaslt(at, Precision::f32, 0); };
  EXPECT_EQ(anew.quickest({first}, site(), device, "one"), nullptr);
}

// Where a product's operands and its workspace may begin.
TEST_F(LtRanks, PlacesAreThoseThatTheLibraryCountsOn) {
  Product p;
  p.m = 3, p.k = 5, p.n = 2, p.has_bias = true;
  LtProduct product;
  ASSERT_TRUE(product.prepare(*cublaslt(), p, DType::float32, {}));
  const auto memory = device.allocate(4096, MemoryKind::device);
  const std::unique_ptr<Stream> stream = device.make_stream();
  stream->fill_zero(memory.get(), 4096);
  const auto runs = [&](std::size_t a, std::size_t b, std::size_t bias, std::size_t y,
                        std::size_t workspace) {
    std::byte* at = memory.get();
    try {
      product.enqueue({*stream}, at + a, at + b, at + bias, at + y, at + workspace);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::device);
      return false;
    }
    stream->wait();
    return true;
  };
  EXPECT_TRUE(runs(0, 256, 512, 768, 1024));
  EXPECT_TRUE(runs(64, 128, 192, 320, 1024)) << "as an arena has them";
  for (const std::size_t offset : {64, 128, 192})
    EXPECT_TRUE(runs(0, 256, 512, 768, 1024 + offset));
  EXPECT_FALSE(runs(32, 256, 512, 768, 1024));
  EXPECT_FALSE(runs(0, 256 + 16, 512, 768, 1024));
  EXPECT_FALSE(runs(0, 256, 512 + 4, 768, 1024));
  EXPECT_FALSE(runs(0, 256, 512, 768 + 8, 1024));
}

}  // namespace
}  // namespace thaw::cuda
