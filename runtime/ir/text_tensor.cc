#include "runtime/ir/text_tensor.h"

#include <bit>
#include <cstring>

#include "runtime/base/half.h"

namespace thaw::text {
namespace {

template <class Float, class Bits>
Float parse_float(Scanner& scanner, Bits usual_nan) {
  if (!scanner.accept("nan")) return scanner.number<Float>();
  const std::size_t position = scanner.mark();
  if (!scanner.accept(":")) return std::bit_cast<Float>(usual_nan);
  const auto bits = static_cast<Bits>(scanner.hexadecimal());
  const Float value = std::bit_cast<Float>(bits);
  if (value == value) scanner.fail_at(position, "expected the bits of a NaN");
  return value;
}

float parse_single(Scanner& scanner) {
  return parse_float<float, std::uint32_t>(scanner, 0x7fc00000u);
}

/// 16-bit floats are written as the float of the same value.
std::uint16_t parse_half(Scanner& scanner, std::uint16_t usual_nan, std::uint16_t (*round)(float)) {
  if (!scanner.accept("nan")) return round(scanner.number<float>());
  if (!scanner.accept(":")) return usual_nan;
  return static_cast<std::uint16_t>(scanner.hexadecimal());
}

bool parse_bool(Scanner& scanner) {
  const std::size_t position = scanner.mark();
  const std::string word = scanner.word("true or false");
  if (word != "true" && word != "false") scanner.fail_at(position, "expected true or false");
  return word == "true";
}

template <class T>
void append(std::string& bytes, T value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof(T));
}

void append_element(Scanner& scanner, DType dtype, std::string& bytes) {
  switch (dtype) {
    case DType::float16: return append(bytes, parse_half(scanner, 0x7e00, float_to_half));
    case DType::bfloat16: return append(bytes, parse_half(scanner, 0x7fc0, float_to_bfloat));
    case DType::float32: return append(bytes, parse_single(scanner));
    case DType::float64: return append(bytes, parse_double(scanner));
    case DType::int8: return append(bytes, scanner.number<std::int8_t>());
    case DType::int16: return append(bytes, scanner.number<std::int16_t>());
    case DType::int32: return append(bytes, scanner.number<std::int32_t>());
    case DType::int64: return append(bytes, scanner.number<std::int64_t>());
    case DType::uint8: return append(bytes, scanner.number<std::uint8_t>());
    case DType::uint16: return append(bytes, scanner.number<std::uint16_t>());
    case DType::uint32: return append(bytes, scanner.number<std::uint32_t>());
    case DType::uint64: return append(bytes, scanner.number<std::uint64_t>());
    case DType::boolean: return append(bytes, parse_bool(scanner));
    case DType::complex64:
    case DType::complex128:
      scanner.expect("(");
      for (int part = 0; part < 2; ++part) {
        if (part > 0) scanner.expect(",");
        if (dtype == DType::complex64) {
          append(bytes, parse_single(scanner));
        } else {
          append(bytes, parse_double(scanner));
        }
      }
      scanner.expect(")");
      return;
    default: return;
  }
}

/// Elements up to the closing parenthesis, which it consumes.
Tensor parse_elements(Scanner& scanner, const TensorType& type, std::size_t position) {
  std::string bytes;
  std::vector<std::string> strings;
  std::int64_t count = 0;
  while (!scanner.accept(")")) {
    if (count++ > 0) scanner.expect(",");
    if (type.dtype == DType::string) {
      strings.push_back(scanner.quoted());
    } else {
      append_element(scanner, type.dtype, bytes);
    }
  }
  if (type.shape.num_elements() != count) {
    scanner.fail_at(position, "expected {} elements for {}, found {}", type.shape.num_elements(),
                    to_string(type), count);
  }
  Tensor tensor(type.dtype, type.shape);
  if (type.dtype == DType::string) {
    std::move(strings.begin(), strings.end(), tensor.mutable_data<std::string>());
  } else if (!bytes.empty()) {
    std::memcpy(tensor.mutable_data(), bytes.data(), bytes.size());
  }
  return tensor;
}

}  // namespace

double parse_double(Scanner& scanner) {
  return parse_float<double, std::uint64_t>(scanner, 0x7ff8000000000000u);
}

TensorType parse_type(Scanner& scanner) {
  const std::size_t position = scanner.mark();
  const std::string name = scanner.word("an element type");
  const DType dtype = dtype_from_name(name);
  if (dtype == DType::invalid) scanner.fail_at(position, "'{}' is no element type", name);
  scanner.expect("[");
  if (scanner.accept("...")) {
    scanner.expect("]");
    return {dtype, Shape::unknown_rank()};
  }
  std::vector<std::int64_t> dims;
  while (!scanner.accept("]")) {
    if (!dims.empty()) scanner.expect(",");
    if (scanner.accept("?")) {
      dims.push_back(kUnknownDim);
      continue;
    }
    const std::size_t place = scanner.mark();
    dims.push_back(scanner.number<std::int64_t>());
    if (dims.back() < 0) scanner.fail_at(place, "expected a size or '?'");
  }
  return {dtype, Shape(std::move(dims))};
}

Tensor parse_tensor(Scanner& scanner) {
  if (scanner.accept("none")) return {};
  const std::size_t position = scanner.mark();
  const TensorType type = parse_type(scanner);
  if (size_of(type.dtype) == 0 || !type.shape.is_static()) {
    scanner.fail_at(position, "a constant cannot be of type {}", to_string(type));
  }
  scanner.expect("(");
  if (scanner.accept("checksum")) {
    scanner.fail_at(position, "the elements of this constant were not printed");
  }
  try {
    return parse_elements(scanner, type, position);
  } catch (const std::bad_alloc&) {
    scanner.fail_at(position, "no memory for {}", to_string(type));
  }
}

}  // namespace thaw::text
