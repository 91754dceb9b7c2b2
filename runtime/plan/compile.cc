#include <algorithm>
#include <map>

#include "runtime/base/check.h"
#include "runtime/base/stored.h"
#include "runtime/plan/arrange.h"
#include "runtime/plan/builtin.h"
#include "runtime/plan/lifetimes.h"
#include "runtime/plan/place.h"
#include "runtime/plan/plan.h"
#include "runtime/plan/prepare.h"

namespace thaw {
namespace {

bool is_control_flow(const Op& op) {
  return std::holds_alternative<ops::If>(op) || std::holds_alternative<ops::While>(op);
}

// Why `node` cannot be planned; empty if it can. Control flow is named before the types it makes
// unknown.
std::string obstacle(const Graph& graph, const Node& node) {
  if (is_control_flow(node.op)) return "control flow";
  if (is_data_dependent(node.op)) return "the result's size depends on the data";
  for (ValueId output : node.outputs) {
    const TensorType& type = graph.values[at(output)].type;
    if (type.dtype == DType::tensor_list) return "tensor lists";
    if (type.dtype == DType::table) return "tables";
    if (!type.shape.is_static()) {
      return fmt::format("the shape of its result {} is not known before the run", to_string(type));
    }
    const bool constant = std::holds_alternative<ops::Constant>(node.op);
    if (type.dtype == DType::string && !constant) return "strings";
  }
  if (std::holds_alternative<ops::Assert>(node.op)) return {};  // its data is not looked at
  for (ValueId input : node.inputs) {
    const DType dtype = graph.values[at(input)].type.dtype;
    if (dtype == DType::string) return "strings";
    if (size_of(dtype) == 0) return "operands that are not tensors";
  }
  for (int operand : host_operands(node.op)) {
    if (at(operand) < node.inputs.size() &&
        constant_of(graph, node.inputs[at(operand)]) == nullptr) {
      return fmt::format("operand {} decides a shape and is computed during the run", operand);
    }
  }
  return {};
}

class Compiler {
 public:
  Compiler(Plan& plan, const Backend& backend, PackCache* packs, int threads, Door door)
      : plan_(plan),
        graph_(plan.graph),
        backend_(backend),
        packs_(packs),
        threads_(threads),
        door_(door) {}

  /// False, with the reason in `why`, when a node has no kernel.
  bool run(std::string& why);

 private:
  bool can_be_planned(std::string& why) const;
  void find_places();
  void find_output_places();
  void place_uploaded(NodeId id);
  std::shared_ptr<const void> upload(const Tensor& tensor) const;
  void add_copy(NodeId id);
  bool make_steps(std::string& why);
  std::vector<std::unique_ptr<Kernel>> kernels_with_weights(const Preparation& preparation) const;
  void add_step(std::unique_ptr<Kernel> kernel, NodeId node, std::vector<ValueId> in,
                std::vector<ValueId> out);
  void add_device_step(std::unique_ptr<DeviceKernel> kernel, NodeId node, std::vector<ValueId> in,
                       std::vector<ValueId> out);
  void copy_outputs();
  bool has_kernel(NodeId id) const;
  bool is_empty(const Node& node) const;
  bool reads_in_place(NodeId id, const std::vector<int>& last_read) const;

  Plan& plan_;
  const Graph& graph_;
  const Backend& backend_;
  PackCache* packs_;
  int threads_;
  Door door_;
  bool on_device(ValueId value) const {
    return !placement_.on_device.empty() && placement_.on_device[at(value)];
  }

