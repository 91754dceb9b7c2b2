#include "runtime/exec/interpret.h"

#include <algorithm>
#include <optional>

#include "runtime/base/check.h"
#include "runtime/base/condition.h"
#include "runtime/exec/list_ops.h"

namespace thaw {
namespace {

const Tensor& tensor_of(const Datum& datum) {
  if (datum.list != nullptr)
    fail(ErrorCode::invalid_argument, "expected a tensor, got a tensor list");
  THAW_CHECK(!datum.tensor.empty(), "an operand is used before it is made");
  return datum.tensor;
}

void check_assertion(const ops::Assert& op, const Tensor& condition) {
  const bool* elements = condition.data<bool>();
  for (std::int64_t i = 0; i < condition.num_elements(); ++i) {
    if (!elements[i]) fail(ErrorCode::invalid_argument, "{}", op.message);
  }
}

}  // namespace

// A graph or sub-graph with the values of its current run. A sub-graph is entered by the node that
// owns it and left before that node runs again, so that one set of slots is enough.
struct Interpreter::Body {
  const Graph* graph = nullptr;
  std::vector<Datum> slots;                         // per value; constants stay from run to run
  std::vector<bool> constant;                       // per value
  std::vector<bool> input_used;                     // per input
  std::vector<std::vector<ValueId>> dead_after;     // per node: values that nothing needs any more
  std::vector<std::optional<NodeKernels>> kernels;  // per node, made when it first runs
  std::vector<std::unique_ptr<Body>> subgraphs;
};

struct Interpreter::Run {
  std::vector<Tensor>& variables;
  ThreadPool& pool;
  const ValueVisit* visit;
  const LaunchVisit* launches;
  std::int64_t loop_steps = 0;
};

Interpreter::Interpreter(const Graph& graph, const Backend& backend, PackCache* packs, int threads)
    : backend_(backend), packs_(packs), threads_(threads), root_(make_body(graph)) {}

Interpreter::~Interpreter() = default;

std::unique_ptr<Interpreter::Body> Interpreter::make_body(const Graph& graph) const {
  auto body = std::make_unique<Body>();
  body->graph = &graph;
  body->slots.resize(graph.values.size());
  body->constant.resize(graph.values.size(), false);
  body->dead_after.resize(graph.nodes.size());
  body->kernels.resize(graph.nodes.size());
  std::vector<NodeId> last(graph.values.size(), kNoNode);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    for (ValueId input : node.inputs) last[at(input)] = static_cast<NodeId>(i);
    for (ValueId output : node.outputs) last[at(output)] = static_cast<NodeId>(i);
    if (const auto* constant = std::get_if<ops::Constant>(&node.op)) {
      const ValueId value = node.outputs[0];
      body->slots[at(value)] = Datum{constant->value, nullptr, true};
      body->constant[at(value)] = true;
    }
  }
  const std::vector<int> uses = use_counts(graph);
  for (ValueId input : graph.inputs) body->input_used.push_back(uses[at(input)] > 0);
  for (ValueId output : graph.outputs) last[at(output)] = kNoNode;  // collected at the end
  for (std::size_t i = 0; i < last.size(); ++i) {
    if (last[i] == kNoNode || body->constant[i]) continue;
    body->dead_after[at(last[i])].push_back(static_cast<ValueId>(i));
  }
  for (const Graph& sub : graph.subgraphs) body->subgraphs.push_back(make_body(sub));
  return body;
}

std::vector<Tensor> Interpreter::run(std::span<const Tensor> inputs, std::vector<Tensor>& variables,
                                     ThreadPool& pool, const ValueVisit* visit,
                                     const LaunchVisit* launches) {
  std::vector<Datum> arguments;
  for (const Tensor& input : inputs) arguments.push_back({input, nullptr, true});
  Run state{variables, pool, visit, launches, 0};
  std::vector<Datum> results = run_body(*root_, std::move(arguments), state);
  std::vector<Tensor> outputs;
  for (Datum& result : results) {
    const Tensor& tensor = tensor_of(result);
    const bool twice = std::any_of(outputs.begin(), outputs.end(), [&](const Tensor& other) {
      return other.data() == tensor.data();
    });
    outputs.push_back(result.shared || twice ? tensor.clone() : std::move(result.tensor));
  }
  return outputs;
}

