#include "loaders/tf/ops/sparse.h"

#include "loaders/tf/ops/ragged.h"

namespace thaw::tf::importers {
namespace {

std::vector<ValueId> add_sparse_call(OpContext& c, const char* function, Attributes attributes,
                                     int results) {
  return c.g.add(ops::HostCall{function, std::move(attributes), nullptr}, c.inputs, results);
}

}  // namespace

Results sparse_call(OpContext& c) {
  struct Row {
    const char* function;
    int results;
  };
  constexpr Row kRows[] = {{"sparse_reorder", 2},   {"sparse_reshape", 2},
                           {"sparse_slice", 3},     {"sparse_fill_empty_rows", 4},
                           {"sparse_dense_add", 1}, {"sparse_softmax", 1}};
  return add_sparse_call(c, kRows[c.kind].function, {}, kRows[c.kind].results);
}

Results sparse_to_dense(OpContext& c) {
  c.expect_count(4);
  return add_sparse_call(c, "sparse_to_dense",
                         {{"validate_indices", c.node.flag("validate_indices")}}, 1);
}

Results sparse_dense_matmul(OpContext& c) {
  c.expect_count(4);
  return add_sparse_call(
      c, "sparse_dense_matmul",
      {{"adjoint_a", c.node.flag("adjoint_a")}, {"adjoint_b", c.node.flag("adjoint_b")}}, 1);
}

// Two dense matrices that were thought to hold many zeros.
Results sparse_matmul(OpContext& c) {
  c.expect_count(2);
  return {c.g.matmul(c.g.cast(c.in(0), DType::float32), c.g.cast(c.in(1), DType::float32),
                     c.node.flag("transpose_a"), c.node.flag("transpose_b"))};
}

// kind: 0 sum, 1 product, 2 quotient
Results sparse_dense_elementwise(OpContext& c) {
  c.expect_count(4);
  constexpr const char* kKinds[] = {"sum", "mul", "div"};
  return add_sparse_call(c, "sparse_dense_elementwise", {{"kind", std::string(kKinds[c.kind])}}, 1);
}

Results sparse_concat(OpContext& c) {
  return add_sparse_call(c, "sparse_concat", {{"axis", c.node.integer("concat_dim")}}, 3);
}

Results sparse_split(OpContext& c) {
  c.expect_count(4);
  const std::int64_t parts = c.node.list_length("num_split");
  return add_sparse_call(c, "sparse_split", {}, static_cast<int>(3 * parts));
}

// kind: 0 sum, 1 maximum
Results sparse_reduce(OpContext& c) {
  c.expect_count(4);
  return add_sparse_call(
      c, "sparse_reduce",
      {{"kind", std::string(c.kind == 0 ? "sum" : "max")}, {"keep_dims", c.node.flag("keep_dims")}},
      1);
}

// kind: 0 sum, 1 maximum
Results sparse_reduce_sparse(OpContext& c) {
  c.expect_count(4);
  return add_sparse_call(
      c, "sparse_reduce_sparse",
      {{"kind", std::string(c.kind == 0 ? "sum" : "max")}, {"keep_dims", c.node.flag("keep_dims")}},
      3);
}

// The packed form is strings, also where the graph says variants. kind: 1 packs row by row
Results serialize_sparse(OpContext& c) {
  c.expect_count(3);
  const DType packed = c.node.type("out_type");
  if (packed != DType::string && packed != DType::tensor_list) {
    c.refuse(fmt::format("attribute out_type={}", name_of(packed)));
  }
  return add_sparse_call(c, "serialize_sparse", {{"rows", c.kind == 1}}, 1);
}

// kind: 1 takes a matrix
Results deserialize_sparse(OpContext& c) {
  c.expect_count(1);
  if (c.kind == 1 && c.shape(0).has_rank() && c.rank(0) != 2) {
    fail(ErrorCode::invalid_argument, "expected a matrix of packed tensors, found {}",
         c.shape(0).to_string());
  }
  return c.g.add(ops::HostCall{"deserialize_sparse", {{"dtype", c.node.type("dtype")}}, nullptr},
                 {packed_item(c)}, 3);
}

// kind: 0 sum, 1 maximum, 2 minimum
Results sparse_combine(OpContext& c) {
  constexpr const char* kKinds[] = {"sum", "max", "min"};
  return add_sparse_call(c, "sparse_combine", {{"kind", std::string(kKinds[c.kind])}},
                         c.kind == 0 ? 3 : 2);
}

// kind: 1 SparseCross, whose settings are attributes; 2 SparseCrossV2; 3 SparseCrossHashed
Results sparse_cross(OpContext& c) {
  const bool attributes_only = c.kind == 1;
  const bool hashed = attributes_only ? c.node.flag("hashed_output") : c.kind == 3;
  const auto dense = static_cast<std::int64_t>(c.node.types("dense_types").size());
  const std::int64_t how = !hashed ? 0 : attributes_only ? 1 : 2;
  return add_sparse_call(c, "sparse_cross",
                         {{"sparse", c.node.integer("N")},
                          {"dense", dense},
                          {"kind", how},
                          {"separator", std::string("_X_")},
                          {"num_buckets", attributes_only ? c.node.integer("num_buckets") : 0},
                          {"hash_key", attributes_only ? c.node.integer("hash_key") : 0}},
                         3);
}

Results ctc_greedy_decoder(OpContext& c) {
  c.expect_count(2);
  return add_sparse_call(c, "ctc_greedy_decoder",
                         {{"merge_repeated", c.node.flag("merge_repeated")},
                          {"blank_index", c.node.integer("blank_index")}},
                         4);
}

Results ctc_beam_search_decoder(OpContext& c) {
  c.expect_count(2);
  const std::int64_t paths = c.node.list_length("top_paths");
  return add_sparse_call(c, "ctc_beam_search_decoder",
                         {{"merge_repeated", c.node.flag("merge_repeated")},
                          {"beam_width", c.node.integer("beam_width")}},
                         static_cast<int>(3 * paths + 1));
}

}  // namespace thaw::tf::importers
