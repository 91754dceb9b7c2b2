// Ops that writers of graphs seldom use: what is refused with a reason, what damaged operands give.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "kernels/host_call.h"
#include "tests/loaders/tf/text_graph.h"
#include "tests/loaders/tf/tf_testing.h"

namespace thaw::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<float> floats_of(const Tensor& y) {
  return {y.data<float>(), y.data<float>() + y.num_elements()};
}

const std::string kFloat = attr("T", "type: DT_FLOAT");

// ---- refusals ----

struct RefusedOp {
  const char *op, *why;
};

class RefusedOps : public ::testing::TestWithParam<RefusedOp> {};

TEST_P(RefusedOps, SayWhy) {
  const Failure failure = failure_of(placeholder("x") + node("y", GetParam().op, "x"));
  EXPECT_EQ(failure.code, ErrorCode::unimplemented);
  EXPECT_THAT(failure.message, HasSubstr(std::string(GetParam().op) + " 'y'"));
  EXPECT_THAT(failure.message, HasSubstr(GetParam().why));
}

INSTANTIATE_TEST_SUITE_P(
    All, RefusedOps,
    ::testing::Values(RefusedOp{"EagerPyFunc", "runs Python code"},
                      RefusedOp{"BatchFunction", "gathers requests"},
                      RefusedOp{"Conv3DBackpropFilter", "computes a gradient"},
                      RefusedOp{"ApplyAdam", "trains variables"},
                      RefusedOp{"PrefetchDataset", "reads a data set"},
                      RefusedOp{"FIFOQueueV2", "input pipelines"},
                      RefusedOp{"LogUniformCandidateSampler", "for a loss of training"},
                      RefusedOp{"TensorArrayReadV2", "TensorFlow 0.x"},
                      RefusedOp{"QuantizedResizeBilinear", "TensorFlow 1's own quantiser"},
                      RefusedOp{"_ScopedAllocator", "stands in no file"},
                      RefusedOp{"DecodeProtoV2", "descriptions of messages"},
                      RefusedOp{"OptionalFromValue", "may be absent"},
                      RefusedOp{"StatelessParameterizedTruncatedNormal", "how many threads"},
                      RefusedOp{"AssignVariableXlaConcatND", "spread over devices"},
                      RefusedOp{"_MklFusedConv2D", "for one library on one machine"},
                      RefusedOp{"SparseMatrixMatMul", "sparse matrices in variants"},
                      RefusedOp{"XlaConvV2", "for the XLA compiler"},
                      RefusedOp{"UniformQuantizedDot", "quantiser of 2023"},
                      RefusedOp{"QuantizedConv2DWithBiasAndReluAndRequantize", "one library"},
                      RefusedOp{"MaxPoolGrad", "computes a gradient"},
                      RefusedOp{"ResourceApplyAdam", "trains variables"},
                      RefusedOp{"NoSuchOp", "unknown op"}),
    [](const auto& tested) {
      const std::string op = tested.param.op;
      return op.starts_with('_') ? op.substr(1) : op;
    });

// ---- values ----

TEST(OlderOps, EigenvaluesAndVectorsInOneMatrix) {
  const std::string matrix = constant(
      "x", "DT_FLOAT", "tensor_shape { dim { size: 2 } dim { size: 2 } } float_val: [3, 0, 0, 1]");
  for (const char* op : {"SelfAdjointEig", "BatchSelfAdjointEig"}) {
    const Tensor y = run_graph(graph_of_text(matrix + node("y", op, "x", kFloat)), {}).at(0);
    EXPECT_EQ(y.shape(), (Shape{3, 2})) << op;
    const std::vector<float> all = floats_of(y);
    EXPECT_THAT((std::vector<float>{all[0], all[1]}), ElementsAre(1, 3)) << op;
    EXPECT_FLOAT_EQ(std::abs(all[4]), 1) << op;  // the vector of 1 is the second axis
    EXPECT_FLOAT_EQ(std::abs(all[3]), 1) << op;
  }
}

