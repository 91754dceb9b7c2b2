// Strings to numbers and back.
#include <cmath>
#include <complex>
#include <limits>

#include "kernels/host/number_text.h"
#include "kernels/host/strings.h"
#include "runtime/base/half.h"

namespace thaw::host {
namespace {

template <class T>
std::optional<T> parse(std::string_view text) {
  if constexpr (std::is_same_v<T, float>) {
    return parse_float(text);
  } else if constexpr (std::is_same_v<T, double>) {
    return parse_double(text);
  } else if constexpr (std::is_signed_v<T>) {
    const auto value = parse_signed(text);
    if (!value || *value < std::numeric_limits<T>::min() || *value > std::numeric_limits<T>::max())
      return std::nullopt;
    return static_cast<T>(*value);
  } else {
    const auto value = parse_unsigned(text);
    if (!value || *value > std::numeric_limits<T>::max()) return std::nullopt;
    return static_cast<T>(*value);
  }
}

template <class T>
Tensor parse_all(const Tensor& in) {
  Tensor out(Tensor::dtype_of<T>(), in.shape());
  for (std::int64_t i = 0; i < in.num_elements(); ++i) {
    const auto value = parse<T>(strings_of(in)[i]);
    if (!value) {
      fail(ErrorCode::invalid_argument, "StringToNumberOp could not correctly convert string: {}",
           printable(strings_of(in)[i]));
    }
    out.mutable_data<T>()[i] = *value;
  }
  return out;
}

// C's printf without the process's locale.
struct Format {
  bool scientific = false, shortest = false;
  std::int64_t precision = -1, width = -1;
  char fill = '\0';

  std::string integer(std::int64_t value) const {
    return padded(std::to_string(value), true, true);
  }
  std::string natural(std::uint64_t value) const {
    return padded(std::to_string(value), false, true);
  }
  std::string real(double value) const {
    if (!std::isfinite(value)) {
      const std::string text = std::isnan(value) ? "nan" : std::signbit(value) ? "-inf" : "inf";
      return padded(text, true, false);
    }
    const int digits = static_cast<int>(precision < 0 ? 6 : precision);
    const bool keep_zeros = fill == '#';
    if (shortest) return padded(general(value, std::max(digits, 1), keep_zeros), true, true);
    if (scientific) {
      return padded(keep_zeros ? fmt::format("{:#.{}e}", value, digits)
                               : fmt::format("{:.{}e}", value, digits),
                    true, true);
    }
    return padded(
        keep_zeros ? fmt::format("{:#.{}f}", value, digits) : fmt::format("{:.{}f}", value, digits),
        true, true);
  }
  std::string text(const std::string& value) const { return padded(value, false, false); }

 private:
  // C's %g; with '#' its zeros and its point stay.
  static std::string general(double value, int digits, bool keep_zeros) {
    if (!keep_zeros) return fmt::format("{:.{}g}", value, digits);
    const std::string scientific_form = fmt::format("{:.{}e}", value, digits - 1);
    const int exponent = std::stoi(scientific_form.substr(scientific_form.find('e') + 1));
    if (exponent < -4 || exponent >= digits) return fmt::format("{:#.{}e}", value, digits - 1);
    return fmt::format("{:#.{}f}", value, digits - 1 - exponent);
  }
  std::string padded(std::string text, bool is_signed, bool zeros) const {
    const bool negative = is_signed && text.starts_with('-');
    if (is_signed && !negative && (fill == '+' || fill == ' ')) text.insert(text.begin(), fill);
    const std::int64_t missing = width - static_cast<std::int64_t>(text.size());
    if (missing <= 0) return text;
    const auto count = static_cast<std::size_t>(missing);
    if (fill == '-') return text.append(count, ' ');
    if (fill == '0' && zeros) return text.insert(negative ? 1 : 0, count, '0');
    return text.insert(0, count, ' ');
  }
};

template <class T, class Print>
Tensor print_all(const Tensor& in, const Print& print) {
  Tensor out(DType::string, in.shape());
  const auto* from = static_cast<const T*>(in.data());
  for (std::int64_t i = 0; i < in.num_elements(); ++i) {
    out.mutable_data<std::string>()[i] = print(from[i]);
  }
  return out;
}

template <class T>
Tensor print_integers(const Tensor& in, const Format& format) {
  return print_all<T>(in, [&](T value) {
    if constexpr (std::is_signed_v<T>) {
      return format.integer(value);
    } else {
      return format.natural(value);
    }
  });
}

template <class T>
Tensor print_complex(const Tensor& in, const Format& format) {
  return print_all<std::complex<T>>(in, [&](const std::complex<T>& value) {
    return fmt::format("({},{})", format.real(static_cast<double>(value.real())),
                       format.real(static_cast<double>(value.imag())));
  });
}

Tensor print(const Tensor& in, const Format& format) {
  const auto real = [&](auto value) { return format.real(static_cast<double>(value)); };
  switch (in.dtype()) {
    case DType::float16:
      return print_all<float16>(in, [&](float16 value) { return real(to_float(value)); });
    case DType::bfloat16:
      return print_all<bfloat16>(in, [&](bfloat16 value) { return real(to_float(value)); });
    case DType::float32: return print_all<float>(in, real);
    case DType::float64: return print_all<double>(in, real);
    case DType::int8: return print_integers<std::int8_t>(in, format);
    case DType::int16: return print_integers<std::int16_t>(in, format);
    case DType::int32: return print_integers<std::int32_t>(in, format);
    case DType::int64: return print_integers<std::int64_t>(in, format);
    case DType::uint8: return print_integers<std::uint8_t>(in, format);
    case DType::uint16: return print_integers<std::uint16_t>(in, format);
    case DType::uint32: return print_integers<std::uint32_t>(in, format);
    case DType::uint64: return print_integers<std::uint64_t>(in, format);
    case DType::boolean:
      return print_all<bool>(in, [](bool value) { return std::string(value ? "true" : "false"); });
    case DType::complex64: return print_complex<float>(in, format);
    case DType::complex128: return print_complex<double>(in, format);
    case DType::string:
      return print_all<std::string>(in, [&](const std::string& text) { return format.text(text); });
    default: fail(ErrorCode::unimplemented, "{} as a string", name_of(in.dtype()));
  }
}

}  // namespace

Results string_to_number(const HostArgs& args) {
  const Tensor& in = args.in[0];
  switch (args.out[0].dtype) {
    case DType::float32: return {parse_all<float>(in)};
    case DType::float64: return {parse_all<double>(in)};
    case DType::int32: return {parse_all<std::int32_t>(in)};
    case DType::int64: return {parse_all<std::int64_t>(in)};
    case DType::uint32: return {parse_all<std::uint32_t>(in)};
    case DType::uint64: return {parse_all<std::uint64_t>(in)};
    default: fail(ErrorCode::unimplemented, "a string as {}", name_of(args.out[0].dtype));
  }
}

Results as_string(const HostArgs& args) {
  const Attributes& attributes = args.call.attributes;
  Format format;
  format.scientific = attributes.flag("scientific");
  format.shortest = attributes.flag("shortest");
  format.precision = attributes.integer("precision");
  format.width = attributes.integer("width");
  const std::string& fill = attributes.text("fill");
  if (format.width >= 0 && !fill.empty()) format.fill = fill[0];
  return {print(args.in[0], format)};
}

}  // namespace thaw::host
