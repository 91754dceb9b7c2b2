#include "runtime/ir/custom_graph.h"

#include "runtime/base/check.h"
#include "runtime/ir/text.h"

namespace thaw {

ValueId CustomGraph::checked(GraphValue value) const {
  if (value.id < 0 || static_cast<std::size_t>(value.id) >= g_.graph().values.size()) {
    fail(ErrorCode::invalid_argument, "{}: a custom object used value {}, which does not exist",
         printable(name_), value.id);
  }
  return value.id;
}

std::vector<ValueId> CustomGraph::values(const std::vector<GraphValue>& given) const {
  std::vector<ValueId> ids;
  for (const GraphValue value : given) ids.push_back(checked(value));
  return ids;
}

std::vector<GraphValue> CustomGraph::add(Op op, const std::vector<GraphValue>& operands,
                                         int results) {
  std::vector<GraphValue> values_of_op;
  for (const ValueId id : g_.add(std::move(op), values(operands), results)) {
    values_of_op.push_back({id});
  }
  return values_of_op;
}

std::vector<GraphValue> CustomGraph::add(const std::string& text,
                                         const std::vector<GraphValue>& operands, int results) {
  Op op = parse_op(text);
  const bool plain =
      !std::holds_alternative<ops::Input>(op) && !std::holds_alternative<ops::If>(op) &&
      !std::holds_alternative<ops::While>(op) && !std::holds_alternative<ops::VariableRead>(op) &&
      !std::holds_alternative<ops::VariableAssign>(op);
  if (!plain) {
    fail(ErrorCode::invalid_argument, "{}: a custom object cannot add {}", printable(name_),
         name_of(op));
  }
  return add(std::move(op), operands, results);
}

std::vector<GraphValue> CustomGraph::call(CustomFunction function,
                                          const std::vector<GraphValue>& operands, int results) {
  if (!function.infer || !function.run) {
    fail(ErrorCode::invalid_argument, "{}: a custom function needs both infer and run",
         printable(name_));
  }
  ops::HostCall call{name_, {}, std::make_shared<CustomFunction>(std::move(function))};
  return add(Op(std::move(call)), operands, results);
}

}  // namespace thaw
