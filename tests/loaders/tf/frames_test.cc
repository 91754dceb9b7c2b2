// TensorFlow 1 control flow: Switch and Merge, Enter, NextIteration and Exit, tensor arrays.
#include <gtest/gtest.h>

#include "tests/loaders/tf/text_graph.h"
#include "tests/loaders/tf/tf_testing.h"

namespace thaw::testing {
namespace {

const std::string kFloat = attr("T", "type: DT_FLOAT");
const std::string kInt = attr("T", "type: DT_INT32");
const std::string kBool = attr("T", "type: DT_BOOL");
const std::string kTwo = attr("N", "i: 2");

std::vector<float> floats(const Tensor& tensor) {
  return {tensor.data<float>(), tensor.data<float>() + tensor.num_elements()};
}

Tensor flag(bool value) {
  Tensor tensor(DType::boolean, Shape{});
  *tensor.mutable_data<bool>() = value;
  return tensor;
}

Tensor vector_of(std::vector<float> values) {
  const auto n = static_cast<std::int64_t>(values.size());
  return Tensor::from<float>(Shape{n}, values);
}

LoadOptions asking(std::vector<std::string> inputs, std::vector<std::string> outputs) {
  LoadOptions options;
  options.inputs = std::move(inputs);
  options.outputs = std::move(outputs);
  return options;
}

// A predicate that is a scalar of the graph: c > 0 of a vector's sum would do as well.
const std::string kCondition =
    node("c", "Placeholder", "", attr("dtype", "type: DT_BOOL") + attr("shape", "shape { }"));

std::string gate(const std::string& name, const std::string& data, const std::string& predicate) {
  return node(name, "Switch", data + " " + predicate, kFloat);
}

std::string merge(const std::string& name, const std::string& inputs) {
  return node(name, "Merge", inputs, kFloat + kTwo);
}

const std::string kBranch = kCondition + placeholder("x") + gate("s", "x", "c") +
                            node("no", "Neg", "s:0", kFloat) + node("yes", "Exp", "s:1", kFloat);

TEST(SwitchAndMerge, BecomeOneIf) {
  const Graph graph =
      graph_of_text(kBranch + merge("m", "no yes") + gate("s2", "x", "c") + merge("m2", "s2:0 yes"),
                    asking({"c:0", "x:0"}, {"m:0", "m2:0"}));
  EXPECT_EQ(count_ops(graph, "if"), 1);
  EXPECT_EQ(floats(run_graph(graph, {flag(false), vector_of({1, 2})}).at(0)),
            (std::vector<float>{-1, -2}));
  EXPECT_EQ(floats(run_graph(graph, {flag(false), vector_of({1, 2})}).at(1)),
            (std::vector<float>{1, 2}));
  EXPECT_EQ(floats(run_graph(graph, {flag(true), vector_of({0})}).at(1)), std::vector<float>{1});
}

TEST(SwitchAndMerge, TellWhichOperandCame) {
  const Graph graph =
      graph_of_text(kBranch + merge("m", "yes no"), asking({"c:0", "x:0"}, {"m:1", "m:0"}));
  EXPECT_EQ(run_graph(graph, {flag(true), vector_of({0})}).at(0).data<std::int32_t>()[0], 0);
  EXPECT_EQ(run_graph(graph, {flag(false), vector_of({0})}).at(0).data<std::int32_t>()[0], 1);
}

TEST(SwitchAndMerge, AKnownPredicateLeavesOneSide) {
  std::string text = placeholder("x") + constant("c", "DT_BOOL", "bool_val: true") +
                     gate("s", "x", "c") + node("no", "NoSuchOp", "s:0") +
                     node("yes", "Neg", "s:1", kFloat) + merge("m", "no yes");
  const Graph graph = graph_of_text(text, asking({"x:0"}, {"m:0"}));
  EXPECT_EQ(count_ops(graph, "if"), 0);
  EXPECT_EQ(floats(run_graph(graph, {vector_of({2})}).at(0)), std::vector<float>{-2});
}

TEST(SwitchAndMerge, OneSideAloneIsRefused) {
  const Failure side = failure_of(kBranch, asking({"c:0", "x:0"}, {"yes:0"}));
  EXPECT_EQ(side.code, ErrorCode::unimplemented);
  EXPECT_NE(side.message.find("one side of a branch"), std::string::npos) << side.message;
  const Failure half = failure_of(kBranch + node("m", "Merge", "yes", kFloat + attr("N", "i: 1")),
                                  asking({"c:0", "x:0"}, {"m:0"}));
  EXPECT_EQ(half.code, ErrorCode::unimplemented);
  EXPECT_NE(half.message.find("one side of a branch"), std::string::npos) << half.message;
}

TEST(SwitchAndMerge, BothSidesAtOnceAreRefused) {
  const Failure both = failure_of(placeholder("x") + node("a", "Neg", "x", kFloat) +
                                      node("b", "Exp", "x", kFloat) + merge("m", "a b"),
                                  asking({"x:0"}, {"m:0"}));
  EXPECT_EQ(both.code, ErrorCode::unimplemented);
  EXPECT_NE(both.message.find("several branches"), std::string::npos) << both.message;
}

// Effects of a side happen on that side only.
TEST(SwitchAndMerge, AssertsStandInTheirBranch) {
  const std::string text =
      kBranch +
      node("check", "Assert", "wrong", attr("T", "list { }") + attr("summarize", "i: 3")) +
      constant("wrong", "DT_BOOL", "bool_val: false") + node("is_c", "Switch", "c c", kBool) +
      node("off", "Identity", "is_c:0", kBool) + node("on", "Identity", "is_c:1", kBool);
  std::string in_branch = text;
  const std::string assert_node = "name: \"check\" op: \"Assert\" input: \"wrong\" ";
  in_branch.replace(in_branch.find(assert_node), assert_node.size(),
                    assert_node + "input: \"^off\" ");
  const Graph graph = graph_of_text(
      in_branch + node("held", "Identity", "no ^check", kFloat) + merge("m", "held yes"),
      asking({"c:0", "x:0"}, {"m:0"}));
  EXPECT_EQ(floats(run_graph(graph, {flag(true), vector_of({0})}).at(0)), std::vector<float>{1});
  EXPECT_THROW(run_graph(graph, {flag(false), vector_of({0})}), Error);
}

TEST(SwitchAndMerge, AnEndlessNestIsLimited) {
  std::string text = placeholder("x");
  std::string inner = "x";
  const int depth = 400;
  for (int i = 0; i < depth; ++i) {
    const std::string n = std::to_string(i);
    text += node("c" + n, "Placeholder", "",
                 attr("dtype", "type: DT_BOOL") + attr("shape", "shape { }")) +
            gate("s" + n, inner, "c" + n);
    inner = "s" + n + ":1";
  }
  text += merge("m", "s0:0 " + inner);
  LoadOptions options;
  options.outputs = {"m:0"};
  EXPECT_EQ(failure_of(text, options).code, ErrorCode::resource_exhausted);
}

// ---- loops
// ------------------------------------------------------------------------------------------------------

std::string enter(const std::string& name, const std::string& input, const std::string& type,
                  bool constant_in_loop = false, const std::string& frame = "loop") {
  return node(name, "Enter", input,
              type + attr("frame_name", "s: \"" + frame + "\"") +
                  attr("is_constant", constant_in_loop ? "b: true" : "b: false"));
}

// while (i < n) { i += 1; v = body(v) }
std::string loop(const std::string& body, const std::string& more = "") {
  return placeholder("x") +
         node("n", "Placeholder", "",
              attr("dtype", "type: DT_INT32") + attr("shape", "shape { }")) +
         constant("zero", "DT_INT32", "int_val: 0") + enter("ei", "zero", kInt) +
         enter("ev", "x", kFloat) + enter("en", "n", kInt, true) +
         node("mi", "Merge", "ei ni", kInt + kTwo) + node("mv", "Merge", "ev nv", kFloat + kTwo) +
         node("less", "Less", "mi en", kInt) + node("go", "LoopCond", "less") +
         node("si", "Switch", "mi go", kInt) + node("sv", "Switch", "mv go", kFloat) +
         node("pi", "Identity", "si:1", kInt) + node("pv", "Identity", "sv:1", kFloat) +
         constant("one", "DT_INT32", "int_val: 1") + node("next", "AddV2", "pi one", kInt) + body +
         node("ni", "NextIteration", "next", kInt) + node("nv", "NextIteration", "body", kFloat) +
         node("xi", "Exit", "si", kInt) + node("xv", "Exit", "sv", kFloat) + more;
}

const std::string kDouble = node("body", "AddV2", "pv pv", kFloat);
const LoadOptions kLoop = asking({"x:0", "n:0"}, {"xv:0", "xi:0"});

Tensor number(std::int32_t value) { return Tensor::from<std::int32_t>(Shape{}, {value}); }

TEST(Frames, BecomeOneWhile) {
  const Graph graph = graph_of_text(loop(kDouble), kLoop);
  EXPECT_EQ(count_ops(graph, "while"), 1);
  const auto results = run_graph(graph, {vector_of({1, 3}), number(3)});
  EXPECT_EQ(floats(results.at(0)), (std::vector<float>{8, 24}));
  EXPECT_EQ(results.at(1).data<std::int32_t>()[0], 3);
  EXPECT_EQ(floats(run_graph(graph, {vector_of({5}), number(0)}).at(0)), std::vector<float>{5});
}

TEST(Frames, HoldBranches) {
  const Graph graph = graph_of_text(
      loop(constant("limit", "DT_INT32", "int_val: 1") + node("late", "Greater", "pi limit", kInt) +
           gate("choose", "pv", "late") + node("early", "AddV2", "choose:0 choose:0", kFloat) +
           node("then", "Neg", "choose:1", kFloat) + merge("body", "early then")),
      kLoop);
  EXPECT_EQ(floats(run_graph(graph, {vector_of({1}), number(4)}).at(0)), std::vector<float>{4});
}

TEST(Frames, OnlyWhatIsAskedForIsImported) {
  const std::string unused =
      enter("eu", "x", kFloat) + node("mu", "Merge", "eu nu", kFloat + kTwo) +
      node("su", "Switch", "mu go", kFloat) + node("bad", "NoSuchOp", "su:1") +
      node("nu", "NextIteration", "bad", kFloat) + node("xu", "Exit", "su", kFloat);
  const Graph graph = graph_of_text(loop(kDouble, unused), kLoop);
  EXPECT_EQ(floats(run_graph(graph, {vector_of({1}), number(2)}).at(0)), std::vector<float>{4});
  LoadOptions all = kLoop;
  all.outputs.push_back("xu:0");
  EXPECT_NE(failure_of(loop(kDouble, unused), all).message.find("NoSuchOp"), std::string::npos);
}

TEST(Frames, InsideTheLoopIsNoResult) {
  for (const char* inside : {"pv:0", "mv:0", "ev:0", "nv:0"}) {
    const Failure failure = failure_of(loop(kDouble), asking({"x:0", "n:0"}, {inside}));
    EXPECT_EQ(failure.code, ErrorCode::unimplemented) << inside;
    EXPECT_NE(failure.message.find("inside a TensorFlow 1 loop"), std::string::npos)
        << failure.message;
  }
}

struct Broken {
  const char* what;
  std::string from, to;  // in the text of the loop
  const char* message;
};

TEST(Frames, DamageIsNamed) {
  const Broken rows[] = {
      {"another frame", "s: \"loop\"", "s: \"other\"", "in the loop"},
      {"no LoopCond", "op: \"LoopCond\"", "op: \"Identity\"", "LoopCond"},
      {"an exit from nowhere", "op: \"Exit\" input: \"sv\"", "op: \"Exit\" input: \"body\"",
       "leave a loop through a Switch"},
      {"a type that changes", "input: \"body\"", "input: \"next\"", "loop variable"},
      {"a gate without a predicate", "input: \"mv\" input: \"go\"", "input: \"mv\"", ""},
  };
  for (const Broken& row : rows) {
    std::string text = loop(kDouble);
    const std::size_t at = text.find(row.from);
    ASSERT_NE(at, std::string::npos) << row.what;
    text.replace(at, row.from.size(), row.to);
    const Failure failure = failure_of(text, kLoop);
    EXPECT_EQ(failure.code, ErrorCode::invalid_argument) << row.what << ": " << failure.message;
    EXPECT_NE(failure.message.find(row.message), std::string::npos)
        << row.what << ": " << failure.message;
  }
}

TEST(Frames, CyclesWithoutANextIterationAreNamed) {
  std::string text = loop(kDouble);
  const std::string back = "op: \"NextIteration\" input: \"body\"";
  text.replace(text.find(back), back.size(), "op: \"Identity\" input: \"body\"");
  const Failure failure = failure_of(text, kLoop);
  EXPECT_EQ(failure.code, ErrorCode::invalid_argument);
  EXPECT_NE(failure.message.find("NextIteration"), std::string::npos) << failure.message;
}

// ---- tensor arrays
// ----------------------------------------------------------------------------------------------

const std::string kItems = attr("dtype", "type: DT_FLOAT");

std::string array(const std::string& attrs = "") {
  return placeholder("x", "2 2") + constant("two", "DT_INT32", "int_val: 2") +
         constant("zero", "DT_INT32", "int_val: 0") +
         constant("which", "DT_INT32", "tensor_shape { dim { size: 2 } } int_val: 0 int_val: 1") +
         node("a", "TensorArrayV3", "two", kItems + attrs);
}

TEST(TensorArrays, AreListsInTheirFlow) {
  const Graph graph =
      graph_of_text(array() + node("in", "TensorArrayScatterV3", "a which x a:1", kFloat) +
                        node("row", "TensorArrayReadV3", "a zero in", kItems) +
                        node("n", "TensorArraySizeV3", "a in") +
                        node("all", "TensorArrayGatherV3", "a which in", kItems),
                    asking({"x:0"}, {"row:0", "n:0", "all:0"}));
  const auto results = run_graph(graph, {Tensor::from<float>(Shape{2, 2}, {1, 2, 3, 4})});
  EXPECT_EQ(floats(results.at(0)), (std::vector<float>{1, 2}));
  EXPECT_EQ(results.at(1).data<std::int32_t>()[0], 2);
  EXPECT_EQ(floats(results.at(2)), (std::vector<float>{1, 2, 3, 4}));
}

TEST(TensorArrays, HandlesAndFlowsAreNotMixedUp) {
  const Failure flow =
      failure_of(array() + node("n", "TensorArraySizeV3", "a x"), asking({"x:0"}, {"n:0"}));
  EXPECT_EQ(flow.code, ErrorCode::invalid_argument);
  EXPECT_NE(flow.message.find("not the flow"), std::string::npos) << flow.message;
  const Failure handle =
      failure_of(array() + node("n", "TensorArraySizeV3", "x a:1"), asking({"x:0"}, {"n:0"}));
  EXPECT_NE(handle.message.find("not the handle"), std::string::npos) << handle.message;
  const Failure out = failure_of(array(), asking({"x:0"}, {"a:0"}));
  EXPECT_EQ(out.code, ErrorCode::invalid_argument) << out.message;
}

}  // namespace
}  // namespace thaw::testing
