// Between encodings, and between texts and their characters.
#include "kernels/host/strings.h"
#include "kernels/host/unicode_scripts.h"
#include "runtime/base/text_encoding.h"

namespace thaw::host {
namespace {

// What becomes of ill-formed input.
struct ErrorPolicy {
  bool strict = false, ignore = false, replace_control = false;
  char32_t replacement = unicode::kReplacement;

  explicit ErrorPolicy(const Attributes& attributes)
      : strict(attributes.text("errors") == "strict"),
        ignore(attributes.text("errors") == "ignore"),
        replace_control(attributes.flag("replace_control_characters")),
        replacement(static_cast<char32_t>(attributes.integer("replacement_char"))) {}

  // False: the character is left out. Throws if the policy says so.
  bool apply(const unicode::Decoded& decoded, char32_t& character) const {
    character = decoded.character;
    if (!decoded.valid && strict) {
      fail(ErrorCode::invalid_argument, "Invalid formatting on input string");
    }
    if (decoded.valid && !(replace_control && character <= 0x1F)) return true;
    character = replacement;
    return !ignore;
  }
};

void append_big_endian(std::string& out, char32_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i) & 0xFFU);
}

void append_as(const std::string& encoding, std::string& out, char32_t c) {
  if (c > unicode::kMaxCharacter || (c >= 0xD800 && c <= 0xDFFF)) c = unicode::kReplacement;
  if (encoding == "UTF-8") {
    unicode::append(out, c);
  } else if (encoding == "UTF-32-BE") {
    append_big_endian(out, c, 4);
  } else if (c < 0x10000) {
    append_big_endian(out, c, 2);
  } else {
    append_big_endian(out, 0xD800 + ((c - 0x10000) >> 10U), 2);
    append_big_endian(out, 0xDC00 + ((c - 0x10000) & 0x3FFU), 2);
  }
}

unicode::Encoding input_encoding(const Attributes& attributes) {
  const std::string& name = attributes.text("input_encoding");
  const auto encoding = unicode::encoding_from_name(name);
  if (!encoding) fail(ErrorCode::unimplemented, "input encoding {}", printable(name));
  return *encoding;
}

}  // namespace

// (texts) -> (row splits, characters, offsets)
Results unicode_decode(const HostArgs& args) {
  const ErrorPolicy policy(args.call.attributes);
  const unicode::Encoding declared = input_encoding(args.call.attributes);
  unicode::Encoding encoding = declared;
  const Tensor& in = args.in[0];
  Tensor splits(args.out[0].dtype, Shape{in.num_elements() + 1});
  std::vector<std::int32_t> characters;
  std::vector<std::int64_t> offsets;
  for (std::int64_t i = 0; i < in.num_elements(); ++i) {
    std::int64_t offset = 0;
    for (unicode::Reader reader(encoding, strings_of(in)[i]); !reader.done();) {
      const unicode::Decoded decoded = reader.next();
      char32_t character = 0;
      if (policy.apply(decoded, character)) {
        characters.push_back(static_cast<std::int32_t>(character));
        offsets.push_back(offset);
      }
      offset += static_cast<std::int64_t>(decoded.bytes);
      encoding = reader.forgets_order() ? declared : reader.encoding();
    }
    set_index(splits, i + 1, static_cast<std::int64_t>(characters.size()));
  }
  const Shape shape{static_cast<std::int64_t>(characters.size())};
  return {splits, Tensor::from(shape, characters), Tensor::from(shape, offsets)};
}

Results unicode_encode(const HostArgs& args) {
  const ErrorPolicy policy(args.call.attributes);
  const std::string& encoding = args.call.attributes.text("output_encoding");
  const Tensor &values = args.in[0], &splits = args.in[1];
  if (splits.num_elements() == 0) {
    fail(ErrorCode::invalid_argument, "Input_splits should contain at least one value");
  }
  check_splits(splits, values.num_elements());
  Tensor out(DType::string, Shape{splits.num_elements() - 1});
  for (std::int64_t row = 0; row < out.num_elements(); ++row) {
    std::string& text = out.mutable_data<std::string>()[row];
    for (std::int64_t i = index_at(splits, row); i < index_at(splits, row + 1); ++i) {
      const auto c = static_cast<char32_t>(values.data<std::int32_t>()[i]);
      const bool valid = c <= unicode::kMaxCharacter && (c < 0xD800 || c > 0xDFFF);
      if (!valid && policy.strict) {
        fail(ErrorCode::invalid_argument,
             "Code point is out of range for Unicode, or is a surrogate.");
      }
      if (!valid && policy.ignore) continue;
      append_as(encoding, text, valid ? c : policy.replacement);
    }
  }
  return {out};
}

Results unicode_transcode(const HostArgs& args) {
  const ErrorPolicy policy(args.call.attributes);
  const unicode::Encoding declared = input_encoding(args.call.attributes);
  unicode::Encoding from = declared;
  const std::string& to = args.call.attributes.text("output_encoding");
  return {map_strings(args.in[0], [&](const std::string& text) {
    std::string out;
    for (unicode::Reader reader(from, text); !reader.done();) {
      char32_t character = 0;
      if (policy.apply(reader.next(), character)) append_as(to, out, character);
      from = reader.forgets_order() ? declared : reader.encoding();
    }
    return out;
  })};
}

Results unicode_script(const HostArgs& args) {
  Tensor out(DType::int32, args.in[0].shape());
  for (std::int64_t i = 0; i < out.num_elements(); ++i) {
    out.mutable_data<std::int32_t>()[i] = script_of(args.in[0].data<std::int32_t>()[i]);
  }
  return {out};
}

}  // namespace thaw::host
