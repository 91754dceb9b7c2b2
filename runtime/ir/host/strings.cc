// Strings: regular expressions, splitting, joining, numbers, hashes, Unicode.
#include <algorithm>

#include "runtime/base/text_encoding.h"
#include "runtime/ir/host/families.h"

namespace thaw::host_types {
namespace {

using inference::Context;
using inference::Types;

void expect_strings(const Context& context, int i, std::string_view what) {
  inference::expect_type(context.dtype(i) == DType::string, what, "string", context.dtype(i));
}

void expect_index_vector(const Context& context, int i, std::string_view what) {
  inference::expect_index_type(what, context.dtype(i));
  inference::expect_rank(context.shape(i), 1, what);
}

/// Refuses what an attribute may not be; the importers take them from files as they stand.
void expect_one_of(const std::string& value, std::string_view what,
                   std::initializer_list<std::string_view> allowed) {
  if (std::ranges::find(allowed, std::string_view(value)) == allowed.end()) {
    inference::invalid("{} is '{}'", what, printable(value));
  }
}

Types texts_to_texts(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 1);
  expect_strings(context, 0, "input");
  return {context.type(0)};
}

Types string_case(const ops::HostCall& call, const Context& context) {
  expect_one_of(call.attributes.text("encoding"), "encoding", {"", "utf-8"});
  return texts_to_texts(call, context);
}

Types string_normalize(const ops::HostCall& call, const Context& context) {
  expect_one_of(call.attributes.text("form"), "form",
                {"NFC", "NFD", "NFKC", "NFKD", "NFKC_Casefold"});
  return texts_to_texts(call, context);
}

Types string_length(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 1);
  expect_strings(context, 0, "input");
  expect_one_of(call.attributes.text("unit"), "unit", {"BYTE", "UTF8_CHAR"});
  return {{DType::int32, context.shape(0)}};
}

Types substr(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 3);
  expect_strings(context, 0, "input");
  inference::expect_index_type("pos", context.dtype(1));
  inference::expect_same_type(context.dtype(1), "len", context.dtype(2));
  expect_one_of(call.attributes.text("unit"), "unit", {"BYTE", "UTF8_CHAR"});
  const Shape position = inference::merge_shape(context.shape(1), context.shape(2), "pos and len");
  return {{DType::string, broadcast(context.shape(0), position)}};
}

Types sparse_of_strings() {
  return {{DType::int64, Shape{kUnknownDim, 2}},
          {DType::string, Shape{kUnknownDim}},
          {DType::int64, Shape{2}}};
}

// (input [n], separators) -> the parts as a sparse matrix.
Types string_split(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 2);
  expect_strings(context, 0, "input");
  expect_strings(context, 1, "delimiter");
  inference::expect_rank(context.shape(0), 1, "input");
  inference::expect_rank(context.shape(1), 0, "delimiter");
  return sparse_of_strings();
}

Types string_ngrams(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 2);
  expect_strings(context, 0, "data");
  expect_index_vector(context, 1, "data_splits");
  for (const std::int64_t width : call.attributes.ints("ngram_widths")) {
    if (width < 1) inference::invalid("ngram_widths must contain positive values");
  }
  return {{DType::string, Shape{kUnknownDim}}, context.type(1)};
}

// A pattern and a rewrite that are no attributes are operands.
Types regex_replace(const ops::HostCall& call, const Context& context) {
  const bool fixed = call.attributes.has("pattern");
  inference::expect_operands(context, fixed ? 1 : 3);
  for (int i = 0; i < context.count(); ++i) expect_strings(context, i, "input");
  return {context.type(0)};
}

Types regex_full_match(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, call.attributes.has("pattern") ? 1 : 2);
  for (int i = 0; i < context.count(); ++i) expect_strings(context, i, "input");
  return {{DType::boolean, context.shape(0)}};
}

Types string_join(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 1, INT32_MAX);
  Shape shape;
  bool known = true;
  for (int i = 0; i < context.count(); ++i) {
    expect_strings(context, i, "input");
    if (!context.shape(i).has_rank()) known = false;
    if (!context.shape(i).has_rank() || context.shape(i).rank() == 0) continue;
    shape = shape.rank() == 0 ? context.shape(i)
                              : inference::merge_shape(shape, context.shape(i), "inputs");
  }
  if (!known && shape.rank() == 0) shape = Shape::unknown_rank();
  return {{DType::string, shape}};
}

