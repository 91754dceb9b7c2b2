// Random numbers. Stateful ops with a seed draw from where their last call ended: the importer
// keeps their counter in a variable of the session. Without a seed they draw others each time.
#include "loaders/tf/ops/numeric.h"

namespace thaw::tf::importers {
namespace {

constexpr const char* kDistributions[] = {"uniform", "normal", "truncated_normal", "integers",
                                          "integers_in_range"};

/// Philox, and TensorFlow's own choice, which is Philox on a CPU.
constexpr std::int64_t kPhilox = 1, kAutoSelect = 3;

void expect_philox(const OpContext& c, int i) {
  if (!c.known_ints(i)) {
    const ValueId given = c.g.cast(c.g.reshape(c.in(i), {}), DType::int64);
    const auto is = [&](std::int64_t number) {
      return c.g.binary(BinaryKind::equal, given,
                        c.g.scalar(static_cast<double>(number), DType::int64));
    };
    c.g.add(ops::Assert{"no random number algorithm of TensorFlow's CPU kernels"},
            {c.g.binary(BinaryKind::logical_or, is(kPhilox), is(kAutoSelect))}, 0);
    return;
  }
  const std::int64_t algorithm = c.integer(i, "the algorithm");
  if (algorithm != kPhilox && algorithm != kAutoSelect) {
    c.refuse(fmt::format("random number algorithm {}", algorithm));
  }
}

struct Seed {
  ValueId key, counter;
};

Seed seed_from(OpContext& c, const char* function, std::vector<ValueId> inputs) {
  const std::vector<ValueId> results =
      c.g.add(ops::HostCall{function, {}, nullptr}, std::move(inputs), 2);
  return {results[0], results[1]};
}

ValueId numbers(OpContext& c, DType dtype, const Seed& seed, int limits) {
  std::vector<ValueId> inputs{c.in(0), seed.key, seed.counter};
  for (int i = 0; i < 2 && limits > 0; ++i) inputs.push_back(c.in(limits + i));
  return c.g.add1(
      ops::HostCall{"random_numbers",
                    {{"distribution", std::string(kDistributions[c.kind])}, {"dtype", dtype}},
                    nullptr},
      std::move(inputs));
}

Results draw(OpContext& c, const Seed& seed) {
  const bool range = c.kind == 4;
  c.expect_count(range ? 3 : 1);
  return {numbers(c, c.node.type(range ? "Tout" : "dtype"), seed, range ? 1 : 0)};
}

Results draw_order(OpContext& c, const Seed& seed) {
  return {
      c.g.add1(ops::HostCall{"random_shuffle", {}, nullptr}, {c.in(0), seed.key, seed.counter})};
}

Results draw_classes(OpContext& c, const Seed& seed) {
  return {c.g.add1(ops::HostCall{"multinomial", {{"dtype", c.node.type("output_dtype")}}, nullptr},
                   {c.in(0), c.in(1), seed.key, seed.counter})};
}

}  // namespace

// (shape, seed, [low, high])
Results stateless_random(OpContext& c) {
  const bool range = c.kind == 4;
  c.expect_count(range ? 4 : 2);
  return {numbers(c, c.node.type("dtype"), seed_from(c, "random_key", {c.in(1)}), range ? 2 : 0)};
}

// (shape, key, counter, algorithm, [low, high])
Results stateless_random_v2(OpContext& c) {
  const bool range = c.kind == 4;
  c.expect_count(range ? 6 : 4);
  expect_philox(c, 3);
  return {numbers(c, c.node.type("dtype"), {c.in(1), c.in(2)}, range ? 4 : 0)};
}

// kind: the number of results; the third is the algorithm.
Results random_key_counter(OpContext& c) {
  c.expect_count(1);
  const Seed seed = seed_from(c, "random_key", {c.in(0)});
  Results results{seed.key, seed.counter};
  if (c.kind == 3) results.push_back(c.g.scalar(kPhilox, DType::int32));
  return results;
}

Results random_algorithm(OpContext& c) {
  c.expect_count(0);
  return {c.g.scalar(kPhilox, DType::int32)};
}

// (x, key, counter, algorithm)
Results stateless_shuffle(OpContext& c) {
  c.expect_count(4);
  expect_philox(c, 3);
  return draw_order(c, {c.in(1), c.in(2)});
}

Results stateless_multinomial(OpContext& c) {
  c.expect_count(3);
  return draw_classes(c, seed_from(c, "random_key", {c.in(2)}));
}

namespace {

/// One sample for each of `parameters`, and more in front: `shape` is the whole result's.
ValueId samples(OpContext& c, const char* function, DType dtype, ValueId shape, const Seed& seed,
                const std::vector<ValueId>& parameters) {
  std::vector<ValueId> inputs{shape, seed.key, seed.counter};
  inputs.insert(inputs.end(), parameters.begin(), parameters.end());
  return c.g.add1(ops::HostCall{function, {{"dtype", dtype}}, nullptr}, std::move(inputs));
}

/// The samples' shape in front of the parameters'.
ValueId with_parameters(OpContext& c, ValueId shape, ValueId parameters) {
  const ops::ShapeQuery query{ShapeQueryKind::shape, DType::int64};
  return c.g.concat({c.g.cast(shape, DType::int64), c.g.add1(query, {parameters})}, 0);
}

}  // namespace

// (shape, seed, alpha)
Results stateless_gamma(OpContext& c) {
  c.expect_count(3);
  const Seed seed = seed_from(c, "random_key", {c.in(1)});
  return {samples(c, "random_gamma", c.dtype(2), c.in(0), seed, {c.in(2)})};
}

// (shape, key, counter, algorithm, alpha)
Results stateless_gamma_v3(OpContext& c) {
  c.expect_count(5);
  expect_philox(c, 3);
  return {samples(c, "random_gamma", c.dtype(4), c.in(0), {c.in(1), c.in(2)}, {c.in(4)})};
}

// (shape, seed, rate)
Results stateless_poisson(OpContext& c) {
  c.expect_count(3);
  const Seed seed = seed_from(c, "random_key", {c.in(1)});
  return {samples(c, "random_poisson", c.node.type("dtype"), c.in(0), seed, {c.in(2)})};
}

// (shape, seed, counts, probs)
Results stateless_binomial(OpContext& c) {
  c.expect_count(4);
  const Seed seed = seed_from(c, "random_key", {c.in(1)});
  return {samples(c, "random_binomial", c.node.type("dtype"), c.in(0), seed, {c.in(2), c.in(3)})};
}

}  // namespace thaw::tf::importers

