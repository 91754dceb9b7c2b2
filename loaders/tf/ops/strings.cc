// Strings: each op is one host function.
#include "loaders/tf/ops/strings.h"

namespace thaw::tf::importers {
namespace {

Results call(OpContext& c, const char* function, Attributes attributes, int results = 1) {
  return c.g.add(ops::HostCall{function, std::move(attributes)}, c.inputs, results);
}

// A pattern that the file fixes: as a tensor, under which its compiled form is kept.
Tensor text_tensor(std::string text) {
  return Tensor::from(Shape{}, std::vector<std::string>{std::move(text)});
}

Attributes unicode_attributes(OpContext& c, bool control) {
  return {{"errors", c.node.text("errors")},
          {"replacement_char", c.node.integer("replacement_char")},
          {"replace_control_characters", control && c.node.flag("replace_control_characters")}};
}

}  // namespace

// kind: 0 lower, 1 upper
Results string_case(OpContext& c) {
  return call(c, "string_case", {{"upper", c.kind == 1}, {"encoding", c.node.text("encoding")}});
}

Results string_strip(OpContext& c) { return call(c, "string_strip", {}); }

Results string_length(OpContext& c) {
  return call(c, "string_length", {{"unit", c.node.text("unit")}});
}

Results substr(OpContext& c) { return call(c, "substr", {{"unit", c.node.text("unit")}}); }

// kind: 0 encode, 1 decode
Results base64(OpContext& c) {
  if (c.kind == 1) return call(c, "decode_base64", {});
  return call(c, "encode_base64", {{"pad", c.node.flag("pad")}});
}

// kind: the version of the op
Results string_split(OpContext& c) {
  if (c.kind == 1) {
    return call(c, "string_split_set", {{"skip_empty", c.node.flag("skip_empty")}}, 3);
  }
  return call(c, "string_split", {{"maxsplit", c.node.integer("maxsplit")}}, 3);
}

Results string_ngrams(OpContext& c) {
  return call(c, "string_ngrams",
              {{"separator", c.node.text("separator")},
               {"ngram_widths", c.node.integers("ngram_widths")},
               {"left_pad", c.node.text("left_pad")},
               {"right_pad", c.node.text("right_pad")},
               {"pad_width", c.node.integer("pad_width")},
               {"preserve_short_sequences", c.node.flag("preserve_short_sequences")}},
              2);
}

// kind: 1 when the pattern is an attribute
Results regex_replace(OpContext& c) {
  Attributes attributes{{"replace_global", c.node.flag("replace_global")}};
  if (c.kind == 1) {
    attributes.set("pattern", text_tensor(c.node.text("pattern")));
    attributes.set("rewrite", text_tensor(c.node.text("rewrite")));
  } else {
    c.expect_count(3);
    const Tensor *pattern = c.g.constant_of(c.in(1)), *rewrite = c.g.constant_of(c.in(2));
    const auto is_text = [](const Tensor* tensor) {
      return tensor != nullptr && tensor->dtype() == DType::string && tensor->num_elements() == 1;
    };
    if (is_text(pattern) && is_text(rewrite)) {
      attributes.set("pattern", *pattern);
      attributes.set("rewrite", *rewrite);
      return c.g.add(ops::HostCall{"regex_replace", attributes}, {c.in(0)});
    }
  }
  return call(c, "regex_replace", attributes);
}

Results regex_full_match(OpContext& c) {
  if (c.kind == 0) return call(c, "regex_full_match", {});
  return call(c, "regex_full_match", {{"pattern", text_tensor(c.node.text("pattern"))}});
}

Results string_join(OpContext& c) {
  return call(c, "string_join", {{"separator", c.node.text("separator")}});
}

Results reduce_join(OpContext& c) {
  return call(c, "reduce_join",
              {{"separator", c.node.text("separator")}, {"keep_dims", c.node.flag("keep_dims")}});
}

Results unsorted_segment_join(OpContext& c) {
  return call(c, "unsorted_segment_join", {{"separator", c.node.text("separator")}});
}

Results string_to_number(OpContext& c) {
  return call(c, "string_to_number", {{"dtype", c.node.type("out_type")}});
}

Results as_string(OpContext& c) {
  return call(c, "as_string",
              {{"precision", c.node.integer("precision")},
               {"scientific", c.node.flag("scientific")},
               {"shortest", c.node.flag("shortest")},
               {"width", c.node.integer("width")},
               {"fill", c.node.text("fill")}});
}

Results string_format(OpContext& c) {
  return call(c, "string_format",
              {{"template", c.node.text("template")},
               {"placeholder", c.node.text("placeholder")},
               {"summarize", c.node.integer("summarize")}});
}

// kind: 0 TensorFlow 1's own hash, 1 fast, 2 strong
Results string_hash(OpContext& c) {
  static constexpr const char* kMethods[] = {"murmur", "farm", "sip"};
  Attributes attributes{{"method", kMethods[c.kind]}, {"buckets", c.node.integer("num_buckets")}};
  if (c.kind == 2) attributes.set("key", c.node.integers("key"));
  return call(c, "string_hash", attributes);
}

Results fingerprint(OpContext& c) {
  c.expect_count(2);
  const Tensor* method = c.g.constant_of(c.in(1));
  if (method == nullptr) {  // there is one method alone
    const ValueId farm = c.g.constant(text_tensor("farmhash64"));
    c.g.add(ops::Assert{"Unsupported fingerprint method"},
            {c.g.binary(BinaryKind::equal, c.g.reshape(c.in(1), {}), farm)}, 0);
    return c.g.add(ops::HostCall{"fingerprint", {}}, {c.in(0)});
  }
  if (method->dtype() != DType::string || method->num_elements() != 1) {
    fail(ErrorCode::invalid_argument, "method: expected one name");
  }
  if (method->data<std::string>()[0] != "farmhash64") {
    c.refuse(fmt::format("method '{}'", printable(method->data<std::string>()[0])));
  }
  return c.g.add(ops::HostCall{"fingerprint", {}}, {c.in(0)});
}

// kind: 1 with the offsets of the characters
Results unicode_decode(OpContext& c) {
  Attributes attributes = unicode_attributes(c, true);
  attributes.set("input_encoding", c.node.text("input_encoding"));
  attributes.set("splits", c.node.type("Tsplits"));
  Results results = call(c, "unicode_decode", attributes, 3);
  if (c.kind == 0) results.pop_back();
  return results;
}

Results unicode_encode(OpContext& c) {
  Attributes attributes = unicode_attributes(c, false);
  attributes.set("output_encoding", c.node.text("output_encoding"));
  return call(c, "unicode_encode", attributes);
}

Results unicode_transcode(OpContext& c) {
  Attributes attributes = unicode_attributes(c, true);
  attributes.set("input_encoding", c.node.text("input_encoding"));
  attributes.set("output_encoding", c.node.text("output_encoding"));
  return call(c, "unicode_transcode", attributes);
}

Results unicode_script(OpContext& c) { return call(c, "unicode_script", {}); }

}  // namespace thaw::tf::importers
