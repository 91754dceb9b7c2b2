#include "runtime/plan/place.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "runtime/plan/lifetimes.h"

namespace thaw {
namespace {

// What only the host does, whatever kernels the device has.
bool stays_on_host(const Op& op) {
  return std::holds_alternative<ops::Input>(op) || std::holds_alternative<ops::Constant>(op) ||
         std::holds_alternative<ops::VariableRead>(op) || std::holds_alternative<ops::HostCall>(op);
}

// Where the memory of a value came from.
enum class Origin : std::uint8_t { plan, constant, caller };

class Placer {
 public:
  Placer(Graph& graph, const DeviceBackend& device, PackCache* packs, int threads, Door door)
      : graph_(graph), device_(device), packs_(packs), threads_(threads), door_(door) {}

  Placement run();

 private:
  struct Decision {
    bool on_device = false, launches = false;
    std::unique_ptr<DeviceKernel> kernel;
    bool gone = false;  // became part of a later node
  };

  // What a site refers to.
  struct Operands {
    std::vector<TensorType> in, out;
    std::vector<const Tensor*> constants;
  };

  Decision decide(const Node& node, const std::vector<bool>& on_device) const;
  Operands operands_of(const Node& node) const;
  std::unique_ptr<DeviceKernel> prepare(const Node& node) const;
  void pair_up(std::vector<Decision>& decisions);
  bool is_pair(std::size_t first, std::size_t second) const;
  void trace_origins();
  void add(Node node, Decision decision, bool copies);
  ValueId copy(ValueId value, bool to_device);
  bool is_view(const Node& node) const {
    return node.outputs.size() == 1 && roots_[at(node.outputs[0])] != node.outputs[0];
  }
  bool is_constant(ValueId value) const { return origins_[at(value)] == Origin::constant; }
  ValueId staged(ValueId value);
  ValueId on_side(ValueId value, bool device);
  bool reads(const Node& node, const Decision& decision, std::size_t operand) const;
  void bring_operands(Node& node, const Decision& decision);
  std::size_t inputs_first();
  std::vector<ValueId> inputs_of_device(std::vector<Decision>& decisions) const;
  void bring_inputs(const std::vector<ValueId>& inputs);
  void bring_view(Node& node);

