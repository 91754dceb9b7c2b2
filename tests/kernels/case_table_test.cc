// Every row of the case table on every backend in every element type of the row, against the
// reference backend in float64.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/cases/cases.h"
#include "tests/kernels/cpu_support.h"
#include "tests/kernels/judge.h"

namespace thaw::test {
namespace {

void check_row(const Backend& backend, const OpCase& row, DType dtype, ThreadPool* pool) {
  const std::vector<Tensor> operands = make_operands(row, dtype);
  const std::vector<Tensor> expected = expected_results(row, operands);
  const PreparedOp prepared(backend, row.op, operands, row.results, constant_operands(row),
                            pool->threads());
  const std::vector<Tensor> results = prepared.run(pool);
  ASSERT_EQ(results.size(), expected.size());
  const bool special = row.name.find("special") != std::string::npos;
  for (std::size_t i = 0; i < results.size(); ++i) {
    EXPECT_EQ(judge(results[i], expected[i], limit(row.accuracy, results[i].dtype()), special), "")
        << "result " << i << " by " << prepared.kernel().name();
  }
  if (dtype == DType::string) return;  // the strings themselves allocate
  PreparedOp::Buffers buffers = prepared.buffers();
  const std::size_t before = allocation_count();
  prepared.run(buffers, pool);
  EXPECT_EQ(allocation_count(), before) << prepared.kernel().name() << " allocates";
}

class CaseTable : public testing::TestWithParam<const Backend*> {};

TEST_P(CaseTable, EveryRowAgreesWithReferenceFloat64) {
  ThreadPool pool(2);
  int runs = 0;
  for (const OpCase& row : op_cases()) {
    for (const DType dtype : row.dtypes) {
      SCOPED_TRACE(fmt::format("row '{}' ({}) in {}", row.name, name_of(row.op), name_of(dtype)));
      try {
        check_row(*GetParam(), row, dtype, &pool);
      } catch (const Error& error) {
        ADD_FAILURE() << error.what();
      }
      ++runs;
    }
  }
  EXPECT_GT(runs, 3000);
}

INSTANTIATE_TEST_SUITE_P(Backends, CaseTable, testing::Values(&reference_backend(), &cpu_backend()),
                         [](const auto& backend) { return std::string(backend.param->name()); });

TEST(CaseTable, NamesAreUnique) {
  std::set<std::string> names;
  for (const OpCase& row : op_cases()) EXPECT_TRUE(names.insert(row.name).second) << row.name;
}

TEST(CaseTable, HasARowForEveryOpThatHasAKernel) {
  // State, control flow and lists are the interpreter's; where has no kernel; host functions have
  // their own tests.
  const std::set<std::string> without = {
      "input",    "constant",       "variable_read", "variable_assign",  "where",
      "if",       "while",          "list_reserve",  "list_from_tensor", "list_get",
      "list_set", "list_push_back", "list_pop_back", "list_stack",       "list_length",
      "host_call"};
  std::set<std::string> seen;
  for (const OpCase& row : op_cases()) seen.insert(name_of(row.op));
  for (const char* name : {
#define X(name, Struct) #name,
           THAW_OPS(X)
#undef X
       }) {
    EXPECT_EQ(seen.count(name), 1 - without.count(name)) << name;
  }
}

TEST(CaseTable, HasARowForEveryFunction) {
  std::set<UnaryKind> unary;
  std::set<BinaryKind> binary;
  for (const OpCase& row : op_cases()) {
    if (const auto* op = std::get_if<ops::Unary>(&row.op)) unary.insert(op->fn.kind);
    if (const auto* op = std::get_if<ops::Binary>(&row.op)) binary.insert(op->kind);
  }
  EXPECT_EQ(unary.size(), static_cast<std::size_t>(UnaryKind::digamma) + 1);
  EXPECT_EQ(binary.size(), static_cast<std::size_t>(BinaryKind::right_shift) + 1);
}

}  // namespace
}  // namespace thaw::test
