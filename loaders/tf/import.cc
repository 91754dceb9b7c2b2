#include <algorithm>

#include "loaders/tf/custom.h"
#include "loaders/tf/import_subgraph.h"
#include "loaders/tf/refusals.h"
#include "runtime/base/check.h"

namespace thaw::tf {
namespace {

constexpr Edge kDead{Edge::Kind::dead};

}  // namespace

Importer::Importer(FunctionLibrary& functions, Variables& variables, const LoadOptions& options,
                   const Evaluator& evaluator, std::set<std::string> stateful)
    : functions_(functions),
      variables_(variables),
      options_(options),
      evaluator_(evaluator),
      stateful_(std::move(stateful)) {}
Importer::~Importer() = default;

Regions& Importer::regions(const GraphView& view) {
  auto& slot = regions_[&view];
  if (slot == nullptr) slot = std::make_unique<Regions>(view, options_.limits);
  return *slot;
}

std::vector<Edge> Importer::import(Scope& scope, Frame& frame, const std::vector<Ref>& roots) {
  frame.roots = roots;
  for (const Ref& root : roots) {
    if (root.node >= 0 && !frame.feeds.contains({root.node, root.port})) {
      visit(scope, frame, root.node);
    }
  }
  for (const Ref& effect : frame.effects) visit(scope, frame, effect.node);
  Edges results;
  for (const Ref& root : roots) results.push_back(edge(frame, root));
  return results;
}

Edge Importer::edge(const Frame& frame, const Ref& ref) const {
  if (ref.is_argument()) return frame.arguments[static_cast<std::size_t>(ref.argument())];
  if (ref.node < 0) fail(ErrorCode::invalid_argument, "an input is not there");
  const auto fed = frame.feeds.find({ref.node, ref.port});
  if (fed != frame.feeds.end()) return fed->second;
  const auto slot = frame.slots.find(ref.node);
  if (slot != frame.slots.end() && slot->second.state == Frame::State::poisoned) return kPoison;
  if (slot != frame.slots.end() && slot->second.state == Frame::State::dead) return kDead;
  const std::size_t count = slot == frame.slots.end() ? 0 : slot->second.results.size();
  if (ref.port < 0 || static_cast<std::size_t>(ref.port) >= count) {
    frame.view.nodes[static_cast<std::size_t>(ref.node)].node.fail(
        ErrorCode::invalid_argument, "has {} results, result {} is used", count, ref.port);
  }
  return slot->second.results[static_cast<std::size_t>(ref.port)];
}

// Imports the node by `run`; what cannot be run is collected, and the node's results are poison.
void Importer::guard(Scope& scope, Frame& frame, int number, const std::function<void()>& run) {
  const NodeView& node = frame.view.nodes[static_cast<std::size_t>(number)].node;
  set_place(scope, frame, node);
  try {
    run();
    return;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::unimplemented) add_place(error, node, frame);
    collect(node, error.what());
  }
  frame.slot(number).state = Frame::State::poisoned;
}

void Importer::import_node(Scope& scope, Frame& frame, int number) {
  const GraphView::Entry& entry = frame.view.nodes[static_cast<std::size_t>(number)];
  if (++imported_nodes_ > options_.limits.max_nodes) {
    fail(ErrorCode::resource_exhausted,
         "the graph has more than {} nodes once its calls are written out",
         options_.limits.max_nodes);
  }
  ++op_counts_[entry.node.op()];
  frame.slot(number).state = Frame::State::done;
  Site site{scope, frame, entry, entry.node, {}, number};
  if (is_merge(entry.node.op()) && regions(frame.view).joins_branches(number)) {
    const std::vector<bool> is_alive = alive(frame, number);
    for (std::size_t i = 0; i < entry.data.size(); ++i) {
      site.in.push_back(is_alive[i] ? edge(frame, entry.data[i]) : kDead);
    }
  } else if (is_switch(entry.node.op())) {
    site.in.push_back(edge(frame, entry.data[0]));
  } else if (!closes_loop(entry.node.op()) && !is_exit(entry.node.op()) &&
             !is_merge(entry.node.op())) {
    for (const Ref& ref : entry.data) site.in.push_back(edge(frame, ref));
  }
  if (is_dead(site)) {
    frame.slot(number).state = Frame::State::dead;
    return;
  }
  guard(scope, frame, number, [&] {
    Edges results = import_any(site);
    Frame::Slot& slot = frame.slot(number);
    if (!results.empty() && results[0].kind == Edge::Kind::poison) {
      slot.state = Frame::State::poisoned;
    }
    slot.results = std::move(results);
  });
}

