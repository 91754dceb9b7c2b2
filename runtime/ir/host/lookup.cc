// Tables from keys to values.
#include "runtime/ir/host/families.h"

namespace thaw::host_types {
namespace {

using inference::Context;
using inference::Types;

// (queries, default) -> (values): the table's keys [n] and values [n, ...] are attributes. Results
// have the default's type, which the float64 oracle widens.
Types lookup_values(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 2);
  const Tensor& keys = call.attributes.tensor("keys");
  const Tensor& values = call.attributes.tensor("values");
  if (keys.shape().rank() != 1 || values.shape().rank() < 1 ||
      keys.shape()[0] != values.shape()[0]) {
    inference::invalid("a table with keys {} and values {}", keys.shape().to_string(),
                       values.shape().to_string());
  }
  inference::expect_same_type(keys.dtype(), "keys", context.dtype(0));
  const DType result = context.dtype(1);
  if (result != values.dtype() && !(is_floating(result) && is_floating(values.dtype()))) {
    inference::expect_same_type(values.dtype(), "default value", result);
  }
  const Shape& queries = context.shape(0);
  if (!queries.has_rank()) return {{result, Shape::unknown_rank()}};
  std::vector<std::int64_t> dims = queries.dims();
  for (int axis = 1; axis < values.shape().rank(); ++axis) dims.push_back(values.shape()[axis]);
  return {{result, Shape(dims)}};
}

}  // namespace

std::span<const HostFunction> lookup() {
  static constexpr HostFunction kFunctions[] = {{"lookup", lookup_values}};
  return kFunctions;
}

}  // namespace thaw::host_types
