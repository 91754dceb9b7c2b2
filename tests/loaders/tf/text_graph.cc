#include "tests/loaders/tf/text_graph.h"

#include <sstream>

#include "loaders/tf/tf.h"
#include "runtime/exec/evaluator.h"

namespace thaw::testing {
namespace {

constexpr char kFunctionBegin = '\1', kFunctionEnd = '\2';

std::vector<std::string> words(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> all;
  for (std::string word; stream >> word;) all.push_back(word);
  return all;
}

std::string fields_of_node(const std::string& name, const std::string& op,
                           const std::string& inputs, const std::string& attrs) {
  std::string text = "name: \"" + name + "\" op: \"" + op + "\" ";
  for (const std::string& input : words(inputs)) text += "input: \"" + input + "\" ";
  return text + attrs;
}

std::string arguments_of(const std::string& field, const std::string& arguments) {
  std::string text;
  for (const std::string& word : words(arguments)) {
    const std::size_t colon = word.find(':');
    text += field + " { name: \"" + word.substr(0, colon) + "\" type: " + word.substr(colon + 1) +
            " } ";
  }
  return text;
}

}  // namespace

LoadedModel load_text(const std::string& graph, LoadOptions options) {
  // A message has one library: all functions go there.
  std::string text, functions;
  for (std::size_t at = 0; at < graph.size();) {
    const std::size_t begin = std::min(graph.find(kFunctionBegin, at), graph.size());
    text += graph.substr(at, begin - at);
    const std::size_t end = std::min(graph.find(kFunctionEnd, begin), graph.size());
    if (begin < graph.size()) functions += graph.substr(begin + 1, end - begin - 1);
    at = end + 1;
  }
  if (!functions.empty()) text += "library { " + functions + "}\n";
  const Bytes file{
      {reinterpret_cast<const std::byte*>(text.data()), text.size()}, nullptr, "test.pbtxt"};
  return load_frozen_graph(file, options, reference_evaluator());
}

Graph graph_of_text(const std::string& text, LoadOptions options) {
  return load_text(text, std::move(options)).signatures.at(0).graph;
}

Failure failure_of(const std::string& text, LoadOptions options) {
  try {
    load_text(text, std::move(options));
    return {};
  } catch (const Error& error) {
    return {error.code(), error.what()};
  }
}

std::string node(const std::string& name, const std::string& op, const std::string& inputs,
                 const std::string& attrs) {
  return "node { " + fields_of_node(name, op, inputs, attrs) + " }\n";
}

std::string attr(const std::string& key, const std::string& value) {
  return "attr { key: \"" + key + "\" value { " + value + " } } ";
}

std::string placeholder(const std::string& name, const std::string& dims, const std::string& type) {
  std::string shape;
  for (const std::string& dim : words(dims)) shape += "dim { size: " + dim + " } ";
  return node(name, "Placeholder", "",
              attr("dtype", "type: " + type) + attr("shape", "shape { " + shape + "}"));
}

std::string constant(const std::string& name, const std::string& type, const std::string& fields) {
  return node(name, "Const", "",
              attr("dtype", "type: " + type) +
                  attr("value", "tensor { dtype: " + type + " " + fields + " }"));
}

std::string function(const std::string& name, const std::string& arguments,
                     const std::string& results, const std::string& body,
                     const std::string& returns) {
  std::string nodes = body;  // node { -> node_def {
  for (std::size_t at = 0; (at = nodes.find("node {", at)) != std::string::npos; at += 10) {
    nodes.replace(at, 6, "node_def {");
  }
  std::string text = std::string(1, kFunctionBegin) + "function { signature { name: \"" + name +
                     "\" " + arguments_of("input_arg", arguments) +
                     arguments_of("output_arg", results) + "}\n" + nodes;
  for (const std::string& word : words(returns)) {
    const std::size_t equals = word.find('=');
    text += "ret { key: \"" + word.substr(0, equals) + "\" value: \"" + word.substr(equals + 1) +
            "\" }\n";
  }
  return text + "}\n" + kFunctionEnd;
}

}  // namespace thaw::testing
