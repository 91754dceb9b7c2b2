// The device code of kernels/cuda, compiled for the host and run on a device that is the host:
// every row of the case table in every element type, against the reference backend in float64.
#include <fmt/format.h>

#include <map>
#include <set>

#include "tests/cuda/device_op.h"
#include "tests/cuda/host_backend.h"

namespace thaw::test {
namespace {

TEST(CudaRows, EveryRowWithAKernelAgreesWithReferenceFloat64) {
  const HostCudaBackend backend;
  int runs = 0;
  std::set<std::string> on_device, all;
  std::map<std::string, int> float_rows_on_host;
  for (const OpCase& row : op_cases()) {
    const std::string op = name_of(row.op);
    all.insert(op);
    for (const DType dtype : row.dtypes) {
      SCOPED_TRACE(fmt::format("row '{}' ({}) in {}", row.name, op, name_of(dtype)));
      try {
        if (check_row(backend, row, dtype)) {
          ++runs;
          on_device.insert(op);
        } else if (is_floating(dtype)) {
          ++float_rows_on_host[op];
        }
      } catch (const Error& error) {
        ADD_FAILURE() << error.what();
      }
    }
  }
  EXPECT_GT(runs, 1500);
  // What has no kernel runs on the host, with copies: whoever adds one shortens this list.
  std::set<std::string> on_host;
  for (const std::string& op : all) {
    if (on_device.count(op) == 0) on_host.insert(op);
  }
  EXPECT_EQ(on_host, (std::set<std::string>{"assert", "shape_query"}));
  // Floats have kernels but for the sampling kernels of resize and for complex results.
  float_rows_on_host.erase("resize");
  float_rows_on_host.erase("cast");
  for (const auto& [op, rows] : float_rows_on_host)
    EXPECT_EQ(on_host.count(op), 1u) << rows << " rows of " << op << " in floats run on the host";
}

}  // namespace
}  // namespace thaw::test
