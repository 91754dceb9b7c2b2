#include <algorithm>
#include <map>
#include <type_traits>

#include "runtime/ir/graph.h"
#include "runtime/ir/text.h"
#include "runtime/ir/infer.h"
#include "runtime/ir/text_names.h"
#include "runtime/ir/text_scanner.h"
#include "runtime/ir/text_tensor.h"

namespace thaw {
namespace {

using text::Scanner;

/// Bounds the recursion over nested sub-graphs.
constexpr int kMaxDepth = 64;

/// Reads the value of one attribute.
struct AttributeReader {
  Scanner& scanner;

  void operator()(bool& value) const {
    const std::size_t position = scanner.mark();
    const std::string word = scanner.word("true or false");
    if (word != "true" && word != "false") scanner.fail_at(position, "expected true or false");
    value = word == "true";
  }
  void operator()(std::int32_t& value) const { value = scanner.number<std::int32_t>(); }
  void operator()(std::int64_t& value) const { value = scanner.number<std::int64_t>(); }
  void operator()(double& value) const { value = text::parse_double(scanner); }
  void operator()(std::string& value) const { value = scanner.quoted(); }
  void operator()(Tensor& value) const { value = text::parse_tensor(scanner); }
  template <class T>
  void operator()(std::vector<T>& values) const {
    values.clear();
    scanner.expect("[");
    while (!scanner.accept("]")) {
      if (!values.empty()) scanner.expect(",");
      T value{};
      (*this)(value);
      values.push_back(std::move(value));
    }
  }
  /// [name: kind = value, ...]
  void operator()(Attributes& attributes) const {
    attributes = {};
    scanner.expect("[");
    while (!scanner.accept("]")) {
      if (!attributes.entries().empty()) scanner.expect(",");
      std::string name = scanner.word("an attribute");
      scanner.expect(":");
      const std::size_t position = scanner.mark();
      Attributes::Value value = empty_value(scanner.word("a kind"), position);
      scanner.expect("=");
      std::visit(*this, value);
      attributes.set(std::move(name), std::move(value));
    }
  }
  void operator()(DType& value) const {
    const std::size_t position = scanner.mark();
    const std::string name = scanner.word("an element type");
    value = dtype_from_name(name);
    if (value == DType::invalid && name != "invalid") {
      scanner.fail_at(position, "'{}' is no element type", name);
    }
  }
  void operator()(BinaryKind& value) const { kind(value); }
  void operator()(UnaryFn& fn) const {
    fn = {};
    kind(fn.kind);
    if (!scanner.accept("(")) return;
    fn.alpha = text::parse_double(scanner);
    scanner.expect(",");
    fn.beta = text::parse_double(scanner);
    scanner.expect(")");
  }
  void operator()(Padding& padding) const {
    padding = {};
    (*this)(padding.kind);
    if (!scanner.accept("(")) return;
    (*this)(padding.before);
    scanner.expect(",");
    (*this)(padding.after);
    scanner.expect(")");
  }
  template <text::Named Kind>
  void operator()(Kind& value) const {
    const std::size_t position = scanner.mark();
    const std::string name = scanner.word("a name");
    const auto& names = text::Names<Kind>::value;
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end()) {
      scanner.fail_at(position, "expected one of {}, found '{}'", fmt::join(names, ", "), name);
    }
    value = static_cast<Kind>(found - names.begin());
  }

 private:
  Attributes::Value empty_value(const std::string& kind, std::size_t position) const {
    return value_of_kind<0>(kind, position);
  }
  template <std::size_t I>
  Attributes::Value value_of_kind(const std::string& kind, std::size_t position) const {
    if constexpr (I < std::size(kAttributeKinds)) {
      if (kind == kAttributeKinds[I]) return Attributes::Value(std::in_place_index<I>);
      return value_of_kind<I + 1>(kind, position);
    } else {
      scanner.fail_at(position, "'{}' is no kind of attribute", kind);
    }
  }
  template <class Kind>
  void kind(Kind& value) const {
    const std::size_t position = scanner.mark();
    const std::string name = scanner.word("a function");
    if (!kind_from_name(name, value)) scanner.fail_at(position, "'{}' is no function", name);
  }
};

class Parser {
 public:
  explicit Parser(const std::string& text) : scanner_(text) {}

