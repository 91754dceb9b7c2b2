#include "loaders/keras/table.h"

#include <algorithm>

#include "loaders/keras/custom.h"
#include "loaders/keras/functions/function_call.h"
#include "loaders/keras/layers/attention.h"
#include "loaders/keras/layers/audio.h"
#include "loaders/keras/layers/conv_lstm.h"
#include "loaders/keras/layers/einsum_dense.h"
#include "loaders/keras/layers/feature_columns.h"
#include "loaders/keras/layers/image_preprocessing.h"
#include "loaders/keras/layers/layers.h"
#include "loaders/keras/layers/legacy.h"
#include "loaders/keras/layers/locally_connected.h"
#include "loaders/keras/layers/other_normalization.h"
#include "loaders/keras/layers/reversible_embedding.h"
#include "loaders/keras/layers/text.h"
#include "loaders/keras/operations/op_call.h"
#include "loaders/keras/premade.h"
#include "loaders/keras/quantised.h"
#include "loaders/keras/saved_model.h"
#include "loaders/load.h"

namespace thaw::keras {
namespace {

using enum MaskRule;

// Columns: class, importer, variables, mask rule, whether floating inputs are cast to the compute
// type.
constexpr TableRow kLayers[] = {
    {"Activation", activation, nullptr, pass},
    {"ActivityRegularization", identity, nullptr, pass},
    {"AdaptiveAveragePooling1D", adaptive_pooling},
    {"AdaptiveAveragePooling2D", adaptive_pooling},
    {"AdaptiveAveragePooling3D", adaptive_pooling},
    {"AdaptiveMaxPooling1D", adaptive_pooling},
    {"AdaptiveMaxPooling2D", adaptive_pooling},
    {"AdaptiveMaxPooling3D", adaptive_pooling},
    {"Add", merge, nullptr, own},
    {"AdditiveAttention", attention, additive_attention_variables, own},
    {"AlphaDropout", identity, nullptr, pass},
    {"Attention", attention, attention_variables, own},
    {"AugMix", augmentation},
    {"AutoContrast", auto_contrast},
    {"Average", merge, nullptr, own},
    {"AveragePooling1D", pooling},
    {"AveragePooling2D", pooling},
    {"AveragePooling3D", pooling},
    {"BatchNormalization", batch_normalization, batch_normalization_variables, pass},
    {"Bidirectional", bidirectional, bidirectional_variables, own},
    {"CategoryEncoding", category_encoding, nullptr, drop, false},
    {"CenterCrop", center_crop},
    {"Concatenate", concatenate, nullptr, own},
    {"ContrastLimitedAdaptiveHistogramEqualization", equalize_adaptive},
    {"Conv1D", conv, kernel_and_bias},
    {"Conv1DTranspose", conv_transpose, kernel_and_bias},
    {"Conv2D", conv, kernel_and_bias},
    {"Conv2DTranspose", conv_transpose, kernel_and_bias},
    {"Conv3D", conv, kernel_and_bias},
    {"Conv3DTranspose", conv_transpose, kernel_and_bias},
    {"ConvLSTM1D", conv_lstm, recurrent_variables, own},
    {"ConvLSTM2D", conv_lstm, recurrent_variables, own},
    {"ConvLSTM3D", conv_lstm, recurrent_variables, own},
    {"Cropping1D", cropping},
    {"Cropping2D", cropping},
    {"Cropping3D", cropping},
    {"CuDNNGRU", recurrent, recurrent_variables, own},
    {"CuDNNLSTM", recurrent, recurrent_variables, own},
    {"CutMix", augmentation},
    {"Dense", dense, dense_variables, pass},
    {"DenseFeatures", dense_features, feature_variables, drop, false, true},
    {"DepthwiseConv1D", depthwise_conv, depthwise_variables},
    {"DepthwiseConv2D", depthwise_conv, depthwise_variables},
    {"Discretization", discretization, discretization_variables, drop, false},
    {"Dot", dot},
    {"Dropout", identity, nullptr, pass},
    {"ELU", elu, nullptr, pass},
    {"EinsumDense", einsum_dense, einsum_dense_variables},
    {"Embedding", embedding, embedding_variables, own, false},
    {"Equalization", augmentation},
    {"Flatten", flatten_layer},
    {"GRU", recurrent, recurrent_variables, own},
    {"GRUCell", lone_cell, cell_variables},
    {"GaussianDropout", identity, nullptr, pass},
    {"GaussianNoise", identity, nullptr, pass},
    {"GlobalAveragePooling1D", global_pooling},
    {"GlobalAveragePooling2D", global_pooling},
    {"GlobalAveragePooling3D", global_pooling},
    {"GlobalMaxPooling1D", global_pooling},
    {"GlobalMaxPooling2D", global_pooling},
    {"GlobalMaxPooling3D", global_pooling},
    {"GroupNormalization", group_normalization, scale_and_center_variables, pass, false},
    {"GroupedQueryAttention", grouped_query_attention, multi_head_attention_variables, own},
    {"HashedCrossing", hashed_crossing, nullptr, drop, false},
    {"Hashing", hashing, nullptr, drop, false},
    {"Highway", highway, highway_variables},
    {"Identity", identity, nullptr, pass},
    {"IntegerLookup", index_lookup, index_lookup_variables, drop, false},
    {"LSTM", recurrent, recurrent_variables, own},
    {"LSTMCell", lone_cell, cell_variables},
    {"LayerNormalization", layer_normalization, layer_normalization_variables, pass, false},
    {"LeakyReLU", leaky_relu, nullptr, pass},
    {"LinearModel", linear_model, linear_model_variables},
    {"LocallyConnected1D", locally_connected, kernel_and_bias},
    {"LocallyConnected2D", locally_connected, kernel_and_bias},
    {"Masking", masking, nullptr, own},
    {"MaxNumBoundingBoxes", augmentation},
    {"MaxPooling1D", pooling},
    {"MaxPooling2D", pooling},
    {"MaxPooling3D", pooling},
    {"Maximum", merge, nullptr, own},
    {"MaxoutDense", maxout_dense, kernel_and_bias},
    {"MelSpectrogram", mel_spectrogram},
    {"Merge", keras1_merge},
    {"Minimum", merge, nullptr, own},
    {"MixUp", augmentation},
    {"MultiHeadAttention", multi_head_attention, multi_head_attention_variables, own},
    {"Multiply", merge, nullptr, own},
    {"Normalization", normalization, normalization_variables, pass},
    {"PReLU", prelu, alpha_variable, pass},
    {"ParametricSoftplus", parametric_softplus, parametric_softplus_variables, pass},
    {"Permute", permute},
    {"Pipeline", pipeline, pipeline_variables, own},
    {"RMSNormalization", rms_normalization, rms_normalization_variables},
    {"RNN", rnn_of_cells, rnn_of_cells_variables, own},
    {"RandAugment", augmentation},
    {"RandomBrightness", augmentation},
    {"RandomColorDegeneration", augmentation},
    {"RandomColorJitter", augmentation},
    {"RandomContrast", augmentation},
    {"RandomCrop", random_crop},
    {"RandomElasticTransform", augmentation},
    {"RandomErasing", augmentation},
    {"RandomFlip", augmentation},
    {"RandomFourierFeatures", random_fourier_features, random_fourier_features_variables},
    {"RandomGaussianBlur", augmentation},
    {"RandomGrayscale", augmentation},
    {"RandomHeight", augmentation},
    {"RandomHue", augmentation},
    {"RandomInvert", augmentation},
    {"RandomPerspective", augmentation},
    {"RandomPosterization", augmentation},
    {"RandomRotation", augmentation},
    {"RandomSaturation", augmentation},
    {"RandomSharpness", augmentation},
    {"RandomShear", augmentation},
    {"RandomTranslation", augmentation},
    {"RandomWidth", augmentation},
    {"RandomZoom", augmentation},
    {"ReLU", relu, nullptr, pass},
    {"RepeatVector", repeat_vector},
    {"Rescaling", rescaling, nullptr, pass},
    {"Reshape", reshape},
    {"Resizing", resizing},
    {"ReversibleEmbedding", reversible_embedding, reversible_embedding_variables, own, false},
    {"SReLU", s_relu, s_relu_variables, pass},
    {"STFTSpectrogram", stft_spectrogram, stft_spectrogram_variables},
    {"SeparableConv1D", separable_conv, separable_variables},
    {"SeparableConv2D", separable_conv, separable_variables},
    {"SequenceFeatures", sequence_features, feature_variables, drop, false, true},
    {"SimpleRNN", recurrent, recurrent_variables, own},
    {"SimpleRNNCell", lone_cell, cell_variables},
    {"SlicingOpLambda", tf_slicing, nullptr, drop, false, true},
    {"Softmax", softmax_layer, nullptr, pass},
    {"Solarization", augmentation},
    {"SpatialDropout1D", identity, nullptr, pass},
    {"SpatialDropout2D", identity, nullptr, pass},
    {"SpatialDropout3D", identity, nullptr, pass},
    {"SpectralNormalization", spectral_normalization, spectral_normalization_variables, own},
    {"StackedRNNCells", lone_cell, stacked_variables},
    {"StringLookup", index_lookup, index_lookup_variables, drop, false},
    {"Subtract", merge, nullptr, own},
    {"TFOpLambda", tf_function, nullptr, own, false, true},
    {"TFSMLayer", saved_model_layer, saved_model_variables},
    {"TensorFlowOpLayer", tf_node, nullptr, drop, false, true},
    {"TextVectorization", text_vectorization, index_lookup_variables, drop, false},
    {"ThresholdedReLU", thresholded_relu, nullptr, pass},
    {"TimeDistributed", time_distributed, wrapped_variables, own},
    {"UnitNormalization", unit_normalization, nullptr, pass},
    {"UpSampling1D", up_sampling},
    {"UpSampling2D", up_sampling},
    {"UpSampling3D", up_sampling},
    {"WideDeepModel", wide_deep_model, wide_deep_model_variables},
    {"ZeroPadding1D", zero_padding},
    {"ZeroPadding2D", zero_padding},
    {"ZeroPadding3D", zero_padding},
};

const TableRow* find_in(std::span<const TableRow> rows, std::string_view name) {
  const auto row = std::lower_bound(rows.begin(), rows.end(), name,
                                    [](const TableRow& entry, std::string_view key) {
                                      return std::string_view(entry.class_name) < key;
                                    });
  return row != rows.end() && row->class_name == name ? &*row : nullptr;
}

}  // namespace

std::span<const TableRow> layer_table() { return kLayers; }

const TableRow* find_row(const LayerConfig& layer) {
  static constexpr TableRow kCustom{"", import_custom, declare_custom, own};
  if (layer.custom != nullptr) return &kCustom;
  return layer.operation ? nullptr : find_in(layer_table(), layer.class_name);
}

}  // namespace thaw::keras

namespace thaw {
std::vector<std::string> supported_keras_operations() { return keras::operation_names(); }

}  // namespace thaw
