// Diagonals: versions 2 and 3 of the ops take several at once, only version 3 an alignment.
#include "loaders/tf/ops/numeric.h"

namespace thaw::tf::importers {
namespace {

std::string alignment(const OpContext& c) {
  if (c.kind < 3) return "LEFT_LEFT";
  c.one_of("align", {"LEFT_LEFT", "LEFT_RIGHT", "RIGHT_LEFT", "RIGHT_RIGHT"});
  return c.node.text("align");
}

ValueId index(OpContext& c, std::int64_t value) {
  return c.g.constant(Tensor::from(Shape{}, std::vector<std::int64_t>{value}));
}

ValueId add_call(OpContext& c, const char* function, std::vector<ValueId> inputs) {
  return c.g.add1(ops::HostCall{function, {{"align", alignment(c)}}, nullptr}, std::move(inputs));
}

/// Zero; strings are padded with empty ones.
ValueId zero(OpContext& c) { return c.g.constant(Tensor(c.dtype(0), Shape{})); }

}  // namespace

Results matrix_diagonal(OpContext& c) {
  if (c.kind > 1) {
    c.expect_count(5);
    return {add_call(c, "matrix_diag", c.inputs)};
  }
  c.expect_count(1);
  const ValueId any = index(c, -1);
  return {add_call(c, "matrix_diag", {c.in(0), index(c, 0), any, any, zero(c)})};
}

Results matrix_diag_part(OpContext& c) {
  if (c.kind > 1) {
    c.expect_count(3);
    return {add_call(c, "matrix_diag_part", c.inputs)};
  }
  c.expect_count(1);
  return {add_call(c, "matrix_diag_part", {c.in(0), index(c, 0), zero(c)})};
}

Results matrix_set_diag(OpContext& c) {
  if (c.kind > 1) {
    c.expect_count(3);
    return {add_call(c, "matrix_set_diag", c.inputs)};
  }
  c.expect_count(2);
  return {add_call(c, "matrix_set_diag", {c.in(0), c.in(1), index(c, 0)})};
}

// [D...] -> [D..., D...]: the diagonal matrix of all elements in a row.
Results diag(OpContext& c) {
  c.expect_count(1);
  const int rank = c.rank(0);
  const ValueId flat = c.g.reshape(c.in(0), {-1});
  const ValueId any = index(c, -1);
  const ValueId matrix = add_call(c, "matrix_diag", {flat, index(c, 0), any, any, zero(c)});
  Ints dims;
  for (int i = 0; i < 2 * rank; ++i) dims.push_back(GraphBuilder::dim_of(i % rank));
  return {c.g.reshape_like(matrix, c.in(0), dims)};
}

// [D..., D...] -> [D...]
Results diag_part(OpContext& c) {
  c.expect_count(1);
  const int rank = c.rank(0);
  if (rank == 0 || rank % 2 != 0) {
    fail(ErrorCode::invalid_argument, "The rank of the tensor should be even and positive, not {}",
         rank);
  }
  Ints dims;
  std::int64_t size = 1;  // of the rows; unknown: taken at run time
  for (int i = 0; i < rank / 2; ++i) {
    const std::int64_t dim = c.shape(0)[i], twin = c.shape(0)[i + rank / 2];
    if (dim >= 0 && twin >= 0 && dim != twin) {
      fail(ErrorCode::invalid_argument, "Invalid shape {}: dimensions {} and {} do not match",
           c.shape(0).to_string(), i, i + rank / 2);
    }
    size = size < 0 || dim < 0 ? kUnknownDim : size * dim;
    dims.push_back(GraphBuilder::dim_of(i));
  }
  ValueId matrix = c.in(0);
  if (rank > 2) {
    const ValueId shape = c.g.add1(ops::ShapeQuery{ShapeQueryKind::shape, DType::int64}, {c.in(0)});
    const ValueId half = c.g.slice_axis(shape, 0, 0, rank / 2);
    const ValueId rows = c.g.reduce(ReduceKind::prod, half, {0}, true);
    matrix = c.g.add1(ops::Reshape{}, {c.in(0), c.g.concat({rows, rows}, 0)});
    refine(c.g, matrix, {size, size});
  }
  const ValueId flat = add_call(c, "matrix_diag_part", {matrix, index(c, 0), zero(c)});
  return {c.g.reshape_like(flat, c.in(0), dims)};
}

}  // namespace thaw::tf::importers
