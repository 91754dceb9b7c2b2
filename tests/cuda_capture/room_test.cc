// Recurrent layers by what the CUDA runtime says of the room on the device.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kernels/plugin.h"
#include "runtime/ir/infer.h"
#include "tests/fakes/fake_cudart.h"

extern "C" const thaw::CudaPlugin* thaw_cuda_plugin(std::uint32_t interface);

namespace thaw {
namespace {

struct Names {
  std::string alone, pair;
};

/// Kernels for a layer of 100 units, on a device opened anew: choices are remembered.
Names kernels_for_a_layer() {
  char why[256] = "";
  static auto& opened = *new std::vector<const DeviceBackend*>;  // never destroyed
  opened.push_back(thaw_cuda_plugin(kPluginInterface)->open(why, sizeof why));
  EXPECT_NE(opened.back(), nullptr) << why;
  const DeviceBackend& backend = *opened.back();
  ops::Rnn forwards;
  ops::Rnn backwards = forwards;
  backwards.go_backwards = true;
  const auto floats = [](Shape shape) { return TensorType{DType::float32, std::move(shape)}; };
  const std::vector<TensorType> in = {floats({2, 3, 5}), floats({5, 400}), floats({100, 400}),
                                      floats({400})};
  std::vector<Operand> typed;
  for (const TensorType& type : in) typed.push_back({type});
  const std::vector<TensorType> out = infer(forwards, typed, 3, nullptr);
  const std::vector<const Tensor*> known(in.size(), nullptr);
  const Site first{forwards, in, out, known}, second{backwards, in, out, known};
  const auto alone = backend.prepare(first), pair = backend.prepare_pair(first, second);
  return {alone == nullptr ? "" : alone->name(), pair == nullptr ? "" : pair->name()};
}

class Room : public ::testing::Test {
 protected:
  fake::CudaRuntime& runtime = fake::cuda_runtime();
  void TearDown() override {
    runtime.multiprocessors = 132;
    runtime.clusters_at_once = 16;
    runtime.blocks_of_multiprocessor = 1;
  }
};

TEST_F(Room, ClustersWhereTheDeviceHoldsOne) {
  const Names names = kernels_for_a_layer();
  EXPECT_EQ(names.alone, "cuda rnn, clusters");
  EXPECT_EQ(names.pair, "cuda rnn pair, clusters");
}

TEST_F(Room, AGridWhereItHoldsNoCluster) {
  runtime.clusters_at_once = 0;
  const Names names = kernels_for_a_layer();
  EXPECT_EQ(names.alone, "cuda rnn, grid");
  EXPECT_EQ(names.pair, "cuda rnn pair, grid");
}

TEST_F(Room, ABlockPerSequenceWhereItHoldsNeither) {
  runtime.clusters_at_once = 0;
  runtime.blocks_of_multiprocessor = 0;
  const Names names = kernels_for_a_layer();
  EXPECT_EQ(names.alone, "cuda rnn");
  EXPECT_EQ(names.pair, "") << "each direction by itself";
}

TEST_F(Room, BothDirectionsNeedMoreThanOne) {
  runtime.clusters_at_once = 0;
  runtime.multiprocessors = 3;  // 2 blocks a direction
  const Names names = kernels_for_a_layer();
  EXPECT_EQ(names.alone, "cuda rnn, grid");
  EXPECT_EQ(names.pair, "");
}

TEST(OpenPlugin, SaysThatItHoldsNoCodeForTheDevice) {
  fake::CudaRuntime& runtime = fake::cuda_runtime();
  runtime.has_code = false;
  char why[256] = "";
  EXPECT_EQ(thaw_cuda_plugin(kPluginInterface)->open(why, sizeof why), nullptr);
  runtime.has_code = true;
  EXPECT_NE(std::string(why).find("the plugin holds code for compute capability "),
            std::string::npos)
      << why;
  EXPECT_NE(std::string(why).find(", but no GPU has 9.0"), std::string::npos) << why;
}

}  // namespace
}  // namespace thaw
