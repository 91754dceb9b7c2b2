#include "runtime/exec/bound_plan.h"

#include "runtime/base/check.h"

namespace thaw {
BoundPlan::BoundPlan(std::shared_ptr<const Plan> plan, ThreadPool& pool) : plan_(std::move(plan)) {
  std::size_t views = 0;
  for (const Step& step : plan_->steps) views += step.in.size() + step.out.size();
  views_.reserve(views);  // args_ points into it
  for (const Step& step : plan_->steps) {
    const std::size_t first = views_.size();
    for (const Slot& slot : step.in) add(slot);
    for (const Slot& slot : step.out) add(slot);
    const View* in = views_.data() + first;
    args_.push_back({{in, step.in.size()}, {in + step.in.size(), step.out.size()}, nullptr, &pool});
  }
}

void BoundPlan::add(const Slot& slot) {
  const std::size_t view = views_.size();
  const std::size_t index = at(slot.place.index);
  void* data = nullptr;
  switch (slot.place.home) {
    case Home::arena: arena_sites_.push_back({view, slot.place.offset}); break;
    case Home::input: input_sites_.push_back({view, index}); break;
    case Home::output: output_sites_.push_back({view, index}); break;
    case Home::variable: variable_sites_.push_back({view, index}); break;
    case Home::constant: data = const_cast<void*>(slot.place.constant->data()); break;
    case Home::none: fail(ErrorCode::internal, "a value of the plan has no place");
  }
  views_.push_back({data, slot.type});
}

void BoundPlan::bind_arena(std::byte* arena) {
  arena_ = arena;
  for (const Site& site : arena_sites_) views_[site.view].data = arena + site.index;
  for (std::size_t i = 0; i < args_.size(); ++i) {
    args_[i].workspace = arena + plan_->steps[i].workspace_offset;
  }
}

void BoundPlan::bind(std::span<const Tensor> inputs, std::span<Tensor> outputs,
                     std::span<Tensor> variables) {
  for (const Site& site : input_sites_) {
    views_[site.view].data = const_cast<void*>(inputs[site.index].data());
  }
  for (const Site& site : output_sites_)
    views_[site.view].data = outputs[site.index].mutable_data();
  for (const Site& site : variable_sites_) {
    views_[site.view].data = variables[site.index].mutable_data();
  }
}

void BoundPlan::run_steps(std::size_t first, std::size_t end) const {
  std::size_t i = first;
  try {
    for (; i < end; ++i) plan_->steps[i].kernel->run(args_[i]);
  } catch (const Error& error) {
    const NodeId id = plan_->steps[i].node;
    if (id == kNoNode) throw;
    const Node& node = plan_->graph.nodes[at(id)];
    throw Error(error.code(), fmt::format("node '{}' ({}): {}", printable(node.name),
                                          name_of(node.op), error.what()));
  }
}

void BoundPlan::run(std::span<const Tensor> inputs, std::span<Tensor> outputs,
                    std::span<Tensor> variables) {
  bind(inputs, outputs, variables);
  run_steps(0, args_.size());
}

void* BoundPlan::address(const Place& place, std::span<const Tensor> inputs,
                         std::span<Tensor> outputs, std::span<Tensor> variables) const {
  switch (place.home) {
    case Home::arena: return arena_ + place.offset;
    case Home::constant: return const_cast<void*>(place.constant->data());
    case Home::input: return const_cast<void*>(inputs[at(place.index)].data());
    case Home::output: return outputs[at(place.index)].mutable_data();
    case Home::variable: return variables[at(place.index)].mutable_data();
    case Home::none: break;
  }
  fail(ErrorCode::internal, "a value of the plan has no place");
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
    if (std::holds_alternative<ops::Input>(node.op) ||
        std::holds_alternative<ops::Constant>(node.op)) {
      continue;
    }
    for (ValueId output : node.outputs) {
      const Value& value = graph.values[at(output)];
      const void* data = address(plan_->places[at(output)], inputs, outputs, variables);
      visit(value.name, Tensor::borrow(value.type.dtype, value.type.shape, data, nullptr).clone());
    }
  }
  run_steps(step, plan_->steps.size());
}

}  // namespace thaw
