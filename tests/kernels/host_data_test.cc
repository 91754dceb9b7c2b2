// What the host functions for serialized examples, image files, segments and sparse tensors say to
// damaged and contradictory operands. Right answers are judged by TensorFlow's in
// tests/golden/tensorflow_data.
#include <gtest/gtest.h>

#include <cstring>
#include <functional>

#include "kernels/host/image_file.h"
#include "kernels/host_call.h"
#include "runtime/ir/infer.h"

namespace thaw {
namespace {

using Texts = std::vector<std::string>;
using Ints = std::vector<std::int64_t>;

std::vector<Tensor> call(const ops::HostCall& function, const std::vector<Tensor>& in,
                         int outputs) {
  std::vector<Operand> operands;
  for (const Tensor& tensor : in) operands.push_back({tensor.type(), &tensor});
  return run_host_call(function, in, infer(function, operands, outputs, nullptr), nullptr);
}

/// The code of the Error that `action` throws; internal, which nothing here may give, if it throws
/// none.
ErrorCode code_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.code();
  }
  return ErrorCode::internal;
}

ErrorCode code_of(const ops::HostCall& function, const std::vector<Tensor>& in, int outputs = 1) {
  return code_of([&] { call(function, in, outputs); });
}

Tensor texts(const Texts& values) {
  return Tensor::from(Shape{static_cast<std::int64_t>(values.size())}, values);
}
Tensor ints(const Ints& values) {
  return Tensor::from(Shape{static_cast<std::int64_t>(values.size())}, values);
}
Tensor rows(const Ints& values, std::int64_t columns) {
  return Tensor::from(Shape{static_cast<std::int64_t>(values.size()) / columns, columns}, values);
}
Tensor floats(const std::vector<float>& values) {
  return Tensor::from(Shape{static_cast<std::int64_t>(values.size())}, values);
}
Tensor number(std::int64_t value) { return Tensor::from(Shape{}, Ints{value}); }

std::string field(int tag, const std::string& body) {
  return std::string(1, static_cast<char>(tag << 3 | 2)) + static_cast<char>(body.size()) + body;
}

/// An Example with x = [1.0, 2.0] and n = [5, 300].
std::string example() {
  const float numbers[2] = {1, 2};
  std::string packed(sizeof numbers, '\0');
  std::memcpy(packed.data(), numbers, sizeof numbers);
  const std::string x = field(1, "x") + field(2, field(2, field(1, packed)));
  const std::string n = field(1, "n") + field(2, field(3, field(1, std::string("\x05\xac\x02"))));
  return field(1, field(1, x) + field(1, n));
}

/// x as [2] floats, required; n as a list of integers.
ops::HostCall parser() {
  Attributes attributes;
  attributes.set("sparse_keys", Texts{"n"});
  attributes.set("sparse_types", std::vector<DType>{DType::int64});
  attributes.set("dense_keys", Texts{"x"});
  attributes.set("dense_shapes", Ints{1, 2});
  attributes.set("ragged_keys", Texts{});
  attributes.set("ragged_types", std::vector<DType>{});
  attributes.set("split_types", std::vector<DType>{});
  return {"parse_example", attributes, nullptr};
}

std::vector<Tensor> parse(const std::string& message) {
  return call(parser(), {texts({message}), texts({}), floats({})}, 4);
}

TEST(HostData, ExampleIsParsed) {
  const std::vector<Tensor> found = parse(example());
  EXPECT_EQ(to_ints(found[0]), (Ints{0, 0, 0, 1}));
  EXPECT_EQ(to_ints(found[1]), (Ints{5, 300}));
  EXPECT_EQ(to_ints(found[2]), (Ints{1, 2}));
  EXPECT_EQ(found[3].data<float>()[1], 2.0F);
}

// Every truncation and every changed byte: an answer or an Error, and nothing else.
TEST(HostData, DamagedExamplesAreErrors) {
  const std::string message = example();
  int refused = 0;
  const auto try_one = [&](const std::string& damaged) {
    try {
      parse(damaged);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::invalid_argument) << error.what();
      ++refused;
    }
  };
  for (std::size_t size = 0; size < message.size(); ++size) try_one(message.substr(0, size));
  EXPECT_EQ(refused, static_cast<int>(message.size()));  // x is required
  for (std::size_t at = 0; at < message.size(); ++at) {
    for (const int byte : {0, 1, 0x7F, 0x80, 0xFF}) {
      std::string damaged = message;
      damaged[at] = static_cast<char>(byte);
      try_one(damaged);
    }
  }
  EXPECT_GT(refused, 2 * static_cast<int>(message.size()));
}

