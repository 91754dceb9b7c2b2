// fuse_attention: which products, masks and layouts become one node, and which stay.
#include <algorithm>

#include "runtime/passes/passes.h"
#include "tests/passes/pass_test_util.h"

namespace thaw {
namespace {

using test::check_rows;
using test::graph_of;

constexpr double kClose = 1e-6;  // scales meet q instead of the scores

std::string number(const std::string& name, const std::string& value) {
  return "%" + name + " = constant() {value = float32[](" + value + ")}\n";
}

std::string binary(const std::string& name, const std::string& kind, const std::string& a,
                   const std::string& b) {
  return "%" + name + " = binary(%" + a + ", %" + b + ") {kind = " + kind + "}\n";
}

std::string permuted(const std::string& name, const std::string& of, const std::string& order) {
  const auto axes = 1 + std::count(order.begin(), order.end(), ',');
  return "%o" + name + " = constant() {value = int32[" + std::to_string(axes) + "](" + order +
         ")}\n%" + name + " = transpose(%" + of + ", %o" + name + ")\n";
}

// [B, T, H, D] and [B, S, H, D]: two batches, three heads, four rows, five steps.
const std::string kInputs =
    "%x: float32[2, 4, 3, 7] = input()\n%y: float32[2, 5, 3, 7] = input()\n"
    "%z: float32[2, 5, 3, 6] = input()\n";
const std::string kHeads = kInputs + permuted("q", "x", "0, 2, 1, 3") +
                           permuted("k", "y", "0, 2, 1, 3") + permuted("v", "z", "0, 2, 1, 3");
const std::string kScores = kHeads + "%s = matmul(%q, %k) {transpose_b = true}\n";

/// The softmax of `scores`, the values that it weighs, the heads joined.
std::string rest(const std::string& scores, const std::string& outputs = "outputs(%r)") {
  return "%p = softmax(%" + scores + ") {axes = [-1]}\n%w = matmul(%p, %v)\n" +
         permuted("r", "w", "0, 2, 1, 3") + outputs;
}

const std::string kInput3 = "input input input ", kFused = "reshape reshape reshape attention";

TEST(FuseAttention, Layouts) {
  const std::string three =
      "%q: float32[2, 4, 7] = input()\n%k: float32[2, 5, 7] = input()\n"
      "%v: float32[2, 5, 6] = input()\n%s = matmul(%q, %k) {transpose_b = true}\n"
      "%p = softmax(%s) {axes = [2]}\n%w = matmul(%p, %v)\noutputs(%w)";
  check_rows(
      {
          {"heads by transposes", kScores + rest("s"), kInput3 + kFused + " reshape"},
          {"keys transposed further",
           kInputs + permuted("q", "x", "0, 2, 1, 3") + permuted("k", "y", "0, 2, 3, 1") +
               permuted("v", "z", "0, 2, 1, 3") + "%s = matmul(%q, %k)\n" + rest("s"),
           kInput3 + kFused + " reshape"},
          {"heads stay apart",
           kScores + "%p = softmax(%s) {axes = [3]}\n%w = matmul(%p, %v)\noutputs(%w)",
           kInput3 + kFused + " reshape transpose"},
          {"heads apart from the beginning",
           "%q: float32[2, 3, 4, 7] = input()\n%k: float32[2, 3, 5, 7] = input()\n"
           "%v: float32[2, 3, 5, 6] = input()\n%s = matmul(%q, %k) {transpose_b = true}\n" +
               rest("s"),
           kInput3 + "attention reshape"},
          {"no heads", three, kInput3 + "attention reshape"},
          {"equations",
           kInputs + "%s = einsum(%y, %x) {equation = \"aecd,abcd->acbe\"}\n"
                     "%p = softmax(%s) {axes = [3]}\n"
                     "%w = einsum(%p, %z) {equation = \"acbe,aecd->abcd\"}\noutputs(%w)",
           kInput3 + kFused + " reshape"},
          {"equations the other way round",
           kInputs + "%s = einsum(%x, %y) {equation = \"btnh,bsnh->bnts\"}\n"
                     "%p = softmax(%s) {axes = [3]}\n"
                     "%w = einsum(%z, %p) {equation = \"bsne,bnts->btne\"}\noutputs(%w)",
           kInput3 + kFused + " reshape"},
      },
      fuse_attention, kClose);
}

TEST(FuseAttention, ScalesAndMasks) {
  const std::string pairs = "%m: float32[2, 1, 4, 5] = input()\n",
                    steps = "%m: float32[2, 1, 1, 5] = input()\n";
  const std::string boolean = pairs + number("zero", "0") + binary("b", "greater", "m", "zero");
  const std::string fused = kInput3 + "input " + kFused + " reshape";
  const std::string chosen = kInput3 + "input greater " + kFused + " reshape";
  check_rows(
      {
          {"scaled", kScores + number("c", "0.25") + binary("t", "mul", "s", "c") + rest("t"),
           kInput3 + kFused + " reshape"},
          {"divided", kScores + number("c", "2.5") + binary("t", "div", "s", "c") + rest("t"),
           kInput3 + kFused + " reshape"},
          {"scaled queries",
           kInputs + number("c", "0.3") + binary("xs", "mul", "c", "x") +
               permuted("q", "xs", "0, 2, 1, 3") + permuted("k", "y", "0, 2, 1, 3") +
               permuted("v", "z", "0, 2, 1, 3") + "%s = matmul(%q, %k) {transpose_b = true}\n" +
               rest("s"),
           kInput3 + kFused + " reshape"},
          {"mask added", kScores + pairs + binary("t", "add", "s", "m") + rest("t"), fused},
          {"mask in front", kScores + steps + binary("t", "add", "m", "s") + rest("t"), fused},
          {"scaled, then masked",
           kScores + steps + number("c", "0.5") + binary("u", "mul", "s", "c") +
               binary("t", "add", "u", "m") + rest("t"),
           fused},
          {"mask replaces",
           kScores + boolean + number("low", "-1e30") + "%t = select(%b, %s, %low)\n" + rest("t"),
           chosen},
          {"mask lowers",
           kScores + boolean + number("d", "1000") + binary("u", "sub", "s", "d") +
               "%t = select(%b, %s, %u)\n" + rest("t"),
           chosen},
          {"mask of fewer dimensions",
           "%q: float32[2, 4, 7] = input()\n%k: float32[2, 5, 7] = input()\n"
           "%v: float32[2, 5, 6] = input()\n%m: float32[2, 1, 5] = input()\n"
           "%s = matmul(%q, %k) {transpose_b = true}\n" +
               binary("t", "add", "s", "m") +
               "%p = softmax(%t) {axes = [2]}\n%w = matmul(%p, %v)\noutputs(%w)",
           kInput3 + "input reshape attention reshape"},
      },
      fuse_attention, kClose);
}

TEST(FuseAttention, WhatStays) {
  const std::string plain =
      "input input input transpose transpose transpose matmul softmax matmul transpose";
  const std::string tail = "softmax matmul transpose";
  const std::string parted = "input input input transpose transpose transpose matmul ";
  const std::string masks =
      "%m: float32[2, 1, 1, 5] = input()\n%n: float32[4, 5] = input()\n" + number("c", "0.5");
  check_rows(
      {
          {"scores are a result", kScores + rest("s", "outputs(%r, %p)"), plain},
          {"raw scores are a result", kScores + rest("s", "outputs(%r, %s)"), plain},
          {"two masks",
           kScores + masks + binary("t", "add", "s", "m") + binary("u", "add", "t", "n") +
               rest("u"),
           parted + "input input add add " + tail},
          {"masked, then scaled",
           kScores + masks + binary("t", "add", "s", "m") + binary("u", "mul", "t", "c") +
               rest("u", "outputs(%r, %n)"),
           parted + "input input add mul " + tail},
          {"over another axis",
           kScores + "%p = softmax(%s) {axes = [2]}\n%w = matmul(%p, %v)\n" +
               permuted("r", "w", "0, 2, 1, 3") + "outputs(%r)",
           plain},
          {"a keys' layout that is not read",
           "%q: float32[2, 4, 7] = input()\n%k: float32[2, 7, 5] = input()\n"
           "%v: float32[2, 5, 6] = input()\n%s = matmul(%q, %k)\n"
           "%p = softmax(%s) {axes = [2]}\n%w = matmul(%p, %v)\noutputs(%w)",
           "input input input matmul softmax matmul"},
          {"keys of one batch entry",
           "%q: float32[2, 4, 7] = input()\n%k: float32[1, 5, 7] = input()\n"
           "%v: float32[2, 5, 6] = input()\n%s = matmul(%q, %k) {transpose_b = true}\n"
           "%p = softmax(%s) {axes = [2]}\n%w = matmul(%p, %v)\noutputs(%w)",
           "input input input matmul softmax matmul"},
          {"doubles",
           "%q: float64[2, 4, 7] = input()\n%s = matmul(%q, %q) {transpose_b = true}\n"
           "%p = softmax(%s) {axes = [2]}\n%w = matmul(%p, %q)\noutputs(%w)",
           "input matmul softmax matmul"},
          {"an unknown dimension",
           "%q: float32[2, ?, 7] = input()\n%s = matmul(%q, %q) {transpose_b = true}\n"
           "%p = softmax(%s) {axes = [2]}\n%w = matmul(%p, %q)\noutputs(%w)",
           "input matmul softmax matmul"},
          {"the shares' diagonal",
           "%q: float32[2, 3, 4, 7] = input()\n%s = matmul(%q, %q) {transpose_b = true}\n"
           "%p = softmax(%s) {axes = [3]}\n"
           "%w = einsum(%p, %q) {equation = \"bhtt,bhtd->bhtd\"}\noutputs(%w)",
           "input matmul softmax einsum"},
          {"an ellipsis",
           "%q: float32[2, 3, 4, 7] = input()\n"
           "%s = einsum(%q, %q) {equation = \"...td,...sd->...ts\"}\n"
           "%p = softmax(%s) {axes = [3]}\n%w = matmul(%p, %q)\noutputs(%w)",
           "input einsum softmax matmul"},
      },
      fuse_attention, kClose);
}

TEST(FuseAttention, SaysHowItReads) {
  Graph graph = graph_of(kScores + number("c", "0.5") + binary("t", "mul", "s", "c") + rest("t"));
  ASSERT_TRUE(fuse_attention(graph));
  const auto fused = std::find_if(graph.nodes.begin(), graph.nodes.end(), [](const Node& node) {
    return std::holds_alternative<ops::Attention>(node.op);
  });
  ASSERT_NE(fused, graph.nodes.end());
  const auto& op = std::get<ops::Attention>(fused->op);
  EXPECT_EQ(op.heads, 3);
  EXPECT_EQ(op.key_heads, 3);
  EXPECT_EQ(op.key_width, 7);
  EXPECT_EQ(op.value_width, 6);
  EXPECT_EQ(op.scale, 0.5);
}

}  // namespace
}  // namespace thaw
