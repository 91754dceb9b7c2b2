// What convolutions and recurrent layers tell cuDNN, by a library that does on the host what the
// documentation says; and libraries that are not there, too old, not whole, or failing.
#include "kernels/cuda/cudnn.h"

#include <fmt/format.h>

#include <cstdlib>

#include "kernels/cuda/host_stream.h"
#include "kernels/cuda/libraries.h"
#include "kernels/cuda/measured.h"
#include "tests/cuda/device_op.h"
#include "tests/support/fake_device.h"

namespace thaw::cuda {
namespace {

/// For the time of a test.
class Pose {
 public:
  explicit Pose(const char* pose) { setenv("FAKE_CUDNN", pose, 1); }
  ~Pose() { unsetenv("FAKE_CUDNN"); }
};

// Before the first kernel is prepared.
const bool kFound = setenv("THAW_CUDA_PATH", THAW_FAKES "/cudnn", 1) == 0;

class CudnnBackend final : public DeviceBackend {
 public:
  const char* name() const override { return "cudnn"; }
  const Device& device() const override { return device_; }
  std::unique_ptr<DeviceKernel> prepare(const Site& site) const override {
    if (std::holds_alternative<ops::Conv>(site.op)) {
      return prepare_conv_cudnn(site, device_, precision, rank, may_fuse);
    }
    if (std::holds_alternative<ops::ConvTranspose>(site.op)) {
      return prepare_conv_transpose_cudnn(site, device_, Precision::f32);
    }
    return prepare_rnn_cudnn(site, device_, Precision::f32, algorithm);
  }
  CudnnRnnAlgorithm algorithm = CudnnRnnAlgorithm::standard;
  Precision precision = Precision::f32;
  int rank = 0;
  bool may_fuse = true;