// Inside a function of its own, "while" belongs to the layer that the calling node names:
// "model/lstm/while".
void Importer::set_place(Scope& scope, const Frame& frame, const NodeView& node) {
  const bool has_path = node.name().find('/') != std::string::npos;
  scope.builder.set_scope(has_path ? node.name() : frame.prefix + node.name(), node.description());
  prefix_ = has_path ? node.name().substr(0, node.name().rfind('/') + 1) : frame.prefix;
}

bool Importer::is_dead(const Site& site) const {
  for (const Ref& ref : site.entry.control) {
    if (site.frame.state(ref.node) == Frame::State::dead) return true;
  }
  if (is_merge(site.node.op())) return false;
  return std::ranges::any_of(site.in, [](const Edge& e) { return e.kind == Edge::Kind::dead; });
}

Importer::Edges Importer::import_any(Site& site) {
  const std::string& op = site.node.op();
  if (options_.custom != nullptr) {
    if (const auto own = options_.custom->ops.find(op); own != options_.custom->ops.end()) {
      return import_op(site,
                       [&](OpContext& context) { return import_custom(own->second, context); });
    }
  }
  if (functions_.contains(op)) return call(site.scope, functions_.direct_call(site.node), site.in);
  if (site.node.schema() != nullptr) {
    const std::vector<std::string> unknown = site.node.unknown_attrs();
    if (!unknown.empty()) {
      throw Refusal(fmt::format("attribute '{}', which this op is not known to have",
                                printable(unknown.front())));
    }
  }
  if (const auto found = handlers().find(op); found != handlers().end()) {
    return (this->*found->second)(site);
  }
  const OpRow* row = find_op(op);
  if (row == nullptr) throw Refusal(std::string(refusal_of(op)));
  if (row->import == importers::unary || row->import == importers::binary) check_attribute(site);
  return import_op(site, row->import, row->kind);
}

Importer::Edges Importer::import_op(Site& site, const OpImport& import, int kind) {
  std::vector<ValueId> inputs;
  for (std::size_t i = 0; i < site.in.size(); ++i) {
    if (site.in[i].kind == Edge::Kind::poison) return {kPoison};
    inputs.push_back(input(site, static_cast<int>(i)));
  }
  OpContext context{site.scope.builder, site.node, inputs, kind};
  Edges edges;
  for (ValueId value : import(context)) {
    edges.push_back(value == kNoValue ? Edge{} : Edge{Edge::Kind::tensor, value});
  }
  return edges;
}

ValueId Importer::input(Site& site, int i) {
  if (static_cast<std::size_t>(i) >= site.in.size()) {
    fail(ErrorCode::invalid_argument, "expected at least {} operands, found {}", i + 1,
         site.in.size());
  }
  return tensor(site.scope, site.in[static_cast<std::size_t>(i)], "operand");
}

ValueId Importer::tensor(Scope& scope, const Edge& edge, const char* what) {
  if (edge.kind == Edge::Kind::tensor) return edge.value;
  if (edge.kind == Edge::Kind::variable && edge.reference) return read(scope, edge.variable);
  if (edge.kind == Edge::Kind::none) {
    throw Refusal(fmt::format("{} is a result that only training needs", what));
  }
  if (edge.kind == Edge::Kind::branch) {
    throw Refusal(
        fmt::format("{} exists only on one side of a branch that is decided at run time", what));
  }
  if (edge.kind == Edge::Kind::array) {
    fail(ErrorCode::invalid_argument, "{} is the handle of a tensor array, not a tensor", what);
  }
  if (edge.kind == Edge::Kind::table) {
    fail(ErrorCode::invalid_argument, "{} is the handle of table '{}', not a tensor", what,
         printable(variables_.tables().at(edge.variable).name));
  }
  if (edge.kind == Edge::Kind::stored) throw Refusal(fmt::format("{} is read from a file", what));
  if (edge.kind == Edge::Kind::variable) {
    fail(ErrorCode::invalid_argument, "{} is the handle of variable '{}', not a tensor", what,
         printable(variable_names_[static_cast<std::size_t>(edge.variable)]));
  }
  fail(ErrorCode::invalid_argument, "{} stands behind a branch that is not taken", what);
}

