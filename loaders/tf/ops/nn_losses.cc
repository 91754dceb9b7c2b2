// Losses that evaluation graphs hold, with their gradients, which are results of the same op.
#include "loaders/tf/ops/segment.h"

namespace thaw::tf::importers {

// loss = sum(labels (log(sum(exp(x))) - x)), backprop = softmax(x) - labels; features and labels
// broadcast.
Results softmax_loss(OpContext& c) {
  c.expect_count(2);
  const ValueId labels = c.in(1);
  const ValueId log_probabilities = c.g.add1(ops::Softmax{{-1}, true}, {c.in(0)});
  const ValueId terms = c.g.binary(BinaryKind::mul, labels, log_probabilities);
  const ValueId loss = c.g.unary({UnaryKind::neg}, c.g.reduce(ReduceKind::sum, terms, {-1}, false));
  const ValueId probabilities = c.g.add1(ops::Softmax{{-1}, false}, {c.in(0)});
  return {loss, c.g.binary(BinaryKind::sub, probabilities, labels)};
}

// The labels are class numbers; one that is outside is an error.
Results sparse_softmax_loss(OpContext& c) {
  c.expect_count(2);
  const ValueId log_probabilities = c.g.add1(ops::Softmax{{-1}, true}, {c.in(0)});
  const ValueId column = c.g.expand_dims(c.in(1), -1);
  const ValueId picked = c.g.add1(ops::Gather{1, 1}, {log_probabilities, column});
  const ValueId loss = c.g.unary({UnaryKind::neg}, c.g.squeeze(picked, 1));
  const DType dtype = c.dtype(0);
  const ValueId dims = c.g.add1(ops::ShapeQuery{ShapeQueryKind::shape, DType::int32}, {c.in(0)});
  const ValueId classes = c.g.squeeze(c.g.slice_axis(dims, 0, 1, 2), 0);
  const ValueId hot =
      c.g.add1(ops::OneHot{-1}, {c.in(1), classes, c.g.scalar(1, dtype), c.g.scalar(0, dtype)});
  const ValueId probabilities = c.g.add1(ops::Softmax{{-1}, false}, {c.in(0)});
  return {loss, c.g.binary(BinaryKind::sub, probabilities, hot)};
}

}  // namespace thaw::tf::importers
