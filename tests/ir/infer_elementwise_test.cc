#include "runtime/ir/infer.h"
#include "tests/ir/infer_rows.h"

namespace thaw {
namespace {

using test::check;
using test::constant;
using test::in;
using test::ints;

std::string unary(const std::string& type, const std::string& fn) {
  return in("x", type) + "%y = unary(%x) {fn = " + fn + "}";
}
std::string binary(const std::string& a, const std::string& b, const std::string& kind) {
  return in("a", a) + in("b", b) + "%y = binary(%a, %b) {kind = " + kind + "}";
}

TEST(InferElementwise, Unary) {
  check({
      {unary("float32[2, ?]", "relu"), "float32[2, ?]"},
      {unary("float16[...]", "gelu"), "float16[...]"},
      {unary("int32[2]", "relu"), "int32[2]"},
      {unary("uint8[2]", "clamp(0, 6)"), "uint8[2]"},
      {unary("complex64[2]", "exp"), "complex64[2]"},
      {unary("float32[3]", "is_nan"), "bool[3]"},
      {unary("bool[3]", "logical_not"), "bool[3]"},
      {unary("int8[3]", "bitwise_not"), "int8[3]"},
      {unary("string[3]", "linear"), "string[3]"},
      {unary("int32[2]", "exp"), "error: exp: expected a floating or complex type, found int32"},
      {unary("int32[2]", "gelu"), "error: gelu: expected a floating type, found int32"},
      {unary("float32[2]", "logical_not"), "error: expected bool, found float32"},
      {unary("float32[2]", "bitwise_not"), "error: expected an integer type, found float32"},
      {unary("bool[2]", "neg"), "error: expected a numeric type, found bool"},
      {unary("complex64[2]", "abs"), "error: expected a real type, found complex64"},
      {in("x", "float32[2]") + "%y = unary(%x, %x) {fn = relu}",
       "error: expected 1 operand(s), found 2"},
      {in("x", "float32[2]") + "%y, %z = unary(%x) {fn = relu}",
       "error: expected 1 result(s), found 2"},
  });
}

TEST(InferElementwise, Binary) {
  check({
      {binary("float32[2, 3]", "float32[3]", "add"), "float32[2, 3]"},
      {binary("float32[?, 3]", "float32[1, 1]", "mul"), "float32[?, 3]"},
      {binary("float32[?]", "float32[4]", "sub"), "float32[4]"},
      {binary("float32[?]", "float32[1]", "sub"), "float32[?]"},
      {binary("float32[0]", "float32[1]", "sub"), "float32[0]"},
      {binary("float32[?, 2]", "float32[5, 1, 1]", "div"), "float32[5, ?, 2]"},
      {binary("float32[...]", "float32[5]", "div"), "float32[...]"},
      {binary("int32[]", "int32[2]", "floor_div"), "int32[2]"},
      {binary("int64[2]", "int64[2]", "left_shift"), "int64[2]"},
      {binary("string[2]", "string[2]", "equal"), "bool[2]"},
      {binary("float64[2]", "float64[2]", "less"), "bool[2]"},
      {binary("bool[2]", "bool[2]", "logical_xor"), "bool[2]"},
      {binary("float32[2]", "float32[3]", "add"), "error: [2] and [3] do not broadcast"},
      {binary("float32[2]", "float64[2]", "add"), "error: expected float32, found float64"},
      {binary("int32[2]", "int32[2]", "div"), "error: expected a floating or complex type"},
      {binary("int32[2]", "int32[2]", "logical_and"), "error: expected bool, found int32"},
      {binary("complex64[2]", "complex64[2]", "less"), "error: expected a real type"},
      {binary("float32[2]", "float32[2]", "bitwise_or"), "error: expected an integer type"},
      {binary("int32[2]", "int32[2]", "atan2"), "error: expected a floating type"},
      {binary("float32[4000000000, 1]", "float32[1, 4000000000]", "add"), "error: is too large"},
  });
}

TEST(InferElementwise, SelectCastIdentityAssert) {
  const std::string operands = in("c", "bool[2, 1]") + in("x", "int32[3]") + in("y", "int32[]");
  check({
      {operands + "%z = select(%c, %x, %y)", "int32[2, 3]"},
      {operands + "%z = select(%x, %x, %y)", "error: condition: expected bool, found int32"},
      {operands + in("f", "float32[]") + "%z = select(%c, %x, %f)",
       "error: y: expected int32, found float32"},
      {operands + "%z = cast(%x) {dtype = float16}", "float16[3]"},
      {operands + "%z = cast(%x) {dtype = string}",
       "error: expected a numeric type or bool, found string"},
      {in("s", "string[1]") + "%z = cast(%s) {dtype = int32}", "error: found string"},
      {in("s", "string[1]") + "%z = cast(%s) {dtype = string}", "string[1]"},
      {in("s", "tensor_list[]") + "%z = identity(%s)", "tensor_list[]"},
      {operands + "%z = assert(%c)", "error: expected 0 result(s), found 1"},
      {operands + "assert(%c, %x) {message = \"no\"}", ""},
      {"%z = constant()", "error: expected a tensor, found none"},
  });
}

TEST(InferElementwise, Variables) {
  const std::string variable = "variable \"v\" = float32[2](1, 2)\n";
  check({
      {variable + "%0 = variable_read() {variable = 0}", "float32[2]"},
      {variable + "%0 = variable_read() {variable = 1}",
       "error: expected a variable in [0, 1), found 1"},
      {variable + "%0 = variable_read() {variable = -1}", "error: found -1"},
  });
  const auto assign = [&](const std::string& type) {
    const Graph graph = parse("graph {" + variable + in("x", type) + "variable_assign(%x)}");
    return infer_node(graph, graph.nodes.back(), graph).size();
  };
  EXPECT_EQ(assign("float32[?]"), 0u);
  EXPECT_THROW(assign("float32[3]"), Error);
  EXPECT_THROW(assign("float64[2]"), Error);
}

TEST(InferElementwise, MatMul) {
  const auto matmul = [](const std::string& a, const std::string& b,
                         const std::string& attributes) {
    return in("a", a) + in("b", b) + "%y = matmul(%a, %b) {" + attributes + "}";
  };
  check({
      {matmul("float32[?, 3]", "float32[3, 4]", ""), "float32[?, 4]"},
      {matmul("float32[3, 2]", "float32[4, 3]", "transpose_a = true, transpose_b = true"),
       "float32[2, 4]"},
      {matmul("int32[5, 1, 2, 3]", "int32[6, 3, 4]", ""), "int32[5, 6, 2, 4]"},
      {matmul("float32[0, 3]", "float32[3, 4]", "activation = relu"), "float32[0, 4]"},
      {matmul("float32[...]", "float32[3, 4]", ""), "float32[...]"},
      {matmul("float32[2, ?]", "float32[?, 4]", ""), "float32[2, 4]"},
      {matmul("float32[2, 3]", "float32[4, 3]", ""), "error: expected b with 3 rows"},
      {matmul("float32[3]", "float32[3, 4]", ""), "error: a: expected at least 2 dimension(s)"},
      {matmul("float32[2, 3]", "float64[3, 4]", ""), "error: b: expected float32, found float64"},
      {matmul("bool[2, 3]", "bool[3, 4]", ""), "error: expected a numeric type, found bool"},
      {matmul("int32[2, 3]", "int32[3, 4]", "activation = sigmoid"), "error: sigmoid: expected"},
      {matmul("float32[2, 3]", "float32[3, 4]", "activation = is_nan"),
       "error: activation: is_nan"},
      {matmul("float32[2, 2, 3]", "float32[3, 3, 4]", ""), "error: do not broadcast"},
      {in("a", "float32[2, 3]") + in("b", "float32[3, ?]") + in("c", "float32[4]") +
           "%y = matmul(%a, %b, %c)",
       "float32[2, 4]"},
      {in("a", "float32[2, 3]") + in("b", "float32[3, 4]") + in("c", "float32[5]") +
           "%y = matmul(%a, %b, %c)",
       "error: bias length: expected 4, found 5"},
      {in("a", "float32[2, 3]") + in("b", "float32[3, 4]") + in("c", "float32[1, 4]") +
           "%y = matmul(%a, %b, %c)",
       "error: bias: expected 1 dimension(s)"},
      {in("a", "bfloat16[2, 3]") + in("b", "bfloat16[3, 4]") + in("c", "float32[4]") +
           "%y = matmul(%a, %b, %c)",
       "float32[2, 4]"},
      {in("a", "bfloat16[2, 3]") + in("b", "bfloat16[3, 4]") + in("c", "bfloat16[4]") +
           "%y = matmul(%a, %b, %c)",
       "bfloat16[2, 4]"},
      {in("a", "float32[2, 3]") + in("b", "float32[3, 4]") + in("c", "bfloat16[4]") +
           "%y = matmul(%a, %b, %c)",
       "error: bias: expected float32, found bfloat16"},
      {in("a", "float64[2, 3]") + in("b", "float64[3, 4]") + in("c", "float32[4]") +
           "%y = matmul(%a, %b, %c)",
       "error: bias: expected float64, found float32"},
  });
}

TEST(InferElementwise, Einsum) {
  const auto einsum = [](const std::string& equation, const std::vector<std::string>& types) {
    std::string text, operands;
    for (std::size_t i = 0; i < types.size(); ++i) {
      const std::string name = "o" + std::to_string(i);
      text += in(name, types[i]);
      operands += (i > 0 ? ", %" : "%") + name;
    }
    return text + "%y = einsum(" + operands + ") {equation = \"" + equation + "\"}";
  };
  check({
      {einsum("ij,jk->ik", {"float32[?, 3]", "float32[3, 4]"}), "float32[?, 4]"},
      {einsum("abc,cd->abd", {"float32[2, ?, 3]", "float32[3, 5]"}), "float32[2, ?, 5]"},
      {einsum("ij , jk", {"float32[2, 3]", "float32[3, 4]"}), "float32[2, 4]"},
      {einsum("ba", {"float32[2, 3]"}), "float32[3, 2]"},
      {einsum("ii->i", {"float32[3, 3]"}), "float32[3]"},
      {einsum("ij->", {"float32[3, 3]"}), "float32[]"},
      {einsum("...ij,...jk->...ik", {"float32[7, 1, 2, 3]", "float32[5, 3, 4]"}),
       "float32[7, 5, 2, 4]"},
      {einsum("...ij,jk->...ik", {"float32[...]", "float32[3, 4]"}), "float32[...]"},
      {einsum("i...->...i", {"float32[2, 3, 4]"}), "float32[3, 4, 2]"},
      {einsum("...i,i", {"float32[2, 3]", "float32[3]"}), "float32[2]"},
      {einsum("ij,jk->ik", {"float32[2, 3]", "float32[4, 4]"}),
       "error: size of label 'j': expected 3, found 4"},
      {einsum("ij->ik", {"float32[2, 3]"}), "error: 'k' is in no operand"},
      {einsum("ij->ii", {"float32[2, 3]"}), "error: repeated in the output"},
      {einsum("ij,jk->ik", {"float32[2, 3]"}), "error: expected 2 operand(s), found 1"},
      {einsum("ijk->i", {"float32[2, 3]"}), "error: expected exactly 3 dimension(s)"},
      {einsum("i.j->i", {"float32[2, 3]"}), "error: expected letters and one '...'"},
      {einsum("......i->i", {"float32[2, 3]"}), "error: expected letters and one '...'"},
      {einsum("i1->i", {"float32[2, 3]"}), "error: expected letters"},
      {einsum("...i->i", {"float32[2, 3]"}), "error: expected '...' in the output"},
      {einsum("...i->i", {"float32[3]"}), "float32[3]"},
      {einsum("ij,jk->ik", {"float32[2, 3]", "float64[3, 4]"}),
       "error: expected float32, found float64"},
      {einsum("i->i", {"string[2]"}), "error: expected a numeric type"},
  });
}

TEST(InferElementwise, OddGraphs) {
  EXPECT_THROW(infer(Op{}, {}, 1, nullptr), Error);
  EXPECT_THROW(infer(ops::Input{}, {}, 1, nullptr), Error);
  // The rank that kernels size their index arrays by.
  const Shape deep(std::vector<std::int64_t>(33, 1));
  const std::vector<Operand> operands{{{DType::float32, deep}, nullptr}};
  EXPECT_THROW(infer(ops::Identity{}, operands, 1, nullptr), Error);
}

}  // namespace
}  // namespace thaw
