// fuse_pool: which pools a convolution takes over, and which stay.
#include "runtime/passes/passes.h"
#include "tests/passes/pass_test_util.h"

namespace thaw::test {
namespace {

const char* const kIn = "%x: float32[2, 9, 8, 3] = input()\n";

std::string conv(const std::string& attributes) {
  return random_constant("w", "float32", {3, 3, 3, 4}, 5) + "\n%y = conv(%x, %w) {" + attributes +
         "}\n";
}

std::string pool(const std::string& attributes) {
  return "%z = pool(%y) {" + attributes + "}\noutputs(%z)";
}

const std::string kSame = "strides = [1, 1], dilations = [1, 1], padding = same",
                  kValid = "strides = [1, 1], dilations = [1, 1]",
                  kBlocks = "window = [2, 2], strides = [2, 2]";

TEST(FusePool, WholeBlocks) {
  check_rows(
      {
          {"odd lines", kIn + conv(kSame) + pool(kBlocks), "input conv"},
          {"activation", kIn + conv(kValid + ", activation = relu") + pool(kBlocks),
           "input conv+relu"},
          {"odd sizes, padded as needed", kIn + conv(kValid) + pool(kBlocks + ", padding = same"),
           "input conv pool"},
          {"used once more", kIn + conv(kSame) + "%z = pool(%y) {" + kBlocks + "}\noutputs(%z, %y)",
           "input conv pool"},
          {"windows that overlap", kIn + conv(kSame) + pool("window = [2, 2], strides = [1, 1]"),
           "input conv pool"},
          {"blocks of three", kIn + conv(kSame) + pool("window = [3, 3], strides = [3, 3]"),
           "input conv pool"},
          {"averages", kIn + conv(kSame) + pool(kBlocks + ", kind = average"), "input conv pool"},
          {"a convolution in steps",
           kIn + conv("strides = [2, 2], dilations = [1, 1]") + pool(kBlocks), "input conv pool"},
          {"a function between",
           kIn + conv(kSame) + "%r = unary(%y) {fn = relu}\n%z = pool(%r) {" + kBlocks +
               "}\noutputs(%z)",
           "input conv relu pool"},
      },
      fuse_pool);
}

TEST(FusePool, SamePaddingOfEvenSizes) {
  const std::string in = "%x: float32[2, 10, 8, 3] = input()\n";
  check_rows(
      {
          {"even", in + conv(kSame) + pool(kBlocks + ", padding = same"), "input conv"},
          {"no padding spelled out",
           in + conv(kSame) + pool(kBlocks + ", padding = explicit([0, 0], [0, 0])"), "input conv"},
      },
      fuse_pool);
}

}  // namespace
}  // namespace thaw::test
