// The recurrent layers that GPU exports of Keras contain, unpacked from cuDNN's flat parameters.
#include "loaders/tf/ops/op_context.h"
#include "loaders/tf/sequence_mask.h"

namespace thaw::tf::importers {
namespace {

struct Packed {
  ValueId params;
  std::int64_t at = 0;
};

// The next `gates` matrices of `units` x `width`, each stored transposed: [width, gates * units].
ValueId next_matrix(OpContext& c, Packed& packed, std::int64_t gates, std::int64_t units,
                    std::int64_t width) {
  const std::int64_t size = gates * units * width;
  const ValueId flat = c.g.slice_axis(packed.params, 0, packed.at, packed.at + size);
  packed.at += size;
  return c.g.transpose(c.g.reshape(flat, {gates * units, width}), {1, 0});
}

ValueId next_bias(OpContext& c, Packed& packed, std::int64_t size) {
  const ValueId bias = c.g.slice_axis(packed.params, 0, packed.at, packed.at + size);
  packed.at += size;
  return bias;
}

// cuDNN orders a GRU's gates r, z, h; Rnn has z, r, h.
ValueId swap_first_gates(OpContext& c, ValueId x, std::int64_t units) {
  const ValueId r = c.g.slice_axis(x, -1, 0, units);
  const ValueId z = c.g.slice_axis(x, -1, units, 2 * units);
  const ValueId h = c.g.slice_axis(x, -1, 2 * units, GraphBuilder::kToEnd);
  return c.g.concat({z, r, h}, c.g.shape(x).rank() - 1);
}

// Initial states have a dimension for layers: [1, B, U] or [B, 1, U].
ValueId state_of(OpContext& c, int i, bool time_major) {
  if (c.rank(i) != 3) fail(ErrorCode::invalid_argument, "a state of {}", c.shape(i).to_string());
  return c.g.squeeze(c.in(i), time_major ? 0 : 1);
}

}  // namespace

// kind: the version of the op. (input, input_h, input_c, params, [sequence_lengths])
Results cudnn_rnn(OpContext& c) {
  const bool has_lengths = c.kind == 3;
  c.expect_count(has_lengths ? 5 : 4);
  const bool gru = c.one_of("rnn_mode", {"lstm", "gru"}) == 1;
  c.one_of("direction", {"unidirectional"});
  c.one_of("input_mode", {"linear_input"});
  if (has_lengths && c.node.integer("num_proj") != 0) c.refuse("attribute num_proj other than 0");
  const bool time_major = !has_lengths || c.node.flag("time_major");
  if (c.rank(0) != 3) fail(ErrorCode::invalid_argument, "input {}", c.shape(0).to_string());
  const std::int64_t inputs = c.shape(0)[2];
  const ValueId h0 = state_of(c, 1, time_major);
  const std::int64_t units = c.g.shape(h0)[1];
  if (inputs < 1 || units < 1) c.refuse("unknown sizes");

  const std::int64_t gates = gru ? 3 : 4;
  const std::int64_t expected = gates * units * (inputs + units + 2);
  if (!c.shape(3).is_static() || c.shape(3).num_elements() != expected) {
    c.refuse(fmt::format("parameters {} where one layer of {} units has {}", c.shape(3).to_string(),
                         units, expected));
  }
  Packed packed{c.in(3)};
  ValueId kernel = next_matrix(c, packed, gates, units, inputs);
  ValueId recurrent = next_matrix(c, packed, gates, units, units);
  ValueId input_bias = next_bias(c, packed, gates * units);
  ValueId recurrent_bias = next_bias(c, packed, gates * units);
  ops::Rnn op;
  op.cell = gru ? CellKind::gru : CellKind::lstm;
  op.return_sequences = true;
  op.time_major = time_major;
  op.has_state = true;
  ValueId bias;
  if (gru) {
    for (ValueId* part : {&kernel, &recurrent, &input_bias, &recurrent_bias}) {
      *part = swap_first_gates(c, *part, units);
    }
    bias = c.g.add1(ops::Stack{0}, {input_bias, recurrent_bias});
  } else {
    bias = c.g.binary(BinaryKind::add, input_bias, recurrent_bias);
  }
  std::vector<ValueId> operands{c.in(0), kernel, recurrent, bias};
  if (has_lengths) {
    op.has_mask = true;
    op.zero_output_for_mask = true;  // cuDNN pads its output with zeros
    operands.push_back(mask_of_lengths(c.g, c.in(4), c.in(0), time_major ? 0 : 1));
  }
  operands.push_back(h0);
  if (!gru) operands.push_back(state_of(c, 2, time_major));
  const Results y = c.g.add(op, operands, gru ? 2 : 3);
  const std::int64_t layer_axis = time_major ? 0 : 1;
  const ValueId h = c.g.expand_dims(y[1], layer_axis);
  const ValueId cell = gru ? c.in(2) : c.g.expand_dims(y[2], layer_axis);
  return {y[0], h, cell, kNoValue, kNoValue};
}

}  // namespace thaw::tf::importers
