// Random numbers. TensorFlow's stateful ops draw from where their last call ended; here every run
// draws the numbers of a session's first one, and other numbers each time without seeds.
#include "loaders/tf/ops/numeric.h"

namespace thaw::tf::importers {
namespace {

constexpr const char* kDistributions[] = {"uniform", "normal", "truncated_normal", "integers",
                                          "integers_in_range"};

/// Philox, and TensorFlow's own choice, which is Philox on a CPU.
constexpr std::int64_t kPhilox = 1, kAutoSelect = 3;

void expect_philox(const OpContext& c, int i) {
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

/// Of an op with the attributes seed and seed2: both zero means that none was chosen.
Seed attribute_seed(OpContext& c) {
  const auto seed = static_cast<std::uint64_t>(c.node.integer("seed"));
  const auto seed2 = static_cast<std::uint64_t>(c.node.integer("seed2"));
  if (seed == 0 && seed2 == 0) return seed_from(c, "random_seed", {});
  return {c.g.constant(Tensor::from(Shape{1}, std::vector<std::uint64_t>{seed})),
          c.g.constant(Tensor::from(Shape{2}, std::vector<std::uint64_t>{0, seed2}))};
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

}  // namespace

Results stateful_random(OpContext& c) {
  const bool range = c.kind == 4;
  c.expect_count(range ? 3 : 1);
  const DType dtype = c.node.type(range ? "Tout" : "dtype");
  return {numbers(c, dtype, attribute_seed(c), range ? 1 : 0)};
}

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

// kind 1: stateless, (x, key, counter, algorithm).
Results random_shuffle(OpContext& c) {
  c.expect_count(c.kind == 1 ? 4 : 1);
  if (c.kind == 1) expect_philox(c, 3);
  const Seed seed = c.kind == 1 ? Seed{c.in(1), c.in(2)} : attribute_seed(c);
  return {
      c.g.add1(ops::HostCall{"random_shuffle", {}, nullptr}, {c.in(0), seed.key, seed.counter})};
}

// kind 1: stateless, with the seed as an operand.
Results multinomial(OpContext& c) {
  c.expect_count(c.kind == 1 ? 3 : 2);
  const Seed seed = c.kind == 1 ? seed_from(c, "random_key", {c.in(2)}) : attribute_seed(c);
  return {c.g.add1(ops::HostCall{"multinomial", {{"dtype", c.node.type("output_dtype")}}, nullptr},
                   {c.in(0), c.in(1), seed.key, seed.counter})};
}

}  // namespace thaw::tf::importers
