#include "loaders/tf/ops/example.h"

namespace thaw::tf::importers {

std::vector<std::string> known_strings(OpContext& c, int i, std::string_view what) {
  const Tensor* value = c.g.constant_of(c.in(i));
  if (value == nullptr) c.refuse(fmt::format("{} are computed at run time", what));
  if (value->dtype() != DType::string) {
    fail(ErrorCode::invalid_argument, "{}: expected strings, found {}", what,
         name_of(value->dtype()));
  }
  const std::string* texts = value->data<std::string>();
  return {texts, texts + value->num_elements()};
}

std::vector<std::string> key_operands(OpContext& c, int first, std::int64_t count) {
  std::vector<std::string> keys;
  for (int i = 0; i < count; ++i) {
    const std::vector<std::string> key = known_strings(c, first + i, "keys");
    if (key.size() != 1) fail(ErrorCode::invalid_argument, "a key of {} strings", key.size());
    keys.push_back(key[0]);
  }
  return keys;
}

Ints pack_shapes(OpContext& c, const char* attr) {
  Ints packed;
  for (const Shape& shape : c.node.shapes(attr)) {
    if (!shape.has_rank()) c.refuse("a dense feature of unknown rank");
    packed.push_back(shape.rank());
    packed.insert(packed.end(), shape.dims().begin(), shape.dims().end());
  }
  return packed;
}

std::vector<ValueId> operands_from(OpContext& c, int first) {
  if (first > c.count()) {
    fail(ErrorCode::invalid_argument, "expected at least {} operands, found {}", first, c.count());
  }
  return {c.inputs.begin() + first, c.inputs.end()};
}

namespace {

/// What the attributes and operands of a parser describe.
struct Description {
  std::vector<std::string> sparse, dense, ragged;
  std::vector<ValueId> defaults;
};

Results add_parser(OpContext& c, const Description& description, ValueId names, bool has_ragged) {
  std::vector<ValueId> inputs{c.in(0), names};
  inputs.insert(inputs.end(), description.defaults.begin(), description.defaults.end());
  Attributes attributes;
  attributes.set("sparse_keys", description.sparse);
  attributes.set("sparse_types", c.node.types("sparse_types"));
  attributes.set("dense_keys", description.dense);
  attributes.set("dense_shapes", pack_shapes(c, "dense_shapes"));
  attributes.set("ragged_keys", description.ragged);
  attributes.set("ragged_types",
                 has_ragged ? c.node.types("ragged_value_types") : std::vector<DType>{});
  attributes.set("split_types",
                 has_ragged ? c.node.types("ragged_split_types") : std::vector<DType>{});
  const std::size_t results =
      3 * description.sparse.size() + description.dense.size() + 2 * description.ragged.size();
  return c.g.add(ops::HostCall{"parse_example", attributes, nullptr}, inputs,
                 static_cast<int>(results));
}

ValueId no_names(OpContext& c) { return c.g.constant(Tensor(DType::string, Shape{0})); }

}  // namespace

// (serialized, names, sparse key..., dense key..., default...)
Results parse_example(OpContext& c) {
  const std::int64_t sparse = c.node.list_length("Nsparse"), dense = c.node.list_length("Ndense");
  const int first = static_cast<int>(sparse + dense) + 2;
  c.expect_count(first + static_cast<int>(dense));
  Description description;
  description.sparse = key_operands(c, 2, sparse);
  description.dense = key_operands(c, 2 + static_cast<int>(sparse), dense);
  description.defaults = operands_from(c, first);
  return add_parser(c, description, c.in(1), false);
}

// (serialized, names, sparse keys, dense keys, ragged keys, default...)
Results parse_example_v2(OpContext& c) {
  Description description;
  description.sparse = known_strings(c, 2, "sparse_keys");
  description.dense = known_strings(c, 3, "dense_keys");
  description.ragged = known_strings(c, 4, "ragged_keys");
  description.defaults = operands_from(c, 5);
  return add_parser(c, description, c.in(1), true);
}

// (serialized, default...): the keys are attributes.
Results parse_single_example(OpContext& c) {
  Description description;
  description.sparse = c.node.texts("sparse_keys");
  description.dense = c.node.texts("dense_keys");
  description.defaults = operands_from(c, 1);
  return add_parser(c, description, no_names(c), false);
}

// kind: 1 takes the length in bytes as an operand
Results decode_raw(OpContext& c) {
  c.expect_count(1 + c.kind);
  const Attributes attributes{{"dtype", c.node.type("out_type")},
                              {"little_endian", c.node.flag("little_endian")}};
  const char* function = c.kind == 1 ? "decode_padded_raw" : "decode_raw";
  return {c.g.add1(ops::HostCall{function, attributes, nullptr}, c.inputs)};
}

Results decode_compressed(OpContext& c) {
  c.expect_count(1);
  c.one_of("compression_type", {"", "ZLIB", "GZIP"});
  const Attributes attributes{{"compression_type", c.node.text("compression_type")}};
  return {c.g.add1(ops::HostCall{"decode_compressed", attributes, nullptr}, c.inputs)};
}

Results decode_csv(OpContext& c) {
  const std::vector<DType> types = c.node.types("OUT_TYPE");
  c.expect_count(static_cast<int>(types.size()) + 1);
  const Attributes attributes{{"types", types},
                              {"delimiter", c.node.text("field_delim")},
                              {"use_quote_delim", c.node.flag("use_quote_delim")},
                              {"na_value", c.node.text("na_value")},
                              {"select_cols", c.node.integers("select_cols")}};
  return c.g.add(ops::HostCall{"decode_csv", attributes, nullptr}, c.inputs,
                 static_cast<int>(types.size()));
}

// The attributes that an op does not have stand at TensorFlow's defaults.
Results decode_image(OpContext& c) {
  const std::string& op = c.node.op();
  const bool jpeg = op == "DecodeJpeg" || op == "DecodeAndCropJpeg";
  c.expect_count(op == "DecodeAndCropJpeg" ? 2 : 1);
  const std::int64_t channels = op == "DecodeGif" ? 3 : c.node.integer("channels");
  if (channels != 0 && channels != 1 && channels != 3 && channels != 4) {
    fail(ErrorCode::invalid_argument, "channels: expected 0, 1, 3 or 4, found {}", channels);
  }
  const bool typed = op == "DecodePng" || op == "DecodeImage";
  const std::int64_t ratio = jpeg ? c.node.integer("ratio") : 1;
  if (ratio != 1 && ratio != 2 && ratio != 4 && ratio != 8) {
    fail(ErrorCode::invalid_argument, "ratio: expected 1, 2, 4 or 8, found {}", ratio);
  }
  const int dct = jpeg ? c.one_of("dct_method", {"", "INTEGER_FAST", "INTEGER_ACCURATE"}) : 0;
  const Attributes attributes{
      {"op", op},
      {"channels", channels},
      {"dtype", typed ? c.node.type("dtype") : DType::uint8},
      {"ratio", ratio},
      {"fancy_upscaling", jpeg ? c.node.flag("fancy_upscaling") : true},
      {"try_recover_truncated", jpeg && c.node.flag("try_recover_truncated")},
      {"acceptable_fraction", jpeg ? c.node.number("acceptable_fraction") : 1.0},
      {"fast_dct", dct < 2},
      {"expand_animations", op != "DecodeImage" || c.node.flag("expand_animations")}};
  return {c.g.add1(ops::HostCall{"decode_image", attributes, nullptr}, c.inputs)};
}

Results jpeg_shape(OpContext& c) {
  c.expect_count(1);
  const Attributes attributes{{"dtype", c.node.type("output_type")}};
  return {c.g.add1(ops::HostCall{"jpeg_shape", attributes, nullptr}, c.inputs)};
}

Results encode_png(OpContext& c) {
  c.expect_count(1);
  const std::int64_t compression = c.node.integer("compression");
  if (compression < -1 || compression > 9) {
    fail(ErrorCode::invalid_argument, "compression: expected -1 to 9, found {}", compression);
  }
  const Attributes attributes{{"compression", compression}};
  return {c.g.add1(ops::HostCall{"encode_png", attributes, nullptr}, c.inputs)};
}

Results encode_jpeg(OpContext& c) {
  c.expect_count(1);
  if (!c.node.text("xmp_metadata").empty()) c.refuse("attribute xmp_metadata");
  c.one_of("format", {"", "grayscale", "rgb"});
  c.one_of("density_unit", {"in", "cm"});
  const auto number = [&](const char* attr, std::int64_t most) {
    const std::int64_t value = c.node.integer(attr);
    if (value < 0 || value > most) {
      fail(ErrorCode::invalid_argument, "{}: expected 0 to {}, found {}", attr, most, value);
    }
    return value;
  };
  const Attributes attributes{{"format", c.node.text("format")},
                              {"quality", number("quality", 100)},
                              {"progressive", c.node.flag("progressive")},
                              {"optimize_size", c.node.flag("optimize_size")},
                              {"chroma_downsampling", c.node.flag("chroma_downsampling")},
                              {"density_unit", c.node.text("density_unit")},
                              {"x_density", number("x_density", 65535)},
                              {"y_density", number("y_density", 65535)}};
  return {c.g.add1(ops::HostCall{"encode_jpeg", attributes, nullptr}, c.inputs)};
}

}  // namespace thaw::tf::importers
