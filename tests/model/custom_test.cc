// Models of layers and ops of the user's own, described through thaw/custom.h.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "loaders/source/npz.h"
#include "runtime/verify/compare.h"
#include "thaw/thaw.h"

namespace thaw {
namespace {

using ::testing::HasSubstr;

const std::string kFolder = std::string(THAW_SOURCE_DIR) + "/tests/golden/custom/";

std::vector<GraphValue> custom_dense(CustomCall& call) {
  EXPECT_EQ(call.integer("units", 0), 7);
  const GraphValue scale =
      call.constant(Tensor::from<float>({}, {static_cast<float>(call.real("scale", 1))}));
  auto y = call.add("matmul", {call.inputs().at(0), call.variable("kernel")});
  y = call.add("binary {kind = mul}", {y[0], scale});
  y = call.add("binary {kind = add}", {y[0], call.variable("bias")});
  y = call.add("binary {kind = sub}", {y[0], call.variable("offset")});
  return call.add("unary {fn = relu}", y);
}

std::vector<GraphValue> attention_pooling(CustomCall& call) {
  const GraphValue x = call.inputs().at(0);
  auto score = call.add("matmul", {x, call.variable("score/kernel")});
  score = call.add("binary {kind = add}", {score[0], call.variable("score/bias")});
  score = call.add("squeeze {axes = [-1]}", score);
  EXPECT_GE(call.mask().id, 0);
  const GraphValue low = call.constant(Tensor::from<float>({}, {-1e9F}));
  score = call.add("select", {call.mask(), score[0], low});
  score = call.add("softmax {axes = [-1]}", score);
  return call.add("einsum {equation = \"bt,btf->bf\"}", {score[0], x});
}

CustomFunction square_plus_one() {
  return {[](const std::vector<TensorType>& operands) { return operands; },
          [](const std::vector<Tensor>& operands) {
            Tensor y = operands.at(0).clone();
            float* elements = y.mutable_data<float>();
            for (std::int64_t i = 0; i < y.num_elements(); ++i) {
              elements[i] = elements[i] * elements[i] + 1;
            }
            return std::vector<Tensor>{y};
          }};
}

std::shared_ptr<CustomObjects> demo_objects() {
  auto objects = std::make_shared<CustomObjects>();
  objects->layers["demo>CustomDenseLayer"] = {
      [](const CustomConfig& config) {
        EXPECT_EQ(config.name(), "custom_dense");
        return std::vector<CustomVariable>{{"kernel"}, {"offset", false}, {"bias"}};
      },
      custom_dense};
  objects->layers["AttentionPooling"] = {
      // by the class's name alone
      [](const CustomConfig&) {
        return std::vector<CustomVariable>{{"score/kernel"}, {"score/bias"}};
      },
      attention_pooling};
  objects->lambdas["square_plus_one"] = {
      {}, [](CustomCall& call) { return call.call(square_plus_one(), call.inputs()); }};
  return objects;
}

class CustomLayers : public ::testing::TestWithParam<const char*> {};

TEST_P(CustomLayers, PredictWhatKerasPredicted) {
  const std::string file = kFolder + GetParam();
  const std::string arrays = file.substr(0, file.rfind('/')) + "/io.npz";
  std::map<std::string, Tensor> io;
  for (auto& [name, array] : read_npz(arrays, Limits{})) io[name] = array;
  LoadOptions options;
  options.custom = demo_objects();
  const Model model = Model::load(file, options);
  const std::vector<Tensor> outputs = model.predict({io.at("words")});
  const Comparison compared = compare(outputs.at(0), io.at("out"), Tolerance{1e-4, 1e-5});
  EXPECT_TRUE(compared.match) << compared.problem << " max " << compared.max_abs;
}

TEST_P(CustomLayers, AreAllNamedWhenNobodyRegisteredThem) {
  try {
    Model::load(kFolder + GetParam());
    FAIL() << "loaded";
  } catch (const UnsupportedError& error) {
    const std::string text = error.what();
    EXPECT_THAT(text, HasSubstr("CustomDenseLayer"));
    EXPECT_THAT(text, HasSubstr("'custom_dense'"));
    EXPECT_THAT(text, HasSubstr("AttentionPooling"));
    EXPECT_THAT(text, HasSubstr("Lambda"));
    EXPECT_EQ(error.items().size(), 3u);
  }
}

INSTANTIATE_TEST_SUITE_P(Files, CustomLayers,
                         ::testing::Values("keras3/model.keras", "keras3/model.h5",
                                           "tfkeras/model.keras", "tfkeras/model.h5"),
                         [](const auto& file) {
                           std::string name = file.param;
                           for (char& c : name) c = c == '/' || c == '.' ? '_' : c;
                           return name;
                         });

TEST(CustomLayer, ErrorsNameTheLayer) {
  LoadOptions options;
  auto objects = demo_objects();
  objects->layers["demo>CustomDenseLayer"].build = [](CustomCall& call) {
    return call.add("matmul", {call.inputs().at(0), call.variable("nothing")});
  };
  options.custom = objects;
  try {
    Model::load(kFolder + "keras3/model.keras", options);
    FAIL() << "loaded";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("layer 'custom_dense' (CustomDenseLayer)"));
    EXPECT_THAT(error.what(), HasSubstr("nothing"));
  }
  objects->layers["demo>CustomDenseLayer"].build = [](CustomCall& call) {
    return call.add("while", call.inputs());
  };
  EXPECT_THROW(Model::load(kFolder + "keras3/model.keras", options), Error);
  objects->layers["demo>CustomDenseLayer"].build = [](CustomCall&) {
    return std::vector<GraphValue>{{12345}};
  };
  EXPECT_THROW(Model::load(kFolder + "keras3/model.keras", options), Error);
}

TEST(CustomOp, GetsItsAttributesAndOperands) {
  auto objects = std::make_shared<CustomObjects>();
  objects->ops["Acme>Scale"] = {[](CustomCall& call) {
    const auto factor = static_cast<float>(call.real("factor", 0));
    return call.add("binary {kind = mul}",
                    {call.inputs().at(0), call.constant(Tensor::from<float>({}, {factor}))});
  }};
  LoadOptions options;
  options.custom = objects;
  const Model model = Model::load(kFolder + "custom_op.pbtxt", options);
  const std::vector<Tensor> y = model.predict({Tensor::from<float>({1, 3}, {1, -2, 4})});
  EXPECT_EQ(y.at(0).data<float>()[0], 2.5F);
  EXPECT_EQ(y.at(0).data<float>()[1], -5.0F);
  EXPECT_THROW(Model::load(kFolder + "custom_op.pbtxt"), UnsupportedError);
}

}  // namespace
}  // namespace thaw
