// Graphs that contradict themselves: each is refused with the right code and names the place.
#include <gtest/gtest.h>

#include "tests/loaders/tf/text_graph.h"
#include "tests/loaders/tf/tf_testing.h"

namespace thaw::testing {
namespace {

const std::string kFloat = attr("T", "type: DT_FLOAT");
const std::string kInt = attr("T", "type: DT_INT32");
const std::string kCall =
    attr("Tin", "list { type: DT_FLOAT }") + attr("Tout", "list { type: DT_FLOAT }");

std::string func(const std::string& key, const std::string& name) {
  return attr(key, "func { name: \"" + name + "\" }");
}

std::string call(const std::string& name, const std::string& callee, const std::string& inputs) {
  return node(name, "PartitionedCall", inputs, kCall + func("f", callee));
}

std::string branches(const std::string& name, const std::string& callee,
                     const std::string& inputs) {
  return node(name, "StatelessIf", inputs,
              attr("Tcond", "type: DT_FLOAT") + kCall + func("then_branch", callee) +
                  func("else_branch", callee));
}

std::string loop(const std::string& name, const std::string& callee, const std::string& inputs) {
  return node(name, "StatelessWhile", inputs,
              attr("T", "list { type: DT_FLOAT }") + func("cond", callee) + func("body", callee));
}

const std::string kIdentity = function("id", "a:DT_FLOAT", "r:DT_FLOAT", "", "r=a");
const std::string kX = placeholder("x");

struct Row {
  const char* what;
  std::string graph;
  ErrorCode code;
  const char* message;
};

void expect_refused(const Row& row) {
  const Failure failure = failure_of(row.graph);
  EXPECT_EQ(failure.code, row.code) << row.what << ": " << failure.message;
  EXPECT_NE(failure.message.find(row.message), std::string::npos)
      << row.what << ": " << failure.message;
}

constexpr ErrorCode kInvalid = ErrorCode::invalid_argument;
constexpr ErrorCode kExhausted = ErrorCode::resource_exhausted;

TEST(Malformed, References) {
  const Row rows[] = {
      {"an input that is not there", node("y", "Neg", "nowhere", kFloat), kInvalid, "'nowhere'"},
      {"a control input that is not there", kX + node("y", "Neg", "x ^nowhere", kFloat), kInvalid,
       "'^nowhere'"},
      {"a result that the op does not have",
       kX + node("n", "Neg", "x", kFloat) + node("y", "Neg", "n:3", kFloat), kInvalid, "result 3"},
      {"a port that is no number", kX + node("y", "Neg", "x:-1", kFloat), kInvalid, "'x:-1'"},
      {"a port that is left out", kX + node("y", "Neg", "x:", kFloat), kInvalid, "'x:'"},
      {"a result without a name", kX + node("y", "Neg", "x::0", kFloat), kInvalid, "'x::0'"},
      {"a cycle",
       kX + node("a", "AddV2", "x b", kFloat) + node("b", "Neg", "a", kFloat) +
           node("y", "Neg", "b", kFloat),
       kInvalid, "'b' needs 'a'"},
      {"two nodes of a name", kX + node("y", "Neg", "x", kFloat) + node("y", "Exp", "x", kFloat),
       kInvalid, "two nodes are named 'y'"},
      {"two functions of a name", kX + call("y", "id", "x") + kIdentity + kIdentity, kInvalid,
       "two functions are named 'id'"},
  };
  for (const Row& row : rows) expect_refused(row);
}

TEST(Malformed, Recursion) {
  const auto body = [&](const std::string& nodes) {
    return function("f", "a:DT_FLOAT", "r:DT_FLOAT", nodes, "r=c:output:0");
  };
  const Row rows[] = {
      {"a call of itself", kX + call("y", "f", "x") + body(call("c", "f", "a")), kInvalid,
       "'f' calls itself"},
      {"a branch of itself", kX + call("y", "f", "x") + body(branches("c", "f", "a a")), kInvalid,
       "'f' calls itself"},
      {"a loop of itself", kX + call("y", "f", "x") + body(loop("c", "f", "a")), kInvalid,
       "'f' calls itself"},
      {"the function's name as an op",
       kX + call("y", "f", "x") +
           function("f", "a:DT_FLOAT", "r:DT_FLOAT", node("c", "f", "a"), "r=c:r:0"),
       kInvalid, "'f' calls itself"},
      {"two functions",
       kX + call("y", "f", "x") + body(call("c", "g", "a")) +
           function("g", "a:DT_FLOAT", "r:DT_FLOAT", branches("c", "f", "a a"), "r=c:output:0"),
       kInvalid, "calls itself"},
  };
  for (const Row& row : rows) expect_refused(row);
}

// 2^30 nodes from 31 functions, however they are called.
TEST(Malformed, DoublingFunctions) {
  using Twice = std::string (*)(const std::string&, const std::string&, const std::string&);
  const std::pair<const char*, Twice> kinds[] = {
      {"calls", call}, {"branches", branches}, {"loops", loop}};
  for (const auto& [what, use] : kinds) {
    const bool branch = use == static_cast<Twice>(branches);
    std::string text = kX + call("y", "f30", "x");
    for (int i = 1; i <= 30; ++i) {
      const std::string below = "f" + std::to_string(i - 1);
      text += function("f" + std::to_string(i), "a:DT_FLOAT", "r:DT_FLOAT",
                       use("c1", below, branch ? "a a" : "a") +
                           use("c2", below, branch ? "c1:output:0 a" : "c1:output:0"),
                       "r=c2:output:0");
    }
    text += function("f0", "a:DT_FLOAT", "r:DT_FLOAT", "", "r=a");
    expect_refused({what, text, kExhausted, "nodes"});
  }
}

TEST(Malformed, FunctionsThatNothingCallsDoNotBlock) {
  const Graph graph = graph_of_text(
      kX + node("y", "Neg", "x", kFloat) +
      function("bad", "a:DT_FLOAT", "r:DT_FLOAT",
               node("n", "SymbolicGradient", "nowhere") + call("c", "bad", "a"), "r=c:output:0"));
  EXPECT_EQ(count_ops(graph, "unary"), 1);
}

TEST(Malformed, SignaturesOfFunctions) {
  const auto f = [&](const std::string& argument, const std::string& result) {
    return kX + call("y", "f", "x") + function("f", argument, result, "", "r=a");
  };
  const Row rows[] = {
      {"an argument of another type", f("a:DT_INT32", "r:DT_INT32"), kInvalid,
       "argument 0 is float32, its signature says int32"},
      {"a result of another type", f("a:DT_FLOAT", "r:DT_INT32"), kInvalid,
       "result 0 is float32, its signature says int32"},
      {"more arguments than given", f("a:DT_FLOAT b:DT_FLOAT", "r:DT_FLOAT"), kInvalid,
       "takes 2 arguments, found 1"},
      {"a loop whose body drops a variable",
       kX + loop("y", "f", "x x") + function("f", "a:DT_FLOAT b:DT_FLOAT", "r:DT_FLOAT", "", "r=a"),
       kInvalid, "2 arguments and 1 results"},
  };
  for (const Row& row : rows) expect_refused(row);
  EXPECT_EQ(count_ops(graph_of_text(kX + call("y", "id", "x") + kIdentity), "while"), 0);
}

TEST(Malformed, TypesThatLie) {
  const Row rows[] = {
      {"an attribute against its operand", kX + node("y", "Neg", "x", kInt), kInvalid,
       "attribute T is int32, an operand float32"},
      {"two operands",
       kX + constant("i", "DT_INT32", "int_val: 1") + node("y", "AddV2", "x i", kFloat), kInvalid,
       "an operand int32"},
      {"a constant of another type than it says",
       node("c", "Const", "",
            attr("dtype", "type: DT_FLOAT") +
                attr("value", "tensor { dtype: DT_INT32 int_val: 1 }")) +
           node("y", "Neg", "c", kFloat),
       kInvalid, "the value is int32"},
      {"a constant without a value",
       node("c", "Const", "", attr("dtype", "type: DT_FLOAT")) + node("y", "Neg", "c", kFloat),
       kInvalid, "'value' is missing"},
      {"a list of types against its operands",
       kX + constant("i", "DT_INT32", "int_val: 1") +
           node("y", "IdentityN", "x i", attr("T", "list { type: DT_FLOAT type: DT_INT64 }")),
       kInvalid, "attribute T says int64 of operand 1, which is int32"},
      {"a list of fewer types than operands",
       kX + node("y", "IdentityN", "x x", attr("T", "list { type: DT_FLOAT }")), kInvalid,
       "2 operands, attribute T has 1 types"},
  };
  for (const Row& row : rows) expect_refused(row);
}

// A loop whose variables change their type is refused; one whose shapes change runs.
TEST(Malformed, LoopsThatChangeTypes) {
  const std::string to_int = attr("SrcT", "type: DT_FLOAT") + attr("DstT", "type: DT_INT32");
  expect_refused(
      {"a body that gives another type",
       kX + loop("y", "f", "x") +
           function("f", "a:DT_FLOAT", "r:DT_INT32", node("c", "Cast", "a", to_int), "r=c:y:0"),
       kInvalid, ""});
}

TEST(Malformed, TypesOutsideTheList) {
  const auto input = [](const std::string& type) {
    return placeholder("x", "-1", type) + node("y", "Identity", "x", attr("T", "type: " + type));
  };
  const auto cast = [&](const std::string& type) {
    return kX +
           node("y", "Cast", "x", attr("SrcT", "type: DT_FLOAT") + attr("DstT", "type: " + type));
  };
  const std::string list = attr("OUT_TYPE", "list { type: DT_FLOAT type: 77 }");
  constexpr ErrorCode kUnimplemented = ErrorCode::unimplemented;
  const Row rows[] = {
      {"none, of an input", input("DT_INVALID"), kInvalid,
       "node 'x' (Placeholder): attribute 'dtype': type is not set"},
      {"no type, of an input", input("77"), kInvalid,
       "node 'x' (Placeholder): attribute 'dtype': type number 77"},
      {"none", cast("DT_INVALID"), kInvalid, "node 'y' (Cast): attribute 'DstT': type is not set"},
      {"no type", cast("77"), kInvalid, "node 'y' (Cast): attribute 'DstT': type number 77"},
      {"a negative number", cast("-3"), kInvalid, "attribute 'DstT': type number -3"},
      {"a reference to no type", cast("177"), kInvalid, "attribute 'DstT': type number 177"},
      {"in a list", placeholder("x", "-1", "DT_STRING") + node("y", "DecodeCSV", "x x", list),
       kInvalid, "node 'y' (DecodeCSV): attribute 'OUT_TYPE': type number 77"},
      {"one that only TensorFlow has", cast("DT_INT4"), kUnimplemented, "DT_INT4"},
      {"a constant of references",
       constant("c", "DT_FLOAT_REF", "float_val: 1") + node("y", "Neg", "c", kFloat), kInvalid,
       "node 'c' (Const)"},
      {"a constant of handles", constant("c", "DT_RESOURCE", "") + node("y", "Identity", "c"),
       kUnimplemented, "constant of DT_RESOURCE"},
      {"a constant of variants", constant("c", "DT_VARIANT", "") + node("y", "Identity", "c"),
       kUnimplemented, "constant of DT_VARIANT"},
  };
  for (const Row& row : rows) expect_refused(row);
}

TEST(Malformed, Shapes) {
  const auto shaped = [](const std::string& dims) {
    return constant("c", "DT_FLOAT", "tensor_shape { " + dims + " } float_val: 1") +
           node("y", "Neg", "c", kFloat);
  };
  const auto dim = [](const std::string& size) { return "dim { size: " + size + " } "; };
  std::string many, most;
  for (int i = 0; i < 255; ++i) many += dim("1");
  for (int i = 0; i < 254; ++i) most += dim("1");
  const Row rows[] = {
      {"a negative size", shaped(dim("-5")), kInvalid, "-5"},
      {"an unknown size of a constant", shaped(dim("-1")), kInvalid, "[?]"},
      {"a product beyond 2^63", shaped(dim("4611686018427387904") + dim("8")), kInvalid, ""},
      {"more axes than TensorFlow has", shaped(many), kInvalid, "rank 255"},
      {"more axes than the limit", shaped(most), kExhausted, "rank 254"},
      {"a placeholder of a negative size", placeholder("x", "-7") + node("y", "Neg", "x", kFloat),
       kInvalid, "-7"},
      {"one value for 10^12 elements", shaped(dim("1000000000000")), kExhausted, ""},
  };
  for (const Row& row : rows) expect_refused(row);
}

}  // namespace
}  // namespace thaw::testing
