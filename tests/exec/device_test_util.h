// What the tests of plans on a device share.
#pragma once

#include <set>
#include <string>

#include "tests/exec/exec_test_util.h"
#include "tests/support/fake_device.h"

namespace thaw::testing {

using test::FakeBackend;

inline std::shared_ptr<const Program> on(const DeviceBackend& device, const Graph& graph) {
  ProgramOptions options;
  options.device = &device;
  return program_of(graph, reference_backend(), options);
}

/// What the device has kernels for: everything, nothing, or some ops.
inline std::set<std::string> some_ops(unsigned seed) {
  const std::vector<std::set<std::string>> sets = {
      {},
      {"unary", "binary"},
      {"matmul", "reduce", "softmax", "concat"},
      {"unary", "select", "cast", "transpose", "split"},
      {"binary", "slice", "stack", "unstack", "normalize", "gather"},
      {"no op at all"}};
  return sets[seed % sets.size()];
}

/// Shapes come and go; each time four runs (enqueued, recorded, replayed) with other elements.
/// `run_once(inputs, into_new)` gives the outputs: of every other run in new tensors, else in those
/// of the run before.
template <class RunOnce>
void expect_reference_in_every_run(const Graph& graph, unsigned seed, const Runner& runner,
                                   const RunOnce& run_once) {
  for (const std::int64_t batch : {3, 1, 0, 7, 3}) {
    for (unsigned run = 0; run < 4; ++run) {
      const std::vector<Tensor> inputs = random_inputs(seed * 31 + run, batch);
      const std::vector<Tensor> outputs = run_once(inputs, run % 2 == 0);
      ASSERT_TRUE(runner.stats().planned) << runner.plan_text();
      const std::vector<Tensor> expected = evaluate_graph(graph, inputs);
      ASSERT_EQ(outputs.size(), expected.size());
      for (std::size_t i = 0; i < expected.size(); ++i) {
        ASSERT_TRUE(identical(expected[i], outputs[i])) << "output " << i << ", run " << run << "\n"
                                                        << runner.plan_text();
      }
    }
  }
}

}  // namespace thaw::testing
