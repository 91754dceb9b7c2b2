#undef _FORTIFY_SOURCE  // its longjmp takes a step to another stack for an error
#include "tests/fakes/simt/simt.h"

#include <setjmp.h>
#include <ucontext.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "runtime/base/check.h"
#include "tests/fakes/simt/memory.h"

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

extern "C" char __data_start[], _end[];  // the linker's: variables of static life time

// Dynamic shared memory of the block that runs, by the names that kernels have for it.
namespace thaw::cuda {
extern std::byte shared[];
extern float team_shared[];
alignas(16) std::byte shared[232 * 1024] = {};
extern float team_shared[] __attribute__((alias("_ZN4thaw4cuda6sharedE")));
}  // namespace thaw::cuda

namespace simt {
namespace {

using thaw::ErrorCode;
using thaw::fail;
using thaw::cuda::shared;

constexpr std::size_t kStack = 64 * 1024;
constexpr std::size_t kShared = 232 * 1024;  // room for a block's dynamic shared memory
constexpr int kPatience = 64;                // rounds in which nobody goes on
constexpr std::uint64_t kStackEnd = 0x5afe57ac5afe57ac;

enum class Order { ascending, descending, mixed };
enum class State : std::uint8_t { ready, waiting, ended };

/// A thread. Fibers are kept, and run one kernel after the other.
struct Fiber {
  std::unique_ptr<std::byte[]> stack = std::make_unique_for_overwrite<std::byte[]>(kStack);
  ucontext_t start;
  jmp_buf stopped;
  bool started = false;
  State state = State::ready;
  Wait where = Wait::warp;
  std::uint32_t mask = 0;
  unsigned distance = 0;
  std::uint64_t value = 0;  // given to a shuffle, then taken from it
};

std::vector<unsigned> sequence(unsigned count, Order order, std::mt19937& random) {
  std::vector<unsigned> all(count);
  std::iota(all.begin(), all.end(), 0u);
  if (order == Order::descending) std::reverse(all.begin(), all.end());
  if (order == Order::mixed) std::shuffle(all.begin(), all.end(), random);
  return all;
}

/// Blocks that are alive at once. Their warps take turns, each going on for as long as it can.
class Wave {
 public:
  Wave(const Launch& launch, unsigned first_block, unsigned blocks, Order order,
       std::mt19937& random);
  void run();

  const Launch& launch() const { return launch_; }
  void access(std::uintptr_t place, std::size_t bytes, bool write);
  std::byte* shared_of(unsigned block) const;
  unsigned own_block() const { return running_ / launch_.threads; }
  std::uint64_t progress = 0;

 private:
  Fiber& fiber(unsigned thread) const { return *fibers_[thread]; }
  void run_warp(unsigned block, unsigned warp);
  void switch_to(unsigned thread);
  void resume(unsigned thread);
  std::uint32_t arrived(unsigned first, unsigned lanes, const Fiber& lead) const;
  void release_warp(unsigned first, unsigned lanes);
  void release_all(unsigned first, unsigned threads, Wait where, std::uint32_t& met);
  std::string stuck() const;
  void touch(Cell& cell, bool write) const;
  void check_neighbour(unsigned block) const;
  void access_shared(unsigned block, std::size_t at, std::size_t bytes, bool write);

