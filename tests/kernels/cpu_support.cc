#include "tests/kernels/cpu_support.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>

#include "runtime/ir/infer.h"

namespace {
std::atomic<std::size_t> allocations = 0;

void* counted(std::size_t bytes) {
  ++allocations;
  if (void* memory = std::malloc(bytes == 0 ? 1 : bytes)) return memory;
  throw std::bad_alloc();
}
}  // namespace

// Counts what the code under test allocates, in oneDNN and the standard library too.
void* operator new(std::size_t bytes) { return counted(bytes); }
void* operator new[](std::size_t bytes) { return counted(bytes); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

namespace thaw::test {

std::size_t allocation_count() { return allocations; }

PreparedOp::PreparedOp(const Backend& backend, Op op, std::vector<Tensor> inputs, int outputs,
                       std::vector<int> constants, int threads, PackCache* packs)
    : op_(std::move(op)), inputs_(std::move(inputs)) {
  std::vector<const Tensor*> known(inputs_.size(), nullptr);
  for (const int i : constants)
    known[static_cast<std::size_t>(i)] = &inputs_[static_cast<std::size_t>(i)];
  for (const int i : host_operands(op_)) {
    if (static_cast<std::size_t>(i) < known.size()) {
      known[static_cast<std::size_t>(i)] = &inputs_[static_cast<std::size_t>(i)];
    }
  }
  std::vector<Operand> operands;
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    in_types_.push_back(inputs_[i].type());
    operands.push_back({inputs_[i].type(), known[i]});
  }
  out_types_ = infer(op_, operands, outputs, nullptr);
  const Site site{op_, in_types_, out_types_, known, packs, threads};
  kernel_ = backend.prepare(site);
  if (!kernel_) throw Error(ErrorCode::unimplemented, std::string("no kernel for ") + name_of(op_));
}

PreparedOp::Buffers PreparedOp::buffers() const {
  Buffers b;
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    b.in.push_back({const_cast<void*>(inputs_[i].data()), &in_types_[i]});
  }
  for (const TensorType& type : out_types_) {
    b.results.emplace_back(type.dtype, type.shape);
    if (type.dtype == DType::string) continue;
    std::memset(b.results.back().mutable_data(), 0x5a, b.results.back().size_bytes());
  }
  for (std::size_t i = 0; i < b.results.size(); ++i) {
    b.out.push_back({b.results[i].mutable_data(), &out_types_[i]});
  }
  b.workspace = allocate_aligned(kernel_->workspace() + 64);
  std::memset(b.workspace.get(), 0xff, kernel_->workspace() + 64);
  return b;
}

void PreparedOp::run(Buffers& b, ThreadPool* pool) const {
  kernel_->run({b.in, b.out, b.workspace.get(), pool});
}

std::vector<Tensor> PreparedOp::run(ThreadPool* pool) const {
  Buffers b = buffers();
  run(b, pool);
  const std::byte* guard = b.workspace.get() + kernel_->workspace();
  for (int i = 0; i < 64; ++i) EXPECT_EQ(guard[i], std::byte{0xff}) << "wrote behind the workspace";
  return std::move(b.results);
}

std::vector<Tensor> widen(const std::vector<Tensor>& tensors) {
  std::vector<Tensor> wide;
  for (const Tensor& tensor : tensors) {
    if (tensor.dtype() != DType::float32) {
      wide.push_back(tensor);
      continue;
    }
    Tensor copy(DType::float64, tensor.shape());
    const float* from = tensor.data<float>();
    double* to = copy.mutable_data<double>();
    for (std::int64_t i = 0; i < tensor.num_elements(); ++i) to[i] = from[i];
    wide.push_back(copy);
  }
  return wide;
}

double error_of(const Tensor& result, const Tensor& expected) {
  if (result.shape() != expected.shape()) return std::numeric_limits<double>::infinity();
  if (expected.dtype() != DType::float64) {
    const bool same = result.dtype() == expected.dtype() &&
                      std::memcmp(result.data(), expected.data(), result.size_bytes()) == 0;
    return same ? 0 : std::numeric_limits<double>::infinity();
  }
  const float* y = result.data<float>();
  const double* r = expected.data<double>();
  double scale = 1e-30, worst = 0;
  for (std::int64_t i = 0; i < result.num_elements(); ++i) {
    // What overflows float32 is infinite there.
    const double ref = std::abs(r[i]) > 3.4028235e38 ? std::copysign(HUGE_VAL, r[i]) : r[i];
    if (std::isfinite(ref)) {
      scale = std::max(scale, std::abs(ref));
      worst = std::max(worst, std::isfinite(y[i]) ? std::abs(y[i] - ref) : HUGE_VAL);
    } else if (std::isnan(ref) != std::isnan(y[i]) || (!std::isnan(ref) && ref != y[i])) {
      return std::numeric_limits<double>::infinity();
    }
  }
  return worst / scale;
}

bool same_bits(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i].type() != b[i].type()) return false;
    if (a[i].size_bytes() > 0 && std::memcmp(a[i].data(), b[i].data(), a[i].size_bytes()) != 0)
      return false;
  }
  return true;
}

Tensor random_floats(std::mt19937& random, Shape shape, float low, float high) {
  Tensor tensor(DType::float32, std::move(shape));
  std::uniform_real_distribution<float> uniform(low, high);
  for (std::int64_t i = 0; i < tensor.num_elements(); ++i)
    tensor.mutable_data<float>()[i] = uniform(random);
  return tensor;
}

Tensor random_bools(std::mt19937& random, Shape shape, double probability) {
  Tensor tensor(DType::boolean, std::move(shape));
  std::bernoulli_distribution coin(probability);
  for (std::int64_t i = 0; i < tensor.num_elements(); ++i)
    tensor.mutable_data<bool>()[i] = coin(random);
  return tensor;
}

void expect_agrees(const Op& op, const std::vector<Tensor>& inputs, int outputs,
                   const std::vector<int>& constants, double tolerance, const std::string& what) {
  const PreparedOp oracle(reference_backend(), op, widen(inputs), outputs, constants);
  const std::vector<Tensor> expected = oracle.run();
  std::vector<Tensor> first;
  for (const int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    const PreparedOp ours(cpu_backend(), op, inputs, outputs, constants, threads);
    ASSERT_STRNE(ours.kernel().name(), "reference") << what;
    const std::vector<Tensor> results = ours.run(&pool);
    if (threads == 1) {
      for (std::size_t i = 0; i < results.size(); ++i) {
        EXPECT_LE(error_of(results[i], expected[i]), tolerance) << what << ", result " << i;
      }
      first = results;
    } else {
      EXPECT_TRUE(same_bits(first, results)) << what << ": " << threads << " threads differ from 1";
    }
  }
}

}  // namespace thaw::test
