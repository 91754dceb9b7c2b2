// remove_identities, remove_dead_code.
#include "runtime/passes/passes.h"
#include "tests/passes/pass_test_util.h"

namespace thaw {
namespace {

using test::graph_of;
using test::ops_of;

std::string ints(const std::string& name, const std::string& values, std::size_t count) {
  return "%" + name + " = constant() {value = int64[" + std::to_string(count) + "](" + values +
         ")}\n";
}
const std::string kX = "%x: float32[?, 4, 6] = input()\n";

TEST(RemoveIdentities, RemovesAndKeepsTheResult) {
  const std::string t = ints("p", "2, 0, 1", 3) + "%t = transpose(%x, %p)\n";
  const std::vector<test::PassRow> rows = {
      {"identity", kX + "%y = identity(%x)\n%z = unary(%y) {fn = relu}\noutputs(%z)", "input relu"},
      {"chain of them", kX + "%y = identity(%x)\n%z = identity(%y)\noutputs(%z, %y)", "input"},
      {"linear", kX + "%y = unary(%x) {fn = linear}\noutputs(%y)", "input"},
      {"cast", kX + "%y = cast(%x) {dtype = float32}\noutputs(%y)", "input"},
      {"transpose", kX + ints("p", "0, 1, 2", 3) + "%y = transpose(%x, %p)\noutputs(%y)", "input"},
      {"two transposes", kX + t + ints("q", "1, 2, 0", 3) + "%y = transpose(%t, %q)\noutputs(%y)",
       "input"},
      {"two that do not cancel", kX + t + "%y = transpose(%t, %p)\noutputs(%y)", "input transpose"},
      {"three", kX + t + "%u = transpose(%t, %p)\n%y = transpose(%u, %p)\noutputs(%y)", "input"},
      {"inner one used elsewhere",
       kX + t + ints("q", "1, 2, 0", 3) + "%y = transpose(%t, %q)\noutputs(%y, %t)",
       "input transpose"},
      {"reshape", kX + ints("s", "-1, 4, 6", 3) + "%y = reshape(%x, %s)\noutputs(%y)", "input"},
      {"two reshapes",
       kX + ints("s", "-1, 24", 2) + ints("r", "-1, 3, 8", 3) +
           "%t = reshape(%x, %s)\n%y = reshape(%t, %r)\noutputs(%y)",
       "input reshape"},
      {"there and back",
       kX + ints("s", "-1, 24", 2) + ints("r", "-1, 4, 6", 3) +
           "%t = reshape(%x, %s)\n%y = reshape(%t, %r)\noutputs(%y)",
       "input"},
      {"static reshapes",
       "%x: float32[2, 6] = input()\n" + ints("s", "12", 1) + ints("r", "3, 4", 2) +
           "%t = reshape(%x, %s)\n%y = reshape(%t, %r)\noutputs(%y)",
       "input reshape"},
      {"expand_dims of none", kX + "%y = expand_dims(%x)\noutputs(%y)", "input"},
      {"squeeze of expand_dims",
       kX + "%t = expand_dims(%x) {axes = [1]}\n%y = squeeze(%t) {axes = [-3]}\noutputs(%y)",
       "input"},
      {"broadcast_to",
       "%x: float32[2, 3] = input()\n" + ints("s", "2, 3", 2) +
           "%y = broadcast_to(%x, %s)\noutputs(%y)",
       "input"},
      {"tile", kX + ints("s", "1, 1, 1", 3) + "%y = tile(%x, %s)\noutputs(%y)", "input"},
      {"pad",
       kX +
           "%s = constant() {value = int32[3, 2](0, 0, 0, 0, 0, 0)}\n%y = pad(%x, %s)\noutputs(%y)",
       "input"},
      {"slice",
       kX + ints("b", "0, 0, 0", 3) + ints("s", "-1, 4, -1", 3) +
           "%y = slice(%x, %b, %s)\noutputs(%y)",
       "input"},
      {"concat of one", kX + "%y = concat(%x) {axis = 1}\noutputs(%y)", "input"},
      {"split into one", kX + "%y = split(%x) {axis = 1}\noutputs(%y)", "input"},
      {"reverse of none", kX + "%y = reverse(%x)\noutputs(%y)", "input"},
      {"reduce of none", kX + ints("a", "", 0) + "%y = reduce(%x, %a)\noutputs(%y)", "input"},
  };
  test::check_rows(rows, remove_identities);
}

TEST(RemoveIdentities, LeavesWhatItMust) {
  const std::string back = ints("r", "-1, 4, 6", 3) + "%y = reshape(%t, %r)\noutputs(%y)";
  const std::vector<test::PassRow> rows = {
      {"a cast", kX + "%y = cast(%x) {dtype = float64}\noutputs(%y)", ""},
      {"a transpose", kX + ints("p", "0, 2, 1", 3) + "%y = transpose(%x, %p)\noutputs(%y)", ""},
      {"an unknown permutation", kX + "%p: int64[3] = input()\n%y = transpose(%x, %p)\noutputs(%y)",
       ""},
      {"a reshape that may differ",
       "%x: float32[?, ?, 6] = input()\n" + ints("s", "-1, 4, 6", 3) +
           "%y = reshape(%x, %s)\noutputs(%y)",
       ""},
      {"a reshape that must check",
       kX + ints("s", "3, 4, 6", 3) + "%y = reshape(%x, %s)\noutputs(%y)", ""},
      {"an inner reshape that may fail",
       kX + ints("s", "-1, 7", 2) + "%t = reshape(%x, %s)\n" + back, ""},
      {"an inner reshape that fixes the size",
       kX + ints("s", "3, 24", 2) + "%t = reshape(%x, %s)\n" + back, ""},
      {"an inner reshape of unknown sizes",
       "%x: float32[?, ?] = input()\n" + ints("s", "-1, 24", 2) + "%t = reshape(%x, %s)\n" + back,
       ""},
      {"squeeze of another axis",
       "%x: float32[2, 1] = input()\n%t = expand_dims(%x) {axes = [0]}\n%y = squeeze(%t) {axes = "
       "[2]}\noutputs(%y)",
       ""},
      {"squeeze of all", kX + "%t = expand_dims(%x) {axes = [0]}\n%y = squeeze(%t)\noutputs(%y)",
       ""},
      {"a broadcast",
       "%x: float32[?, 3] = input()\n" + ints("s", "2, 3", 2) +
           "%y = broadcast_to(%x, %s)\noutputs(%y)",
       ""},
      {"a slice",
       kX + ints("b", "0, 0, 0", 3) + ints("s", "-1, 3, -1", 3) +
           "%y = slice(%x, %b, %s)\noutputs(%y)",
       ""},
      {"a slice that may differ",
       kX + ints("b", "0, 0, 0", 3) + ints("s", "3, 4, 6", 3) +
           "%y = slice(%x, %b, %s)\noutputs(%y)",
       ""},
      {"a sum of all", kX + ints("a", "0", 1) + "%y = reduce(%x, %a)\noutputs(%y)", ""},
  };
  for (const test::PassRow& row : rows) {
    SCOPED_TRACE(row.name);
    Graph graph = graph_of(row.graph);
    const std::string text = to_text(graph);
    EXPECT_FALSE(remove_identities(graph));
    EXPECT_EQ(to_text(graph), text);
  }
}

TEST(RemoveIdentities, KeepsTheOutputsNames) {
  Graph graph = graph_of(kX + "%y \"copy\" = identity(%x)\noutputs(%y \"result\", %x \"input\")");
  EXPECT_TRUE(remove_identities(graph));
  EXPECT_EQ(graph.output_names, (std::vector<std::string>{"result", "input"}));
  EXPECT_EQ(graph.outputs, (std::vector<ValueId>{0, 0}));
}

TEST(RemoveIdentities, InsideSubgraphs) {
  Graph graph = graph_of(
      "subgraph \"s\" { %a: float32[2] = input() %b = identity(%a) %c = unary(%b) {fn = relu} "
      "outputs(%c) }\n"
      "%p: bool[] = input()\n%x: float32[2] = input()\n%y = if(%p, %x)\noutputs(%y)");
  EXPECT_TRUE(remove_identities(graph));
  verify(graph, "after");
  EXPECT_EQ(ops_of(graph.subgraphs[0]), "input relu");
}

TEST(RemoveDeadCode, RemovesWhatNothingUses) {
  Graph graph = graph_of(kX + R"(
    %c = constant() {value = float32[](1)}
    %dead = binary(%x, %c)
    %dead2 = unary(%dead) {fn = exp}
    %unused: float32[3] = input()
    %y = unary(%x) {fn = relu}
    %k = constant() {value = int32[](1)}
    %values, %indices = top_k(%y, %k)
    outputs(%indices))");
  const std::vector<Tensor> inputs = test::random_inputs(graph, 1);
  const std::vector<Tensor> expected = test::run_graph(graph, inputs);
  EXPECT_TRUE(remove_dead_code(graph));
  verify(graph, "after");
  // Inputs are the model's interface; a node lives if one of its results does.
  EXPECT_EQ(ops_of(graph), "input input relu top_k");
  EXPECT_EQ(graph.inputs.size(), 2u);
  EXPECT_TRUE(test::bitwise_equal(test::run_graph(graph, inputs)[0], expected[0]));
  EXPECT_FALSE(remove_dead_code(graph));
}

TEST(RemoveDeadCode, KeepsEffects) {
  Graph graph = graph_of(R"(
    variable "v" = float32[2](0, 0)
    subgraph "quiet" { %a: float32[2] = input() %b = unary(%a) {fn = relu} outputs(%b) }
    subgraph "loud" { %a: float32[2] = input() variable_assign(%a) outputs(%a) }
    subgraph "nested" {
      subgraph "inner" { %a: float32[2] = input() %t = constant() {value = bool[](true)} assert(%t) outputs(%a) }
      %a: float32[2] = input() %p = constant() {value = bool[](true)} %b = if(%p, %a) outputs(%a)
    }
    subgraph "unnamed" { outputs() }
    %x: float32[2] = input()
    %p = constant() {value = bool[](true)}
    %n = unary(%x) {fn = neg}
    variable_assign(%n)
    assert(%p)
    %q = if(%p, %x) {then_graph = 0, else_graph = 0}
    %l = if(%p, %x) {then_graph = 0, else_graph = 1}
    %m = if(%p, %x) {then_graph = 2, else_graph = 2}
    outputs(%x))");
  EXPECT_TRUE(remove_dead_code(graph));
  verify(graph, "after");
  EXPECT_EQ(ops_of(graph), "input neg variable_assign assert if if");
  std::vector<std::string> names;
  for (const Graph& subgraph : graph.subgraphs) names.push_back(subgraph.name);
  EXPECT_EQ(names, (std::vector<std::string>{"quiet", "loud", "nested"}));
  EXPECT_FALSE(remove_dead_code(graph));
}

TEST(RemoveDeadCode, RenumbersSubgraphs) {
  Graph graph = graph_of(R"(
    subgraph "a" { %a: float32[2] = input() outputs(%a) }
    subgraph "cond" { %a: float32[2] = input() %b = constant() {value = bool[](false)} outputs(%b) }
    subgraph "b" { %a: float32[2] = input() %b = unary(%a) {fn = relu} %dead = unary(%a) {fn = exp} outputs(%b) }
    %x: float32[2] = input()
    %y = while(%x) {cond = 1, body = 2}
    outputs(%y))");
  EXPECT_TRUE(remove_dead_code(graph));
  verify(graph, "after");
  ASSERT_EQ(graph.subgraphs.size(), 2u);
  const auto& loop = std::get<ops::While>(graph.nodes[1].op);
  EXPECT_EQ(graph.subgraphs[static_cast<std::size_t>(loop.cond)].name, "cond");
  EXPECT_EQ(graph.subgraphs[static_cast<std::size_t>(loop.body)].name, "b");
  EXPECT_EQ(ops_of(graph.subgraphs[1]), "input relu");
}

}  // namespace
}  // namespace thaw
