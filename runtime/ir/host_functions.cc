#include "runtime/ir/host_functions.h"

#include "runtime/ir/host/families.h"

namespace thaw {

std::vector<std::span<const HostFunction>> host_function_families() {
  return {host_types::strings(), host_types::lookup(), host_types::linalg(),  host_types::signal(),
          host_types::special(), host_types::random(), host_types::image(),   host_types::segment(),
          host_types::sparse(),  host_types::ragged(), host_types::example(), host_types::bits()};
}

const HostFunction* find_host_function(std::string_view name) {
  for (const std::span<const HostFunction> family : host_function_families()) {
    for (const HostFunction& function : family) {
      if (function.name == name) return &function;
    }
  }
  return nullptr;
}

bool is_deterministic(const Op& op) {
  const auto* call = std::get_if<ops::HostCall>(&op);
  if (call == nullptr) return true;
  if (call->custom != nullptr) return false;  // not ours to promise
  const HostFunction* function = find_host_function(call->function);
  return function != nullptr && function->deterministic;
}

namespace inference {

Types infer_op(const ops::HostCall& call, const Context& context) {
  Types types;
  if (call.custom != nullptr) {
    Types operands;
    for (int i = 0; i < context.count(); ++i) operands.push_back(context.type(i));
    types = call.custom->infer(operands);
  } else {
    const HostFunction* function = find_host_function(call.function);
    if (function == nullptr) invalid("no host function is called '{}'", printable(call.function));
    types = function->infer(call, context);
  }
  expect_results(context, static_cast<int>(types.size()));
  return types;
}

}  // namespace inference
}  // namespace thaw