  const Launch& launch_;
  const unsigned first_block_, blocks_, threads_, warps_of_block_;
  const Order order_;
  std::mt19937& random_;
  const std::vector<unsigned> warps_;  // of all blocks, in their order
  const std::vector<unsigned> lanes_;
  const std::unique_ptr<Fiber>* fibers_ = nullptr;
  std::byte* others_ = nullptr;  // shared memory of the blocks that do not run at the moment
  unsigned running_ = 0, ended_ = 0;
  std::vector<Cell> cells_;                               // dynamic, per block
  std::unordered_map<std::uintptr_t, Cell> fixed_cells_;  // static, by address
  std::uint32_t now_ = 1, all_met_ = 1;                   // a clock of barriers
  std::vector<std::uint32_t> warp_met_, block_met_;       // the former by first thread
  Turn turn_;
};

// The hooks look at these before anything is constructed.
Wave* wave = nullptr;
Fiber* current = nullptr;
bool in_hook = false;
Writes* writes = nullptr;
jmp_buf scheduler;

struct Machine {
  std::vector<std::unique_ptr<Fiber>> fibers;
  std::unique_ptr<std::byte[]> shared;
  unsigned blocks = 0;  // that have room there
  std::string error;    // of the thread that ran last
};
Machine& machine() {
  static Machine one;
  return one;
}

/// Back to the scheduler; returns when it is the thread's turn again.
void stop() {
  if (_setjmp(current->stopped) == 0) _longjmp(scheduler, 1);
}

/// From a thread: it does not return.
void raise(std::string message) {
  machine().error = std::move(message);
  _longjmp(scheduler, 1);
}

void live() {
  for (;;) {
    wave->launch().kernel();
    current->state = State::ended;
    stop();
  }
}

std::unique_ptr<Fiber> make_fiber() {
  auto fiber = std::make_unique<Fiber>();
  std::memcpy(fiber->stack.get(), &kStackEnd, sizeof kStackEnd);
  getcontext(&fiber->start);
  fiber->start.uc_stack.ss_sp = fiber->stack.get();
  fiber->start.uc_stack.ss_size = kStack;
  fiber->start.uc_link = nullptr;
  makecontext(&fiber->start, live, 0);
  return fiber;
}

Wave::Wave(const Launch& launch, unsigned first_block, unsigned blocks, Order order,
           std::mt19937& random)
    : launch_(launch),
      first_block_(first_block),
      blocks_(blocks),
      threads_(blocks * launch.threads),
      warps_of_block_((launch.threads + kWarp - 1) / kWarp),
      order_(order),
      random_(random),
      warps_(sequence(blocks * warps_of_block_, order, random)),
      lanes_(sequence(kWarp, order, random)) {
  Machine& m = machine();
  while (m.fibers.size() < threads_) m.fibers.push_back(make_fiber());
  fibers_ = m.fibers.data();
  for (unsigned i = 0; i < threads_; ++i) fiber(i).state = State::ready;
  if (m.blocks < blocks) {
    m.shared = std::make_unique_for_overwrite<std::byte[]>(blocks * kShared);
    m.blocks = blocks;
  }
  others_ = m.shared.get();
  for (unsigned b = 0; b < blocks; ++b) std::memset(shared_of(b), 0xff, launch.shared_bytes);
  cells_.resize(blocks * launch.shared_bytes);
  warp_met_.resize(threads_);
  block_met_.resize(blocks);
}

/// Where the block's dynamic shared memory lies at the moment.
std::byte* Wave::shared_of(unsigned block) const {
  return block == own_block() ? shared : others_ + block * kShared;
}

void Wave::switch_to(unsigned thread) {
  const unsigned block = thread / launch_.threads, in_block = thread % launch_.threads;
  if (block != own_block()) {
    std::memcpy(others_ + own_block() * kShared, shared, launch_.shared_bytes);
    std::memcpy(shared, others_ + block * kShared, launch_.shared_bytes);
  }
  running_ = thread;
  turn_ = {Id::of(block, in_block), now_, all_met_, block_met_[block],
           warp_met_[thread - in_block % kWarp]};
  threadIdx = {in_block, 0, 0};
  blockIdx = {first_block_ + block, 0, 0};
}

void Wave::run() {
  wave = this;
  for (int idle = 0; ended_ < threads_;) {
    const std::uint64_t before = progress;
    for (const unsigned warp : warps_) {
      // Some get far ahead of others.
      if (order_ == Order::mixed && random_() % 4 != 0) continue;
      const unsigned block = warp / warps_of_block_, first = block * launch_.threads;
      run_warp(block, warp % warps_of_block_);
      release_all(first, launch_.threads, Wait::block, block_met_[block]);
    }
    release_all(0, threads_, Wait::cluster, all_met_);
    idle = progress == before ? idle + 1 : 0;
    if (idle == kPatience) fail(ErrorCode::internal, "{}", stuck());
  }
  wave = nullptr;
}

void Wave::run_warp(unsigned block, unsigned warp) {
  const unsigned first = block * launch_.threads + warp * kWarp;
  const unsigned lanes = std::min(kWarp, launch_.threads - warp * kWarp);
  for (std::uint64_t before = progress - 1; before != progress;) {
    before = progress;
    for (const unsigned lane : lanes_) {
      if (lane >= lanes) continue;
      const Fiber& f = fiber(first + lane);
      const bool polls = f.state == State::waiting && f.where == Wait::memory;
      if (f.state == State::ready || polls) resume(first + lane);
    }
    release_warp(first, lanes);
  }
}

void Wave::resume(unsigned thread) {
  Fiber& f = fiber(thread);
  const bool polls = f.state == State::waiting;
  f.state = State::ready;
  switch_to(thread);
  current = &f;
  if (_setjmp(scheduler) == 0) {
    if (f.started) _longjmp(f.stopped, 1);
    f.started = true;
    setcontext(&f.start);
  }
  current = nullptr;
  in_hook = false;
  if (std::string& error = machine().error; !error.empty()) {
    fail(ErrorCode::internal, "block {}, thread {}: {}", blockIdx.x, threadIdx.x,
         std::exchange(error, {}));
  }
  if (std::memcmp(f.stack.get(), &kStackEnd, sizeof kStackEnd) != 0) {
    fail(ErrorCode::internal, "a thread needs more than {} bytes of stack", kStack);
  }
  if (f.state == State::ended) ++ended_;
  const bool still = polls && f.state == State::waiting && f.where == Wait::memory;
  if (!still) ++progress;
}

/// The lanes that `lead` waits for, if they have all come to the same operation; else none.
std::uint32_t Wave::arrived(unsigned first, unsigned lanes, const Fiber& lead) const {
  if (lead.where != Wait::warp && lead.where != Wait::shuffle) return 0;
  for (unsigned lane = 0; lane < kWarp; ++lane) {
    if ((lead.mask >> lane & 1) == 0) continue;
    if (lane >= lanes) return 0;
    const Fiber& f = fiber(first + lane);
    const bool same = f.where == lead.where && f.mask == lead.mask;
    if (f.state != State::waiting || !same) return 0;
  }
  return lead.mask;
}

void Wave::release_warp(unsigned first, unsigned lanes) {
  for (unsigned lane = 0; lane < lanes; ++lane) {
    const Fiber& lead = fiber(first + lane);
    if (lead.state != State::waiting) continue;
    const std::uint32_t mask = arrived(first, lanes, lead);
    if (mask == 0) continue;
    std::array<std::uint64_t, kWarp> given{};
    for (unsigned i = 0; i < lanes; ++i) given[i] = fiber(first + i).value;
    const bool shuffles = lead.where == Wait::shuffle;
    for (unsigned i = 0; i < lanes; ++i) {
      if ((mask >> i & 1) == 0) continue;
      Fiber& f = fiber(first + i);
      f.state = State::ready;
      if (!shuffles) continue;
      const unsigned from = i ^ f.distance;
      if (from >= kWarp || (mask >> from & 1) == 0) {
        fail(ErrorCode::internal, "lane {} shuffles with lane {}, which takes no part", i, from);
      }
      f.value = given[from];
    }
    if (!shuffles) warp_met_[first] = ++now_;
    ++progress;
  }
}

/// A barrier of all these threads.
void Wave::release_all(unsigned first, unsigned threads, Wait where, std::uint32_t& met) {
  for (unsigned i = first; i < first + threads; ++i) {
    if (fiber(i).state != State::waiting || fiber(i).where != where) return;
  }
  for (unsigned i = first; i < first + threads; ++i) fiber(i).state = State::ready;
  met = ++now_;
  ++progress;
}

/// Where the threads of a block are that never go on.
std::string Wave::stuck() const {
  static constexpr const char* kPlaces[] = {"at __syncwarp", "at a shuffle", "at __syncthreads",
                                            "at the cluster's barrier", "for memory"};
  for (unsigned block = 0; block < blocks_; ++block) {
    std::array<unsigned, std::size(kPlaces)> waiting{};
    unsigned ended = 0;
    for (unsigned i = 0; i < launch_.threads; ++i) {
      const Fiber& f = fiber(block * launch_.threads + i);
      if (f.state == State::ended) ++ended;
      if (f.state == State::waiting) ++waiting[static_cast<std::size_t>(f.where)];
    }
    if (ended == launch_.threads) continue;
    std::string text = fmt::format("block {} never goes on:", first_block_ + block);
    for (std::size_t i = 0; i < waiting.size(); ++i) {
      if (waiting[i] > 0) text += fmt::format(" {} threads wait {},", waiting[i], kPlaces[i]);
    }
    return text + fmt::format(" {} have ended", ended);
  }
  return "nothing goes on";
}

void Wave::touch(Cell& cell, bool write) const {
  if (std::string wrong = turn_.touch(cell, write); !wrong.empty()) raise(std::move(wrong));
}

void Wave::access_shared(unsigned block, std::size_t at, std::size_t bytes, bool write) {
  if (at + bytes > launch_.shared_bytes) {
    raise(fmt::format("reaches byte {} of {} bytes of shared memory", at + bytes - 1,
                      launch_.shared_bytes));
  }
  for (std::size_t i = at; i < at + bytes; ++i) {
    Cell& cell = cells_[block * launch_.shared_bytes + i];
    if (!write && cell.written.time == 0) raise("reads shared memory that nobody wrote");
    touch(cell, write);
  }
}

void Wave::access(std::uintptr_t place, std::size_t bytes, bool write) {
  if (place - reinterpret_cast<std::uintptr_t>(current->stack.get()) < kStack) return;
  const auto start = [](const void* address) { return reinterpret_cast<std::uintptr_t>(address); };
  const std::uintptr_t own = place - start(shared), data = start(__data_start);
  const std::uintptr_t others = place - start(others_);
  if (own < kShared) {
    access_shared(own_block(), own, bytes, write);
  } else if (others < blocks_ * kShared) {
    const auto block = static_cast<unsigned>(others / kShared);
    check_neighbour(block);
    access_shared(block, others % kShared, bytes, write);
  } else if (place - data < start(_end) - data) {
    if (write && blocks_ > 1) raise("static shared memory is of one block at a time here");
    for (std::size_t i = 0; i < bytes; ++i) touch(fixed_cells_[place + i], write);
  } else if (write) {
    writes->note(place, bytes);
  }
}

/// The shared memory of a block can be reached while it is there.
void Wave::check_neighbour(unsigned block) const {
  if (launch_.cluster == 1) raise("reaches shared memory of a block outside of its cluster");
  for (unsigned i = 0; i < launch_.threads; ++i) {
    if (fiber(block * launch_.threads + i).state != State::ended) return;
  }
  raise("reaches shared memory of a block that has ended");
}

void run_once(const Launch& launch, Order order) {
  std::mt19937 random(1);
  const unsigned together = launch.cooperative ? launch.blocks : launch.cluster;
  for (const unsigned i : sequence(launch.blocks / together, order, random)) {
    Wave(launch, i * together, together, order, random).run();
  }
}

}  // namespace

void run(const Launch& launch) {
  Writes written;
  writes = &written;
  blockDim = dim3(launch.threads);
  gridDim = dim3(launch.blocks);
  try {
    for (const Order order : {Order::ascending, Order::descending, Order::mixed}) {
      written.undo();
      run_once(launch, order);
      written.compare();
    }
  } catch (...) {
    machine().fibers.clear();  // they stand in the middle of the kernel
    wave = nullptr;
    throw;
  }
}

void wait_at(Wait where, std::uint32_t mask) {
  current->state = State::waiting;
  current->where = where;
  current->mask = mask;
  stop();
}

std::uint64_t shuffle_xor(std::uint32_t mask, std::uint64_t value, unsigned distance) {
  current->value = value;
  current->distance = distance;
  wait_at(Wait::shuffle, mask);
  return current->value;
}

void note_progress() { ++wave->progress; }
void note_first_come() { writes->first_come = true; }

std::byte* shared_of_rank(std::byte* own, unsigned rank) {
  const unsigned first = wave->own_block() / wave->launch().cluster * wave->launch().cluster;
  return wave->shared_of(first + rank) + (own - thaw::cuda::shared);
}

void access(const void* address, std::size_t bytes, bool write) {
  if (current == nullptr || in_hook) return;
  in_hook = true;  // containers in here may be instrumented, too
  wave->access(reinterpret_cast<std::uintptr_t>(address), bytes, write);
  in_hook = false;
}

}  // namespace simt