TEST(HostData, ExampleWithoutARequiredFeatureOrOfAnotherType) {
  EXPECT_EQ(code_of([] { parse(""); }), ErrorCode::invalid_argument);
  ops::HostCall other = parser();
  other.attributes.set("sparse_types", std::vector<DType>{DType::string});
  EXPECT_EQ(code_of(other, {texts({example()}), texts({}), floats({})}, 4),
            ErrorCode::invalid_argument);
  other = parser();
  other.attributes.set("dense_shapes", Ints{1, 3});
  EXPECT_EQ(code_of(other, {texts({example()}), texts({}), floats({})}, 4),
            ErrorCode::invalid_argument);
  other.attributes.set("dense_shapes", Ints{7, 2});
  EXPECT_EQ(code_of(other, {texts({example()}), texts({}), floats({})}, 4),
            ErrorCode::invalid_argument);
}

std::vector<std::uint8_t> gradient(std::int64_t height, std::int64_t width, std::int64_t channels) {
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(height * width * channels));
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::uint8_t>(i * 7);
  return pixels;
}

/// Truncations and changed bytes of an image file.
void expect_errors_only(const std::string& file,
                        const std::function<void(std::string_view)>& decode) {
  const auto try_one = [&](std::string_view damaged) {
    try {
      decode(damaged);
      return false;
    } catch (const Error& error) {
      EXPECT_TRUE(error.code() == ErrorCode::invalid_argument ||
                  error.code() == ErrorCode::resource_exhausted)
          << error.what();
      return true;
    }
  };
  EXPECT_FALSE(try_one(file));
  for (std::size_t size = 0; size + 12 < file.size(); size += 3) {
    EXPECT_TRUE(try_one(std::string_view(file).substr(0, size))) << size << " of " << file.size();
  }
  for (std::size_t at = 0; at < file.size(); at += 2) {
    std::string damaged = file;
    damaged[at] = static_cast<char>(damaged[at] ^ 0xFF);
    try_one(damaged);
  }
}

TEST(HostData, DamagedPngFilesAreErrors) {
  const std::string file = host::encode_png_file(gradient(9, 7, 3).data(), 9, 7, 3, false, -1);
  const host::Pixels pixels = host::decode_png(file, 0, false);
  EXPECT_EQ(pixels.bytes, gradient(9, 7, 3));
  expect_errors_only(file, [](std::string_view damaged) { host::decode_png(damaged, 0, false); });
  expect_errors_only(file, [](std::string_view damaged) { host::decode_png(damaged, 4, true); });
}

TEST(HostData, DamagedJpegFilesAreErrors) {
  const std::string file = host::encode_jpeg_file(gradient(20, 18, 3).data(), 20, 18, {});
  EXPECT_EQ(host::read_jpeg_header(file).width, 18);
  expect_errors_only(file, [](std::string_view damaged) { host::decode_jpeg(damaged, {}); });
  // With recovery the library may ask for more at one place forever.
  host::JpegOptions recover;
  recover.recover_truncated = true;
  for (std::size_t size = 0; size < file.size(); ++size) {
    try {
      host::decode_jpeg(std::string_view(file).substr(0, size), recover);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::invalid_argument) << error.what();
    }
  }
  host::JpegOptions crop;
  crop.crop = true;
  crop.crop_height = crop.crop_width = 5;
  crop.crop_x = 16;
  EXPECT_EQ(code_of([&] { host::decode_jpeg(file, crop); }), ErrorCode::invalid_argument);
  crop.crop_x = INT64_MAX;
  EXPECT_EQ(code_of([&] { host::decode_jpeg(file, crop); }), ErrorCode::invalid_argument);
}

// A file of a few bytes that claims 20000 x 20000 pixels.
TEST(HostData, ImageBombsAreErrors) {
  std::string png = host::encode_png_file(gradient(2, 2, 1).data(), 2, 2, 1, false, -1);
  png.replace(16, 8, std::string("\0\0\x4e\x20\0\0\x4e\x20", 8));
  EXPECT_NE(code_of([&] { host::decode_png(png, 3, false); }), ErrorCode::internal);
  std::string bmp(54, '\0');
  bmp.replace(0, 2, "BM");
  bmp[10] = 54;
  bmp.replace(18, 8, std::string("\0\0\xff\x7f\0\0\xff\x7f", 8));
  bmp[28] = 24;
  EXPECT_EQ(code_of([&] { host::decode_bmp(bmp, 3); }), ErrorCode::resource_exhausted);
  EXPECT_EQ(code_of([&] { host::decode_bmp(bmp.substr(0, 20), 3); }), ErrorCode::invalid_argument);
}

// Two by two pixels of a table of two colours: codes clear, 0, 1, 1, 0, end of three bits each.
TEST(HostData, DamagedGifFilesAreErrors) {
  const std::string file(
      "GIF89a\x02\0\x02\0\x80\0\0\x01\x02\x03\xf0\xf1\xf2,"
      "\0\0\0\0\x02\0\x02\0\0\x02\x03\x44\x02\x05\0;",
      36);
  const auto decode = [](std::string_view damaged) {
    std::int64_t frames = 0;
    return host::decode_gif(damaged, false, frames);
  };
  EXPECT_EQ(decode(file).bytes,
            (std::vector<std::uint8_t>{1, 2, 3, 0xF0, 0xF1, 0xF2, 0xF0, 0xF1, 0xF2, 1, 2, 3}));
  expect_errors_only(file + std::string(12, ';'), decode);
}

