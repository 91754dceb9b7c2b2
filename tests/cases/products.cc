// Rows of matmul and einsum.
#include "tests/cases/rows.h"

namespace thaw::test {
namespace {

struct Sizes {
  std::int64_t m, k, n;
};

void add_matmul(Rows& rows) {
  for (const Sizes& s : {Sizes{1, 1, 1},
                         {1, 64, 10},
                         {1, 33, 17},
                         {5, 67, 3},
                         {33, 31, 35},
                         {16, 16, 16},
                         {67, 128, 65},
                         {2, 300, 1},
                         {130, 7, 9}}) {
    const std::string name =
        "matmul " + std::to_string(s.m) + "x" + std::to_string(s.k) + "x" + std::to_string(s.n);
    rows.push_back({name, ops::MatMul{}, {x({s.m, s.k}), x({s.k, s.n})}, kFloats, Accuracy::sum});
    rows.push_back({name + " weights bias",
                    ops::MatMul{},
                    {x({s.m, s.k}), weight({s.k, s.n}), weight({s.n})},
                    kFloats,
                    Accuracy::sum});
  }
  for (const bool a : {false, true}) {
    for (const bool b : {false, true}) {
      const Shape left = a ? Shape{33, 7} : Shape{7, 33}, right = b ? Shape{19, 33} : Shape{33, 19};
      const std::string name =
          std::string("matmul") + (a ? " transposed" : " plain") + (b ? " transposed" : " plain");
      rows.push_back({name, ops::MatMul{a, b}, {x(left), x(right)}, kFloats, Accuracy::sum});
      rows.push_back(
          {name + " weights", ops::MatMul{a, b}, {x(left), weight(right)}, kFloats, Accuracy::sum});
      rows.push_back({name + " integers",
                      ops::MatMul{a, b},
                      {whole(left, 0, 3), whole(right, 0, 2)},
                      kReals,
                      Accuracy::rounded});
    }
  }
}

void add_matmul_shapes(Rows& rows) {
  rows.push_back({"matmul batch",
                  ops::MatMul{},
                  {x({3, 2, 5, 17}), x({3, 2, 17, 9})},
                  kFloats,
                  Accuracy::sum});
  rows.push_back({"matmul batch broadcast",
                  ops::MatMul{},
                  {x({3, 1, 5, 17}), x({2, 17, 9})},
                  kFloats,
                  Accuracy::sum});
  rows.push_back({"matmul batch shared",
                  ops::MatMul{},
                  {x({4, 5, 17}), weight({17, 9}), weight({9})},
                  kFloats,
                  Accuracy::sum});
  rows.push_back({"matmul batch transposed",
                  ops::MatMul{false, true},
                  {x({2, 3, 5, 8}), x({2, 3, 7, 8})},
                  kFloats,
                  Accuracy::sum});
  rows.push_back({"matmul no rows", ops::MatMul{}, {x({0, 5}), x({5, 3})}, kFloats});
  rows.push_back({"matmul nothing to sum", ops::MatMul{}, {x({2, 0}), x({0, 3}), x({3})}, kFloats});
  rows.push_back({"matmul no columns", ops::MatMul{}, {x({2, 5}), x({5, 0})}, kFloats});
  rows.push_back({"matmul special",
                  ops::MatMul{},
                  {special({3, 7}), x({7, 5}, 0.5, 1)},
                  {DType::float64},
                  Accuracy::sum});
  rows.push_back({"matmul complex",
                  ops::MatMul{},
                  {x({3, 7}), x({7, 5})},
                  {DType::complex64, DType::complex128},
                  Accuracy::sum});
}

void add_matmul_activations(Rows& rows) {
  for (const UnaryFn& fn : {UnaryFn{UnaryKind::relu},
                            {UnaryKind::tanh},
                            {UnaryKind::sigmoid},
                            {UnaryKind::gelu},
                            {UnaryKind::clamp, 0, 6},
                            {UnaryKind::leaky_relu, 0.2},
                            {UnaryKind::softplus}}) {
    rows.push_back({std::string("matmul ") + name_of(fn.kind),
                    ops::MatMul{false, false, fn},
                    {x({5, 67}), weight({67, 33}), weight({33})},
                    kFloats,
                    Accuracy::sum});
    rows.push_back({std::string("matmul without bias ") + name_of(fn.kind),
                    ops::MatMul{false, false, fn},
                    {x({2, 67}), x({67, 33})},
                    kFloats,
                    Accuracy::sum});
  }
}

struct Equation {
  const char* text;
  std::vector<Shape> shapes;
};

void add_einsum(Rows& rows) {
  const std::vector<Equation> equations = {
      {"ij,jk->ik", {{5, 17}, {17, 9}}},
      {"ij,kj->ik", {{5, 17}, {9, 17}}},
      {"abc,cde->abde", {{2, 5, 7}, {7, 3, 4}}},
      {"aecd,abcd->acbe", {{2, 3, 4, 5}, {2, 6, 4, 5}}},
      {"acbe,aecd->abcd", {{2, 4, 6, 3}, {2, 3, 4, 5}}},
      {"...ij,...jk->...ik", {{2, 1, 3, 4}, {5, 4, 3}}},
      {"...i->i...", {{2, 3, 4}}},
      {"ii->i", {{7, 7}}},
      {"ii", {{7, 7}}},
      {"iij,jk->ik", {{3, 3, 4}, {4, 2}}},
      {"i,j->ij", {{7}, {5}}},
      {"ij->", {{7, 5}}},
      {"ij->ji", {{7, 5}}},
      {"ab,bc,cd->ad", {{2, 3}, {3, 4}, {4, 5}}},
      {"i,i->", {{0}, {0}}},
  };
  for (const Equation& equation : equations) {
    std::vector<OperandCase> operands;
    for (const Shape& shape : equation.shapes) operands.push_back(x(shape));
    rows.push_back({std::string("einsum ") + equation.text, ops::Einsum{equation.text}, operands,
                    kFloats + std::vector{DType::complex64}, Accuracy::sum});
  }
}

}  // namespace

Rows product_rows() {
  Rows rows;
  add_matmul(rows);
  add_matmul_shapes(rows);
  add_matmul_activations(rows);
  add_einsum(rows);
  return rows;
}

}  // namespace thaw::test
