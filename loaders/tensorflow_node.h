// One TensorFlow node on values of a graph under construction: how Keras layers that hold such a
// node, or call a TensorFlow function, reach the importers of TensorFlow's ops. loaders/tf
// implements this; loaders/keras knows no more of it than this header.
#pragma once

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "loaders/source/json.h"
#include "runtime/ir/builder.h"
#include "thaw/options.h"

namespace thaw {

using NodeAttribute = std::variant<bool, std::int64_t, double, std::string, DType,
                                   std::vector<std::int64_t>, std::vector<double>>;
using NodeAttributes = std::vector<std::pair<std::string, NodeAttribute>>;

/// Attributes that are not given take the op's defaults. A result that Thaw does not compute is -1.
/// Throws Error: unimplemented for an op without an importer and for what its importer refuses,
/// invalid_argument for operands that do not fit.
std::vector<ValueId> add_tensorflow_node(GraphBuilder& g, const std::string& op,
                                         const std::vector<ValueId>& inputs,
                                         const NodeAttributes& attributes = {});

/// The op's name of a NodeDef written as JSON (protobuf's mapping) or, as a string, in binary.
/// Throws Error(invalid_argument) if it is none.
std::string tensorflow_node_op(const Json& node_def, const Limits& limits);
/// The node itself on these operands, whatever its own inputs are called.
std::vector<ValueId> add_tensorflow_node_def(GraphBuilder& g, const Json& node_def,
                                             const std::vector<ValueId>& inputs,
                                             const Limits& limits);

/// Whether some importer takes this op.
bool has_tensorflow_op(const std::string& op);

}  // namespace thaw
