// Plans whose Concats and Splits are in place give the bits, and show the values, that the ops give
// one by one, each in memory of its own.
#include <algorithm>
#include <map>

#include "runtime/exec/evaluator.h"
#include "runtime/exec/interpret.h"
#include "runtime/passes/passes.h"
#include "tests/exec/exec_test_util.h"

namespace thaw::testing {
namespace {

using Values = std::multimap<std::string, Tensor>;  // several values may have one name

/// Outputs and values of the graph, op by op on the kernels that a plan has.
std::vector<Tensor> interpreted(const Graph& graph, const std::vector<Tensor>& inputs,
                                Values& values) {
  Interpreter interpreter(graph, cpu_backend(), nullptr, 1);
  ThreadPool pool(1);
  std::vector<Tensor> variables;
  const ValueVisit visit = [&](const std::string& name, const Tensor& value) {
    values.emplace(name, value.clone());
  };
  return interpreter.run(inputs, variables, pool, &visit);
}

/// Number of nodes in place.
int expect_same(const Graph& graph, const std::vector<Tensor>& inputs) {
  Values expected_values;
  const std::vector<Tensor> expected = interpreted(graph, inputs, expected_values);
  const auto program = program_of(graph, cpu_backend());
  int count = 0;
  for (const int threads : {1, 3}) {  // sessions of one program
    Runner runner(program, {threads, 4});
    std::vector<Tensor> outputs;
    for (int run = 0; run < 2; ++run) {
      runner.run(inputs, outputs);
      EXPECT_TRUE(runner.stats().planned);
      for (std::size_t i = 0; i < expected.size(); ++i) {
        EXPECT_TRUE(identical(expected[i], outputs[i])) << "output " << i << runner.plan_text();
      }
    }
    std::size_t seen = 0;
    runner.trace(inputs, [&](const std::string& name, const Tensor& value) {
      const auto [first, last] = expected_values.equal_range(name);
      if (first == last) return;  // made by a pass
      const auto is_value = [&](const auto& known) { return bool{identical(known.second, value)}; };
      EXPECT_TRUE(std::any_of(first, last, is_value)) << name << " " << runner.plan_text();
      ++seen;
    });
    EXPECT_GT(seen, 0u);
    const std::string text = runner.plan_text();
    count = 0;
    for (std::size_t at = 0; (at = text.find("[in place]", at)) != std::string::npos; ++at) ++count;
  }
  return count;
}

/// Joins, halves and rows of values [6, width].
class Joins {
 public:
  explicit Joins(unsigned seed) : random_(seed), g_(graph_) {}

  Graph make(int size) {
    for (const std::int64_t width : {32, 40, 64}) {
      values_.push_back(g_.input("x" + std::to_string(width), {DType::float32, {6, width}}));
    }
    for (int i = 0; i < size; ++i) {
      g_.set_scope("n" + std::to_string(i));
      next();
    }
    for (std::size_t i = values_.size() - 3; i < values_.size(); ++i) {
      g_.output("y" + std::to_string(i), values_[i]);
    }
    g_.set_scope("again");
    g_.output("again", g_.unary({UnaryKind::neg}, any()));
    return std::move(graph_);
  }

 private:
  int pick(int count) { return std::uniform_int_distribution<int>(0, count - 1)(random_); }
  ValueId any() {
    const int count = static_cast<int>(values_.size());
    return values_[static_cast<std::size_t>(count - 1 - pick(std::min(count, 7)))];
  }
  std::int64_t width(ValueId x) const {
    return graph_.values[static_cast<std::size_t>(x)].type.shape[1];
  }
  Tensor weights(Shape shape) { return random_floats(std::move(shape), random_()); }
  ValueId times(ValueId x, std::int64_t columns) {
    return g_.matmul(x, g_.constant(weights({width(x), columns})));
  }

  void next() {
    const ValueId x = any(), y = any();
    switch (pick(8)) {
      case 0: values_.push_back(g_.unary({UnaryKind::tanh}, x)); break;
      case 1: values_.push_back(times(x, 40)); break;
      case 2: values_.push_back(g_.binary(BinaryKind::add, x, times(y, width(x)))); break;
      case 3:
      case 4:
        if (width(x) + width(y) < 1000) values_.push_back(g_.add1(ops::Concat{1}, {x, y}));
        break;
      case 5: rows(x, times(y, width(x))); break;
      case 6:
        if (width(x) % 2 == 0) {
          for (const ValueId half : g_.add(ops::Split{1}, {x}, 2)) values_.push_back(half);
        }
        break;
      default: {
        const std::vector<std::int64_t> axes = {1};
        values_.push_back(g_.add1(ops::Reverse{axes}, {x}));
      }
    }
  }
  /// Six of the twelve rows of a Concat.
  void rows(ValueId x, ValueId y) {
    const ValueId both = g_.add1(ops::Concat{0}, {x, y});
    values_.push_back(g_.add1(
        ops::Slice{}, {both, g_.constant(Tensor::from<std::int64_t>(Shape{2}, {pick(7), 0})),
                       g_.constant(Tensor::from<std::int64_t>(Shape{2}, {6, width(x)}))}));
  }

