// fuse_gather, fuse_einsum, fuse_transpose, fuse_moments, simplify_masks and what
// fuse_normalization and fuse_softmax complete: the spellings of TensorFlow's own functions.
#include "runtime/passes/passes.h"
#include "tests/passes/pass_test_util.h"

namespace thaw {
namespace {

using test::check_rows;
using test::graph_of;
using test::ops_of;
using test::random_constant;

std::string constant(const std::string& name, const std::string& value) {
  return "%" + name + " = constant() {value = " + value + "}\n";
}
std::string binary(const std::string& result, const std::string& kind, const std::string& x,
                   const std::string& y) {
  return "%" + result + " = binary(%" + x + ", %" + y + ") {kind = " + kind + "}\n";
}
std::string unary(const std::string& result, const std::string& fn, const std::string& x) {
  return "%" + result + " = unary(%" + x + ") {fn = " + fn + "}\n";
}
const std::string kOut = "outputs(%y)";

TEST(FuseGather, IndicesFromTheEnd) {
  const std::string start = random_constant("t", "float32", {4, 3}, 1) +
                            constant("i", "int32[5](0, -1, 3, -4, 2)") +
                            constant("z", "int32[](0)") + constant("n", "int32[](4)") +
                            constant("m", "int32[](3)") + binary("s", "add", "i", "n");
  const std::string below = start + binary("b", "less", "i", "z");
  const std::string above = start + binary("b", "greater_equal", "i", "z");
  check_rows(
      {{"where below 0", below + "%j = select(%b, %s, %i)\n%y = gather(%t, %j)\n" + kOut, "gather"},
       {"where not", above + "%j = select(%b, %i, %s)\n%y = gather(%t, %j)\n" + kOut, "gather"}},
      fuse_gather);
  Graph other = graph_of(below + "%u = select(%b, %i, %s)\n%y = gather(%t, %i)\n" + "outputs(%u)");
  EXPECT_FALSE(fuse_gather(other)) << ops_of(other);
}

TEST(FuseEinsum, OfAWeight) {
  const std::string x = "%x: float32[2, 5, 6] = input()\n";
  const std::string w = random_constant("w", "float32", {6, 2, 3}, 1),
                    v = random_constant("w", "float32", {2, 3, 6}, 2);
  const auto product = [](const std::string& equation) {
    return "%y = einsum(%x, %w) {equation = \"" + equation + "\"}\n" + kOut;
  };
  check_rows(
      {
          {"heads", x + w + product("abc,cde->abde"), "input matmul reshape"},
          {"an ellipsis", x + w + product("...c,cde->...de"), "input matmul reshape"},
          {"heads joined", "%x: float32[4, 5, 2, 3] = input()\n" + v + product("abcd,cde->abe"),
           "input reshape matmul reshape"},
          {"transposed weights", x + v + product("abc,dec->abde"), "input matmul reshape"},
          {"columns first", x + w + product("abc,cde->deab"), "input einsum"},
          {"a label of both", "%x: float32[4, 2, 6] = input()\n" + w + product("abc,cbe->abe"),
           "input einsum"},
      },
      fuse_einsum, 1e-6);
}

TEST(FuseTranspose, AroundProducts) {
  const std::string inputs = "%a: float32[2, 4, 3] = input()\n%b: float32[2, 5, 3] = input()\n" +
                             constant("p", "int32[3](0, 2, 1)") +
                             constant("r", "int32[3](2, 1, 0)");
  check_rows(
      {
          {"the second operand", inputs + "%t = transpose(%b, %p)\n%y = matmul(%a, %t)\n" + kOut,
           "input input matmul"},
          {"the result",
           inputs + "%s = matmul(%b, %a) {transpose_b = true}\n%y = transpose(%s, %p)\n" + kOut,
           "input input matmul"},
          {"the result, also used as it is",
           inputs + "%s = matmul(%b, %a) {transpose_b = true}\n%y = transpose(%s, %p)\n" +
               "outputs(%y, %s)",
           "input input matmul transpose"},
          {"other axes",
           inputs + "%s = matmul(%b, %a) {transpose_b = true}\n%y = transpose(%s, %r)\n" + kOut,
           "input input matmul transpose"},
      },
      fuse_transpose, 1e-6);
}

TEST(FuseMoments, OfEqualWeights) {
  const std::string x = "%x: float32[2, 3, 2] = input()\n" + constant("axes", "int32[1](1)") +
                        constant("w", "float32[2, 3, 2](1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1)") +
                        constant("n", "float32[2, 1, 2](3, 3, 3, 3)") +
                        constant("k", "float32[2, 1, 2](3, 3, 3, 2)");
  const std::string sum =
      x + binary("p", "mul", "w", "x") + "%s = reduce(%p, %axes) {kind = sum, keep_dims = true}\n";
  check_rows({{"a mean", sum + binary("y", "div_no_nan", "s", "n") + kOut, "input identity reduce"},
              {"another divisor",
               x + "%s = reduce(%x, %axes) {kind = sum, keep_dims = true}\n" +
                   binary("y", "div_no_nan", "s", "k") + kOut,
               "input reduce div_no_nan"}},
             fuse_moments, 1e-6);
}

TEST(SimplifyMasks, Rows) {
  const std::string x = "%x: float32[2, 3] = input()\n%u: float32[2, 3] = input()\n" +
                        constant("c", "float32[](7)") + constant("z", "float32[](0)") +
                        binary("m", "greater", "u", "z") + unary("n", "logical_not", "m");
  const std::string truths = constant("t", "bool[2, 3](true, true, true, true, true, true)");
  check_rows(
      {
          {"a negation", x + "%y = select(%n, %x, %u)\n" + kOut, "input input greater select"},
          {"a number taken away",
           x + "%f = cast(%n) {dtype = float32}\n" + binary("p", "mul", "c", "f") +
               binary("y", "sub", "x", "p") + kOut,
           "input input greater sub select"},
          {"met twice",
           x + binary("o", "greater", "x", "z") + binary("a", "logical_and", "m", "o") +
               binary("b", "logical_and", "a", "o") + "%y = select(%b, %x, %u)\n" + kOut,
           "input input greater greater logical_and identity select"},
          {"truths",
           x + truths + binary("a", "logical_and", "t", "m") + "%y = select(%a, %x, %u)\n" + kOut,
           "input input greater select"},
          {"an axis by a slice",
           "%x: float32[2, 3] = input()\n" + constant("b", "int32[3](0, 0, 0)") +
               constant("s", "int32[3](1, 1, 1)") +
               "%y = strided_slice(%x, %b, %b, %s) {begin_mask = 5, end_mask = 5, new_axis_mask = "
               "2}\n" +
               kOut,
           "input expand_dims"},
          {"all of a stack",
           x + "%a = expand_dims(%m) {axes = [0]}\n" + binary("o", "greater", "x", "z") +
               "%b = expand_dims(%o) {axes = [0]}\n%d = concat(%a, %b) {axis = 0}\n" +
               constant("axes", "int32[1](0)") +
               "%e = reduce(%d, %axes) {kind = all}\n%y = select(%e, %x, %u)\n" + kOut,
           "input input greater expand_dims greater expand_dims squeeze squeeze logical_and "
           "select"},
      },
      simplify_masks);
}

TEST(FuseSoftmax, BehindLogarithmsAndMaxima) {
  const std::string start = "%x: float32[2, 3, 4] = input()\n" +
                            constant("axes", "int32[2](1, 2)") + constant("z", "float32[](0)") +
                            "%max = reduce(%x, %axes) {kind = max, keep_dims = true}\n";
  const std::string logarithm =
      start + unary("f", "is_finite", "max") + "%m = select(%f, %max, %z)\n" +
      binary("d", "sub", "x", "m") + unary("e", "exp", "d") +
      "%s = reduce(%e, %axes) {kind = sum, keep_dims = true}\n" + unary("l", "log", "s") +
      binary("k", "add", "l", "m") + binary("n", "sub", "x", "k");
  check_rows(
      {
          {"tf.reduce_logsumexp", logarithm + unary("y", "exp", "n") + kOut, "input softmax"},
          {"its logarithm", logarithm + "outputs(%n)", "input softmax"},
          {"less the maximum",
           start + binary("d", "sub", "x", "max") + "%y = softmax(%d) {axes = [1, 2]}\n" + kOut,
           "input softmax"},
          {"less the maximum of more",
           start + binary("d", "sub", "x", "max") + "%y = softmax(%d) {axes = [2]}\n" + kOut,
           "input reduce sub softmax"},
      },
      [](Graph& graph) {
        bool changed = false;
        while (fuse_softmax(graph)) changed = true;
        return changed;
      },
      1e-5);
}

bool normalize_all(Graph& graph) {
  bool changed = false;
  while (fuse_normalization(graph)) changed = true;
  return changed;
}

// tf-keras' LayerNormalization over several axes, and in half types.
TEST(FuseNormalization, RowsOfAnyAxes) {
  const auto rows = [](const std::string& middle) {
    return "%x: float32[3, 4, 5, 2] = input()\n" + constant("a", "int32[4](" + middle + ")") +
           constant("b", "int32[4](3, 4, 5, 2)") + random_constant("g", "float32", {4, 5, 2}, 1) +
           "%r = reshape(%x, %a)\n%n = normalize(%r) {axes = [0, 2, 3], epsilon = 0.01}\n"
           "%s = reshape(%n, %b)\n" +
           binary("y", "mul", "s", "g") + kOut;
  };
  check_rows({{"three axes", rows("1, 3, 40, 1"), "input normalize"},
              {"no row", rows("1, 6, 20, 1"), "input reshape normalize reshape mul"}},
             normalize_all, 1e-5);
  const std::string half = "%x: float16[3, 6] = input()\n" + constant("a", "int32[4](1, 3, 6, 1)") +
                           constant("b", "int32[2](3, 6)") +
                           random_constant("g", "float16", {6}, 1) +
                           random_constant("o", "float16", {6}, 2) +
                           "%r = reshape(%x, %a)\n%w = cast(%r) {dtype = float32}\n"
                           "%n = normalize(%w) {axes = [0, 2, 3], epsilon = 0.01}\n"
                           "%c = cast(%n) {dtype = float16}\n%s = reshape(%c, %b)\n" +
                           binary("t", "mul", "s", "g") + binary("y", "add", "t", "o") + kOut;
  check_rows({{"half", half, "input cast normalize cast"}}, normalize_all, 4e-3);
}

TEST(FuseNormalization, OfRoundedMoments) {
  const std::string text =
      "%x: float16[3, 6] = input()\n" + constant("axes", "int32[1](1)") +
      constant("eps", "float16[](0.01)") + random_constant("g", "float16", {6}, 1) +
      random_constant("b", "float16", {6}, 2) +
      "%w = cast(%x) {dtype = float32}\n%m = reduce(%w, %axes) {kind = mean, keep_dims = true}\n" +
      binary("d", "squared_difference", "w", "m") +
      "%v = reduce(%d, %axes) {kind = mean, keep_dims = true}\n"
      "%mh = cast(%m) {dtype = float16}\n%vh = cast(%v) {dtype = float16}\n" +
      binary("ve", "add", "vh", "eps") + unary("r", "rsqrt", "ve") + binary("s", "mul", "r", "g") +
      binary("p", "mul", "x", "s") + binary("q", "mul", "mh", "s") + binary("o", "sub", "b", "q") +
      binary("y", "add", "p", "o") + kOut;
  check_rows({{"half", text, "input cast normalize cast"}}, normalize_all, 4e-3);
}

// One that is shared by users with constants of their own costs a pass more than one for each.
TEST(FuseNormalization, IsPartedAmongUsers) {
  const std::string start =
      "%x: float32[3, 6] = input()\n" + random_constant("g", "float32", {6}, 1) +
      random_constant("h", "float32", {6}, 2) + "%n = normalize(%x) {axes = [1], epsilon = 0.01}\n";
  const std::string two = binary("s", "mul", "n", "g") + binary("y", "mul", "n", "h");
  check_rows({{"two", start + two + "outputs(%y, %s)", "input normalize normalize"},
              {"a result too", start + two + "outputs(%y, %s, %n)", "input normalize mul mul"}},
             normalize_all, 1e-5);
}

}  // namespace
}  // namespace thaw
