// One session's side of a plan's device: its stream, its memory, and the recordings of its steps.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "runtime/plan/plan.h"

namespace thaw {

/// Runs the steps of a plan with a device: neighbouring device steps are one segment, enqueued on
/// the first run, recorded on the second and replayed from then on. Host steps wait for the
/// segments before them. Steps that touch the caller's memory are segments of their own, which are
/// never recorded: it lies elsewhere in the next run. One thread at a time.
class DeviceRun {
 public:
  explicit DeviceRun(std::shared_ptr<const Plan> plan);

  /// Bytes that bind() needs.
  std::size_t memory_bytes() const { return kFaultBytes + plan_->device_memory.arena_bytes; }
  /// Device memory of the session, for several plans in turn. Recordings are made anew.
  void bind(std::shared_ptr<std::byte> memory);
  void forget_recordings();
  std::byte* arena() const { return memory_.get() + kFaultBytes; }

  /// Runs steps [first, end) with these arguments. Throws Error naming the node.
  void run(std::span<const Args> args, std::size_t first, std::size_t end, bool may_record);
  /// Enqueues all steps behind what `stream`, of the device's runtime, holds now; what comes into
  /// it later follows them. Waits only where a host step needs it.
  void start(std::span<const Args> args, void* stream);
  /// Waits for everything started. Throws Error naming the node, or the nodes that ran when the
  /// device failed.
  void finish();
  /// The elements of device memory.
  void read(void* host, const void* device, std::size_t bytes) const;

 private:
  // Before the arena, in the same place for every plan that uses the memory; aligned as that is.
  static constexpr std::size_t kFaultBytes = 256;
  static_assert(sizeof(Fault) <= kFaultBytes);

  // Steps [first, end), all on the host or all on the device.
  struct Segment {
    std::size_t first = 0, end = 0;
    bool on_device = false, may_fault = false, at_door = false;
    int runs = 0;
    std::unique_ptr<Recording> recording;
  };

  void enqueue(const Segment& segment, std::span<const Args> args, std::size_t first,
               std::size_t end);
  void add(const Transfer& transfer, std::size_t step);
  void put_transfers();
  void put(Segment& segment, std::span<const Args> args, std::size_t first, std::size_t end,
           bool may_record);
  void run_on_host(std::span<const Args> args, std::size_t first, std::size_t end) const;
  void check_fault();
  void abandon_recording();
  Fault* device_fault() const { return reinterpret_cast<Fault*>(memory_.get()); }

  std::shared_ptr<const Plan> plan_;
  std::shared_ptr<std::byte> memory_;
  std::shared_ptr<std::byte> fault_;  // where the host reads it
  std::vector<Segment> segments_;
  std::vector<Transfer> transfers_;  // not yet in the stream, while steps are enqueued
  std::size_t transfers_step_ = 0;   // of the first
  bool in_flight_ = false;           // something was put behind the last wait
  std::size_t flight_first_ = 0, flight_end_ = 0;  // the steps that it came from
  bool may_have_fault_ = false;                    // and it may have written one
  std::unique_ptr<Stream> stream_;                 // last: it waits before memory goes
};

/// `error` with the node of `step` in front of its message.
Error at_step(const Plan& plan, std::size_t step, const Error& error);

}  // namespace thaw