TEST(OlderOps, BatchesInTheirNames) {
  const std::string matrix = constant(
      "x", "DT_FLOAT", "tensor_shape { dim { size: 2 } dim { size: 2 } } float_val: [1, 2, 3, 4]");
  const std::string bounds =
      constant("a", "DT_INT64", "int64_val: 0") + constant("b", "DT_INT64", "int64_val: -1");
  const Tensor band =
      run_graph(graph_of_text(matrix + bounds + node("y", "BatchMatrixBandPart", "x a b", kFloat)),
                {})
          .at(0);
  EXPECT_THAT(floats_of(band), ElementsAre(1, 2, 0, 4));
  const std::string complex =
      constant("x", "DT_COMPLEX64", "tensor_shape { dim { size: 2 } } scomplex_val: [1, 0, 3, 0]");
  const std::string half = node("f", "BatchFFT", "x") + node("y", "Real", "f");
  EXPECT_THAT(floats_of(run_graph(graph_of_text(complex + half), {}).at(0)), ElementsAre(4, -2));
}

TEST(UnravelIndex, AnIndexBehindTheEndIsAnError) {
  const std::string dims =
      constant("d", "DT_INT32", "tensor_shape { dim { size: 2 } } int_val: [2, 3]");
  const Graph graph =
      graph_of_text(placeholder("i", "-1", "DT_INT32") + dims +
                    node("y", "UnravelIndex", "i d", attr("Tidx", "type: DT_INT32")));
  const Tensor y =
      run_graph(graph, {Tensor::from(Shape{2}, std::vector<std::int32_t>{5, 1})}).at(0);
  EXPECT_THAT((std::vector<std::int32_t>(y.data<std::int32_t>(), y.data<std::int32_t>() + 4)),
              ElementsAre(1, 0, 2, 1));
  try {
    run_graph(graph, {Tensor::from(Shape{1}, std::vector<std::int32_t>{6})});
    FAIL() << "ran";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("index is out of bound as with dims"));
  }
}

TEST(FusedOps, UnknownPartsAreNamed) {
  const std::string operands = placeholder("a", "-1 -1") + placeholder("b", "-1 -1");
  const auto list = [](const std::string& name, const std::string& values) {
    return attr(name, "list { s: [" + values + "] }");
  };
  EXPECT_THAT(failure_of(operands +
                         node("y", "_FusedMatMul", "a b", kFloat + list("fused_ops", "\"Cube\"")))
                  .message,
              HasSubstr("fused_ops with 'Cube'"));
  EXPECT_THAT(failure_of(operands + node("y", "_FusedMatMul", "a b",
                                         kFloat + list("fused_ops", "\"BiasAdd\"")))
                  .message,
              HasSubstr("expected at least 3 operands"));
  EXPECT_THAT(failure_of(operands + node("y", "_UnaryOpsComposition", "a",
                                         kFloat + list("op_names", "\"Exp\", \"Softmax\"")))
                  .message,
              HasSubstr("op_names with 'Softmax'"));
}

