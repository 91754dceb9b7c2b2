// What TensorFlow functions between Keras layers say of arguments that do not fit: one row per
// message.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/loaders/keras/keras_testing.h"

namespace thaw::testing {
namespace {

using ::testing::HasSubstr;

struct Row {
  const char* function;
  Source x;
  const char* arguments;  // beside x
  const char* message;
  Source y = {"[2, 2, 5, 4]"};
};

void check(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    const std::string model = functional(
        input_layer("x", row.x) + "," + input_layer("y", row.y) +
            ",{'class_name': 'TFOpLambda', 'name': 'f', 'inbound_nodes': [['x', 0, 0, {" +
            row.arguments + "}]], 'config': {'name': 'f', 'trainable': true, 'function': '" +
            row.function + "'}}",
        "[['x', 0, 0], ['y', 0, 0]]", "[['f', 0, 0]]");
    const std::string message = import_message(model, "2.15.0");
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

TEST(FunctionMessages, ImageArguments) {
  const Source wide{"[null, 4, 4, 3]", "int32"};
  check({
      {"compat.v1.image.resize", kImages, "'size': [2, 2], 'method': 4",
       "method is 4, expected 0 to 3"},
      {"image.rgb_to_grayscale", wide, "", "images of int32"},
      {"image.adjust_brightness", wide, "'delta': 0.5", "images of int32"},
      {"image.adjust_contrast", wide, "'contrast_factor': 0.5", "images of int32"},
      {"image.adjust_gamma", wide, "'gamma': 0.5", "images of int32"},
      {"image.central_crop", kImages, "'central_fraction': 1.5",
       "central_fraction is 1.5, expected a number in (0, 1]"},
      {"image.central_crop",
       {"[null, null, null, 3]"},
       "'central_fraction': 0.5",
       "images of unknown size"},
  });
}

TEST(FunctionMessages, Operands) {
  const Source rows{"[null, 2]"}, whole{"[null]", "int32"};
  check({
      {"linalg.matmul", rows, "'b': ['y', 0, 0], 'a_is_sparse': true", "sparse operands"},
      {"tensordot", rows, "'b': ['y', 0, 0], 'axes': 9", "axes is 9, out of range"},
      {"tensordot", rows, "'b': ['y', 0, 0], 'axes': [[0], [0], [0]]",
       "axes must be a number or two lists"},
      {"tensordot", rows, "'b': ['y', 0, 0], 'axes': [[0], [0, 1]]",
       "axes holds lists of different lengths"},
      {"einsum", rows, "'inputs': []", "a file without einsum's operands"},
      {"math.bincount", whole, "'binary_output': true", "axis and binary_output"},
      {"cast", rows, "", "dtype is missing"},
      {"math.add", rows, "'y': ['y', 0, 0]", "operands of types float32 and int32", whole},
      {"dynamic_stitch", whole, "'data': []", "an empty list of tensors"},
      {"batch_to_space", kImages, "'crops': [[0, 0], [0, 0]]", "argument block_shape is missing"},
  });
}

TEST(FunctionMessages, Signals) {
  const Source signal{"[null, 9]"}, whole{"[null, 9]", "int32"};
  check({
      {"signal.frame", signal, "'frame_length': 0, 'frame_step': 1",
       "frame_length is 0, out of range"},
      {"signal.frame", signal, "'frame_step': 1", "frame_length is missing, expected an integer"},
      {"signal.frame", signal, "'frame_length': ['y', 0, 0], 'frame_step': 1",
       "frame_length is computed at run time"},
      {"signal.overlap_and_add",
       {"[null]"},
       "'frame_step': 1",
       "expected frames, found a tensor of 1 dimensions"},
      {"signal.overlap_and_add",
       {"[null, 3, null]"},
       "'frame_step': 1",
       "frames of unknown length"},
      {"signal.stft",
       {"[]"},
       "'frame_length': 4, 'frame_step': 2",
       "expected a signal, found a scalar"},
      {"signal.stft", signal, "'frame_length': 4, 'frame_step': 2, 'window_fn': 'my_window'",
       "window_fn=my_window, a Python function"},
      {"signal.dct", whole, "", "a cosine transform of int32"},
      {"signal.dct", signal, "'type': 5", "type is 5, expected 1 to 4"},
      {"signal.dct", signal, "'axis': 0", "an axis that is not -1"},
      {"signal.dct", signal, "'norm': 'forward'", "norm=forward"},
      {"signal.dct", signal, "'norm': 'ortho', 'type': 1", "norm='ortho' with type=1"},
      {"signal.dct",
       {"[null, 1]"},
       "'type': 1",
       "a cosine transform of the first kind of 1 elements"},
      {"signal.mdct", signal, "'frame_length': 6", "frame_length is 6, no multiple of 4"},
      {"signal.inverse_mdct", {"[null, 2, 3]"}, "", "3 bins, expected an even number"},
      {"signal.hann_window", whole, "'dtype': 'float16'", "a window of float16"},
  });
}

}  // namespace
}  // namespace thaw::testing
