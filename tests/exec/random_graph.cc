#include "tests/exec/exec_test_util.h"

namespace thaw::testing {
namespace {

constexpr std::int64_t kWidth = 6;

// Values are [batch, 6], so that any op may follow any other; shapes change inside an op's recipe.
class RandomGraph {
 public:
  explicit RandomGraph(unsigned seed) : random_(seed), g_(graph_) {}

  Graph make(int size) {
    const TensorType type{DType::float32, {kUnknownDim, kWidth}};
    values_ = {g_.input("x", type), g_.input("z", type)};
    flags_ = g_.input("flags", {DType::boolean, {kUnknownDim, kWidth}});
    for (int i = 0; i < size; ++i) {
      g_.set_scope("n" + std::to_string(i));
      values_.push_back(next());
    }
    add_outputs();
    return std::move(graph_);
  }

 private:
  int pick(int count) { return std::uniform_int_distribution<int>(0, count - 1)(random_); }
  ValueId any() {  // rather recent ones, so that chains and long lives both occur
    const int count = static_cast<int>(values_.size());
    const int back = pick(3) == 0 ? pick(count) : pick(std::min(count, 4));
    return values_[static_cast<std::size_t>(count - 1 - back)];
  }
  Tensor weights(Shape shape) { return random_floats(std::move(shape), random_()); }

  ValueId next() {
    const ValueId x = any(), y = any();
    switch (pick(14)) {
      case 0: return g_.unary({UnaryKind::tanh}, x);
      case 1: return g_.unary({UnaryKind::relu}, x);
      case 2: return g_.binary(BinaryKind::add, x, y);
      case 3: return g_.binary(BinaryKind::maximum, y, x);
      case 4: return g_.binary(BinaryKind::mul, x, g_.constant(weights({kWidth})));
      case 5: return g_.binary(BinaryKind::add, x, x);
      case 6:
        return g_.unary({UnaryKind::tanh}, g_.matmul(x, g_.constant(weights({kWidth, kWidth}))));
      case 7: return reshaped(x);
      case 8: return halves(x, y);
      case 9: return g_.add1(ops::Softmax{{1}, false}, {x});
      case 10: return g_.binary(BinaryKind::sub, x, g_.reduce(ReduceKind::mean, x, {1}, true));
      case 11: return g_.select(pick(2) ? flags_ : g_.binary(BinaryKind::less, x, y), x, y);
      case 12: return g_.add1(ops::Identity{}, {x});
      default: return scaled_by_size(x);
    }
  }
  // Views, and an elementwise op between two views of one value.
  ValueId reshaped(ValueId x) {
    const ValueId cube = g_.reshape(x, {GraphBuilder::dim_of(0), 2, 3});
    const ValueId wide = g_.expand_dims(g_.unary({UnaryKind::sigmoid}, cube), 0);
    const ValueId back = g_.reshape(g_.squeeze(wide, 0), {-1, kWidth});
    return pick(2) ? back : g_.binary(BinaryKind::mul, back, g_.reshape(cube, {-1, kWidth}));
  }
  ValueId halves(ValueId x, ValueId y) {
    const std::vector<ValueId> parts = g_.add(ops::Split{1}, {x}, 2);
    const ValueId swapped = g_.concat({parts[1], g_.slice_axis(y, 1, 2, 5)}, 1);
    return g_.transpose(g_.transpose(swapped, {1, 0}), {1, 0});
  }
  // Shape arithmetic that must fold away.
  ValueId scaled_by_size(ValueId x) {
    const ValueId size = g_.add1(ops::ShapeQuery{ShapeQueryKind::size, DType::int32}, {x});
    const ValueId more = g_.binary(BinaryKind::add, size, g_.scalar(1, DType::int32));
    return g_.binary(BinaryKind::div, x, g_.cast(more, DType::float32));
  }
  void add_outputs() {
    g_.output("last", values_.back());
    g_.output("again", values_.back());
    g_.output("some", any());
    g_.output("view", g_.reshape(any(), {-1}));
    if (pick(2)) g_.output("input", values_[0]);
    if (pick(2)) g_.output("constant", g_.constant(weights({2, 2})));
    if (pick(2)) g_.output("predicate", g_.binary(BinaryKind::greater, any(), any()));
  }

  std::mt19937 random_;
  Graph graph_;
  GraphBuilder g_;
  std::vector<ValueId> values_;
  ValueId flags_ = 0;
};

}  // namespace

Graph random_graph(unsigned seed, int size) { return RandomGraph(seed).make(size); }

std::vector<Tensor> random_inputs(unsigned seed, std::int64_t batch) {
  Tensor flags(DType::boolean, {batch, kWidth});
  std::mt19937 random(seed + 2);
  for (std::int64_t i = 0; i < flags.num_elements(); ++i) {
    flags.mutable_data<bool>()[i] = (random() & 1) != 0;
  }
  return {random_floats({batch, kWidth}, seed), random_floats({batch, kWidth}, seed + 1),
          std::move(flags)};
}

}  // namespace thaw::testing
