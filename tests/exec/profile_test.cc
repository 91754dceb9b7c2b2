// What a profile counts, for plans and for the interpreter.
#include "runtime/exec/launch_cost.h"
#include "tests/exec/exec_test_util.h"

namespace thaw::testing {
namespace {

const OpTime* node_named(const Profile& profile, const std::string& op, const std::string& name) {
  for (const OpTime& time : profile.ops) {
    if (time.op == op && time.name.find(name) != std::string::npos) return &time;
  }
  return nullptr;
}

TEST(Profile, CountsThePlansLaunches) {
  Runner runner(program_of(mlp()), {1, 4});
  const Profile profile = runner.profile(std::vector<Tensor>{random_floats({5, 4}, 9)}, 3);
  ASSERT_TRUE(runner.stats().planned);
  EXPECT_EQ(profile.runs, 3);
  EXPECT_GT(profile.microseconds, 0);
  const OpTime* hidden = node_named(profile, "matmul", "hidden");
  ASSERT_NE(hidden, nullptr);
  EXPECT_EQ(hidden->launches, 3);
  EXPECT_EQ(hidden->flops, 3 * 2 * 5 * 4 * 8);
  EXPECT_EQ(hidden->bytes, 3 * 4 * (5 * 4 + 4 * 8 + 5 * 8));
  EXPECT_EQ(hidden->types, "float32[5, 4], float32[4, 8] -> float32[5, 8]");
  double sum = 0;
  for (const LaunchTime& launch : profile.launches) {
    EXPECT_LE(launch.begin, launch.end);
    sum += launch.end - launch.begin;
  }
  double total = 0;
  std::int64_t launches = 0;
  for (const OpTime& op : profile.ops) {
    total += op.microseconds;
    launches += op.launches;
  }
  EXPECT_EQ(launches, static_cast<std::int64_t>(profile.launches.size()));
  EXPECT_NEAR(sum, total, 1e-3 + 1e-6 * total);
}

// y doubles n times in a while loop, which is interpreted: its body's nodes are launches.
TEST(Profile, CountsTheInterpretersLaunches) {
  Graph graph;
  GraphBuilder g(graph);
  const ValueId x = g.input("x", {DType::float32, {2}});
  const ValueId n = g.input("n", {DType::int32, {}});
  const ValueId zero = g.constant(scalar(0));
  Graph cond, body;
  GraphBuilder c(cond), b(body);
  const TensorType index{DType::int32, {}}, value{DType::float32, {2}};
  const ValueId ci = c.input("i", index);
  const ValueId cn = c.input("n", index);
  c.input("x", value);
  c.output("go", c.binary(BinaryKind::less, ci, cn));
  const ValueId bi = b.input("i", index), bn = b.input("n", index), bx = b.input("x", value);
  b.output("i", b.binary(BinaryKind::add, bi, b.constant(scalar(1))));
  b.output("n", bn);
  b.output("x", b.binary(BinaryKind::add, bx, bx));
  ops::While loop;
  loop.cond = 0;
  loop.body = 1;
  graph.subgraphs.push_back(std::move(cond));
  graph.subgraphs.push_back(std::move(body));
  g.output("y", g.add(loop, {zero, n, x}, 3)[2]);
  Runner runner(program_of(graph), {1, 4});
  const Profile profile = runner.profile(std::vector<Tensor>{floats({2}, {1, 2}), scalar(6)}, 2);
  ASSERT_FALSE(runner.stats().planned);
  std::int64_t adds = 0, compares = 0;
  for (const OpTime& op : profile.ops) {
    if (op.types.find("bool") != std::string::npos) compares += op.launches;
    if (op.types == "float32[2], float32[2] -> float32[2]") adds += op.launches;
  }
  EXPECT_EQ(adds, 2 * 6);
  EXPECT_EQ(compares, 2 * 7);
}

TEST(Profile, NeedsARun) {
  Runner runner(program_of(mlp()), {1, 4});
  ErrorCode code{};
  error_of([&] { runner.profile(std::vector<Tensor>{random_floats({5, 4}, 9)}, 0); }, &code);
  EXPECT_EQ(code, ErrorCode::invalid_argument);
}

LaunchCost cost_of(const Op& op, const std::vector<Shape>& in, const std::vector<Shape>& out) {
  std::vector<TensorType> types;
  for (const Shape& shape : in) types.push_back({DType::float32, shape});
  for (const Shape& shape : out) types.push_back({DType::float32, shape});
  std::vector<const TensorType*> pointers;
  for (const TensorType& type : types) pointers.push_back(&type);
  const std::span<const TensorType* const> all = pointers;
  return launch_cost(op, all.first(in.size()), all.subspan(in.size()));
}

TEST(LaunchCost, CountsMultiplicationsAndAdditions) {
  ops::MatMul transposed;
  transposed.transpose_a = true;
  EXPECT_EQ(cost_of(transposed, {{7, 3}, {7, 5}}, {{3, 5}}).flops, 2 * 3 * 5 * 7);
  EXPECT_EQ(
      cost_of(ops::Einsum{"aecd,abcd->acbe"}, {{2, 3, 4, 5}, {2, 6, 4, 5}}, {{2, 4, 6, 3}}).flops,
      2 * 2 * 3 * 4 * 5 * 6);
  EXPECT_EQ(cost_of(ops::Einsum{"...a,ab->...b"}, {{2, 3, 4}, {4, 5}}, {{2, 3, 5}}).flops,
            2 * 2 * 3 * 4 * 5);
  EXPECT_EQ(cost_of(ops::Conv{}, {{1, 8, 8, 3}, {3, 3, 3, 16}}, {{1, 6, 6, 16}}).flops,
            2 * 6 * 6 * 16 * 27);
  EXPECT_EQ(
      cost_of(ops::Rnn{}, {{2, 10, 3}, {3, 20}, {5, 20}, {20}}, {{2, 5}, {2, 5}, {2, 5}}).flops,
      2 * 2 * 10 * (3 * 20 + 5 * 20));
  EXPECT_EQ(cost_of(ops::Unary{{UnaryKind::exp}}, {{4}}, {{4}}).flops, 0);
  EXPECT_EQ(cost_of(ops::Unary{{UnaryKind::exp}}, {{4}}, {{4}}).bytes, 32);
  // A look-up reads the rows that it gives, not the table.
  EXPECT_EQ(cost_of(ops::Gather{}, {{1000, 8}, {3}}, {{3, 8}}).bytes, 4 * (3 + 2 * 3 * 8));
}

}  // namespace
}  // namespace thaw::testing
