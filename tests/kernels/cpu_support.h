// Runs one op on a backend and compares with the reference backend in float64.
#pragma once

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "kernels/backend.h"
#include "runtime/base/memory.h"
#include "runtime/ir/ops.h"

namespace thaw::test {

/// A kernel prepared for given operands, with everything that a run needs.
class PreparedOp {
 public:
  /// `constants` are the positions of operands that are constant; host operands always are.
  PreparedOp(const Backend& backend, Op op, std::vector<Tensor> inputs, int outputs,
             std::vector<int> constants = {}, int threads = 1, PackCache* packs = nullptr);

  const Kernel& kernel() const { return *kernel_; }
  const std::vector<Tensor>& inputs() const { return inputs_; }
  /// Results and workspace of one run. The workspace starts filled with NaN patterns.
  struct Buffers {
    std::vector<Tensor> results;
    std::vector<View> in, out;
    AlignedBytes workspace;
  };
  Buffers buffers() const;
  /// Runs into the buffers; allocates nothing itself.
  void run(Buffers& buffers, ThreadPool* pool) const;
  std::vector<Tensor> run(ThreadPool* pool = nullptr) const;

 private:
  Op op_;
  std::vector<Tensor> inputs_;
  std::vector<TensorType> in_types_, out_types_;
  std::unique_ptr<Kernel> kernel_;
};

/// float32 tensors as float64, others as they are.
std::vector<Tensor> widen(const std::vector<Tensor>& tensors);
/// max |y - r| / max |r| over the finite elements of r; infinity if the special values differ.
double error_of(const Tensor& result, const Tensor& expected);
/// Bitwise equality of type and elements.
bool same_bits(const std::vector<Tensor>& a, const std::vector<Tensor>& b);

/// Uniform in [low, high).
Tensor random_floats(std::mt19937& random, Shape shape, float low = -1, float high = 1);
Tensor random_bools(std::mt19937& random, Shape shape, double probability);

/// Runs on both backends and expects that the CPU backend has its own kernel, that each result's
/// error is below `tolerance`, and that the result is bitwise the same for 1, 2 and 5 threads.
void expect_agrees(const Op& op, const std::vector<Tensor>& inputs, int outputs,
                   const std::vector<int>& constants, double tolerance, const std::string& what);

/// Calls of operator new in the whole process so far.
std::size_t allocation_count();

}  // namespace thaw::test
