// Rows of attention: layouts of its operands, masks, sizes around those of vectors.
#include <limits>

#include "tests/cases/rows.h"

namespace thaw::test {
namespace {

struct AttentionRow {
  std::string name;
  ops::Attention op;
  std::int64_t batch = 2, rows = 5, steps = 7;
  std::int64_t more_columns = 0;  // behind those of the heads
  bool apart = false;             // [B, heads, steps, width]
  std::vector<OperandCase> mask = {};
};

OpCase make_row(const AttentionRow& row) {
  const ops::Attention& op = row.op;
  const auto operand = [&](std::int64_t steps, std::int64_t heads, std::int64_t width,
                           std::int64_t at) {
    return x(row.apart ? Shape{row.batch, heads, steps, width}
                       : Shape{row.batch, steps, at + heads * width + row.more_columns},
             -2, 2);
  };
  std::vector<OperandCase> operands = {
      operand(row.rows, op.heads, op.key_width, op.query_at),
      operand(row.steps, op.key_heads, op.key_width, op.key_at),
      operand(row.steps, op.key_heads, op.value_width, op.value_at)};
  operands.insert(operands.end(), row.mask.begin(), row.mask.end());
  return {"attention " + row.name, op, operands, kFloats, Accuracy::sum};
}

ops::Attention heads_of(std::int64_t heads, std::int64_t key_width, std::int64_t value_width) {
  ops::Attention op;
  op.heads = op.key_heads = heads;
  op.key_width = key_width;
  op.value_width = value_width;
  op.scale = 0.5;
  return op;
}

template <class Change>
void add_row(Rows& rows, const std::string& name, const Change& change) {
  AttentionRow row{name, heads_of(3, 8, 8)};
  change(row);
  rows.push_back(make_row(row));
}

void add_layouts(Rows& rows) {
  const auto add = [&](const std::string& name, auto change) { add_row(rows, name, change); };
  add("plain", [](AttentionRow&) {});
  add("heads apart", [](AttentionRow& r) { r.apart = true; });
  add("columns", [](AttentionRow& r) {
    r.op.query_at = 3, r.op.key_at = 24, r.op.value_at = 5, r.more_columns = 2;
  });
  add("fewer key heads", [](AttentionRow& r) { r.op.heads = 6, r.op.key_heads = 2; });
  add("one key head apart", [](AttentionRow& r) { r.op.key_heads = 1, r.apart = true; });
  add("one head", [](AttentionRow& r) { r.op = heads_of(1, 6, 11); });
  add("odd widths", [](AttentionRow& r) { r.op = heads_of(2, 5, 3); });
  add("wide values", [](AttentionRow& r) { r.op = heads_of(2, 33, 67), r.rows = 9; });
  add("wide heads", [](AttentionRow& r) {
    r.op = heads_of(2, 64, 64), r.op.scale = 0.125, r.rows = r.steps = 64;
  });
  add("width one", [](AttentionRow& r) { r.op = heads_of(2, 1, 1); });
  add("one step", [](AttentionRow& r) { r.steps = 1; });
  add("one row", [](AttentionRow& r) { r.rows = 1, r.steps = 33; });
  add("many rows", [](AttentionRow& r) { r.rows = 131, r.steps = 19; });
  add("many steps", [](AttentionRow& r) { r.batch = 1, r.rows = 17, r.steps = 1030; });
  add("no steps", [](AttentionRow& r) { r.steps = 0; });
  add("no rows", [](AttentionRow& r) { r.rows = 0; });
  add("no batch", [](AttentionRow& r) { r.batch = 0; });
  add("negative scale", [](AttentionRow& r) { r.op.scale = -1.25; });
}

void add_masks(Rows& rows) {
  const double infinity = std::numeric_limits<double>::infinity();
  const std::vector<std::pair<const char*, Shape>> shapes = {
      {"of steps", {2, 1, 1, 7}},       {"of rows", {5, 1}},     {"of pairs", {1, 1, 5, 7}},
      {"of batch pairs", {2, 1, 5, 7}}, {"whole", {2, 3, 5, 7}}, {"of heads", {3, 1, 7}},
      {"of batch", {2, 1, 1, 1}},       {"scalar", {}}};
  for (const auto& [name, shape] : shapes) {
    const auto add = [&, shape = shape](const std::string& kind, auto change) {
      add_row(rows, "mask " + (name + (" " + kind)), change);
    };
    add("added", [&](AttentionRow& r) { r.mask = {x(shape, -9, 1)}; });
    add("replacing", [&](AttentionRow& r) { r.mask = {bools(shape)}, r.op.masked = -1e38; });
    add("lowering",
        [&](AttentionRow& r) { r.mask = {bools(shape)}, r.op.masked = -16, r.op.lowers = true; });
  }
  add_row(rows, "mask infinite", [&](AttentionRow& r) {
    r.mask = {given({5, 7}, {0, -infinity, 1, -infinity, -3})};
  });
  add_row(rows, "mask of everything", [&](AttentionRow& r) {
    r.mask = {given({2, 1, 1, 1}, {0, -infinity})};
  });
  add_row(rows, "mask replacing everything", [&](AttentionRow& r) {
    r.mask = {typed(given({2, 1, 1, 1}, {0, 1}), DType::boolean)};
    r.op.masked = -1e38;
  });
  add_row(rows, "mask of many pairs", [&](AttentionRow& r) {
    r.rows = 70, r.steps = 37, r.mask = {bools({2, 1, 70, 37})}, r.op.masked = -1e38;
  });
  add_row(rows, "mask added to many pairs", [&](AttentionRow& r) {
    r.rows = 70, r.steps = 37, r.mask = {x({1, 3, 70, 37}, -5, 5)};
  });
  add_row(rows, "mask constant", [&](AttentionRow& r) {
    r.mask = {bools({1, 1, 5, 7})}, r.mask[0].constant = true, r.op.masked = -infinity;
    r.op.lowers = true;
  });
}

}  // namespace

Rows attention_rows() {
  Rows rows;
  add_layouts(rows);
  add_masks(rows);
  return rows;
}

}  // namespace thaw::test
