// Runs a CUDA kernel on the host, every thread of it as a fiber with a stack of its own: a thread
// runs until it waits at a barrier, a shuffle or another thread's write, or has ended. The blocks
// of a cluster or of a cooperative grid are alive at once, others one after the other.
//
// Every launch runs three times, with the threads in ascending order, in descending order, and with
// some warps far ahead of others, and must write the same bytes each time. Besides, these are
// errors, thrown as thaw::Error(internal):
//   threads that wait for each other in different places, or for one that has ended;
//   two threads that reach the same byte of shared memory, one of them writing, with no barrier of
//     both in between (needs the memory accesses of hooks.cc);
//   shared memory read before it is written, beyond what the launch asked for, of a block outside
//     of the cluster or of one that has ended.
// Not seen: fences that are missing between blocks, since every write is seen by all at once.
// One launch at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

struct uint3 {
  unsigned x = 0, y = 0, z = 0;
};
struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};

// Of the thread that runs.
extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;

namespace simt {

struct Launch {
  unsigned blocks = 1, threads = 1;  // the latter of a block
  std::size_t shared_bytes = 0;      // of a block, dynamic
  unsigned cluster = 1;              // blocks
  bool cooperative = false;
  std::function<void()> kernel;  // what each thread does
};

void run(const Launch& launch);

// What a thread may do, besides computing.

enum class Wait : std::uint8_t { warp, shuffle, block, cluster, memory };
/// The lanes in `mask` are who meets at warp and shuffle. memory: until others had their turn.
void wait_at(Wait where, std::uint32_t mask = 0xffffffffu);
/// The value that lane (own lane xor `distance`) gives.
std::uint64_t shuffle_xor(std::uint32_t mask, std::uint64_t value, unsigned distance);
/// Something that a thread waiting for memory may wait for was written.
void note_progress();
/// Who comes first may decide what is written: the launch may depend on the order of its threads.
void note_first_come();

/// The same place in the shared memory of another block of the cluster.
std::byte* shared_of_rank(std::byte* own, unsigned rank);

/// What the compiler calls before every access to memory.
void access(const void* address, std::size_t bytes, bool write);

}  // namespace simt