TEST(HostData, SegmentsOutOfRange) {
  const ops::HostCall sorted{"segment_reduce", {{"kind", std::string("sum")}}, nullptr};
  EXPECT_EQ(code_of(sorted, {floats({1, 2}), ints({1, 0})}), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of(sorted, {floats({1, 2}), ints({-1, 0})}), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of(sorted, {floats({1, 2}), ints({0})}), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of(sorted, {floats({1}), ints({INT64_MAX - 1})}), ErrorCode::resource_exhausted);
  const ops::HostCall unsorted{
      "unsorted_segment_reduce", {{"kind", std::string("max")}, {"empty", 0.0}}, nullptr};
  EXPECT_EQ(code_of(unsorted, {floats({1}), ints({3}), number(3)}), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of(unsorted, {floats({1}), ints({0}), number(-1)}), ErrorCode::invalid_argument);
  const ops::HostCall stitch{"dynamic_stitch", {}, nullptr};
  EXPECT_EQ(code_of(stitch, {ints({-1}), floats({1})}), ErrorCode::invalid_argument);
  const ops::HostCall partition{"dynamic_partition", {}, nullptr};
  EXPECT_EQ(code_of(partition, {floats({1, 2}), ints({0, 2})}, 2), ErrorCode::invalid_argument);
  const ops::HostCall invert{"invert_permutation", {}, nullptr};
  EXPECT_EQ(code_of(invert, {ints({0, 0})}), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of(invert, {ints({0, 2})}), ErrorCode::invalid_argument);
}

TEST(HostData, SparseIndicesOutOfRange) {
  const ops::HostCall dense{"sparse_to_dense", {{"validate_indices", true}}, nullptr};
  const Tensor zero = Tensor::from(Shape{}, std::vector<float>{0});
  const auto to_dense = [&](const Ints& indices, const Ints& shape) {
    const auto count = indices.size() / shape.size();
    return code_of(dense, {rows(indices, static_cast<std::int64_t>(shape.size())), ints(shape),
                           floats(std::vector<float>(count, 1)), zero});
  };
  EXPECT_EQ(to_dense({0, 5}, {2, 5}), ErrorCode::invalid_argument);
  EXPECT_EQ(to_dense({-1, 0}, {2, 5}), ErrorCode::invalid_argument);
  EXPECT_EQ(to_dense({0, 1, 0, 0}, {2, 5}), ErrorCode::invalid_argument);  // out of order
  EXPECT_EQ(to_dense({0, 0}, {std::int64_t{1} << 40, 5}), ErrorCode::resource_exhausted);
  EXPECT_EQ(to_dense({0, 0}, {-2, 5}), ErrorCode::invalid_argument);
  const ops::HostCall reshape{"sparse_reshape", {}, nullptr};
  EXPECT_EQ(code_of(reshape, {rows({0, 0}, 2), ints({2, 3}), ints({4, -1})}, 2),
            ErrorCode::invalid_argument);
  EXPECT_EQ(code_of(reshape, {rows({0, 0}, 2), ints({INT64_MAX, 3}), ints({-1})}, 2),
            ErrorCode::invalid_argument);
  const ops::HostCall fill{"sparse_fill_empty_rows", {}, nullptr};
  EXPECT_EQ(code_of(fill, {rows({0, 0}, 2), floats({1}), ints({INT64_MAX, 3}), zero}, 4),
            ErrorCode::resource_exhausted);
}

TEST(HostData, BoxesThatAreNone) {
  const Tensor image(DType::float32, Shape{1, 4, 4, 1});
  const ops::HostCall crop{"crop_and_resize",
                           {{"method", std::string("bilinear")},
                            {"extrapolation_value", 3.0},
                            {"dtype", DType::float32}},
                           nullptr};
  const Tensor first = Tensor::from(Shape{1}, std::vector<std::int32_t>{0});
  const Tensor second = Tensor::from(Shape{1}, std::vector<std::int32_t>{1});
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Tensor box = Tensor::from(Shape{1, 4}, std::vector<float>{nan, 0, 1e38F, nan});
  const std::vector<Tensor> crops = call(crop, {image, box, first, ints({2, 2})}, 1);
  EXPECT_EQ(crops[0].data<float>()[3], 3.0F);  // what is nowhere has the colour outside
  EXPECT_EQ(code_of(crop, {image, box, second, ints({2, 2})}), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of(crop, {image, box, first, ints({0, 2})}), ErrorCode::invalid_argument);
  const ops::HostCall draw{"draw_bounding_boxes", {}, nullptr};
  const Tensor wild = Tensor::from(Shape{1, 1, 4}, std::vector<float>{nan, -1e38F, 1e38F, -nan});
  EXPECT_EQ(call(draw, {image, wild}, 1)[0].shape(), image.shape());
}

}  // namespace
}  // namespace thaw
