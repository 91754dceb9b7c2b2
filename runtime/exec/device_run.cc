#include "runtime/exec/device_run.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "runtime/base/check.h"
#include "runtime/base/memory.h"

namespace thaw {
namespace {

std::string describe(const Fault& fault) {
  switch (fault.kind) {
    case Fault::index_out_of_range:
      return fmt::format("indices[{}] = {} is not in [0, {})", fault.position, fault.found,
                         fault.limit);
    case Fault::length_out_of_range:
      return fmt::format("lengths[{}] = {} is not in [0, {}]", fault.position, fault.found,
                         fault.limit);
    case Fault::division_by_zero: return "integer division by zero";
    case Fault::negative_power: return fmt::format("integer to the negative power {}", fault.found);
    default: return fmt::format("fault {} of a kernel", fault.kind);
  }
}

bool bytes_overlap(const void* a, std::size_t a_bytes, const void* b, std::size_t b_bytes) {
  const auto first = reinterpret_cast<std::uintptr_t>(a);
  const auto second = reinterpret_cast<std::uintptr_t>(b);
  return first < second + b_bytes && second < first + a_bytes;
}

bool touches_caller(const Step& step) {
  const auto given = [](const Slot& slot) {
    return slot.place.home == Home::input || slot.place.home == Home::output;
  };
  return std::any_of(step.in.begin(), step.in.end(), given) ||
         std::any_of(step.out.begin(), step.out.end(), given);
}

// A device says that it failed, but not at what.
Error among_steps(const Plan& plan, std::size_t first, std::size_t end, const Error& error) {
  std::vector<const Node*> nodes;
  for (std::size_t i = first; i < end; ++i) {
    const Step& step = plan.steps[i];
    if (step.on_device != nullptr && step.node != kNoNode) {
      nodes.push_back(&plan.graph.nodes[at(step.node)]);
    }
  }
  if (nodes.empty()) return error;
  const auto describe_node = [](const Node& node) {
    return fmt::format("'{}' ({})", printable(node.name), name_of(node.op));
  };
  std::string where = "node " + describe_node(*nodes.front());
  if (nodes.size() > 1) {
    where = fmt::format("one of {} nodes, {} to {}", nodes.size(), describe_node(*nodes.front()),
                        describe_node(*nodes.back()));
  }
  return Error(error.code(), where + ": " + error.what());
}

}  // namespace

Error at_step(const Plan& plan, std::size_t step, const Error& error) {
  const NodeId id = plan.steps[step].node;
  if (id == kNoNode) return error;
  const Node& node = plan.graph.nodes[at(id)];
  return Error(error.code(), fmt::format("node '{}' ({}): {}", printable(node.name),
                                         name_of(node.op), error.what()));
}

DeviceRun::DeviceRun(std::shared_ptr<const Plan> plan)
    : plan_(std::move(plan)),
      fault_(plan_->device->device().allocate(sizeof(Fault), MemoryKind::pinned)),
      stream_(plan_->device->device().make_stream()) {
  new (fault_.get()) Fault;
  for (std::size_t i = 0; i < plan_->steps.size(); ++i) {
    const Step& step = plan_->steps[i];
    const bool on_device = step.on_device != nullptr;
    const bool at_door = on_device && touches_caller(step);
    if (segments_.empty() || segments_.back().on_device != on_device ||
        segments_.back().at_door != at_door) {
      segments_.emplace_back();
      segments_.back().first = i;
      segments_.back().on_device = on_device;
      segments_.back().at_door = at_door;
    }
    segments_.back().end = i + 1;
    segments_.back().may_fault |= on_device && step.on_device->may_fault();
  }
  transfers_.reserve(plan_->steps.size() + 1);  // runs allocate nothing
}

void DeviceRun::bind(std::shared_ptr<std::byte> memory) {
  stream_->wait();
  memory_ = std::move(memory);
  stream_->fill_zero(device_fault(), sizeof(Fault));
  stream_->wait();
  forget_recordings();
}

void DeviceRun::forget_recordings() {
  for (Segment& segment : segments_) segment.recording.reset();
}

// Neighbouring copies between the memories go together, with that of the fault.
void DeviceRun::enqueue(const Segment& segment, std::span<const Args> args, std::size_t first,
                        std::size_t end) {
  transfers_.clear();  // of a call that has thrown
  for (std::size_t i = first; i < end; ++i) {
    const DeviceKernel& kernel = *plan_->steps[i].on_device;
    if (const std::optional<Transfer> transfer = kernel.transfer(args[i])) {
      add(*transfer, i);
      continue;
    }
    put_transfers();
    try {
      kernel.enqueue(args[i], {*stream_, device_fault(), static_cast<std::int32_t>(i)});
    } catch (const Error& error) {
      throw at_step(*plan_, i, error);
    }
  }
  if (segment.may_fault) add({fault_.get(), device_fault(), sizeof(Fault), false}, end - 1);
  put_transfers();
}

// A place may be read and then written by the next: those do not go together.
void DeviceRun::add(const Transfer& transfer, std::size_t step) {
  const bool conflicts =
      std::any_of(transfers_.begin(), transfers_.end(), [&](const Transfer& before) {
        return bytes_overlap(transfer.to, transfer.bytes, before.to, before.bytes) ||
               bytes_overlap(transfer.to, transfer.bytes, before.from, before.bytes) ||
               bytes_overlap(transfer.from, transfer.bytes, before.to, before.bytes);
      });
  if (conflicts) put_transfers();
  if (transfers_.empty()) transfers_step_ = step;
  transfers_.push_back(transfer);
}

void DeviceRun::put_transfers() {
  if (transfers_.empty()) return;
  try {
    stream_->transfer(transfers_);
  } catch (const Error& error) {
    throw at_step(*plan_, transfers_step_, error);
  }
  transfers_.clear();
}

// A fault stays in the device's memory until it has been thrown, so that of several runs in flight
// the first is told.
void DeviceRun::check_fault() {
  if (!std::exchange(may_have_fault_, false)) return;
  auto& seen = *reinterpret_cast<Fault*>(fault_.get());
  if (seen.kind == Fault::none) return;
  const Fault fault = std::exchange(seen, Fault{});
  stream_->fill_zero(device_fault(), sizeof(Fault));
  stream_->wait();
  const Error error(ErrorCode::invalid_argument, describe(fault));
  const auto step = static_cast<std::size_t>(fault.step);
  THAW_CHECK(step < plan_->steps.size(), "a fault of step {}", fault.step);
  throw at_step(*plan_, step, error);
}

// What stopped it is told, not what becomes of half a recording.
void DeviceRun::abandon_recording() {
  try {
    stream_->end_recording();
  } catch (const Error&) {
  }
}

// The first run is not recorded: it may load code, which a recording must not.
void DeviceRun::put(Segment& segment, std::span<const Args> args, std::size_t first,
                    std::size_t end, bool may_record) {
  const bool whole = may_record && !segment.at_door && first == segment.first && end == segment.end;
  flight_first_ = in_flight_ ? std::min(flight_first_, first) : first;
  flight_end_ = in_flight_ ? std::max(flight_end_, end) : end;
  in_flight_ = true;
  may_have_fault_ |= segment.may_fault;
  if (!whole || segment.runs == 0) {
    enqueue(segment, args, first, end);
  } else {
    if (segment.recording == nullptr) {
      stream_->begin_recording();
      try {
        enqueue(segment, args, first, end);
      } catch (const Error&) {
        abandon_recording();
        throw;
      }
      segment.recording = stream_->end_recording();
    }
    stream_->launch(*segment.recording);
  }
  segment.runs += whole ? 1 : 0;
}

void DeviceRun::run_on_host(std::span<const Args> args, std::size_t first, std::size_t end) const {
  for (std::size_t i = first; i < end; ++i) {
    try {
      plan_->steps[i].kernel->run(args[i]);
    } catch (const Error& error) {
      throw at_step(*plan_, i, error);
    }
  }
}

void DeviceRun::run(std::span<const Args> args, std::size_t first, std::size_t end,
                    bool may_record) {
  for (Segment& segment : segments_) {
    const std::size_t from = std::max(first, segment.first), to = std::min(end, segment.end);
    if (from >= to) continue;
    if (segment.on_device) {
      put(segment, args, from, to, may_record);
    } else {
      finish();
      run_on_host(args, from, to);
    }
  }
  finish();
}

void DeviceRun::start(std::span<const Args> args, void* stream) {
  stream_->follow(stream);
  for (Segment& segment : segments_) {
    if (segment.on_device) {
      put(segment, args, segment.first, segment.end, true);
    } else {
      finish();  // also of the run before: the step writes memory that it may still read
      run_on_host(args, segment.first, segment.end);
    }
  }
  stream_->precede(stream);
}

void DeviceRun::finish() {
  if (!std::exchange(in_flight_, false)) return;
  try {
    stream_->wait();
  } catch (const Error& error) {
    throw among_steps(*plan_, flight_first_, flight_end_, error);
  }
  check_fault();
}

void DeviceRun::read(void* host, const void* device, std::size_t bytes) const {
  if (bytes == 0) return;
  stream_->copy_to_host(host, device, bytes);
  stream_->wait();
}

}  // namespace thaw