  std::vector<ValueId> roots_;
  Placement placement_;           // empty without a device
  std::vector<Launch> launches_;  // parallel to plan_.steps
};

bool Compiler::can_be_planned(std::string& why) const {
  for (const Node& node : graph_.nodes) {
    const std::string reason = obstacle(graph_, node);
    if (reason.empty()) continue;
    why = fmt::format("{}: {}", describe(node), reason);
    return false;
  }
  // Also a constant: results are copied out byte by byte.
  for (const ValueId output : graph_.outputs) {
    if (graph_.values[at(output)].type.dtype != DType::string) continue;
    why = fmt::format("result '{}': strings", printable(graph_.values[at(output)].name));
    return false;
  }
  return true;
}

bool Compiler::run(std::string& why) {
  if (!can_be_planned(why)) return false;
  if (plan_.device != nullptr) {
    placement_ = place_on_device(plan_.graph, *plan_.device, packs_, threads_, door_);
    plan_.copies = placement_.copies;
  }
  roots_ = view_roots(graph_, placement_.copies);
  find_places();
  if (!make_steps(why)) return false;
  copy_outputs();
  arrange(plan_, roots_, std::move(launches_), placement_.on_device);
  return true;
}

// A variable is read where it lies unless it is assigned while the value that was read is still
// needed.
bool Compiler::reads_in_place(NodeId id, const std::vector<int>& last_read) const {
  const Node& node = graph_.nodes[at(id)];
  const VariableId variable = std::get<ops::VariableRead>(node.op).variable;
  for (int later = id + 1; later < last_read[at(node.outputs[0])]; ++later) {
    const auto* assign = std::get_if<ops::VariableAssign>(&graph_.nodes[at(later)].op);
    if (assign != nullptr && assign->variable == variable) return false;
  }
  return true;
}

// Homes of everything that does not lie in the arena.
void Compiler::find_places() {
  plan_.places.assign(graph_.values.size(), Place{});
  std::vector<int> last_read(graph_.values.size(), -1);  // by root: the last node
  for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
    for (ValueId input : graph_.nodes[i].inputs) {
      last_read[at(roots_[at(input)])] = static_cast<int>(i);
    }
  }
  for (ValueId output : graph_.outputs) {
    last_read[at(roots_[at(output)])] = static_cast<int>(graph_.nodes.size());
  }
  for (std::size_t i = 0; i < graph_.inputs.size(); ++i) {
    plan_.places[at(graph_.inputs[i])] = {Home::input, 0, static_cast<int>(i), nullptr};
  }
  for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
    const Node& node = graph_.nodes[i];
    if (const auto* constant = std::get_if<ops::Constant>(&node.op)) {
      plan_.places[at(node.outputs[0])] = {Home::constant, 0, 0, &constant->value};
    } else if (const auto* read = std::get_if<ops::VariableRead>(&node.op)) {
      if (reads_in_place(static_cast<NodeId>(i), last_read)) {
        plan_.places[at(node.outputs[0])] = {Home::variable, 0, read->variable, nullptr};
      }
    } else if (!placement_.copies.empty() && placement_.copies[i]) {
      place_uploaded(static_cast<NodeId>(i));
    }
  }
  find_output_places();
}

// The outputs are written where the caller wants them, unless the device copies to or from there.
void Compiler::find_output_places() {
  for (std::size_t i = 0; i < graph_.outputs.size(); ++i) {
    const ValueId root = roots_[at(graph_.outputs[i])];
    if (!placement_.crosses.empty() && placement_.crosses[at(root)]) continue;
    Place& place = plan_.places[at(root)];
    if (place.home == Home::none) place = {Home::output, 0, static_cast<int>(i), nullptr};
  }
}

// A constant that the device reads lies in its memory for good.
void Compiler::place_uploaded(NodeId id) {
  const Node& node = graph_.nodes[at(id)];
  const Place& source = plan_.places[at(roots_[at(node.inputs[0])])];
  if (source.home != Home::constant || is_empty(node)) return;
  plan_.uploaded.push_back(upload(*source.constant));
  plan_.places[at(node.outputs[0])] = {Home::device_constant, 0, 0, source.constant,
                                       plan_.uploaded.back().get()};
}

std::shared_ptr<const void> Compiler::upload(const Tensor& tensor) const {
  const auto make = [&]() -> std::shared_ptr<const void> {
    const Device& device = plan_.device->device();
    std::shared_ptr<std::byte> memory = device.allocate(tensor.size_bytes(), MemoryKind::device);
    const ReadOnce elements(tensor, 1);
    const std::unique_ptr<Stream> stream = device.make_stream();  // ends before what it reads
    stream->copy_to_device(memory.get(), elements.data(), tensor.size_bytes());
    stream->wait();
    return memory;
  };
  return packs_ == nullptr ? make() : packs_->get(tensor, "device", make);
}

bool Compiler::is_empty(const Node& node) const {
  return !node.outputs.empty() &&
         std::all_of(node.outputs.begin(), node.outputs.end(), [&](ValueId output) {
           return graph_.values[at(output)].type.shape.num_elements() == 0;
         });
}

// Within one memory, or to or from the device; constants are there already.
void Compiler::add_copy(NodeId id) {
  const Node& node = graph_.nodes[at(id)];
  const ValueId from = node.inputs[0], to = node.outputs[0];
  if (is_empty(node) || plan_.places[at(to)].home == Home::device_constant) return;
  if (!on_device(from) && !on_device(to)) {
    add_step(copy_kernel(), id, {from}, {to});
  } else if (on_device(from) && on_device(to)) {
    add_device_step(device_copy_kernel(), id, {from}, {to});
  } else {
    add_device_step(on_device(to) ? upload_kernel() : download_kernel(), id, {from}, {to});
  }
}

void Compiler::add_step(std::unique_ptr<Kernel> kernel, NodeId node, std::vector<ValueId> in,
                        std::vector<ValueId> out) {
  plan_.steps.emplace_back();
  plan_.steps.back().kernel = std::move(kernel);
  plan_.steps.back().node = node;
  launches_.push_back({node, std::move(in), std::move(out)});
}

