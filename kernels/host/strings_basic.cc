// Case, strip, length, substrings, base64.
#include <algorithm>
#include <array>

#include "kernels/host/strings.h"
#include "runtime/base/unicode.h"
#include "runtime/base/unicode_normal.h"
#include "runtime/ir/infer.h"

namespace thaw::host {
namespace {

bool is_trail(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80; }

// TensorFlow moves by lead bytes and never looks whether they are well-formed. False if the text
// has fewer characters.
bool forward(std::string_view text, std::int64_t count, std::size_t& at) {
  std::int64_t done = 0;
  for (; done < count && at < text.size(); ++done) {
    do ++at;
    while (at < text.size() && is_trail(text[at]));
  }
  return done >= count;
}

bool backward(std::string_view text, std::int64_t count, std::size_t& at) {
  std::int64_t done = 0;
  for (; done < count && at > 0; ++done) {
    do --at;
    while (at > 0 && is_trail(text[at]));
  }
  return done == count;
}

struct Range {
  std::size_t begin = 0, end = 0;
  bool inside = true;
};

Range byte_range(std::string_view text, std::int64_t position, std::int64_t length) {
  const auto size = static_cast<std::int64_t>(text.size());
  if (position > size || position < -size) return {0, 0, false};
  const std::int64_t begin = position < 0 ? position + size : position;
  // A negative length means the rest of the text.
  const std::int64_t rest = size - begin;
  const std::int64_t taken = length < 0 ? rest : std::min(length, rest);
  return {static_cast<std::size_t>(begin), static_cast<std::size_t>(begin + taken), true};
}

Range character_range(std::string_view text, std::int64_t position, std::int64_t length) {
  Range range;
  if (position >= 0) {
    range.inside = forward(text, position, range.begin);
    range.end = range.begin;
    forward(text, length, range.end);
    return range;
  }
  // From the end: first over what follows the substring, then over the substring.
  if (position < -static_cast<std::int64_t>(text.size())) return {0, 0, false};
  std::int64_t behind = 0;
  if (length < 0 && -position > INT64_MAX + length) return {0, 0, false};
  behind = std::max<std::int64_t>(0, -position - length);
  range.end = text.size();
  range.inside = backward(text, behind, range.end);
  range.begin = range.end;
  range.inside = range.inside && backward(text, -position - behind, range.begin);
  return range;
}

[[noreturn]] void out_of_range(std::int64_t position, const std::string& text, bool characters,
                               std::int64_t at, const Shape& shape) {
  if (characters) {
    fail(ErrorCode::invalid_argument, "pos {} out of range for string at index {}", position, at);
  }
  if (shape.rank() == 2) {
    fail(ErrorCode::invalid_argument, "pos {} out of range for string b'{}' at index ({}, {})",
         position, printable(text), at / shape[1], at % shape[1]);
  }
  fail(ErrorCode::invalid_argument, "pos {} out of range for string b'{}' at index {}", position,
       printable(text), at);
}

// Offset in a tensor of `shape` that is broadcast, of element `i` of the result.
std::int64_t broadcast_offset(std::int64_t i, const Shape& result, const Shape& shape) {
  std::int64_t offset = 0, stride = 1;
  for (int axis = result.rank() - 1; axis >= 0; --axis) {
    const std::int64_t index = i % result[axis];
    i /= result[axis];
    const int own = axis - (result.rank() - shape.rank());
    if (own < 0) continue;
    if (shape[own] != 1) offset += index * stride;
    stride *= shape[own];
  }
  return offset;
}

constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string to_base64(const std::string& text, bool pad) {
  std::string out;
  out.reserve((text.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < text.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, text.size() - i);
    std::uint32_t bits = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      bits = bits << 8U | (k < count ? static_cast<unsigned char>(text[i + k]) : 0U);
    }
    for (std::size_t k = 0; k <= count; ++k) out += kDigits[bits >> (18 - 6 * k) & 0x3FU];
    if (pad) out.append(3 - count, '=');
  }
  return out;
}

std::uint32_t from_digit(char c) {
  const auto* found = std::find(kDigits, kDigits + 64, c);
  if (found == kDigits + 64) {
    fail(ErrorCode::invalid_argument, "Invalid character found in base64.");
  }
  return static_cast<std::uint32_t>(found - kDigits);
}

std::string from_base64(const std::string& text) {
  std::string_view digits = text;
  if (!digits.empty() && digits.size() % 4 == 0) {
    if (digits.ends_with("==")) {
      digits.remove_suffix(2);
    } else if (digits.ends_with('=')) {
      digits.remove_suffix(1);
    }
  }
  std::string out;
  out.reserve(digits.size() / 4 * 3 + 3);
  for (std::size_t i = 0; i < digits.size(); i += 4) {
    const std::size_t count = std::min<std::size_t>(4, digits.size() - i);
    if (count == 1) {
      fail(ErrorCode::invalid_argument, "Base64 string length cannot be 1 modulo 4.");
    }
    std::uint32_t bits = 0;
    for (std::size_t k = 0; k < 4; ++k)
      bits = bits << 6U | (k < count ? from_digit(digits[i + k]) : 0U);
    for (std::size_t k = 0; k + 1 < count; ++k)
      out += static_cast<char>(bits >> (16 - 8 * k) & 0xFFU);
  }
  return out;
}

}  // namespace

