#include <algorithm>

#include "runtime/base/check.h"
#include "runtime/plan/plan.h"

namespace thaw {
namespace {

std::string describe(const Slot& slot) {
  const Place& place = slot.place;
  const std::string type = to_string(*slot.type);
  switch (place.home) {
    case Home::arena: return fmt::format("{} at {}", type, place.offset);
    case Home::constant: return fmt::format("{} constant", type);
    case Home::input: return fmt::format("{} input {}", type, place.index);
    case Home::output: return fmt::format("{} output {}", type, place.index);
    case Home::variable: return fmt::format("{} variable {}", type, place.index);
    case Home::device_arena: return fmt::format("{} device at {}", type, place.offset);
    case Home::device_constant: return fmt::format("{} device constant", type);
    case Home::none: break;
  }
  return type;
}

std::string describe(const std::vector<Slot>& slots) {
  std::string text;
  for (const Slot& slot : slots) {
    if (!text.empty()) text += ", ";
    text += describe(slot);
  }
  return text;
}

}  // namespace

std::string Plan::to_text() const {
  std::string text = fmt::format("{} steps\n", steps.size());
  if (device != nullptr) {
    const auto there = std::count_if(steps.begin(), steps.end(),
                                     [](const Step& step) { return step.on_device != nullptr; });
    text = fmt::format("{} steps, {} of them on {} ({})\n", steps.size(), there, device->name(),
                       device->device().name());
  }
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const Step& step = steps[i];
    const Node* node =
        step.node == kNoNode ? nullptr : &graph.nodes[static_cast<std::size_t>(step.node)];
    const bool inserted =
        node != nullptr && !copies.empty() && copies[static_cast<std::size_t>(step.node)];
    text += fmt::format("{:>5}  {}{} '{}' [{}]: {} -> {}", i,
                        step.on_device == nullptr ? "" : "device ",
                        node == nullptr ? "output"
                        : inserted      ? "copy"
                                        : name_of(node->op),
                        node == nullptr ? "" : printable(node->name), step.kernel->name(),
                        describe(step.in), describe(step.out));
    if (step.kernel->workspace() > 0) {
      text += fmt::format("; workspace {} at {}", step.kernel->workspace(), step.workspace_offset);
    }
    text += "\n";
  }
  text += memory_map(intervals, memory);
  if (device != nullptr) text += "device memory\n" + memory_map(device_intervals, device_memory);
  return text;
}

}  // namespace thaw