  std::mt19937 random_;
  Graph graph_;
  GraphBuilder g_;
  std::vector<ValueId> values_;
};

TEST(PartsInPlace, RandomJoins) {
  int in_place = 0;
  for (unsigned seed = 0; seed < 60; ++seed) {
    const Graph graph = Joins(seed).make(4 + static_cast<int>(seed % 20));
    verify(graph, "joins");
    SCOPED_TRACE(seed);
    in_place += expect_same(graph, {random_floats({6, 32}, seed), random_floats({6, 40}, seed + 1),
                                    random_floats({6, 64}, seed + 2)});
    if (HasFailure()) return;
  }
  EXPECT_GT(in_place, 60);
}

ops::Conv same_conv() {
  ops::Conv conv;
  conv.strides = conv.dilations = {1, 1};
  conv.padding.kind = PaddingKind::same;
  conv.activation = {UnaryKind::relu};
  return conv;
}

/// Two levels of a U-Net: the skips are pooled and joined, by minimal filtering and by GEMM.
Graph unet() {
  Graph graph;
  GraphBuilder g(graph);
  const auto conv = [&](const std::string& name, ValueId x, std::int64_t inputs,
                        std::int64_t outputs, std::int64_t taps) {
    g.set_scope(name);
    return g.add1(same_conv(), {x, g.constant(random_floats({taps, taps, inputs, outputs}, 3)),
                                g.constant(random_floats({outputs}, 4))});
  };
  const ValueId x = g.input("x", {DType::float32, {2, 16, 12, 3}});
  const ValueId skip = conv("skip", conv("first", x, 3, 32, 3), 32, 32, 3);
  ops::Pool pool;
  pool.window = pool.strides = {2, 2};
  g.set_scope("pool");
  const ValueId deep = conv("deep", g.add1(pool, {skip}), 32, 64, 1);
  ops::ConvTranspose up;
  up.strides = {2, 2};
  up.dilations = {1, 1};
  g.set_scope("up");
  const ValueId wide = g.add1(up, {deep, g.constant(random_floats({2, 2, 32, 64}, 5)),
                                   g.constant(Tensor::from<std::int64_t>(Shape{2}, {16, 12})),
                                   g.constant(random_floats({32}, 6))});
  g.set_scope("joined");
  const ValueId joined = g.add1(ops::Concat{-1}, {wide, skip});
  g.output("y", conv("last", joined, 64, 8, 3));
  return graph;
}

TEST(PartsInPlace, SkipsOfAUNet) {
  EXPECT_EQ(expect_same(unet(), {random_floats({2, 16, 12, 3}, 9)}), 1);
}

TEST(PartsInPlace, BothDirectionsOfARecurrentLayer) {
  for (const bool sequences : {false, true}) {
    Graph graph;
    GraphBuilder g(graph);
    const ValueId x = g.input("x", {DType::float32, {3, 5, 6}});
    std::vector<ValueId> sides;
    for (const bool backwards : {false, true}) {
      ops::Rnn rnn;
      rnn.return_sequences = sequences;
      rnn.go_backwards = backwards;
      g.set_scope(backwards ? "backward" : "forward");
      ValueId y =
          g.add(rnn,
                {x, g.constant(random_floats({6, 128}, 1)), g.constant(random_floats({32, 128}, 2)),
                 g.constant(random_floats({128}, 3))},
                3)[0];
      if (sequences && backwards) {
        const std::vector<std::int64_t> axes = {1};
        y = g.add1(ops::Reverse{axes}, {y});
      }
      sides.push_back(y);
    }
    g.set_scope("both");
    g.output("y", g.add1(ops::Concat{-1}, sides));
    EXPECT_EQ(expect_same(graph, {random_floats({3, 5, 6}, 7)}), 1);
  }
}

}  // namespace
}  // namespace thaw::testing
