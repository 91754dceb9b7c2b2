#include "runtime/exec/bound_plan.h"

#include <cstring>

#include "runtime/base/check.h"
#include "runtime/base/stored.h"

namespace thaw {
namespace {

// A copy of a value that lies in rows with gaps between.
Tensor without_gaps(const TensorType& type, const std::byte* data, const Place& place) {
  Tensor tensor(type.dtype, type.shape);
  auto* to = static_cast<std::byte*>(tensor.mutable_data());
  const std::size_t row = static_cast<std::size_t>(place.columns) * size_of(type.dtype);
  const std::size_t pitch = static_cast<std::size_t>(place.pitch) * size_of(type.dtype);
  for (std::size_t i = 0; i < tensor.size_bytes() / row; ++i) {
    std::memcpy(to + i * row, data + i * pitch, row);
  }
  return tensor;
}

}  // namespace

BoundPlan::BoundPlan(std::shared_ptr<const Plan> plan, ThreadPool& pool) : plan_(std::move(plan)) {
  std::size_t views = 0;
  for (const Step& step : plan_->steps) views += step.in.size() + step.out.size();
  views_.reserve(views);  // args_ points into it
  for (const Step& step : plan_->steps) {
    const std::size_t first = views_.size();
    for (std::size_t i = 0; i < step.in.size(); ++i) add(step.in[i], step.kernel->use(i));
    for (const Slot& slot : step.out) add(slot, OperandUse::elements);
    const View* in = views_.data() + first;
    args_.push_back({{in, step.in.size()}, {in + step.in.size(), step.out.size()}, nullptr, &pool});
  }
  if (plan_->device != nullptr) device_ = std::make_unique<DeviceRun>(plan_);
}

// What the kernel does not read stays where it is.
const void* BoundPlan::constant_data(const Tensor& constant, OperandUse use) {
  const StoredElements* stored = constant.stored();
  if (stored == nullptr || use == OperandUse::elements) return constant.data();
  if (use == OperandUse::nothing) return nullptr;
  const void* bytes = stored->bytes();
  return bytes != nullptr ? bytes : constant.data();
}

void BoundPlan::add(const Slot& slot, OperandUse use) {
  const std::size_t view = views_.size();
  const Site site{view, at(slot.place.index), slot.place.offset};
  void* data = nullptr;
  switch (slot.place.home) {
    case Home::arena: arena_sites_.push_back(site); break;
    case Home::input: input_sites_.push_back(site); break;
    case Home::output: output_sites_.push_back(site); break;
    case Home::variable: variable_sites_.push_back(site); break;
    case Home::constant: data = const_cast<void*>(constant_data(*slot.place.constant, use)); break;
    case Home::device_arena: device_sites_.push_back(site); break;
    case Home::device_constant: data = const_cast<void*>(slot.place.uploaded); break;
    case Home::none: fail(ErrorCode::internal, "a value of the plan has no place");
  }
  views_.push_back({data, slot.type, slot.place.columns, slot.place.pitch});
}

void BoundPlan::bind_arena(std::byte* arena) {
  arena_ = arena;
  for (const Site& site : arena_sites_) views_[site.view].data = arena + site.offset;
  for (std::size_t i = 0; i < args_.size(); ++i) {
    const Step& step = plan_->steps[i];
    if (step.on_device == nullptr) args_[i].workspace = arena + step.workspace_offset;
  }
  if (device_ != nullptr) device_->forget_recordings();  // they copy to and from the arena
}

void BoundPlan::use_pool(ThreadPool& pool) {
  if (args_.empty() || args_.front().pool == &pool) return;
  for (Args& args : args_) args.pool = &pool;
}

void BoundPlan::bind_device(std::shared_ptr<std::byte> memory) {
  if (device_ == nullptr) return;
  device_->bind(std::move(memory));
  for (const Site& site : device_sites_) views_[site.view].data = device_->arena() + site.offset;
  for (std::size_t i = 0; i < args_.size(); ++i) {
    const Step& step = plan_->steps[i];
    if (step.on_device != nullptr) args_[i].workspace = device_->arena() + step.workspace_offset;
  }
}

void BoundPlan::bind(std::span<const Tensor> inputs, std::span<Tensor> outputs,
                     std::span<Tensor> variables) {
  for (const Site& site : input_sites_) {
    const auto* data = static_cast<const std::byte*>(inputs[site.index].data());
    views_[site.view].data = const_cast<std::byte*>(data) + site.offset;
  }
  for (const Site& site : output_sites_) {
    auto* data = static_cast<std::byte*>(outputs[site.index].mutable_data());
    views_[site.view].data = data + site.offset;
  }
  bind_variables(variables);
}

void BoundPlan::bind_variables(std::span<Tensor> variables) {
  for (const Site& site : variable_sites_) {
    views_[site.view].data = variables[site.index].mutable_data();
  }
}

void BoundPlan::start(std::span<const DeviceTensor> inputs, std::span<const DeviceTensor> outputs,
                      std::span<Tensor> variables, void* stream) {
  THAW_CHECK(device_ != nullptr, "a plan without a device");
  for (const Site& site : input_sites_) views_[site.view].data = inputs[site.index].data.get();
  for (const Site& site : output_sites_) views_[site.view].data = outputs[site.index].data.get();
  bind_variables(variables);
  device_->start(args_, stream);
}

void BoundPlan::finish() {
  if (device_ != nullptr) device_->finish();
}

void BoundPlan::run_steps(std::size_t first, std::size_t end) const {
  if (device_ != nullptr) {
    device_->run(args_, first, end, end - first == args_.size());
    return;
  }
  std::size_t i = first;
  try {
    for (; i < end; ++i) plan_->steps[i].kernel->run(args_[i]);
  } catch (const Error& error) {
    throw at_step(*plan_, i, error);
  }
}

void BoundPlan::run(std::span<const Tensor> inputs, std::span<Tensor> outputs,
                    std::span<Tensor> variables) {
  bind(inputs, outputs, variables);
  run_steps(0, args_.size());
}

void BoundPlan::profile(std::span<const Tensor> inputs, std::span<Tensor> outputs,
                        std::span<Tensor> variables, const LaunchVisit& visit) {
  bind(inputs, outputs, variables);
  std::vector<const TensorType*> types;
  types.reserve(views_.size());
  for (const View& view : views_) types.push_back(view.type);
  const std::span<const TensorType* const> all = types;  // in the order of the steps
  std::size_t first = 0;
  for (std::size_t i = 0; i < args_.size(); ++i) {
    const Step& step = plan_->steps[i];
    const std::int64_t begin = clock_nanoseconds();
    run_steps(i, i + 1);
    const std::int64_t end = clock_nanoseconds();
    const Node* node = step.node == kNoNode ? nullptr : &plan_->graph.nodes[at(step.node)];
    visit({node, step.kernel->name(), all.subspan(first, step.in.size()),
           all.subspan(first + step.in.size(), step.out.size()), begin, end});
    first += step.in.size() + step.out.size();
  }
}

const void* BoundPlan::address(const Place& place, std::span<const Tensor> inputs,
                               std::span<Tensor> outputs, std::span<Tensor> variables) const {
  switch (place.home) {
    case Home::arena: return arena_ + place.offset;
    case Home::device_arena: return device_->arena() + place.offset;
    case Home::constant:
    case Home::device_constant: return place.constant->data();
    case Home::input:
      return static_cast<const std::byte*>(inputs[at(place.index)].data()) + place.offset;
    case Home::output:
      return static_cast<const std::byte*>(outputs[at(place.index)].data()) + place.offset;
    case Home::variable: return variables[at(place.index)].data();
    case Home::none: break;
  }
  fail(ErrorCode::internal, "a value of the plan has no place");
}

Tensor BoundPlan::read(ValueId id, std::span<const Tensor> inputs, std::span<Tensor> outputs,
                       std::span<Tensor> variables) const {
  const TensorType& type = plan_->graph.values[at(id)].type;
  const Place& place = plan_->places[at(id)];
  const void* data = address(place, inputs, outputs, variables);
  if (place.pitch > 0) return without_gaps(type, static_cast<const std::byte*>(data), place);
  if (place.home != Home::device_arena) {
    return Tensor::borrow(type.dtype, type.shape, data, nullptr).clone();
  }
  Tensor tensor(type.dtype, type.shape);
  device_->read(tensor.mutable_data(), data, tensor.size_bytes());
  return tensor;
}

void BoundPlan::trace(std::span<const Tensor> inputs, std::span<Tensor> outputs,
                      std::span<Tensor> variables, const ValueVisit& visit) {
  bind(inputs, outputs, variables);
  const Graph& graph = plan_->graph;
  std::size_t step = 0;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    const std::size_t first = step;
    while (step < plan_->steps.size() && plan_->steps[step].node == static_cast<NodeId>(i)) ++step;
    run_steps(first, step);
    const bool inserted = !plan_->copies.empty() && plan_->copies[i];
    if (inserted || std::holds_alternative<ops::Input>(node.op) ||
        std::holds_alternative<ops::Constant>(node.op)) {
      continue;
    }
    for (ValueId output : node.outputs) {
      visit(graph.values[at(output)].name, read(output, inputs, outputs, variables));
    }
  }
  run_steps(step, plan_->steps.size());
}

}  // namespace thaw
