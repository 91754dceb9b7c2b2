#include <algorithm>

#include "runtime/base/check.h"
#include "runtime/plan/plan.h"

namespace thaw {
namespace {

std::string describe_place(const Place& place, const std::string& type, DType dtype) {
  const std::string part =
      place.offset == 0 ? "" : fmt::format(" from {}", place.offset / size_of(dtype));
  switch (place.home) {
    case Home::arena: return fmt::format("{} at {}", type, place.offset);
    case Home::constant: return fmt::format("{} constant", type);
    case Home::input: return fmt::format("{} input {}{}", type, place.index, part);
    case Home::output: return fmt::format("{} output {}{}", type, place.index, part);
    case Home::variable: return fmt::format("{} variable {}", type, place.index);
    case Home::device_arena: return fmt::format("{} device at {}", type, place.offset);
    case Home::device_constant: return fmt::format("{} device constant", type);
    case Home::none: break;
  }
  return type;
}

std::string describe(const TensorType& type, const Place& place) {
  std::string text = describe_place(place, to_string(type), type.dtype);
  if (place.pitch > 0) text += fmt::format(" ({} of each {})", place.columns, place.pitch);
  return text;
}

std::string describe(const std::vector<Slot>& slots) {
  std::string text;
  for (const Slot& slot : slots) {
    if (!text.empty()) text += ", ";
    text += describe(*slot.type, slot.place);
  }
  return text;
}

// A node without a step.
std::string describe_in_place(const Plan& plan, NodeId id) {
  const auto describe_values = [&](const std::vector<ValueId>& values) {
    std::string text;
    for (const ValueId value : values) {
      const auto index = static_cast<std::size_t>(value);
      if (!text.empty()) text += ", ";
      text += describe(plan.graph.values[index].type, plan.places[index]);
    }
    return text;
  };
  const Node& node = plan.graph.nodes[static_cast<std::size_t>(id)];
  return fmt::format("       {} '{}' [in place]: {} -> {}\n", name_of(node.op),
                     printable(node.name), describe_values(node.inputs),
                     describe_values(node.outputs));
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
  for (const NodeId id : in_place) text += describe_in_place(*this, id);
  text += memory_map(intervals, memory);
  if (device != nullptr) text += "device memory\n" + memory_map(device_intervals, device_memory);
  return text;
}

}  // namespace thaw
