// Weights find their variables, or the error says which do not.
#include "loaders/keras/weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/loaders/keras/keras_testing.h"
#include "tests/support/evaluate_graph.h"

namespace thaw::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string sequential(const std::string& layers) {
  return "{'class_name': 'Sequential', 'config': {'name': 's', 'layers': [{'class_name': "
         "'InputLayer', 'config': "
         "{'name': 'x', 'batch_input_shape': [null, 3], 'dtype': 'float32'}}, " +
         layers + "]}}";
}

std::string dense(const std::string& name, const std::string& more = "") {
  return "{'class_name': 'Dense', 'config': {'name': '" + name + "', 'units': 2" +
         (more.empty() ? ", 'trainable': true" : more) + "}}";
}

const std::vector<std::pair<std::string, Shape>> kDense = {{"d/kernel:0", {3, 2}},
                                                           {"d/bias:0", {2}}};

std::string message_of(const std::string& json, const MemoryH5& file, bool by_path = false) {
  try {
    import_of(config_of(json, "2.15.0"), file, by_path);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(LegacyWeights, FitByName) {
  MemoryH5 file;
  file.add_layer("d", kDense);
  std::vector<std::string> notes;
  const Graph graph = import_of(config_of(sequential(dense("d")), "2.15.0"), file, false, &notes);
  EXPECT_EQ(graph.outputs.size(), 1u);
  EXPECT_THAT(notes, IsEmpty());
}

TEST(LegacyWeights, FitByOrderWhereNamesDiffer) {
  MemoryH5 file;
  file.add_layer("dense_7", kDense);
  std::vector<std::string> notes;
  import_of(config_of(sequential(dense("d")), "2.15.0"), file, false, &notes);
  EXPECT_THAT(notes, ElementsAre(HasSubstr("assigned in order")));
}

TEST(LegacyWeights, TooFewAndTooManyAreErrors) {
  MemoryH5 few;
  few.add_layer("d", {{"d/kernel:0", {3, 2}}});
  EXPECT_THAT(message_of(sequential(dense("d")), few),
              HasSubstr("layer 'd' (Dense): expected 2 arrays (kernel, bias), found 1"));
  MemoryH5 many;
  many.add_layer("d", {{"d/kernel:0", {3, 2}}, {"d/bias:0", {2}}, {"d/more:0", {2}}});
  EXPECT_THAT(message_of(sequential(dense("d")), many),
              HasSubstr("expected 2 arrays (kernel, bias), found 3"));
  MemoryH5 none;
  none.add_layer("d", {});
  EXPECT_THAT(message_of(sequential(dense("d")), none), HasSubstr("none for layer 'd' (Dense)"));
}

TEST(LegacyWeights, ShapesAreChecked) {
  MemoryH5 file;
  file.add_layer("d", {{"d/kernel:0", {4, 2}}, {"d/bias:0", {2}}});
  EXPECT_THAT(message_of(sequential(dense("d")), file),
              HasSubstr("layer 'd' (Dense): variable kernel: expected shape [3, 2], found [4, 2] "
                        "in memory.h5/d/d/kernel:0"));
}

TEST(LegacyWeights, UnusedLayersAreNoted) {
  MemoryH5 file;
  file.add_layer("d", kDense);
  file.add_layer("old", {{"old/kernel:0", {3, 2}}});
  std::vector<std::string> notes;
  import_of(config_of(sequential(dense("d")), "2.15.0"), file, false, &notes);
  EXPECT_THAT(notes, ElementsAre(HasSubstr("layer 'old'")));
}

TEST(LegacyWeights, AbsentGroupsAndArraysAreDamage) {
  MemoryH5 group;
  group.lists[""]["layer_names"] = {"d"};
  EXPECT_THAT(message_of(sequential(dense("d")), group),
              HasSubstr("lists 'd', but there is no such group"));
  MemoryH5 array;
  array.add_layer("d", kDense);
  array.arrays.erase("d/d/bias:0");
  EXPECT_THAT(message_of(sequential(dense("d")), array),
              HasSubstr("lists d/d/bias:0, but there is no such array"));
}

const std::string kFrozen = "{'class_name': 'Sequential', 'config': {'name': 'inner', 'layers': [" +
                            dense("one", ", 'trainable': false") + ", " +
                            dense("two", ", 'trainable': true") + "]}}";

TEST(LegacyWeights, FrozenLayersOfANestedModelComeLast) {
  // Names that tell nothing: the order is what the trainable flags say.
  MemoryH5 file;
  file.add_layer("inner", {{"a:0", {2, 2}}, {"b:0", {2}}, {"c:0", {3, 2}}, {"d:0", {2}}});
  const Graph graph = import_of(config_of(sequential(kFrozen), "2.15.0"), file);
  EXPECT_EQ(graph.outputs.size(), 1u);
}

TEST(LegacyWeights, NamesOutweighTheOrder) {
  MemoryH5 file;
  file.add_layer("inner", {{"one/kernel:0", {3, 2}},
                           {"one/bias:0", {2}},
                           {"two/kernel:0", {2, 2}},
                           {"two/bias:0", {2}}});
  const Graph graph = import_of(config_of(sequential(kFrozen), "2.15.0"), file);
  EXPECT_EQ(graph.outputs.size(), 1u);
}

TEST(PathWeights, CountRepeatedClasses) {
  MemoryH5 file;
  for (const char* layer : {"layers/dense", "layers/dense_1"}) {
    const std::string path(layer);
    file.add_array(path + "/vars/0", path == "layers/dense" ? Shape{3, 2} : Shape{2, 2});
    file.add_array(path + "/vars/1", {2});
  }
  file.add_array("optimizer/vars/0", {1});
  std::vector<std::string> notes;
  import_of(config_of(sequential(dense("b") + "," + dense("a")), "3.15.1"), file, true, &notes);
  EXPECT_THAT(notes, IsEmpty());
}

TEST(PathWeights, OldContainerIsReadByClassInOrder) {
  // tf.keras 2.13 counted every weighted layer twice, and wrote backslashes on Windows.
  MemoryH5 file;
  file.add_array("_layer_checkpoint_dependencies\\dense/vars/0", {3, 2});
  file.add_array("_layer_checkpoint_dependencies\\dense/vars/1", {2});
  file.add_array("_layer_checkpoint_dependencies\\dense_2/vars/0", {2, 2});
  file.add_array("_layer_checkpoint_dependencies\\dense_2/vars/1", {2});
  std::vector<std::string> notes;
  import_of(config_of(sequential(dense("b") + "," + dense("a")), "2.13.1"), file, true, &notes);
  EXPECT_THAT(notes, IsEmpty());
}

// A layer of the outer model that an inner model has too, then two more of its class.
std::string shared_across_models() {
  const std::string tensor = "[[['x', 0, 0, {}]]]";
  auto layer = [](const std::string& name, const std::string& nodes, const std::string& more) {
    return ",{'class_name': 'Dense', 'name': '" + name + "', 'inbound_nodes': " + nodes +
           ", 'config': {'name': '" + name + "', 'units': 2, 'trainable': true" + more + "}}";
  };
  const std::string input =
      "{'class_name': 'InputLayer', 'name': 'x', 'inbound_nodes': [], 'config': {'name': 'x', "
      "'batch_input_shape': [null, 2], 'dtype': 'float32'}}";
  const std::string inner =
      ",{'class_name': 'Functional', 'name': 'in', 'inbound_nodes': " + tensor +
      ", 'config': {'name': 'in', 'trainable': true, 'layers': [" + input + layer("s", tensor, "") +
      "], 'input_layers': [['x', 0, 0]], 'output_layers': [['s', 0, 0]]}}";
  return functional(input + inner + layer("s", "[[['in', 0, 0, {}]]]", ", 'shared_object_id': 5") +
                        layer("t", "[[['s', 0, 0, {}]]]", "") +
                        layer("u", "[[['t', 0, 0, {}]]]", ""),
                    "[['x', 0, 0]]", "[['u', 0, 0]]");
}

Graph shared_graph(const std::vector<std::string>& outer, const std::string& version) {
  MemoryH5 file;
  std::vector<std::string> places{"layers/functional/layers/dense"};
  for (const std::string& name : outer) places.push_back("layers/" + name);
  for (std::size_t i = 0; i < places.size(); ++i) {
    file.arrays.emplace(places[i] + "/vars/0",
                        Tensor::from<float>({2, 2}, {static_cast<float>(i + 2), 0, 0, 1}));
    file.arrays.emplace(places[i] + "/vars/1", Tensor::from<float>({2}, {0, 0}));
  }
  return import_of(config_of(shared_across_models(), version), file, true);
}

TEST(PathWeights, LayersSharedWithAnInnerModelAreStoredOnce) {
  const std::vector<Tensor> x{Tensor::from<float>({1, 2}, {1, 1})};
  // Keras 3 counts the shared layer and leaves it out, tf.keras leaves it out uncounted: 2 * 2 * 3
  // * 4.
  const Tensor keras3 = evaluate_graph(shared_graph({"dense_1", "dense_2"}, "3.15.1"), x)[0];
  EXPECT_EQ(keras3.data<float>()[0], 48);
  const Tensor tf_keras = evaluate_graph(shared_graph({"dense", "dense_1"}, "2.15.0"), x)[0];
  EXPECT_EQ(tf_keras.data<float>()[0], 48);
}

TEST(PathWeights, MissingExcessAndUnusedAreSaid) {
  MemoryH5 missing;
  missing.add_array("layers/dense/vars/0", {3, 2});
  EXPECT_THAT(
      message_of(sequential(dense("d")), missing, true),
      HasSubstr(
          "no weights for variable 'bias' of layer 'd' (Dense) (expected at layers/dense/vars/1)"));
  MemoryH5 excess;
  for (int i = 0; i < 3; ++i)
    excess.add_array("layers/dense/vars/" + std::to_string(i), i == 0 ? Shape{3, 2} : Shape{2});
  EXPECT_THAT(message_of(sequential(dense("d")), excess, true),
              HasSubstr("expected 2 arrays in layers/dense/vars, found 3"));
  MemoryH5 unused;
  unused.add_array("layers/dense/vars/0", {3, 2});
  unused.add_array("layers/dense/vars/1", {2});
  unused.add_array("layers/other/vars/0", {2});
  std::vector<std::string> notes;
  import_of(config_of(sequential(dense("d")), "3.15.1"), unused, true, &notes);
  EXPECT_THAT(notes, ElementsAre(HasSubstr("layers/other")));
}

TEST(SnakeCase, AsKerasWritesIt) {
  EXPECT_EQ(keras::to_snake_case("Conv2D"), "conv2d");
  EXPECT_EQ(keras::to_snake_case("LSTMCell"), "lstm_cell");
  EXPECT_EQ(keras::to_snake_case("PReLU"), "p_re_lu");
  EXPECT_EQ(keras::to_snake_case("LeakyReLU"), "leaky_re_lu");
  EXPECT_EQ(keras::to_snake_case("BatchNormalization"), "batch_normalization");
  EXPECT_EQ(keras::to_snake_case("GlobalAveragePooling2D"), "global_average_pooling2d");
  EXPECT_EQ(keras::to_snake_case("ConvLSTM2D"), "conv_lstm2d");
  EXPECT_EQ(keras::to_snake_case("TFSMLayer"), "tfsm_layer");
}

TEST(Layouts, TransposeReverseJoin) {
  const Tensor tensor = Tensor::from<float>({2, 3}, {1, 2, 3, 4, 5, 6});
  const Tensor turned = keras::transposed(tensor, {1, 0});
  EXPECT_EQ(turned.shape(), Shape({3, 2}));
  EXPECT_THAT(std::vector<float>(turned.data<float>(), turned.data<float>() + 6),
              ElementsAre(1, 4, 2, 5, 3, 6));
  const Tensor back = keras::reversed(tensor, 1);
  EXPECT_THAT(std::vector<float>(back.data<float>(), back.data<float>() + 6),
              ElementsAre(4, 5, 6, 1, 2, 3));
  const Tensor wide = keras::joined({tensor, Tensor::from<float>({2, 1}, {7, 8})});
  EXPECT_EQ(wide.shape(), Shape({2, 4}));
  EXPECT_THAT(std::vector<float>(wide.data<float>(), wide.data<float>() + 8),
              ElementsAre(1, 2, 3, 7, 4, 5, 6, 8));
  EXPECT_THROW(keras::joined({tensor, Tensor(DType::float32, {3, 1})}), Error);
}

}  // namespace
}  // namespace thaw::testing
