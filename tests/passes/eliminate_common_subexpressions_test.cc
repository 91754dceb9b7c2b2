#include "runtime/passes/passes.h"
#include "tests/passes/pass_test_util.h"

namespace thaw {
namespace {

using test::graph_of;
using test::ops_of;

const std::string kX = "%x: float32[?, 4, 6] = input()\n%u: float32[?, 4, 6] = input()\n";
std::string axes(const std::string& name, const std::string& values) {
  return "%" + name + " = constant() {value = int64[1](" + values + ")}\n";
}
std::string unary(const std::string& result, const std::string& x, const std::string& fn) {
  return "%" + result + " = unary(%" + x + ") {fn = " + fn + "}\n";
}

TEST(EliminateCommonSubexpressions, RemovesAndKeepsTheResult) {
  const std::vector<test::PassRow> rows = {
      {"two alike", kX + unary("a", "x", "exp") + unary("b", "x", "exp") + "outputs(%a, %b)",
       "input input exp"},
      {"chains",
       kX + unary("a", "x", "exp") + unary("b", "a", "tanh") + unary("c", "x", "exp") +
           unary("d", "c", "tanh") + "%y = binary(%b, %d) {kind = add}\noutputs(%y)",
       "input input exp tanh add"},
      {"three",
       kX + unary("a", "x", "exp") + unary("b", "x", "exp") + unary("c", "x", "exp") +
           "outputs(%a, %b, %c)",
       "input input exp"},
      {"equal constants",
       kX + axes("i", "1") + axes("j", "1") +
           "%a = reduce(%x, %i) {kind = max}\n%b = reduce(%x, %j) {kind = max}\noutputs(%a, %b)",
       "input input reduce"},
      {"several results",
       kX + "%a, %b = split(%x) {axis = 1}\n%c, %d = split(%x) {axis = 1}\n" +
           "%y = binary(%a, %d) {kind = add}\noutputs(%y, %b, %c)",
       "input input split add"},
      {"casts",
       kX + "%a = cast(%x) {dtype = int32}\n%b = cast(%x) {dtype = int32}\noutputs(%a, %b)",
       "input input cast"},
  };
  test::check_rows(rows, eliminate_common_subexpressions);
}

TEST(EliminateCommonSubexpressions, KeepsWhatDiffers) {
  const std::vector<test::PassRow> rows = {
      {"another function",
       kX + unary("a", "x", "exp") + unary("b", "x", "tanh") + "outputs(%a, %b)", ""},
      {"another operand", kX + unary("a", "x", "exp") + unary("b", "u", "exp") + "outputs(%a, %b)",
       ""},
      {"operands the other way round",
       kX + "%a = binary(%x, %u) {kind = sub}\n%b = binary(%u, %x) {kind = sub}\noutputs(%a, %b)",
       ""},
      {"another parameter",
       kX + unary("a", "x", "leaky_relu(0.1, 0)") + unary("b", "x", "leaky_relu(0.2, 0)") +
           "outputs(%a, %b)",
       ""},
      {"a zero of another sign",
       kX + unary("a", "x", "clamp(0, 1)") + unary("b", "x", "clamp(-0, 1)") + "outputs(%a, %b)",
       ""},
      {"other constants",
       kX + axes("i", "1") + axes("j", "2") +
           "%a = reduce(%x, %i) {kind = max}\n%b = reduce(%x, %j) {kind = max}\noutputs(%a, %b)",
       ""},
      {"constants of other types",
       "%a = constant() {value = int32[1](1)}\n%b = constant() {value = int64[1](1)}\n"
       "outputs(%a, %b)",
       ""},
      {"inputs", kX + "outputs(%x, %u)", ""},
  };
  for (const test::PassRow& row : rows) {
    SCOPED_TRACE(row.name);
    Graph graph = graph_of(row.graph);
    const std::string before = to_text(graph);
    EXPECT_FALSE(eliminate_common_subexpressions(graph));
    EXPECT_EQ(to_text(graph), before);
  }
}

/// Twice the same call of the same operand.
Graph calls(const ops::HostCall& call) {
  Graph graph;
  GraphBuilder g(graph);
  const ValueId x = g.input("x", {DType::float32, {3, 3}});
  g.output("a", g.add1(call, {x}));
  g.output("b", g.add1(call, {x}));
  return graph;
}

TEST(EliminateCommonSubexpressions, HostFunctionsAreSharedIfTheyAreDeterministic) {
  Graph shared = calls({"cholesky", {}, nullptr});
  EXPECT_TRUE(eliminate_common_subexpressions(shared));
  verify(shared, "after");
  EXPECT_EQ(shared.nodes.size(), 2u);

  CustomFunction custom;
  custom.infer = [](const std::vector<TensorType>& types) { return types; };
  Graph kept = calls({"mine", {}, std::make_shared<const CustomFunction>(custom)});
  EXPECT_FALSE(eliminate_common_subexpressions(kept));

  Graph seeds;
  GraphBuilder g(seeds);
  const ops::HostCall seed{"random_seed", {{"size", 2}}, nullptr};
  for (const char* name : {"a", "b"}) g.output(name, g.add(seed, {}, 2)[0]);
  EXPECT_FALSE(eliminate_common_subexpressions(seeds));
}

TEST(EliminateCommonSubexpressions, VariablesAreReadAgain) {
  Graph graph;
  GraphBuilder g(graph);
  const VariableId v = g.variable("v", Tensor::from<float>({2}, {1, 2}));
  const ValueId x = g.input("x", {DType::float32, {2}});
  const ValueId before = g.add(ops::VariableRead{v}, {}, 1)[0];
  g.add(ops::VariableAssign{v}, {x}, 0);
  const ValueId after = g.add(ops::VariableRead{v}, {}, 1)[0];
  g.output("before", before);
  g.output("after", after);
  EXPECT_FALSE(eliminate_common_subexpressions(graph));
}

TEST(EliminateCommonSubexpressions, InsideSubgraphsButNotAcross) {
  Graph graph = graph_of(
      "subgraph \"s\" { %a: float32[2] = input() %b = unary(%a) {fn = exp} %c = unary(%a) {fn = "
      "exp} "
      "%d = binary(%b, %c) outputs(%d) }\n"
      "%p: bool[] = input()\n%x: float32[2] = input()\n%e = unary(%x) {fn = exp}\n"
      "%y = if(%p, %x)\n%z = if(%p, %x)\noutputs(%y, %z, %e)");
  EXPECT_TRUE(eliminate_common_subexpressions(graph));
  verify(graph, "after");
  EXPECT_EQ(ops_of(graph.subgraphs[0]), "input exp add");
  EXPECT_EQ(ops_of(graph), "input input exp if if");
}

}  // namespace
}  // namespace thaw
