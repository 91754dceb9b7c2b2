// What TensorFlow functions between Keras layers say of arguments that do not fit: one row per
// message.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/loaders/keras/keras_testing.h"

namespace thaw::testing {
namespace {

using ::testing::HasSubstr;

struct Source {
  const char* shape;
  const char* dtype = "float32";
};

struct Row {
  const char* function;
  Source x;
  const char* arguments;  // beside x
  const char* message;
  Source y = {"[2, 2, 5, 4]"};
};

std::string input(const std::string& name, const Source& source) {
  return "{'class_name': 'InputLayer', 'name': '" + name +
         "', 'inbound_nodes': [], 'config': {'name': '" + name +
         "', 'batch_input_shape': " + source.shape + ", 'dtype': '" + source.dtype + "'}}";
}

void check(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    const std::string model = functional(
        input("x", row.x) + "," + input("y", row.y) +
            ",{'class_name': 'TFOpLambda', 'name': 'f', 'inbound_nodes': [['x', 0, 0, {" +
            row.arguments + "}]], 'config': {'name': 'f', 'trainable': true, 'function': '" +
            row.function + "'}}",
        "[['x', 0, 0], ['y', 0, 0]]", "[['f', 0, 0]]");
    MemoryH5 file;
    file.lists[""]["layer_names"] = {};
    std::string message;
    try {
      import_of(config_of(model, "2.15.0"), file);
    } catch (const Error& error) {
      message = error.what();
    }
    EXPECT_THAT(message, HasSubstr(row.message)) << row.function << " " << row.arguments;
    EXPECT_THAT(message, HasSubstr("'f'")) << "the layer is not named";
  }
}

const Source kImages{"[null, 4, 4, 3]"};
const Source kSizes{"[null]", "int32"};

TEST(FunctionMessages, Images) {
  const char* const size = "'target_height': 4, 'target_width': 4";
  check({
      {"image.resize_with_pad", {"[null, null, null, 3]"}, size, "images of unknown size"},
      {"image.resize_with_pad", {"[null, 0, 4, 3]"}, size, "an empty image"},
      {"image.resize_with_pad", kImages, "'target_height': 4, 'target_width': 4, 'method': 1",
       "a method by its number"},
      {"image.resize_with_crop_or_pad", kImages, "'target_height': 0, 'target_width': 4",
       "target_height is out of range"},
      {"image.pad_to_bounding_box", kImages,
       "'offset_height': 2, 'offset_width': 2, 'target_height': 4, 'target_width': 4",
       "the image does not fit its frame"},
      {"image.pad_to_bounding_box", kImages,
       "'offset_height': 9, 'offset_width': 2, 'target_height': 8, 'target_width': 8",
       "the offset is out of range"},
      {"image.convert_image_dtype",
       {"[null, 4, 4, 3]", "int32"},
       "'dtype': 'float32'",
       "images of int32"},
      {"image.convert_image_dtype",
       {"[null, 4, 4, 3]", "uint8"},
       "'dtype': 'int16'",
       "whole images in another whole type"},
  });
}

TEST(FunctionMessages, Windows) {
  check({
      {"nn.conv2d", kImages, "'filters': ['y', 0, 0], 'strides': 1, 'padding': 'SAME'",
       "the kernel does not fit the channels"},
      {"nn.conv2d",
       {"[null, 4, 4, 5]"},
       "'filters': ['y', 0, 0], 'strides': [2, 2, 2, 2], 'padding': 'SAME'",
       "a window over batch or channels"},
      {"nn.conv2d",
       {"[null, 4, 4, 5]"},
       "'filters': ['y', 0, 0], 'strides': [1, 1, 1], 'padding': 'SAME'",
       "strides has another rank"},
      {"nn.conv2d",
       {"[null, 4, 4, 5]"},
       "'filters': ['y', 0, 0], 'strides': [1, 0, 0, 1], 'padding': 'SAME'",
       "strides is out of range"},
      {"nn.conv2d",
       {"[null, 4, 4, 5]"},
       "'filters': ['y', 0, 0], 'strides': 1, 'padding': [[0, 0]]",
       "padding must be a name or two widths per axis"},
      {"nn.conv2d",
       {"[null, 4, 5]"},
       "'filters': ['y', 0, 0], 'strides': 1, 'padding': 'SAME'",
       "an input of another rank"},
      {"nn.depthwise_conv2d", kImages, "'filter': ['y', 0, 0], 'strides': 1, 'padding': 'SAME'",
       "the kernel does not fit the channels"},
      {"nn.pool", kImages,
       "'window_shape': [2, 2], 'pooling_type': 'MAX', 'padding': 'VALID', 'dilations': [2, 2]",
       "dilated pooling"},
  });
}

TEST(FunctionMessages, ShapesAndOrder) {
  const Source rows{"[null, 2]"};
  check({
      {"strided_slice", rows, "'begin': ['y', 0, 0], 'end': [1]", "an unknown number of axes",
       kSizes},
      {"linspace", rows, "'stop': 5.0, 'num': 0", "num is out of range"},
      {"linspace", {"[null, 2]", "int32"}, "'stop': 5, 'num': 3", "integer steps"},
      {"sort", rows, "'direction': 'UP'", "direction=UP"},
      {"searchsorted", rows, "'values': ['y', 0, 0]",
       "sorted_sequence and values differ in dimensions"},
      {"unstack", rows, "'axis': 0", "an axis of unknown or absurd size"},
      {"split", rows, "'num_or_size_splits': 0", "a split into 0 parts"},
      {"split", rows, "'num_or_size_splits': ['y', 0, 0]", "an unknown number of parts", kSizes},
      {"repeat", rows, "'repeats': [1, 2, 3], 'axis': 1",
       "repeats of another length than the axis"},
      {"repeat", rows, "'repeats': [-1, 1], 'axis': 1", "repeats out of range"},
  });
}

}  // namespace
}  // namespace thaw::testing
