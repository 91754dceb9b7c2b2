// Rows of reductions, scans, softmax, normalisation and top-k.
#include "tests/cases/rows.h"

namespace thaw::test {
namespace {

using Ints = std::vector<std::int64_t>;

struct ReduceRow {
  const char* name;
  Shape shape;
  Ints axes;
};

void add_reduce(Rows& rows) {
  const std::vector<ReduceRow> table = {
      {"last", {5, 67}, {1}},         {"first", {33, 17}, {-2}},        {"middle", {3, 19, 5}, {1}},
      {"outer", {3, 7, 5}, {0, 2}},   {"all", {3, 7, 5}, {0, 1, 2}},    {"none", {3, 7}, {}},
      {"empty axis", {3, 0, 5}, {1}}, {"empty result", {0, 5}, {1}},    {"scalar", {}, {}},
      {"long", {2, 1000}, {1}},       {"images", {2, 7, 7, 17}, {1, 2}}};
  const std::vector<std::pair<ReduceKind, const char*>> kinds = {{ReduceKind::sum, "sum"},
                                                                 {ReduceKind::mean, "mean"},
                                                                 {ReduceKind::prod, "prod"},
                                                                 {ReduceKind::max, "max"},
                                                                 {ReduceKind::min, "min"}};
  for (const auto& [kind, kind_name] : kinds) {
    const bool extreme = kind == ReduceKind::max || kind == ReduceKind::min;
    for (const ReduceRow& row : table) {
      const std::string name = std::string("reduce ") + kind_name + " " + row.name;
      // Factors near 1, so that products stay in range.
      const OperandCase operand =
          kind == ReduceKind::prod ? x(row.shape, 0.95, 1.05) : x(row.shape, -1, 2);
      for (const bool keep : {false, true}) {
        rows.push_back({name + (keep ? " kept" : ""),
                        ops::Reduce{kind, keep},
                        {operand, ints(row.axes)},
                        kFloats,
                        extreme ? Accuracy::exact : Accuracy::sum});
      }
    }
    rows.push_back({std::string("reduce ") + kind_name + " special",
                    ops::Reduce{kind},
                    {special({22, 3}), ints({1})},
                    {DType::float64, DType::float32},
                    extreme ? Accuracy::exact : Accuracy::sum});
    if (kind == ReduceKind::mean) continue;  // integers truncate: tested with TensorFlow's results
    rows.push_back({std::string("reduce ") + kind_name + " integers",
                    ops::Reduce{kind},
                    {whole({5, 7}, 1, 3), ints({0})},
                    kInts});
  }
  for (const ReduceKind kind : {ReduceKind::all, ReduceKind::any}) {
    const std::string name = kind == ReduceKind::all ? "reduce all " : "reduce any ";
    for (const ReduceRow& row : table) {
      rows.push_back(
          {name + row.name, ops::Reduce{kind}, {x(row.shape), ints(row.axes)}, {DType::boolean}});
    }
  }
  rows.push_back({"reduce sum complex",
                  ops::Reduce{},
                  {x({3, 17}), ints({1})},
                  {DType::complex64, DType::complex128},
                  Accuracy::sum});
}

void add_arg_reduce(Rows& rows) {
  for (const bool minimum : {false, true}) {
    const std::string name = minimum ? "argmin" : "argmax";
    for (const std::int64_t axis : {0, 1, -1}) {
      const ops::ArgReduce op{minimum, axis, axis == 0 ? DType::int32 : DType::int64};
      rows.push_back({name + " axis " + std::to_string(axis), op, {x({7, 33, 5})}, kReals});
      rows.push_back(
          {name + " ties axis " + std::to_string(axis), op, {whole({7, 33, 5}, 0, 3)}, kReals});
      rows.push_back(
          {name + " special axis " + std::to_string(axis), op, {special({22, 3})}, kFloats});
    }
    rows.push_back(
        {name + " int16", ops::ArgReduce{minimum, 1, DType::int16}, {x({3, 7})}, kReals});
    rows.push_back({name + " bool", ops::ArgReduce{minimum, 1}, {x({3, 7})}, {DType::boolean}});
    rows.push_back({name + " empty", ops::ArgReduce{minimum, 1}, {x({0, 3})}, kReals});
  }
}

void add_scan(Rows& rows) {
  for (const ScanKind kind : {ScanKind::sum, ScanKind::prod}) {
    for (const bool exclusive : {false, true}) {
      for (const bool reverse : {false, true}) {
        for (const std::int64_t axis : {0, -1}) {
          const std::string name = std::string("scan ") + (kind == ScanKind::sum ? "sum" : "prod") +
                                   (exclusive ? " exclusive" : "") + (reverse ? " reverse" : "") +
                                   " " + std::to_string(axis);
          rows.push_back({name,
                          ops::Scan{kind, axis, exclusive, reverse},
                          {x({5, 3, 17}, 0.8, 1.2)},
                          kFloats,
                          Accuracy::sum});
        }
      }
    }
  }
  rows.push_back({"scan integers", ops::Scan{ScanKind::sum, 1}, {whole({3, 9}, 0, 5)}, kInts});
  rows.push_back({"scan empty", ops::Scan{ScanKind::sum, 0}, {x({0, 9})}, kReals});
}

void add_softmax(Rows& rows) {
  for (const bool log : {false, true}) {
    const std::string name = log ? "softmax log " : "softmax ";
    const auto add = [&](const char* suffix, const OperandCase& operand, Ints axes) {
      rows.push_back({name + suffix, ops::Softmax{axes, log}, {operand}, kFloats, Accuracy::sum});
    };
    add("last", x({5, 33}, -8, 8), {-1});
    add("one", x({5, 1}), {1});
    add("ten", x({1, 10}, -20, 20), {1});
    add("first", x({33, 5}, -8, 8), {0});
    add("middle", x({3, 17, 5}, -8, 8), {1});
    add("two axes", x({3, 7, 5}, -8, 8), {0, 2});
    add("large", x({3, 9}, 500, 1000), {1});
    add("empty", x({0, 9}), {1});
    add("no elements to sum", x({3, 0}), {1});
    add("masked", given({2, 5}, {1, -1e9, 0.5, -1e9, 2}), {1});
    rows.back().dtypes = {DType::float32, DType::float64};
  }
}

void add_normalize(Rows& rows) {
  const auto add = [&](const char* name, Shape shape, Ints axes, bool centered,
                       std::vector<Shape> parameters) {
    std::vector<OperandCase> operands = {x(shape, -2, 3)};
    for (const Shape& parameter : parameters) operands.push_back(weight(parameter));
    rows.push_back(
        {std::string("normalize ") + name,
         ops::Normalize{axes, 1e-3, centered, !parameters.empty(), parameters.size() > 1}, operands,
         kFloats, Accuracy::sum});
  };
  add("last", {5, 33}, {-1}, true, {{1, 33}, {1, 33}});
  add("last vector", {5, 3, 17}, {2}, true, {{17}, {17}});
  add("plain", {5, 33}, {1}, true, {});
  add("scale only", {5, 33}, {1}, true, {{33}});
  add("two axes", {3, 7, 5}, {1, 2}, true, {{1, 7, 5}, {1, 7, 5}});
  add("outer axes", {3, 7, 5}, {0, 2}, true, {{1, 7, 1}, {1, 7, 1}});
  add("group", {2, 6, 3, 5}, {1, 3}, true, {{1, 1, 3, 5}, {1, 1, 3, 5}});
  add("root mean square", {5, 33}, {1}, false, {{33}});
  add("empty", {0, 33}, {1}, true, {{33}, {33}});
  rows.push_back({"normalize offset only",
                  ops::Normalize{{1}, 1e-3, true, false, true},
                  {x({5, 17}), weight({17})},
                  kFloats,
                  Accuracy::sum});
}

void add_top_k(Rows& rows) {
  for (const std::int64_t k : {0, 1, 3, 17}) {
    OperandCase count = typed(given({}, {static_cast<double>(k)}), DType::int32);
    const ops::TopK op{true, k == 3 ? DType::int64 : DType::int32};
    rows.push_back(
        {"top_k " + std::to_string(k), op, {x({5, 17}), count}, kReals, Accuracy::exact, 2});
    rows.push_back({"top_k ties " + std::to_string(k),
                    op,
                    {whole({2, 3, 17}, 0, 3), count},
                    kReals,
                    Accuracy::exact,
                    2});
  }
  rows.push_back({"top_k vector",
                  ops::TopK{},
                  {x({67}), typed(given({}, {5}), DType::int32)},
                  kReals,
                  Accuracy::exact,
                  2});
}

}  // namespace

Rows reduction_rows() {
  Rows rows;
  add_reduce(rows);
  add_arg_reduce(rows);
  add_scan(rows);
  add_softmax(rows);
  add_normalize(rows);
  add_top_k(rows);
  return rows;
}

}  // namespace thaw::test