 private:
  test::FakeDevice device_;
};

/// The rows of an op that ran, and those of 16 and 32 bits that were refused.
template <class T>
std::pair<int, int> run_rows(const CudnnBackend& backend) {
  int runs = 0, refused = 0;
  for (const test::OpCase& row : test::op_cases()) {
    if (!std::holds_alternative<T>(row.op)) continue;
    for (const DType dtype : row.dtypes) {
      SCOPED_TRACE(fmt::format("row '{}' in {}", row.name, name_of(dtype)));
      test::OpCase known = row;
      for (std::size_t i = 1; i < known.operands.size(); ++i) known.operands[i].constant = true;
      const bool ran = test::check_row(backend, known, dtype);
      runs += ran ? 1 : 0;
      refused += !ran && is_floating(dtype) && dtype != DType::float64 ? 1 : 0;
    }
  }
  return {runs, refused};
}

TEST(CudnnLibrary, SaysWhatIsWrong) {
  ASSERT_TRUE(kFound);
  std::string why;
  EXPECT_EQ(open_cudnn("/nowhere/libcudnn.so.9", why), nullptr);
  EXPECT_NE(why.find("No such file"), std::string::npos) << why;
  EXPECT_EQ(open_cudnn(THAW_FAKES "/cudnn_partial/libcudnn.so.9", why), nullptr);
  EXPECT_EQ(why, "cudnnGetErrorString is missing");
  const std::string path = THAW_FAKES "/cudnn/libcudnn.so.9";
  {
    const Pose old("old");
    EXPECT_EQ(open_cudnn(path, why), nullptr);
    EXPECT_EQ(why, "version 80907 is not 9.x");
  }
  {
    const Pose broken("broken");
    EXPECT_EQ(open_cudnn(path, why), nullptr);
    EXPECT_EQ(why, "it does not start: no such luck");
  }
  EXPECT_NE(open_cudnn(path, why), nullptr) << why;
}

TEST(CudnnLibrary, AFailureIsADeviceErrorThatSaysWhat) {
  const CudnnBackend backend;
  test::OpCase row;
  row.op = ops::Conv{{1, 1}, {1, 1}, {PaddingKind::same, {}, {}}, 1, {UnaryKind::relu}};
  row.operands.resize(3);
  row.operands[0].shape = {2, 5, 5, 3};
  row.operands[1].shape = {3, 3, 3, 4};
  row.operands[2].shape = {4};
  row.operands[1].constant = true;
  row.accuracy = test::Accuracy::sum;
  EXPECT_TRUE(test::check_row(backend, row, DType::float32));
  const Pose failing("failing");
  try {
    test::check_row(backend, row, DType::float32);
    FAIL() << "it did not fail";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::device);
    EXPECT_STREQ(error.what(), "cuDNN failed at a convolution: no such luck (5000)");
  }
}

TEST(CudnnConv, EveryRowAgreesWithReferenceFloat64) {
  const auto [runs, refused] = run_rows<ops::Conv>(CudnnBackend());
  EXPECT_GT(runs, 60);
  EXPECT_LT(refused, runs / 4);
}

TEST(CudnnConv, EveryRowOfTheTransposeAgreesWithReferenceFloat64) {
  const auto [runs, refused] = run_rows<ops::ConvTranspose>(CudnnBackend());
  EXPECT_GT(runs, 10) << refused;
}

TEST(CudnnRnn, EveryRowThatItCanSayAgreesWithReferenceFloat64) {
  CudnnBackend backend;
  const auto [runs, refused] = run_rows<ops::Rnn>(backend);
  EXPECT_GT(runs, 50);
  EXPECT_GT(refused, 50) << "masks, directions, other functions, a reset before the product";
  backend.algorithm = CudnnRnnAlgorithm::small;
  EXPECT_EQ(run_rows<ops::Rnn>(backend).first, runs);
}

TEST(CudnnRnn, WeightsThatAreComputedAreRefused) {
  test::OpCase row;
  row.op = ops::Rnn{};
  row.operands.resize(4);
  row.operands[0].shape = {2, 3, 4};
  row.operands[1].shape = {4, 20};
  row.operands[2].shape = {5, 20};
  row.operands[3].shape = {20};
  row.results = 3;
  EXPECT_FALSE(test::check_row(CudnnBackend(), row, DType::float32));
}

TEST(CudnnRnn, LayersThatShareTheWeightsOfTheirStateKeepTheirOwnOfTheInput) {
  test::OpCase row;
  row.op = ops::Rnn{};
  row.operands.resize(4);
  row.operands[0].shape = {2, 3, 4};
  row.operands[1].shape = {4, 20};
  row.operands[2].shape = {5, 20};
  row.operands[3].shape = {20};
  for (std::size_t i = 1; i < 4; ++i) row.operands[i].constant = true;
  row.results = 3;
  const CudnnBackend backend;
  PackCache packs;
  std::vector<Tensor> operands = test::make_operands(row, DType::float32);
  for (int layer = 0; layer < 3; ++layer) {
    // Another kernel, then another bias.
    if (layer > 0) {
      Tensor& changed = operands[layer == 1 ? 1 : 3];
      changed = changed.clone();
      for (std::int64_t i = 0; i < changed.num_elements(); ++i) {
        changed.mutable_data<float>()[i] += 0.25F;
      }
    }
    const test::DeviceOp op(backend, row, operands, &packs);
    ASSERT_NE(op.kernel(), nullptr);
    const std::vector<Tensor> found = op.run(), expected = test::expected_results(row, operands);
    EXPECT_EQ(test::judge(found[0], expected[0], 2e-6, false), "") << "layer " << layer;
  }
  EXPECT_EQ(packs.size(), 3u);
}

class Sleeper final : public DeviceKernel {
 public:
  Sleeper(const char* name, double seconds, double* clock) : name_(name), seconds_(seconds) {
    clock_ = clock;
  }
  const char* name() const override { return name_; }
  void enqueue(const Args&, const Queue& queue) const override {
    if (seconds_ < 0) throw Error(ErrorCode::device, "it fails");
    dynamic_cast<HostStream&>(queue.stream).enqueue([seconds = seconds_, clock = clock_] {
      ++runs;
      *clock += seconds;
    });
  }
  static inline int runs = 0;

