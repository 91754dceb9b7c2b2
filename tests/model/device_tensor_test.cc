// Tensors of the GPU at the public door: what the entry points say where there is none.
#include "thaw/device_tensor.h"

#include <gtest/gtest.h>

#include "thaw/device.h"
#include "thaw/dlpack.h"
#include "thaw/model.h"

namespace thaw {
namespace {

template <class Run>
std::pair<ErrorCode, std::string> refusal(const Run& run) {
  try {
    run();
  } catch (const Error& error) {
    return {error.code(), error.what()};
  }
  return {ErrorCode::internal, "nothing was thrown"};
}

struct ForeignTensor {
  float elements[6] = {};
  std::int64_t shape[2] = {2, 3}, strides[2] = {3, 1};
  int deleted = 0;
  dlpack::ManagedTensor managed;
  ForeignTensor() {
    managed.tensor.data = elements;
    managed.tensor.device = {2, 0};
    managed.tensor.rank = 2;
    managed.tensor.dtype = {2, 32, 1};
    managed.tensor.shape = shape;
    managed.tensor.strides = strides;
    managed.context = &deleted;
    managed.deleter = [](dlpack::ManagedTensor* self) { ++*static_cast<int*>(self->context); };
  }
};

TEST(DeviceTensor, WithoutAGpuEveryDoorSaysWhyThereIsNone) {
  const CudaReport report = cuda_report();
  if (report.usable()) GTEST_SKIP() << "this machine has a GPU";
  ForeignTensor foreign;
  float elements[3] = {};
  const auto why = [&](const auto& run) {
    const auto [code, message] = refusal(run);
    EXPECT_EQ(code, ErrorCode::device);
    EXPECT_NE(message.find("the GPU cannot be used: " + report.why), std::string::npos) << message;
  };
  why([] { make_device_tensor(DType::float32, {3}); });
  why([] { make_device_tensor(DType::float32, {3}, MemoryPlace::pinned); });
  why([&] { borrow_device(DType::float32, {3}, elements, nullptr); });
  why([] { to_device(Tensor(DType::float32, {3})); });
  why([] { to_host(DeviceTensor{{DType::float32, {3}}, MemoryPlace::gpu, nullptr}); });
  why([&] { device_from_dlpack(&foreign.managed); });
  EXPECT_EQ(foreign.deleted, 0) << "the caller still owns it";
}

TEST(DeviceTensor, DlPackTensorsElsewhereAreRefusedByName) {
  ForeignTensor foreign;
  const auto expect = [&](const std::string& part) {
    const auto [code, message] = refusal([&] { device_from_dlpack(&foreign.managed); });
    EXPECT_EQ(code, ErrorCode::invalid_argument) << message;
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  foreign.managed.tensor.device = {1, 0};
  expect("not on a GPU (device type 1)");
  foreign.managed.tensor.device = {2, 3};
  expect("on GPU 3, Thaw runs on GPU 0");
  foreign.managed.tensor.device = {2, 0};
  foreign.strides[0] = 1;
  foreign.strides[1] = 2;
  expect("float32[2, 3] on the GPU are not row-major");
  foreign.managed.tensor.dtype = {2, 8, 1};
  expect("no element type");
  foreign.shape[0] = -1;
  foreign.managed.tensor.dtype = {2, 32, 1};
  expect("dimension 0 is -1");
  EXPECT_EQ(refusal([] { device_from_dlpack(nullptr); }).first, ErrorCode::invalid_argument);
  EXPECT_EQ(foreign.deleted, 0);
}

TEST(DeviceTensor, LeavesAsTheDlPackTensorThatItIs) {
  auto memory = std::make_shared<int>(5);
  const DeviceTensor tensor{{DType::int32, {1, 1}}, MemoryPlace::pinned, memory};
  dlpack::ManagedTensor* managed = to_dlpack(tensor);
  EXPECT_EQ(managed->tensor.device.type, 3);
  EXPECT_EQ(managed->tensor.data, memory.get());
  EXPECT_EQ(managed->tensor.rank, 2);
  EXPECT_EQ(memory.use_count(), 3);
  managed->deleter(managed);
  EXPECT_EQ(memory.use_count(), 2);
  managed = to_dlpack(DeviceTensor{tensor.type, MemoryPlace::gpu, memory});
  EXPECT_EQ(managed->tensor.device.type, 2);
  managed->deleter(managed);
  EXPECT_EQ(refusal([] { to_dlpack(DeviceTensor{}); }).first, ErrorCode::invalid_argument);
}

TEST(DeviceTensor, ASessionOnTheCpuEnqueuesNothing) {
  const Model model = Model::load(THAW_SOURCE_DIR "/demo/models/keras3_names_bilstm/model.keras");
  for (const DeviceKind device : {DeviceKind::cpu, DeviceKind::reference}) {
    SessionOptions options;
    options.device = device;
    Session session = model.session(options);
    std::vector<DeviceTensor> outputs;
    const auto [code, message] = refusal([&] { session.enqueue({}, outputs); });
    EXPECT_EQ(code, ErrorCode::failed_precondition);
    EXPECT_NE(message.find("this session runs on the CPU"), std::string::npos) << message;
    session.wait();
  }
}

TEST(Precision, CombinationsThatCannotBeAreRefusedByName) {
  const Model model = Model::load(THAW_SOURCE_DIR "/demo/models/keras3_names_bilstm/model.keras");
  const auto expect = [&](const SessionOptions& options, const std::string& part) {
    const auto [code, message] = refusal([&] { model.session(options); });
    EXPECT_EQ(code, ErrorCode::invalid_argument) << message;
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  for (const Precision precision : {Precision::tf32, Precision::fp16, Precision::bf16}) {
    for (const DeviceKind device : {DeviceKind::cpu, DeviceKind::reference}) {
      SessionOptions options;
      options.device = device;
      options.precision = precision;
      expect(options, "run on the cuda device only");
    }
  }
  SessionOptions wide;
  wide.precision = Precision::f64;
  expect(wide, "precision f64 runs on the reference device only");
  SessionOptions stored;
  stored.device = DeviceKind::reference;
  stored.weights = WeightStorage::fp16;
  expect(stored, "compressed weights run on the cpu device only");
}

}  // namespace
}  // namespace thaw
