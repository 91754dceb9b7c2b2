// What becomes of the device when the CUDA runtime reports an error.
#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "kernels/cuda/cuda_stream.h"
#include "kernels/plugin.h"
#include "tests/fakes/fake_cudart.h"

extern "C" const thaw::CudaPlugin* thaw_cuda_plugin(std::uint32_t interface);

namespace thaw {
namespace {

/// A device of its own, so that no other test finds it dead.
const Device& fresh_device() {
  char why[256] = "";
  static auto& opened = *new std::vector<const DeviceBackend*>;  // never destroyed
  opened.push_back(thaw_cuda_plugin(kPluginInterface)->open(why, sizeof why));
  EXPECT_NE(opened.back(), nullptr) << why;
  return opened.back()->device();
}

template <class Run>
std::pair<ErrorCode, std::string> failure_of(const Run& run) {
  try {
    run();
  } catch (const Error& error) {
    return {error.code(), error.what()};
  }
  return {ErrorCode::internal, ""};
}

constexpr const char* kDead = "the GPU failed earlier in this process";

class Failing : public ::testing::Test {
 protected:
  fake::CudaRuntime& runtime = fake::cuda_runtime();
  const Device& device = fresh_device();
  std::shared_ptr<std::byte> memory = device.allocate(64, MemoryKind::device);
  std::unique_ptr<Stream> stream = device.make_stream();
  void TearDown() override {
    runtime.broken = 0;
    runtime.refuses_once.clear();
    runtime.illegal.clear();
    runtime.callers = nullptr;
  }
};

TEST_F(Failing, AnErrorThatStaysMarksTheDeviceDeadForEverybody) {
  const auto other = device.make_stream();
  runtime.broken = cudaErrorIllegalAddress;
  const auto [code, message] = failure_of([&] { stream->wait(); });
  EXPECT_EQ(code, ErrorCode::device);
  EXPECT_NE(message.find("the GPU failed at a kernel: "), std::string::npos) << message;
  runtime.broken = 0;  // as if a broken context gave answers again
  const auto dead = [&](const auto& run) {
    const auto [later, text] = failure_of(run);
    EXPECT_EQ(later, ErrorCode::device);
    EXPECT_NE(text.find(kDead), std::string::npos) << text;
  };
  dead([&] { stream->wait(); });
  dead([&] { other->fill_zero(memory.get(), 8); });
  dead([&] { other->follow(nullptr); });
  dead([&] { device.allocate(8, MemoryKind::device); });
  dead([&] { device.make_stream(); });
}

TEST_F(Failing, ARefusedCallIsAnErrorAndNothingMore) {
  runtime.refuses_once["cudaMemcpyAsync"] = cudaErrorInvalidValue;
  const auto [code, message] = failure_of([&] { stream->copy(memory.get(), memory.get(), 8); });
  EXPECT_EQ(code, ErrorCode::device);
  EXPECT_NE(message.find("the GPU failed at a copy: "), std::string::npos) << message;
  stream->copy(memory.get(), memory.get(), 8);
  stream->wait();
}

// Waiting is illegal while a stream records: that must not pass for a broken context.
TEST_F(Failing, ARefusedCallInARecordingLeavesTheDeviceAlive) {
  stream->begin_recording();
  runtime.refuses_once["cudaMemcpyAsync"] = cudaErrorStreamCaptureInvalidated;
  EXPECT_EQ(failure_of([&] { stream->copy(memory.get(), memory.get(), 8); }).first,
            ErrorCode::device);
  stream->end_recording();
  EXPECT_EQ(runtime.illegal, std::vector<std::string>{});
  stream->copy(memory.get(), memory.get(), 8);
  stream->wait();
}

TEST_F(Failing, AStreamThatTheCallerCapturesIsRefusedByName) {
  char callers_stream = 0;
  runtime.callers = &callers_stream;
  const auto [code, message] = failure_of([&] { stream->follow(&callers_stream); });
  EXPECT_EQ(code, ErrorCode::failed_precondition);
  EXPECT_EQ(message, "the stream is being captured: enqueue outside of it");
  runtime.callers = nullptr;
  stream->follow(&callers_stream);
  stream->wait();
}

// Streams of a library would be drawn into the recording.
TEST_F(Failing, LibrariesWithStreamsOfTheirOwnWaitForTheRecordingOfAnother) {
  const auto other = device.make_stream();
  stream->begin_recording();
  EXPECT_FALSE(cuda::outside_recordings(*stream).owns_lock()) << "its own";
  std::atomic<bool> waited{false}, ended{false};
  std::thread library([&] {
    const auto quiet = cuda::outside_recordings(*other);
    waited = ended.load();
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  ended = true;
  stream->end_recording();
  library.join();
  EXPECT_TRUE(waited);
  EXPECT_TRUE(cuda::outside_recordings(*stream).owns_lock());
}

}  // namespace
}  // namespace thaw
