// fuse_pad.
#include "runtime/passes/passes.h"
#include "tests/passes/pass_test_util.h"

namespace thaw {
namespace {

using test::ops_of;
using test::random_constant;

const std::string kStart =
    "%x: float32[2, 5, 6, 2] = input()\n" + random_constant("w", "float32", {3, 3, 2, 4}, 1);
const std::string kAround = "%p = constant() {value = int32[4, 2](0, 0, 1, 2, 0, 3, 0, 0)}\n";

/// A pad of `around` and a convolution behind it.
std::string body(const std::string& around, const std::string& pad, const std::string& padding) {
  return kStart + around + "%q = pad(%x, %p" + pad + "\n" +
         "%c = conv(%q, %w) {strides = [2, 1], dilations = [1, 1]" + padding + "}\n";
}

/// The ops after the pass, whose results must be those without it.
std::string fused(const std::string& text) {
  const Graph before = parse("graph {\n" + text + "\n}");
  verify(before, "before");
  Graph after = before;
  fuse_pad(after);
  EXPECT_FALSE(fuse_pad(after));
  remove_dead_code(after);
  verify(after, "after");
  const std::vector<Tensor> inputs = test::random_inputs(before, 7);
  const std::vector<Tensor> expected = test::run_graph(before, inputs);
  const std::vector<Tensor> found = test::run_graph(after, inputs);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_TRUE(test::bitwise_equal(expected.at(i), found.at(i)));
  }
  return ops_of(after);
}

// Convolutions of sequences add an axis between the pad and the convolution.
TEST(FusePad, ZerosInFrontOfAnAddedAxis) {
  const auto sequence = [](const std::string& axis) {
    return "%x: float32[2, 7, 2] = input()\n" + random_constant("w", "float32", {1, 3, 2, 4}, 1) +
           "%p = constant() {value = int32[3, 2](0, 0, 2, 0, 0, 0)}\n%q = pad(%x, %p)\n"
           "%e = expand_dims(%q) {axes = [" +
           axis +
           "]}\n%c = conv(%e, %w) {strides = [1, 1], dilations = [1, 2], padding = valid}\n"
           "outputs(%c)";
  };
  EXPECT_EQ(fused(sequence("1")), "input expand_dims conv");
  EXPECT_EQ(fused(sequence("-3")), "input expand_dims conv");
}

TEST(FusePad, ZerosBecomePadding) {
  EXPECT_EQ(fused(body(kAround, ")", "") + "outputs(%c)"), "input conv");
  EXPECT_EQ(fused(body(kAround + "%z = constant() {value = float32[](0)}\n", ", %z)",
                       ", padding = explicit([2, 0], [1, 1])") +
                  "outputs(%c)"),
            "input conv");
}

TEST(FusePad, WhatIsNeededElsewhereStays) {
  EXPECT_EQ(fused(body(kAround, ")", "") + "outputs(%c, %q)"), "input pad conv");
}

TEST(FusePad, OtherPadsStay) {
  const std::string stays = "input pad conv";
  EXPECT_EQ(fused(body(kAround + "%z = constant() {value = float32[](1)}\n", ", %z)", "") +
                  "outputs(%c)"),
            stays);
  EXPECT_EQ(fused(body(kAround, ") {mode = reflect}", "") + "outputs(%c)"), stays);
  EXPECT_EQ(fused(body(kAround, ")", ", padding = same") + "outputs(%c)"), stays);
  EXPECT_EQ(fused(body("%p = constant() {value = int32[4, 2](1, 0, 1, 2, 0, 3, 0, 0)}\n", ")", "") +
                  "outputs(%c)"),
            stays);
}

}  // namespace
}  // namespace thaw