Results string_case(const HostArgs& args) {
  const bool upper = args.call.attributes.flag("upper");
  if (args.call.attributes.text("encoding").empty()) {
    return {map_strings(args.in[0], [upper](std::string text) {
      for (char& c : text) {
        if (upper && c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
        if (!upper && c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
      }
      return text;
    })};
  }
  return {map_strings(args.in[0], [upper](const std::string& text) {
    // TensorFlow hands Unicode text on as a C string.
    const std::string_view head = std::string_view(text).substr(0, text.find('\0'));
    return upper ? unicode::to_upper(head) : unicode::to_lower(head);
  })};
}

// The attribute `form` names one of the forms in the order of NormalForm.
Results string_normalize(const HostArgs& args) {
  constexpr std::string_view kForms[] = {"NFC", "NFD", "NFKC", "NFKD", "NFKC_Casefold"};
  const auto* found =
      std::ranges::find(kForms, std::string_view(args.call.attributes.text("form")));
  THAW_CHECK(found != std::end(kForms), "form {}", args.call.attributes.text("form"));
  const auto form = static_cast<unicode::NormalForm>(found - kForms);
  return {map_strings(args.in[0],
                      [form](const std::string& text) { return unicode::normalize(text, form); })};
}

Results string_strip(const HostArgs& args) {
  return {map_strings(args.in[0], [](std::string_view text) {
    while (!text.empty() && unicode::is_ascii_space(text.front())) text.remove_prefix(1);
    while (!text.empty() && unicode::is_ascii_space(text.back())) text.remove_suffix(1);
    return std::string(text);
  })};
}

Results string_length(const HostArgs& args) {
  const bool characters = args.call.attributes.text("unit") == "UTF8_CHAR";
  Tensor out(DType::int32, args.in[0].shape());
  for (std::int64_t i = 0; i < out.num_elements(); ++i) {
    const std::string& text = strings_of(args.in[0])[i];
    const auto trails = characters ? std::count_if(text.begin(), text.end(), is_trail) : 0;
    out.mutable_data<std::int32_t>()[i] =
        static_cast<std::int32_t>(static_cast<std::int64_t>(text.size()) - trails);
  }
  return {out};
}

Results substr(const HostArgs& args) {
  const Tensor &text = args.in[0], &position = args.in[1], &length = args.in[2];
  const bool characters = args.call.attributes.text("unit") == "UTF8_CHAR";
  const Shape shape = broadcast(text.shape(), position.shape());
  if (position.shape() != length.shape()) {
    fail(ErrorCode::invalid_argument, "pos and len should have the same shape, got: {} vs. {}",
         position.shape().to_string(), length.shape().to_string());
  }
  Tensor out(DType::string, shape);
  for (std::int64_t i = 0; i < out.num_elements(); ++i) {
    const std::string& from = strings_of(text)[broadcast_offset(i, shape, text.shape())];
    const std::int64_t k = broadcast_offset(i, shape, position.shape());
    const std::int64_t begin = index_at(position, k), count = index_at(length, k);
    const Range range =
        characters ? character_range(from, begin, count) : byte_range(from, begin, count);
    if (!range.inside) {
      const bool broadcasts = position.shape().rank() > 0 && position.shape() != text.shape();
      out_of_range(begin, from, characters, i, broadcasts ? shape : Shape{});
    }
    out.mutable_data<std::string>()[i] = from.substr(range.begin, range.end - range.begin);
  }
  return {out};
}

Results encode_base64(const HostArgs& args) {
  const bool pad = args.call.attributes.flag("pad");
  return {map_strings(args.in[0], [pad](const std::string& text) { return to_base64(text, pad); })};
}

Results decode_base64(const HostArgs& args) {
  return {map_strings(args.in[0], [](const std::string& text) { return from_base64(text); })};
}

}  // namespace thaw::host
