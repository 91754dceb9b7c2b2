// TensorFlow 1's recurrent cells in one op, and updates of rows.
#include <limits>

#include "loaders/tf/ops/segment.h"

namespace thaw::tf::importers {
namespace {

ValueId sigmoid(OpContext& c, ValueId x) { return c.g.unary({UnaryKind::sigmoid}, x); }
ValueId tanh(OpContext& c, ValueId x) { return c.g.unary({UnaryKind::tanh}, x); }
ValueId add(OpContext& c, ValueId x, ValueId y) { return c.g.binary(BinaryKind::add, x, y); }
ValueId mul(OpContext& c, ValueId x, ValueId y) { return c.g.binary(BinaryKind::mul, x, y); }

/// [x, h] w + b, split into `parts` columns.
std::vector<ValueId> gates(OpContext& c, ValueId x, ValueId h, ValueId w, ValueId b, int parts) {
  const ValueId sums = add(c, c.g.matmul(c.g.concat({x, h}, 1), w), b);
  if (parts == 1) return {sums};
  return c.g.add(ops::Split{1}, {sums}, parts);
}

}  // namespace

// (x, cs_prev, h_prev, w, wci, wcf, wco, b) -> (i, cs, f, o, ci, co, h); columns i, ci, f, o.
Results lstm_block_cell(OpContext& c) {
  c.expect_count(8);
  const bool peephole = c.node.flag("use_peephole");
  const double clip = c.node.number("cell_clip");
  const DType dtype = c.dtype(0);
  const ValueId previous = c.in(1);
  const std::vector<ValueId> sums = gates(c, c.in(0), c.in(2), c.in(3), c.in(7), 4);
  const auto peek = [&](ValueId gate, ValueId state, int weights) {
    return peephole ? add(c, gate, mul(c, state, c.in(weights))) : gate;
  };
  const ValueId i = sigmoid(c, peek(sums[0], previous, 4));
  const ValueId ci = tanh(c, sums[1]);
  const ValueId forget = add(c, sums[2], c.g.scalar(c.node.number("forget_bias"), dtype));
  const ValueId f = sigmoid(c, peek(forget, previous, 5));
  ValueId cs = add(c, mul(c, ci, i), mul(c, previous, f));
  if (clip > 0) cs = c.g.unary({UnaryKind::clamp, -clip, clip}, cs);
  const ValueId o = sigmoid(c, peek(sums[3], cs, 6));
  const ValueId co = tanh(c, cs);
  return {i, cs, f, o, ci, co, mul(c, o, co)};
}

// (x, h_prev, w_ru, w_c, b_ru, b_c) -> (r, u, c, h); the reset gate acts before the candidate.
Results gru_block_cell(OpContext& c) {
  c.expect_count(6);
  const ValueId x = c.in(0), previous = c.in(1);
  const std::vector<ValueId> sums = gates(c, x, previous, c.in(2), c.in(4), 2);
  const ValueId r = sigmoid(c, sums[0]), u = sigmoid(c, sums[1]);
  const ValueId candidate = tanh(c, gates(c, x, mul(c, previous, r), c.in(3), c.in(5), 1)[0]);
  const ValueId change = mul(c, c.g.binary(BinaryKind::sub, previous, candidate), u);
  return {r, u, candidate, add(c, change, candidate)};
}

// kind: 2 has no forget bias, and the forget gate's columns in front of the candidate's.
Results block_lstm(OpContext& c) {
  c.expect_count(9);
  const double forget_bias = c.kind == 1 ? c.node.number("forget_bias") : 0;
  const Attributes attributes{{"forget_bias", forget_bias},
                              {"cell_clip", c.node.number("cell_clip")},
                              {"use_peephole", c.node.flag("use_peephole")},
                              {"forget_first", c.kind == 2}};
  return c.g.add(ops::HostCall{"block_lstm", attributes, nullptr}, c.inputs, 7);
}

// (x, i [n], v [n, ...]): rows i of a copy of x become v, x + v or x - v. Where rows repeat, the
// last one counts and sums add up.
Results inplace(OpContext& c) {
  c.expect_count(3);
  const bool scalar = c.rank(1) == 0;
  ValueId rows = scalar ? c.g.expand_dims(c.in(1), 0) : c.in(1);
  ValueId updates = scalar ? c.g.expand_dims(c.in(2), 0) : c.in(2);
  if (c.kind == 2) updates = c.g.unary({UnaryKind::neg}, updates);
  rows = c.g.expand_dims(rows, -1);
  const ops::Scatter op{c.kind == 0 ? ScatterKind::update : ScatterKind::add};
  return {c.g.add1(op, {c.in(0), rows, updates})};
}

}  // namespace thaw::tf::importers