  Graph parse() {
    Graph graph;
    root_ = &graph;
    scanner_.expect("graph");
    parse_graph(graph, 0);
    expect_end();
    return graph;
  }

  Op parse_lone_op() {
    Op op = parse_op_name();
    if (scanner_.accept("{")) parse_attributes(op);
    expect_end();
    return op;
  }

 private:
  void expect_end() {
    if (!scanner_.at_end()) scanner_.fail_at(scanner_.mark(), "expected the end");
  }

  Op parse_op_name() {
    const std::size_t position = scanner_.mark();
    const std::string name = scanner_.word("an op");
    return op_named(name, position);
  }

  Op op_named(const std::string& name, std::size_t position) {
    Op op = op_from_name(name);
    if (std::holds_alternative<std::monostate>(op)) {
      scanner_.fail_at(position, "'{}' is no op", name);
    }
    return op;
  }

  /// The names that values have in one graph's text.
  using Ids = std::map<std::string, ValueId>;

  void parse_graph(Graph& graph, int depth) {
    if (depth > kMaxDepth) scanner_.fail_at(scanner_.mark(), "sub-graphs are nested too deep");
    if (scanner_.next_is('"')) graph.name = scanner_.quoted();
    scanner_.expect("{");
    Ids ids;
    bool has_inputs = false;
    while (!scanner_.accept("}")) {
      if (scanner_.next_is('%')) {
        parse_node(graph, ids);
        continue;
      }
      const std::size_t position = scanner_.mark();
      const std::string word = scanner_.word("a node, inputs, outputs, variable, subgraph or '}'");
      if (word == "variable") {
        parse_variable(graph, depth, position);
      } else if (word == "subgraph") {
        // Filled before it joins the vector, whose growth would move it.
        Graph subgraph;
        parse_graph(subgraph, depth + 1);
        graph.subgraphs.push_back(std::move(subgraph));
      } else if (word == "inputs") {
        has_inputs = true;
        parse_interface(graph, ids, graph.inputs, graph.input_names);
      } else if (word == "outputs") {
        parse_interface(graph, ids, graph.outputs, graph.output_names);
      } else {
        parse_call(graph, ids, {}, word, position);
      }
    }
    if (!has_inputs) default_inputs(graph);
    keep_numbers(graph, ids);
  }

  void parse_variable(Graph& graph, int depth, std::size_t position) {
    if (depth > 0) scanner_.fail_at(position, "variables belong to the outermost graph");
    Variable variable;
    variable.name = scanner_.quoted();
    scanner_.expect("=");
    variable.initial = text::parse_tensor(scanner_);
    graph.variables.push_back(std::move(variable));
  }

  ValueId parse_use(const Ids& ids) {
    const std::size_t position = scanner_.mark();
    scanner_.expect("%");
    const std::string name = scanner_.word("a value's number or name");
    const auto found = ids.find(name);
    if (found == ids.end()) scanner_.fail_at(position, "%{} is not defined", name);
    return found->second;
  }

  void parse_interface(const Graph&, const Ids& ids, std::vector<ValueId>& values,
                       std::vector<std::string>& names) {
    values.clear();
    names.clear();
    scanner_.expect("(");
    while (!scanner_.accept(")")) {
      if (!values.empty()) scanner_.expect(",");
      values.push_back(parse_use(ids));
      names.push_back(scanner_.next_is('"') ? scanner_.quoted() : "");
    }
  }

  /// "%3 "name": float32[2], %4 = op(...)": results, then the call.
  void parse_node(Graph& graph, Ids& ids) {
    std::vector<ValueId> results;
    const std::size_t position = scanner_.mark();
    do {
      const std::size_t place = scanner_.mark();
      scanner_.expect("%");
      const std::string name = scanner_.word("a value's number or name");
      const auto id = static_cast<ValueId>(graph.values.size());
      if (!ids.emplace(name, id).second) scanner_.fail_at(place, "%{} is defined twice", name);
      Value value;
      if (scanner_.next_is('"')) value.name = scanner_.quoted();
      if (scanner_.accept(":")) value.type = text::parse_type(scanner_);
      value.producer = static_cast<NodeId>(graph.nodes.size());
      graph.values.push_back(std::move(value));
      results.push_back(id);
    } while (scanner_.accept(","));
    scanner_.expect("=");
    const std::string op = scanner_.word("an op");
    parse_call(graph, ids, std::move(results), op, position);
  }

