// Activation functions as operations of Keras 3.
#include "loaders/keras/operations/shared.h"

namespace thaw::keras {
namespace {

using U = UnaryKind;

Expr with(Expr x, UnaryFn fn) { return x.with(x.g->unary(fn, x)); }

Expr plain(OpCall& c) { return unary(c.kind<U>(), c.tensor("x")); }
Expr relu6(OpCall& c) { return with(c.tensor("x"), {U::clamp, 0, 6}); }
Expr hard_tanh(OpCall& c) { return with(c.tensor("x"), {U::clamp, -1, 1}); }
Expr hard_sigmoid(OpCall& c) { return with(c.tensor("x"), {c.kind<U>(), 1.0 / 6, 0.5}); }
Expr sparse_sigmoid(OpCall& c) { return with(c.tensor("x"), {U::hard_sigmoid, 0.5, 0.5}); }
Expr squareplus(OpCall& c) { return with(c.tensor("x"), {U::squareplus, c.real("b", 4), 0}); }
Expr leaky_relu(OpCall& c) {
  return with(c.tensor("x"), {U::leaky_relu, c.real("negative_slope", 0.2), 0});
}
Expr elu(OpCall& c) { return with(c.tensor("x"), {c.kind<U>(), c.real("alpha", 1), 0}); }
Expr shrink(OpCall& c) { return with(c.tensor("x"), {c.kind<U>(), c.real("threshold", 0.5), 0}); }

Expr gelu(OpCall& c) {
  return unary(c.flag("approximate", true) ? U::gelu_tanh : U::gelu, c.tensor("x"));
}

Expr threshold(OpCall& c) {
  const Expr x = c.tensor("x");
  return select(x > c.real("threshold"), x, c.real("default_value"));
}

Expr glu(OpCall& c) {
  const Expr x = c.tensor("x");
  const int axis = c.axis("axis", x.rank(), -1);
  const std::vector<ValueId> halves = c.g.add(ops::Split{axis}, {x}, 2);
  return c.expr(halves[0]) * unary(U::sigmoid, c.expr(halves[1]));
}

Expr softmax(OpCall& c) {
  const Expr x = c.tensor("x");
  const bool log = c.row.kind == 1;
  // An axis of None is stated; without a word it is the last one.
  const Json* stated = c.layer.config.config.find("axis");
  Axes axes{x.rank() - 1};
  if (c.has("axis")) {
    axes = c.axes("axis", x.rank());
  } else if (stated != nullptr) {
    axes = all_axes(x);
  }
  return c.expr(c.g.add1(ops::Softmax{axes, log}, {x}));
}

Expr sparsemax(OpCall& c) {
  const Expr x = c.tensor("x");
  const int axis = c.axis("axis", x.rank(), -1);
  const Expr ordered = sorted(x, axis, true).values;
  const Expr sums = c.expr(c.g.add1(ops::Scan{ScanKind::sum, axis, false, false}, {ordered}));
  Axes sizes(static_cast<std::size_t>(x.rank()), 1);
  sizes[static_cast<std::size_t>(axis)] = -1;
  const Expr ranks =
      reshape(cast(range(size_of_axis(x, axis, DType::int32)) + 1.0, x.dtype()), sizes);
  const Expr support = ordered - (sums - 1.0) / ranks > 0.0;
  const Expr count = reduce(ReduceKind::sum, cast(support, x.dtype()), {axis}, true);
  const Expr total = reduce(ReduceKind::sum, select(support, sums, 0.0), {axis}, true);
  return maximum(x - (total - 1.0) / count, 0.0);
}

}  // namespace

std::span<const OperationRow> activation_operations() {
  static constexpr OperationRow kRows[] = {
      {"Celu", "x", elu, U::celu},
      {"Elu", "x", elu, U::elu},
      {"Gelu", "x", gelu},
      {"Glu", "x", glu},
      {"HardShrink", "x", shrink, U::hard_shrink},
      {"HardSigmoid", "x", hard_sigmoid, U::hard_sigmoid},
      {"HardSilu", "x", hard_sigmoid, U::hard_silu},
      {"HardTanh", "x", hard_tanh},
      {"LeakyRelu", "x", leaky_relu},
      {"LogSigmoid", "x", plain, U::log_sigmoid},
      {"LogSoftmax", "x", softmax, 1},
      {"Relu", "x", plain, U::relu},
      {"Relu6", "x", relu6},
      {"Selu", "x", plain, U::selu},
      {"Sigmoid", "x", plain, U::sigmoid},
      {"Silu", "x", plain, U::silu},
      {"SoftShrink", "x", shrink, U::soft_shrink},
      {"Softmax", "x", softmax, 0},
      {"Softplus", "x", plain, U::softplus},
      {"Softsign", "x", plain, U::softsign},
      {"SparsePlus", "x", plain, U::sparse_plus},
      {"SparseSigmoid", "x", sparse_sigmoid},
      {"Sparsemax", "x", sparsemax},
      {"Squareplus", "x", squareplus},
      {"TanhShrink", "x", plain, U::tanh_shrink},
      {"Threshold", "x", threshold},
  };
  return kRows;
}

}  // namespace thaw::keras
