#include "runtime/ir/infer.h"
#include "tests/ir/infer_rows.h"

namespace thaw {
namespace {

using test::check;
using test::constant;
using test::in;
using test::ints;

std::string one(const std::string& type, const std::string& call) {
  return in("x", type) + "%y = " + call;
}

TEST(InferReduce, Reduce) {
  const auto reduce = [](const std::string& type, const std::string& axes,
                         const std::string& attributes) {
    return in("x", type) + axes + "%y = reduce(%x, %a) {" + attributes + "}";
  };
  check({
      {reduce("float32[2, ?, 4]", ints("a", "1"), ""), "float32[2, 4]"},
      {reduce("float32[2, ?, 4]", ints("a", "-1, 0"), "keep_dims = true"), "float32[1, ?, 1]"},
      {reduce("float32[2, 3]", ints("a", "0, 1"), "kind = mean"), "float32[]"},
      {reduce("float32[2, 3]", ints("a", ""), "kind = max"), "float32[2, 3]"},
      {reduce("float32[2, 3]", constant("a", "int32[](1)"), ""), "float32[2]"},
      {reduce("float32[2, 3]", in("a", "int32[1]"), ""), "float32[?]"},
      {reduce("float32[2, 3]", in("a", "int32[?]"), ""), "float32[...]"},
      {reduce("float32[2, 3]", in("a", "int32[?]"), "keep_dims = true"), "float32[?, ?]"},
      {reduce("float32[...]", ints("a", "1"), ""), "float32[...]"},
      {reduce("bool[2]", ints("a", "0"), "kind = any"), "bool[]"},
      {reduce("complex64[2]", ints("a", "0"), "kind = prod"), "complex64[]"},
      {reduce("float32[2, 3]", ints("a", "2"), ""),
       "error: axes: expected an axis in [-2, 2), found 2"},
      {reduce("float32[2, 3]", ints("a", "1, -1"), ""), "error: found axis 1 twice"},
      {reduce("float32[2]", in("a", "int32[3]"), ""), "error: axes: expected at most 1, found 3"},
      {reduce("float32[2]", ints("a", "0"), "kind = all"),
       "error: x: expected bool, found float32"},
      {reduce("complex64[2]", ints("a", "0"), "kind = max"), "error: expected a real type"},
      {reduce("string[2]", ints("a", "0"), ""), "error: expected a numeric type"},
      {reduce("float32[2]", in("a", "float32[1]"), ""), "error: axes: expected int32 or int64"},
  });
}

TEST(InferReduce, AlongAnAxis) {
  check({
      {one("float32[2, 3]", "arg_reduce(%x) {axis = -1}"), "int64[2]"},
      {one("bool[2, ?]", "arg_reduce(%x) {axis = 1, dtype = int32, minimum = true}"), "int32[2]"},
      {one("float32[...]", "arg_reduce(%x)"), "int64[...]"},
      {one("float32[0, 3]", "arg_reduce(%x) {axis = 1}"), "int64[0]"},
      {one("float32[0, 3]", "arg_reduce(%x)"), "error: expected elements along axis 0"},
      {one("float32[2]", "arg_reduce(%x) {axis = 1}"), "error: axis: expected an axis in [-1, 1)"},
      {one("float32[2]", "arg_reduce(%x) {dtype = float32}"),
       "error: dtype: expected an integer type"},
      {one("int32[2, ?]", "scan(%x) {axis = 1, exclusive = true}"), "int32[2, ?]"},
      {one("float32[]", "scan(%x)"), "error: axis: expected an axis in [0, 0)"},
      {one("bool[2]", "scan(%x)"), "error: expected a numeric type"},
      {one("float16[2, ?]", "softmax(%x) {axes = [-1]}"), "float16[2, ?]"},
      {one("float32[2, 3]", "softmax(%x) {axes = []}"), "error: axes: expected at least one"},
      {one("float32[2, 3]", "softmax(%x) {axes = [0, -2]}"), "error: found axis 0 twice"},
      {one("int32[2, 3]", "softmax(%x) {axes = [0]}"), "error: expected a floating type"},
      {one("float32[2, 3]", "where(%x)"), "int64[?, 2]"},
      {one("bool[...]", "where(%x)"), "int64[?, ?]"},
      {one("string[2]", "where(%x)"), "error: condition: expected"},
  });
}

TEST(InferReduce, Normalize) {
  const std::string x =
      in("x", "float32[2, ?, 4]") + in("g", "float32[4]") + in("b", "float32[1, 1, 4]");
  check({
      {x + "%y = normalize(%x) {axes = [-1]}", "float32[2, ?, 4]"},
      {x + "%y = normalize(%x, %g, %b) {axes = [1], has_scale = true, has_offset = true}",
       "float32[2, ?, 4]"},
      {x + "%y = normalize(%x, %b) {axes = [1], has_offset = true}", "float32[2, ?, 4]"},
      {x + "%y = normalize(%x, %g) {axes = [1]}", "error: expected 1 operand(s), found 2"},
      {x + "%y = normalize(%x) {axes = [3]}", "error: axes: expected an axis in [-3, 3), found 3"},
      {x + in("w", "float32[5]") + "%y = normalize(%x, %w) {axes = [1], has_scale = true}",
       "error: do not broadcast"},
      {x + in("w", "float32[1, 1, 1, 4]") + "%y = normalize(%x, %w) {axes = [1], has_scale = true}",
       "error: scale: expected a shape that broadcasts to [2, ?, 4]"},
      {x + in("w", "float64[4]") + "%y = normalize(%x, %w) {axes = [1], has_offset = true}",
       "error: offset: expected float32"},
  });
}

TEST(InferReduce, TopK) {
  check({
      {in("x", "float32[?, 5]") + constant("k", "int32[](3)") + "%v, %i = top_k(%x, %k)",
       "float32[?, 3], int32[?, 3]"},
      {in("x", "float32[?, 5]") + in("k", "int32[]") + "%v, %i = top_k(%x, %k) {dtype = int64}",
       "float32[?, ?], int64[?, ?]"},
      {in("x", "float32[5]") + constant("k", "int32[](0)") + "%v, %i = top_k(%x, %k)",
       "float32[0], int32[0]"},
      {in("x", "float32[5]") + constant("k", "int32[](6)") + "%v, %i = top_k(%x, %k)",
       "error: k: expected at most 5, found 6"},
      {in("x", "float32[5]") + constant("k", "int32[](-1)") + "%v, %i = top_k(%x, %k)",
       "error: k: expected no negative number"},
      {in("x", "float32[]") + constant("k", "int32[](1)") + "%v, %i = top_k(%x, %k)",
       "error: x: expected at least 1 dimension(s)"},
      {in("x", "float32[5]") + constant("k", "int32[1](1)") + "%v, %i = top_k(%x, %k)",
       "error: k: expected a scalar"},
      {in("x", "float32[5]") + constant("k", "int32[](1)") + "%v = top_k(%x, %k)",
       "error: expected 2 result(s), found 1"},
  });
}

TEST(InferReduce, Gather) {
  const auto gather = [](const std::string& params, const std::string& indices,
                         const std::string& attributes) {
    return in("p", params) + in("i", indices) + "%y = gather(%p, %i) {" + attributes + "}";
  };
  check({
      {gather("float32[10, 4]", "int32[?, 3]", ""), "float32[?, 3, 4]"},
      {gather("string[10]", "int64[]", ""), "string[]"},
      {gather("float32[2, 5, 4]", "int32[2, 3]", "axis = 1, batch_dims = 1"), "float32[2, 3, 4]"},
      {gather("float32[?, 5, 4]", "int32[2, 3]", "axis = -1, batch_dims = -1"), "float32[2, 5, 3]"},
      {gather("float32[2, 5, 4]", "int32[2, 3, 6]", "axis = 2, batch_dims = 1"),
       "float32[2, 5, 3, 6]"},
      {gather("float32[...]", "int32[3]", ""), "float32[...]"},
      {gather("float32[2, 5]", "int32[3, 3]", "axis = 1, batch_dims = 1"),
       "error: batch axis 0 of indices: expected 2, found 3"},
      {gather("float32[2, 5]", "int32[2, 3]", "axis = 0, batch_dims = 1"),
       "error: batch_dims: expected at most axis 0"},
      {gather("float32[2, 5]", "int32[2]", "axis = 2"), "error: axis: expected an axis in [-2, 2)"},
      {gather("float32[2, 5]", "int32[2]", "axis = 1, batch_dims = 2"),
       "error: batch_dims: expected at most 1"},
      {gather("float32[]", "int32[2]", ""), "error: params: expected at least 1 dimension(s)"},
      {gather("float32[2]", "float32[2]", ""),
       "error: indices: expected int16, int32 or int64, found float32"},
  });
}

TEST(InferReduce, GatherNdScatterOneHot) {
  const auto nd = [](const std::string& params, const std::string& indices,
                     const std::string& attributes) {
    return in("p", params) + in("i", indices) + "%y = gather_nd(%p, %i) {" + attributes + "}";
  };
  const auto scatter = [](const std::string& tensor, const std::string& indices,
                          const std::string& updates) {
    return in("t", tensor) + in("i", indices) + in("u", updates) +
           "%y = scatter(%t, %i, %u) {kind = add}";
  };
  const auto one_hot = [](const std::string& depth, const std::string& attributes) {
    return in("i", "uint8[2, ?]") + depth + in("v", "float32[]") +
           "%y = one_hot(%i, %d, %v, %v) {" + attributes + "}";
  };
  check({
      {nd("float32[4, 5, 6]", "int32[?, 2]", ""), "float32[?, 6]"},
      {nd("float32[4, 5, 6]", "int32[3]", ""), "float32[]"},
      {nd("float32[4, 5, 6]", "int32[?, 0]", ""), "float32[?, 4, 5, 6]"},
      {nd("float32[4, 5, 6]", "int32[4, 7, 1]", "batch_dims = 1"), "float32[4, 7, 6]"},
      {nd("float32[4, 5]", "int32[3, ?]", ""), "float32[...]"},
      {nd("float32[4, 5]", "int32[3, 3]", ""), "error: indices: expected at most 2 numbers each"},
      {nd("float32[4, 5]", "int32[3, 1]", "batch_dims = 1"),
       "error: batch axis 0 of indices: expected 4, found 3"},
      {nd("float32[4, 5]", "int32[3, 1]", "batch_dims = 2"), "error: batch_dims"},
      {nd("float32[4, 5]", "int32[]", ""), "error: indices: expected at least 1 dimension(s)"},
      {scatter("float32[4, 5]", "int32[3, 1]", "float32[3, 5]"), "float32[4, 5]"},
      {scatter("float32[4, 5]", "int64[?, 2]", "float32[?]"), "float32[4, 5]"},
      {scatter("float32[...]", "int64[?, 2]", "float32[?]"), "float32[...]"},
      {scatter("float32[4, 5]", "int32[3, 1]", "float32[3, 4]"),
       "error: updates: expected shape [3, 5], found [3, 4]"},
      {scatter("float32[4, 5]", "int32[3, 3]", "float32[3]"),
       "error: indices: expected at most 2 numbers each"},
      {scatter("float32[4, 5]", "int32[3, 1]", "int32[3, 5]"),
       "error: updates: expected float32, found int32"},
      {scatter("bool[4]", "int32[3, 1]", "bool[3]"), "error: tensor: expected a numeric type"},
      {one_hot(constant("d", "int32[](7)"), ""), "float32[2, ?, 7]"},
      {one_hot(constant("d", "int32[](7)"), "axis = 0"), "float32[7, 2, ?]"},
      {one_hot(in("d", "int32[]"), "axis = 1"), "float32[2, ?, ?]"},
      {one_hot(constant("d", "int32[](-7)"), ""), "error: depth: expected no negative number"},
      {one_hot(constant("d", "int32[](7)"), "axis = 3"),
       "error: axis: expected an axis in [-3, 3)"},
      {one_hot(constant("d", "int32[](7)"), "axis = -2"), "error: axis: expected at least -1"},
      {in("i", "float32[2]") + in("d", "int32[]") + in("v", "float32[]") +
           "%y = one_hot(%i, %d, %v, %v)",
       "error: indices: expected an integer type"},
      {in("i", "int32[2]") + in("d", "int32[]") + in("v", "float32[]") + in("w", "int32[]") +
           "%y = one_hot(%i, %d, %v, %w)",
       "error: off: expected float32, found int32"},
  });
}

TEST(InferReduce, Rnn) {
  const std::string lstm = in("x", "float32[?, 7, 3]") + in("k", "float32[3, 20]") +
                           in("r", "float32[5, 20]") + in("b", "float32[20]") +
                           in("m", "bool[?, 7]") + in("h", "float32[4, 5]");
  const std::string gru = in("x", "float32[7, ?, 3]") + in("k", "float32[3, 15]") +
                          in("r", "float32[5, 15]") + in("b", "float32[15]") +
                          in("c", "float32[2, 15]");
  check({
      {lstm + "%y, %s, %t = rnn(%x, %k, %r, %b)", "float32[?, 5], float32[?, 5], float32[?, 5]"},
      {lstm + "%y, %s, %t = rnn(%x, %k, %r, %b, %m, %h, %h) {has_mask = true, has_state = true, "
              "return_sequences = true}",
       "float32[4, 7, 5], float32[4, 5], float32[4, 5]"},
      {lstm + "%y, %s, %t = rnn(%x, %k, %r) {has_bias = false}",
       "float32[?, 5], float32[?, 5], float32[?, 5]"},
      {lstm + "%y, %s = rnn(%x, %k, %r, %b)", "error: expected 3 result(s), found 2"},
      {lstm + "%y, %s, %t = rnn(%x, %k, %r)", "error: expected 4 operand(s), found 3"},
      {lstm + "%y, %s, %t = rnn(%x, %r, %k, %b)",
       "error: kernel: expected shape [3, 12], found [5, 20]"},
      {lstm + "%y, %s, %t = rnn(%x, %k, %r, %h)", "error: bias: expected shape [20], found [4, 5]"},
      {lstm + "%y, %s, %t = rnn(%h, %k, %r, %b)", "error: x: expected 3 dimension(s)"},
      {lstm + "%y, %s, %t = rnn(%x, %k, %r, %b, %h) {has_mask = true}",
       "error: mask: expected bool, found float32"},
      {lstm + in("n", "bool[?, 6]") + "%y, %s, %t = rnn(%x, %k, %r, %b, %n) {has_mask = true}",
       "error: mask: expected shape [?, 7], found [?, 6]"},
      {lstm + in("g", "float32[4, 6]") +
           "%y, %s, %t = rnn(%x, %k, %r, %b, %h, %g) {has_state = true}",
       "error: initial c: expected shape [4, 5], found [4, 6]"},
      {lstm + "%y, %s, %t = rnn(%x, %k, %r, %b) {activation = is_nan}",
       "error: activation: is_nan"},
      {gru +
           "%y, %s = rnn(%x, %k, %r, %c) {cell = gru, time_major = true, return_sequences = true}",
       "float32[7, ?, 5], float32[?, 5]"},
      {gru + "%y, %s = rnn(%x, %k, %r, %b) {cell = gru, reset_after = false, time_major = true}",
       "float32[?, 5], float32[?, 5]"},
      {gru + "%y, %s = rnn(%x, %k, %r, %b) {cell = gru}",
       "error: bias: expected shape [2, 15], found [15]"},
      {in("x", "float64[2, 3, 4]") + in("k", "float64[4, 6]") + in("r", "float64[6, 6]") +
           "%y, %s = rnn(%x, %k, %r) {cell = simple, has_bias = false}",
       "float64[2, 6], float64[2, 6]"},
      {in("x", "int32[2, 3, 4]") + in("k", "int32[4, 6]") + in("r", "int32[6, 6]") +
           "%y, %s = rnn(%x, %k, %r) {cell = simple, has_bias = false}",
       "error: x: expected a floating type"},
  });
}

TEST(InferReduce, ControlFlow) {
  const std::string subgraphs =
      "subgraph \"double\" { %a: float32[?, 3] = input() %b = binary(%a, %a) outputs(%b) }\n"
      "subgraph \"stack\" { %a: float32[?, 3] = input() %b = concat(%a, %a) outputs(%b) }\n"
      "subgraph \"sum\" { %a: float32[?, 3] = input() %n = constant() {value = int64[2](0, 1)}\n"
      "  %b = reduce(%a, %n) outputs(%b) }\n"
      "subgraph \"count\" { %a: float32[?, 3] = input() %b = shape_query(%a) {kind = size} "
      "outputs(%b) }\n"
      "subgraph \"two\" { %a: float32[?, 3] = input() outputs(%a, %a) }\n" +
      in("x", "float32[2, 3]") + in("p", "bool[]") + in("w", "float32[2, 4]");
  check({
      {subgraphs + "%y = if(%p, %x) {then_graph = 0, else_graph = 0}", "float32[?, 3]"},
      {subgraphs + "%y = if(%p, %x) {then_graph = 0, else_graph = 2}", "float32[...]"},
      {subgraphs + "%y = if(%p, %x) {then_graph = 0, else_graph = 3}",
       "error: result 0 of else: expected float32, found int32"},
      {subgraphs + "%y = if(%p, %x) {then_graph = 0, else_graph = 4}",
       "error: else: expected 1 result(s) as then has, found 2"},
      {subgraphs + "%y = if(%p, %x) {then_graph = 9}",
       "error: then: expected a sub-graph in [0, 5), found 9"},
      {subgraphs + "%y = if(%p, %w)",
       "error: argument 0 of then: expected float32[?, 3], found float32[2, 4]"},
      {subgraphs + "%y = if(%p)", "error: then: expected 1 argument(s), found 0"},
      {subgraphs + "%y, %z = if(%p, %x)", "error: expected 1 result(s), found 2"},
      {subgraphs + "%y = while(%x) {cond = 3, body = 1}", "float32[?, 3]"},
      {subgraphs + "%y = while(%x) {cond = 3, body = 2}",
       "error: result 0 of body: expected float32[?, 3], found float32[]"},
      {subgraphs + "%y = while(%x) {cond = 4, body = 0}",
       "error: cond: expected 1 result, found 2"},
      {subgraphs + "%y = while(%x) {cond = 3, body = 4}",
       "error: body: expected 1 result(s), found 2"},
      {subgraphs + "%y = while(%x) {cond = 3, body = 7}", "error: body: expected a sub-graph"},
      {subgraphs + "%y = while(%p) {cond = 3, body = 0}",
       "error: argument 0 of cond: expected float32, found bool"},
  });
}

TEST(InferReduce, Lists) {
  const std::string list = in("l", "tensor_list[]") + in("i", "int32[]") +
                           in("x", "float32[2, 3]") + constant("s", "int32[2](-1, 3)") +
                           constant("u", "int32[](-1)") + in("d", "int32[3]");
  check({
      {list + "%y = list_reserve(%s, %i)", "tensor_list[]"},
      {list + "%y = list_from_tensor(%x)", "tensor_list[]"},
      {list + "%y = list_get(%l, %i, %s)", "float32[?, 3]"},
      {list + "%y = list_get(%l, %i, %u) {dtype = int32}", "int32[...]"},
      {list + "%y = list_get(%l, %i, %d)", "float32[?, ?, ?]"},
      {list + "%y = list_set(%l, %i, %x)", "tensor_list[]"},
      {list + "%y = list_push_back(%l, %x)", "tensor_list[]"},
      {list + "%y, %z = list_pop_back(%l, %s)", "tensor_list[], float32[?, 3]"},
      {list + "%y = list_stack(%l, %s)", "float32[?, ?, 3]"},
      {list + "%y = list_stack(%l, %u)", "float32[...]"},
      {list + "%y = list_length(%l)", "int32[]"},
      {list + "%y = list_length(%x)", "error: list: expected tensor_list, found float32"},
      {list + "%y = list_from_tensor(%i)", "error: tensor: expected at least 1 dimension(s)"},
      {list + "%y = list_get(%l, %x, %s)", "error: index: expected int32 or int64"},
      {list + "%y = list_get(%l, %i, %i) {dtype = invalid}", "error: item: expected a type"},
      {list + constant("n", "int32[](5)") + "%y = list_get(%l, %i, %n)",
       "error: element_shape: expected a vector or -1"},
      {list + constant("n", "int32[1](-2)") + "%y = list_stack(%l, %n)",
       "error: element_shape: expected sizes of at least -1"},
      {list + constant("n", "int32[](-5)") + "%y = list_reserve(%s, %n)",
       "error: count: expected no negative number"},
      {list + "%y = list_set(%l, %x, %x)", "error: index"},
  });
}

}  // namespace
}  // namespace thaw