std::vector<Datum> Interpreter::run_body(Body& body, std::vector<Datum>&& arguments, Run& run) {
  const Graph& graph = *body.graph;
  THAW_CHECK(arguments.size() == graph.inputs.size(), "graph '{}' takes {} values, got {}",
             graph.name, graph.inputs.size(), arguments.size());
  for (std::size_t i = 0; i < body.slots.size(); ++i) {  // left over from a run that failed
    if (!body.constant[i]) body.slots[i] = {};
  }
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    body.slots[at(graph.inputs[i])] = std::move(arguments[i]);
  }
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    try {
      if (run.launches == nullptr) {
        run_node(body, i, run);
      } else {
        run_timed(body, i, run);
      }
    } catch (const Error& error) {
      const Node& node = graph.nodes[i];
      throw Error(error.code(), fmt::format("node '{}' ({}): {}", printable(node.name),
                                            name_of(node.op), error.what()));
    }
  }
  std::vector<Datum> results;
  for (ValueId output : graph.outputs) results.push_back(body.slots[at(output)]);
  for (ValueId output : graph.outputs) {
    if (!body.constant[at(output)]) body.slots[at(output)] = {};
  }
  return results;
}

// A node with its bodies' own launches inside (if, while) is no launch itself.
void Interpreter::run_timed(Body& body, std::size_t index, Run& run) {
  const Node& node = body.graph->nodes[index];
  const bool launch = !std::holds_alternative<ops::Input>(node.op) &&
                      !std::holds_alternative<ops::Constant>(node.op) &&
                      !std::holds_alternative<ops::If>(node.op) &&
                      !std::holds_alternative<ops::While>(node.op);
  if (!launch) {
    run_node(body, index, run);
    return;
  }
  std::vector<TensorType> types;  // operands die in the run
  const auto add = [&](ValueId value) {
    const Datum& datum = body.slots[at(value)];
    if (!datum.tensor.empty()) types.push_back(datum.tensor.type());
  };
  for (const ValueId input : node.inputs) add(input);
  const std::size_t operands = types.size();
  // Results that nothing reads die at the end of the node too.
  kernel_ = "interpreter";
  const std::int64_t begin = clock_nanoseconds();
  run_node(body, index, run);
  const std::int64_t end = clock_nanoseconds();
  for (const ValueId output : node.outputs) add(output);
  std::vector<const TensorType*> pointers;
  for (const TensorType& type : types) pointers.push_back(&type);
  const std::span<const TensorType* const> all = pointers;
  (*run.launches)({&node, kernel_, all.first(operands), all.subspan(operands), begin, end});
}

void Interpreter::run_node(Body& body, std::size_t index, Run& run) {
  const Node& node = body.graph->nodes[index];
  const std::vector<ValueId>& dead = body.dead_after[index];
  if (std::holds_alternative<ops::Constant>(node.op)) return;
  if (std::holds_alternative<ops::If>(node.op)) {
    run_if(body, node, dead, run);
  } else if (std::holds_alternative<ops::While>(node.op)) {
    run_while(body, node, dead, run);
  } else if (is_list_op(node.op)) {
    give(body, node, run_list_op(node.op, take(body, node, 0, dead)));
  } else if (const auto* read = std::get_if<ops::VariableRead>(&node.op)) {
    body.slots[at(node.outputs[0])] = {run.variables.at(at(read->variable)), nullptr, true};
  } else if (const auto* assign = std::get_if<ops::VariableAssign>(&node.op)) {
    const Tensor& value = tensor_of(body.slots[at(node.inputs[0])]);
    Tensor& variable = run.variables.at(at(assign->variable));
    if (value.type() != variable.type()) {
      fail(ErrorCode::invalid_argument, "the variable is {}, assigned {}",
           to_string(variable.type()), to_string(value.type()));
    }
    variable = value.clone();  // whoever has read it keeps what was read
  } else if (const auto* check = std::get_if<ops::Assert>(&node.op)) {
    check_assertion(*check, tensor_of(body.slots[at(node.inputs[0])]));
  } else if (std::holds_alternative<ops::Identity>(node.op)) {
    give(body, node, take(body, node, 0, dead));  // of lists too
  } else if (!std::holds_alternative<ops::Input>(node.op)) {
    run_kernel(body, index, run);
  }
  if (run.visit != nullptr && !std::holds_alternative<ops::Input>(node.op)) {
    for (ValueId output : node.outputs) {
      const Datum& datum = body.slots[at(output)];
      if (datum.list == nullptr && !datum.tensor.empty()) {
        (*run.visit)(body.graph->values[at(output)].name, datum.tensor.clone());
      }
    }
  }
  for (ValueId value : dead) body.slots[at(value)] = {};
}

