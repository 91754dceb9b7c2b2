// Kernels that allow gaps between the rows of operands and results compute the same bits with them,
// and leave the gaps alone.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstring>
#include <set>

#include "tests/cases/cases.h"
#include "tests/kernels/cpu_support.h"
#include "tests/kernels/judge.h"

namespace thaw::test {
namespace {

constexpr std::int64_t kGap = 5;         // elements
constexpr unsigned char kBefore = 0xff;  // NaN as a float

std::size_t bytes_of(const Tensor& tensor, std::int64_t elements) {
  return static_cast<std::size_t>(elements) * size_of(tensor.dtype());
}

/// A tensor's elements in rows with gaps.
class Rows {
 public:
  Rows(const Tensor& tensor, std::int64_t columns)
      : count_(tensor.num_elements() / columns),
        row_(bytes_of(tensor, columns)),
        pitch_(bytes_of(tensor, columns + kGap)),
        memory_(static_cast<std::size_t>(count_) * pitch_, kBefore),
        columns_(columns) {
    const auto* from = static_cast<const unsigned char*>(tensor.data());
    for (std::int64_t i = 0; i < count_; ++i) {
      std::memcpy(at(i), from + static_cast<std::size_t>(i) * row_, row_);
    }
  }
  View view(const TensorType* type) { return {memory_.data(), type, columns_, columns_ + kGap}; }

  /// The elements back into a tensor; gaps must be as they were.
  void take(Tensor& tensor) {
    auto* to = static_cast<unsigned char*>(tensor.mutable_data());
    for (std::int64_t i = 0; i < count_; ++i) {
      std::memcpy(to + static_cast<std::size_t>(i) * row_, at(i), row_);
      for (std::size_t gap = row_; gap < pitch_; ++gap) {
        ASSERT_EQ(at(i)[gap], kBefore) << "row " << i << " of " << count_ << ", byte " << gap;
      }
    }
  }

 private:
  unsigned char* at(std::int64_t row) {
    return memory_.data() + static_cast<std::size_t>(row) * pitch_;
  }