  /// "op(%1, %2) {attribute = value} @ "name"" behind the op's name.
  void parse_call(Graph& graph, const Ids& ids, std::vector<ValueId> results,
                  const std::string& name, std::size_t position) {
    Node node;
    node.op = op_named(name, position);
    node.outputs = std::move(results);
    scanner_.expect("(");
    while (!scanner_.accept(")")) {
      if (!node.inputs.empty()) scanner_.expect(",");
      const std::size_t place = scanner_.mark();
      node.inputs.push_back(parse_use(ids));
      const bool own = std::find(node.outputs.begin(), node.outputs.end(), node.inputs.back()) !=
                       node.outputs.end();
      if (own) scanner_.fail_at(place, "a node cannot use its own result");
    }
    if (scanner_.accept("{")) parse_attributes(node.op);
    if (scanner_.accept("@")) node.name = scanner_.quoted();
    graph.nodes.push_back(std::move(node));
    infer_missing(graph, position);
  }

  void parse_attributes(Op& op) {
    for (bool first = true; !scanner_.accept("}"); first = false) {
      if (!first) scanner_.expect(",");
      const std::size_t position = scanner_.mark();
      const std::string attribute = scanner_.word("an attribute");
      scanner_.expect("=");
      bool found = false;
      std::visit(
          [&]<class T>(T& alternative) {
            if constexpr (!std::is_same_v<T, std::monostate>) {
              T::fields(alternative, [&](const char* name, auto& value) {
                if (attribute != name) return;
                found = true;
                AttributeReader{scanner_}(value);
              });
            }
          },
          op);
      if (!found) scanner_.fail_at(position, "{} has no attribute '{}'", name_of(op), attribute);
    }
  }

  /// Types that the text leaves out.
  void infer_missing(Graph& graph, std::size_t position) {
    const Node& node = graph.nodes.back();
    const auto missing = [&](ValueId id) {
      return graph.values[static_cast<std::size_t>(id)].type.dtype == DType::invalid;
    };
    if (std::none_of(node.outputs.begin(), node.outputs.end(), missing)) return;
    if (std::holds_alternative<ops::Input>(node.op)) {
      scanner_.fail_at(position, "an input needs a type");
    }
    try {
      const std::vector<TensorType> types = infer_node(graph, node, *root_);
      for (std::size_t i = 0; i < types.size(); ++i) {
        const ValueId id = node.outputs[i];
        if (missing(id)) graph.values[static_cast<std::size_t>(id)].type = types[i];
      }
    } catch (const Error& error) {
      scanner_.fail_at(position, "{}: {}", name_of(node.op), error.what());
    }
  }

  static void default_inputs(Graph& graph) {
    for (const Node& node : graph.nodes) {
      if (!std::holds_alternative<ops::Input>(node.op)) continue;
      for (const ValueId id : node.outputs) {
        graph.inputs.push_back(id);
        graph.input_names.push_back(graph.values[static_cast<std::size_t>(id)].name);
      }
    }
  }

  /// If the values are numbered 0, 1, ... in any order, the numbers become the ids.
  static void keep_numbers(Graph& graph, const Ids& ids) {
    std::vector<ValueId> number_of(graph.values.size());
    for (const auto& [name, id] : ids) {
      ValueId number = 0;
      const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
      const bool whole = error == std::errc() && end == name.data() + name.size();
      if (!whole || static_cast<std::size_t>(number) >= ids.size() ||
          std::to_string(number) != name) {
        return;
      }
      number_of[static_cast<std::size_t>(id)] = number;
    }
    std::vector<Value> values(graph.values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[static_cast<std::size_t>(number_of[i])] = std::move(graph.values[i]);
    }
    graph.values = std::move(values);
    const auto renumber = [&](std::vector<ValueId>& list) {
      for (ValueId& id : list) id = number_of[static_cast<std::size_t>(id)];
    };
    for (Node& node : graph.nodes) {
      renumber(node.inputs);
      renumber(node.outputs);
    }
    renumber(graph.inputs);
    renumber(graph.outputs);
  }

  Scanner scanner_;
  const Graph* root_ = nullptr;
};

}  // namespace

Graph parse(const std::string& text) { return Parser(text).parse(); }
Op parse_op(const std::string& text) { return Parser(text).parse_lone_op(); }

}  // namespace thaw
