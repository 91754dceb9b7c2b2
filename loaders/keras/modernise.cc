// Class and argument names of Keras 1 and aliases, translated to today's.
#include <algorithm>
#include <initializer_list>
#include <map>
#include <string>

#include "loaders/keras/config.h"

namespace thaw::keras {
namespace {

const std::map<std::string, std::string>& class_aliases() {
  static const std::map<std::string, std::string> aliases = {
      {"Convolution1D", "Conv1D"},
      {"Convolution2D", "Conv2D"},
      {"Convolution3D", "Conv3D"},
      {"Convolution1DTranspose", "Conv1DTranspose"},
      {"Convolution2DTranspose", "Conv2DTranspose"},
      {"Convolution3DTranspose", "Conv3DTranspose"},
      {"Deconvolution2D", "Conv2DTranspose"},
      {"Deconvolution3D", "Conv3DTranspose"},
      {"SeparableConvolution1D", "SeparableConv1D"},
      {"SeparableConvolution2D", "SeparableConv2D"},
      {"AtrousConvolution1D", "Conv1D"},
      {"AtrousConvolution2D", "Conv2D"},
      {"TimeDistributedDense", "Dense"},
      {"MaxPool1D", "MaxPooling1D"},
      {"MaxPool2D", "MaxPooling2D"},
      {"MaxPool3D", "MaxPooling3D"},
      {"AvgPool1D", "AveragePooling1D"},
      {"AvgPool2D", "AveragePooling2D"},
      {"AvgPool3D", "AveragePooling3D"},
      {"GlobalMaxPool1D", "GlobalMaxPooling1D"},
      {"GlobalMaxPool2D", "GlobalMaxPooling2D"},
      {"GlobalMaxPool3D", "GlobalMaxPooling3D"},
      {"GlobalAvgPool1D", "GlobalAveragePooling1D"},
      {"GlobalAvgPool2D", "GlobalAveragePooling2D"},
      {"GlobalAvgPool3D", "GlobalAveragePooling3D"},
      {"BatchNormalizationV1", "BatchNormalization"},
      {"BatchNormalizationV2", "BatchNormalization"},
      {"SyncBatchNormalization", "BatchNormalization"},
      {"GroupQueryAttention", "GroupedQueryAttention"},
      {"LSTMV2", "LSTM"},
      {"GRUV2", "GRU"},
      {"UnifiedLSTM", "LSTM"},
      {"UnifiedGRU", "GRU"}};
  return aliases;
}

// Old argument -> today's, where the class does not matter.
constexpr std::pair<const char*, const char*> kRenames[] = {
    {"init", "kernel_initializer"},
    {"inner_init", "recurrent_initializer"},
    {"inner_activation", "recurrent_activation"},
    {"W_regularizer", "kernel_regularizer"},
    {"b_regularizer", "bias_regularizer"},
    {"U_regularizer", "recurrent_regularizer"},
    {"W_constraint", "kernel_constraint"},
    {"b_constraint", "bias_constraint"},
    {"bias", "use_bias"},
    {"p", "rate"},
    {"nb_filter", "filters"},
    {"filter_length", "kernel_size"},
    {"subsample", "strides"},
    {"subsample_length", "strides"},
    {"border_mode", "padding"},
    {"pool_length", "pool_size"},
    {"stride", "strides"},
    {"sigma", "stddev"},
    {"dropout_W", "dropout"},
    {"dropout_U", "recurrent_dropout"},
    {"atrous_rate", "dilation_rate"},
    {"batch_input_shape", "batch_shape"}};

bool one_of(const std::string& name, std::initializer_list<const char*> names) {
  return std::any_of(names.begin(), names.end(), [&](const char* item) { return name == item; });
}

class Renamer {
 public:
  explicit Renamer(Json::Object members) : members_(std::move(members)) {}

  const Json* find(const std::string& key) const {
    for (const auto& [name, value] : members_) {
      if (name == key) return &value;
    }
    return nullptr;
  }
  void rename(const std::string& from, const std::string& to) {
    if (find(to) != nullptr) return;
    for (auto& [name, value] : members_) {
      if (name == from) name = to;
    }
  }
  void set(const std::string& key, Json value) {
    if (find(key) == nullptr) members_.emplace_back(key, std::move(value));
  }
  // Several old scalar arguments become one list.
  void gather(std::initializer_list<const char*> from, const std::string& to) {
    Json::Array list;
    for (const char* key : from) {
      const Json* value = find(key);
      if (value == nullptr) return;
      list.push_back(*value);
    }
    set(to, Json(std::move(list)));
  }
  Json take() { return Json(std::move(members_)); }

