// What the importers of layers say of configurations, calls and masks that they cannot follow: one
// row per message.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/loaders/keras/keras_testing.h"

namespace thaw::testing {
namespace {

using ::testing::HasSubstr;

struct Row {
  const char* class_name;
  const char* shape;
  const char* config;  // ", 'key': value"
  const char* message;
  std::vector<Shape> weights = {};
  const char* version = "2.15.0";
  const char* dtype = "float32";
  const char* call = "[[['x', 0, 0, {}]]]";
};

// One layer 'l' on the inputs x and y, which have one shape and type.
std::string message_of(const Row& row) {
  MemoryH5 file;
  file.lists[""]["layer_names"] = {};
  std::vector<std::pair<std::string, Shape>> weights;
  for (const Shape& shape : row.weights)
    weights.emplace_back("l/w" + std::to_string(weights.size()), shape);
  if (!weights.empty()) file.add_layer("l", weights);
  const std::string layer = std::string(",{'class_name': '") + row.class_name +
                            "', 'name': 'l', 'inbound_nodes': " + row.call +
                            ", 'config': {'name': 'l', 'trainable': true" + row.config + "}}";
  const std::string json = functional(input_layer("x", {row.shape, row.dtype}) + "," +
                                          input_layer("y", {row.shape, row.dtype}) + layer,
                                      "[['x', 0, 0], ['y', 0, 0]]", "[['l', 0, 0]]");
  try {
    import_of(config_of(json, row.version), file);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

void check(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    const std::string message = message_of(row);
    EXPECT_THAT(message, HasSubstr(row.message)) << row.class_name << row.config;
    EXPECT_THAT(message, HasSubstr("'l'")) << "the layer is not named";
  }
}

const char* const kKeras3 = "3.15.1";
const char* const kBoth = "[[['x', 0, 0, {}], ['y', 0, 0, {}]]]";

TEST(LayerMessages, Adapters) {
  const auto config = [](const std::string& mode) {
    return ", 'lora_rank': 1, 'dtype': {'module': 'keras', 'class_name': 'QuantizedDTypePolicy', "
           "'config': {'mode': '" +
           mode + "', 'source_name': 'float32'}, 'registered_name': null}";
  };
  const std::string dense = ", 'units': 2" + config("float8");
  const std::string table = ", 'input_dim': 4, 'output_dim': 3" + config("int8");
  // What trains comes first: bias, the scales of float8 and their histories, the adapter.
  check({{"Dense",
          "[null, 2]",
          dense.c_str(),
          "a LoRA adapter beside this quantisation",
          {{2}, {}, {1}, {}, {1}, {}, {1}, {2, 1}, {1, 2}, {2, 2}},
          kKeras3},
         {"ReversibleEmbedding",
          "[null, 3]",
          table.c_str(),
          "a LoRA adapter beside a quantised way back",
          {{4, 1}, {1, 3}, {4, 3}, {4}},
          kKeras3,
          "float32",
          "[[['x', 0, 0, {'reverse': true}]]]"}});
}

TEST(LayerMessages, ConvolutionAndPooling) {
  const std::vector<Shape> conv1{{2, 3, 4}, {4}};
  check({
      {"AdaptiveMaxPooling1D",
       "[null, null, 2]",
       ", 'output_size': [2]",
       "unknown size along spatial axis 0",
       {},
       kKeras3},
      {"AdaptiveMaxPooling1D", "[null, 6, 2]", ", 'output_size': [-1]", "output_size", {}, kKeras3},
      {"AdaptiveMaxPooling1D", "[null, 6, 2]", "", "output_size is missing", {}, kKeras3},
      {"MaxPooling1D", "[null, 6, 2]", ", 'padding': 'wide'", "padding=wide"},
      {"Conv1D", "[null, 6, 3]", ", 'filters': 4, 'kernel_size': [2], 'padding': 'wide'",
       "padding=wide", conv1},
      {"Conv1D", "[null, 6, 3]", ", 'filters': 4", "kernel_size is missing", conv1},
      {"Conv2D",
       "[null, 6, 6, 3]",
       ", 'filters': 4, 'kernel_size': [2, 2], 'padding': 'causal'",
       "padding=causal",
       {{2, 2, 3, 4}, {4}}},
      {"Conv1DTranspose",
       "[null, 6, 3]",
       ", 'filters': 4, 'kernel_size': [2], 'padding': 'causal'",
       "padding=causal",
       {{2, 4, 3}, {4}}},
      {"DepthwiseConv1D",
       "[null, 6, 3]",
       ", 'kernel_size': [2], 'depth_multiplier': 0",
       "depth_multiplier is 0",
       {{2, 3, 1}, {3}}},
      {"Conv2D",
       "[null, 6, 6, null]",
       ", 'filters': 4, 'kernel_size': [2, 2]",
       "must be known",
       {{2, 2, 3, 4}, {4}}},
      {"ConvLSTM1D",
       "[null, 4, 6, 2]",
       ", 'filters': 0, 'kernel_size': [2]",
       "filters is 0",
       {{2, 2, 4}, {2, 1, 4}, {4}}},
      {"ConvLSTM1D",
       "[null, 4, 6, 2]",
       ", 'filters': 1, 'kernel_size': [2], 'padding': 'wide'",
       "padding=wide",
       {{2, 2, 4}, {2, 1, 4}, {4}}},
      {"LocallyConnected1D",
       "[null, 6, 3]",
       ", 'filters': 4, 'kernel_size': [2], 'padding': 'wide'",
       "padding=wide",
       {{5, 6, 4}, {5, 4}}},
      {"LocallyConnected1D",
       "[null, 6, 3]",
       ", 'filters': 4, 'kernel_size': [2], 'implementation': 7",
       "implementation=7",
       {{5, 6, 4}, {5, 4}}},
      {"LocallyConnected1D",
       "[null, 6, 3]",
       ", 'filters': 4, 'kernel_size': [2], 'padding': 'same', 'implementation': 1",
       "padding=same with implementation=1",
       {{5, 6, 4}, {5, 4}}},
  });
}

TEST(LayerMessages, ShapesAndMerges) {
  check({
      {"Reshape", "[null, 6]", "", "target_shape is missing"},
      {"Reshape", "[null, 6]", ", 'target_shape': 'six'", "target_shape is"},
      {"Concatenate", "[null, 6]", ", 'axis': 7", "7", {}, "2.15.0", "float32", kBoth},
      {"Dot",
       "[null, 6]",
       ", 'axes': 0",
       "axes holds the batch axis",
       {},
       "2.15.0",
       "float32",
       kBoth},
      {"Dot",
       "[null, 6]",
       ", 'axes': [1, 1, 1]",
       "axes must be one or two integers",
       {},
       "2.15.0",
       "float32",
       kBoth},
      {"Dot", "[null, 6]", ", 'axes': 1", "expected 2 inputs, got 1"},
      {"Subtract", "[null, 6]", "", "expected 2 inputs, got 1"},
      {"Merge",
       "[null, 6]",
       ", 'mode': 'sideways'",
       "mode=sideways",
       {},
       "1.2.2",
       "float32",
       kBoth},
      {"Merge",
       "[null, 6]",
       ", 'mode': 'dot', 'dot_axes': 'x'",
       "dot_axes=",
       {},
       "1.2.2",
       "float32",
       kBoth},
      {"Merge",
       "[null, 6]",
       ", 'mode': 'raw', 'mode_type': 'lambda'",
       "mode is Python code, which is never executed",
       {},
       "1.2.2",
       "float32",
       kBoth},
      {"PReLU", "[null, 6]", ", 'shared_axes': [0]", "shared_axes holds the batch axis", {{6}}},
      {"Activation", "[null, 6]", ", 'activation': {'class_name': 'ELUish', 'config': {}}",
       "is an object of class ELUish"},
  });
}

TEST(LayerMessages, Normalization) {
  const std::vector<Shape> four{{6}, {6}, {6}, {6}};
  check({
      {"LayerNormalization",
       "[null, 4, 6]",
       ", 'axis': [2, -1]",
       "axis is given twice",
       {{6}, {6}}},
      {"BatchNormalization", "[null, 4, 6]", ", 'axis': [2, 2]", "axis is given twice", four},
      {"GroupNormalization",
       "[null, 4, 6]",
       ", 'groups': 2, 'axis': 0",
       "axis=0, the batch",
       {{6}, {6}}},
      {"SpectralNormalization", "[null, 6]", "", "the wrapped layer is missing", {{6}}},
      {"UnitNormalization", "[null, 4, 6]", ", 'axis': [2, -1]", "axis is given twice"},
  });
}

TEST(LayerMessages, Attention) {
  const char* const shape = "[null, 4, 6]";
  const std::vector<Shape> heads{{6, 2, 3}, {2, 3}, {6, 2, 3}, {2, 3},
                                 {6, 2, 3}, {2, 3}, {2, 3, 6}, {6}};
  const std::string query = "[[['x', 0, 0, {'value': ['y', 0, 0]}]]]";
  check({
      {"Attention",
       shape,
       ", 'score_mode': 'cosine'",
       "score_mode=cosine",
       {},
       "2.15.0",
       "float32",
       kBoth},
      {"Attention",
       shape,
       "",
       "mask has less than two items",
       {},
       kKeras3,
       "float32",
       "[{'args': [[{'class_name': '__keras_tensor__', 'config': {'shape': [null, 4, 6], 'dtype': "
       "'float32', 'keras_history': ['x', 0, 0]}}, {'class_name': '__keras_tensor__', 'config': "
       "{'shape': [null, 4, 6], 'dtype': 'float32', 'keras_history': ['y', 0, 0]}}]], 'kwargs': "
       "{'mask': [{'class_name': '__keras_tensor__', 'config': {'shape': [null, 4, 6], 'dtype': "
       "'float32', 'keras_history': ['x', 0, 0]}}]}}]"},
      {"MultiHeadAttention", shape, ", 'num_heads': 2, 'key_dim': 3", "called without a value",
       heads},
      {"MultiHeadAttention", shape, ", 'num_heads': 2, 'key_dim': 3, 'attention_axes': [5]",
       "attention_axes are outside the query's axes", heads, "2.15.0", "float32", query.c_str()},
      {"MultiHeadAttention", shape, ", 'num_heads': 2, 'key_dim': 3, 'attention_axes': [1, 1]",
       "attention_axes name an axis twice", heads, "2.15.0", "float32", query.c_str()},
  });
}

TEST(LayerMessages, Recurrent) {
  const std::vector<Shape> lstm{{6, 8}, {2, 8}, {8}};
  const char* const sequence = "[null, 4, 6]";
  const char* const cell =
      "{'class_name': 'LSTMCell', 'config': {'name': 'c', 'units': 2, 'trainable': true}}";
  const char* const wide =
      "{'class_name': 'LSTMCell', 'config': {'name': 'd', 'units': 3, 'trainable': true}}";
  const std::string uneven =
      std::string(
          ", 'cell': {'class_name': 'StackedRNNCells', 'config': {'name': 's', "
          "'reverse_state_order': true, 'cells': [") +
      cell + ", " + wide + "]}}";
  const std::string empty =
      ", 'cell': {'class_name': 'StackedRNNCells', 'config': {'name': 's', 'cells': []}}";
  const std::string odd =
      std::string(", 'layer': {'class_name': 'LSTM', 'config': {'name': 'f', 'units': 2, ") +
      "'trainable': true}}";
  const std::string same =
      odd +
      ", 'backward_layer': {'class_name': 'LSTM', 'config': {'name': 'b', 'units': 2, "
      "'trainable': true}}";
  const std::string dense =
      ", 'layer': {'class_name': 'Dense', 'config': {'name': 'f', 'units': 2}}";
  const std::string stateful =
      ", 'layer': {'class_name': 'LSTM', 'config': {'name': 'f', 'units': 2, 'trainable': true, "
      "'stateful': true}}";
  const std::vector<Shape> both{{6, 8}, {2, 8}, {8}, {6, 8}, {2, 8}, {8}};
  check({
      {"RNN",
       sequence,
       uneven.c_str(),
       "reverse_state_order=True with cells of different sizes",
       {{6, 8}, {2, 8}, {8}, {2, 12}, {3, 12}, {12}}},
      {"RNN", sequence, empty.c_str(), "no cells"},
      {"RNN", sequence, "", "a list of cells or a cell without configuration"},
      {"LSTMCell", "[null, 6]", ", 'units': 2", "a cell called as a layer", lstm},
      {"LSTM", sequence, ", 'units': 2, 'stateful': true", "a stateful layer needs a batch size",
       lstm},
      {"LSTM", sequence, ", 'units': 2, 'num_constants': 1", "recurrent constants", lstm},
      {"Bidirectional", sequence, "", "the wrapped layer is missing"},
      {"Bidirectional",
       sequence,
       dense.c_str(),
       "wrapped layer of class Dense",
       {{6, 2}, {2}, {6, 2}, {2}}},
      {"Bidirectional", sequence, same.c_str(), "both wrapped layers run in the same direction",
       both},
      {"Bidirectional", sequence, (odd + ", 'merge_mode': 'braid'").c_str(), "merge_mode=braid",
       both},
      {"TimeDistributed", sequence, "", "the wrapped layer is missing"},
      {"TimeDistributed", "[2, 4, 5, 6]", stateful.c_str(),
       "a stateful layer inside TimeDistributed, which tf.keras cannot run either", lstm},
      {"TimeDistributed", "[2, null, 5, 6]", stateful.c_str(),
       "a stateful layer inside TimeDistributed over an unknown number of steps", lstm, kKeras3},
  });
}

TEST(LayerMessages, Preprocessing) {
  check({
      {"CategoryEncoding",
       "[null, 2]",
       ", 'num_tokens': 4, 'output_mode': 'tf_idf'",
       "output_mode=tf_idf",
       {},
       "2.15.0",
       "int64"},
      {"Discretization", "[null, 2]", ", 'bin_boundaries': ['x']", "must be numbers"},
      {"Discretization",
       "[null, 2]",
       ", 'num_bins': 4",
       "the file holds neither bin_boundaries nor what adapt() learnt",
       {},
       kKeras3},
      {"Discretization", "[null, 2]", ", 'bin_boundaries': [1.0], 'output_mode': 'tf_idf'",
       "output_mode=tf_idf"},
      {"StringLookup",
       "[null, 2]",
       ", 'vocabulary': ['a'], 'vocabulary_dtype': 'float32'",
       "vocabulary_dtype=float32",
       {},
       "2.15.0",
       "string"},
      {"StringLookup",
       "[null, 2]",
       ", 'vocabulary': ['a'], 'invert': true, 'output_mode': 'multi_hot'",
       "invert with an output_mode but int",
       {},
       "2.15.0",
       "int64"},
      {"StringLookup",
       "[null, 2]",
       ", 'vocabulary': ['a'], 'num_oov_indices': -1",
       "num_oov_indices is negative",
       {},
       "2.15.0",
       "string"},
      {"StringLookup",
       "[null, 2]",
       "",
       "the file does not hold its vocabulary",
       {},
       "2.15.0",
       "string"},
      {"Hashing",
       "[null, 2]",
       ", 'num_bins': 4, 'salt': [1, 2, 3]",
       "salt must be one integer or two",
       {},
       "2.15.0",
       "string"},
      {"TextVectorization",
       "[null, 2]",
       ", 'vocabulary': ['a'], 'split': 'whitespace'",
       "splits texts of shape [?, 2], whose last dimension must be 1",
       {},
       "2.15.0",
       "string"},
      {"Resizing",
       "[null, 6, 6, 3]",
       ", 'height': 4, 'width': 4, 'crop_to_aspect_ratio': true, 'pad_to_aspect_ratio': true",
       "crop_to_aspect_ratio and pad_to_aspect_ratio exclude each other",
       {},
       kKeras3},
      {"Resizing",
       "[null, 6, 6, 3]",
       ", 'height': 4, 'width': 4, 'pad_to_aspect_ratio': true, 'fill_mode': 'reflect'",
       "fill_mode",
       {},
       kKeras3},
      {"Resizing", "[null, 6, 6, 3]", ", 'height': 0, 'width': 4",
       "height and width must be positive"},
      {"ContrastLimitedAdaptiveHistogramEqualization",
       "[null, 6, 6, 3]",
       ", 'tile_grid_size': [2, 2, 2]",
       "tile_grid_size: two sizes",
       {},
       kKeras3},
      {"AutoContrast",
       "[null, 6, 6, 3]",
       ", 'value_range': [0]",
       "value_range is [0], expected two numbers",
       {},
       kKeras3},
      {"STFTSpectrogram",
       "[null, 64, 1]",
       ", 'mode': 'wave'",
       "mode='wave'",
       {{256, 1, 129}, {256, 1, 129}},
       kKeras3},
      {"STFTSpectrogram",
       "[null, 64, 1]",
       ", 'mode': 'log', 'frame_length': 16, 'frame_step': 8, 'padding': 'wide'",
       "padding='wide'",
       {{16, 1, 9}, {16, 1, 9}},
       kKeras3},
      {"MelSpectrogram",
       "[null, 64]",
       ", 'window': 'triangle', 'fft_length': 32, 'sequence_stride': 16",
       "window='triangle'",
       {},
       kKeras3},
  });
}

}  // namespace
}  // namespace thaw::testing
