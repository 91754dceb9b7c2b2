// Branches, loops and tensor lists, run as they are written.
#include <gtest/gtest.h>

#include "tests/loaders/tf/text_graph.h"
#include "tests/loaders/tf/tf_testing.h"

namespace thaw::testing {
namespace {

const std::string kFloat = attr("T", "type: DT_FLOAT");
const std::string kInt = attr("T", "type: DT_INT32");

std::string func(const std::string& key, const std::string& name) {
  return attr(key, "func { name: \"" + name + "\" }");
}

std::string types(const std::string& key, const std::string& list) {
  std::string text = "list { ";
  std::string word;
  for (char c : list + " ") {
    if (c != ' ') {
      word += c;
    } else if (!word.empty()) {
      text += "type: " + word + " ";
      word.clear();
    }
  }
  return attr(key, text + "}");
}

std::vector<float> floats(const Tensor& tensor) {
  return {tensor.data<float>(), tensor.data<float>() + tensor.num_elements()};
}

Tensor flag(bool value) {
  Tensor tensor(DType::boolean, Shape{});
  *tensor.mutable_data<bool>() = value;
  return tensor;
}

std::string branches(const std::string& condition) {
  return condition + placeholder("x") +
         node("y", "StatelessIf", "c x",
              attr("Tcond", "type: DT_BOOL") + types("Tin", "DT_FLOAT") +
                  types("Tout", "DT_FLOAT") + func("then_branch", "yes") +
                  func("else_branch", "no")) +
         function("yes", "a:DT_FLOAT", "r:DT_FLOAT", node("n", "Neg", "a", kFloat), "r=n:y:0") +
         function("no", "a:DT_FLOAT", "r:DT_FLOAT", "", "r=a");
}

TEST(Branches, AreChosenAtRunTime) {
  const Graph graph = graph_of_text(branches(placeholder("c", "1", "DT_BOOL")));
  EXPECT_EQ(count_ops(graph, "if"), 1);
  Tensor yes(DType::boolean, Shape{1});
  *yes.mutable_data<bool>() = true;
  EXPECT_EQ(floats(run_graph(graph, {yes, Tensor::from<float>(Shape{2}, {1, 2})}).at(0)),
            (std::vector<float>{-1, -2}));
  // A tensor that is no scalar counts as true unless it is empty.
  EXPECT_EQ(floats(run_graph(graph, {flag(false), Tensor::from<float>(Shape{2}, {1, 2})}).at(0)),
            (std::vector<float>{1, 2}));
}

TEST(Branches, WithAKnownConditionOnlyOneIsImported) {
  std::string text = branches(constant("c", "DT_BOOL", "bool_val: false"));
  text.replace(text.find("\"Neg\""), 5, "\"NoSuchOp\"");
  LoadOptions options;
  options.inputs = {"x:0"};
  options.outputs = {"y:0"};
  const Graph graph = graph_of_text(text, options);
  EXPECT_EQ(count_ops(graph, "if"), 0);
  EXPECT_EQ(floats(run_graph(graph, {Tensor::from<float>(Shape{1}, {4})}).at(0)),
            std::vector<float>{4});
}

TEST(Branches, UnknownOpsInEitherAreListed) {
  std::string text = branches(placeholder("c", "1", "DT_BOOL"));
  text.replace(text.find("\"Neg\""), 5, "\"NoSuchOp\"");
  EXPECT_NE(failure_of(text).message.find("NoSuchOp"), std::string::npos);
}

TEST(Branches, MustAgreeInTheirResults) {
  std::string text = branches(placeholder("c", "1", "DT_BOOL"));
  const std::string broken = text.substr(0, text.find('\1')) +
                             function("yes", "a:DT_FLOAT", "r:DT_FLOAT s:DT_FLOAT", "", "r=a s=a") +
                             function("no", "a:DT_FLOAT", "r:DT_FLOAT", "", "r=a");
  EXPECT_EQ(failure_of(broken).code, ErrorCode::invalid_argument);
}

TEST(Branches, CaseTakesTheLastOutsideItsRange) {
  const auto add = [](const std::string& name, const std::string& value) {
    return function(name, "a:DT_FLOAT", "r:DT_FLOAT",
                    constant("k", "DT_FLOAT", "float_val: " + value) +
                        node("s", "AddV2", "a k:output:0", kFloat),
                    "r=s:z:0");
  };
  const Graph graph = graph_of_text(
      placeholder("i", "1", "DT_INT32") + constant("zero", "DT_INT32", "int_val: 0") +
      constant("one", "DT_INT32", "tensor_shape { dim { size: 1 } } int_val: 1") +
      constant("none", "DT_INT32", "tensor_shape { dim { size: 1 } } int_val: 0") +
      node("index", "StridedSlice", "i none one one",
           kInt + attr("Index", "type: DT_INT32") + attr("shrink_axis_mask", "i: 1")) +
      placeholder("x") +
      node("y", "StatelessCase", "index x",
           types("Tin", "DT_FLOAT") + types("Tout", "DT_FLOAT") +
               attr("branches",
                    "list { func { name: \"a\" } func { name: \"b\" } func { name: \"c\" } }")) +
      add("a", "10") + add("b", "20") + add("c", "30"));
  const std::vector<std::pair<int, float>> expected{{0, 11}, {1, 21}, {2, 31}, {7, 31}, {-1, 31}};
  for (const auto& [index, value] : expected) {
    EXPECT_EQ(floats(run_graph(graph, {Tensor::from<std::int32_t>(Shape{1}, {index}),
                                       Tensor::from<float>(Shape{1}, {1})})
                         .at(0)),
              std::vector<float>{value})
        << index;
  }
}

// i counts to n; the second variable is what the body makes of it.
std::string loop(const std::string& body_nodes, const std::string& result,
                 const std::string& more = "") {
  return constant("zero", "DT_INT32", "int_val: 0") + constant("n", "DT_INT32", "int_val: 3") +
         placeholder("x") +
         node("loop", "StatelessWhile", "zero x n",
              types("T", "DT_INT32 DT_FLOAT DT_INT32") + func("cond", "cond") +
                  func("body", "body")) +
         node("y", "Identity", "loop:1", kFloat) +
         function("cond", "i:DT_INT32 v:DT_FLOAT n:DT_INT32", "r:DT_BOOL",
                  node("l", "Less", "i n", kInt), "r=l:z:0") +
         function("body", "i:DT_INT32 v:DT_FLOAT n:DT_INT32", "i2:DT_INT32 v2:DT_FLOAT n2:DT_INT32",
                  constant("one", "DT_INT32", "int_val: 1") +
                      node("next", "AddV2", "i one:output:0", kInt) + body_nodes,
                  "i2=next:z:0 n2=n v2=" + result) +
         more;
}

TEST(Loops, RunTheBody) {
  const Graph graph = graph_of_text(loop(node("double", "AddV2", "v v", kFloat), "double:z:0"));
  EXPECT_EQ(count_ops(graph, "while"), 1);
  EXPECT_EQ(floats(run_graph(graph, {Tensor::from<float>(Shape{2}, {1, 3})}).at(0)),
            (std::vector<float>{8, 24}));
}

TEST(Loops, ShapesMayGrow) {
  const Graph graph =
      graph_of_text(loop(constant("axis", "DT_INT32", "int_val: 0") +
                             node("cat", "ConcatV2", "v v axis:output:0",
                                  kFloat + attr("N", "i: 2") + attr("Tidx", "type: DT_INT32")),
                         "cat:output:0"));
  EXPECT_EQ(run_graph(graph, {Tensor::from<float>(Shape{2}, {1, 3})}).at(0).shape(), (Shape{16}));
}

TEST(Loops, Nest) {
  const std::string inner = constant("from", "DT_INT32", "int_val: 0") +
                            node("inner", "StatelessWhile", "from:output:0 v n",
                                 types("T", "DT_INT32 DT_FLOAT DT_INT32") + func("cond", "cond") +
                                     func("body", "inner_body"));
  const Graph graph =
      graph_of_text(loop(inner, "inner:output:1",
                         function("inner_body", "i:DT_INT32 v:DT_FLOAT n:DT_INT32",
                                  "i2:DT_INT32 v2:DT_FLOAT n2:DT_INT32",
                                  constant("one", "DT_INT32", "int_val: 1") +
                                      node("next", "AddV2", "i one:output:0", kInt) +
                                      node("double", "AddV2", "v v", kFloat),
                                  "i2=next:z:0 n2=n v2=double:z:0")));
  EXPECT_EQ(floats(run_graph(graph, {Tensor::from<float>(Shape{1}, {1})}).at(0)),
            std::vector<float>{512});
}

TEST(Loops, CollectLists) {
  const std::string list_types = types("T", "DT_INT32 DT_VARIANT");
  const std::string element = attr("element_dtype", "type: DT_FLOAT");
  const Graph graph = graph_of_text(
      placeholder("x", "3 2") + constant("zero", "DT_INT32", "int_val: 0") +
      constant("n", "DT_INT32", "int_val: 3") +
      constant("row", "DT_INT32", "tensor_shape { dim { size: 1 } } int_val: 2") +
      node("from", "TensorListFromTensor", "x row",
           element + attr("shape_type", "type: DT_INT32")) +
      node("to", "TensorListReserve", "row n", element + attr("shape_type", "type: DT_INT32")) +
      node("loop", "StatelessWhile", "zero to from",
           types("T", "DT_INT32 DT_VARIANT DT_VARIANT") + func("cond", "cond") +
               func("body", "body")) +
      node("y", "TensorListStack", "loop:1 row", element) +
      function("cond", "i:DT_INT32 a:DT_VARIANT b:DT_VARIANT", "r:DT_BOOL",
               constant("n", "DT_INT32", "int_val: 3") + node("l", "Less", "i n:output:0", kInt),
               "r=l:z:0") +
      function("body", "i:DT_INT32 a:DT_VARIANT b:DT_VARIANT",
               "i2:DT_INT32 a2:DT_VARIANT b2:DT_VARIANT",
               constant("one", "DT_INT32", "int_val: 1") +
                   node("next", "AddV2", "i one:output:0", kInt) +
                   constant("row", "DT_INT32", "tensor_shape { dim { size: 1 } } int_val: 2") +
                   node("item", "TensorListGetItem", "b i row:output:0", element) +
                   node("neg", "Neg", "item:item:0", kFloat) +
                   node("set", "TensorListSetItem", "a i neg:y:0", element),
               "i2=next:z:0 a2=set:output_handle:0 b2=b"));
  EXPECT_EQ(floats(run_graph(graph, {Tensor::from<float>(Shape{3, 2}, {1, 2, 3, 4, 5, 6})}).at(0)),
            (std::vector<float>{-1, -2, -3, -4, -5, -6}));
}

TEST(Loops, DamageIsNamed) {
  std::string text = loop(node("double", "AddV2", "v v", kFloat), "i");  // an int32 for a float
  const Failure type = failure_of(text);
  EXPECT_EQ(type.code, ErrorCode::invalid_argument);
  EXPECT_NE(type.message.find("result 1 is int32"), std::string::npos) << type.message;
}

}  // namespace
}  // namespace thaw::testing