  Graph& graph_;
  const DeviceBackend& device_;
  PackCache* packs_;
  int threads_;
  Door door_;
  Placement placement_;
  std::vector<Node> nodes_;     // of the graph as it will be
  std::vector<ValueId> roots_;  // per value, as everything below
  std::vector<Origin> origins_;
  std::vector<ValueId> other_side_;  // its copy, or -1
  std::vector<ValueId> staged_;      // its copy on its own side, or -1
};

Placer::Operands Placer::operands_of(const Node& node) const {
  Operands operands;
  for (ValueId input : node.inputs) {
    operands.in.push_back(graph_.values[at(input)].type);
    operands.constants.push_back(constant_of(graph_, input));
  }
  for (ValueId output : node.outputs) operands.out.push_back(graph_.values[at(output)].type);
  return operands;
}

std::unique_ptr<DeviceKernel> Placer::prepare(const Node& node) const {
  const Operands o = operands_of(node);
  return device_.prepare({node.op, o.in, o.out, o.constants, packs_, threads_});
}

// Both read the same, and what the first gives is not used before the second has run.
bool Placer::is_pair(std::size_t first, std::size_t second) const {
  const Node &a = graph_.nodes[first], &b = graph_.nodes[second];
  if (roots_[at(a.inputs[0])] != roots_[at(b.inputs[0])]) return false;
  for (std::size_t i = first + 1; i <= second; ++i) {
    for (ValueId input : graph_.nodes[i].inputs) {
      const ValueId root = roots_[at(input)];
      if (std::find(a.outputs.begin(), a.outputs.end(), root) != a.outputs.end()) return false;
    }
  }
  return true;
}

void Placer::pair_up(std::vector<Decision>& decisions) {
  std::vector<std::size_t> alone;
  for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
    if (!std::holds_alternative<ops::Rnn>(graph_.nodes[i].op) || !decisions[i].on_device) continue;
    const auto partner = std::find_if(alone.begin(), alone.end(),
                                      [&](std::size_t first) { return is_pair(first, i); });
    if (partner == alone.end()) {
      alone.push_back(i);
      continue;
    }
    Node &first = graph_.nodes[*partner], &second = graph_.nodes[i];
    const Operands a = operands_of(first), b = operands_of(second);
    auto kernel = device_.prepare_pair({first.op, a.in, a.out, a.constants, packs_, threads_},
                                       {second.op, b.in, b.out, b.constants, packs_, threads_});
    if (kernel == nullptr) {
      alone.push_back(i);
      continue;
    }
    first.inputs.insert(first.inputs.end(), second.inputs.begin(), second.inputs.end());
    first.outputs.insert(first.outputs.end(), second.outputs.begin(), second.outputs.end());
    std::swap(first, second);
    decisions[i].kernel = std::move(kernel);
    decisions[*partner].gone = true;
    alone.erase(partner);
  }
}

Placer::Decision Placer::decide(const Node& node, const std::vector<bool>& on_device) const {
  if (is_view(node)) return {on_device[at(node.inputs[0])], false, nullptr, false};
  if (door_ == Door::device && std::holds_alternative<ops::Input>(node.op)) {
    return {true, false, nullptr, false};
  }
  if (std::holds_alternative<ops::Assert>(node.op) ||
      std::holds_alternative<ops::VariableAssign>(node.op)) {
    return {false, true, nullptr, false};
  }
  const bool empty = std::all_of(node.outputs.begin(), node.outputs.end(), [&](ValueId output) {
    return graph_.values[at(output)].type.shape.num_elements() == 0;
  });
  if (empty || stays_on_host(node.op)) return {false, !empty, nullptr, false};
  std::unique_ptr<DeviceKernel> kernel = prepare(node);
  return {kernel != nullptr, true, std::move(kernel), false};
}

void Placer::trace_origins() {
  roots_ = view_roots(graph_);
  for (const ValueId root : roots_) {
    const Op& op = graph_.nodes[at(graph_.values[at(root)].producer)].op;
    const bool caller =
        std::holds_alternative<ops::Input>(op) || std::holds_alternative<ops::VariableRead>(op);
    origins_.push_back(std::holds_alternative<ops::Constant>(op) ? Origin::constant
                       : caller                                  ? Origin::caller
                                                                 : Origin::plan);
  }
}

void Placer::add(Node node, Decision decision, bool copies) {
  for (ValueId output : node.outputs) {
    graph_.values[at(output)].producer = static_cast<NodeId>(nodes_.size());
    placement_.on_device[at(output)] = decision.on_device;
  }
  nodes_.push_back(std::move(node));
  placement_.copies.push_back(copies);
  placement_.kernels.push_back(std::move(decision.kernel));
}

ValueId Placer::copy(ValueId value, bool to_device) {
  const auto result = static_cast<ValueId>(graph_.values.size());
  const Value source = graph_.values[at(value)];
  graph_.values.push_back(source);
  placement_.on_device.push_back(to_device);
  placement_.crosses.push_back(false);
  roots_.push_back(result);
  origins_.push_back(Origin::plan);
  other_side_.push_back(-1);
  staged_.push_back(-1);
  add({ops::Identity{}, {value}, {result}, source.name}, {to_device, true, nullptr, false}, true);
  return result;
}

// What the caller gives lies elsewhere in each run; its copy on the same side does not.
ValueId Placer::staged(ValueId value) {
  if (origins_[at(value)] != Origin::caller) return value;
  if (staged_[at(value)] < 0) {
    const ValueId result = copy(value, placement_.on_device[at(value)]);
    placement_.crosses[at(result)] = true;
    staged_[at(value)] = result;
  }
  return staged_[at(value)];
}

ValueId Placer::on_side(ValueId value, bool device) {
  // The host reads what is the caller's where it lies.
  if (device || placement_.on_device[at(value)]) value = staged(value);
  if (placement_.on_device[at(value)] == device) return value;
  if (other_side_[at(value)] >= 0) return other_side_[at(value)];
  const bool constant = is_constant(value);
  const ValueId result = copy(value, device);
  if (!constant) placement_.crosses[at(roots_[at(value)])] = true;
  placement_.crosses[at(result)] = !constant;
  other_side_[at(value)] = result;
  return result;
}

// Host operands are read at preparation, as is what a kernel has packed: its own form is the only
// one on the device. Of an assertion only the condition is read.
bool Placer::reads(const Node& node, const Decision& decision, std::size_t operand) const {
  if (!decision.launches) return false;
  if (std::holds_alternative<ops::Assert>(node.op) && operand > 0) return false;
  if (!decision.on_device) return true;
  const std::vector<int> host = host_operands(node.op);
  if (std::find(host.begin(), host.end(), static_cast<int>(operand)) != host.end()) return false;
  const bool packed = decision.kernel != nullptr && is_constant(node.inputs[operand]) &&
                      decision.kernel->use(operand) == OperandUse::nothing;
  return !packed;
}

void Placer::bring_operands(Node& node, const Decision& decision) {
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    if (reads(node, decision, i)) node.inputs[i] = on_side(node.inputs[i], decision.on_device);
  }
}