Types reduce_join(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 2);
  expect_strings(context, 0, "inputs");
  inference::expect_index_type("reduction_indices", context.dtype(1));
  const auto axes = inference::ints_operand(context, 1, "reduction_indices");
  const Shape& shape = context.shape(0);
  if (!axes || !shape.has_rank()) return {{DType::string, Shape::unknown_rank()}};
  const std::vector<bool> reduced = inference::axis_flags(*axes, shape.rank(), "reduction_indices");
  std::vector<std::int64_t> dims;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (!reduced[static_cast<std::size_t>(axis)]) {
      dims.push_back(shape[axis]);
    } else if (call.attributes.flag("keep_dims")) {
      dims.push_back(1);
    }
  }
  return {{DType::string, Shape(dims)}};
}

Types unsorted_segment_join(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 3);
  expect_strings(context, 0, "inputs");
  inference::expect_index_type("segment_ids", context.dtype(1));
  inference::expect_index_type("num_segments", context.dtype(2));
  inference::expect_scalar(context, 2, "num_segments");
  const Shape &data = context.shape(0), &ids = context.shape(1);
  if (!data.has_rank() || !ids.has_rank()) return {{DType::string, Shape::unknown_rank()}};
  inference::expect_rank_at_least(data, ids.rank(), "inputs");
  const auto segments = inference::int_operand(context, 2, "num_segments");
  std::vector<std::int64_t> dims{segments && *segments >= 0 ? *segments : kUnknownDim};
  for (int axis = ids.rank(); axis < data.rank(); ++axis) dims.push_back(data[axis]);
  return {{DType::string, Shape(dims)}};
}

Types string_to_number(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 1);
  expect_strings(context, 0, "string_tensor");
  const DType dtype = call.attributes.dtype("dtype");
  const bool fits = dtype == DType::float32 || dtype == DType::float64 || dtype == DType::int32 ||
                    dtype == DType::int64 || dtype == DType::uint32 || dtype == DType::uint64;
  inference::expect_type(fits, "out_type", "a number of 32 or 64 bits", dtype);
  return {{dtype, context.shape(0)}};
}

// Digits and widths beyond this have no use but to fill memory.
constexpr std::int64_t kMaxDigits = 4096;

Types as_string(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 1);
  const DType dtype = context.dtype(0);
  const Attributes& attributes = call.attributes;
  const bool scientific = attributes.flag("scientific"), shortest = attributes.flag("shortest");
  inference::expect_type(inference::is_tensor(dtype), "input", "a tensor", dtype);
  if (!is_floating(dtype) && !is_complex(dtype) && dtype != DType::string) {
    if (scientific || shortest) {
      inference::invalid("scientific and shortest format not supported for datatype {}",
                         name_of(dtype));
    }
    if (attributes.integer("precision") >= 0) {
      inference::invalid("precision not supported for datatype {}", name_of(dtype));
    }
  }
  if (scientific && shortest) {
    inference::invalid("Cannot select both scientific and shortest notation");
  }
  const std::string& fill = attributes.text("fill");
  if (fill.size() > 1) inference::invalid("Fill string must be one or fewer characters");
  expect_one_of(fill, "fill", {"", " ", "0", "+", "-", "#"});
  if (attributes.integer("precision") > kMaxDigits || attributes.integer("width") > kMaxDigits) {
    fail(ErrorCode::unimplemented, "a width or precision above {}", kMaxDigits);
  }
  return {{DType::string, context.shape(0)}};
}

Types string_format(const ops::HostCall& call, const Context& context) {
  const std::string &text = call.attributes.text("template"),
                    &placeholder = call.attributes.text("placeholder");
  if (placeholder.empty()) fail(ErrorCode::unimplemented, "an empty placeholder");
  int places = 0;
  for (std::size_t at = text.find(placeholder); at != std::string::npos;
       at = text.find(placeholder, at + placeholder.size())) {
    ++places;
  }
  if (places != context.count()) {
    inference::invalid("num placeholders in template and num inputs must match: {} vs. {}", places,
                       context.count());
  }
  for (int i = 0; i < context.count(); ++i) {
    inference::expect_type(inference::is_tensor(context.dtype(i)), "inputs", "a tensor",
                           context.dtype(i));
  }
  return {{DType::string, Shape{}}};
}

Types string_hash(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 1);
  expect_strings(context, 0, "input");
  const std::string& method = call.attributes.text("method");
  expect_one_of(method, "method", {"farm", "sip", "murmur"});
  if (call.attributes.integer("buckets") < 1) inference::invalid("num_buckets must be at least 1");
  if (method == "sip" && call.attributes.ints("key").size() != 2) {
    inference::invalid("Key must have 2 elements");
  }
  return {{DType::int64, context.shape(0)}};
}

