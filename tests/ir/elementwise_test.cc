#include "runtime/ir/elementwise.h"

#include <gtest/gtest.h>

#include "thaw/error.h"

namespace thaw {
namespace {

TEST(ElementwiseExpression, TextComesBack) {
  for (const char* text :
       {"neg($0)", "relu(add($0, mul($1, $2)))", "leaky_relu<0.25, 0>(sub($1, $0))",
        "clamp<-1.5, 1e-30>(tanh(pow($0, $0)))"}) {
    const int operands = std::string(text).find("$2") != std::string::npos   ? 3
                         : std::string(text).find("$1") != std::string::npos ? 2
                                                                             : 1;
    EXPECT_EQ(to_string(parse_elementwise(text, operands)), text);
  }
}

TEST(ElementwiseExpression, StepsComeInOrder) {
  const ElementwiseExpression expression = parse_elementwise("relu(add($0, mul($1, $0)))", 2);
  ASSERT_EQ(expression.steps.size(), 3u);
  EXPECT_EQ(expression.steps[0].kind, BinaryKind::mul);
  EXPECT_EQ(expression.steps[1].sources[0], 0);
  EXPECT_EQ(expression.steps[1].sources[1], -1);
  EXPECT_EQ(expression.steps[2].unary.kind, UnaryKind::relu);
  EXPECT_EQ(expression.steps[2].sources[0], -2);
}

TEST(ElementwiseExpression, Errors) {
  const auto message = [](const std::string& text, int operands) -> std::string {
    try {
      parse_elementwise(text, operands);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
      return error.what();
    }
    return "none";
  };
  EXPECT_EQ(message("", 1), "1:1: expected a function or $operand, found the end");
  EXPECT_EQ(message("$0", 1), "1:1: expected a function, found an operand alone");
  EXPECT_EQ(message("nag($0)", 1), "1:1: unknown function 'nag'");
  EXPECT_EQ(message("neg($1)", 1), "1:6: expected an operand in [0, 1), found 1");
  EXPECT_EQ(message("neg($-1)", 1), "1:6: expected an operand in [0, 1), found -1");
  EXPECT_EQ(message("neg($0)", 2), "1:1: operand $1 is not used");
  EXPECT_EQ(message("less($0, $0)", 1), "1:1: less gives bool");
  EXPECT_EQ(message("is_nan($0)", 1), "1:1: is_nan gives bool");
  EXPECT_EQ(message("neg($0) neg($0)", 1), "1:9: expected the end");
  EXPECT_EQ(message("add($0)", 1), "1:7: expected ',', found ')'");
  EXPECT_EQ(message("neg($0)", 9), "1:1: expected at most 8 operands, found 9");
  std::string deep = "$0";
  for (int i = 0; i < 17; ++i) deep = "neg(" + deep + ")";
  EXPECT_NE(message(deep, 1).find("expected at most 16 functions"), std::string::npos);
  std::string wide = "$0";
  for (int i = 0; i < 17; ++i) wide = i % 2 == 0 ? "add(neg($0), " + wide + ")" : wide;
  EXPECT_NE(message("add(" + wide + ", " + wide + ")", 1).find("expected at most 16 functions"),
            std::string::npos);
}

}  // namespace
}  // namespace thaw
