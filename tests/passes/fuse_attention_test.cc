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

// The spellings of masks, of which several may meet one score.
TEST(FuseAttention, SpellingsOfMasks) {
  const std::string pairs = "%m: float32[2, 1, 4, 5] = input()\n",
                    steps = "%n: float32[2, 1, 1, 5] = input()\n" + number("zero", "0") +
                            number("low", "-1e4") + number("c", "0.5");
  const std::string booleans =
      pairs + steps + binary("b", "greater", "m", "zero") + binary("d", "greater", "n", "zero");
  const std::string inputs = kInput3 + "input input ", fused = kFused + " reshape";
  const std::string seen =
      "%f = constant() {value = float32[4, 5](1, 1, 0, 0, 0, 1, 1, 1, 0, 0, 1, 1, 1, 1, 0, 1, 1, "
      "1, "
      "1, 1)}\n%g = constant() {value = float32[4, 5](0, 0, 1e4, 1e4, 1e4, 0, 0, 0, 1e4, 1e4, 0, "
      "0, "
      "0, 0, 1e4, 0, 0, 0, 0, 0)}\n" +
      number("c", "0.5");
  const std::string scaled = kScores + seen + binary("a", "mul", "s", "c");
  check_rows(
      {
          {"two masks added",
           kScores + pairs + steps + binary("t", "add", "s", "m") + binary("u", "add", "n", "t") +
               rest("u"),
           inputs + "reshape reshape reshape add attention reshape"},
          {"two masks that replace",
           kScores + booleans + "%t = select(%b, %s, %low)\n%u = select(%d, %t, %low)\n" +
               rest("u"),
           inputs + "greater greater reshape reshape reshape logical_and attention reshape"},
          {"scaled, then lowered",
           kScores + pairs + steps + binary("b", "greater", "m", "zero") +
               binary("a", "mul", "s", "c") + binary("l", "add", "a", "low") +
               "%u = select(%b, %a, %l)\n" + rest("u", "outputs(%r, %n)"),
           inputs + "greater " + fused},
          {"a constant taken away", kScores + seen + binary("u", "sub", "s", "g") + rest("u"),
           kInput3 + fused},
          {"GPT-2: a product and a difference",
           scaled + binary("t", "mul", "a", "f") + binary("u", "sub", "t", "g") + rest("u"),
           kInput3 + fused},
          {"a product that does not select",
           scaled + binary("t", "mul", "a", "g") + binary("u", "sub", "t", "f") + rest("u"),
           kInput3 + "transpose transpose transpose matmul mul mul sub softmax matmul transpose"},
          {"a mask of each kind",
           kScores + booleans + "%t = select(%b, %s, %low)\n" + binary("u", "add", "t", "n") +
               rest("u", "outputs(%r, %d)"),
           kInput3 + "transpose transpose transpose matmul input input greater greater select add "
                     "softmax matmul transpose"},
      },
      fuse_attention, kClose);
}

std::string shaped(const std::string& name, const std::string& of, const std::string& dims) {
  const auto count = 1 + std::count(dims.begin(), dims.end(), ',');
  return "%d" + name + " = constant() {value = int32[" + std::to_string(count) + "](" + dims +
         ")}\n%" + name + " = reshape(%" + of + ", %d" + name + ")\n";
}

