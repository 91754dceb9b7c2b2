// Convolutions whose weights are 16 bits, by this room's own kernel: as exact as float32 is on
// weights that were rounded.
#include "tests/cuda/device_op.h"
#include "tests/cuda/host_backend.h"

namespace thaw::test {
namespace {

class NarrowBackend final : public DeviceBackend {
 public:
  explicit NarrowBackend(Precision precision) : precision_(precision) {}
  const char* name() const override { return "cuda"; }
  const Device& device() const override { return device_; }
  std::unique_ptr<DeviceKernel> prepare(const Site& site) const override {
    return cuda::prepare_conv_narrow(site, device_, precision_);
  }

 private:
  FakeDevice device_;
  Precision precision_;
};

Tensor rounded_to(const Tensor& weights, Precision precision) {
  Tensor made = weights.clone();
  float* elements = made.mutable_data<float>();
  for (std::int64_t i = 0; i < made.num_elements(); ++i) {
    elements[i] = precision == Precision::fp16 ? to_float(float16_from(elements[i]))
                                               : to_float(bfloat16_from(elements[i]));
  }
  return made;
}

TEST(CudaConvNarrow, EveryRowInFloat32) {
  for (const Precision precision : {Precision::fp16, Precision::bf16}) {
    const NarrowBackend backend(precision);
    int runs = 0, grouped = 0;
    for (const OpCase& row : op_cases()) {
      const auto* conv = std::get_if<ops::Conv>(&row.op);
      if (conv == nullptr) continue;
      SCOPED_TRACE(row.name);
      OpCase known = row;
      known.operands[1].constant = true;
      std::vector<Tensor> operands = make_operands(known, DType::float32);
      const DeviceOp op(backend, known, operands);
      ASSERT_NE(op.kernel(), nullptr);
      EXPECT_EQ(op.kernel()->use(1), OperandUse::nothing);
      EXPECT_EQ(op.kernel()->use(0), OperandUse::elements);
      const Tensor found = op.run()[0];
      operands[1] = rounded_to(operands[1], precision);
      EXPECT_EQ(judge(found, expected_results(known, operands)[0],
                      limit(row.accuracy, DType::float32), false),
                "");
      ++runs;
      if (conv->groups > 1) ++grouped;
    }
    EXPECT_GT(runs, 15);
    EXPECT_GT(grouped, 2);
  }
}

TEST(CudaConvNarrow, LeavesOtherPrecisionsAndUnknownWeights) {
  OpCase row;
  row.op = ops::Conv{{1}, {1}, {}, 2, {}};
  row.operands.resize(2);
  row.operands[0].shape = {1, 4, 4};
  row.operands[1].shape = {3, 2, 6};
  const std::vector<Tensor> operands = make_operands(row, DType::float32);
  EXPECT_EQ(DeviceOp(NarrowBackend(Precision::bf16), row, operands).kernel(), nullptr);
  row.operands[1].constant = true;
  EXPECT_NE(DeviceOp(NarrowBackend(Precision::bf16), row, operands).kernel(), nullptr);
  EXPECT_EQ(DeviceOp(NarrowBackend(Precision::f32), row, operands).kernel(), nullptr);
  EXPECT_EQ(DeviceOp(NarrowBackend(Precision::tf32), row, operands).kernel(), nullptr);
}

}  // namespace
}  // namespace thaw::test
