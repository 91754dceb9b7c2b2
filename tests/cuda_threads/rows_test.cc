// The device code of kernels/cuda as a GPU runs it, thread by thread with its barriers, on a
// stand-in (tests/fakes/simt), against the reference backend in float64. What this adds to
// test_cuda_host, which has the same rows in all types, is launch_device.cuh;
// rnn_persistent_test.cc of that test runs in this one, too, and adds team_device.cuh.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "tests/cuda/device_op.h"
#include "tests/cuda/host_backend.h"

namespace thaw::test {
namespace {

TEST(CudaThreads, RowsAgreeWithReferenceFloat64) {
  const HostCudaBackend backend;
  std::set<std::string> tried;
  for (const OpCase& row : op_cases()) {
    const std::string op = name_of(row.op);
    const auto& types = row.dtypes;
    const bool has_float = std::find(types.begin(), types.end(), DType::float32) != types.end();
    const DType dtype = has_float ? DType::float32 : types.front();
    SCOPED_TRACE(fmt::format("row '{}' ({}) in {}", row.name, op, name_of(dtype)));
    try {
      if (check_row(backend, row, dtype)) tried.insert(op);
    } catch (const Error& error) {
      ADD_FAILURE() << error.what();
    }
  }
  for (const cuda::Row& row : cuda::table()) EXPECT_EQ(tried.count(row.op), 1u) << row.op;
}

// As many heads as make tiles of 64 and of 32 rows worth it.
TEST(CudaThreads, HighTilesOfAttention) {
  const HostCudaBackend backend;
  for (const std::int64_t value_width : {2, 65}) {
    ops::Attention op;
    op.heads = op.key_heads = 64;
    op.key_width = 3;
    op.value_width = value_width;
    OpCase row;
    row.op = op;
    row.accuracy = Accuracy::sum;
    for (const std::int64_t width : {op.key_width, op.key_width, op.value_width}) {
      OperandCase operand;
      operand.shape = {4, 2, 64 * width};
      row.operands.push_back(operand);
    }
    EXPECT_TRUE(check_row(backend, row, DType::float32));
  }
}

}  // namespace
}  // namespace thaw::test
