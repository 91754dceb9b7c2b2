// Rows of rnn: every attribute of every cell.
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
  return rows;
}

}  // namespace thaw::test