// In their order; how many they are.
std::size_t Placer::inputs_first() {
  const auto others = std::stable_partition(
      graph_.nodes.begin(), graph_.nodes.end(),
      [](const Node& node) { return std::holds_alternative<ops::Input>(node.op); });
  for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
    for (ValueId output : graph_.nodes[i].outputs) {
      graph_.values[at(output)].producer = static_cast<NodeId>(i);
    }
  }
  return static_cast<std::size_t>(others - graph_.nodes.begin());
}

// The inputs that the device reads. A view of one that only the device reads becomes a view there.
std::vector<ValueId> Placer::inputs_of_device(std::vector<Decision>& decisions) const {
  std::vector<bool> host(graph_.values.size(), false), device(graph_.values.size(), false);
  for (ValueId output : graph_.outputs) host[at(output)] = true;
  for (std::size_t i = graph_.nodes.size(); i-- > 0;) {
    const Node& node = graph_.nodes[i];
    if (decisions[i].gone) continue;
    if (is_view(node)) {
      const ValueId view = node.outputs[0];
      const Node& source = graph_.nodes[at(graph_.values[at(roots_[at(view)])].producer)];
      const bool of_input = std::holds_alternative<ops::Input>(source.op);
      if (of_input && device[at(view)] && !host[at(view)]) decisions[i].on_device = true;
      (decisions[i].on_device ? device : host)[at(node.inputs[0])] = true;
      continue;
    }
    for (std::size_t operand = 0; operand < node.inputs.size(); ++operand) {
      if (!reads(node, decisions[i], operand)) continue;
      (decisions[i].on_device ? device : host)[at(node.inputs[operand])] = true;
    }
  }
  std::vector<ValueId> inputs;
  std::copy_if(graph_.inputs.begin(), graph_.inputs.end(), std::back_inserter(inputs),
               [&](ValueId input) { return device[at(input)]; });
  return inputs;
}

// Before anything runs: between two kernels of the device the host's part of it, the copy of what
// is the caller's, would wait for the first.
void Placer::bring_inputs(const std::vector<ValueId>& inputs) {
  for (const ValueId input : inputs) staged(input);
  for (const ValueId input : inputs) on_side(input, true);
}

void Placer::bring_view(Node& node) {
  const ValueId view = node.outputs[0];
  node.inputs[0] = on_side(node.inputs[0], true);
  roots_[at(view)] = roots_[at(node.inputs[0])];
  origins_[at(view)] = origins_[at(node.inputs[0])];
}

Placement Placer::run() {
  const std::size_t input_nodes = inputs_first();
  trace_origins();
  std::vector<Decision> decisions;
  std::vector<bool> on_device(graph_.values.size(), false);
  for (const Node& node : graph_.nodes) {
    decisions.push_back(decide(node, on_device));
    for (ValueId output : node.outputs) on_device[at(output)] = decisions.back().on_device;
  }
  pair_up(decisions);
  placement_.on_device.assign(graph_.values.size(), false);
  placement_.crosses.assign(graph_.values.size(), false);
  other_side_.assign(graph_.values.size(), -1);
  staged_.assign(graph_.values.size(), -1);
  const std::vector<ValueId> inputs = inputs_of_device(decisions);
  for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
    if (i == input_nodes) bring_inputs(inputs);
    if (decisions[i].gone) continue;
    bring_operands(graph_.nodes[i], decisions[i]);
    if (is_view(graph_.nodes[i]) && decisions[i].on_device) bring_view(graph_.nodes[i]);
    add(std::move(graph_.nodes[i]), std::move(decisions[i]), false);
  }
  for (ValueId& output : graph_.outputs) {
    output = on_side(output, door_ == Door::device);
    if (door_ == Door::device) placement_.crosses[at(roots_[at(output)])] = true;
  }
  graph_.nodes = std::move(nodes_);
  return std::move(placement_);
}

}  // namespace

Placement place_on_device(Graph& graph, const DeviceBackend& device, PackCache* packs, int threads,
                          Door door) {
  return Placer(graph, device, packs, threads, door).run();
}

}  // namespace thaw
