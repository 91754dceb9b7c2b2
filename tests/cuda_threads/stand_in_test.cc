// The stand-in for a GPU runs right kernels as a GPU does, and says what is wrong with others.
#include <cooperative_groups.h>
#include <cuda_runtime.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "kernels/cuda/counter_device.cuh"
#include "kernels/cuda/launch.cuh"
#include "tests/support/fake_device.h"

namespace thaw::cuda {

/// The block's dynamic shared memory, by the name that it has for recurrent layers.
static __device__ float* block_memory() {
  extern __shared__ __align__(16) float team_shared[];
  return team_shared;
}

namespace {

using ::testing::HasSubstr;

constexpr unsigned kAll = 0xffffffffu;

/// What is wrong with a launch; empty: nothing.
std::string error_of(const simt::Launch& launch) {
  try {
    simt::run(launch);
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

simt::Launch one_block(unsigned threads, std::function<void()> kernel) {
  simt::Launch launch;
  launch.threads = threads;
  launch.kernel = std::move(kernel);
  return launch;
}

__device__ void neighbour_sum(float* y, bool barrier) {
  static __shared__ float slots[64];
  slots[threadIdx.x] = static_cast<float>(threadIdx.x);
  if (barrier) __syncthreads();
  y[threadIdx.x] = slots[threadIdx.x] + slots[63 - threadIdx.x];
}

TEST(StandIn, BarrierBetweenWritersAndReadersOfSharedMemory) {
  std::vector<float> y(64);
  EXPECT_EQ(error_of(one_block(64, [&] { neighbour_sum(y.data(), true); })), "");
  EXPECT_EQ(y, std::vector<float>(64, 63));
  EXPECT_THAT(error_of(one_block(64, [&] { neighbour_sum(y.data(), false); })),
              HasSubstr("without a barrier"));
}

// What is read in one round is written in the next.
__device__ void rounds(float* y, bool barrier) {
  static __shared__ float slots[64];
  for (int round = 0; round < 3; ++round) {
    slots[threadIdx.x] = static_cast<float>(round);
    __syncthreads();
    y[threadIdx.x] = slots[63 - threadIdx.x];
    if (barrier) __syncthreads();
  }
}

TEST(StandIn, BarrierBetweenReadersAndTheNextWriters) {
  std::vector<float> y(64);
  EXPECT_EQ(error_of(one_block(64, [&] { rounds(y.data(), true); })), "");
  EXPECT_EQ(y, std::vector<float>(64, 2));
  EXPECT_THAT(error_of(one_block(64, [&] { rounds(y.data(), false); })),
              HasSubstr("without a barrier"));
}

// A warp's barrier is none for the other warps.
__device__ void across_warps(float* y, unsigned distance) {
  static __shared__ float slots[64];
  slots[threadIdx.x] = static_cast<float>(threadIdx.x);
  __syncwarp();
  y[threadIdx.x] = slots[threadIdx.x ^ distance];
}

TEST(StandIn, BarriersOfWarpsAreTheirOwn) {
  std::vector<float> y(64);
  EXPECT_EQ(error_of(one_block(64, [&] { across_warps(y.data(), 31); })), "");
  EXPECT_EQ(y[40], 55);
  EXPECT_THAT(error_of(one_block(64, [&] { across_warps(y.data(), 32); })),
              HasSubstr("without a barrier"));
}

TEST(StandIn, OrderOfThreadsInTheDevicesMemory) {
  std::vector<int> y(64);
  const auto chain = [&] { y[(threadIdx.x + 1) % 64] = y[threadIdx.x] + 1; };
  EXPECT_THAT(error_of(one_block(64, chain)), HasSubstr("order"));
  // Each launch starts from what was there.
  std::fill(y.begin(), y.end(), 5);
  EXPECT_EQ(error_of(one_block(64, [&] { y[threadIdx.x] += 1; })), "");
  EXPECT_EQ(y, std::vector<int>(64, 6));
}

TEST(StandIn, BarriersThatNotAllReach) {
  const auto some = [] {
    if (threadIdx.x < 40) __syncthreads();
  };
  EXPECT_THAT(error_of(one_block(64, some)),
              HasSubstr("40 threads wait at __syncthreads, 24 have ended"));
  const auto elsewhere = [] {
    if (threadIdx.x == 3) __syncwarp();
    __syncthreads();
  };
  EXPECT_THAT(error_of(one_block(64, elsewhere)),
              HasSubstr("1 threads wait at __syncwarp, 63 threads wait at __syncthreads"));
}

TEST(StandIn, ShufflesOfWholeWarps) {
  std::vector<float> y(64);
  const auto sum = [&](unsigned lanes) {
    return [&y, lanes] {
      if (threadIdx.x % 32 >= lanes) return;
      float mine = static_cast<float>(threadIdx.x);
      for (int distance = 16; distance > 0; distance /= 2) {
        mine += __shfl_xor_sync(kAll, mine, distance);
      }
      y[threadIdx.x] = mine;
    };
  };
  EXPECT_EQ(error_of(one_block(64, sum(32))), "");
  EXPECT_EQ(y[0], 31 * 16);
  EXPECT_EQ(y[63], 31 * 16 + 32 * 32);
  EXPECT_THAT(error_of(one_block(64, sum(31))),
              HasSubstr("62 threads wait at a shuffle, 2 have ended"));
  EXPECT_THAT(error_of(one_block(48, sum(32))), HasSubstr("16 threads wait at a shuffle"));
  const auto half = [] {
    if (threadIdx.x < 16) __shfl_xor_sync(0xffffu, 1.0f, 16);
  };
  EXPECT_THAT(error_of(one_block(32, half)), HasSubstr("takes no part"));
  const auto mixed = [] {
    if (threadIdx.x < 16) __shfl_xor_sync(kAll, 1.0f, 16);
    if (threadIdx.x >= 16) __syncwarp();
  };
  EXPECT_THAT(error_of(one_block(32, mixed)), HasSubstr("never goes on"));
}

TEST(StandIn, SharedMemoryThatWasAskedForAndWritten) {
  const auto touch = [](int at, bool read) {
    simt::Launch launch = one_block(32, [=] {
      float* memory = block_memory();
      if (threadIdx.x != 0) return;
      if (read) memory[1] = memory[0];
      memory[at] = 1;
    });
    launch.shared_bytes = 64;
    return error_of(launch);
  };
  EXPECT_EQ(touch(15, false), "");
  EXPECT_THAT(touch(16, false), HasSubstr("reaches byte 67 of 64"));
  EXPECT_THAT(touch(15, true), HasSubstr("nobody wrote"));
}

/// Every block of a cluster of two gives its number to the other, in a vector of its own.
__device__ void exchange(int* y, bool before, bool after) {
  float* const memory = block_memory();
  const auto cluster = cooperative_groups::this_cluster();
  const unsigned rank = blockIdx.x % 2;
  memory[threadIdx.x] = -1;
  if (before) cluster.sync();
  cluster.map_shared_rank(memory, 1 - rank)[threadIdx.x] = static_cast<float>(blockIdx.x);
  if (after) cluster.sync();
  y[blockIdx.x * 32 + threadIdx.x] = static_cast<int>(memory[31 - threadIdx.x]);
}

TEST(StandIn, SharedMemoryOfClusters) {
  std::vector<int> y(4 * 32);
  const auto launch = [&](unsigned cluster, bool before, bool after) {
    simt::Launch all = one_block(32, [=, &y] { exchange(y.data(), before, after); });
    all.blocks = 4;
    all.cluster = cluster;
    all.shared_bytes = 32 * sizeof(float);
    return error_of(all);
  };
  EXPECT_EQ(launch(2, true, true), "");
  for (unsigned block = 0; block < 4; ++block) EXPECT_EQ(y[block * 32], block ^ 1);
  EXPECT_THAT(launch(2, false, true), HasSubstr("without a barrier"));
  EXPECT_NE(launch(2, true, false), "");
  EXPECT_THAT(launch(4, true, true), HasSubstr("without a barrier")) << "two blocks write to one";
}

TEST(StandIn, SharedMemoryOfBlocksThatHaveEnded) {
  simt::Launch launch = one_block(32, [] {
    if (blockIdx.x == 1) return;
    __syncthreads();
    cooperative_groups::this_cluster().map_shared_rank(block_memory(), 1)[threadIdx.x] = 1;
  });
  launch.blocks = launch.cluster = 2;
  launch.shared_bytes = 128;
  EXPECT_THAT(error_of(launch), HasSubstr("of a block that has ended"));
}

TEST(StandIn, BlocksOfAGridWaitForEachOther) {
  constexpr unsigned kBlocks = 5;
  std::vector<int> y(kBlocks);
  std::uint32_t counter = 0;
  const auto launch = [&](unsigned arriving) {
    simt::Launch all = one_block(32, [&, arriving] {
      if (threadIdx.x == 0) {
        y[blockIdx.x] = static_cast<int>(blockIdx.x);
        if (blockIdx.x < arriving) add_release(&counter);
        while (load_acquire(&counter) < kBlocks) {
        }
      }
      __syncthreads();
      const int sum = std::accumulate(y.begin(), y.end(), 0);
      __syncthreads();
      if (threadIdx.x == 0 && blockIdx.x == 0) y[0] = sum;
    });
    all.blocks = kBlocks;
    all.cooperative = true;
    return error_of(all);
  };
  EXPECT_EQ(launch(kBlocks), "");
  EXPECT_EQ(y[0], 10);
  counter = 0;
  EXPECT_THAT(launch(kBlocks - 1), HasSubstr("1 threads wait for memory"));
}

struct CountBody {
  int* y;
  void operator()(std::int64_t i) const { y[i] += 1; }
};
struct SumBody {
  std::int64_t* y;
  void operator()(const Block& block, std::int64_t i) const {
    const auto add = [](std::int64_t a, std::int64_t b) { return a + b; };
    const auto sum = [&](std::int64_t factor) {
      return block.reduce(
          1000, std::int64_t{0}, [&](std::int64_t j) { return factor * j; }, add);
    };
    const std::int64_t first = sum(i), second = sum(3);
    block.each(1, [&](std::int64_t) { y[i] = first + second; });
  }
};
// What all threads read last, one of them writes for the next.
struct TellBody {
  std::int64_t* y;
  void operator()(const Block& block, std::int64_t i) const {
    auto* const told = block.shared<std::int64_t>();
    block.each(1, [&](std::int64_t) { *told = i + 1; });
    y[i] = *told;
  }
};

// Fewer blocks than there is work: a launch of so many that this happens is too large to try.
TEST(StandIn, BlocksTakeWhatIsLeft) {
  std::vector<int> counts(5000);
  simt::Launch each = one_block(kThreads, [&] {
    each_kernel(CountBody{counts.data()}, static_cast<std::int64_t>(counts.size()));
  });
  each.blocks = 3;
  EXPECT_EQ(error_of(each), "");
  EXPECT_EQ(counts, std::vector<int>(5000, 1));
  std::vector<std::int64_t> sums(11, -1);
  simt::Launch blocks =
      one_block(kThreads, [&] { blocks_kernel(SumBody{sums.data()}, std::int64_t{11}); });
  blocks.blocks = 4;
  EXPECT_EQ(error_of(blocks), "");
  for (std::int64_t i = 0; i < 11; ++i)
    EXPECT_EQ(sums[static_cast<std::size_t>(i)], (i + 3) * 499500);
  blocks.shared_bytes = sizeof(std::int64_t);
  blocks.kernel = [&] { blocks_kernel(TellBody{sums.data()}, std::int64_t{11}); };
  EXPECT_EQ(error_of(blocks), "");
  for (std::int64_t i = 0; i < 11; ++i) EXPECT_EQ(sums[static_cast<std::size_t>(i)], i + 1);
}

__global__ void nothing(int) {}

TEST(StandIn, LaunchesThatNoDeviceTakes) {
  const test::FakeDevice device;
  const auto stream = device.make_stream();
  cudaLaunchAttribute attribute{};
  cudaLaunchConfig_t config;
  config.stream = native(*stream);
  config.attrs = &attribute;
  const auto launch = [&] { return cudaLaunchKernelEx(&config, nothing, 1); };
  EXPECT_EQ(launch(), cudaSuccess);
  config.dynamicSmemBytes = 50 * 1024;
  EXPECT_EQ(launch(), cudaErrorInvalidValue);
  EXPECT_THROW(check_launch(), Error);
  EXPECT_EQ(cudaFuncSetAttribute(nothing, cudaFuncAttributeMaxDynamicSharedMemorySize, 50 * 1024),
            cudaSuccess);
  EXPECT_EQ(launch(), cudaSuccess);
  config.gridDim = dim3(6);
  config.numAttrs = 1;
  attribute.id = cudaLaunchAttributeClusterDimension;
  attribute.val.clusterDim = dim3(3);
  EXPECT_EQ(launch(), cudaSuccess);
  attribute.val.clusterDim = dim3(4);
  EXPECT_EQ(launch(), cudaErrorInvalidValue);
  attribute.id = cudaLaunchAttributeCooperative;
  attribute.val.cooperative = 1;
  EXPECT_EQ(launch(), cudaSuccess);
  config.gridDim = dim3(133);
  EXPECT_EQ(launch(), cudaErrorInvalidValue) << "more than can be there at once";
  cudaGetLastError();
  stream->wait();
}

}  // namespace
}  // namespace thaw::cuda
