// Graphs written as text in tests.
#pragma once

#include <string>

#include "loaders/load.h"

namespace thaw::testing {

/// Loads a GraphDef in protobuf text; functions may stand anywhere between the nodes.
LoadedModel load_text(const std::string& graph, LoadOptions options = {});
/// The graph of the only signature.
Graph graph_of_text(const std::string& text, LoadOptions options = {});
/// Code and message of the Error that loading throws; an empty message if it throws none.
struct Failure {
  ErrorCode code = ErrorCode::internal;
  std::string message;
};
Failure failure_of(const std::string& text, LoadOptions options = {});

// Pieces of graphs. Inputs are blank-separated, attributes are protobuf text.
std::string node(const std::string& name, const std::string& op, const std::string& inputs = "",
                 const std::string& attrs = "");
std::string attr(const std::string& key, const std::string& value);
/// A float or int32 placeholder; "?" for unknown sizes is -1.
std::string placeholder(const std::string& name, const std::string& dims = "-1",
                        const std::string& type = "DT_FLOAT");
/// A Const with the fields of its TensorProto.
std::string constant(const std::string& name, const std::string& type, const std::string& fields);
/// A function of the library; arguments and results as "name:TYPE", `body` made of node() with
/// node_def in front, `returns` as "result=value".
std::string function(const std::string& name, const std::string& arguments,
                     const std::string& results, const std::string& body,
                     const std::string& returns);

}  // namespace thaw::testing
