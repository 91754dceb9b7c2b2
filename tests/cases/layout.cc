// Rows of ops that only move elements.
#include "tests/cases/rows.h"

namespace thaw::test {
namespace {

using Ints = std::vector<std::int64_t>;

void add_shapes(Rows& rows) {
  rows.push_back({"shape_query shape", ops::ShapeQuery{}, {x({3, 0, 5})}, kAll});
  rows.push_back({"shape_query shape int64",
                  ops::ShapeQuery{ShapeQueryKind::shape, DType::int64},
                  {x({3, 7})},
                  kAll});
  rows.push_back({"shape_query size", ops::ShapeQuery{ShapeQueryKind::size}, {x({3, 7})}, kAll});
  rows.push_back({"shape_query rank", ops::ShapeQuery{ShapeQueryKind::rank}, {x({3, 7, 1})}, kAll});
  rows.push_back({"shape_query scalar", ops::ShapeQuery{}, {x({})}, kAll});
  rows.push_back({"reshape", ops::Reshape{}, {x({3, 4, 5}), ints({5, -1, 2})}, kAll});
  rows.push_back({"reshape to scalar", ops::Reshape{}, {x({1, 1}), ints({})}, kAll});
  rows.push_back({"reshape empty", ops::Reshape{}, {x({3, 0}), ints({0, 7})}, kAll});
  rows.push_back({"expand_dims", ops::ExpandDims{{0, -1}}, {x({3, 5})}, kAll});
  rows.push_back({"squeeze", ops::Squeeze{{-1, 0}}, {x({1, 3, 1, 5, 1})}, kAll});
  rows.push_back({"squeeze all", ops::Squeeze{}, {x({1, 3, 1, 5, 1})}, kAll});
  rows.push_back({"transpose 2d", ops::Transpose{}, {x({33, 17}), ints({1, 0})}, kAll});
  rows.push_back({"transpose 3d", ops::Transpose{}, {x({3, 17, 5}), ints({2, 0, 1})}, kAll});
  rows.push_back(
      {"transpose channels", ops::Transpose{}, {x({2, 5, 7, 3}), ints({0, 3, 1, 2})}, kAll});
  rows.push_back(
      {"transpose 5d", ops::Transpose{}, {x({2, 3, 1, 5, 2}), ints({4, 2, 0, 3, 1})}, kAll});
  rows.push_back({"transpose identity", ops::Transpose{}, {x({3, 5}), ints({0, 1})}, kAll});
  rows.push_back({"transpose scalar", ops::Transpose{}, {x({}), ints({})}, kAll});
  rows.push_back({"transpose empty", ops::Transpose{}, {x({3, 0, 5}), ints({2, 1, 0})}, kAll});
  rows.push_back({"broadcast_to", ops::BroadcastTo{}, {x({3, 1, 5}), ints({2, 3, 7, 5})}, kAll});
  rows.push_back({"broadcast_to fill", ops::BroadcastTo{}, {x({}), ints({3, 17})}, kAll});
  rows.push_back({"broadcast_to empty", ops::BroadcastTo{}, {x({1, 5}), ints({0, 5})}, kAll});
  rows.push_back({"tile", ops::Tile{}, {x({2, 3, 5}), ints({3, 1, 2})}, kAll});
  rows.push_back({"tile vector", ops::Tile{}, {x({7}), ints({5})}, kAll});
  rows.push_back({"tile to nothing", ops::Tile{}, {x({2, 3}), ints({0, 2})}, kAll});
}

void add_ranges(Rows& rows) {
  const auto add = [&](const char* name, double start, double limit, double delta,
                       const std::vector<DType>& types) {
    rows.push_back({std::string("range ") + name,
                    ops::Range{},
                    {given({}, {start}), given({}, {limit}), given({}, {delta})},
                    types,
                    Accuracy::rounded});
  };
  add("up", 0, 10, 1, kReals);
  add("steps", 3, 20, 4, kReals);
  add("down", 10, -3, -3, kSignedInts + std::vector{DType::float32, DType::float64});
  add("empty", 3, 3, 1, kReals);
  add("fractions", 0, 1, 0.125, kFloats);
}

void add_joins(Rows& rows) {
  for (const std::int64_t axis : {0, 1, -1}) {
    const std::string suffix = " axis " + std::to_string(axis);
    Shape a{2, 3, 5}, b = a, c = a;
    b[axis < 0 ? 2 : static_cast<int>(axis)] = 7;
    c[axis < 0 ? 2 : static_cast<int>(axis)] = 0;
    rows.push_back({"concat" + suffix, ops::Concat{axis}, {x(a), x(b), x(c), x(a)}, kAll});
    rows.push_back({"stack" + suffix, ops::Stack{axis}, {x({3, 7}), x({3, 7}), x({3, 7})}, kAll});
    rows.push_back(
        {"unstack" + suffix, ops::Unstack{axis}, {x({4, 4, 4})}, kAll, Accuracy::exact, 4});
    rows.push_back(
        {"split equal" + suffix, ops::Split{axis}, {x({6, 6, 6})}, kAll, Accuracy::exact, 3});
    rows.push_back({"split sizes" + suffix,
                    ops::Split{axis},
                    {x({7, 7, 7}), ints({2, -1, 0, 1})},
                    kAll,
                    Accuracy::exact,
                    4});
  }
  rows.push_back({"concat one", ops::Concat{0}, {x({3, 5})}, kAll});
  rows.push_back({"concat empty", ops::Concat{1}, {x({0, 3}), x({0, 2})}, kAll});
  rows.push_back({"stack scalars", ops::Stack{0}, {x({}), x({})}, kAll});
  rows.push_back({"unstack vector", ops::Unstack{0}, {x({3})}, kAll, Accuracy::exact, 3});
}

void add_slices(Rows& rows) {
  rows.push_back({"slice", ops::Slice{}, {x({5, 7, 9}), ints({1, 0, 2}), ints({3, -1, 5})}, kAll});
  rows.push_back({"slice nothing", ops::Slice{}, {x({5, 7}), ints({5, 7}), ints({0, 0})}, kAll});
  rows.push_back({"slice whole", ops::Slice{}, {x({5, 7}), ints({0, 0}), ints({-1, -1})}, kAll});
  struct Masks {
    std::int64_t begin = 0, end = 0, ellipsis = 0, new_axis = 0, shrink = 0;
  };
  int count = 0;
  const auto add = [&](Ints begin, Ints end, Ints strides, Masks m) {
    rows.push_back({"strided_slice " + std::to_string(count++),
                    ops::StridedSlice{m.begin, m.end, m.ellipsis, m.new_axis, m.shrink},
                    {x({4, 5, 6}), ints(begin), ints(end), ints(strides)},
                    kAll});
  };
  add({1, 0, 2}, {3, 5, 5}, {1, 1, 1}, {});
  add({3, 4, 5}, {0, 0, 0}, {-1, -2, -3}, {});
  add({0, 0, 0}, {0, 0, 0}, {-1, 1, 2}, {7, 7});
  add({-3, 1, -1}, {-1, -1, -7}, {1, 2, -2}, {});
  add({1, 0}, {2, 3}, {1, 1}, {0, 0, 2, 0, 1});
  add({0, 0, 0, 3}, {0, 0, 0, 6}, {1, 1, 1, 2}, {0, 0, 2, 4});
  add({-1, 2}, {0, 3}, {1, 1}, {0, 0, 0, 0, 3});
  add({3}, {1}, {1}, {});
  add({2, 1, 5}, {3, 2, 6}, {1, 1, 1}, {0, 0, 0, 0, 7});
  add({9}, {99}, {1}, {});
}

void add_pads(Rows& rows) {
  const auto paddings = [](Ints values) {
    OperandCase operand = ints(values);
    operand.shape = {static_cast<std::int64_t>(values.size()) / 2, 2};
    return operand;
  };
  rows.push_back({"pad constant", ops::Pad{}, {x({3, 5, 7}), paddings({1, 2, 0, 3, 2, 0})}, kAll});
  rows.push_back({"pad value", ops::Pad{}, {x({3, 5}), paddings({1, 2, 4, 0}), x({})}, kAll});
  rows.push_back({"pad nothing", ops::Pad{}, {x({3, 5}), paddings({0, 0, 0, 0})}, kAll});
  rows.push_back({"pad empty", ops::Pad{}, {x({0, 2}), paddings({2, 1, 0, 1}), x({})}, kAll});
  rows.push_back({"pad reflect",
                  ops::Pad{PadMode::reflect},
                  {x({3, 5, 7}), paddings({2, 2, 4, 1, 0, 3})},
                  kAll});
  rows.push_back({"pad symmetric",
                  ops::Pad{PadMode::symmetric},
                  {x({3, 5, 7}), paddings({3, 3, 5, 1, 0, 3})},
                  kAll});
  rows.push_back(
      {"pad reflect one", ops::Pad{PadMode::reflect}, {x({1, 5}), paddings({0, 0, 1, 1})}, kAll});
}

void add_reversals(Rows& rows) {
  rows.push_back({"reverse", ops::Reverse{{0, -1}}, {x({3, 5, 7})}, kAll});
  rows.push_back({"reverse last", ops::Reverse{{1}}, {x({3, 33})}, kAll});
  rows.push_back({"reverse none", ops::Reverse{}, {x({3, 5})}, kAll});
  rows.push_back({"reverse empty", ops::Reverse{{0}}, {x({0, 5})}, kAll});
  const OperandCase lengths = typed(given({4}, {0, 1, 3, 7}), DType::int64);
  rows.push_back({"reverse_sequence", ops::ReverseSequence{}, {x({4, 7, 3}), lengths}, kAll});
  rows.push_back({"reverse_sequence time first",
                  ops::ReverseSequence{0, 1},
                  {x({7, 4, 3}), typed(lengths, DType::int32)},
                  kAll});
  rows.push_back(
      {"reverse_sequence far axes", ops::ReverseSequence{2, 0}, {x({4, 3, 7}), lengths}, kAll});
}

}  // namespace

Rows layout_rows() {
  Rows rows;
  add_shapes(rows);
  add_ranges(rows);
  add_joins(rows);
  add_slices(rows);
  add_pads(rows);
  add_reversals(rows);
  return rows;
}

}  // namespace thaw::test
