#include "runtime/exec/evaluator.h"

#include "kernels/backend.h"

namespace thaw {
namespace {

/// Another shape of elements that are still in their file: they stay there.
bool is_stored_view(const Op& op, const std::vector<Tensor>& inputs,
                    const std::vector<TensorType>& types) {
  const bool view =
      std::holds_alternative<ops::Reshape>(op) || std::holds_alternative<ops::ExpandDims>(op) ||
      std::holds_alternative<ops::Squeeze>(op) || std::holds_alternative<ops::Identity>(op);
  return view && types.size() == 1 && inputs[0].stored() != nullptr &&
         types[0].dtype == inputs[0].dtype() && types[0].shape.is_static() &&
         types[0].shape.num_elements() == inputs[0].num_elements();
}

}  // namespace

Evaluator reference_evaluator() {
  return [](const Op& op, const std::vector<Tensor>& inputs, const std::vector<TensorType>& types,
            std::vector<Tensor>& outputs) {
    if (is_stored_view(op, inputs, types)) {
      outputs = {inputs[0].reshaped(types[0].shape)};
      return true;
    }
    try {
      outputs = evaluate(op, inputs, static_cast<int>(types.size()));
      return true;
    } catch (const Error& error) {
      // An index out of range in a branch that is never taken is no reason not to load: it fails if
      // it runs.
      if (error.code() == ErrorCode::internal || error.code() == ErrorCode::resource_exhausted)
        throw;
      return false;
    }
  };
}

}  // namespace thaw
