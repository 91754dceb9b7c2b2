#include "loaders/tf/ops/segment.h"

#include <limits>

namespace thaw::tf::importers {
namespace {

const char* name_of_kind(int kind) {
  constexpr const char* kNames[] = {"sum", "mean", "sqrt_n", "prod", "max", "min"};
  return kNames[kind];
}

/// What TensorFlow gives for a segment without rows: the neutral element, which for a float maximum
/// is the lowest finite number. Integers take their own limits.
double empty_segment(SegmentKind kind, DType dtype) {
  if (kind == SegmentKind::prod) return 1;
  if (kind != SegmentKind::max && kind != SegmentKind::min) return 0;
  double limit = std::numeric_limits<double>::max();
  if (dtype == DType::float32) limit = static_cast<double>(std::numeric_limits<float>::max());
  if (dtype == DType::float16) limit = 65504;
  if (dtype == DType::bfloat16) limit = 0x1.FEp127;
  return kind == SegmentKind::max ? -limit : limit;
}

std::vector<ValueId> add_call(OpContext& c, const char* function, Attributes attributes,
                              int results) {
  return c.g.add(ops::HostCall{function, std::move(attributes), nullptr}, c.inputs, results);
}

}  // namespace

Results segment_reduce(OpContext& c) {
  c.expect_count(2);
  return add_call(c, "segment_reduce", {{"kind", std::string(name_of_kind(c.kind))}}, 1);
}

Results unsorted_segment_reduce(OpContext& c) {
  c.expect_count(3);
  const double empty = empty_segment(static_cast<SegmentKind>(c.kind), c.dtype(0));
  const ValueId ids = c.dtype(1) == DType::int16 ? c.g.cast(c.in(1), DType::int32) : c.in(1);
  return {c.g.add1(ops::HostCall{"unsorted_segment_reduce",
                                 {{"kind", std::string(name_of_kind(c.kind))}, {"empty", empty}},
                                 nullptr},
                   {c.in(0), ids, c.in(2)})};
}

// The last operand of the forms "WithNumSegments" is the number of rows of the result.
Results sparse_segment_reduce(OpContext& c) {
  c.expect_count(3, 4);
  return add_call(c, "sparse_segment_reduce", {{"kind", std::string(name_of_kind(c.kind))}}, 1);
}

// kind: 2 results, or 3 with counts.
Results unique(OpContext& c) {
  c.expect_count(1, 2);
  return add_call(c, "unique", {{"dtype", c.node.type("out_idx")}}, c.kind);
}

Results list_diff(OpContext& c) {
  c.expect_count(2);
  return add_call(c, "list_difference", {{"dtype", c.node.type("out_idx")}}, 2);
}

Results dynamic_partition(OpContext& c) {
  c.expect_count(2);
  const std::int64_t count = c.node.list_length("num_partitions");
  if (count < 1) fail(ErrorCode::invalid_argument, "num_partitions is {}", count);
  return add_call(c, "dynamic_partition", {}, static_cast<int>(count));
}

Results dynamic_stitch(OpContext& c) { return add_call(c, "dynamic_stitch", {}, 1); }

Results parallel_concat(OpContext& c) { return {c.g.concat(c.inputs, 0)}; }

Results histogram(OpContext& c) {
  c.expect_count(3);
  return add_call(c, "histogram", {{"dtype", c.node.type("dtype")}}, 1);
}

// InTopK has k as an attribute, InTopKV2 as an operand.
Results in_top_k(OpContext& c) {
  std::vector<ValueId> inputs = c.inputs;
  if (c.kind == 1) {
    c.expect_count(2);
    inputs.push_back(
        c.g.constant(Tensor::from(Shape{}, std::vector<std::int64_t>{c.node.integer("k")})));
  }
  return {c.g.add1(ops::HostCall{"in_top_k", {}, nullptr}, inputs)};
}

Results nth_element(OpContext& c) {
  c.expect_count(2);
  return add_call(c, "nth_element", {{"reverse", c.node.flag("reverse")}}, 1);
}

// kind: 1 for the upper bound
Results search_sorted(OpContext& c) {
  c.expect_count(2);
  return add_call(c, "search_sorted", {{"upper", c.kind == 1}, {"dtype", c.node.type("out_type")}},
                  1);
}

// kind: how many of the two sets are sparse; the first one is dense unless both are not.
Results set_operation(OpContext& c) {
  c.expect_count(2 + 2 * c.kind);
  constexpr const char* kOperations[] = {"a-b", "b-a", "intersection", "union"};
  const int operation = c.one_of("set_operation", {"a-b", "b-a", "intersection", "union"});
  return add_call(c, "set_operation",
                  {{"operation", std::string(kOperations[operation])},
                   {"sparse_a", c.kind == 2},
                   {"sparse_b", c.kind >= 1}},
                  3);
}

Results set_size(OpContext& c) {
  c.expect_count(3);
  return add_call(c, "set_size", {}, 1);
}

Results sparse_bincount(OpContext& c) {
  c.expect_count(5);
  return add_call(c, "sparse_bincount", {{"binary_output", c.node.flag("binary_output")}}, 1);
}

Results ragged_bincount(OpContext& c) {
  c.expect_count(4);
  return add_call(c, "ragged_bincount", {{"binary_output", c.node.flag("binary_output")}}, 1);
}

}  // namespace thaw::tf::importers