// The constant that an operand is, or null.
const Tensor* Importer::known(Site& site, int i) {
  return site.scope.builder.constant_of(input(site, i));
}

void Importer::collect(const NodeView& node, const std::string& why) {
  const std::string key = node.op() + '\n' + why;
  const auto [found, is_new] = unsupported_ops_.emplace(key, unsupported_.size());
  const std::int64_t count = ++unsupported_counts_[found->second];
  if (is_new) {
    unsupported_.push_back({node.op(), node.name(), why});
  } else {
    unsupported_[found->second].why = fmt::format("{} ({} nodes)", why, count);
  }
}

// Messages carry the innermost node and the function it stands in.
void Importer::add_place(const Error& error, const NodeView& node, const Frame& frame) const {
  const std::string text = error.what();
  if (text.starts_with("in function '")) throw Error(error.code(), text);
  std::string message =
      text.starts_with("node '") ? text : fmt::format("{}: {}", node.description(), text);
  if (!frame.view.function.empty()) {
    message = fmt::format("in function '{}': {}", printable(frame.view.function), message);
  }
  throw Error(error.code(), message);
}

// A list may be the flow of a tensor array, which is a number in TensorFlow; packed ragged tensors
// are strings, variants in TensorFlow.
bool Importer::type_fits(DType found, DType stated) {
  if (stated == DType::tensor_list && found == DType::string) return true;
  return found == stated || found == DType::tensor_list || found == DType::table;
}

// What crosses the border of a function has the type that its signature states.
void Importer::check_types(const Scope& scope, const GraphView& view, const Edges& edges,
                           const std::vector<int>& stated, const char* what) const {
  for (std::size_t i = 0; i < edges.size(); ++i) {
    if (edges[i].kind != Edge::Kind::tensor || stated[i] == 0) continue;
    DType type = DType::invalid;
    try {
      type = dtype_from_proto(stated[i]);
    } catch (const Error&) {
      continue;  // of no type that a value here can have: whoever uses it says so
    }
    const DType found = scope.builder.type(edges[i].value).dtype;
    if (!type_fits(found, type)) {
      fail(ErrorCode::invalid_argument, "function '{}': {} {} is {}, its signature says {}",
           printable(view.function), what, i, name_of(found), name_of(type));
    }
  }
}

// Of the ops whose operands all have the type T.
void Importer::check_attribute(const Site& site) const {
  if (!site.node.has("T")) return;
  const DType stated = site.node.type("T");
  for (const Edge& edge : site.in) {
    if (edge.kind != Edge::Kind::tensor) continue;
    const DType found = site.scope.builder.dtype(edge.value);
    if (found != stated) {
      fail(ErrorCode::invalid_argument, "attribute T is {}, an operand {}", name_of(stated),
           name_of(found));
    }
  }
}

Importer::Edges Importer::call(Scope& scope, const NodeView::Function& function,
                               const Edges& arguments) {
  struct Depth {
    int& depth;
    explicit Depth(int& d) : depth(d) { ++depth; }
    ~Depth() { --depth; }
  } guard(depth_);
  if (depth_ > options_.limits.max_depth) {
    fail(ErrorCode::resource_exhausted, "functions call each other deeper than {}: at '{}'",
         options_.limits.max_depth, printable(function.name));
  }
  if (imported_nodes_ + functions_.expanded_size(function.name) > options_.limits.max_nodes) {
    fail(ErrorCode::resource_exhausted,
         "the graph has more than {} nodes once its calls are written out",
         options_.limits.max_nodes);
  }
  const GraphView& view = functions_.view(function);
  if (view.arguments.size() != arguments.size()) {
    fail(ErrorCode::invalid_argument, "function '{}' takes {} arguments, found {}",
         printable(function.name), view.arguments.size(), arguments.size());
  }
  Frame frame(view);
  frame.prefix = prefix_;
  frame.arguments = arguments;
  frame.effects = view.effects;
  check_types(scope, view, arguments, view.argument_types, "argument");
  Edges results = import(scope, frame, view.results);
  check_types(scope, view, results, view.result_types, "result");
  return results;
}

}  // namespace thaw::tf
