// Rows of gather, scatter and one-hot.
#include "tests/cases/rows.h"

namespace thaw::test {
namespace {

const std::vector<DType> kIndexTypes = {DType::int32, DType::int64};

void add_gather(Rows& rows) {
  for (const DType type : kIndexTypes) {
    const std::string suffix = std::string(" ") + name_of(type);
    rows.push_back(
        {"gather rows" + suffix, ops::Gather{}, {x({9, 5}), indices({4, 7}, 9, type)}, kAll});
    rows.push_back(
        {"gather_nd rows" + suffix, ops::GatherNd{}, {x({9, 5}), indices({7, 1}, 9, type)}, kAll});
    rows.push_back({"one_hot" + suffix,
                    ops::OneHot{},
                    {typed(given({5}, {0, 3, -1, 7, 2}), type), typed(given({}, {4}), DType::int32),
                     given({}, {1}), given({}, {0})},
                    kAll});
    rows.push_back({"gather from the end" + suffix,
                    ops::Gather{1, 0, true},
                    {x({2, 4, 3}), typed(given({2, 3}, {-1, 0, -4, 3, 1, -2}), type)},
                    kAll});
  }
  OperandCase table = x({33, 16});
  table.constant = true;
  rows.push_back({"gather embedding", ops::Gather{}, {table, indices({3, 7}, 33)}, kFloats});
  rows.push_back({"gather last axis", ops::Gather{-1}, {x({3, 5, 7}), indices({4}, 7)}, kAll});
  rows.push_back({"gather middle axis", ops::Gather{1}, {x({3, 5, 7}), indices({2, 2}, 5)}, kAll});
  rows.push_back({"gather scalar index", ops::Gather{1}, {x({3, 5, 7}), indices({}, 5)}, kAll});
  rows.push_back({"gather batch", ops::Gather{1, 1}, {x({3, 5, 7}), indices({3, 4}, 5)}, kAll});
  rows.push_back(
      {"gather batch far axis", ops::Gather{2, 1}, {x({3, 5, 7}), indices({3, 4}, 7)}, kAll});
  rows.push_back(
      {"gather two batch axes", ops::Gather{2, 2}, {x({3, 5, 7}), indices({3, 5, 2}, 7)}, kAll});
  rows.push_back(
      {"gather negative batch", ops::Gather{1, -1}, {x({3, 5, 7}), indices({3, 4}, 5)}, kAll});
  rows.push_back({"gather nothing", ops::Gather{}, {x({9, 5}), indices({0}, 9)}, kAll});
  rows.push_back(
      {"gather_nd elements", ops::GatherNd{}, {x({3, 5, 7}), indices({4, 2, 3}, 3)}, kAll});
  rows.push_back({"gather_nd slices", ops::GatherNd{}, {x({3, 5, 7}), indices({6, 2}, 3)}, kAll});
  rows.push_back({"gather_nd whole", ops::GatherNd{}, {x({3, 5}), indices({2, 0}, 1)}, kAll});
  rows.push_back(
      {"gather_nd batch", ops::GatherNd{1}, {x({3, 5, 7}), indices({3, 4, 1}, 5)}, kAll});
  rows.push_back({"gather_nd one index", ops::GatherNd{}, {x({3, 5, 7}), indices({2}, 3)}, kAll});
}

void add_scatter(Rows& rows) {
  const OperandCase once = typed(given({3, 1}, {4, 0, 2}), DType::int32);
  const OperandCase repeated = typed(given({4, 1}, {4, 0, 4, 4}), DType::int64);
  rows.push_back({"scatter update", ops::Scatter{}, {x({5, 7}), once, x({3, 7})}, kAll});
  rows.push_back(
      {"scatter elements", ops::Scatter{}, {x({5, 7}), indices({6, 2}, 5), x({6})}, kAll});
  rows.push_back(
      {"scatter nothing", ops::Scatter{}, {x({5, 7}), indices({0, 1}, 5), x({0, 7})}, kAll});
  rows.push_back(
      {"scatter last update wins", ops::Scatter{}, {x({5, 7}), repeated, x({4, 7})}, kAll});
  rows.push_back({"scatter add",
                  ops::Scatter{ScatterKind::add},
                  {whole({5, 7}, 0, 5), repeated, whole({4, 7}, 0, 5)},
                  kNumbers});
  rows.push_back(
      {"scatter max", ops::Scatter{ScatterKind::max}, {x({5, 7}), repeated, x({4, 7})}, kReals});
  rows.push_back(
      {"scatter min", ops::Scatter{ScatterKind::min}, {x({5, 7}), repeated, x({4, 7})}, kReals});
}

void add_one_hot(Rows& rows) {
  const OperandCase depth = typed(given({}, {5}), DType::int32);
  for (const std::int64_t axis : {0, 1, 2, -1}) {
    rows.push_back({"one_hot axis " + std::to_string(axis),
                    ops::OneHot{axis},
                    {indices({3, 7}, 6), depth, given({}, {3}), given({}, {2})},
                    kAll});
  }
  rows.push_back({"one_hot scalar",
                  ops::OneHot{},
                  {indices({}, 5), depth, given({}, {1}), given({}, {0})},
                  kAll});
  rows.push_back({"one_hot bytes",
                  ops::OneHot{},
                  {indices({9}, 5, DType::uint8), depth, given({}, {1}), given({}, {0})},
                  kAll});
}

}  // namespace

Rows indexing_rows() {
  Rows rows;
  add_gather(rows);
  add_scatter(rows);
  add_one_hot(rows);
  return rows;
}

}  // namespace thaw::test