// Queries, keys and values that lie in one product: two batches, four steps, three heads of seven.
TEST(FuseAttention, OperandsInOneProduct) {
  const std::string product = "%p: float32[2, 4, 63] = input()\n" + number("c", "0.4");
  const auto headed = [](const std::string& name, const std::string& of) {
    return shaped(name + "h", of, "2, 4, 3, 7") + permuted(name, name + "h", "0, 2, 1, 3");
  };
  const std::string scores =
      "%s = matmul(%q, %k) {transpose_b = true}\n%e = softmax(%s) {axes = "
      "[3]}\n%w = matmul(%e, %v)\n" +
      permuted("r", "w", "0, 2, 1, 3") + "outputs(%r)";
  const auto ints = [](const std::string& name, const std::string& values) {
    const auto count = 1 + std::count(values.begin(), values.end(), ',');
    return "%" + name + " = constant() {value = int32[" + std::to_string(count) + "](" + values +
           ")}\n";
  };
  const auto slice = [&](const std::string& name, const std::string& begin,
                         const std::string& end) {
    return ints(name + "b", "0, 0, " + begin) + ints(name + "e", "0, 0, " + end) +
           ints(name + "s", "1, 1, 1") + "%" + name + " = strided_slice(%p, %" + name + "b, %" +
           name + "e, %" + name + "s) {begin_mask = 3, end_mask = 3}\n";
  };
  const auto part = [&](const std::string& name, const std::string& index,
                        const std::string& behind) {
    return ints(name + "b", index) + ints(name + "e", behind) + ints(name + "s", "1") + "%" + name +
           " = strided_slice(%t, %" + name + "b, %" + name + "e, %" + name +
           "s) {shrink_axis_mask = 1}\n";
  };
  check_rows(
      {
          {"split",
           product + "%a, %b, %d = split(%p) {axis = -1}\n" + headed("q", "a") + headed("k", "b") +
               headed("v", "d") + scores,
           "input attention reshape"},
          {"split, the queries scaled",
           product + "%a, %b, %d = split(%p) {axis = 2}\n" + binary("f", "mul", "a", "c") +
               headed("q", "f") + headed("k", "b") + headed("v", "d") + scores,
           "input attention reshape"},
          {"slices",
           product + slice("a", "0", "21") + slice("b", "21", "42") + slice("d", "42", "63") +
               headed("q", "a") + headed("k", "b") + headed("v", "d") + scores,
           "input attention reshape"},
          {"parts of five axes",
           product + shaped("x", "p", "2, 4, 3, 3, 7") + permuted("t", "x", "2, 0, 3, 1, 4") +
               part("q", "0", "1") + part("k", "1", "2") + part("v", "-1", "0") + scores,
           "input reshape reshape reshape reshape attention reshape"},
          {"unstacked parts",
           product + shaped("x", "p", "2, 4, 3, 3, 7") + permuted("t", "x", "2, 0, 3, 1, 4") +
               "%q, %k, %v = unstack(%t) {axis = 0}\n" + scores,
           "input reshape reshape reshape reshape attention reshape"},
      },
      fuse_attention, kClose);
}

// Keys and values of two heads, each copied for two of the queries' four.
TEST(FuseAttention, GroupsOfHeads) {
  const std::string operands =
      "%x: float32[2, 4, 4, 7] = input()\n%y: float32[2, 5, 2, 7] = input()\n"
      "%z: float32[2, 5, 2, 6] = input()\n" +
      permuted("q", "x", "0, 2, 1, 3");
  const std::string tail = "%s = matmul(%q, %k) {transpose_b = true}\n" + rest("s");
  const std::string copies = "%n = constant() {value = int32[5](1, 1, 1, 2, 1)}\n",
                    copies_behind = "%n = constant() {value = int32[5](1, 1, 2, 1, 1)}\n";
  check_rows(
      {
          {"copied as they lie",
           operands + copies + "%a = expand_dims(%y) {axes = [3]}\n%b = tile(%a, %n)\n" +
               shaped("c", "b", "2, 5, 4, 7") + permuted("k", "c", "0, 2, 1, 3") +
               "%d = expand_dims(%z) {axes = [3]}\n%e = tile(%d, %n)\n" +
               shaped("f", "e", "2, 5, 4, 6") + permuted("v", "f", "0, 2, 1, 3") + tail,
           kInput3 + kFused + " reshape"},
          {"copied heads first",
           operands + copies_behind + permuted("ky", "y", "0, 2, 1, 3") +
               permuted("vz", "z", "0, 2, 1, 3") +
               "%a = expand_dims(%ky) {axes = [2]}\n%b = tile(%a, %n)\n" +
               shaped("k", "b", "2, 4, 5, 7") +
               "%d = expand_dims(%vz) {axes = [2]}\n%e = tile(%d, %n)\n" +
               shaped("v", "e", "2, 4, 5, 6") + tail,
           kInput3 + kFused + " reshape"},
      },
      fuse_attention, kClose);
  Graph graph =
      graph_of(operands + copies + "%a = expand_dims(%y) {axes = [3]}\n%b = tile(%a, %n)\n" +
               shaped("c", "b", "2, 5, 4, 7") + permuted("k", "c", "0, 2, 1, 3") +
               "%d = expand_dims(%z) {axes = [3]}\n%e = tile(%d, %n)\n" +
               shaped("f", "e", "2, 5, 4, 6") + permuted("v", "f", "0, 2, 1, 3") + tail);
  ASSERT_TRUE(fuse_attention(graph));
  const auto fused = std::find_if(graph.nodes.begin(), graph.nodes.end(), [](const Node& node) {
    return std::holds_alternative<ops::Attention>(node.op);
  });
  ASSERT_NE(fused, graph.nodes.end());
  EXPECT_EQ(std::get<ops::Attention>(fused->op).heads, 4);
  EXPECT_EQ(std::get<ops::Attention>(fused->op).key_heads, 2);
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
