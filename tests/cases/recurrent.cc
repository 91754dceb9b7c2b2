// Rows of rnn and conv_lstm: every attribute of every cell.
#include "tests/cases/rows.h"

namespace thaw::test {
namespace {

struct RnnRow {
  std::string name;
  ops::Rnn op;
  std::int64_t batch = 3, steps = 5, inputs = 7, units = 9;
};

OpCase make_row(const RnnRow& row) {
  const ops::Rnn& op = row.op;
  const std::int64_t gates = op.cell == CellKind::lstm ? 4 : op.cell == CellKind::gru ? 3 : 1;
  const std::int64_t columns = gates * row.units;
  std::vector<OperandCase> operands = {x(op.time_major ? Shape{row.steps, row.batch, row.inputs}
                                                       : Shape{row.batch, row.steps, row.inputs}),
                                       weight({row.inputs, columns}, -0.5, 0.5),
                                       weight({row.units, columns}, -0.5, 0.5)};
  if (op.has_bias) {
    const bool two = op.cell == CellKind::gru && op.reset_after;
    operands.push_back(weight(two ? Shape{2, columns} : Shape{columns}, -0.5, 0.5));
  }
  if (op.has_mask) operands.push_back(bools({row.batch, row.steps}));
  if (op.has_state) {
    operands.push_back(x({row.batch, row.units}));
    if (op.cell == CellKind::lstm) operands.push_back(x({row.batch, row.units}));
  }
  return {"rnn " + row.name,
          op,
          operands,
          kFloats,
          Accuracy::recurrent,
          op.cell == CellKind::lstm ? 3 : 2};
}

void add_cell(Rows& rows, const std::string& cell_name, const ops::Rnn& cell) {
  const auto add = [&](const std::string& name, auto change) {
    RnnRow row{cell_name + " " + name, cell};
    change(row);
    rows.push_back(make_row(row));
  };
  add("last", [](RnnRow&) {});
  add("sequences", [](RnnRow& r) { r.op.return_sequences = true; });
  add("backwards", [](RnnRow& r) { r.op.go_backwards = r.op.return_sequences = true; });
  add("time major", [](RnnRow& r) { r.op.time_major = r.op.return_sequences = true; });
  add("state", [](RnnRow& r) { r.op.has_state = true; });
  add("no bias", [](RnnRow& r) { r.op.has_bias = false; });
  add("mask", [](RnnRow& r) { r.op.has_mask = r.op.return_sequences = true; });
  add("mask last", [](RnnRow& r) { r.op.has_mask = true; });
  add("mask backwards",
      [](RnnRow& r) { r.op.has_mask = r.op.go_backwards = r.op.return_sequences = true; });
  add("mask state", [](RnnRow& r) { r.op.has_mask = r.op.has_state = true; });
  add("mask zero",
      [](RnnRow& r) { r.op.has_mask = r.op.zero_output_for_mask = r.op.return_sequences = true; });
  add("mask zero last", [](RnnRow& r) { r.op.has_mask = r.op.zero_output_for_mask = true; });
  add("everything", [](RnnRow& r) {
    r.op.has_mask = r.op.zero_output_for_mask = r.op.return_sequences = r.op.has_state = true;
    r.op.time_major = r.op.go_backwards = true;
  });
  add("one sequence", [](RnnRow& r) { r.batch = 1, r.units = 33; });
  add("wide", [](RnnRow& r) { r.batch = 17, r.units = 40, r.inputs = 3; });
  add("one unit", [](RnnRow& r) { r.units = r.inputs = r.batch = 1; });
  add("no steps", [](RnnRow& r) { r.steps = 0, r.op.has_state = true; });
  add("no sequences", [](RnnRow& r) { r.batch = 0; });
  add("relu", [](RnnRow& r) { r.op.activation = {UnaryKind::relu}; });
  add("linear", [](RnnRow& r) { r.op.activation = {UnaryKind::linear}, r.steps = 2; });
  add("softsign", [](RnnRow& r) { r.op.activation = {UnaryKind::softsign}; });
  if (cell.cell == CellKind::simple) return;
  add("hard sigmoid gates", [](RnnRow& r) {
    r.op.recurrent_activation = {UnaryKind::hard_sigmoid, 0.2, 0.5};
  });
  add("tanh gates", [](RnnRow& r) { r.op.recurrent_activation = {UnaryKind::tanh}; });
}

struct ConvLstmRow {
  std::string name;
  ops::ConvLstm op;
  std::int64_t batch = 2, steps = 3, channels = 2, filters = 3;
  std::vector<std::int64_t> frame{5, 6}, kernel{3, 2}, state{3, 5};  // state: S'
};

OpCase make_row(const ConvLstmRow& row) {
  const auto shape = [](std::vector<std::int64_t> front, const std::vector<std::int64_t>& middle,
                        std::vector<std::int64_t> back) {
    front.insert(front.end(), middle.begin(), middle.end());
    front.insert(front.end(), back.begin(), back.end());
    return Shape(std::move(front));
  };
  const std::int64_t columns = 4 * row.filters;
  std::vector<OperandCase> operands = {
      x(shape({row.batch, row.steps}, row.frame, {row.channels})),
      weight(shape({}, row.kernel, {row.channels, columns}), -0.5, 0.5),
      weight(shape({}, row.kernel, {row.filters, columns}), -0.5, 0.5)};
  if (row.op.has_bias) operands.push_back(weight({columns}, -0.5, 0.5));
  if (row.op.has_mask) operands.push_back(bools({row.batch, row.steps}));
  for (int i = 0; i < (row.op.has_state ? 2 : 0); ++i)
    operands.push_back(x(shape({row.batch}, row.state, {row.filters})));
  return {"conv_lstm " + row.name, row.op, operands, kFloats, Accuracy::recurrent, 3};
}

void add_conv_lstm(Rows& rows) {
  const auto add = [&](const std::string& name, auto change) {
    ConvLstmRow row;
    row.name = name;
    row.op.strides = row.op.dilations = {1, 1};
    change(row);
    rows.push_back(make_row(row));
  };
  const auto same = [](ConvLstmRow& r) {
    r.op.padding.kind = PaddingKind::same;
    r.state = r.frame;
  };
  add("last", [](ConvLstmRow&) {});
  add("sequences", [](ConvLstmRow& r) { r.op.return_sequences = true; });
  add("same", [&](ConvLstmRow& r) { same(r), r.op.return_sequences = r.op.has_state = true; });
  add("backwards", [](ConvLstmRow& r) { r.op.go_backwards = r.op.return_sequences = true; });
  add("strides", [](ConvLstmRow& r) { r.op.strides = {2, 1}; });
  add("dilations", [](ConvLstmRow& r) { r.op.dilations = {1, 2}, r.op.has_bias = false; });
  add("state", [](ConvLstmRow& r) { r.op.has_state = true; });
  add("mask", [](ConvLstmRow& r) { r.op.has_mask = r.op.return_sequences = true, r.batch = 4; });
  add("mask last", [](ConvLstmRow& r) { r.op.has_mask = true, r.op.has_bias = false; });
  add("mask backwards", [](ConvLstmRow& r) {
    r.op.has_mask = r.op.go_backwards = r.op.return_sequences = r.op.has_state = true;
  });
  add("sigmoid", [](ConvLstmRow& r) { r.op.recurrent_activation = {UnaryKind::sigmoid}; });
  add("other functions", [](ConvLstmRow& r) {
    r.op.activation = {UnaryKind::softsign};
    r.op.recurrent_activation = {UnaryKind::tanh};
  });
  add("pointwise", [](ConvLstmRow& r) { r.kernel = {1, 1}, r.state = r.frame; });
  add("many filters", [&](ConvLstmRow& r) { same(r), r.filters = 21, r.channels = 5; });
  add("many chunks", [&](ConvLstmRow& r) {
    same(r), r.frame = r.state = {40, 33}, r.filters = 8, r.steps = 5, r.op.go_backwards = true;
    r.op.return_sequences = r.op.has_mask = true, r.op.recurrent_activation = {UnaryKind::sigmoid};
  });
  add("one dimension", [](ConvLstmRow& r) {
    r.frame = {7}, r.kernel = {3}, r.state = {5}, r.op.strides = r.op.dilations = {1};
    r.op.has_state = true;
  });
  add("three dimensions", [](ConvLstmRow& r) {
    r.frame = {3, 4, 5}, r.kernel = {2, 2, 3}, r.state = {2, 3, 3};
    r.op.strides = r.op.dilations = {1, 1, 1};
    r.op.return_sequences = true;
  });
  add("no steps", [](ConvLstmRow& r) { r.steps = 0, r.op.has_state = true; });
  add("no sequences", [](ConvLstmRow& r) { r.batch = 0; });
}

}  // namespace

Rows recurrent_rows() {
  Rows rows;
  ops::Rnn lstm, gru, before, simple;
  gru.cell = before.cell = CellKind::gru;
  before.reset_after = false;
  simple.cell = CellKind::simple;
  add_cell(rows, "lstm", lstm);
  add_cell(rows, "gru", gru);
  add_cell(rows, "gru reset before", before);
  add_cell(rows, "simple", simple);
  add_conv_lstm(rows);
  return rows;
}

}  // namespace thaw::test
