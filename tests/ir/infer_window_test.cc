#include "runtime/ir/infer.h"
#include "tests/ir/infer_rows.h"

namespace thaw {
namespace {

using test::check;
using test::constant;
using test::in;
using test::ints;

std::string conv(const std::string& x, const std::string& w, const std::string& attributes) {
  return in("x", x) + in("w", w) + "%y = conv(%x, %w) {" + attributes + "}";
}
const std::string k2d = "strides = [1, 1], dilations = [1, 1]";
const std::string k1d = "strides = [1], dilations = [1]";

TEST(InferWindow, Conv) {
  check({
      {conv("float32[?, 8, 9, 3]", "float32[3, 3, 3, 16]", k2d), "float32[?, 6, 7, 16]"},
      {conv("float32[2, 8, 9, 3]", "float32[3, 3, 3, 16]",
            "strides = [2, 3], dilations = [1, 1], padding = same"),
       "float32[2, 4, 3, 16]"},
      {conv("float32[2, ?, 9, 3]", "float32[3, 3, 3, 16]", k2d + ", padding = same"),
       "float32[2, ?, 9, 16]"},
      {conv("float32[2, 10, 3]", "float32[3, 3, 4]", "strides = [1], dilations = [4]"),
       "float32[2, 2, 4]"},
      {conv("float32[2, 10, 3]", "float32[3, 3, 4]",
            "strides = [2], dilations = [4], padding = causal"),
       "float32[2, 5, 4]"},
      {conv("float32[2, 5, 6, 7, 2]", "float32[2, 2, 2, 2, 3]",
            "strides = [1, 1, 1], dilations = [1, 1, 1]"),
       "float32[2, 4, 5, 6, 3]"},
      {conv("float32[2, 4, 4, 6]", "float32[1, 1, 1, 12]", k2d + ", groups = 6"),
       "float32[2, 4, 4, 12]"},
      {conv("float32[2, 4, 4, 6]", "float32[1, 1, 3, 12]", k2d + ", groups = 2"),
       "float32[2, 4, 4, 12]"},
      {conv("float32[0, 4, 4, 6]", "float32[3, 3, 6, 2]", k2d), "float32[0, 2, 2, 2]"},
      {conv("float32[1, 5, 5, 1]", "float32[3, 3, 1, 2]",
            k2d + ", padding = explicit([1, 0], [2, 0])"),
       "float32[1, 6, 3, 2]"},
      {conv("float32[...]", "float32[3, 3, 1, 2]", k2d), "float32[?, ?, ?, 2]"},
      {conv("float32[2, 8, 8, ?]", "float32[...]", k2d), "float32[2, ?, ?, ?]"},
      {conv("float32[2, 8, 8, ?]", "float32[...]", k2d + ", padding = same"),
       "float32[2, 8, 8, ?]"},
      {conv("float32[2, 2, 2, 1]", "float32[3, 3, 1, 1]", k2d), "float32[2, 0, 0, 1]"},
      {conv("float32[2, 1, 1, 1]", "float32[3, 3, 1, 1]", k2d),
       "error: window of extent 3 does not fit"},
      {conv("float32[2, 8, 8, 3]", "float32[3, 3, 4, 16]", k2d),
       "error: channels of x: expected 4, found 3"},
      {conv("float32[2, 8, 8, 6]", "float32[3, 3, 2, 16]", k2d + ", groups = 2"),
       "error: channels of x: expected 4, found 6"},
      {conv("float32[2, 8, 8, 6]", "float32[3, 3, 3, 5]", k2d + ", groups = 2"),
       "error: filters: expected a multiple of 2"},
      {conv("float32[2, 8, 8, 6]", "float32[3, 3, 3, 5]", k2d + ", groups = 0"),
       "error: groups: expected at least 1"},
      {conv("float32[2, 8, 8, 1]", "float32[3, 3, 1, 1]", "strides = [0, 1], dilations = [1, 1]"),
       "error: stride: expected at least 1"},
      {conv("float32[2, ?, 8, 1]", "float32[3, 3, 1, 1]", "strides = [1, 1], dilations = [0, 1]"),
       "error: dilation: expected at least 1"},
      {conv("float32[2, 8, 8, 1]", "float32[0, 3, 1, 1]", k2d),
       "error: window: expected at least 1, found 0"},
      {conv("float32[2, 8, 8, 1]", "float32[3, 3, 1, 1]", "strides = [1, 1], dilations = [1]"),
       "error: dilations: expected 2"},
      {conv("float32[2, 8, 1]", "float32[3, 3, 1, 1]", k2d), "error: x: expected 4 dimension(s)"},
      {conv("float32[2, 8, 8, 1]", "float32[3, 1, 1]", k2d),
       "error: weights: expected 4 dimension(s)"},
      {conv("float32[2, 8, 8, 1]", "float32[3, 3, 1, 1]", ""),
       "error: strides: expected one per spatial axis"},
      {conv("float32[2, 8, 8, 1]", "float32[3, 3, 1, 1]", k2d + ", padding = causal"),
       "error: causal padding"},
      {conv("float32[2, 8, 8, 1]", "float32[3, 3, 1, 1]", k2d + ", padding = explicit([1], [1])"),
       "error: explicit padding: expected 2"},
      {conv("float32[2, 8, 8, 1]", "float32[3, 3, 1, 1]",
            k2d + ", padding = explicit([1, -1], [1, 1])"),
       "error: expected no negative size"},
      {conv("float32[2, 8, 8, 1]", "float64[3, 3, 1, 1]", k2d),
       "error: weights: expected float32, found float64"},
      {conv("int8[2, 8, 8, 1]", "int8[3, 3, 1, 1]", k2d),
       "error: x: expected a floating type or int32"},
      {conv("float32[2, 8, 1]", "float32[3, 1, 1]",
            "strides = [1], dilations = [9223372036854775807]"),
       "error: overflows"},
      {in("x", "float32[2, 8, 1]") + in("w", "float32[3, 1, ?]") + in("b", "float32[7]") +
           "%y = conv(%x, %w, %b) {" + k1d + "}",
       "float32[2, 6, 7]"},
      {in("x", "float32[2, 8, 1]") + in("w", "float32[3, 1, 4]") + in("b", "float32[7]") +
           "%y = conv(%x, %w, %b) {" + k1d + "}",
       "error: bias length: expected 4, found 7"},
  });
}

TEST(InferWindow, ConvTranspose) {
  const auto transposed = [](const std::string& x, const std::string& w, const std::string& spatial,
                             const std::string& attributes) {
    return in("x", x) + in("w", w) + spatial + "%y = conv_transpose(%x, %w, %s) {" + attributes +
           "}";
  };
  const std::string strided = "strides = [2, 2], dilations = [1, 1], padding = same";
  check({
      {transposed("float32[?, 4, 4, 3]", "float32[3, 3, 5, 3]", ints("s", "8, 7"), strided),
       "float32[?, 8, 7, 5]"},
      {transposed("float32[?, ?, 4, 3]", "float32[3, 3, 5, 3]", in("s", "int32[2]"), strided),
       "float32[?, ?, ?, 5]"},
      {transposed("float32[1, 4, 3]", "float32[3, 5, 3]", ints("s", "9"),
                  "strides = [2], dilations = [1]"),
       "float32[1, 9, 5]"},
      {transposed("float32[?, 4, 4, 3]", "float32[3, 3, 5, 3]", ints("s", "8, 9"), strided),
       "error: size 9 of axis 1 convolves to 5, but x has 4"},
      {transposed("float32[?, 4, 4, 3]", "float32[3, 3, 5, 4]", ints("s", "8, 8"), strided),
       "error: channels of x: expected 4, found 3"},
      {transposed("float32[?, 4, 4, 3]", "float32[3, 3, 5, 3]", ints("s", "8"), strided),
       "error: spatial: expected 2 sizes, found 1"},
      {transposed("float32[?, 4, 4, 3]", "float32[3, 3, 5, 3]", ints("s", "-8, 8"), strided),
       "error: expected no negative size"},
      {transposed("float32[1, 4, 3]", "float32[3, 5, 3]", ints("s", "9"),
                  k1d + ", padding = causal"),
       "error: causal padding of a transposed"},
  });
}

TEST(InferWindow, Pool) {
  const auto pool = [](const std::string& x, const std::string& attributes) {
    return in("x", x) + "%y = pool(%x) {" + attributes + "}";
  };
  check({
      {pool("float32[?, 8, 9, 3]", "window = [2, 3], strides = [2, 3]"), "float32[?, 4, 3, 3]"},
      {pool("float32[2, 9, 3]", "kind = average, window = [2], strides = [2], padding = same"),
       "float32[2, 5, 3]"},
      {pool("int32[2, 9, 3]", "window = [2], strides = [2]"), "int32[2, 4, 3]"},
      {pool("float32[...]", "window = [2], strides = [2]"), "float32[?, ?, ?]"},
      {pool("int32[2, 9, 3]", "kind = average, window = [2], strides = [2]"),
       "error: expected a floating type"},
      {pool("float32[2, ?, 3]", "window = [0], strides = [2]"),
       "error: window: expected at least 1"},
      {pool("float32[2, 9, 3]", "window = [2], strides = [2, 2]"),
       "error: window: expected 2 values"},
      {pool("float32[2, 9, 3]", "window = [2], strides = [2], padding = causal"), "error: causal"},
      {pool("float32[2, 9, 9, 3]", "window = [2], strides = [2]"),
       "error: x: expected 3 dimension(s)"},
  });
}

TEST(InferWindow, Resize) {
  const auto resize = [](const std::string& x, const std::string& size,
                         const std::string& attributes) {
    return in("x", x) + size + "%y = resize(%x, %s) {" + attributes + "}";
  };
  check({
      {resize("uint8[?, 4, 4, 3]", ints("s", "8, 12"), ""), "uint8[?, 8, 12, 3]"},
      {resize("float32[2, ?, ?, 3]", in("s", "int32[2]"), "method = bilinear"),
       "float32[2, ?, ?, 3]"},
      {resize("uint8[2, 4, 4, 3]", ints("s", "8, 12"), "method = bilinear"),
       "error: expected a floating type"},
      {resize("float32[2, 4, 4, 3]", ints("s", "8"), ""), "error: size: expected 2 elements"},
      {resize("float32[2, 4, 4, 3]", ints("s", "8, 0"), ""), "error: size: expected at least 1"},
      {resize("float32[2, 0, 4, 3]", ints("s", "8, 8"), ""),
       "error: expected an image that is not empty"},
      {resize("float32[2, 4, 4, 3]", ints("s", "8, 8"),
              "align_corners = true, half_pixel_centers = true"),
       "error: found both"},
      {resize("float32[4, 4, 3]", ints("s", "8, 8"), ""), "error: x: expected 4 dimension(s)"},
      {resize("float16[2, ?, 4, 3]", ints("s", "8, 12"), "method = lanczos5, antialias = true"),
       "float16[2, 8, 12, 3]"},
      {resize("uint8[2, 4, 4, 3]", ints("s", "8, 12"), "method = area"),
       "error: expected a floating type"},
      {resize("float32[2, 4, 4, 3]", ints("s", "8, 8"), "method = bicubic, antialias = true"),
       "error: antialias: expected a sampling kernel"},
      {resize("float32[2, 4, 4, 3]", ints("s", "8, 8"), "method = gaussian, align_corners = true"),
       "error: align_corners: a sampling kernel has none"},
      {resize("float32[2, 4, 4, 3]", ints("s", "8, 8"), "method = area, half_pixel_centers = true"),
       "error: half_pixel_centers: the method has no choice"},
  });
}

TEST(InferWindow, ResizeByScaleAndTranslation) {
  const auto resize = [](const std::string& scale, const std::string& rest,
                         const std::string& attributes) {
    return in("x", "float32[2, 4, ?, 3]") + ints("s", "8, 12") + in("f", scale) +
           in("t", "float32[2]") + "%y = resize(%x, %s" + rest + ") {" + attributes + "}";
  };
  check({
      {resize("float32[2]", ", %f, %t", "method = lanczos3"), "float32[2, 8, 12, 3]"},
      {resize("float64[2]", ", %f, %t", "method = lanczos3"), "error: scale: expected float32"},
      {resize("float32[3]", ", %f, %t", "method = lanczos3"), "error: scale: expected 2 elements"},
      {resize("float32[2]", ", %f", "method = lanczos3"), "error: found one of them"},
      {resize("float32[2]", ", %f, %t", "method = area"), "error: operand"},
  });
}

TEST(InferWindow, Blocks) {
  const auto blocks = [](const std::string& op, const std::string& x, const std::string& block,
                         const std::string& borders) {
    return in("x", x) + block + borders + "%y = " + op + "(%x, %b, %p)";
  };
  const std::string b23 = ints("b", "2, 3"), zero = constant("p", "int32[2, 2](0, 0, 0, 0)");
  check({
      {blocks("space_to_batch", "float32[1, 3, 5, 4]", b23,
              constant("p", "int32[2, 2](1, 0, 0, 1)")),
       "float32[6, 2, 2, 4]"},
      {blocks("space_to_batch", "float32[?, ?, 6]", b23, zero), "float32[?, ?, 2]"},
      {blocks("space_to_batch", "float32[1, 4, 6, 2]", in("b", "int32[2]"), zero),
       "float32[?, ?, ?, 2]"},
      {blocks("space_to_batch", "float32[1, 4, 6, 2]", in("b", "int32[?]"), in("p", "int32[?, 2]")),
       "float32[?, ?, ?, ?]"},
      {blocks("space_to_batch", "float32[1, 4, 5]", b23, zero),
       "error: padded size 5 of axis 2 is not a multiple of block 3"},
      {blocks("space_to_batch", "float32[1, 4]", b23, zero),
       "error: x: expected at least 3 dimensions"},
      {blocks("space_to_batch", "float32[1, 4, 6]", ints("b", "2, 0"), zero),
       "error: block: expected at least 1"},
      {blocks("space_to_batch", "float32[1, 4, 6]", b23, constant("p", "int32[2, 2](-2, 0, 0, 0)")),
       "error: expected no negative size"},
      {blocks("space_to_batch", "float32[1, 4, 6]", b23, constant("p", "int32[1, 2](0, 0)")),
       "error: rows of paddings: expected 2, found 1"},
      {blocks("batch_to_space", "float32[6, 2, 2, 4]", b23,
              constant("p", "int32[2, 2](1, 0, 0, 1)")),
       "float32[1, 3, 5, 4]"},
      {blocks("batch_to_space", "float32[?, ?, 2]", b23, zero), "float32[?, ?, 6]"},
      {blocks("batch_to_space", "float32[5, 2, 2]", b23, zero),
       "error: batch size 5 is not a multiple of the block's 6"},
      {blocks("batch_to_space", "float32[6, 2, 2]", b23, constant("p", "int32[2, 2](5, 0, 0, 0)")),
       "error: crops: 5 of axis 1 exceed its size 4"},
  });
}

/// How many windows fit, counted.
std::int64_t counted(std::int64_t padded, std::int64_t extent, std::int64_t stride) {
  std::int64_t count = 0;
  while (count * stride + extent <= padded) ++count;
  return count;
}

TEST(InferWindow, OutputSizesByCounting) {
  for (std::int64_t size = 1; size < 12; ++size) {
    for (std::int64_t window = 1; window < 5; ++window) {
      for (std::int64_t stride = 1; stride < 5; ++stride) {
        for (std::int64_t dilation = 1; dilation < 4; ++dilation) {
          const std::int64_t extent = (window - 1) * dilation + 1;
          const auto output = [&](const Padding& padding) {
            return window_output(size, window, stride, dilation, padding, 0);
          };
          if (extent <= size) {
            EXPECT_EQ(output({PaddingKind::valid}), counted(size, extent, stride));
          }
          const Padding around{PaddingKind::explicit_, {2}, {extent}};
          EXPECT_EQ(output(around), counted(size + 2 + extent, extent, stride));
          const Padding causal{PaddingKind::causal};
          EXPECT_EQ(output(causal), counted(size + extent - 1, extent, stride));
          EXPECT_EQ(window_padding(size, window, stride, dilation, causal, 0),
                    std::pair(extent - 1, std::int64_t{0}));
          // same: one output per stride begun; the padding is the least that reaches that, surplus
          // behind.
          const Padding same{PaddingKind::same};
          const std::int64_t outputs = output(same);
          EXPECT_EQ(outputs, counted(size, 1, stride));
          const auto [before, after] = window_padding(size, window, stride, dilation, same, 0);
          EXPECT_TRUE(after == before || after == before + 1);
          EXPECT_GE(counted(size + before + after, extent, stride), outputs);
          if (before + after > 0) {
            EXPECT_LT(counted(size + before + after - 1, extent, stride), outputs);
          }
        }
      }
    }
  }
}

TEST(InferWindow, OutputErrors) {
  const Padding valid;
  EXPECT_EQ(window_output(kUnknownDim, 3, 1, 1, valid, 0), kUnknownDim);
  EXPECT_THROW(window_output(5, 0, 1, 1, valid, 0), Error);
  EXPECT_THROW(window_output(5, 1, 0, 1, valid, 0), Error);
  EXPECT_THROW(window_output(5, 1, 1, -1, valid, 0), Error);
  EXPECT_THROW(window_output(kUnknownDim, 1, 0, 1, valid, 0), Error);
  EXPECT_THROW(window_output(5, INT64_MAX, 1, 3, valid, 0), Error);
  EXPECT_THROW(window_output(5, 1, 1, 1, {PaddingKind::explicit_, {INT64_MAX}, {1}}, 0), Error);
  EXPECT_THROW(window_output(5, 1, 1, 1, {PaddingKind::explicit_, {}, {}}, 0), Error);
  EXPECT_THROW(window_padding(kUnknownDim, 3, 1, 1, {PaddingKind::same}, 0), Error);
}

}  // namespace
}  // namespace thaw