// Copies of the operands from `first` on, which are the only holders of what dies here.
std::vector<Datum> Interpreter::take(Body& body, const Node& node, std::size_t first,
                                     const std::vector<ValueId>& dead) const {
  std::vector<Datum> operands;
  operands.reserve(node.inputs.size() - first);
  for (std::size_t i = first; i < node.inputs.size(); ++i) {
    const Datum& datum = body.slots[at(node.inputs[i])];
    THAW_CHECK(!datum.empty(), "an operand is used before it is made");
    operands.push_back(datum);
  }
  for (ValueId value : dead) body.slots[at(value)] = {};
  return operands;
}

void Interpreter::give(Body& body, const Node& node, std::vector<Datum>&& results) const {
  THAW_CHECK(results.size() == node.outputs.size(), "expected {} results, got {}",
             node.outputs.size(), results.size());
  for (std::size_t i = 0; i < results.size(); ++i) {
    body.slots[at(node.outputs[i])] = std::move(results[i]);
  }
}

void Interpreter::run_if(Body& body, const Node& node, const std::vector<ValueId>& dead, Run& run) {
  const auto& op = std::get<ops::If>(node.op);
  const bool condition = is_true(tensor_of(body.slots[at(node.inputs[0])]));
  Body& branch = *body.subgraphs[at(condition ? op.then_graph : op.else_graph)];
  give(body, node, run_body(branch, take(body, node, 1, dead), run));
}

void Interpreter::run_while(Body& body, const Node& node, const std::vector<ValueId>& dead,
                            Run& run) {
  const auto& op = std::get<ops::While>(node.op);
  Body& cond = *body.subgraphs[at(op.cond)];
  Body& step = *body.subgraphs[at(op.body)];
  std::vector<Datum> state = take(body, node, 0, dead);
  for (;;) {
    std::vector<Datum> seen(state.size());
    for (std::size_t i = 0; i < state.size(); ++i) {
      if (cond.input_used[i]) seen[i] = state[i];
    }
    const std::vector<Datum> go_on = run_body(cond, std::move(seen), run);
    if (!is_true(tensor_of(go_on.at(0)))) break;
    if (++run.loop_steps > max_loop_steps_) {
      fail(ErrorCode::resource_exhausted, "the loops of one run take more than {} steps",
           max_loop_steps_);
    }
    state = run_body(step, std::move(state), run);
  }
  give(body, node, std::move(state));
}

void Interpreter::run_kernel(Body& body, std::size_t index, Run& run) {
  const Node& node = body.graph->nodes[index];
  operands_.clear();
  for (ValueId input : node.inputs) operands_.push_back(&tensor_of(body.slots[at(input)]));
  if (!body.kernels[index]) body.kernels[index].emplace(*body.graph, node);
  const Prepared& prepared = body.kernels[index]->get(operands_, backend_, packs_, threads_);

  if (prepared.kind == Prepared::Kind::view) {
    const Datum& operand = body.slots[at(node.inputs[0])];
    kernel_ = "view";
    // Two values now show one buffer; both count as shared.
    body.slots[at(node.inputs[0])].shared = true;
    body.slots[at(node.outputs[0])] = {operand.tensor.reshaped(prepared.out[0].shape), nullptr,
                                       true};
    return;
  }
  if (prepared.kind == Prepared::Kind::evaluate) {
    kernel_ = "host";
    std::vector<Tensor> inputs;
    for (const Tensor* operand : operands_) inputs.push_back(*operand);
    std::vector<Tensor> results =
        evaluate(node.op, inputs, static_cast<int>(node.outputs.size()), packs_);
    THAW_CHECK(results.size() == node.outputs.size(), "{} results", results.size());
    for (std::size_t i = 0; i < results.size(); ++i) {
      body.slots[at(node.outputs[i])] = {std::move(results[i]), nullptr, true};
    }
    return;
  }
  out_.clear();
  for (std::size_t i = 0; i < prepared.out.size(); ++i) {
    Datum& result = body.slots[at(node.outputs[i])];
    result = {Tensor(prepared.out[i].dtype, prepared.out[i].shape), nullptr, false};
    out_.push_back({result.tensor.mutable_data(), &prepared.out[i]});
  }
  if (prepared.kernel == nullptr) return;  // no elements
  in_.clear();
  for (std::size_t i = 0; i < operands_.size(); ++i) {
    in_.push_back({const_cast<void*>(operands_[i]->data()), &prepared.in[i]});
  }
  if (prepared.kernel->workspace() > workspace_bytes_) {
    workspace_ = allocate_aligned(prepared.kernel->workspace());
    workspace_bytes_ = prepared.kernel->workspace();
  }
  kernel_ = prepared.kernel->name();
  prepared.kernel->run({in_, out_, workspace_.get(), &run.pool});
}

}  // namespace thaw
