#include <algorithm>
#include <map>

#include "runtime/base/check.h"
#include "runtime/plan/builtin.h"
#include "runtime/plan/lifetimes.h"
#include "runtime/plan/plan.h"

namespace thaw {
namespace {

std::string describe(const Node& node) {
  return fmt::format("node '{}' ({})", printable(node.name), name_of(node.op));
}

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
  Compiler(Plan& plan, const Backend& backend, PackCache* packs, int threads)
      : plan_(plan), graph_(plan.graph), backend_(backend), packs_(packs), threads_(threads) {}

  /// False, with the reason in `why`, when a node has no kernel.
  bool run(std::string& why);

 private:
  void find_places();
  bool make_steps(std::string& why);
  void add_step(std::unique_ptr<Kernel> kernel, NodeId node, std::vector<ValueId> in,
                std::vector<ValueId> out);
  void copy_outputs();
  void place_memory();
  std::unique_ptr<Kernel> prepare(const Node& node) const;
  bool is_empty(const Node& node) const;
  bool reads_in_place(NodeId id, const std::vector<int>& last_read) const;
  Slot slot(ValueId value) const {
    return {plan_.places[at(value)], &graph_.values[at(value)].type};
  }

  Plan& plan_;
  const Graph& graph_;
  const Backend& backend_;
  PackCache* packs_;
  int threads_;
  std::vector<ValueId> roots_;
  std::vector<Launch> launches_;  // parallel to plan_.steps
};

bool Compiler::run(std::string& why) {
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
  roots_ = view_roots(graph_);
  find_places();
  if (!make_steps(why)) return false;
  copy_outputs();
  place_memory();
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
    }
  }
  for (std::size_t i = 0; i < graph_.outputs.size(); ++i) {
    Place& place = plan_.places[at(roots_[at(graph_.outputs[i])])];
    if (place.home == Home::none) place = {Home::output, 0, static_cast<int>(i), nullptr};
  }
}

bool Compiler::is_empty(const Node& node) const {
  return !node.outputs.empty() &&
         std::all_of(node.outputs.begin(), node.outputs.end(), [&](ValueId output) {
           return graph_.values[at(output)].type.shape.num_elements() == 0;
         });
}

std::unique_ptr<Kernel> Compiler::prepare(const Node& node) const {
  std::vector<TensorType> in, out;
  std::vector<const Tensor*> constants;
  for (ValueId input : node.inputs) {
    in.push_back(graph_.values[at(input)].type);
    constants.push_back(constant_of(graph_, input));
  }
  for (ValueId output : node.outputs) out.push_back(graph_.values[at(output)].type);
  try {
    return backend_.prepare({node.op, in, out, constants, packs_, threads_});
  } catch (const Error& error) {
    throw Error(error.code(), fmt::format("{}: {}", describe(node), error.what()));
  }
}

void Compiler::add_step(std::unique_ptr<Kernel> kernel, NodeId node, std::vector<ValueId> in,
                        std::vector<ValueId> out) {
  plan_.steps.emplace_back();
  plan_.steps.back().kernel = std::move(kernel);
  plan_.steps.back().node = node;
  launches_.push_back({node, std::move(in), std::move(out)});
}

bool Compiler::make_steps(std::string& why) {
  for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
    const Node& node = graph_.nodes[i];
    const auto id = static_cast<NodeId>(i);
    const bool stays = std::holds_alternative<ops::Input>(node.op) ||
                       std::holds_alternative<ops::Constant>(node.op);
    if (stays) continue;
    if (const auto* check = std::get_if<ops::Assert>(&node.op)) {
      add_step(assert_kernel(check->message), id, {node.inputs[0]}, {});
    } else if (std::holds_alternative<ops::VariableAssign>(node.op)) {
      add_step(copy_kernel(), id, node.inputs, {});
    } else if (std::holds_alternative<ops::VariableRead>(node.op)) {
      if (plan_.places[at(node.outputs[0])].home != Home::variable) {
        add_step(copy_kernel(), id, {}, node.outputs);
      }
    } else if (node.outputs.size() == 1 && roots_[at(node.outputs[0])] != node.outputs[0]) {
      continue;  // a view
    } else if (!is_empty(node)) {
      std::unique_ptr<Kernel> kernel = prepare(node);
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
    add_step(copy_kernel(), kNoNode, {value}, {});
    Slot target;
    target.place = {Home::output, 0, static_cast<int>(i), nullptr};
    target.type = &graph_.values[at(value)].type;
    plan_.steps.back().out.push_back(target);
  }
}

void Compiler::place_memory() {
  std::vector<bool> needs_memory(graph_.values.size());
  for (std::size_t i = 0; i < needs_memory.size(); ++i) {
    needs_memory[i] = plan_.places[i].home == Home::none && roots_[i] == static_cast<ValueId>(i);
  }
  const Lifetimes alive = lifetimes(graph_, launches_, roots_, needs_memory);
  for (const Buffer& buffer : alive.buffers) {
    plan_.intervals.push_back({buffer.bytes, buffer.first, buffer.last});
  }
  std::vector<std::size_t> workspaces;  // per step its interval
  for (std::size_t i = 0; i < plan_.steps.size(); ++i) {
    workspaces.push_back(plan_.intervals.size());
    const int step = static_cast<int>(i);
    if (const std::size_t bytes = plan_.steps[i].kernel->workspace(); bytes > 0) {
      plan_.intervals.push_back({bytes, step, step});
    }
  }
  plan_.memory = plan_memory(plan_.intervals);

  for (std::size_t i = 0; i < plan_.places.size(); ++i) {
    const int buffer = alive.buffer[i];
    if (roots_[i] != static_cast<ValueId>(i)) {
      plan_.places[i] = plan_.places[at(roots_[i])];
    } else if (plan_.places[i].home == Home::none) {
      // Values without a buffer are empty: any address will do.
      const std::size_t offset =
          buffer < 0 ? 0 : plan_.memory.offsets[static_cast<std::size_t>(buffer)];
      plan_.places[i] = {Home::arena, offset, 0, nullptr};
    }
  }
  for (std::size_t i = 0; i < plan_.steps.size(); ++i) {
    Step& step = plan_.steps[i];
    for (ValueId value : launches_[i].in) step.in.push_back(slot(value));
    for (ValueId value : launches_[i].out) step.out.push_back(slot(value));
    if (step.kernel->workspace() > 0) step.workspace_offset = plan_.memory.offsets[workspaces[i]];
    if (step.node == kNoNode) continue;
    const Op& op = graph_.nodes[at(step.node)].op;
    if (const auto* read = std::get_if<ops::VariableRead>(&op)) {
      step.in.push_back({{Home::variable, 0, read->variable, nullptr}, step.out[0].type});
    } else if (const auto* assign = std::get_if<ops::VariableAssign>(&op)) {
      step.out.push_back({{Home::variable, 0, assign->variable, nullptr}, step.in[0].type});
    }
  }
}

}  // namespace

std::shared_ptr<const Plan> compile(Graph&& graph, const Backend& backend, PackCache* packs,
                                    int threads, std::string& why) {
  auto plan = std::make_shared<Plan>();
  plan->graph = std::move(graph);  // first: steps refer to its types and constants
  bool planned = false;
  try {
    planned = Compiler(*plan, backend, packs, threads).run(why);
  } catch (...) {
    graph = std::move(plan->graph);
    throw;
  }
  if (planned) return plan;
  graph = std::move(plan->graph);
  return nullptr;
}

}  // namespace thaw
