#include <fstream>
#include <numeric>
#include <sstream>

#include "runtime/ir/infer.h"
#include "tests/ir/infer_rows.h"

namespace thaw {
namespace {

using test::check;
using test::constant;
using test::in;
using test::ints;

std::string with_ints(const std::string& type, const std::string& op, const std::string& values) {
  return in("x", type) + ints("s", values) + "%y = " + op + "(%x, %s)";
}
/// The vector is an operand whose elements are unknown.
std::string with_unknown(const std::string& type, const std::string& op,
                         const std::string& vector) {
  return in("x", type) + in("s", vector) + "%y = " + op + "(%x, %s)";
}
std::string one(const std::string& type, const std::string& call) {
  return in("x", type) + "%y = " + call;
}

TEST(InferShape, Reshape) {
  check({
      {with_ints("float32[2, 6]", "reshape", "3, 4"), "float32[3, 4]"},
      {with_ints("float32[2, 6]", "reshape", "-1"), "float32[12]"},
      {with_ints("float32[2, 6]", "reshape", "4, -1"), "float32[4, 3]"},
      {with_ints("float32[?, 6]", "reshape", "-1, 3"), "float32[?, 3]"},
      {with_ints("float32[...]", "reshape", "5, 3"), "float32[5, 3]"},
      {with_ints("float32[1]", "reshape", ""), "float32[]"},
      {with_ints("float32[0, 3]", "reshape", "-1, 3"), "float32[0, 3]"},
      {with_ints("float32[0, 3]", "reshape", "0"), "float32[0]"},
      {with_unknown("float32[2, 6]", "reshape", "int32[3]"), "float32[?, ?, ?]"},
      {with_unknown("float32[2, 6]", "reshape", "int32[?]"), "float32[...]"},
      {with_ints("float32[2, 6]", "reshape", "5"), "error: expected one of 12 elements"},
      {with_ints("float32[2, 6]", "reshape", "5, -1"), "error: expected one of 12 elements"},
      {with_ints("float32[2, 6]", "reshape", "-1, -1"), "error: expected at most one -1"},
      {with_ints("float32[2, 6]", "reshape", "-2, 6"),
       "error: expected sizes of at least -1, found -2"},
      {with_ints("float32[0, 6]", "reshape", "0, -1"), "error: -1 cannot be inferred"},
      {with_ints("float32[?]", "reshape", "4000000000, 4000000000, 2"), "error: overflows"},
      {with_ints("float32[?]", "reshape", "4000000000, 1000000000"), "error: is too large"},
      {with_unknown("float32[2]", "reshape", "float32[3]"),
       "error: shape: expected int32 or int64"},
      {with_unknown("float32[2]", "reshape", "int32[3, 2]"), "error: expected a vector"},
      {with_unknown("float32[2]", "reshape", "int32[1000000000]"),
       "error: expected at most 32 dimensions"},
      {with_unknown("tensor_list[]", "reshape", "int32[1]"), "error: expected a tensor"},
  });
}

TEST(InferShape, QueriesAndAxes) {
  check({
      {one("float32[2, ?]", "shape_query(%x)"), "int32[2]"},
      {one("float32[...]", "shape_query(%x) {dtype = int64}"), "int64[?]"},
      {one("string[2]", "shape_query(%x) {kind = size}"), "int32[]"},
      {one("float32[2]", "shape_query(%x) {dtype = float32}"), "error: expected int32 or int64"},
      {one("float32[2, 3]", "expand_dims(%x) {axes = [1]}"), "float32[2, 1, 3]"},
      {one("float32[2, 3]", "expand_dims(%x) {axes = [-1, 0]}"), "float32[1, 2, 3, 1]"},
      {one("float32[...]", "expand_dims(%x) {axes = [1]}"), "float32[...]"},
      {one("float32[2]", "expand_dims(%x) {axes = [2]}"),
       "error: axes: expected an axis in [-2, 2), found 2"},
      {one("float32[2]", "expand_dims(%x) {axes = [1, -2]}"), "error: expected different axes"},
      {one("float32[1, 2, 1]", "squeeze(%x)"), "float32[2]"},
      {one("float32[1, ?]", "squeeze(%x)"), "float32[...]"},
      {one("float32[1, ?, 2]", "squeeze(%x) {axes = [1]}"), "float32[1, 2]"},
      {one("float32[1, 1]", "squeeze(%x) {axes = [0, -2]}"), "float32[1]"},
      {one("float32[1, 3]", "squeeze(%x) {axes = [1]}"), "error: expected a size of 1 at axis 1"},
      {one("float32[1, 3]", "squeeze(%x) {axes = [2]}"),
       "error: expected an axis in [-2, 2), found 2"},
  });
}

TEST(InferShape, TransposeBroadcastTile) {
  check({
      {with_ints("float32[2, ?, 4]", "transpose", "2, 0, 1"), "float32[4, 2, ?]"},
      {with_ints("float32[...]", "transpose", "1, 0"), "float32[?, ?]"},
      {with_unknown("float32[2, 3]", "transpose", "int32[2]"), "float32[?, ?]"},
      {with_unknown("float32[...]", "transpose", "int32[?]"), "float32[...]"},
      {with_ints("float32[2, 3]", "transpose", "0, 0"), "error: expected each axis of [2, 3] once"},
      {with_ints("float32[2, 3]", "transpose", "0, -1"), "error: expected each axis"},
      {with_ints("float32[2, 3]", "transpose", "0, 1, 2"), "error: expected 2 axes, found 3"},
      {with_ints("float32[3]", "broadcast_to", "2, 3"), "float32[2, 3]"},
      {with_ints("float32[?, 1]", "broadcast_to", "2, 3"), "float32[2, 3]"},
      {with_ints("string[]", "broadcast_to", ""), "string[]"},
      {with_ints("float32[...]", "broadcast_to", "4"), "float32[4]"},
      {with_unknown("float32[3]", "broadcast_to", "int32[2]"), "float32[?, ?]"},
      {with_ints("float32[3]", "broadcast_to", "2, 4"), "error: [3] does not broadcast to [2, 4]"},
      {with_ints("float32[1, 3]", "broadcast_to", "3"), "error: expected at least 2 sizes"},
      {with_ints("float32[1]", "broadcast_to", "-1"), "error: expected no negative size"},
      {with_ints("float32[2, ?]", "tile", "3, 2"), "float32[6, ?]"},
      {with_ints("float32[2, ?]", "tile", "3, 0"), "float32[6, 0]"},
      {with_ints("float32[...]", "tile", "3, 2"), "float32[?, ?]"},
      {with_unknown("float32[2, 3]", "tile", "int32[2]"), "float32[?, ?]"},
      {with_ints("float32[2, 3]", "tile", "3"), "error: multiples: expected 2"},
      {with_ints("float32[2]", "tile", "-1"), "error: expected no negative number"},
      {with_ints("float32[4000000000]", "tile", "4000000000"), "error: overflows"},
  });
}

TEST(InferShape, Range) {
  const auto range = [](const std::string& start, const std::string& limit,
                        const std::string& delta) {
    return constant("a", start) + constant("b", limit) + constant("c", delta) +
           "%y = range(%a, %b, %c)";
  };
  check({
      {range("int32[](0)", "int32[](10)", "int32[](3)"), "int32[4]"},
      {range("int32[](10)", "int32[](0)", "int32[](-3)"), "int32[4]"},
      {range("int64[](3)", "int64[](3)", "int64[](1)"), "int64[0]"},
      {range("float32[](0)", "float32[](1)", "float32[](0.1)"), "float32[10]"},
      {range("float64[](0)", "float64[](1)", "float64[](0.3)"), "float64[4]"},
      {range("uint8[](250)", "uint8[](255)", "uint8[](2)"), "uint8[3]"},
      {range("float16[](0)", "float16[](2)", "float16[](0.5)"), "float16[4]"},
      {in("a", "int32[]") + constant("b", "int32[](5)") + "%y = range(%a, %b, %b)", "int32[?]"},
      {range("int32[](0)", "int32[](10)", "int32[](0)"), "error: delta"},
      {range("int32[](0)", "int32[](10)", "int32[](-1)"), "error: lead from start to limit"},
      {range("float32[](0)", "float32[](nan)", "float32[](1)"), "error: found NaN"},
      {range("float32[](0)", "float32[](inf)", "float32[](1)"), "error: too many"},
      {range("int64[](-9223372036854775808)", "int64[](9223372036854775807)", "int64[](1)"),
       "error: too many"},
      {range("int32[](0)", "int64[](10)", "int32[](1)"),
       "error: limit: expected int32, found int64"},
      {range("int32[1](0)", "int32[](10)", "int32[](1)"), "error: start: expected a scalar"},
  });
}

TEST(InferShape, JoinAndSplit) {
  const std::string ab = in("a", "float32[?, 2]") + in("b", "float32[3, 4]") +
                         in("u", "float32[...]") + in("v", "float32[3]") + in("i", "int32[3, 4]");
  check({
      {ab + "%y = concat(%a, %b) {axis = 1}", "float32[3, 6]"},
      {ab + "%y = concat(%a, %b) {axis = -1}", "float32[3, 6]"},
      {ab + "%y = concat(%a, %a)", "float32[?, 2]"},
      {ab + "%y = concat(%u, %b) {axis = 0}", "float32[?, 4]"},
      {ab + "%y = concat(%u, %u)", "float32[...]"},
      {ab + "%y = concat(%b)", "float32[3, 4]"},
      {ab + "%y = concat()", "error: expected at least 1 operand(s), found 0"},
      {ab + "%y = concat(%a, %b)", "error: axis 1 of operand 1: expected 2, found 4"},
      {ab + "%y = concat(%b, %v)", "error: operand 1: expected 2 dimension(s)"},
      {ab + "%y = concat(%b, %i)", "error: operand 1: expected float32, found int32"},
      {ab + "%y = concat(%b) {axis = 2}", "error: expected an axis in [-2, 2), found 2"},
      {ab + "%y = stack(%b, %b, %u)", "float32[3, 3, 4]"},
      {ab + "%y = stack(%b, %b) {axis = -1}", "float32[3, 4, 2]"},
      {ab + "%y = stack(%b, %a)", "error: operand 1: expected shape [3, 4], found [?, 2]"},
      {ab + "%y = stack(%b) {axis = 3}", "error: expected an axis in [-3, 3), found 3"},
      {ab + "%p, %q = unstack(%a) {axis = 1}", "float32[?], float32[?]"},
      {ab + "%p, %q = unstack(%a)", "float32[2], float32[2]"},
      {ab + "%p, %q = unstack(%b)", "error: size of axis 0: expected 2, found 3"},
      {ab + "%p, %q = split(%b) {axis = 1}", "float32[3, 2], float32[3, 2]"},
      {ab + "%p, %q = split(%a)", "float32[?, 2], float32[?, 2]"},
      {ab + "%p, %q = split(%b)", "error: size 3 of axis 0 is not a multiple of 2"},
      {ab + ints("s", "1, -1") + "%p, %q = split(%b, %s) {axis = 1}",
       "float32[3, 1], float32[3, 3]"},
      {ab + ints("s", "1, 1") + "%p, %q = split(%a, %s) {axis = 0}",
       "float32[1, 2], float32[1, 2]"},
      {ab + in("s", "int32[2]") + "%p, %q = split(%b, %s)", "float32[?, 4], float32[?, 4]"},
      {ab + ints("s", "1, 1") + "%p, %q = split(%b, %s)", "error: expected a sum of 3, found 2"},
      {ab + ints("s", "4, -1") + "%p, %q = split(%b, %s)", "error: expected a sum of 3, found 4"},
      {ab + ints("s", "-1, -1") + "%p, %q = split(%b, %s)", "error: expected at most one -1"},
      {ab + ints("s", "3") + "%p, %q = split(%b, %s)", "error: sizes: expected 2, found 1"},
  });
}

TEST(InferShape, PadAndReverse) {
  const auto pad = [](const std::string& type, const std::string& paddings,
                      const std::string& mode) {
    return in("x", type) + constant("p", paddings) + "%y = pad(%x, %p) {mode = " + mode + "}";
  };
  check({
      {pad("float32[2, ?]", "int32[2, 2](1, 2, 0, 3)", "constant"), "float32[5, ?]"},
      {pad("string[2]", "int64[1, 2](1, 0)", "constant"), "string[3]"},
      {pad("float32[...]", "int64[1, 2](1, 0)", "constant"), "float32[?]"},
      {pad("float32[3]", "int64[1, 2](2, 2)", "reflect"), "float32[7]"},
      {pad("float32[3]", "int64[1, 2](3, 3)", "symmetric"), "float32[9]"},
      {in("x", "float32[3]") + in("p", "int32[1, 2]") + "%y = pad(%x, %p)", "float32[?]"},
      {pad("float32[3]", "int64[1, 2](3, 0)", "reflect"), "error: expected at most 2"},
      {pad("float32[3]", "int64[1, 2](0, 4)", "symmetric"), "error: expected at most 3"},
      {pad("float32[3]", "int64[1, 2](0, -1)", "constant"), "error: expected no negative size"},
      {pad("float32[3, 3]", "int64[1, 2](0, 1)", "constant"),
       "error: rows of paddings: expected 2, found 1"},
      {pad("float32[3]", "int64[1, 3](0, 1, 1)", "constant"), "error: columns of paddings"},
      {pad("float32[3]", "int64[2](0, 1)", "constant"), "error: paddings: expected 2 dimension(s)"},
      {in("x", "float32[3]") + constant("p", "int64[1, 2](0, 1)") + in("v", "float64[]") +
           "%y = pad(%x, %p, %v)",
       "error: value: expected float32, found float64"},
      {one("float32[2, 3]", "reverse(%x) {axes = [1, 0]}"), "float32[2, 3]"},
      {one("float32[2, 3]", "reverse(%x) {axes = [1, -1]}"), "error: expected different axes"},
      {in("x", "float32[?, 5]") + in("n", "int32[3]") + "%y = reverse_sequence(%x, %n)",
       "float32[3, 5]"},
      {in("x", "float32[2, 5]") + in("n", "int32[3]") + "%y = reverse_sequence(%x, %n)",
       "error: lengths: expected 2, found 3"},
      {in("x", "float32[2, 5]") + in("n", "int32[2]") +
           "%y = reverse_sequence(%x, %n) {sequence_axis = 0}",
       "error: expected different sequence and batch axes"},
      {in("x", "float32[2, 5]") + in("n", "float32[2]") + "%y = reverse_sequence(%x, %n)",
       "error: lengths"},
  });
}

TEST(InferShape, Slice) {
  const auto slice = [](const std::string& type, const std::string& begin,
                        const std::string& size) {
    return in("x", type) + ints("b", begin) + ints("s", size) + "%y = slice(%x, %b, %s)";
  };
  check({
      {slice("float32[4, ?]", "1, 0", "-1, 2"), "float32[3, 2]"},
      {slice("float32[4, ?]", "4, 1", "0, -1"), "float32[0, ?]"},
      {slice("float32[...]", "4, 1", "0, -1"), "float32[0, ?]"},
      {slice("float32[]", "", ""), "float32[]"},
      {in("x", "float32[4, 5]") + in("b", "int32[2]") + ints("s", "2, -1") +
           "%y = slice(%x, %b, %s)",
       "float32[2, ?]"},
      {in("x", "float32[4, 5]") + ints("b", "0, 0") + in("s", "int64[2]") +
           "%y = slice(%x, %b, %s)",
       "float32[?, ?]"},
      {slice("float32[4]", "5", "0"), "error: begin: expected at most 4 for axis 0, found 5"},
      {slice("float32[4]", "-1", "1"), "error: begin"},
      {slice("float32[4]", "2", "3"), "error: size: expected at most 2"},
      {slice("float32[4]", "2", "-2"), "error: size"},
      {slice("float32[4]", "9223372036854775807", "9223372036854775807"), "error: begin"},
      {slice("float32[?]", "9223372036854775807", "9223372036854775807"), "error: too large"},
      {slice("float32[4]", "0, 0", "1, 1"), "error: length of begin: expected 1, found 2"},
  });
}

TEST(InferShape, StridedSlice) {
  const auto slice = [](const std::string& type, const std::string& begin, const std::string& end,
                        const std::string& strides, const std::string& attributes) {
    return in("x", type) + ints("b", begin) + ints("e", end) + ints("s", strides) +
           "%y = strided_slice(%x, %b, %e, %s) {" + attributes + "}";
  };
  check({
      {slice("float32[?, 5]", "0, 1", "2, 4", "1, 2", ""), "float32[?, 2]"},
      {slice("float32[?, 5]", "0", "0", "1", "begin_mask = 1, end_mask = 1, ellipsis_mask = 1"),
       "float32[?, 5]"},
      {slice("float32[?, 5]", "0, -1", "0, 0", "1, 1", "ellipsis_mask = 1, shrink_axis_mask = 2"),
       "float32[?]"},
      {slice("float32[?, 5]", "0, 0", "0, 0", "1, 1", "new_axis_mask = 1, shrink_axis_mask = 2"),
       "float32[1, 5]"},
      {slice("float32[...]", "0", "1", "1", ""), "float32[...]"},
      {in("x", "float32[4, 5]") + in("b", "int32[1]") + ints("e", "0") + ints("s", "1") +
           "%y = strided_slice(%x, %b, %e, %s) {shrink_axis_mask = 1}",
       "float32[5]"},
      {in("x", "float32[4, 5]") + in("b", "int64[1]") + ints("e", "0") + ints("s", "1") +
           "%y = strided_slice(%x, %b, %e, %s) {shrink_axis_mask = 1}",
       "float32[5]"},
      {in("x", "float32[4, 5]") + in("b", "int64[1]") + ints("e", "0") + ints("s", "1") +
           "%y = strided_slice(%x, %b, %e, %s) {begin_mask = 1}",
       "float32[0, 5]"},
      {in("x", "float32[4, 5]") + in("b", "int64[1]") + ints("e", "3") + ints("s", "1") +
           "%y = strided_slice(%x, %b, %e, %s)",
       "float32[?, 5]"},
      {in("x", "float32[4, 5]") + in("b", "int64[?]") + in("e", "int64[?]") + in("s", "int64[?]") +
           "%y = strided_slice(%x, %b, %e, %s)",
       "float32[...]"},
      {slice("float32[5]", "5", "0", "1", "shrink_axis_mask = 1"),
       "error: index 5 is outside axis 0 of size 5"},
      {slice("float32[5]", "0", "1", "0", ""), "error: expected a number other than 0"},
      {slice("float32[5]", "0", "1", "-1", "shrink_axis_mask = 1"),
       "error: expected a positive number"},
      {slice("float32[5]", "0, 0", "1, 1", "1, 1", ""),
       "error: expected at most 1 indices, found 2"},
      {slice("float32[5]", "0, 0", "1, 1", "1, 1", "ellipsis_mask = 3"),
       "error: expected at most one ellipsis"},
      {slice("float32[5]", "0", "1, 1", "1, 1", ""), "error: length of begin, end, strides"},
  });
}

std::vector<std::int64_t> numbers(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::int64_t> values;
  for (std::int64_t value; stream >> value;) values.push_back(value);
  return values;
}

/// Elements of the slice of 0, 1, 2, ...
std::vector<std::int64_t> sliced(const Shape& input, const DenseSlice& slice) {
  std::vector<std::int64_t> elements, index(slice.size.size(), 0);
  for (const std::int64_t size : slice.size) {
    if (size == 0) return {};
  }
  for (;;) {
    std::int64_t flat = 0;
    for (std::size_t i = 0; i < index.size(); ++i) {
      flat = flat * input[static_cast<int>(i)] + slice.begin[i] + index[i] * slice.stride[i];
    }
    elements.push_back(flat);
    std::size_t axis = index.size();
    while (axis > 0 && ++index[axis - 1] == slice.size[axis - 1]) index[--axis] = 0;
    if (axis == 0) return elements;
  }
}

// strided_slice.txt holds TensorFlow's results (make_strided_slice.py).
TEST(InferShape, StridedSliceAsTensorFlow) {
  std::ifstream file(THAW_SOURCE_DIR "/tests/ir/strided_slice.txt");
  int cases = 0, errors = 0;
  for (std::string line; std::getline(file, line);) {
    std::vector<std::string> columns(1);
    for (const char c : line) {
      if (c == '|') {
        columns.emplace_back();
      } else {
        columns.back() += c;
      }
    }
    ASSERT_EQ(columns.size(), 6u) << line;
    const Shape input(numbers(columns[0]));
    const auto masks = numbers(columns[4]);
    ASSERT_EQ(masks.size(), 5u) << line;
    const ops::StridedSlice op{masks[0], masks[1], masks[2], masks[3], masks[4]};
    ++cases;
    if (columns[5] == " error") {
      ++errors;
      EXPECT_THROW(
          dense_slice(input, op, numbers(columns[1]), numbers(columns[2]), numbers(columns[3])),
          Error)
          << line;
      continue;
    }
    const std::size_t colon = columns[5].find(':');
    try {
      const DenseSlice dense =
          dense_slice(input, op, numbers(columns[1]), numbers(columns[2]), numbers(columns[3]));
      EXPECT_EQ(dense.shape, numbers(columns[5].substr(0, colon))) << line;
      EXPECT_EQ(sliced(input, dense), numbers(columns[5].substr(colon + 1))) << line;
    } catch (const Error& error) {
      ADD_FAILURE() << line << "\n" << error.what();
    }
  }
  EXPECT_GE(cases, 1500);
  EXPECT_GE(errors, 100);
}

}  // namespace
}  // namespace thaw
