// Tensors inside a text, as TensorFlow prints them.
#include <algorithm>

#include "kernels/host/number_text.h"
#include "kernels/host/strings.h"

namespace thaw::host {
namespace {

// C's escapes; bytes beyond ASCII stay, as TensorFlow's do.
std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    switch (c) {
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      case '"': out += "\\\""; break;
      case '\'': out += "\\'"; break;
      case '\\': out += "\\\\"; break;
      default:
        if (byte < 0x20 || byte == 0x7F) {
          out += fmt::format("\\{:03o}", byte);
        } else {
          out += c;
        }
    }
  }
  return out;
}

std::string print_element(const Tensor& tensor, std::int64_t i) {
  const void* data = tensor.data();
  switch (tensor.dtype()) {
    case DType::float16: return print_float(to_float(static_cast<const float16*>(data)[i]));
    case DType::bfloat16: return print_float(to_float(static_cast<const bfloat16*>(data)[i]));
    case DType::float32: return print_float(static_cast<const float*>(data)[i]);
    case DType::float64: return print_double(static_cast<const double*>(data)[i]);
    case DType::int8: return std::to_string(static_cast<const std::int8_t*>(data)[i]);
    case DType::int16: return std::to_string(static_cast<const std::int16_t*>(data)[i]);
    case DType::int32: return std::to_string(static_cast<const std::int32_t*>(data)[i]);
    case DType::int64: return std::to_string(static_cast<const std::int64_t*>(data)[i]);
    case DType::uint8: return std::to_string(static_cast<const std::uint8_t*>(data)[i]);
    case DType::uint16: return std::to_string(static_cast<const std::uint16_t*>(data)[i]);
    case DType::uint32: return std::to_string(static_cast<const std::uint32_t*>(data)[i]);
    case DType::uint64: return std::to_string(static_cast<const std::uint64_t*>(data)[i]);
    case DType::boolean: return static_cast<const bool*>(data)[i] ? "1" : "0";
    case DType::string: return '"' + escaped(static_cast<const std::string*>(data)[i]) + '"';
    default: return "?";
  }
}

// Nested brackets; of a long axis the first and the last `ends` elements.
class Printer {
 public:
  Printer(const Tensor& tensor, std::int64_t ends) : tensor_(tensor), ends_(ends) {}

  std::string text() {
    axis(0, 0);
    return std::move(out_);
  }

 private:
  void axis(int at, std::int64_t offset) {
    const Shape& shape = tensor_.shape();
    if (at == shape.rank()) {
      out_ += print_element(tensor_, offset);
      return;
    }
    out_ += '[';
    std::int64_t step = 1;
    for (int i = at + 1; i < shape.rank(); ++i) step *= shape[i];
    const std::int64_t count = shape[at];
    for (std::int64_t i = 0; i < std::min(ends_, count); ++i) {
      if (i > 0) space(at);
      axis(at + 1, offset + i * step);
    }
    if (count > 2 * ends_) {
      space(at);
      out_ += "...";
    }
    for (std::int64_t i = std::max(ends_, count - ends_); i < count; ++i) {
      space(at);
      axis(at + 1, offset + i * step);
    }
    out_ += ']';
  }

  void space(int at) {
    const int behind = tensor_.shape().rank() - at - 1;
    if (behind == 0) {
      out_ += ' ';
      return;
    }
    out_.append(static_cast<std::size_t>(behind), '\n');
    out_.append(static_cast<std::size_t>(at) + 1, ' ');
  }

  const Tensor& tensor_;
  std::int64_t ends_;
  std::string out_;
};

std::string print_tensor(const Tensor& tensor, std::int64_t ends) {
  const std::int64_t count = tensor.num_elements();
  ends = ends < 0 ? count : std::min(ends, count);
  if (is_complex(tensor.dtype())) {
    std::string out = "[";
    for (std::int64_t i = 0; i < ends; ++i) out += i > 0 ? " ?" : "?";
    return out + (ends < count ? "...]" : "]");
  }
  return Printer(tensor, ends).text();
}

}  // namespace

Results string_format(const HostArgs& args) {
  const Attributes& attributes = args.call.attributes;
  const std::string &text = attributes.text("template"),
                    &placeholder = attributes.text("placeholder");
  std::string out;
  std::size_t begin = 0;
  for (const Tensor& in : args.in) {
    const std::size_t at = text.find(placeholder, begin);
    out += text.substr(begin, at - begin);
    out += print_tensor(in, attributes.integer("summarize"));
    begin = at + placeholder.size();
  }
  out += text.substr(begin);
  return {Tensor::from(Shape{}, std::vector<std::string>{out})};
}

}  // namespace thaw::host