 private:
  Json::Object members_;
};

void rename_dim_ordering(Renamer& config) {
  const Json* ordering = config.find("dim_ordering");
  if (ordering == nullptr || !ordering->is_string()) return;
  const std::string value = ordering->string();  // set() moves the members
  if (value == "tf") config.set("data_format", Json(std::string("channels_last")));
  if (value == "th") config.set("data_format", Json(std::string("channels_first")));
}

// Keras 1 also took one number per side: a dictionary, or a list of four for an image.
void rename_padding(Renamer& config) {
  const Json* padding = config.find("padding");
  if (padding == nullptr) return;
  const auto side = [&](const char* key) {
    const Json* value = padding->find(key);
    return value != nullptr ? *value : Json(std::int64_t{0});
  };
  const auto pair = [](const Json& a, const Json& b) { return Json(Json::Array{a, b}); };
  Json modern;
  if (padding->is_object() && list_of(*padding) == nullptr) {
    const Json columns = pair(side("left_pad"), side("right_pad"));
    const bool image =
        padding->find("top_pad") != nullptr || padding->find("bottom_pad") != nullptr;
    modern = image ? pair(pair(side("top_pad"), side("bottom_pad")), columns) : columns;
  } else if (const Json::Array* list = list_of(*padding); list != nullptr && list->size() == 4) {
    modern = pair(pair((*list)[0], (*list)[1]), pair((*list)[2], (*list)[3]));
  } else {
    return;
  }
  config.rename("padding", "keras1_padding");
  config.set("padding", std::move(modern));
}

// Keras 1 fixed these choices, Keras 2 made them arguments with other defaults.
void keras1_defaults(const std::string& class_name, Renamer& config) {
  if (one_of(class_name, {"LSTM", "GRU"})) {
    config.set("recurrent_activation", Json(std::string("hard_sigmoid")));
  }
  if (class_name == "GRU") config.set("reset_after", Json(false));
}

}  // namespace

void modernise(LayerConfig& layer, const Writer& writer) {
  // "keras.layers>Dense"-like prefixes of registered built-in layers do not occur; custom packages
  // stay as they are.
  if (const auto alias = class_aliases().find(layer.class_name); alias != class_aliases().end()) {
    layer.class_name = alias->second;
    // Keras 3 exports this class under another name than its own, which its weights are filed by.
    if (layer.file_class == "GroupQueryAttention") layer.file_class = alias->second;
  }
  if (!layer.config.is_object()) return;
  const std::string& name = layer.class_name;
  Renamer config(layer.config.object());
  if (layer.class_name == "InputLayer") {
    config.rename("batch_input_shape", "batch_shape");
    config.rename("input_dtype", "dtype");
    layer.config = config.take();
    return;
  }
  // Arguments of custom layers are their own business; operations have none of these.
  for (const auto& [from, to] : kRenames) {
    // The alpha-dropout-like `p` and the graph convolution's `stride` are safe: today's layers have
    // no such names.
    if (std::string_view(to) != "batch_shape") config.rename(from, to);
  }
  if (one_of(name, {"Dense", "LSTM", "GRU", "SimpleRNN"}) && config.find("units") == nullptr) {
    config.rename("output_dim", "units");
  }
  if (one_of(name, {"Conv2D", "Conv2DTranspose", "SeparableConv2D", "LocallyConnected2D",
                    "ConvLSTM2D"})) {
    config.gather({"nb_row", "nb_col"}, "kernel_size");
  }
  config.gather({"kernel_dim1", "kernel_dim2", "kernel_dim3"}, "kernel_size");
  if (name == "UpSampling1D") config.rename("length", "size");
  if (one_of(name, {"ZeroPadding1D", "ZeroPadding2D"})) rename_padding(config);
  rename_dim_ordering(config);
  if (writer.major == 1) keras1_defaults(name, config);
  layer.config = config.take();
}

}  // namespace thaw::keras
