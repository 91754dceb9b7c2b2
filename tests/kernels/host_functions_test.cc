// Host functions have their types in runtime/ir/host and their code in kernels/host.
#include "runtime/ir/host_functions.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "kernels/host_call.h"

namespace thaw {
namespace {

TEST(HostFunctions, EveryOneHasATypeRuleAndCode) {
  std::set<std::string> types, code;
  for (const auto& family : host_function_families()) {
    for (const HostFunction& function : family) {
      EXPECT_TRUE(types.emplace(function.name).second) << function.name << " is listed twice";
    }
  }
  for (const auto& family : host_kernel_families()) {
    for (const HostKernel& kernel : family) {
      EXPECT_TRUE(code.emplace(kernel.name).second) << kernel.name << " is listed twice";
    }
  }
  EXPECT_EQ(types, code);
}

TEST(HostFunctions, AUsersFunctionRunsAndItsResultIsChecked) {
  ops::HostCall call{"double", {}, {}};
  auto custom = std::make_shared<CustomFunction>();
  custom->infer = [](const std::vector<TensorType>& operands) { return operands; };
  custom->run = [](const std::vector<Tensor>& operands) {
    Tensor y = operands[0].clone();
    for (std::int64_t i = 0; i < y.num_elements(); ++i) y.mutable_data<float>()[i] *= 2;
    return std::vector<Tensor>{y};
  };
  call.custom = custom;
  const Tensor x = Tensor::from<float>({2}, {1, 3});
  const std::vector<Tensor> y = evaluate(call, {x}, 1);
  EXPECT_EQ(y.at(0).data<float>()[1], 6);
  custom->run = [](const std::vector<Tensor>&) {
    return std::vector<Tensor>{Tensor::from<float>({1}, {0})};
  };
  EXPECT_THROW(evaluate(call, {x}, 1), Error);
}

}  // namespace
}  // namespace thaw