  std::int64_t count_;
  std::size_t row_, pitch_;
  std::vector<unsigned char> memory_;
  std::int64_t columns_;
};

/// The widths of a row that gaps may stand between, of more than one row.
std::vector<std::int64_t> widths(const Shape& shape) {
  std::vector<std::int64_t> found;
  std::int64_t columns = 1;
  for (int axis = shape.rank() - 1; axis > 0; --axis) {
    columns *= shape[axis];
    if (columns > 0 && columns < shape.num_elements()) found.push_back(columns);
  }
  return found;
}

/// Runs with every operand and result that may have gaps having them, one width of each at a time;
/// gives the number of views that had some.
int check_gaps(const PreparedOp& prepared, ThreadPool* pool) {
  const Kernel& kernel = prepared.kernel();
  const std::vector<Tensor> expected = prepared.run(pool);
  int views = 0;
  for (std::size_t choice = 0; choice < 4; ++choice) {
    PreparedOp::Buffers buffers = prepared.buffers();
    std::vector<Rows> rows;
    rows.reserve(buffers.in.size() + buffers.out.size());
    const auto open = [&](View& view, const Tensor& tensor, const auto& allows) {
      const std::vector<std::int64_t> all = widths(tensor.shape());
      if (choice >= all.size() || !allows(all[choice])) return false;
      rows.emplace_back(tensor, all[choice]);
      view = rows.back().view(view.type);
      ++views;
      return true;
    };
    for (std::size_t i = 0; i < buffers.in.size(); ++i) {
      if (prepared.inputs()[i].dtype() == DType::string) return 0;
      open(buffers.in[i], prepared.inputs()[i],
           [&](std::int64_t columns) { return kernel.reads_rows(i, columns); });
    }
    std::vector<std::pair<std::size_t, std::size_t>> opened;  // result, rows
    for (std::size_t i = 0; i < buffers.out.size(); ++i) {
      if (open(buffers.out[i], buffers.results[i],
               [&](std::int64_t columns) { return kernel.writes_rows(i, columns); })) {
        opened.emplace_back(i, rows.size() - 1);
      }
    }
    if (rows.empty()) continue;
    prepared.run(buffers, pool);
    for (const auto& [result, index] : opened) rows[index].take(buffers.results[result]);
    EXPECT_TRUE(same_bits(buffers.results, expected)) << kernel.name() << ", choice " << choice;
  }
  return views;
}

TEST(CpuGaps, EveryRowOfTheCaseTableIsTheSameWithGaps) {
  ThreadPool pool(2);
  std::set<std::string> kernels;
  for (const OpCase& row : op_cases()) {
    for (const DType dtype : row.dtypes) {
      if (dtype != DType::float32 && dtype != row.dtypes.back()) continue;
      SCOPED_TRACE(fmt::format("row '{}' ({}) in {}", row.name, name_of(row.op), name_of(dtype)));
      const PreparedOp prepared(cpu_backend(), row.op, make_operands(row, dtype), row.results,
                                constant_operands(row), 2);
      if (check_gaps(prepared, &pool) > 0) kernels.insert(prepared.kernel().name());
    }
  }
  for (const char* name : {"cpu packed conv", "cpu depthwise conv", "cpu pool", "cpu packed matmul",
                           "cpu conv transpose", "cpu move", "cpu rnn"}) {
    EXPECT_EQ(kernels.count(name), 1u) << name;
  }
}

void expect_gaps(Op op, std::vector<Tensor> inputs, std::vector<int> constants, int least,
                 const std::string& name) {
  ThreadPool pool(2);
  const PreparedOp prepared(cpu_backend(), std::move(op), std::move(inputs), 1,
                            std::move(constants), 2);
  EXPECT_EQ(prepared.kernel().name(), name);
  EXPECT_GE(check_gaps(prepared, &pool), least) << name;
}

TEST(CpuGaps, ElementwiseRowsOfManyElements) {
  std::mt19937 random(7);
  const auto tensor = [&](Shape shape) { return random_floats(random, std::move(shape)); };
  expect_gaps(ops::Unary{{UnaryKind::tanh}}, {tensor({3, 7, 40})}, {}, 2, "cpu unary");
  expect_gaps(ops::Binary{BinaryKind::add}, {tensor({3, 7, 40}), tensor({3, 7, 40})}, {}, 3,
              "cpu binary");
  expect_gaps(ops::Binary{BinaryKind::mul}, {tensor({3, 7, 40}), tensor({40})}, {}, 2,
              "cpu binary");
  expect_gaps(ops::Binary{BinaryKind::sub}, {tensor({7, 1}), tensor({3, 7, 40})}, {}, 2,
              "cpu binary");
  expect_gaps(ops::Binary{BinaryKind::div}, {tensor({}), tensor({64, 700})}, {}, 2, "cpu binary");
}

TEST(CpuGaps, MinimalFiltering) {
  std::mt19937 random(9);
  for (const std::int64_t outputs : {16, 24, 19}) {
    ops::Conv op;
    op.strides = op.dilations = {1, 1};
    op.padding.kind = PaddingKind::same;
    op.activation = {UnaryKind::relu};
    expect_gaps(op,
                {random_floats(random, {2, 13, 10, 11}), random_floats(random, {3, 3, 11, outputs}),
                 random_floats(random, {outputs})},
                {1, 2}, 2, "cpu winograd conv");
  }
}

TEST(CpuGaps, TransposedConvolutionsThatWriteLinesOfTaps) {
  std::mt19937 random(8);
  for (const std::int64_t outputs : {16, 32, 48, 64, 80}) {
    ops::ConvTranspose op;
    op.strides = {2, 2};
    op.dilations = {1, 1};
    expect_gaps(op,
                {random_floats(random, {2, 5, 3, 24}), random_floats(random, {2, 2, outputs, 24}),
                 Tensor::from<std::int64_t>(Shape{2}, {10, 6}), random_floats(random, {outputs})},
                {1, 2, 3}, 1, "cpu conv transpose apart");
  }
}

}  // namespace
}  // namespace thaw::test
