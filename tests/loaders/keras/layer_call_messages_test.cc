// What the importers of layers say of calls, masks, types and shapes that they cannot follow: one
// row per message. The rows of configurations stand in layer_messages_test.cc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "loaders/keras/import.h"
#include "tests/loaders/keras/keras_testing.h"
#include "thaw/custom.h"

namespace thaw::testing {
namespace {

using ::testing::HasSubstr;

struct Call {
  const char* class_name;
  Source x, y;
  const char* config;  // ", 'key': value"
  const char* nodes;
  const char* message;
  std::vector<TensorType> weights = {};
  const char* version = "2.15.0";
};

std::string layer(const std::string& class_name, const std::string& name, const std::string& nodes,
                  const std::string& config) {
  return ",{'class_name': '" + class_name + "', 'name': '" + name + "', 'inbound_nodes': " + nodes +
         ", 'config': {'name': '" + name + "', 'trainable': true" + config + "}}";
}

std::string model(const Call& call, const std::string& between = "") {
  return functional(input_layer("x", call.x) + "," + input_layer("y", call.y) + between +
                        layer(call.class_name, "l", call.nodes, call.config),
                    "[['x', 0, 0], ['y', 0, 0]]", "[['l', 0, 0]]");
}

MemoryH5 weights_of(const Call& call) {
  MemoryH5 file;
  file.lists[""]["layer_names"] = {};
  std::vector<std::pair<std::string, Shape>> shapes;
  for (const TensorType& type : call.weights)
    shapes.emplace_back("l/w" + std::to_string(shapes.size()), type.shape);
  if (shapes.empty()) return file;
  file.add_layer("l", shapes);
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    if (call.weights[i].dtype == DType::float32) continue;
    file.arrays["l/" + shapes[i].first] = Tensor(call.weights[i].dtype, shapes[i].second);
  }
  return file;
}

std::string message_of(const keras::KerasModel& model, const MemoryH5& file) {
  try {
    import_of(model, file);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

void check(const std::vector<Call>& calls) {
  for (const Call& call : calls) {
    const std::string message = message_of(config_of(model(call), call.version), weights_of(call));
    EXPECT_THAT(message, HasSubstr(call.message)) << call.class_name << call.config;
    EXPECT_THAT(message, HasSubstr("'l'")) << "the layer is not named";
  }
}

const char* const kKeras3 = "3.15.1";
const char* const kOnX = "[[['x', 0, 0, {}]]]";
const char* const kOnBoth = "[[['x', 0, 0, {}], ['y', 0, 0, {}]]]";
const char* const kNothing = "[{'args': [], 'kwargs': {}}]";
const char* const kMaskY = "[[['x', 0, 0, {'mask': ['y', 0, 0]}]]]";
const Source kRow{"[null, 6]"};
const Source kSequence{"[null, 4, 6]"};
const Source kPictures{"[null, 4, 4, 6]"};
const Source kTexts{"[null, 1]", "string"};

TensorType floats(const Shape& shape) { return {DType::float32, shape}; }

TEST(LayerCallMessages, CallsWithoutInputs) {
  check({
      {"Dense",
       kRow,
       kRow,
       ", 'units': 2",
       kNothing,
       "called without an input",
       {floats({6, 2}), floats({2})},
       kKeras3},
      {"Dropout", kRow, kRow, ", 'rate': 0.5", kNothing, "called without an input", {}, kKeras3},
      {"TimeDistributed",
       kRow,
       kRow,
       ", 'layer': {'class_name': 'Flatten', 'config': {'name': 'f'}}",
       kNothing,
       "called without an input",
       {},
       kKeras3},
      {"Add", kRow, kRow, "", kNothing, "called without inputs", {}, kKeras3},
      {"Concatenate", kRow, kRow, "", kNothing, "called without inputs", {}, kKeras3},
      {"Merge", kRow, kRow, ", 'mode': 'sum'", "[[]]", "called without inputs", {}, "1.2.2"},
  });
}

TEST(LayerCallMessages, Masks) {
  const std::vector<TensorType> lstm{floats({6, 8}), floats({2, 8}), floats({8})};
  const std::vector<TensorType> conv{floats({1, 6, 8}), floats({1, 2, 8}), floats({8})};
  check({
      {"Attention", kSequence, kSequence, "",
       "[[['x', 0, 0, {'mask': ['y', 0, 0]}], ['y', 0, 0, {}]]]", "a mask that is no list"},
      {"LSTM", kSequence, kSequence, ", 'units': 2", kMaskY, "a mask of shape [?, 4, 6]", lstm},
      {"ConvLSTM1D", kPictures, kPictures, ", 'filters': 2, 'kernel_size': [1]", kMaskY,
       "a mask of shape [?, 4, 4, 6]: of pixels instead of steps, which Keras cannot run either",
       conv},
      {"GroupNormalization",
       kSequence,
       kRow,
       ", 'groups': 2",
       kMaskY,
       "a mask of shape [?, 6] over an input of shape [?, 4, 6]",
       {floats({6}), floats({6})}},
  });
}

TEST(LayerCallMessages, Arguments) {
  const std::vector<TensorType> heads{floats({6, 2, 3}), floats({2, 3}),    floats({6, 2, 3}),
                                      floats({2, 3}),    floats({6, 2, 3}), floats({2, 3}),
                                      floats({2, 3, 6}), floats({6})};
  const std::vector<TensorType> both{floats({6, 8}), floats({2, 8}), floats({8}),
                                     floats({6, 8}), floats({2, 8}), floats({8})};
  const char* const config = ", 'num_heads': 2, 'key_dim': 3";
  check({
      {"MultiHeadAttention", kSequence, kSequence, config, kOnBoth,
       "a query that is no single tensor", heads},
      {"MultiHeadAttention", kSequence, kPictures, config,
       "[[['x', 0, 0, {'value': ['x', 0, 0], 'key': ['y', 0, 0]}]]]",
       "key and value differ in rank", heads},
      {"MultiHeadAttention", kSequence, kPictures, config,
       "[[['x', 0, 0, {'value': ['y', 0, 0]}]]]", "query and value of different rank", heads},
      {"CategoryEncoding",
       {"[null, 2]", "int64"},
       {"[null, 2]"},
       ", 'num_tokens': 4, 'output_mode': 'multi_hot'",
       "[[['x', 0, 0, {'count_weights': ['y', 0, 0]}]]]",
       "count_weights with an output_mode but count"},
      {"Bidirectional",
       kSequence,
       {"[null, 2]"},
       ", 'layer': {'class_name': 'LSTM', 'config': {'name': 'f', 'units': 2, 'trainable': true}}",
       "[[['x', 0, 0, {'initial_state': [['y', 0, 0]]}]]]",
       "an odd number of initial states",
       both},
  });
}

TEST(LayerCallMessages, Configurations) {
  check({
      {"Embedding",
       {"[null, 2]", "int32"},
       kRow,
       ", 'input_dim': 3, 'output_dim': 2, 'sparse': true",
       kOnX,
       "sparse=True",
       {floats({3, 2})},
       kKeras3},
      {"EinsumDense",
       kSequence,
       kRow,
       ", 'equation': 'abc,cd->ab', 'output_shape': [4]",
       kOnX,
       "label d of the kernel is in no other term",
       {floats({6, 2})}},
      {"LocallyConnected1D",
       {"[null, 134217728, 1]"},
       kRow,
       ", 'filters': 1, 'kernel_size': [1]",
       kOnX,
       "more than 2^26 kernel positions",
       {floats({1, 1, 1}), floats({1, 1})}},
      {"RNN",
       kSequence,
       kRow,
       ", 'cell': {'class_name': 'Dense', 'config': {'name': 'c', 'units': 2}}",
       kOnX,
       "cell of class Dense",
       {floats({6, 2}), floats({2})}},
      {"BatchNormalization",
       kRow,
       kRow,
       "",
       kOnX,
       "statistics are stored as int32",
       {floats({6}), floats({6}), {DType::int32, {6}}, {DType::int32, {6}}}},
      {"BatchNormalization",
       kRow,
       kRow,
       ", 'virtual_batch_size': 2, 'axis': [0]",
       kOnX,
       "virtual_batch_size with statistics of the batch axis",
       {floats({2, 3, 6}), floats({2, 3, 6}), floats({2, 3, 6}), floats({2, 3, 6})}},
      {"MelSpectrogram",
       {"[null, 64]"},
       kRow,
       ", 'window': [0.5, 1.0, 0.5], 'fft_length': 32, 'sequence_stride': 16",
       kOnX,
       "a window of shape [3] for frames of 32",
       {},
       kKeras3},
      {"MelSpectrogram",
       {"[null, 64]"},
       kRow,
       ", 'fft_length': 32, 'min_freq': 9000",
       kOnX,
       "contradictory lengths or frequencies",
       {},
       kKeras3},
  });
}

TEST(LayerCallMessages, CategoriesAndTexts) {
  const char* const words = ", 'vocabulary': ['a', 'b']";
  const auto with = [&](const char* more) { return std::string(words) + more; };
  const std::string unknown = with(", 'num_oov_indices': 99999999999"),
                    grams = with(", 'split': null, 'ngrams': 2"),
                    scalar = with(", 'split': null, 'output_sequence_length': 3"),
                    one_hot = with(", 'output_mode': 'one_hot'"),
                    negative = with(", 'output_sequence_length': -5"),
                    ragged = with(", 'ragged': true, 'output_sequence_length': 3");
  check({
      {"Discretization",
       kRow,
       kRow,
       ", 'num_bins': 4",
       kOnX,
       "adapt() saw no numbers",
       {floats({2, 0})}},
      {"StringLookup", kTexts, kRow, unknown.c_str(), kOnX, "num_oov_indices=99999999999"},
      {"TextVectorization",
       {"[null, 0]", "string"},
       kRow,
       grams.c_str(),
       kOnX,
       "n-grams of rows without texts"},
      {"TextVectorization",
       {"[]", "string"},
       kRow,
       scalar.c_str(),
       kOnX,
       "output_sequence_length of a scalar"},
      {"TextVectorization", kTexts, kRow, one_hot.c_str(), kOnX,
       "output_mode=one_hot of split texts"},
      {"TextVectorization", kTexts, kRow, negative.c_str(), kOnX, "output_sequence_length=-5"},
      {"TextVectorization",
       kTexts,
       kRow,
       ragged.c_str(),
       kOnX,
       "ragged=True with output_sequence_length",
       {},
       kKeras3},
  });
}

// A reshape to the sizes in y, as many as y has at run time.
TEST(LayerCallMessages, InputsOfUnknownRank) {
  const std::string between =
      layer("TFOpLambda", "r", "[['x', 0, 0, {'shape': ['y', 0, 0]}]]", ", 'function': 'reshape'");
  const char* const on_r = "[[['r', 0, 0, {}]]]";
  const Source sizes{"[null]", "int32"};
  const Source numbers{"[null, 6]", "int64"};
  for (const Call& call :
       std::vector<Call>{{"Dense",
                          kRow,
                          sizes,
                          ", 'units': 2",
                          on_r,
                          "has no axis -1",
                          {floats({6, 2}), floats({2})}},
                         {"Flatten", kRow, sizes, "", on_r, "cannot flatten"},
                         {"BatchNormalization",
                          kRow,
                          sizes,
                          "",
                          on_r,
                          "the input's rank must be known",
                          {floats({6}), floats({6}), floats({6}), floats({6})}},
                         {"CategoryEncoding", numbers, sizes, ", 'num_tokens': 4", on_r,
                          "categories of unknown rank"}}) {
    const std::string message =
        message_of(config_of(model(call, between), call.version), weights_of(call));
    EXPECT_THAT(message, HasSubstr(call.message)) << call.class_name;
    EXPECT_THAT(message, HasSubstr("'l'"));
  }
}

TEST(LayerCallMessages, CustomLayersTakeTensorsByPosition) {
  CustomObjects objects;
  objects.layers["Mine"].build = [](CustomCall& call) { return call.inputs(); };
  const Limits limits;
  const auto message = [&](const std::string& arguments) {
    std::string json = model({"Mine", kRow, kRow, "", arguments.c_str(), ""});
    std::replace(json.begin(), json.end(), '\'', '"');
    return message_of(
        keras::read_config(parse_json(json, "test", limits),
                           keras::writer_of(kKeras3, "tensorflow", 2), "test", limits, &objects),
        weights_of({}));
  };
  const std::string x =
      "{'class_name': '__keras_tensor__', 'config': {'shape': [null, 6], 'dtype': 'float32', "
      "'keras_history': ['x', 0, 0]}}";
  EXPECT_EQ(message("[{'args': [" + x + "], 'kwargs': {}}]"), "");
  EXPECT_THAT(message("[{'args': [" + x + ", 3], 'kwargs': {}}]"),
              HasSubstr("called with a positional argument that is no tensor"));
}

}  // namespace
}  // namespace thaw::testing