std::string error_of_run(const Graph& graph, const std::vector<Tensor>& inputs) {
  try {
    run_graph(graph, inputs);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

// A range that is known at load is known to be no empty one.
TEST(FakeQuant, KnownRangesTakeNoSelect) {
  const auto selects = [](const std::string& low) {
    const Graph graph =
        graph_of_text(placeholder("x") + low + constant("high", "DT_FLOAT", "float_val: 2") +
                      node("y", "FakeQuantWithMinMaxVars", "x low high"));
    return std::ranges::count_if(
        graph.nodes, [](const Node& node) { return std::holds_alternative<ops::Select>(node.op); });
  };
  EXPECT_EQ(selects(constant("low", "DT_FLOAT", "float_val: -1")), 0);
  EXPECT_GT(selects(placeholder("low", "")), 0);
}

TEST(Roll, AxesAreCheckedWhenTheyAreKnown) {
  const std::string operands = placeholder("x", "-1 3") + placeholder("s", "-1", "DT_INT32") +
                               placeholder("a", "-1", "DT_INT32");
  const Graph graph = graph_of_text(operands + node("y", "Roll", "x s a", kFloat));
  const Tensor x = Tensor::from(Shape{2, 3}, std::vector<float>{1, 2, 3, 4, 5, 6});
  const auto numbers = [](std::int32_t a, std::int32_t b) {
    return Tensor::from(Shape{2}, std::vector<std::int32_t>{a, b});
  };
  EXPECT_THAT(floats_of(run_graph(graph, {x, numbers(1, -4), numbers(0, -1)}).at(0)),
              ElementsAre(5, 6, 4, 2, 3, 1));
  EXPECT_THAT(floats_of(run_graph(graph, {x, numbers(2, 3), numbers(1, 1)}).at(0)),
              ElementsAre(2, 3, 1, 5, 6, 4));
  EXPECT_THAT(error_of_run(graph, {x, numbers(1, 1), numbers(0, 2)}), HasSubstr("out of range"));
}

// The parts of a packed sparse tensor are messages of the model or of its user.
TEST(PackedSparse, DamageIsAnError) {
  const Graph graph =
      graph_of_text(placeholder("x", "-1", "DT_STRING") +
                    node("y", "DeserializeSparse", "x", attr("dtype", "type: DT_FLOAT")));
  const auto message = [](int type, const std::string& dims, const std::string& content) {
    return std::string{'\x08', static_cast<char>(type)} + "\x12" + static_cast<char>(dims.size()) +
           dims + "\x22" + static_cast<char>(content.size()) + content;
  };
  const auto longs = [](std::int64_t a, std::int64_t b) {
    std::string bytes(16, '\0');
    std::memcpy(bytes.data(), &a, 8);
    std::memcpy(bytes.data() + 8, &b, 8);
    return bytes;
  };
  const auto sized = [](int n) {
    return std::string{'\x12', '\x02', '\x08', static_cast<char>(n)};
  };
  const std::string value(4, '\0');
  const auto error = [&](std::vector<std::string> parts) {
    Tensor x(DType::string, Shape{static_cast<std::int64_t>(parts.size())});
    std::ranges::move(parts, x.mutable_data<std::string>());
    return error_of_run(graph, {x});
  };
  const std::string at = message(9, sized(1) + sized(2), longs(1, 0));
  const std::string values = message(1, sized(1), value);
  EXPECT_EQ(error({at, values, message(9, sized(2), longs(2, 1))}), "");
  EXPECT_THAT(error({at, values, message(9, sized(2), longs(1, 1))}), HasSubstr("1"));
  EXPECT_THAT(error({at, values, at}), HasSubstr("packed indices [1, 2], values [1] and shape"));
  EXPECT_THAT(error({at, at, at}), HasSubstr("Type mismatch"));
  EXPECT_THAT(error({"\xff", values, at}), HasSubstr("parse"));
  EXPECT_THAT(error({at, values}), HasSubstr("3"));
}

// What TensorFlow 2.21 gives for these.
TEST(QuantisedTypes, ConstantsAreTheirIntegers) {
  const std::string graph =
      constant("q", "DT_QUINT8", "tensor_shape { dim { size: 3 } } int_val: [0, 96, 255]") +
      constant("low", "DT_FLOAT", "float_val: -1.2") +
      constant("high", "DT_FLOAT", "float_val: 2") +
      node("y", "Dequantize", "q low high",
           attr("T", "type: DT_QUINT8") + attr("mode", "s: \"MIN_FIRST\""));
  const std::vector<float> y = floats_of(run_graph(graph_of_text(graph), {}).at(0));
  ASSERT_EQ(y.size(), 3u);
  EXPECT_NEAR(y[0], -1.2047058, 1e-6);
  EXPECT_NEAR(y[1], 0, 1e-6);
  EXPECT_NEAR(y[2], 1.9952942, 1e-6);
}

TEST(TextOps, CaseIsFoldedAndFormsAreNormal) {
  const std::string word = constant("x", "DT_STRING", "string_val: \"Stra\\303\\237e\"");
  const auto run = [&](const std::string& op, const std::string& attrs) {
    const Tensor y = run_graph(graph_of_text(word + node("y", op, "x", attrs)), {}).at(0);
    return y.data<std::string>()[0];
  };
  EXPECT_EQ(run("CaseFoldUTF8", ""), "strasse");
  EXPECT_EQ(run("NormalizeUTF8", attr("normalization_form", "s: \"NFKD\"")),
            "Stra\xC3\x9F"
            "e");
  EXPECT_THAT(
      failure_of(word + node("y", "NormalizeUTF8", "x", attr("normalization_form", "s: \"X\"")))
          .message,
      HasSubstr("normalization_form=X"));
}

// ---- damaged messages and packed tensors ----

std::vector<Tensor> call_host(const ops::HostCall& call, const std::vector<Tensor>& in,
                              const std::vector<TensorType>& out) {
  return run_host_call(call, in, out, nullptr);
}

Tensor text(const std::string& bytes) {
  return Tensor::from(Shape{}, std::vector<std::string>{bytes});
}

// Every prefix of a good message, and every message with one byte changed, gives tensors or Errors.
void expect_errors_alone(const ops::HostCall& call, const std::string& good,
                         const std::vector<TensorType>& out) {
  int errors = 0;
  const auto run = [&](const std::string& bytes) {
    try {
      call_host(call, {text(bytes)}, out);
    } catch (const Error&) {
      ++errors;
    }
  };
  for (std::size_t i = 0; i < good.size(); ++i) run(good.substr(0, i));
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (const char change : {'\x01', '\x40', '\x7f', '\xff'}) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ change);
      run(bad);
    }
  }
  EXPECT_GT(errors, 0);
}

