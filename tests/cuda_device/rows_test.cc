// The case table and random work on the GPU of this machine; skipped, with the reason, without one.
#include <fmt/format.h>

#include "kernels/cuda_plugin.h"
#include "tests/cuda/device_op.h"

namespace thaw::test {
namespace {

TEST(CudaDevice, EveryRowWithAKernelAgreesWithReferenceFloat64) {
  const DeviceBackend* backend = cuda_backend();
  if (backend == nullptr) {
    std::size_t rows = 0;
    for (const OpCase& row : op_cases()) rows += row.dtypes.size();
    GTEST_SKIP() << "skipped: no GPU, " << rows << " rows: " << cuda_status().why;
  }
  int runs = 0;
  for (const OpCase& row : op_cases()) {
    for (const DType dtype : row.dtypes) {
      SCOPED_TRACE(fmt::format("row '{}' ({}) in {}", row.name, name_of(row.op), name_of(dtype)));
      try {
        runs += check_row(*backend, row, dtype) ? 1 : 0;
      } catch (const Error& error) {
        ADD_FAILURE() << error.what();
      }
    }
  }
  EXPECT_GT(runs, 1500);
}

TEST(CudaDevice, RecordingsReplayWithWhatMemoryThenHolds) {
  const DeviceBackend* backend = cuda_backend();
  if (backend == nullptr) GTEST_SKIP() << "skipped: no GPU, 1 recording: " << cuda_status().why;
  const TensorType type{DType::float32, {1000}};
  const Op op = ops::Unary{{UnaryKind::square}};
  const std::vector<TensorType> types = {type};
  const std::vector<const Tensor*> none = {nullptr};
  const auto kernel = backend->prepare({op, types, types, none, nullptr, 1});
  ASSERT_NE(kernel, nullptr);
  const Device& device = backend->device();
  const auto stream = device.make_stream();
  const auto memory = device.allocate(4000, MemoryKind::device);
  const auto host = device.allocate(4000, MemoryKind::pinned);
  auto* numbers = reinterpret_cast<float*>(host.get());
  const View view{memory.get(), &type};
  // A first launch may load code, which a recording must not.
  stream->fill_zero(memory.get(), 4000);
  kernel->enqueue({{&view, 1}, {&view, 1}, nullptr, nullptr}, {*stream, nullptr, 0});
  stream->wait();
  stream->begin_recording();
  stream->copy_to_device(memory.get(), numbers, 4000);
  kernel->enqueue({{&view, 1}, {&view, 1}, nullptr, nullptr}, {*stream, nullptr, 0});
  stream->copy_to_host(numbers, memory.get(), 4000);
  const auto recording = stream->end_recording();
  for (int run = 1; run < 4; ++run) {
    for (int i = 0; i < 1000; ++i) numbers[i] = static_cast<float>(run * i);
    stream->launch(*recording);
    stream->wait();
    for (int i = 0; i < 1000; ++i) {
      ASSERT_EQ(numbers[i], static_cast<float>(run * i) * static_cast<float>(run * i));
    }
  }
}

}  // namespace
}  // namespace thaw::test
