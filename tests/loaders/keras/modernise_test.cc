// Every class and argument that Keras 1 called otherwise.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "loaders/keras/weights.h"
#include "tests/loaders/keras/keras_testing.h"

namespace thaw::testing {
namespace {

using keras::LayerConfig;

LayerConfig modern(const std::string& class_name, const std::string& config) {
  keras::KerasModel model =
      config_of("{'class_name': 'Sequential', 'config': [{'class_name': '" + class_name +
                    "', 'config': {'name': 'l', 'batch_input_shape': [null, 4, 4, 4]" +
                    (config.empty() ? "" : ", " + config) + "}}]}",
                "1.2.2");
  return std::move(model.root.model->layers[1]);
}

struct Rename {
  const char* class_name;
  const char* old_config;
  const char* modern_class;
  const char* key;
  const char* value;  // as compact JSON
};

class Renames : public ::testing::TestWithParam<Rename> {};

TEST_P(Renames, AreTranslated) {
  const Rename& test = GetParam();
  const LayerConfig layer = modern(test.class_name, test.old_config);
  EXPECT_EQ(layer.class_name, test.modern_class);
  EXPECT_EQ(layer.file_class, test.class_name);
  const Json* value = layer.config.find(test.key);
  ASSERT_NE(value, nullptr) << test.key;
  EXPECT_EQ(value->dump(), test.value);
}

INSTANTIATE_TEST_SUITE_P(
    Keras1, Renames,
    ::testing::Values(
        Rename{"Dense", "'output_dim': 7", "Dense", "units", "7"},
        Rename{"Dense", "'bias': false", "Dense", "use_bias", "false"},
        Rename{"Dense", "'init': 'uniform'", "Dense", "kernel_initializer", "\"uniform\""},
        Rename{"Dense", "'W_regularizer': null", "Dense", "kernel_regularizer", "null"},
        Rename{"Dense", "'b_regularizer': null", "Dense", "bias_regularizer", "null"},
        Rename{"Dense", "'W_constraint': null", "Dense", "kernel_constraint", "null"},
        Rename{"Dense", "'b_constraint': null", "Dense", "bias_constraint", "null"},
        Rename{"TimeDistributedDense", "'output_dim': 7", "Dense", "units", "7"},
        Rename{"Dropout", "'p': 0.5", "Dropout", "rate", "0.5"},
        Rename{"GaussianNoise", "'sigma': 0.5", "GaussianNoise", "stddev", "0.5"},
        Rename{"Convolution1D", "'nb_filter': 3", "Conv1D", "filters", "3"},
        Rename{"Convolution1D", "'filter_length': 3", "Conv1D", "kernel_size", "3"},
        Rename{"Convolution1D", "'subsample_length': 2", "Conv1D", "strides", "2"},
        Rename{"AtrousConvolution1D", "'atrous_rate': 2", "Conv1D", "dilation_rate", "2"},
        Rename{"Convolution2D", "'nb_row': 2, 'nb_col': 3", "Conv2D", "kernel_size", "[2,3]"},
        Rename{"Convolution2D", "'subsample': [2, 1]", "Conv2D", "strides", "[2,1]"},
        Rename{"Convolution2D", "'border_mode': 'same'", "Conv2D", "padding", "\"same\""},
        Rename{"Convolution2D", "'dim_ordering': 'th'", "Conv2D", "data_format",
               "\"channels_first\""},
        Rename{"Convolution2D", "'dim_ordering': 'tf'", "Conv2D", "data_format",
               "\"channels_last\""},
        Rename{"AtrousConvolution2D", "'atrous_rate': [2, 2]", "Conv2D", "dilation_rate", "[2,2]"},
        Rename{"Deconvolution2D", "'nb_row': 2, 'nb_col': 3", "Conv2DTranspose", "kernel_size",
               "[2,3]"},
        Rename{"SeparableConvolution2D", "'nb_row': 2, 'nb_col': 3", "SeparableConv2D",
               "kernel_size", "[2,3]"},
        Rename{"LocallyConnected2D", "'nb_row': 2, 'nb_col': 3", "LocallyConnected2D",
               "kernel_size", "[2,3]"},
        Rename{"ConvLSTM2D", "'nb_row': 2, 'nb_col': 3", "ConvLSTM2D", "kernel_size", "[2,3]"},
        Rename{"Convolution3D", "'kernel_dim1': 1, 'kernel_dim2': 2, 'kernel_dim3': 3", "Conv3D",
               "kernel_size", "[1,2,3]"},
        Rename{"MaxPooling1D", "'pool_length': 3", "MaxPooling1D", "pool_size", "3"},
        Rename{"AveragePooling1D", "'stride': 3", "AveragePooling1D", "strides", "3"},
        Rename{"UpSampling1D", "'length': 3", "UpSampling1D", "size", "3"},
        Rename{"ZeroPadding1D", "'padding': {'left_pad': 1, 'right_pad': 2}", "ZeroPadding1D",
               "padding", "[1,2]"},
        Rename{"ZeroPadding2D", "'padding': {'top_pad': 1, 'left_pad': 2}", "ZeroPadding2D",
               "padding", "[[1,0],[2,0]]"},
        Rename{"ZeroPadding2D", "'padding': [1, 2, 3, 4]", "ZeroPadding2D", "padding",
               "[[1,2],[3,4]]"},
        Rename{"ZeroPadding2D", "'padding': [1, 2]", "ZeroPadding2D", "padding", "[1,2]"},
        Rename{"LSTM", "'output_dim': 3", "LSTM", "units", "3"},
        Rename{"LSTM", "'inner_activation': 'sigmoid'", "LSTM", "recurrent_activation",
               "\"sigmoid\""},
        Rename{"LSTM", "'inner_init': 'orthogonal'", "LSTM", "recurrent_initializer",
               "\"orthogonal\""},
        Rename{"LSTM", "'U_regularizer': null", "LSTM", "recurrent_regularizer", "null"},
        Rename{"LSTM", "'dropout_W': 0.1", "LSTM", "dropout", "0.1"},
        Rename{"LSTM", "'dropout_U': 0.1", "LSTM", "recurrent_dropout", "0.1"},
        Rename{"GRU", "'output_dim': 3", "GRU", "units", "3"},
        Rename{"GRU", "'output_dim': 3", "GRU", "reset_after", "false"},
        Rename{"SimpleRNN", "'output_dim': 3", "SimpleRNN", "units", "3"},
        Rename{"Embedding", "'output_dim': 3", "Embedding", "output_dim", "3"},
        Rename{"Highway", "'bias': false", "Highway", "use_bias", "false"}));

// Arrays of one element, numbered in the order in which Keras 1 stored them.
TEST(Gates, OfAConvLstmAreJoinedLikeThoseOfAnLstm) {
  const LayerConfig layer = modern("ConvLSTM2D", "'nb_filter': 1");
  const keras::Conversion conversion = keras::gates_of(layer, 3);
  ASSERT_EQ(conversion.sources.size(), 3u);
  EXPECT_THAT(conversion.sources[0], ::testing::ElementsAre(0, 6, 3, 9));
  EXPECT_THAT(conversion.sources[1], ::testing::ElementsAre(1, 7, 4, 10));
  EXPECT_THAT(conversion.sources[2], ::testing::ElementsAre(2, 8, 5, 11));
}

TEST(Gates, OfImagesWithChannelsFirstAreTransposedBeforeTheyAreJoined) {
  const LayerConfig layer = modern("ConvLSTM2D", "'nb_filter': 1, 'dim_ordering': 'th'");
  keras::Variable variable;
  variable.name = "kernel";
  variable.layer = &layer;
  const Tensor gate = keras::modern_gate(variable, Tensor(DType::float32, {5, 4, 3, 2}));
  EXPECT_EQ(gate.shape(), Shape({3, 2, 4, 5}));
  const Tensor bias = keras::modern_gate(variable, Tensor(DType::float32, {5}));
  EXPECT_EQ(bias.shape(), Shape({5}));
}

TEST(Layouts, TheanoTurnsBothKernelsOfAConvLstm) {
  const LayerConfig layer = modern("ConvLSTM2D", "'nb_filter': 1");
  const keras::Writer theano = keras::writer_of("2.1.3", "theano", 2);
  for (const char* name : {"kernel", "recurrent_kernel"}) {
    keras::Variable variable;
    variable.name = name;
    variable.layer = &layer;
    variable.slot = std::string(name) == "kernel" ? 0 : 1;
    const Tensor turned =
        keras::modern_layout(variable, Tensor::from<float>({2, 2, 1, 1}, {1, 2, 3, 4}), theano);
    EXPECT_EQ(turned.data<float>()[0], 4) << name;
    EXPECT_EQ(turned.data<float>()[3], 1) << name;
  }
}

}  // namespace
}  // namespace thaw::testing
