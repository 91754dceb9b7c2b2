// Calls of TensorFlow functions in Keras 2 models (TFOpLambda): the table from functions to ops,
// and what their importers share.
#pragma once

#include <string>
#include <string_view>

#include "loaders/keras/operations/op_call.h"
#include "loaders/keras/table.h"

namespace thaw::keras {

/// A function as TensorFlow's API names it, without "compat.v1.".
struct FunctionRow {
  const char* name;
  const char* parameters;  // in order; the arguments of both API versions by their own names
  Results (*import)(OpCall& c, const FunctionRow& row);
  const char* op = "";  // of TensorFlow
  int kind = 0;
};

std::span<const FunctionRow> elementwise_functions();
std::span<const FunctionRow> reduction_functions();
std::span<const FunctionRow> shape_functions();
std::span<const FunctionRow> indexing_functions();
std::span<const FunctionRow> network_functions();
std::span<const FunctionRow> array_functions();
std::span<const FunctionRow> image_functions();
std::span<const FunctionRow> image_frame_functions();
std::span<const FunctionRow> op_functions();
std::span<const FunctionRow> signal_functions();

/// Null for a function that Thaw does not run.
const FunctionRow* find_function(std::string_view name);

/// The first of these arguments that is given; null if none is.
const Operand* first_of(const OpCall& c, std::initializer_list<const char*> names);
/// The same; an error if none is given.
const Operand& need_first(const OpCall& c, std::initializer_list<const char*> names);
/// Two operands of one type: a number takes that of the tensor.
std::pair<Expr, Expr> matched(const OpCall& c, const Operand& x, const Operand& y);
/// Tensors of a list in one type.
Results matched(const OpCall& c, const Operand& list);
/// An int32 or int64 vector, known or computed.
Expr int_vector(const OpCall& c, const Operand& operand);
/// Axes in [0, rank) of the arguments of either API version; all of them if absent.
Axes reduction_axes(const OpCall& c, int rank);
bool keeps_dims(const OpCall& c);
/// An image in another type, scaled as tf.image.convert_image_dtype does.
Expr converted_image(const OpCall& c, Expr x, DType to, bool saturate);

// The layers; `function` of the configuration says which.
Outputs tf_function(const Layer& layer, Weights& weights, GraphBuilder& g);
Outputs tf_slicing(const Layer& layer, Weights& weights, GraphBuilder& g);
Outputs tf_node(const Layer& layer, Weights& weights, GraphBuilder& g);

}  // namespace thaw::keras
