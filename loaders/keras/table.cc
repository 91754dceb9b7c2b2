#include "loaders/keras/table.h"

#include <algorithm>

#include "loaders/keras/layers/attention.h"
#include "loaders/keras/layers/einsum_dense.h"
#include "loaders/keras/custom.h"
#include "loaders/keras/layers/layers.h"
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
    {"Average", merge, nullptr, own},
    {"AveragePooling1D", pooling},
    {"AveragePooling2D", pooling},
    {"AveragePooling3D", pooling},
    {"BatchNormalization", batch_normalization, batch_normalization_variables, pass},
    {"Bidirectional", bidirectional, bidirectional_variables, own},
    {"Concatenate", concatenate, nullptr, own},
    {"Conv1D", conv, kernel_and_bias},
    {"Conv1DTranspose", conv_transpose, kernel_and_bias},
    {"Conv2D", conv, kernel_and_bias},
    {"Conv2DTranspose", conv_transpose, kernel_and_bias},
    {"Conv3D", conv, kernel_and_bias},
    {"Conv3DTranspose", conv_transpose, kernel_and_bias},
    {"Cropping1D", cropping},
    {"Cropping2D", cropping},
    {"Cropping3D", cropping},
    {"CuDNNGRU", recurrent, recurrent_variables, own},
    {"CuDNNLSTM", recurrent, recurrent_variables, own},
    {"Dense", dense, kernel_and_bias, pass},
    {"DepthwiseConv1D", depthwise_conv, depthwise_variables},
    {"DepthwiseConv2D", depthwise_conv, depthwise_variables},
    {"Dot", dot},
    {"Dropout", identity, nullptr, pass},
    {"ELU", elu, nullptr, pass},
    {"EinsumDense", einsum_dense, einsum_dense_variables},
    {"Embedding", embedding, embedding_variables, own, false},
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
    {"GroupedQueryAttention", grouped_query_attention, multi_head_attention_variables, own},
    {"Identity", identity, nullptr, pass},
    {"LSTM", recurrent, recurrent_variables, own},
    {"LSTMCell", lone_cell, cell_variables},
    {"LayerNormalization", layer_normalization, layer_normalization_variables, pass, false},
    {"LeakyReLU", leaky_relu, nullptr, pass},
    {"Masking", masking, nullptr, own},
    {"MaxPooling1D", pooling},
    {"MaxPooling2D", pooling},
    {"MaxPooling3D", pooling},
    {"Maximum", merge, nullptr, own},
    {"Merge", keras1_merge},
    {"Minimum", merge, nullptr, own},
    {"MultiHeadAttention", multi_head_attention, multi_head_attention_variables, own},
    {"Multiply", merge, nullptr, own},
    {"Normalization", normalization, normalization_variables, pass},
    {"PReLU", prelu, alpha_variable, pass},
    {"Permute", permute},
    {"RNN", rnn_of_cells, rnn_of_cells_variables, own},
    {"ReLU", relu, nullptr, pass},
    {"RepeatVector", repeat_vector},
    {"Rescaling", rescaling, nullptr, pass},
    {"Reshape", reshape},
    {"SeparableConv1D", separable_conv, separable_variables},
    {"SeparableConv2D", separable_conv, separable_variables},
    {"SimpleRNN", recurrent, recurrent_variables, own},
    {"SimpleRNNCell", lone_cell, cell_variables},
    {"Softmax", softmax_layer, nullptr, pass},
    {"SpatialDropout1D", identity, nullptr, pass},
    {"SpatialDropout2D", identity, nullptr, pass},
    {"SpatialDropout3D", identity, nullptr, pass},
    {"StackedRNNCells", lone_cell, stacked_variables},
    {"Subtract", merge, nullptr, own},
    {"ThresholdedReLU", thresholded_relu, nullptr, pass},
    {"TimeDistributed", time_distributed, wrapped_variables, own},
    {"UpSampling1D", up_sampling},
    {"UpSampling2D", up_sampling},
    {"UpSampling3D", up_sampling},
    {"ZeroPadding1D", zero_padding},
    {"ZeroPadding2D", zero_padding},
    {"ZeroPadding3D", zero_padding},
};

// Operation nodes: no variables, no masks, no casts.
constexpr TableRow kOperations[] = {
    {"Absolute", unary_operation, nullptr, drop, false},
    {"Add", binary_operation, nullptr, drop, false},
    {"All", reduce_operation, nullptr, drop, false},
    {"Any", reduce_operation, nullptr, drop, false},
    {"Cast", cast_operation, nullptr, drop, false},
    {"Concatenate", concatenate_operation, nullptr, drop, false},
    {"Divide", binary_operation, nullptr, drop, false},
    {"Equal", binary_operation, nullptr, drop, false},
    {"Exp", unary_operation, nullptr, drop, false},
    {"ExpandDims", expand_dims_operation, nullptr, drop, false},
    {"Greater", binary_operation, nullptr, drop, false},
    {"GreaterEqual", binary_operation, nullptr, drop, false},
    {"Less", binary_operation, nullptr, drop, false},
    {"LessEqual", binary_operation, nullptr, drop, false},
    {"Log", unary_operation, nullptr, drop, false},
    {"LogicalAnd", binary_operation, nullptr, drop, false},
    {"LogicalNot", unary_operation, nullptr, drop, false},
    {"LogicalOr", binary_operation, nullptr, drop, false},
    {"Max", reduce_operation, nullptr, drop, false},
    {"Maximum", binary_operation, nullptr, drop, false},
    {"Mean", reduce_operation, nullptr, drop, false},
    {"Min", reduce_operation, nullptr, drop, false},
    {"Minimum", binary_operation, nullptr, drop, false},
    {"Multiply", binary_operation, nullptr, drop, false},
    {"Negative", unary_operation, nullptr, drop, false},
    {"NotEqual", binary_operation, nullptr, drop, false},
    {"OnesLike", like_operation, nullptr, drop, false},
    {"Power", binary_operation, nullptr, drop, false},
    {"Relu", unary_operation, nullptr, drop, false},
    {"Sigmoid", unary_operation, nullptr, drop, false},
    {"Sqrt", unary_operation, nullptr, drop, false},
    {"Square", unary_operation, nullptr, drop, false},
    {"Squeeze", squeeze_operation, nullptr, drop, false},
    {"Subtract", binary_operation, nullptr, drop, false},
    {"Sum", reduce_operation, nullptr, drop, false},
    {"Tanh", unary_operation, nullptr, drop, false},
    {"TrueDivide", binary_operation, nullptr, drop, false},
    {"Where", where_operation, nullptr, drop, false},
    {"ZerosLike", like_operation, nullptr, drop, false},
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
std::span<const TableRow> operation_table() { return kOperations; }

const TableRow* find_row(const LayerConfig& layer) {
  static constexpr TableRow kCustom{"", import_custom, declare_custom, own};
  if (layer.custom != nullptr) return &kCustom;
  return find_in(layer.operation ? operation_table() : layer_table(), layer.class_name);
}

}  // namespace thaw::keras

namespace thaw {
namespace {

std::vector<std::string> class_names(std::span<const keras::TableRow> rows) {
  std::vector<std::string> names;
  for (const keras::TableRow& row : rows) names.emplace_back(row.class_name);
  return names;
}

}  // namespace

std::vector<std::string> supported_keras_layers() { return class_names(keras::layer_table()); }
std::vector<std::string> supported_keras_operations() {
  return class_names(keras::operation_table());
}

}  // namespace thaw