void Compiler::add_device_step(std::unique_ptr<DeviceKernel> kernel, NodeId node,
                               std::vector<ValueId> in, std::vector<ValueId> out) {
  const DeviceKernel* enqueued = kernel.get();
  add_step(std::move(kernel), node, std::move(in), std::move(out));
  plan_.steps.back().on_device = enqueued;
}

// Whether it is run by a kernel of the backend: no data, no view, no copy, not on the device.
bool Compiler::has_kernel(NodeId id) const {
  const Node& node = graph_.nodes[at(id)];
  const bool special = std::holds_alternative<ops::Input>(node.op) ||
                       std::holds_alternative<ops::Constant>(node.op) ||
                       std::holds_alternative<ops::Assert>(node.op) ||
                       std::holds_alternative<ops::VariableAssign>(node.op) ||
                       std::holds_alternative<ops::VariableRead>(node.op);
  const bool copied = !placement_.copies.empty() && placement_.copies[at(id)];
  const bool placed = !placement_.kernels.empty() && placement_.kernels[at(id)] != nullptr;
  const bool view = node.outputs.size() == 1 && roots_[at(node.outputs[0])] != node.outputs[0];
  return !special && !copied && !placed && !view && !is_empty(node);
}

std::vector<std::unique_ptr<Kernel>> Compiler::kernels_with_weights(
    const Preparation& preparation) const {
  std::vector<NodeId> nodes;
  for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
    if (has_kernel(static_cast<NodeId>(i))) nodes.push_back(static_cast<NodeId>(i));
  }
  return prepare_packed(preparation, nodes);
}

bool Compiler::make_steps(std::string& why) {
  const Preparation preparation = {graph_, backend_, packs_, threads_};
  std::vector<std::unique_ptr<Kernel>> kernels = kernels_with_weights(preparation);
  for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
    const Node& node = graph_.nodes[i];
    const auto id = static_cast<NodeId>(i);
    if (!placement_.copies.empty() && placement_.copies[i]) {
      add_copy(id);
    } else if (!placement_.kernels.empty() && placement_.kernels[i] != nullptr) {
      add_device_step(std::move(placement_.kernels[i]), id, node.inputs, node.outputs);
    } else if (const auto* check = std::get_if<ops::Assert>(&node.op)) {
      add_step(assert_kernel(check->message), id, {node.inputs[0]}, {});
    } else if (std::holds_alternative<ops::VariableAssign>(node.op)) {
      add_step(copy_kernel(), id, node.inputs, {});
    } else if (std::holds_alternative<ops::VariableRead>(node.op)) {
      if (plan_.places[at(node.outputs[0])].home != Home::variable) {
        add_step(copy_kernel(), id, {}, node.outputs);
      }
    } else if (has_kernel(id)) {
      std::unique_ptr<Kernel> kernel =
          kernels[i] != nullptr ? std::move(kernels[i]) : prepare(preparation, node);
      if (kernel == nullptr) {
        why = fmt::format("{}: {} has no kernel for it", describe(node), backend_.name());
        return false;
      }
      add_step(std::move(kernel), id, node.inputs, node.outputs);
    }
  }
  return true;
}

// Outputs that are not written in place: constants, inputs, variables, and values that are outputs
// twice.
void Compiler::copy_outputs() {
  for (std::size_t i = 0; i < graph_.outputs.size(); ++i) {
    const ValueId value = graph_.outputs[i];
    const Place& place = plan_.places[at(roots_[at(value)])];
    if (place.home == Home::output && place.index == static_cast<int>(i)) continue;
    if (graph_.values[at(value)].type.shape.num_elements() == 0) continue;
    if (door_ == Door::device) {
      add_device_step(device_copy_kernel(), kNoNode, {value}, {});
    } else {
      add_step(copy_kernel(), kNoNode, {value}, {});
    }
    Slot target;
    target.place = {Home::output, 0, static_cast<int>(i), nullptr};
    target.type = &graph_.values[at(value)].type;
    plan_.steps.back().out.push_back(target);
  }
}

}  // namespace

std::shared_ptr<const Plan> compile(Graph&& graph, const Backend& backend, PackCache* packs,
                                    int threads, std::string& why, const DeviceBackend* device,
                                    Door door) {
  auto plan = std::make_shared<Plan>();
  const Graph original = device == nullptr ? Graph{} : graph;  // placing changes the graph
  plan->graph = std::move(graph);  // first: steps refer to its types and constants
  plan->device = device;
  bool planned = false;
  try {
    planned = Compiler(*plan, backend, packs, threads, door).run(why);
  } catch (...) {
    graph = device == nullptr ? std::move(plan->graph) : original;
    throw;
  }
  if (planned) return plan;
  graph = device == nullptr ? std::move(plan->graph) : original;
  return nullptr;
}

}  // namespace thaw
