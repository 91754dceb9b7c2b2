#include "loaders/tf/ops/numeric.h"

namespace thaw::tf::importers {

// Quantised types are their integers, which the same bits are.
Results bitcast(OpContext& c) {
  c.expect_count(1);
  return add_host_call(c, "bitcast", {{"dtype", c.node.type("type")}}, 1);
}

Results complex_part(OpContext& c) {
  c.expect_count(1);
  constexpr const char* kParts[] = {"real", "imag", "angle", "complex_abs", "conj"};
  return add_host_call(c, kParts[c.kind], {}, 1);
}

Results conjugate_transpose(OpContext& c) {
  c.expect_count(2);
  const ValueId x =
      is_complex(c.dtype(0)) ? c.g.add1(ops::HostCall{"conj", {}, nullptr}, {c.in(0)}) : c.in(0);
  return {c.g.add1(ops::Transpose{}, {x, c.in(1)})};
}

Results complex(OpContext& c) {
  c.expect_count(2);
  return add_host_call(c, "complex", {}, 1);
}

Results population_count(OpContext& c) {
  c.expect_count(1);
  return add_host_call(c, "population_count", {}, 1);
}

Results next_after(OpContext& c) {
  c.expect_count(2);
  return add_host_call(c, "next_after", {}, 1);
}

Results compare_and_bitpack(OpContext& c) {
  c.expect_count(2);
  return add_host_call(c, "compare_and_bitpack", {}, 1);
}

}  // namespace thaw::tf::importers
