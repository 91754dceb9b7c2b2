#include "loaders/tf/ops/measures.h"

namespace thaw::tf::importers {

// kind: 1 the last class is the blank, 2 (CTCLossV2) the first. The gradient is not computed.
Results ctc_loss(OpContext& c) {
  c.expect_count(4);
  Attributes attributes{{"blank_first", c.kind == 2}};
  for (const char* flag : {"preprocess_collapse_repeated", "ctc_merge_repeated",
                           "ignore_longer_outputs_than_inputs"}) {
    attributes.set(flag, c.node.flag(flag));
  }
  return {c.g.add1(ops::HostCall{"ctc_loss", std::move(attributes), nullptr}, c.inputs), kNoValue};
}

Results edit_distance(OpContext& c) {
  c.expect_count(6);
  return {
      c.g.add1(ops::HostCall{"edit_distance",
                             {{"normalize", c.node.flag("normalize")}, {"dtype", DType::float32}},
                             nullptr},
               c.inputs)};
}

Results isotonic_regression(OpContext& c) {
  c.expect_count(1);
  return c.g.add(
      ops::HostCall{"isotonic_regression", {{"dtype", c.node.type("output_dtype")}}, nullptr},
      c.inputs, 2);
}

Results nearest_neighbors(OpContext& c) {
  c.expect_count(3);
  return c.g.add(ops::HostCall{"nearest_neighbors", {}, nullptr}, c.inputs, 2);
}

// On a CPU TensorFlow's answer is exact, in no promised order; this one is sorted.
Results approx_top_k(OpContext& c) {
  c.expect_count(1);
  const std::int64_t axis = c.node.integer("reduction_dimension");
  if (axis != -1 && axis != c.rank(0) - 1) c.refuse("reduction_dimension before the last");
  if (!c.node.flag("aggregate_to_topk")) c.refuse("attribute aggregate_to_topk=false");
  const bool most = c.node.flag("is_max_k");
  const ValueId x = most ? c.in(0) : c.g.unary({UnaryKind::neg}, c.in(0));
  const ValueId k = c.g.scalar(static_cast<double>(c.node.integer("k")), DType::int32);
  const std::vector<ValueId> y = c.g.add(ops::TopK{true, DType::int32}, {x, k}, 2);
  return {most ? y[0] : c.g.unary({UnaryKind::neg}, y[0]), y[1]};
}

// A scalar is true unless it is zero or an empty text, a tensor unless it has no elements.
Results to_bool(OpContext& c) {
  c.expect_count(1);
  if (c.rank(0) > 0) {
    const ValueId size = c.g.add1(ops::ShapeQuery{ShapeQueryKind::size, DType::int64}, {c.in(0)});
    return {c.g.cast(size, DType::boolean)};
  }
  if (c.dtype(0) == DType::string) {
    const ValueId empty = c.g.constant(Tensor::from(Shape{}, std::vector<std::string>{""}));
    return {c.g.binary(BinaryKind::not_equal, c.in(0), empty)};
  }
  return {c.g.cast(c.in(0), DType::boolean)};
}

// Which of the devices' functions a Case behind it runs: the CPU's, else the one behind the last.
Results device_index(OpContext& c) {
  const std::vector<std::string> names = c.node.texts("device_names");
  std::size_t index = 0;
  while (index < names.size() && names[index] != "CPU") ++index;
  return {c.g.scalar(static_cast<double>(index), DType::int32)};
}

Results encode_wav(OpContext& c) {
  c.expect_count(2);
  return {c.g.add1(ops::HostCall{"encode_wav", {}, nullptr}, c.inputs)};
}

}  // namespace thaw::tf::importers
