// What operations of Keras 3 between layers say of arguments that do not fit: one row per message.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/loaders/keras/keras_testing.h"

namespace thaw::testing {
namespace {

using ::testing::HasSubstr;

struct Row {
  const char* operation;
  Source x;
  std::string config;  // "'key': value"
  const char* message;
  std::string arguments = "X";  // of the call; X and Y stand for the inputs
  Source y = {"[null, 2]"};
};

std::string arguments_of(const Row& row) {
  std::string text;
  for (const char c : row.arguments) {
    if (c != 'X' && c != 'Y') {
      text += c;
      continue;
    }
    const Source& source = c == 'X' ? row.x : row.y;
    text += "{'class_name': '__keras_tensor__', 'config': {'shape': " + source.shape +
            ", 'dtype': '" + source.dtype + "', 'keras_history': ['" + (c == 'X' ? "x" : "y") +
            "', 0, 0]}}";
  }
  return text;
}

void check(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    const std::string more = row.config.empty() ? "" : ", " + row.config;
    const std::string model =
        functional(input_layer("x", row.x) + "," + input_layer("y", row.y) +
                       ",{'module': 'keras.src.ops.numpy', 'class_name': '" + row.operation +
                       "', 'name': 'f', 'inbound_nodes': [{'args': [" + arguments_of(row) +
                       "], 'kwargs': {}}], 'config': {'name': 'f'" + more + "}}",
                   "[['x', 0, 0], ['y', 0, 0]]", "[['f', 0, 0]]");
    const std::string message = import_message(model, "3.15.1");
    EXPECT_THAT(message, HasSubstr(row.message)) << row.operation << " " << row.config;
    EXPECT_THAT(message, HasSubstr("'f'")) << "the operation is not named";
  }
}

const Source kRows{"[null, 2]"};
const Source kLine{"[null]"};
const Source kBools{"[null, 2]", "bool"};
const Source kImages{"[null, 4, 4, 3]"};
const Source kOpen{"[null, null, null, null]"};
const Source kText{"[null, 2]", "string"};

std::string repeated(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += (i == 0 ? "" : ", ") + text;
  return all;
}

TEST(OperationMessages, Arguments) {
  check({
      {"Clip", kRows, "'x_min': 'a', 'x_max': 1", "a string among numbers"},
      {"Absolute", kRows, "", "an argument that is no tensor", "{'a': X}"},
      {"Concatenate", kRows, "'xs': []", "xs holds no tensor", ""},
      {"Pad", kRows, "'pad_width': 1, 'mode': 3", "mode is no string"},
      {"Bincount", {"[null]", "int32"}, "'sparse': true", "sparse=True"},
      {"Add", kText, "", "arithmetic of type string", "X, Y", kText},
      {"GetItem", kRows, "", "called without a key"},
      {"GetItem", kRows, "", "so many indices", "X, [" + repeated("0", 33) + "]"},
      {"GetItem", kRows, "", "two ellipses in one index",
       "X, [{'class_name': '__ellipsis__', 'config': {}}, "
       "{'class_name': '__ellipsis__', 'config': {}}]"},
      {"Reshape", kRows, "", "newshape is missing"},
      {"ExpandDims", kRows, "", "axis is missing"},
      {"Split", kRows, "", "argument indices_or_sections is missing"},
      {"Select", kBools, "", "argument choicelist is missing", "[X, Y]", kBools},
      {"Select", kBools, "'choicelist': [1]", "2 conditions for 1 choices", "[X, Y]", kBools},
      {"Arange", kRows, "", "start is missing", "null"},
  });
}

TEST(OperationMessages, Elements) {
  check({
      {"Less", kBools, "", "an order of bools", "X, Y", kBools},
      {"BitwiseAnd", kBools, "", "bits of bools", "X, Y", kBools},
      {"Sign", kBools, "", "the sign of a bool"},
      {"Where", kBools, "", "a single argument, whose result has as many elements as are true"},
      {"SaturateCast", {"[null]", "float16"}, "'dtype': 'int16'", "a saturating cast of float16"},
      {"ConvertToTensor", kRows, "'ragged': true", "ragged tensors"},
      {"View", {"[]"}, "'dtype': 'int8'", "a scalar cannot be viewed as a type of another size"},
      {"View",
       {"[null, 3]", "int16"},
       "'dtype': 'int32'",
       "the last dimension, 3, does not fit int32"},
      {"Diff", kRows, "'n': -1", "n is -1, expected 0 to 1000"},
  });
}

TEST(OperationMessages, CountsAndOrder) {
  const Source ids{"[null]", "int32"};
  check({
      {"Bincount", {"[null, 2, 2]", "int32"}, "", "x has 3 dimensions, expected one or two"},
      {"Histogram", kRows, "'bins': 0", "bins is 0, out of range"},
      {"Histogram", kRows, "'range': [1, 2, 3]", "range must be two numbers"},
      {"SegmentMax", kRows, "'num_segments': -2", "num_segments is -2, out of range", "X, Y", ids},
      {"SegmentSum", kRows, "'num_segments': 3, 'sorted': true",
       "num_segments cannot be set when sorted is True", "X, Y", ids},
      {"Unique", kRows, "'axis': 0", "distinct slices along an axis"},
      {"Unique", kLine, "'size': -1", "size is -1, out of range"},
      {"TopK", kRows, "'k': -1", "k is -1, out of range"},
      {"Percentile", kRows, "'q': 0.5, 'method': 'inverted_cdf'", "method=inverted_cdf"},
      {"CTCDecode", {"[null, 4, 5]"}, "'strategy': 'magic'", "strategy='magic'", "X, Y", ids},
      {"CTCDecode",
       {"[null, 4, 5]"},
       "'strategy': 'beam_search', 'mask_index': -1",
       "mask_index=-1 of a beam search",
       "X, Y",
       ids},
  });
}

TEST(OperationMessages, Matrices) {
  const Source cube{"[null, 2, 2]"};
  const Source many{"[" + repeated("1", 26) + "]"};
  check({
      {"Diag", kRows, "'k': 99999999", "k is 99999999, out of range"},
      {"Diag", cube, "", "x has 3 dimensions, expected one or two"},
      {"Diagonal", kRows, "'axis1': 1, 'axis2': -1", "axis1 and axis2 are the same"},
      {"Triu", kLine, "", "x must have two dimensions or more"},
      {"Norm", kRows, "'ord': 'fro', 'axis': 1", "ord is no norm of vectors"},
      {"Matmul", {"[]"}, "", "a scalar in a matrix product", "X, Y"},
      {"Tensordot", kRows, "'axes': 9", "axes is 9, out of range", "X, Y"},
      {"Tensordot", kRows, "'axes': [[0], [0], [0]]", "axes must be a number or two lists", "X, Y"},
      {"Tensordot", kRows, "'axes': [[0], [0, 1]]", "axes holds lists of different lengths",
       "X, Y"},
      {"Tensordot", many, "'axes': 0", "a contraction of so many dimensions", "X, Y", many},
      {"Cross", {"[null, 4]"}, "", "vectors of other or unknown lengths than 2 and 3", "X, Y"},
      {"Vander", kLine, "", "as many columns as an axis of unknown size"},
      {"Corrcoef", {"[3, 4]", "int64"}, "", "a correlation of int64"},
      {"Correlate", kLine, "", "vectors of unknown length", "X, Y", kLine},
  });
}

TEST(OperationMessages, Indices) {
  check({
      {"TakeAlongAxis",
       kRows,
       "'axis': 1",
       "x has 2 dimensions and indices 1, expected as many",
       "X, Y",
       {"[null]", "int32"}},
      {"ScatterUpdate", kRows, "'reduction': 'xor'", "reduction=xor", "X, [[0, 0]], Y", kLine},
      {"Slice", kRows, "'start_indices': [0], 'shape': [1, 1]",
       "start_indices must give one index for each of 2 dimensions"},
      {"Slice", kRows, "'start_indices': [0, 0], 'shape': [1]",
       "shape must give one size for each of 2 dimensions"},
      {"SliceUpdate", kRows, "'start_indices': [0, 0]",
       "updates has 1 dimensions, expected 2 as inputs", "X, [0, 0], Y", kLine},
  });
}

TEST(OperationMessages, Shapes) {
  check({
      {"Moveaxis", kRows, "'source': [0], 'destination': [0, 1]",
       "source and destination differ in length"},
      {"Split", kLine, "'indices_or_sections': [1]",
       "a split at positions of an axis of unknown size"},
      {"Split", kRows, "'axis': 1, 'indices_or_sections': [" + repeated("0", 100001) + "]",
       "a split into 100002 parts"},
      {"Split", kRows, "'axis': 1, 'indices_or_sections': [2, 1]",
       "split positions out of order or range"},
      {"ArraySplit", kRows, "'indices_or_sections': 2", "a split of an axis of unknown size"},
      {"Tile", kRows, "'repeats': [" + repeated("1", 33) + "]",
       "repeats has 33 elements, expected at most 32"},
      {"Repeat", kRows, "'repeats': [1, 2, 3], 'axis': 1",
       "repeats has 3 elements for an axis of 2"},
      {"Repeat", kRows, "'repeats': [1, 134217728], 'axis': 1", "so many repetitions"},
      {"Roll", kRows, "'shift': [1, 2, 3], 'axis': [0, 1]", "shift and axis differ in length"},
      {"Rot90", kRows, "'axes': [0, 0]", "axes must be two of the array's"},
      {"Rot90", kRows, "", "a plane of unknown size"},
      {"Meshgrid", kLine, "'indexing': 'yx'", "indexing=yx", "X, Y", kLine},
  });
}

TEST(OperationMessages, Images) {
  const std::string crop = "'size': [2, 2], 'crop_to_aspect_ratio': true";
  const std::string pad = "'size': [2, 2], 'pad_to_aspect_ratio': true";
  const Source points{"[2, null]"};
  const std::string scaled = "X, [1, 9999999, 4, 3], [1.0], [0.0], [1], 'cubic', true";
  check({
      {"Resize", kOpen, crop, "images of unknown or absurd size"},
      {"Resize", kOpen, pad, "images of unknown or absurd size"},
      {"Resize", kImages, "'size': [2, 2], 'interpolation': 'spline'", "method=spline"},
      {"ExtractPatches", kOpen, "'size': [2, 2]", "an unknown number of channels"},
      {"ExtractPatches", kImages, "'size': [99, 99]", "patches of so many elements"},
      {"SobelEdges", kOpen, "", "an unknown number of channels"},
      {"GaussianBlur", kImages, "'kernel_size': [2000, 3]", "so large a kernel"},
      {"GaussianBlur", kImages, "'kernel_size': [3, 3], 'sigma': [1, 2, 3]",
       "sigma must be two numbers"},
      {"SSIM",
       kImages,
       "",
       "images of two types, float32 and float64",
       "X, Y",
       {"[null, 4, 4, 3]", "float64"}},
      {"SSIM", kImages, "'filter_size': 0", "filter_size=0", "X, Y", kImages},
      {"MapCoordinates", kRows, "'order': 1, 'fill_mode': 'tile'", "fill_mode=tile", "X, Y",
       points},
      {"MapCoordinates",
       {"[null, 2, 2]"},
       "'order': 1",
       "coordinates of 2 dimensions for an input of 3",
       "X, Y",
       points},
      {"MapCoordinates",
       kRows,
       "'order': 1",
       "integer coordinates",
       "X, Y",
       {"[2, null]", "int32"}},
      {"ScaleAndTranslate", kImages, "", "images of so large a size", scaled},
      {"ScaleAndTranslate", kImages, "", "method=spline",
       "X, [1, 5, 4, 3], [1.0], [0.0], [1], 'spline', true"},
  });
}

TEST(OperationMessages, Windows) {
  const Source planes{"[null, 3, 4, 4]"};
  check({
      {"Conv", kOpen, "", "an unknown number of channels", "X, Y", {"[2, 2, 3, 4]"}},
      {"Conv", kImages, "", "a kernel of 3 dimensions for an input of 4", "X, Y", {"[2, 3, 4]"}},
      {"Conv", kImages, "", "a kernel of unknown size", "X, Y", {"[null, 2, 3, 4]"}},
      {"Conv", kImages, "", "a kernel of such a size", "X, Y", {"[1, 1, 3, 3000000000]"}},
      {"Unfold", planes, "'kernel_size': 2, 'padding': [1, 2, 3]",
       "padding must be one or two sizes"},
      {"Unfold", planes, "'kernel_size': 99", "blocks of so many elements"},
      {"Unfold", {"[null, 1, 1073741824, 4]"}, "'kernel_size': 1", "so many blocks"},
      {"Unfold", kOpen, "'kernel_size': 2", "an input that is no [N, C, H, W] of known size"},
      {"Unfold", planes, "'kernel_size': 5", "the blocks are larger than the input"},
      {"Fold",
       {"[null, 3, 4]"},
       "'kernel_size': 2, 'output_size': 3",
       "the input has no such blocks"},
      {"DotProductAttention", kImages, "'flash_attention': true", "flash_attention=True",
       "X, X, X"},
      {"SparseCategoricalCrossentropy",
       {"[null]", "int32"},
       "'axis': 0",
       "an axis that is not the last",
       "X, Y"},
  });
}

TEST(OperationMessages, Signals) {
  const Source signal{"[null, 9]"};
  const Source bins{"[null, 3, 5]"};
  check({
      {"RFFT", kLine, "", "a signal of unknown length"},
      {"ExtractSequences", signal, "'sequence_length': 0, 'sequence_stride': 1",
       "sequence_length is 0, out of range"},
      {"STFT", signal,
       "'sequence_length': 4, 'sequence_stride': 2, 'fft_length': 8, 'window': [1, 2]",
       "a window of [2] for a sequence of 4"},
      {"STFT", signal, "'sequence_length': 4, 'sequence_stride': 2, 'fft_length': 2",
       "fft_length is 2, less than sequence_length, 4"},
      {"ISTFT", bins, "'sequence_length': 8, 'sequence_stride': 2, 'fft_length': 4",
       "fft_length is 4, less than sequence_length, 8", "[X, Y]", bins},
      {"ISTFT",
       {"[null, 3, 5000]"},
       "'sequence_length': 8, 'sequence_stride': 1, 'fft_length': 9998",
       "so many overlapping frames",
       "[X, Y]",
       {"[null, 3, 5000]"}},
  });
}

}  // namespace
}  // namespace thaw::testing
