// thaw show --plan: the steps of one run, where they run, and the memory they need.
#include <fmt/format.h>

#include "runtime/base/check.h"
#include "tools/commands.h"

namespace thaw::tools {
namespace {

// Unknown dimensions: the first is the batch.
Shape known_shape(const TensorSpec& input, const ShowOptions& options) {
  Shape shape = input.type.shape;
  if (!shape.has_rank()) {
    fail(ErrorCode::failed_precondition, "input '{}' has no known rank: it cannot be planned",
         printable(input.name));
  }
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (shape[axis] == kUnknownDim) shape[axis] = axis == 0 ? options.batch : options.length;
  }
  return shape;
}

}  // namespace

int show_plan(const ShowOptions& options) {
  const Model model = open_model(options.model);
  Session session = open_session(model, options.model);
  std::vector<Shape> shapes;
  for (const TensorSpec& input : session.inputs()) shapes.push_back(known_shape(input, options));
  session.prepare(shapes);
  fmt::print("{}", session.plan_text());
  return kMatch;
}

}  // namespace thaw::tools
