// Tensor lists: the values that loops collect.
#include "loaders/tf/ops/op_context.h"

namespace thaw::tf::importers {

Results list_reserve(OpContext& c) {
  c.expect_count(2);
  return {c.g.add1(ops::ListReserve{c.node.type("element_dtype")}, {c.in(0), c.in(1)})};
}

// A list without elements; it grows by push-back, which max_num_elements would only bound.
Results list_empty(OpContext& c) {
  c.expect_count(2);
  const Ints bound = c.ints(1, "max_num_elements");
  if (bound.size() != 1 || bound[0] != -1)
    c.refuse("operand max_num_elements that bounds the list");
  return {c.g.add1(ops::ListReserve{c.node.type("element_dtype")},
                   {c.in(0), c.g.scalar(0, DType::int32)})};
}

Results list_from_tensor(OpContext& c) {
  c.expect_count(2);
  return {c.g.add1(ops::ListFromTensor{}, {c.in(0)})};
}

Results list_get(OpContext& c) {
  c.expect_count(3);
  return {c.g.add1(ops::ListGet{c.node.type("element_dtype")}, {c.in(0), c.in(1), c.in(2)})};
}

Results list_set(OpContext& c) {
  c.expect_count(3);
  const ops::ListSet op{c.node.flag("resize_if_index_out_of_bounds")};
  return {c.g.add1(op, {c.in(0), c.in(1), c.in(2)})};
}

// Variants that become one tensor are packed ragged tensors, which are strings.
Results list_stack(OpContext& c) {
  c.expect_count(2);
  const DType stated = c.node.type("element_dtype");
  const DType dtype = stated == DType::tensor_list ? DType::string : stated;
  const ValueId y = c.g.add1(ops::ListStack{dtype}, {c.in(0), c.in(1)});
  const std::int64_t count = c.node.integer("num_elements");
  const Shape& shape = c.g.shape(y);
  if (count >= 0 && shape.has_rank() && shape.rank() > 0) {
    Ints dims = shape.dims();
    dims[0] = count;
    refine(c.g, y, dims);
  }
  return {y};
}

Results list_length(OpContext& c) {
  c.expect_count(1);
  return {c.g.add1(ops::ListLength{}, {c.in(0)})};
}

Results list_push(OpContext& c) {
  c.expect_count(2);
  return {c.g.add1(ops::ListPushBack{}, {c.in(0), c.in(1)})};
}

Results list_pop(OpContext& c) {
  c.expect_count(2);
  return c.g.add(ops::ListPopBack{c.node.type("element_dtype")}, {c.in(0), c.in(1)}, 2);
}

}  // namespace thaw::tf::importers