Types fingerprint(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 1);
  inference::expect_type(inference::is_tensor(context.dtype(0)), "data", "a tensor",
                         context.dtype(0));
  inference::expect_rank_at_least(context.shape(0), 1, "data");
  const bool known = context.shape(0).has_rank();
  return {{DType::uint8, Shape{known ? context.shape(0)[0] : kUnknownDim, 8}}};
}

// (columns...) -> (buckets): strings or int64, all of one shape.
Types hash_cross(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 2, INT32_MAX);
  if (call.attributes.integer("buckets") < 1) inference::invalid("num_buckets must be at least 1");
  Shape shape = context.shape(0);
  for (int i = 0; i < context.count(); ++i) {
    const DType dtype = context.dtype(i);
    inference::expect_type(dtype == DType::string || dtype == DType::int64, "columns",
                           "string or int64", dtype);
    shape = inference::merge_shape(shape, context.shape(i), "columns");
  }
  return {{DType::int64, shape}};
}

// ---- Unicode ----

void expect_policy(const Attributes& attributes) {
  expect_one_of(attributes.text("errors"), "errors", {"strict", "replace", "ignore"});
  const std::int64_t replacement = attributes.integer("replacement_char");
  if (replacement < 0 || replacement > 0x10FFFF) {
    inference::invalid("replacement_char out of unicode codepoint range");
  }
}

void expect_input_encoding(const Attributes& attributes) {
  const std::string& name = attributes.text("input_encoding");
  if (!unicode::encoding_from_name(name)) {
    fail(ErrorCode::unimplemented, "input encoding '{}'", printable(name));
  }
}

void expect_output_encoding(const Attributes& attributes) {
  expect_one_of(attributes.text("output_encoding"), "output_encoding",
                {"UTF-8", "UTF-16-BE", "UTF-32-BE"});
}

Types unicode_decode(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 1);
  expect_strings(context, 0, "input");
  expect_policy(call.attributes);
  expect_input_encoding(call.attributes);
  const DType splits = call.attributes.dtype("splits");
  inference::expect_index_type("Tsplits", splits);
  const Shape& shape = context.shape(0);
  const std::int64_t rows = shape.is_static() ? shape.num_elements() + 1 : kUnknownDim;
  return {{splits, Shape{rows}},
          {DType::int32, Shape{kUnknownDim}},
          {DType::int64, Shape{kUnknownDim}}};
}

Types unicode_encode(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 2);
  inference::expect_type(context.dtype(0) == DType::int32, "input_values", "int32",
                         context.dtype(0));
  inference::expect_rank(context.shape(0), 1, "input_values");
  expect_index_vector(context, 1, "input_splits");
  expect_policy(call.attributes);
  expect_output_encoding(call.attributes);
  const Shape& splits = context.shape(1);
  const bool known = splits.has_rank() && splits[0] > 0;
  return {{DType::string, Shape{known ? splits[0] - 1 : kUnknownDim}}};
}

Types unicode_transcode(const ops::HostCall& call, const Context& context) {
  expect_policy(call.attributes);
  expect_input_encoding(call.attributes);
  expect_output_encoding(call.attributes);
  return texts_to_texts(call, context);
}

Types unicode_script(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 1);
  inference::expect_type(context.dtype(0) == DType::int32, "input", "int32", context.dtype(0));
  return {context.type(0)};
}

}  // namespace

std::span<const HostFunction> strings() {
  static constexpr HostFunction kFunctions[] = {
      {"as_string", as_string, true, true},
      {"decode_base64", texts_to_texts},
      {"encode_base64", texts_to_texts},
      {"fingerprint", fingerprint, true, true},
      {"hash_cross", hash_cross},
      {"reduce_join", reduce_join},
      {"regex_full_match", regex_full_match},
      {"regex_replace", regex_replace},
      {"string_case", string_case},
      {"string_format", string_format, true, true},
      {"string_hash", string_hash},
      {"string_join", string_join},
      {"string_length", string_length},
      {"string_ngrams", string_ngrams},
      {"string_normalize", string_normalize},
      {"string_split", string_split},
      {"string_split_set", string_split},
      {"string_strip", texts_to_texts},
      {"string_to_number", string_to_number},
      {"substr", substr},
      {"unicode_decode", unicode_decode},
      {"unicode_encode", unicode_encode},
      {"unicode_script", unicode_script},
      {"unicode_transcode", unicode_transcode},
      {"unsorted_segment_join", unsorted_segment_join},
  };
  return kFunctions;
}

}  // namespace thaw::host_types
