// A run with known shapes allocates nothing: every allocation of the process is counted.
#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <functional>

#include "tests/exec/exec_test_util.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define THAW_COUNTS_ALLOCATIONS 0  // sanitizers have their own allocator
#else
#define THAW_COUNTS_ALLOCATIONS 1
#endif

namespace {
std::atomic<bool> counting{false};
std::atomic<int> allocations{0};
std::atomic<std::size_t> bytes_so_far{0};

[[maybe_unused]] void count(std::size_t bytes) {
  bytes_so_far.fetch_add(bytes, std::memory_order_relaxed);
  if (counting.load(std::memory_order_relaxed)) allocations.fetch_add(1);
}
}  // namespace

bool thaw::testing::counts_allocations() { return THAW_COUNTS_ALLOCATIONS != 0; }
std::size_t thaw::testing::allocated_bytes() { return bytes_so_far; }

#if THAW_COUNTS_ALLOCATIONS
// In place of the C library's; operator new calls malloc.
extern "C" {
void* __libc_malloc(std::size_t);                 // NOLINT
void* __libc_calloc(std::size_t, std::size_t);    // NOLINT
void* __libc_realloc(void*, std::size_t);         // NOLINT
void* __libc_memalign(std::size_t, std::size_t);  // NOLINT

__attribute__((visibility("default"))) void* malloc(std::size_t bytes) noexcept {
  count(bytes);
  return __libc_malloc(bytes);
}
__attribute__((visibility("default"))) void* calloc(std::size_t n, std::size_t bytes) noexcept {
  count(n * bytes);
  return __libc_calloc(n, bytes);
}
__attribute__((visibility("default"))) void* realloc(void* memory, std::size_t bytes) noexcept {
  count(bytes);
  return __libc_realloc(memory, bytes);
}
__attribute__((visibility("default"))) void* aligned_alloc(std::size_t alignment,
                                                           std::size_t bytes) noexcept {
  count(bytes);
  return __libc_memalign(alignment, bytes);
}
__attribute__((visibility("default"))) int posix_memalign(void** memory, std::size_t alignment,
                                                          std::size_t bytes) noexcept {
  count(bytes);
  *memory = __libc_memalign(alignment, bytes);
  return *memory == nullptr ? 12 : 0;  // ENOMEM
}
}
#endif

namespace thaw::testing {
namespace {

[[maybe_unused]] int allocations_of(const std::function<void()>& run) {
  allocations = 0;
  counting = true;
  run();
  counting = false;
  return allocations;
}

#if THAW_COUNTS_ALLOCATIONS
TEST(Allocations, AreCounted) {
  const auto keep = [](void* memory) {  // so that the compiler cannot leave the allocation out
    asm volatile("" : "+r"(memory) : : "memory");
    return memory;
  };
  EXPECT_EQ(allocations_of([&] { delete static_cast<int*>(keep(new int(1))); }), 1);
  EXPECT_EQ(allocations_of([&] { std::free(keep(std::malloc(10))); }), 1);
  EXPECT_GE(allocations_of([] { allocate_aligned(100); }), 1);
}

struct Case {
  const char* name;
  Graph graph;
  std::vector<Tensor> inputs;
};

std::vector<Case> cases() {
  Graph state;
  GraphBuilder g(state);
  const VariableId variable = g.variable("sum", floats({3}, {0, 0, 0}));
  const ValueId x = g.input("x", {DType::float32, {3}});
  const ValueId sum = g.binary(BinaryKind::add, g.add1(ops::VariableRead{variable}, {}), x);
  g.add(ops::VariableAssign{variable}, {sum}, 0);
  g.output("sum", sum);
  std::vector<Case> all;
  all.push_back({"mlp", mlp(), {random_floats({32, 4}, 1)}});
  all.push_back({"state", state, {random_floats({3}, 1)}});
  all.push_back({"random", random_graph(7, 60), random_inputs(7, 5)});
  all.push_back({"empty batch", random_graph(7, 60), random_inputs(7, 0)});
  return all;
}

void expect_none(const Backend& backend, int threads) {
  for (const Case& example : cases()) {
    Runner runner(program_of(example.graph, backend), {threads, 4});
    std::vector<Tensor> outputs;
    for (int warm = 0; warm < 2; ++warm) runner.run(example.inputs, outputs);
    ASSERT_TRUE(runner.stats().planned) << example.name;
    const int count = allocations_of([&] {
      for (int i = 0; i < 10; ++i) runner.run(example.inputs, outputs);
    });
    EXPECT_EQ(count, 0) << example.name << " on " << backend.name() << ", " << threads
                        << " threads";
  }
}

TEST(Allocations, NoneInASteadyRun) {
  expect_none(reference_backend(), 1);
  expect_none(cpu_backend(), 1);
}

TEST(Allocations, NoneWithWorkers) {
  expect_none(reference_backend(), 3);
  expect_none(cpu_backend(), 3);
}

TEST(Allocations, NoneWhenShapesSeenBeforeComeBack) {
  Runner runner(program_of(mlp()), {1, 4});
  const std::vector<Tensor> few = {random_floats({2, 4}, 1)}, many = {random_floats({9, 4}, 1)};
  std::vector<Tensor> few_out, many_out;
  runner.run(few, few_out);
  runner.run(many, many_out);
  const int count = allocations_of([&] {
    runner.run(few, few_out);
    runner.run(many, many_out);
  });
  EXPECT_EQ(count, 0);
}
#else
TEST(Allocations, NoneInASteadyRun) { GTEST_SKIP() << "the sanitizer owns the allocator"; }
#endif

}  // namespace
}  // namespace thaw::testing
