#include "loaders/tf/graph_view.h"

#include <charconv>

#include "tf/proto/thaw_tf.pb.h"

namespace thaw::tf {
namespace {

// "name:out:3" -> name, out, 3; "name:3" -> name, "", 3.
struct Reference {
  std::string_view node, output;
  std::int64_t index = 0;
  bool has_index = false, control = false;
};

bool parse_index(std::string_view text, std::int64_t& index) {
  const char* end = text.data() + text.size();
  auto [stop, error] = std::from_chars(text.data(), end, index);
  return error == std::errc{} && stop == end && index >= 0;
}

Reference parse(std::string_view text) {
  Reference parsed;
  if (text.starts_with('^')) {
    parsed.control = true;
    parsed.node = text.substr(1);
    return parsed;
  }
  const std::size_t first = text.find(':');
  parsed.node = text.substr(0, first);
  if (first == std::string_view::npos) return parsed;
  text.remove_prefix(first + 1);
  const std::size_t second = text.find(':');
  if (second == std::string_view::npos && parse_index(text, parsed.index)) {
    parsed.has_index = true;
    return parsed;
  }
  parsed.output = text.substr(0, second);
  if (second != std::string_view::npos) {
    if (!parse_index(text.substr(second + 1), parsed.index)) parsed.index = -1;
    parsed.has_index = true;
  }
  if (parsed.output.empty()) parsed.index = -1;  // "name:", "name::0"
  return parsed;
}

std::string place(const GraphView& view) {
  return view.function.empty() ? "" : fmt::format("function '{}': ", printable(view.function));
}

void number_nodes(GraphView& view) {
  for (std::size_t i = 0; i < view.nodes.size(); ++i) {
    const NodeView& node = view.nodes[i].node;
    if (!view.numbers.emplace(node.name(), static_cast<int>(i)).second) {
      fail(ErrorCode::invalid_argument, "{}two nodes are named '{}'", place(view),
           printable(node.name()));
    }
  }
}

// A reference inside a function names the op's output; at the top level it has a flat number.
Ref resolve_reference(const GraphView& view, const Reference& parsed) {
  const auto found = view.numbers.find(std::string(parsed.node));
  if (found == view.numbers.end()) return {};
  Ref ref{found->second, parsed.index};
  if (parsed.control) return ref;
  if (ref.is_argument()) {
    if (parsed.index != 0 || !parsed.output.empty()) return {};
    return ref;
  }
  if (parsed.output.empty()) return ref;
  const NodeView& source = view.nodes[static_cast<std::size_t>(ref.node)].node;
  // The results of an unknown op cannot be counted, nor will they be used: the op is refused.
  if (source.schema() != nullptr) ref.port = source.output_position(parsed.output, parsed.index);
  return ref;
}

void resolve_nodes(GraphView& view) {
  for (GraphView::Entry& entry : view.nodes) {
    for (int i = 0; i < entry.node.num_inputs(); ++i) {
      const std::string& text = entry.node.input(i);
      const Reference parsed = parse(text);
      const Ref ref = parsed.index < 0 ? Ref{} : resolve_reference(view, parsed);
      if (ref.node == Ref::kMissing && entry.missing.empty()) entry.missing = text;
      if (!parsed.control) {
        if (!entry.control.empty()) {
          entry.node.fail(ErrorCode::invalid_argument, "data input '{}' behind control inputs",
                          printable(text));
        }
        entry.data.push_back(ref);
      } else if (!ref.is_argument()) {
        entry.control.push_back(ref);
      }
    }
  }
}

// The last entry of a key wins, as in a protobuf map.
const std::string* last_of(const google::protobuf::RepeatedPtrField<StringEntry>& entries,
                           const std::string& key) {
  for (int i = entries.size() - 1; i >= 0; --i) {
    if (entries[i].key() == key) return &entries[i].value();
  }
  return nullptr;
}

void resolve_results(GraphView& view, const FunctionDef& function) {
  for (const OpDef::ArgDef& result : function.signature().output_arg()) {
    const std::string* text = last_of(function.ret(), result.name());
    if (text == nullptr) {
      fail(ErrorCode::invalid_argument, "{}no value for result '{}'", place(view),
           printable(result.name()));
    }
    const Reference parsed = parse(*text);
    const Ref ref = parsed.control || parsed.index < 0 ? Ref{} : resolve_reference(view, parsed);
    if (ref.node == Ref::kMissing) {
      fail(ErrorCode::invalid_argument, "{}result '{}' is '{}', which is not there", place(view),
           printable(result.name()), printable(*text));
    }
    view.result_names.push_back(result.name());
    view.result_types.push_back(result.type());
    view.results.push_back(ref);
  }
  for (const StringEntry& effect : function.control_ret()) {
    const int node = view.find(effect.value());
    if (node < 0) {
      fail(ErrorCode::invalid_argument, "{}effect '{}' is not there", place(view),
           printable(effect.value()));
    }
    view.effects.push_back({node, 0});
  }
}

}  // namespace

int GraphView::find(const std::string& name) const {
  const auto found = numbers.find(name);
  return found == numbers.end() ? Ref::kMissing : found->second;
}

Ref GraphView::resolve(const std::string& reference, const std::string& what,
                       ErrorCode absent) const {
  const Reference parsed = parse(reference);
  const bool flat = !parsed.control && parsed.output.empty() && parsed.index >= 0;
  const int node = flat ? find(std::string(parsed.node)) : Ref::kMissing;
  if (node == Ref::kMissing) {
    fail(absent, "{} is '{}', which is not in the graph", what, printable(reference));
  }
  return {node, parsed.index};
}

GraphView view_graph(const GraphDef& graph, const Limits& limits,
                     const std::shared_ptr<const void>& owner) {
  GraphView view;
  view.nodes.reserve(static_cast<std::size_t>(graph.node_size()));
  for (const NodeDef& node : graph.node()) {
    view.nodes.push_back({NodeView(node, nullptr, limits, owner), {}, {}, {}});
  }
  number_nodes(view);
  resolve_nodes(view);
  return view;
}

GraphView view_function(const FunctionDef& function, const NameAttrList* bindings,
                        const Limits& limits, const std::shared_ptr<const void>& owner) {
  GraphView view;
  view.function = function.signature().name();
  view.bindings = bindings;
  view.nodes.reserve(static_cast<std::size_t>(function.node_def_size()));
  for (const NodeDef& node : function.node_def()) {
    view.nodes.push_back({NodeView(node, bindings, limits, owner), {}, {}, {}});
  }
  number_nodes(view);
  for (const OpDef::ArgDef& argument : function.signature().input_arg()) {
    if (!argument.number_attr().empty() || !argument.type_list_attr().empty()) {
      fail(ErrorCode::unimplemented, "{}argument '{}' is a list", place(view),
           printable(argument.name()));
    }
    const int number = -1 - static_cast<int>(view.arguments.size());
    if (!view.numbers.emplace(argument.name(), number).second) {
      fail(ErrorCode::invalid_argument, "{}two nodes or arguments are named '{}'", place(view),
           printable(argument.name()));
    }
    view.arguments.push_back(argument.name());
    view.resource_arguments.push_back(argument.type() == DT_RESOURCE);
    view.argument_types.push_back(argument.type());
  }
  resolve_nodes(view);
  resolve_results(view, function);
  return view;
}

}  // namespace thaw::tf