 private:
  const char* name_;
  double seconds_;
  double* clock_;
};

TEST(CudnnConv, OtherAlgorithmsAreDeterministicAndAgree) {
  CudnnBackend backend;
  backend.rank = 1;
  const int runs = run_rows<ops::Conv>(backend).first;
  EXPECT_GT(runs, 60);
  backend.rank = 3;
  EXPECT_EQ(run_rows<ops::Conv>(backend).first, 0) << "the fake has three that are deterministic";
}

TEST(CudnnConv, ALaunchForBiasAndActivationAgrees) {
  CudnnBackend backend;
  const int fused = run_rows<ops::Conv>(backend).first;
  backend.may_fuse = false;
  EXPECT_EQ(run_rows<ops::Conv>(backend).first, fused);
}

/// A row of convolution in float32 whose weights are constant, judged as bfloat16 would be.
TEST(CudnnConv, Bfloat16KeepsOperandsInSixteenBits) {
  CudnnBackend backend;
  backend.precision = Precision::bf16;
  int runs = 0, narrow = 0;
  for (const test::OpCase& row : test::op_cases()) {
    if (!std::holds_alternative<ops::Conv>(row.op)) continue;
    SCOPED_TRACE(row.name);
    test::OpCase known = row;
    for (std::size_t i = 1; i < known.operands.size(); ++i) known.operands[i].constant = true;
    const std::vector<Tensor> operands = test::make_operands(known, DType::float32);
    const test::DeviceOp op(backend, known, operands);
    if (op.kernel() == nullptr) continue;
    ++runs;
    narrow += std::string(op.kernel()->name()) == "cudnn conv, 16 bits" ? 1 : 0;
    EXPECT_EQ(op.kernel()->use(1), OperandUse::nothing) << "its form on the device is the only one";
    EXPECT_EQ(op.kernel()->use(0), OperandUse::elements);
    const std::vector<Tensor> results = op.run();
    const double allowed = test::limit(row.accuracy, DType::bfloat16);
    EXPECT_EQ(test::judge(results[0], test::expected_results(known, operands)[0], allowed, false),
              "");
  }
  EXPECT_GT(runs, 10);
  EXPECT_EQ(narrow, runs);
}

TEST(MeasuredChoice, TheQuickestRunsAndIsRememberedByShape) {
  double clock = 0;
  Measured measured([&] { return clock; });
  const test::FakeDevice device;
  const Op op = ops::Unary{{UnaryKind::relu}};
  const std::vector<TensorType> types = {{DType::float32, {3}}};
  const Tensor weights = Tensor::from<float>({3}, {1, 2, 3});
  const std::vector<const Tensor*> known = {&weights};
  PackCache packs;
  const Site site{op, types, types, known, &packs};
  int prepared = 0;
  const auto sleeper = [&](const char* name, double seconds) {
    return [&clock, &prepared, name, seconds](const Site& at) -> KernelPtr {
      ++prepared;
      if (at.packs != nullptr) at.packs->get(*at.constants[0], name, [] { return nullptr; });
      return std::make_unique<Sleeper>(name, seconds, &clock);
    };
  };
  const std::vector<Measured::Candidate> candidates = {sleeper("slow", 3),
                                                       [](const Site&) { return nullptr; },
                                                       sleeper("quick", 1), sleeper("failing", -1)};
  const auto choose = [&](const std::string& key) {
    return std::string(measured.quickest(candidates, site, device, key)->name());
  };
  EXPECT_EQ(choose("a"), "quick");
  const int runs = Sleeper::runs;
  EXPECT_GT(runs, 0);
  EXPECT_EQ(choose("a"), "quick");
  EXPECT_EQ(Sleeper::runs, runs) << "it is known";
  EXPECT_EQ(prepared, 3 + 1 + 1) << "the quickest once more, and then alone";
  EXPECT_EQ(packs.size(), 1U) << "what the others packed is gone";
  EXPECT_EQ(choose("b"), "quick");
  EXPECT_GT(Sleeper::runs, runs);
  EXPECT_EQ(measured.quickest({}, site, device, "c"), nullptr);
  EXPECT_EQ(shape_key("relu", site), "relu constant float32[3] float32[3]");
  EXPECT_EQ(device.counts().alive, 0);
}

}  // namespace
}  // namespace thaw::cuda
