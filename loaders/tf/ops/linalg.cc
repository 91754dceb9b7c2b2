#include "loaders/tf/ops/numeric.h"

namespace thaw::tf {

Results add_host_call(OpContext& c, const char* function, Attributes attributes, int outputs) {
  return c.g.add(ops::HostCall{function, std::move(attributes), nullptr}, c.inputs, outputs);
}

Results add_wide_host_call(OpContext& c, const char* function, Attributes attributes, int outputs) {
  const DType dtype = c.dtype(0);
  if (dtype != DType::float16 && dtype != DType::bfloat16) {
    return add_host_call(c, function, std::move(attributes), outputs);
  }
  std::vector<ValueId> inputs = c.inputs;
  for (ValueId& input : inputs) {
    if (c.g.dtype(input) == dtype) input = c.g.cast(input, DType::float32);
  }
  Results results =
      c.g.add(ops::HostCall{function, std::move(attributes), nullptr}, std::move(inputs), outputs);
  for (ValueId& result : results) {
    if (c.g.dtype(result) == DType::float32) result = c.g.cast(result, dtype);
  }
  return results;
}

namespace importers {

Results cholesky(OpContext& c) {
  c.expect_count(1);
  return add_wide_host_call(c, "cholesky", {}, 1);
}

Results matrix_inverse(OpContext& c) {
  c.expect_count(1);
  return add_wide_host_call(c, "matrix_inverse", {{"adjoint", c.node.flag("adjoint")}}, 1);
}

Results matrix_determinant(OpContext& c) {
  c.expect_count(1);
  return add_wide_host_call(c, "matrix_determinant", {}, 1);
}

Results log_matrix_determinant(OpContext& c) {
  c.expect_count(1);
  return add_wide_host_call(c, "log_matrix_determinant", {}, 2);
}

Results matrix_solve(OpContext& c) {
  c.expect_count(2);
  return add_wide_host_call(c, "matrix_solve", {{"adjoint", c.node.flag("adjoint")}}, 1);
}

Results matrix_triangular_solve(OpContext& c) {
  c.expect_count(2);
  return add_wide_host_call(c, "triangular_solve",
                            {{"lower", c.node.flag("lower")}, {"adjoint", c.node.flag("adjoint")}},
                            1);
}

Results banded_triangular_solve(OpContext& c) {
  c.expect_count(2);
  return add_wide_host_call(c, "banded_triangular_solve",
                            {{"lower", c.node.flag("lower")}, {"adjoint", c.node.flag("adjoint")}},
                            1);
}

Results matrix_solve_ls(OpContext& c) {
  c.expect_count(3);
  return add_host_call(c, "matrix_solve_ls", {{"fast", c.node.flag("fast")}}, 1);
}

Results tridiagonal_solve(OpContext& c) {
  c.expect_count(2);
  const bool pivots = c.node.flag("partial_pivoting"), perturbs = c.node.flag("perturb_singular");
  if (perturbs && !pivots) {
    fail(ErrorCode::invalid_argument, "perturb_singular asks for partial_pivoting");
  }
  return add_host_call(c, "tridiagonal_solve",
                       {{"partial_pivoting", pivots}, {"perturb_singular", perturbs}}, 1);
}

Results tridiagonal_matmul(OpContext& c) {
  c.expect_count(4);
  return add_host_call(c, "tridiagonal_matmul", {}, 1);
}

Results lu(OpContext& c) {
  c.expect_count(1);
  return add_wide_host_call(c, "lu", {{"dtype", c.node.type("output_idx_type")}}, 2);
}

Results qr(OpContext& c) {
  c.expect_count(1);
  return add_wide_host_call(c, "qr", {{"full_matrices", c.node.flag("full_matrices")}}, 2);
}

Results svd(OpContext& c) {
  c.expect_count(1);
  const bool vectors = c.node.flag("compute_uv");
  Results results = add_wide_host_call(
      c, "svd", {{"compute_uv", vectors}, {"full_matrices", c.node.flag("full_matrices")}},
      vectors ? 3 : 1);
  results.resize(3, kNoValue);
  return results;
}

Results self_adjoint_eig(OpContext& c) {
  c.expect_count(1);
  const bool vectors = c.node.flag("compute_v");
  Results results =
      add_wide_host_call(c, "self_adjoint_eig", {{"compute_v", vectors}}, vectors ? 2 : 1);
  results.resize(2, kNoValue);
  return results;
}

Results eig(OpContext& c) {
  c.expect_count(1);
  const bool vectors = c.node.flag("compute_v");
  Results results = add_host_call(c, "eig", {{"compute_v", vectors}}, vectors ? 2 : 1);
  results.resize(2, kNoValue);
  return results;
}

Results matrix_square_root(OpContext& c) {
  c.expect_count(1);
  return add_host_call(c, "matrix_square_root", {}, 1);
}

Results matrix_exponential(OpContext& c) {
  c.expect_count(1);
  return add_host_call(c, "matrix_exponential", {}, 1);
}

Results matrix_logarithm(OpContext& c) {
  c.expect_count(1);
  return add_host_call(c, "matrix_logarithm", {}, 1);
}

// a x b of vectors of three in the last dimension.
Results cross(OpContext& c) {
  c.expect_count(2);
  const int last = c.rank(0) - 1;
  if (last < 0) fail(ErrorCode::invalid_argument, "expected vectors, found a scalar");
  const std::int64_t size = c.shape(0)[last];
  if (size >= 0 && size != 3) {
    fail(ErrorCode::invalid_argument, "expected vectors of 3, found {}", c.shape(0).to_string());
  }
  const ValueId next = c.g.ints({1, 2, 0}), previous = c.g.ints({2, 0, 1});
  const auto product = [&](ValueId of_a, ValueId of_b) {
    return c.g.binary(BinaryKind::mul, c.g.gather(c.in(0), of_a, last),
                      c.g.gather(c.in(1), of_b, last));
  };
  return {c.g.binary(BinaryKind::sub, product(next, previous), product(previous, next))};
}

}  // namespace importers
}  // namespace thaw::tf
