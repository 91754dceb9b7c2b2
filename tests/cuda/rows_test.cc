// The device code of kernels/cuda, compiled for the host and run on a device that is the host:
// every row of the case table in every element type, against the reference backend in float64.
#include <fmt/format.h>

#include <map>
#include <set>
#include <string>
#include <variant>

#include "tests/cuda/device_op.h"
#include "tests/cuda/host_backend.h"

namespace thaw::test {
namespace {

TEST(CudaRows, EveryRowWithAKernelAgreesWithReferenceFloat64) {
  const HostCudaBackend backend;
  int runs = 0;
  std::map<std::string, std::set<std::string>> on_host;  // op -> types without a kernel
  for (const OpCase& row : op_cases()) {
    const std::string op = name_of(row.op);
    for (const DType dtype : row.dtypes) {
      SCOPED_TRACE(fmt::format("row '{}' ({}) in {}", row.name, op, name_of(dtype)));
      try {
        if (check_row(backend, row, dtype)) {
          ++runs;
        } else if (dtype != DType::string) {
          const auto* cast = std::get_if<ops::Cast>(&row.op);
          const bool to_complex = cast != nullptr && is_complex(cast->dtype);
          on_host[op].insert(name_of(to_complex ? cast->dtype : dtype));
        }
      } catch (const Error& error) {
        ADD_FAILURE() << error.what();
      }
    }
  }
  EXPECT_GT(runs, 3000);
  // What has no kernel runs on the host, with copies: whoever adds one shortens this list.
  EXPECT_EQ(on_host.erase("shape_query"), 1u);  // whatever the operand
  const std::set<std::string> complex = {"complex128", "complex64"};
  const std::set<std::string> integers = {"int8",  "int16",  "int32",  "int64",
                                          "uint8", "uint16", "uint32", "uint64"};
  std::map<std::string, std::set<std::string>> expected = {
      {"assert", {"bool"}}, {"binary", complex}, {"cast", complex},    {"einsum", {"complex64"}},
      {"matmul", integers}, {"reduce", complex}, {"scatter", complex}, {"unary", complex}};
  expected["matmul"].insert(complex.begin(), complex.end());
  EXPECT_EQ(on_host, expected);
}

}  // namespace
}  // namespace thaw::test
