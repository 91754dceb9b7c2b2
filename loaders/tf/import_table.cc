// Lookup tables. Their initialisers and the part of the checkpoint's restore function that concerns
// them are imported first and must come out as constants; the model then looks up in constants.
#include <set>

#include "loaders/tf/import.h"
#include "runtime/base/check.h"

namespace thaw::tf {
namespace {

bool fills_table(std::string_view op) {
  return op.starts_with("InitializeTable") || op.starts_with("LookupTableImport");
}

// What runs once per session and is computed here once: constants of any size.
Tensor computed(const Graph& graph, ValueId value, const Evaluator& evaluator,
                std::map<ValueId, Tensor>& known, int depth) {
  constexpr int kMaxDepth = 64;  // initialisers are shallow
  if (const Tensor* constant = constant_of(graph, value)) return *constant;
  if (const auto found = known.find(value); found != known.end()) return found->second;
  const NodeId id = graph.values[static_cast<std::size_t>(value)].producer;
  if (id == kNoNode || depth > kMaxDepth || !evaluator) {
    throw Refusal("a table whose content is computed at run time");
  }
  const Node& node = graph.nodes[static_cast<std::size_t>(id)];
  std::vector<Tensor> in, out;
  std::vector<TensorType> types;
  for (const ValueId operand : node.inputs) {
    in.push_back(computed(graph, operand, evaluator, known, depth + 1));
  }
  for (const ValueId result : node.outputs) {
    types.push_back(graph.values[static_cast<std::size_t>(result)].type);
  }
  if (!evaluator(node.op, in, types, out) || out.size() != node.outputs.size()) {
    throw Refusal("a table whose content is computed at run time");
  }
  for (std::size_t i = 0; i < out.size(); ++i) known[node.outputs[i]] = out[i];
  return known.at(value);
}

}  // namespace

int Importer::table_operand(Site& site, int i) {
  if (static_cast<std::size_t>(i) >= site.in.size() ||
      site.in[static_cast<std::size_t>(i)].kind != Edge::Kind::table) {
    fail(ErrorCode::invalid_argument, "operand {} is not a table", i);
  }
  return site.in[static_cast<std::size_t>(i)].variable;
}

// A table is known by its shared name; at the top level, by its node.
Importer::Edges Importer::table_handle(Site& site) {
  std::string name = site.node.text("shared_name");
  if (name.empty()) name = site.node.name();
  if (name.empty() && !site.frame.view.function.empty()) name = site.frame.view.function;
  const int number =
      variables_.tables().number(name, site.node.type("key_dtype"), site.node.type("value_dtype"));
  if (site.node.op().starts_with("MutableDense")) {
    const Tensor *empty = known(site, 0), *deleted = known(site, 1);
    if (empty == nullptr || deleted == nullptr) throw Refusal("its keys are computed at run time");
    const Shape values = site.node.shape("value_shape");  // left out: scalars
    variables_.tables().make_dense(number, {*empty, *deleted},
                                   values.has_rank() ? values : Shape{});
  }
  return {{Edge::Kind::table, -1, number}};
}

// The content that a node reads, after the initialisers have run.
const Table& Importer::table_of(Site& site) {
  Tables& tables = variables_.tables();
  if (!tables.ready) {
    tables.ready = true;
    Importer initialiser(functions_, variables_, options_, evaluator_, {});
    initialiser.fill_tables();
  }
  const Table& table = tables.at(table_operand(site, 0));
  if (!table.filled) {
    const std::string& why = table.problem.empty() ? tables.failure : table.problem;
    // A file that is not there, or not the model's own, is no lack of Thaw's.
    if (table.problem_code == ErrorCode::not_found ||
        table.problem_code == ErrorCode::permission_denied) {
      fail(table.problem_code, "table '{}': {}", printable(table.name), table.problem);
    }
    throw Refusal(fmt::format("table '{}' is not filled by the model's initialisers{}",
                              printable(table.name), why.empty() ? "" : ": " + why));
  }
  return table;
}

Importer::Edges Importer::find_in_table(Site& site) {
  for (const Edge& edge : site.in) {
    if (edge.kind == Edge::Kind::poison) return {kPoison};
  }
  const Table& table = table_of(site);
  const ops::HostCall lookup{"lookup", {{"keys", table.keys}, {"values", table.values}}};
  return {tensor_edge(site.scope.builder.add1(lookup, {input(site, 1), input(site, 2)}))};
}

Importer::Edges Importer::table_size(Site& site) {
  if (!site.in.empty() && site.in[0].kind == Edge::Kind::poison) return {kPoison};
  // Equal keys are one entry.
  const Table& table = table_of(site);
  std::set<std::string> distinct;
  for (std::int64_t i = 0; i < table.keys.num_elements(); ++i) {
    const std::size_t width = size_of(table.key_dtype);
    const auto* data = static_cast<const char*>(table.keys.data());
    distinct.insert(table.key_dtype == DType::string
                        ? table.keys.data<std::string>()[i]
                        : std::string(data + static_cast<std::size_t>(i) * width, width));
  }
  const auto size = static_cast<std::int64_t>(distinct.size());
  return {tensor_edge(
      site.scope.builder.constant(Tensor::from(Shape{}, std::vector<std::int64_t>{size})))};
}

Importer::Edges Importer::export_table(Site& site) {
  if (!site.in.empty() && site.in[0].kind == Edge::Kind::poison) return {kPoison};
  const Table& table = table_of(site);
  GraphBuilder& g = site.scope.builder;
  return {tensor_edge(g.constant(table.keys)), tensor_edge(g.constant(table.values))};
}

Importer::Edges Importer::change_table(Site&) { throw Refusal("changes a table at run time"); }

// Only while tables are filled: a tensor of the checkpoint, read when something needs it.
Importer::Edges Importer::restored(Site& site) {
  if (!filling_) throw Refusal("reads files");
  Edges edges;
  const Tensor* keys = known(site, 1);
  if (keys == nullptr || keys->dtype() != DType::string) throw Refusal("reads files");
  for (std::int64_t i = 0; i < keys->num_elements(); ++i) {
    edges.push_back({Edge::Kind::stored, -1, static_cast<int>(stored_keys_.size())});
    stored_keys_.push_back(keys->data<std::string>()[i]);
  }
  return edges;
}

Tensor Importer::content(Site& site, int i) {
  const Edge& edge = site.in.at(static_cast<std::size_t>(i));
  if (edge.kind == Edge::Kind::stored) {
    return variables_.tables().stored(stored_keys_[static_cast<std::size_t>(edge.variable)]);
  }
  std::map<ValueId, Tensor> known_values;
  return computed(site.scope.builder.graph(), input(site, i), evaluator_, known_values, 0);
}

// A table that cannot be filled is an error only where the model uses it.
Importer::Edges Importer::fill_table(Site& site) {
  if (!filling_) throw Refusal("fills a table at run time");
  if (!site.in.empty() && site.in[0].kind == Edge::Kind::poison) return {kPoison};
  const int number = table_operand(site, 0);
  try {
    fill_with(site, number);
  } catch (const Error& error) {
    variables_.tables().set_problem(number, error);
  }
  return {};
}

void Importer::fill_with(Site& site, int number) {
  for (const Edge& edge : site.in) {
    if (edge.kind != Edge::Kind::poison) continue;
    if (unsupported_.empty()) throw Refusal("its content cannot be computed");
    const Unsupported& why = unsupported_.back();
    throw Refusal(fmt::format("{} '{}': {}", why.what, why.where, why.why));
  }
  const std::string& op = site.node.op();
  Tables& tables = variables_.tables();
  if (!op.starts_with("InitializeTableFromTextFile")) {
    tables.fill(number, content(site, 1), content(site, 2), op.starts_with("InitializeTable"));
    return;
  }
  const Tensor path = content(site, 1);
  const std::string delimiter = site.node.text("delimiter");
  if (path.dtype() != DType::string || path.num_elements() != 1 || delimiter.size() != 1) {
    fail(ErrorCode::invalid_argument, "expected one file name and a delimiter of one byte");
  }
  tables.fill_from_text(
      number, path.data<std::string>()[0],
      {site.node.integer("key_index"), site.node.integer("value_index"),
       site.node.integer("vocab_size"), site.node.integer("offset"), delimiter[0]});
}

bool Importer::fills_tables(const NodeView::Function& function, std::set<std::string>& seen) {
  if (!functions_.contains(function.name) || !seen.insert(function.name).second) return false;
  for (const GraphView::Entry& entry : functions_.view(function).nodes) {
    if (fills_table(entry.node.op())) return true;
    for (const NodeView::Function& inner : entry.node.all_functions()) {
      if (fills_tables(inner, seen)) return true;
    }
  }
  return false;
}

// One call, or one node that fills a table, with what it needs.
void Importer::run_initialiser(Scope& scope, Frame& frame, int number) {
  const GraphView::Entry& entry = frame.view.nodes[static_cast<std::size_t>(number)];
  try {
    if (fills_table(entry.node.op())) {
      visit(scope, frame, number);
      return;
    }
    std::optional<NodeView::Function> function;
    if (entry.node.op() == "PartitionedCall" || entry.node.op() == "StatefulPartitionedCall") {
      function = entry.node.function("f");
    } else if (functions_.contains(entry.node.op())) {
      function = NodeView::Function{entry.node.op(), nullptr};
    }
    if (!function) return;
    // Also refuses cycles and calls that are too deep, before they are followed.
    const std::uint64_t size = functions_.expanded_size(function->name);
    std::set<std::string> seen;
    if (!fills_tables(*function, seen)) return;
    if (imported_nodes_ + size > options_.limits.max_nodes) {
      fail(ErrorCode::resource_exhausted, "the initialisers have more than {} nodes",
           options_.limits.max_nodes);
    }
    const GraphView& view = functions_.view(*function);
    if (view.arguments.size() != entry.data.size()) return;
    imported_nodes_ += view.nodes.size();
    Frame inner(view);
    inner.prefix = entry.node.name() + "/";
    for (const Ref& ref : entry.data) {
      if (ref.node >= 0 && !frame.feeds.contains({ref.node, ref.port}))
        visit(scope, frame, ref.node);
      inner.arguments.push_back(edge(frame, ref));
    }
    run_initialisers(scope, inner, -1);
  } catch (const Error& error) {
    if (variables_.tables().failure.empty()) variables_.tables().failure = error.what();
  }
}

void Importer::run_initialisers(Scope& scope, Frame& frame, int except) {
  for (std::size_t i = 0; i < frame.view.nodes.size(); ++i) {
    if (static_cast<int>(i) != except) run_initialiser(scope, frame, static_cast<int>(i));
  }
}

// As TensorFlow loads a model: the checkpoint first, then the initialisers.
void Importer::fill_tables() {
  filling_ = true;
  Tables& tables = variables_.tables();
  Graph graph;
  Scope scope(graph, evaluator_, nullptr);
  Frame frame(tables.top());
  for (const auto& [where, path] : tables.asset_names()) {
    const ValueId name =
        scope.builder.constant(Tensor::from(Shape{}, std::vector<std::string>{path}));
    frame.feeds.emplace(where, tensor_edge(name));
  }
  const int restore = tables.restore_node();
  if (restore >= 0) run_initialiser(scope, frame, restore);
  run_initialisers(scope, frame, restore);
}

}  // namespace thaw::tf
