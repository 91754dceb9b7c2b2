// Ragged tensors, as their row splits and values.
#include "loaders/tf/ops/ragged.h"

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

// (splits..., values) -> (variant)
Results ragged_to_variant(OpContext& c) {
  if (c.node.list_length("RAGGED_RANK") != c.count() - 1) {
    fail(ErrorCode::invalid_argument, "{} operands, RAGGED_RANK is {}", c.count(),
         c.node.list_length("RAGGED_RANK"));
  }
  return c.g.add(
      ops::HostCall{"ragged_to_variant", {{"batched", c.node.flag("batched_input")}}, nullptr},
      c.inputs);
}

ValueId packed_item(OpContext& c) {
  const ValueId item = c.in(0);
  if (c.dtype(0) != DType::tensor_list) return item;
  const Graph& graph = c.g.graph();
  const NodeId producer = graph.values[static_cast<std::size_t>(item)].producer;
  if (producer != kNoNode) {
    const Node& node = graph.nodes[static_cast<std::size_t>(producer)];
    const std::vector<ValueId> operands = node.inputs;
    if (std::holds_alternative<ops::ListGet>(node.op)) {
      return c.g.add1(ops::ListGet{DType::string}, operands);
    }
  }
  c.refuse("a variant that is not the item of a list");
}

// (variant) -> (splits..., values)
Results ragged_from_variant(OpContext& c) {
  c.expect_count(1);
  const std::int64_t levels = c.node.list_length("output_ragged_rank");
  if (levels > 32) fail(ErrorCode::invalid_argument, "output_ragged_rank {}", levels);
  const Results results =
      c.g.add(ops::HostCall{"ragged_from_variant",
                            {{"dtype", c.node.type("Tvalues")},
                             {"splits", c.node.type("Tsplits")},
                             {"levels", levels},
                             {"inner_levels", c.node.integer("input_ragged_rank")}},
                            nullptr},
              {packed_item(c)}, static_cast<int>(levels) + 1);
  // The writer may have known more of the values' shape than the element tells.
  if (c.node.has("_output_shapes")) {
    const std::vector<Shape> shapes = c.node.shapes("_output_shapes");
    if (shapes.size() == results.size() && shapes.back().has_rank()) {
      refine(c.g, results.back(), shapes.back().dims());
    }
  }
  return results;
}

// (value_rowids, values, nrows, default) -> (value_rowids, values, is_empty, where the rows went)
Results ragged_fill_empty_rows(OpContext& c) {
  c.expect_count(4);
  GraphBuilder& g = c.g;
  Results results =
      g.add(ops::HostCall{"sparse_fill_empty_rows", {}, nullptr},
            {g.expand_dims(c.in(0), 1), c.in(1), g.reshape(c.in(2), {1}), c.in(3)}, 4);
  results[0] = g.squeeze(results[0], 1);
  return results;
}

namespace {

/// A feature as a sparse tensor: indices, values, shape.
struct CrossedFeature {
  ValueId indices, values, shape;
};

CrossedFeature dense_feature(OpContext& c, ValueId x) {
  GraphBuilder& g = c.g;
  const ValueId shape = g.add1(ops::ShapeQuery{ShapeQueryKind::shape, DType::int64}, {x});
  const ValueId everywhere = g.add1(ops::BroadcastTo{}, {g.scalar(1, DType::boolean), shape});
  return {g.add1(ops::Where{}, {everywhere}), g.reshape(x, {-1}), shape};
}

/// Features in the order in which they are joined: input_order has a letter for each.
std::vector<CrossedFeature> crossed_features(OpContext& c) {
  const auto ragged = static_cast<int>(c.node.types("ragged_values_types").size());
  const std::int64_t stated = c.node.integer("Nsparse");
  if (stated < 0 || stated > c.count()) {
    fail(ErrorCode::invalid_argument, "Nsparse is {}", stated);
  }
  const auto sparse = static_cast<int>(stated);
  const auto dense = static_cast<int>(c.node.types("dense_types").size());
  c.expect_count(2 * ragged + 3 * sparse + dense);
  int next_ragged = 0, next_sparse = 0, next_dense = 0;
  std::vector<CrossedFeature> features;
  for (const char letter : c.node.text("input_order")) {
    const int first_sparse = 2 * ragged;
    if (letter == 'R' && next_ragged < ragged) {
      const int i = next_ragged++;
      const Results parts =
          c.g.add(ops::HostCall{"ragged_to_sparse", {}, nullptr}, {c.in(ragged + i), c.in(i)}, 3);
      features.push_back({parts[0], parts[1], parts[2]});
    } else if (letter == 'S' && next_sparse < sparse) {
      const int i = first_sparse + next_sparse++;
      features.push_back({c.in(i), c.in(i + sparse), c.in(i + 2 * sparse)});
    } else if (letter == 'D' && next_dense < dense) {
      features.push_back(dense_feature(c, c.in(first_sparse + 3 * sparse + next_dense++)));
    } else {
      fail(ErrorCode::invalid_argument, "input_order '{}'", printable(c.node.text("input_order")));
    }
  }
  if (static_cast<int>(features.size()) != ragged + sparse + dense) {
    fail(ErrorCode::invalid_argument, "input_order '{}'", printable(c.node.text("input_order")));
  }
  return features;
}

}  // namespace

// Every combination of one value per feature, row by row.
Results ragged_cross(OpContext& c) {
  const std::vector<CrossedFeature> features = crossed_features(c);
  if (features.empty()) c.refuse("a cross of no features");
  std::vector<ValueId> inputs;
  for (const CrossedFeature& feature : features) inputs.push_back(feature.indices);
  for (const CrossedFeature& feature : features) inputs.push_back(feature.values);
  for (const CrossedFeature& feature : features) inputs.push_back(feature.shape);
  const bool hashed = c.node.flag("hashed_output");
  GraphBuilder& g = c.g;
  const Results crossed =
      g.add(ops::HostCall{"sparse_cross",
                          {{"sparse", static_cast<std::int64_t>(features.size())},
                           {"dense", std::int64_t{0}},
                           {"kind", std::int64_t{hashed ? 1 : 0}},
                           {"separator", std::string("_X_")},
                           {"num_buckets", c.node.integer("num_buckets")},
                           {"hash_key", c.node.integer("hash_key")}},
                          nullptr},
            std::move(inputs), 3);
  // Where the rows of the combinations begin.
  const ValueId rows = g.slice_axis(crossed[0], 1, 0, 1);
  const ValueId batch = g.squeeze(g.slice_axis(crossed[2], 0, 0, 1), 0);
  const ValueId limit = g.binary(BinaryKind::add, batch, g.scalar(1, DType::int64));
  const ValueId wanted =
      g.add1(ops::Range{}, {g.scalar(0, DType::int64), limit, g.scalar(1, DType::int64)});
  const ValueId splits =
      g.add1(ops::HostCall{"search_sorted",
                           {{"upper", false}, {"dtype", c.node.type("out_row_splits_type")}},
                           nullptr},
             {g.reshape(rows, {1, -1}), g.reshape(wanted, {1, -1})});
  return {crossed[1], g.reshape(splits, {-1})};
}

}  // namespace thaw::tf::importers