namespace thaw::tf {

std::optional<Tensor> random_counter(const NodeView& node) {
  if (node.integer("seed") == 0 && node.integer("seed2") == 0) return std::nullopt;
  const auto high = static_cast<std::uint64_t>(node.integer("seed2"));
  return Tensor::from(Shape{2}, std::vector<std::uint64_t>{0, high});
}

Results stateful_random(OpContext& c, ValueId counter, ValueId& next) {
  const std::string& op = c.node.op();
  importers::Seed seed{kNoValue, counter};
  if (counter == kNoValue) {
    seed = importers::seed_from(c, "random_seed", {});
  } else {
    const auto key = static_cast<std::uint64_t>(c.node.integer("seed"));
    seed.key = c.g.constant(Tensor::from(Shape{1}, std::vector<std::uint64_t>{key}));
  }
  std::string kind = "numbers";
  Results results;
  if (op == "RandomShuffle") {
    c.expect_count(1);
    results = importers::draw_order(c, seed);
    kind = "rows";
  } else if (op == "Multinomial") {
    c.expect_count(2);
    results = importers::draw_classes(c, seed);
    kind = "samples";
  } else if (op == "RandomGamma" || op.starts_with("RandomPoisson")) {
    c.expect_count(2);
    const bool gamma = op == "RandomGamma";
    results = {importers::samples(
        c, gamma ? "random_gamma" : "random_poisson", gamma ? c.dtype(1) : c.node.type("dtype"),
        importers::with_parameters(c, c.in(0), c.in(1)), seed, {c.in(1)})};
  } else {
    c.kind = op == "RandomUniform"          ? 0
             : op == "RandomStandardNormal" ? 1
             : op == "TruncatedNormal"      ? 2
                                            : 4;
    results = importers::draw(c, seed);
  }
  if (counter != kNoValue) {
    next =
        c.g.add1(ops::HostCall{"random_advance", {{"kind", kind}}, nullptr}, {counter, results[0]});
  }
  return results;
}

namespace {

ValueId size_query(GraphBuilder& g, ValueId value) {
  return g.add1(ops::ShapeQuery{ShapeQueryKind::size, DType::int64}, {value});
}

/// TensorFlow sets aside numbers for binomial samples by a rule of their own: 200 for each
/// parameter and four of its samples, rounded up.
ValueId binomial_reserve(GraphBuilder& g, ValueId samples, ValueId parameters) {
  const auto number = [&](double value) { return g.scalar(value, DType::int64); };
  const ValueId divisor = g.binary(BinaryKind::maximum, parameters, number(1));
  const ValueId each = g.binary(BinaryKind::floor_div, samples, divisor);
  const ValueId rounded = g.binary(BinaryKind::add, each, number(3));
  const ValueId numbers =
      g.binary(BinaryKind::mul, g.binary(BinaryKind::mul, parameters, number(200)), rounded);
  return g.binary(BinaryKind::floor_div, numbers, number(4));
}

}  // namespace

// (state, algorithm, shape, parameters...): the state is a counter of two words and the key.
Results draw_from_generator(OpContext& c, ValueId& next) {
  const std::string& op = c.node.op();
  const bool binomial = op == "StatefulRandomBinomial", range = op == "StatefulUniformInt";
  c.expect_count(binomial || range ? 5 : 3);
  importers::expect_philox(c, 1);
  GraphBuilder& g = c.g;
  const ValueId words =
      g.add1(ops::HostCall{"bitcast", {{"dtype", DType::uint64}}, nullptr}, {c.in(0)});
  const importers::Seed seed{g.slice_axis(words, 0, 2, 3), g.slice_axis(words, 0, 0, 2)};
  const DType dtype = c.node.type("dtype");
  ValueId y = kNoValue;
  if (binomial) {
    y = importers::samples(c, "random_binomial", dtype, c.in(2), seed, {c.in(3), c.in(4)});
  } else {
    std::vector<ValueId> operands{c.in(2)};
    if (range) operands.insert(operands.end(), {c.in(3), c.in(4)});
    const int kind = op == "StatefulUniform"            ? 0
                     : op == "StatefulStandardNormalV2" ? 1
                     : op == "StatefulTruncatedNormal"  ? 2
                     : range                            ? 4
                                                        : 3;
    OpContext draw{g, c.node, operands, kind};
    y = importers::numbers(draw, dtype, seed, range ? 1 : 0);
  }
  ValueId count = size_query(g, y);
  if (binomial) {
    const ValueId parameters = size_query(g, g.binary(BinaryKind::add, c.in(3), c.in(4)));
    count = binomial_reserve(g, count, parameters);
  }
  next = g.add1(ops::HostCall{"random_skip", {}, nullptr},
                {c.in(0), c.in(1), g.cast(count, DType::uint64)});
  return {y};
}

}  // namespace thaw::tf
