#include "runtime/exec/device_run.h"

#include <algorithm>

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
    default: return fmt::format("fault {} of a kernel", fault.kind);
  }
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
      fault_offset_(align_up(plan_->device_memory.arena_bytes)),
      fault_(plan_->device->device().allocate(sizeof(Fault), MemoryKind::pinned)),
      stream_(plan_->device->device().make_stream()) {
  for (std::size_t i = 0; i < plan_->steps.size(); ++i) {
    const DeviceKernel* kernel = plan_->steps[i].on_device;
    const bool on_device = kernel != nullptr;
    if (segments_.empty() || segments_.back().on_device != on_device) {
      segments_.emplace_back();
      segments_.back().first = i;
      segments_.back().on_device = on_device;
    }
    segments_.back().end = i + 1;
    segments_.back().may_fault |= on_device && kernel->may_fault();
  }
}

void DeviceRun::bind(std::shared_ptr<std::byte> memory) {
  stream_->wait();
  memory_ = std::move(memory);
  forget_recordings();
}

void DeviceRun::forget_recordings() {
  for (Segment& segment : segments_) segment.recording.reset();
}

void DeviceRun::enqueue(const Segment& segment, std::span<const Args> args, std::size_t first,
                        std::size_t end) const {
  if (segment.may_fault) stream_->fill_zero(device_fault(), sizeof(Fault));
  for (std::size_t i = first; i < end; ++i) {
    try {
      plan_->steps[i].on_device->enqueue(args[i],
                                         {*stream_, device_fault(), static_cast<std::int32_t>(i)});
    } catch (const Error& error) {
      throw at_step(*plan_, i, error);
    }
  }
  if (segment.may_fault) stream_->copy_to_host(fault_.get(), device_fault(), sizeof(Fault));
}

void DeviceRun::check_fault() const {
  const Fault& fault = *reinterpret_cast<const Fault*>(fault_.get());
  if (fault.kind == Fault::none) return;
  const Error error(ErrorCode::invalid_argument, describe(fault));
  const auto step = static_cast<std::size_t>(fault.step);
  THAW_CHECK(step < plan_->steps.size(), "a fault of step {}", fault.step);
  throw at_step(*plan_, step, error);
}

// The first run is not recorded: it may load code, which a recording must not.
void DeviceRun::run_on_device(Segment& segment, std::span<const Args> args, std::size_t first,
                              std::size_t end, bool may_record) {
  const bool whole = may_record && first == segment.first && end == segment.end;
  if (!whole || segment.runs == 0) {
    enqueue(segment, args, first, end);
  } else {
    if (segment.recording == nullptr) {
      stream_->begin_recording();
      try {
        enqueue(segment, args, first, end);
      } catch (const Error&) {
        stream_->end_recording();
        throw;
      }
      segment.recording = stream_->end_recording();
    }
    stream_->launch(*segment.recording);
  }
  stream_->wait();
  segment.runs += whole ? 1 : 0;
  if (segment.may_fault) check_fault();
}

void DeviceRun::run(std::span<const Args> args, std::size_t first, std::size_t end,
                    bool may_record) {
  for (Segment& segment : segments_) {
    const std::size_t from = std::max(first, segment.first), to = std::min(end, segment.end);
    if (from >= to) continue;
    if (segment.on_device) {
      run_on_device(segment, args, from, to, may_record);
      continue;
    }
    for (std::size_t i = from; i < to; ++i) {
      try {
        plan_->steps[i].kernel->run(args[i]);
      } catch (const Error& error) {
        throw at_step(*plan_, i, error);
      }
    }
  }
}

void DeviceRun::read(void* host, const void* device, std::size_t bytes) const {
  if (bytes == 0) return;
  stream_->copy_to_host(host, device, bytes);
  stream_->wait();
}

}  // namespace thaw
