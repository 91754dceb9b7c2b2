// Ragged tensors, as their row splits and values.
#include "loaders/tf/ops/strings.h"

namespace thaw::tf::importers {

Results ragged_gather(OpContext& c) {
  const std::int64_t rank = c.node.integer("OUTPUT_RAGGED_RANK");
  const std::int64_t depth = c.node.integer("PARAMS_RAGGED_RANK");
  if (depth < 1 || depth + 2 != c.count()) {
    fail(ErrorCode::invalid_argument, "{} operands for {} ragged dimensions", c.count(), depth);
  }
  if (rank != depth + c.rank(c.count() - 1) - 1) {
    fail(ErrorCode::invalid_argument, "OUTPUT_RAGGED_RANK is {}, the operands give {}", rank,
         depth + c.rank(c.count() - 1) - 1);
  }
  return c.g.add(ops::HostCall{"ragged_gather", {}}, c.inputs, static_cast<int>(rank) + 1);
}

Results ragged_range(OpContext& c) {
  return c.g.add(ops::HostCall{"ragged_range", {{"splits", c.node.type("Tsplits")}}}, c.inputs, 2);
}

Results ragged_to_sparse(OpContext& c) {
  return c.g.add(ops::HostCall{"ragged_to_sparse", {}}, c.inputs, 3);
}

Results ragged_to_tensor(OpContext& c) {
  return c.g.add(ops::HostCall{"ragged_to_tensor",
                               {{"row_partition_types", c.node.texts("row_partition_types")}}},
                 c.inputs);
}

// kind: 0 dense, 1 sparse, 2 ragged values
Results count_sparse(OpContext& c) {
  static constexpr const char* kFunctions[] = {"dense_count", "sparse_count", "ragged_count"};
  return c.g.add(ops::HostCall{kFunctions[c.kind],
                               {{"minlength", c.node.integer("minlength")},
                                {"maxlength", c.node.integer("maxlength")},
                                {"binary_output", c.node.flag("binary_output")}}},
                 c.inputs, 3);
}

}  // namespace thaw::tf::importers
