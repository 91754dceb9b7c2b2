#include <gtest/gtest.h>

#include "runtime/base/half.h"
#include "runtime/ir/builder.h"
#include "runtime/passes/passes.h"

namespace thaw {
namespace {

bool narrow(DType dtype) {
  return dtype == DType::float16 || dtype == DType::bfloat16 || dtype == DType::float32 ||
         dtype == DType::complex64;
}

void expect_wide(const Graph& graph) {
  for (const Value& value : graph.values) EXPECT_FALSE(narrow(value.type.dtype)) << value.name;
  for (const Node& node : graph.nodes) {
    if (const auto* constant = std::get_if<ops::Constant>(&node.op)) {
      EXPECT_FALSE(narrow(constant->value.dtype()));
    } else if (const auto* cast = std::get_if<ops::Cast>(&node.op)) {
      EXPECT_FALSE(narrow(cast->dtype));
    } else if (const auto* list = std::get_if<ops::ListReserve>(&node.op)) {
      EXPECT_FALSE(narrow(list->dtype));
    } else if (const auto* stack = std::get_if<ops::ListStack>(&node.op)) {
      EXPECT_FALSE(narrow(stack->dtype));
    }
  }
  for (const Variable& variable : graph.variables) EXPECT_FALSE(narrow(variable.initial.dtype()));
  for (const Graph& sub : graph.subgraphs) expect_wide(sub);
}

TEST(Widen, TensorsKeepTheirValues) {
  const float values[] = {0.0F, -0.0F, 1.5F, 65504.0F, 0x1p-24F, -3.140625F};
  for (float value : values) {
    Tensor f32 = Tensor::from<float>({1}, {value});
    EXPECT_EQ(widen_to_float64(f32).data<double>()[0], static_cast<double>(value));
    Tensor f16 = Tensor::from<float16>({1}, {float16_from(value)});
    EXPECT_EQ(widen_to_float64(f16).data<double>()[0],
              static_cast<double>(to_float(float16_from(value))));
    Tensor bf16 = Tensor::from<bfloat16>({1}, {bfloat16_from(value)});
    EXPECT_EQ(widen_to_float64(bf16).data<double>()[0],
              static_cast<double>(to_float(bfloat16_from(value))));
  }
  const Tensor ints = Tensor::from<std::int32_t>({2}, {1, 2});
  EXPECT_EQ(widen_to_float64(ints).data(), ints.data()) << "nothing to widen: shared";
  Tensor complex(DType::complex64, {1});
  static_cast<float*>(complex.mutable_data())[1] = 2.5F;
  const Tensor wide = widen_to_float64(complex);
  EXPECT_EQ(wide.dtype(), DType::complex128);
  EXPECT_EQ(static_cast<const double*>(wide.data())[1], 2.5);
}

TEST(Widen, TheWholeGraphWithSubgraphsListsAndVariables) {
  Graph graph;
  GraphBuilder g(graph);
  const VariableId variable = g.variable("v", Tensor(DType::float32, {2}));
  const ValueId x = g.input("x", {DType::float16, {2}});
  const ValueId flag = g.input("flag", {DType::boolean, {}});
  for (int i = 0; i < 2; ++i) {
    Graph branch;
    GraphBuilder b(branch);
    const ValueId in = b.input("x", {DType::float32, {2}});
    const ValueId half =
        b.cast(b.binary(BinaryKind::mul, in, b.scalar(2, DType::float32)), DType::bfloat16);
    b.output("y", b.cast(half, DType::float32));
    graph.subgraphs.push_back(std::move(branch));
  }
  const ValueId y = g.add1(ops::If{0, 1}, {flag, g.cast(x, DType::float32)});
  const ValueId sum = g.binary(BinaryKind::add, y, g.add1(ops::VariableRead{variable}, {}));
  g.add(ops::VariableAssign{variable}, {sum}, 0);
  const ValueId shape = g.constant(Tensor::from<std::int32_t>({1}, {2}));
  const ValueId list = g.add1(ops::ListReserve{DType::float32}, {shape, g.scalar(1, DType::int32)});
  const ValueId set = g.add1(ops::ListSet{}, {list, g.scalar(0, DType::int32), sum});
  g.output("y", g.add1(ops::ListStack{DType::float32}, {set, shape}));
  g.output("index", g.cast(sum, DType::int32));
  const Graph wide = widen_to_float64(graph);
  verify(wide, "widened");
  expect_wide(wide);
  EXPECT_EQ(wide.values[static_cast<std::size_t>(wide.outputs[1])].type.dtype, DType::int32);
  EXPECT_EQ(wide.input_names, graph.input_names);
  EXPECT_TRUE(narrow(graph.variables[0].initial.dtype())) << "the original is left alone";
}

TEST(Widen, WhereASamplingResizeStandsStaysFloat32) {
  Graph graph;
  GraphBuilder g(graph);
  const ValueId x = g.input("x", {DType::float32, {1, 4, 4, 1}});
  const ValueId size = g.constant(Tensor::from<std::int32_t>({2}, {5, 6}));
  const ValueId scale = g.constant(Tensor::from<float>({2}, {1.25F, 1.5F}));
  const ValueId translation = g.constant(Tensor::from<float>({2}, {0.5F, 0}));
  ops::Resize resize;
  resize.method = ResizeMethod::lanczos3;
  g.output("y", g.add1(resize, {x, size, scale, translation}));
  const Graph wide = widen_to_float64(graph);
  verify(wide, "test");
  EXPECT_EQ(wide.values[static_cast<std::size_t>(wide.outputs[0])].type.dtype, DType::float64);
  for (const Node& node : wide.nodes) {
    if (!std::holds_alternative<ops::Resize>(node.op)) continue;
    const auto type = [&](std::size_t operand) {
      return wide.values[static_cast<std::size_t>(node.inputs[operand])].type.dtype;
    };
    EXPECT_EQ(type(0), DType::float64);
    EXPECT_EQ(type(2), DType::float32);
    EXPECT_EQ(type(3), DType::float32);
  }
}

TEST(Widen, AUsersFunctionKeepsItsTypes) {
  Graph graph;
  GraphBuilder g(graph);
  const ValueId x = g.input("x", {DType::float32, {2}});
  const ValueId n = g.input("n", {DType::int32, {}});
  ops::HostCall call{"custom", {}, {}};
  const auto custom = std::make_shared<CustomFunction>();
  custom->infer = [](const std::vector<TensorType>& operands) {
    EXPECT_EQ(operands[0].dtype, DType::float32);
    EXPECT_EQ(operands[1].dtype, DType::int32);
    return std::vector<TensorType>{operands[0], operands[1]};
  };
  call.custom = custom;
  const std::vector<ValueId> results = g.add(call, {x, n}, 2);
  g.output("y", g.binary(BinaryKind::add, results[0], results[0]));
  g.output("m", results[1]);
  const Graph wide = widen_to_float64(graph);
  verify(wide, "test");
  EXPECT_EQ(wide.values[static_cast<std::size_t>(wide.outputs[0])].type.dtype, DType::float64);
  int casts = 0;
  for (const Node& node : wide.nodes) casts += std::holds_alternative<ops::Cast>(node.op) ? 1 : 0;
  EXPECT_EQ(casts, 2) << to_text(wide);
}

}  // namespace
}  // namespace thaw