TEST(ParseTensor, DamagedMessagesAreErrors) {
  const ops::HostCall serialize{"serialize_tensor", {}, nullptr};
  const Tensor x = Tensor::from(Shape{2, 2}, std::vector<float>{1, 2, 3, 4});
  const Tensor words = Tensor::from(Shape{2}, std::vector<std::string>{"ab", ""});
  for (const Tensor& tensor : {x, words}) {
    const ops::HostCall parse{"parse_tensor", {{"dtype", tensor.dtype()}}, nullptr};
    const Tensor packed = call_host(serialize, {tensor}, {{DType::string, Shape{}}}).at(0);
    expect_errors_alone(parse, packed.data<std::string>()[0],
                        {{tensor.dtype(), Shape::unknown_rank()}});
  }
}

TEST(RaggedVariants, DamagedElementsAreErrors) {
  const ops::HostCall pack{"ragged_to_variant", {{"batched", false}}, nullptr};
  const Tensor splits = Tensor::from(Shape{3}, std::vector<std::int64_t>{0, 2, 3});
  const Tensor words = Tensor::from(Shape{3}, std::vector<std::string>{"ab", "", "c"});
  const Tensor numbers = Tensor::from(Shape{3, 1}, std::vector<float>{1, 2, 3});
  for (const Tensor& values : {words, numbers}) {
    const ops::HostCall unpack{"ragged_from_variant",
                               {{"dtype", values.dtype()},
                                {"splits", DType::int64},
                                {"levels", std::int64_t{1}},
                                {"inner_levels", std::int64_t{1}}},
                               nullptr};
    const Tensor packed = call_host(pack, {splits, values}, {{DType::string, Shape{}}}).at(0);
    const std::vector<TensorType> out{{DType::int64, Shape{kUnknownDim}},
                                      {values.dtype(), Shape::unknown_rank()}};
    EXPECT_EQ(call_host(unpack, {packed}, out).at(1).shape(), values.shape());
    expect_errors_alone(unpack, packed.data<std::string>()[0], out);
  }
}

// A shape may claim rows that no value stands in.
TEST(PackedSparse, ClaimedRowsAreLimited) {
  const ops::HostCall pack{"serialize_sparse", {{"rows", true}}, nullptr};
  const auto error_of_shape = [&](std::int64_t rows) {
    try {
      call_host(pack,
                {Tensor(DType::int64, Shape{0, 2}), Tensor(DType::float32, Shape{0}),
                 Tensor::from(Shape{2}, std::vector<std::int64_t>{rows, 2})},
                {{DType::string, Shape{kUnknownDim, 3}}});
    } catch (const Error& error) {
      return error.code();
    }
    return ErrorCode::internal;
  };
  EXPECT_EQ(error_of_shape(2), ErrorCode::internal);  // none
  EXPECT_EQ(error_of_shape(std::int64_t{1} << 40), ErrorCode::resource_exhausted);
  EXPECT_EQ(error_of_shape(-1), ErrorCode::invalid_argument);
}

TEST(Requantize, RangesWithoutZeroAreErrors) {
  const ops::HostCall call{"requantize", {{"dtype", DType::uint8}}, nullptr};
  const auto number = [](float x) { return Tensor::from(Shape{}, std::vector<float>{x}); };
  const Tensor x = Tensor::from(Shape{1}, std::vector<std::int32_t>{5});
  const std::vector<TensorType> out{{DType::uint8, Shape{1}}};
  EXPECT_THROW(call_host(call, {x, number(-1), number(1), number(0.5F), number(1)}, out), Error);
  EXPECT_THROW(call_host(call, {x, number(-1), number(1), number(-1), number(-2)}, out), Error);
}

}  // namespace
}  // namespace thaw::testing
