// Every layer class that Keras 1, 2 and 3 have, base classes aside.
#include "loaders/keras/layers/image_preprocessing.h"
#include "loaders/keras/table.h"
#include "loaders/load.h"

namespace thaw::keras {
namespace {

constexpr unsigned k1 = 1, k2 = 2, k3 = 4;

constexpr const char* kLambda =
    "Python code is never executed: register a function by the layer's name, or export a "
    "SavedModel";
constexpr const char* kForeign = "code of another framework: export a SavedModel";
constexpr const char* kDynamic =
    "tf.keras does not load what it saves of it (the class has no name there): export a SavedModel";

struct Name {
  const char* name;
  unsigned generations;
  const char* refused = nullptr;
};

constexpr Name kNames[] = {
    {"Activation", k1 | k2 | k3},
    {"ActivityRegularization", k1 | k2 | k3},
    {"AdaptiveAveragePooling1D", k3},
    {"AdaptiveAveragePooling2D", k3},
    {"AdaptiveAveragePooling3D", k3},
    {"AdaptiveMaxPooling1D", k3},
    {"AdaptiveMaxPooling2D", k3},
    {"AdaptiveMaxPooling3D", k3},
    {"Add", k2 | k3},
    {"AdditiveAttention", k2 | k3},
    {"AlphaDropout", k2 | k3},
    {"AtrousConvolution1D", k1},
    {"AtrousConvolution2D", k1},
    {"Attention", k2 | k3},
    {"AugMix", k3},
    {"AutoContrast", k3},
    {"Average", k2 | k3},
    {"AveragePooling1D", k1 | k2 | k3},
    {"AveragePooling2D", k1 | k2 | k3},
    {"AveragePooling3D", k1 | k2 | k3},
    {"AvgPool1D", k2 | k3},
    {"AvgPool2D", k2 | k3},
    {"AvgPool3D", k2 | k3},
    {"BatchNormalization", k1 | k2 | k3},
    {"Bidirectional", k1 | k2 | k3},
    {"CategoryEncoding", k2 | k3},
    {"CenterCrop", k2 | k3},
    {"Concatenate", k2 | k3},
    {"ContrastLimitedAdaptiveHistogramEqualization", k3},
    {"Conv1D", k2 | k3},
    {"Conv1DTranspose", k2 | k3},
    {"Conv2D", k2 | k3},
    {"Conv2DTranspose", k2 | k3},
    {"Conv3D", k2 | k3},
    {"Conv3DTranspose", k2 | k3},
    {"ConvLSTM1D", k2 | k3},
    {"ConvLSTM2D", k1 | k2 | k3},
    {"ConvLSTM3D", k2 | k3},
    {"Convolution1D", k1 | k2 | k3},
    {"Convolution1DTranspose", k2 | k3},
    {"Convolution2D", k1 | k2 | k3},
    {"Convolution2DTranspose", k2 | k3},
    {"Convolution3D", k1 | k2 | k3},
    {"Convolution3DTranspose", k2 | k3},
    {"Cropping1D", k1 | k2 | k3},
    {"Cropping2D", k1 | k2 | k3},
    {"Cropping3D", k1 | k2 | k3},
    {"CuDNNGRU", k2},
    {"CuDNNLSTM", k2},
    {"CutMix", k3},
    {"Deconvolution2D", k1},
    {"Dense", k1 | k2 | k3},
    {"DenseFeatures", k2},
    {"DepthwiseConv1D", k2 | k3},
    {"DepthwiseConv2D", k2 | k3},
    {"Discretization", k2 | k3},
    {"Dot", k2 | k3},
    {"Dropout", k1 | k2 | k3},
    {"DynamicEmbedding", k2, kDynamic},
    {"DynamicLookup", k2, kDynamic},
    {"ELU", k1 | k2 | k3},
    {"EinsumDense", k2 | k3},
    {"Embedding", k1 | k2 | k3},
    {"Equalization", k3},
    {"Flatten", k1 | k2 | k3},
    {"FlaxLayer", k3, kForeign},
    {"GRU", k1 | k2 | k3},
    {"GRUCell", k2 | k3},
    {"GaussianDropout", k1 | k2 | k3},
    {"GaussianNoise", k1 | k2 | k3},
    {"GlobalAveragePooling1D", k1 | k2 | k3},
    {"GlobalAveragePooling2D", k1 | k2 | k3},
    {"GlobalAveragePooling3D", k1 | k2 | k3},
    {"GlobalAvgPool1D", k2 | k3},
    {"GlobalAvgPool2D", k2 | k3},
    {"GlobalAvgPool3D", k2 | k3},
    {"GlobalMaxPool1D", k2 | k3},
    {"GlobalMaxPool2D", k2 | k3},
    {"GlobalMaxPool3D", k2 | k3},
    {"GlobalMaxPooling1D", k1 | k2 | k3},
    {"GlobalMaxPooling2D", k1 | k2 | k3},
    {"GlobalMaxPooling3D", k1 | k2 | k3},
    {"GroupNormalization", k2 | k3},
    {"GroupQueryAttention", k3},
    {"HashedCrossing", k2 | k3},
    {"Hashing", k2 | k3},
    {"Highway", k1},
    {"Identity", k2 | k3},
    {"InputLayer", k1 | k2 | k3},
    {"IntegerLookup", k2 | k3},
    {"JaxLayer", k3, kForeign},
    {"LSTM", k1 | k2 | k3},
    {"LSTMCell", k2 | k3},
    {"Lambda", k1 | k2 | k3, kLambda},
    {"LayerNormalization", k2 | k3},
    {"LeakyReLU", k1 | k2 | k3},
    {"LinearModel", k2},
    {"LocallyConnected1D", k1 | k2},
    {"LocallyConnected2D", k1 | k2},
    {"Masking", k1 | k2 | k3},
    {"MaxNumBoundingBoxes", k3},
    {"MaxPool1D", k2 | k3},
    {"MaxPool2D", k2 | k3},
    {"MaxPool3D", k2 | k3},
    {"MaxPooling1D", k1 | k2 | k3},
    {"MaxPooling2D", k1 | k2 | k3},
    {"MaxPooling3D", k1 | k2 | k3},
    {"Maximum", k2 | k3},
    {"MaxoutDense", k1},
    {"MelSpectrogram", k3},
    {"Merge", k1},
    {"Minimum", k2 | k3},
    {"MixUp", k3},
    {"MultiHeadAttention", k2 | k3},
    {"Multiply", k2 | k3},
    {"Normalization", k2 | k3},
    {"PReLU", k1 | k2 | k3},
    {"ParametricSoftplus", k1},
    {"Permute", k1 | k2 | k3},
    {"Pipeline", k3},
    {"RMSNormalization", k3},
    {"RNN", k2 | k3},
    {"RandAugment", k3},
    {"RandomBrightness", k2 | k3},
    {"RandomColorDegeneration", k3},
    {"RandomColorJitter", k3},
    {"RandomContrast", k2 | k3},
    {"RandomCrop", k2 | k3},
    {"RandomElasticTransform", k3},
    {"RandomErasing", k3},
    {"RandomFlip", k2 | k3},
    {"RandomFourierFeatures", k2},
    {"RandomGaussianBlur", k3},
    {"RandomGrayscale", k3},
    {"RandomHeight", k2},
    {"RandomHue", k3},
    {"RandomInvert", k3},
    {"RandomPerspective", k3},
    {"RandomPosterization", k3},
    {"RandomRotation", k2 | k3},
    {"RandomSaturation", k3},
    {"RandomSharpness", k3},
    {"RandomShear", k3},
    {"RandomTranslation", k2 | k3},
    {"RandomWidth", k2},
    {"RandomZoom", k2 | k3},
    {"ReLU", k2 | k3},
    {"RepeatVector", k1 | k2 | k3},
    {"Rescaling", k2 | k3},
    {"Reshape", k1 | k2 | k3},
    {"Resizing", k2 | k3},
    {"ReversibleEmbedding", k3},
    {"SReLU", k1},
    {"STFTSpectrogram", k3},
    {"SeparableConv1D", k2 | k3},
    {"SeparableConv2D", k2 | k3},
    {"SeparableConvolution1D", k2 | k3},
    {"SeparableConvolution2D", k1 | k2 | k3},
    {"SequenceFeatures", k2},
    {"SimpleRNN", k1 | k2 | k3},
    {"SimpleRNNCell", k2 | k3},
    {"Softmax", k2 | k3},
    {"Solarization", k3},
    {"SpatialDropout1D", k1 | k2 | k3},
    {"SpatialDropout2D", k1 | k2 | k3},
    {"SpatialDropout3D", k1 | k2 | k3},
    {"SpectralNormalization", k2 | k3},
    {"StackedRNNCells", k2 | k3},
    {"StringLookup", k2 | k3},
    {"Subtract", k2 | k3},
    {"SyncBatchNormalization", k2},
    {"TFSMLayer", k3},
    {"TextVectorization", k2 | k3},
    {"ThresholdedReLU", k1 | k2},
    {"TimeDistributed", k1 | k2 | k3},
    {"TimeDistributedDense", k1},
    {"TorchModuleWrapper", k3, kForeign},
    {"UnitNormalization", k2 | k3},
    {"UpSampling1D", k1 | k2 | k3},
    {"UpSampling2D", k1 | k2 | k3},
    {"UpSampling3D", k1 | k2 | k3},
    {"WideDeepModel", k2},
    {"ZeroPadding1D", k1 | k2 | k3},
    {"ZeroPadding2D", k1 | k2 | k3},
    {"ZeroPadding3D", k1 | k2 | k3},
};

/// The class that reads a name of any generation.
std::string todays_name(const char* name) {
  LayerConfig layer;
  layer.class_name = layer.file_class = name;
  modernise(layer, Writer{});
  return layer.class_name;
}

bool is_inert(const TableRow& row) { return row.import == identity || row.import == augmentation; }

}  // namespace
}  // namespace thaw::keras

namespace thaw {

std::vector<SupportedLayer> supported_keras_layers() {
  using Status = SupportedLayer::Status;
  std::vector<SupportedLayer> layers;
  for (const keras::Name& entry : keras::kNames) {
    SupportedLayer layer{entry.name,
                         (entry.generations & keras::k1) != 0,
                         (entry.generations & keras::k2) != 0,
                         (entry.generations & keras::k3) != 0,
                         Status::refused,
                         ""};
    keras::LayerConfig config;
    config.class_name = keras::todays_name(entry.name);
    const keras::TableRow* row = keras::find_row(config);
    if (row != nullptr || config.class_name == "InputLayer") {
      const bool inert = row == nullptr || keras::is_inert(*row);
      layer.status = inert ? Status::inert : Status::supported;
      if (config.class_name != entry.name) layer.note = "read as " + config.class_name;
    } else if (entry.refused != nullptr) {
      layer.note = entry.refused;
    }
    layers.push_back(std::move(layer));
  }
  return layers;
}

}  // namespace thaw
