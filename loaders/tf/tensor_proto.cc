// TensorFlow's constants: either raw little-endian content or typed fields, of which the last value
// repeats.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "loaders/tf/node_view.h"
#include "tf/proto/thaw_tf.pb.h"

namespace thaw::tf {
namespace {

constexpr int kRefOffset = 100;  // DT_FLOAT_REF = DT_FLOAT + 100
// Contents below this are copied, so that small constants do not keep the file in memory.
constexpr std::size_t kBorrowBytes = 4096;
// A single value may stand for a whole tensor; a few bytes of file must not claim all memory.
constexpr std::uint64_t kMaxRepeatedBytes = std::uint64_t{256} << 20;
constexpr int kMostAxes = 254;  // of a shape, to TensorFlow itself

// Copies a typed field; the last value repeats, surplus values are ignored.
template <class T, class Field, class Convert>
void fill(Tensor& tensor, const Field& field, Convert convert) {
  T* out = tensor.mutable_data<T>();
  const std::int64_t n = tensor.num_elements();
  const std::int64_t given = std::min(n, static_cast<std::int64_t>(field.size()));
  for (std::int64_t i = 0; i < given; ++i) out[i] = convert(field[static_cast<int>(i)]);
  if (given > 0) std::fill(out + given, out + n, out[given - 1]);
}

template <class T, class Field>
void fill(Tensor& tensor, const Field& field) {
  fill<T>(tensor, field, [](auto value) { return static_cast<T>(value); });
}

// Complex numbers are pairs of parts.
template <class Real, class Field>
void fill_complex(Tensor& tensor, const Field& field) {
  if (field.size() % 2 != 0) {
    fail(ErrorCode::invalid_argument, "odd number of parts of complex numbers");
  }
  auto* out = static_cast<Real*>(tensor.mutable_data());
  const std::int64_t n = tensor.num_elements() * 2;
  const std::int64_t given = std::min<std::int64_t>(n, field.size());
  for (std::int64_t i = 0; i < given; ++i) out[i] = field[static_cast<int>(i)];
  for (std::int64_t i = given; given > 0 && i < n; ++i) out[i] = out[i - 2];
}

// 16-bit floats are stored as integers of 32 bits.
std::uint16_t half_bits(int value) {
  if (value < 0 || value > UINT16_MAX) {
    fail(ErrorCode::invalid_argument, "{} is not the 16 bits of a number", value);
  }
  return static_cast<std::uint16_t>(value);
}

int values_given(const TensorProto& proto, DType dtype) {
  switch (dtype) {
    case DType::float32: return proto.float_val_size();
    case DType::float64: return proto.double_val_size();
    case DType::int64: return proto.int64_val_size();
    case DType::boolean: return proto.bool_val_size();
    case DType::float16:
    case DType::bfloat16: return proto.half_val_size();
    case DType::uint32: return proto.uint32_val_size();
    case DType::uint64: return proto.uint64_val_size();
    case DType::complex64: return proto.scomplex_val_size() / 2;
    case DType::complex128: return proto.dcomplex_val_size() / 2;
    case DType::string: return proto.string_val_size();
    default: return proto.int_val_size();
  }
}

void fill_typed(Tensor& tensor, const TensorProto& proto) {
  switch (tensor.dtype()) {
    case DType::float32: return fill<float>(tensor, proto.float_val());
    case DType::float64: return fill<double>(tensor, proto.double_val());
    case DType::int8: return fill<std::int8_t>(tensor, proto.int_val());
    case DType::int16: return fill<std::int16_t>(tensor, proto.int_val());
    case DType::int32: return fill<std::int32_t>(tensor, proto.int_val());
    case DType::int64: return fill<std::int64_t>(tensor, proto.int64_val());
    case DType::uint8: return fill<std::uint8_t>(tensor, proto.int_val());
    case DType::uint16: return fill<std::uint16_t>(tensor, proto.int_val());
    case DType::uint32: return fill<std::uint32_t>(tensor, proto.uint32_val());
    case DType::uint64: return fill<std::uint64_t>(tensor, proto.uint64_val());
    case DType::boolean: return fill<bool>(tensor, proto.bool_val());
    case DType::float16:
      return fill<float16>(tensor, proto.half_val(),
                           [](int bits) { return float16{half_bits(bits)}; });
    case DType::bfloat16:
      return fill<bfloat16>(tensor, proto.half_val(),
                            [](int bits) { return bfloat16{half_bits(bits)}; });
    case DType::complex64: return fill_complex<float>(tensor, proto.scomplex_val());
    case DType::complex128: return fill_complex<double>(tensor, proto.dcomplex_val());
    case DType::string:
      return fill<std::string>(tensor, proto.string_val(), [](const std::string& s) { return s; });
    default: fail(ErrorCode::internal, "constant of {}", name_of(tensor.dtype()));
  }
}

// Strings as raw content: all lengths as varints, then all bytes.
void fill_strings(Tensor& tensor, const std::string& content) {
  std::vector<std::uint64_t> lengths(static_cast<std::size_t>(tensor.num_elements()));
  std::size_t at = 0;
  for (std::uint64_t& length : lengths) {
    for (int shift = 0;; shift += 7) {
      if (at >= content.size() || shift > 63) {
        fail(ErrorCode::invalid_argument, "damaged lengths of strings");
      }
      const auto byte = static_cast<std::uint8_t>(content[at++]);
      length |= std::uint64_t{byte & 0x7fU} << shift;
      if (byte < 0x80) break;
    }
  }
  auto* out = tensor.mutable_data<std::string>();
  for (std::uint64_t length : lengths) {
    if (length > content.size() - at) fail(ErrorCode::invalid_argument, "strings end too early");
    *out++ = content.substr(at, length);
    at += length;
  }
  if (at != content.size()) fail(ErrorCode::invalid_argument, "surplus bytes behind the strings");
}

// One number of 8 bits: a sign, an exponent, a fraction.
float float8_number(unsigned char bits, bool e5m2) {
  const int fraction_bits = e5m2 ? 2 : 3, bias = e5m2 ? 15 : 7;
  const int exponent = (bits & 0x7f) >> fraction_bits;
  const int fraction = bits & ((1 << fraction_bits) - 1);
  const float sign = (bits & 0x80) != 0 ? -1.0F : 1.0F;
  if (e5m2 && exponent == 31) {
    return fraction == 0 ? sign * std::numeric_limits<float>::infinity()
                         : std::numeric_limits<float>::quiet_NaN();
  }
  if (!e5m2 && (bits & 0x7f) == 0x7f) return std::numeric_limits<float>::quiet_NaN();
  const int whole = exponent == 0 ? fraction : fraction + (1 << fraction_bits);
  return sign * std::ldexp(static_cast<float>(whole), std::max(exponent, 1) - bias - fraction_bits);
}

// The values of 8-bit floats as float32.
Tensor float8_from_proto(const TensorProto& proto, Shape shape, const Limits& limits) {
  const auto count = static_cast<std::uint64_t>(shape.num_elements());
  const bool raw = !proto.tensor_content().empty();
  const std::string& bytes = raw ? proto.tensor_content() : proto.float8_val();
  if (count > limits.max_total_bytes / sizeof(float) ||
      (count > bytes.size() && count * sizeof(float) > kMaxRepeatedBytes)) {
    fail(ErrorCode::resource_exhausted, "constant of {} elements from {} bytes", count,
         bytes.size());
  }
  if (raw && bytes.size() != count) {
    fail(ErrorCode::invalid_argument, "constant of float8{} holds {} bytes, not {}",
         shape.to_string(), bytes.size(), count);
  }
  const bool e5m2 = float8_kind(proto.dtype()) == "e5m2";
  Tensor tensor(DType::float32, std::move(shape));
  fill<float>(tensor, bytes,
              [&](char c) { return float8_number(static_cast<unsigned char>(c), e5m2); });
  return tensor;
}

}  // namespace

std::string_view float8_kind(int dtype) {
  if (dtype == DT_FLOAT8_E4M3FN) return "e4m3fn";
  return dtype == DT_FLOAT8_E5M2 ? "e5m2" : "";
}

DType dtype_from_proto(int dtype) {
  switch (dtype >= kRefOffset ? dtype - kRefOffset : dtype) {
    case DT_FLOAT: return DType::float32;
    case DT_DOUBLE: return DType::float64;
    // Quantised types are the integers that they are stored as.
    case DT_INT32:
    case DT_QINT32: return DType::int32;
    case DT_UINT8:
    case DT_QUINT8: return DType::uint8;
    case DT_INT16:
    case DT_QINT16: return DType::int16;
    case DT_INT8:
    case DT_QINT8: return DType::int8;
    case DT_STRING: return DType::string;
    case DT_COMPLEX64: return DType::complex64;
    case DT_INT64: return DType::int64;
    case DT_BOOL: return DType::boolean;
    case DT_BFLOAT16: return DType::bfloat16;
    case DT_UINT16:
    case DT_QUINT16: return DType::uint16;
    case DT_COMPLEX128: return DType::complex128;
    case DT_HALF: return DType::float16;
    case DT_UINT32: return DType::uint32;
    case DT_UINT64: return DType::uint64;
    case DT_RESOURCE: return DType::table;
    case DT_VARIANT: return DType::tensor_list;
    case DT_INVALID: fail(ErrorCode::invalid_argument, "type is not set");
    default: break;
  }
  if (!DataType_IsValid(dtype)) {
    fail(ErrorCode::invalid_argument, "type number {}, which TensorFlow does not have", dtype);
  }
  fail(ErrorCode::unimplemented, "elements of {}", DataType_Name(static_cast<DataType>(dtype)));
}

Shape shape_from_proto(const TensorShapeProto& proto, int max_rank) {
  if (proto.unknown_rank()) return Shape::unknown_rank();
  if (proto.dim_size() > kMostAxes) {
    fail(ErrorCode::invalid_argument, "shape of rank {}, TensorFlow has none above {}",
         proto.dim_size(), kMostAxes);
  }
  if (proto.dim_size() > max_rank) {
    fail(ErrorCode::resource_exhausted, "shape of rank {}, the limit is {}", proto.dim_size(),
         max_rank);
  }
  std::vector<std::int64_t> dims;
  for (const auto& dim : proto.dim()) {
    if (dim.size() < -1) fail(ErrorCode::invalid_argument, "shape with dimension {}", dim.size());
    dims.push_back(dim.size());
  }
  return Shape(std::move(dims));
}

Tensor tensor_from_proto(const TensorProto& proto, const Limits& limits,
                         const std::shared_ptr<const void>& owner) {
  if (proto.dtype() >= kRefOffset)
    fail(ErrorCode::invalid_argument, "constant of a reference type");
  const bool float8 = !float8_kind(proto.dtype()).empty();
  const DType dtype = float8 ? DType::float32 : dtype_from_proto(proto.dtype());
  if (dtype == DType::table || dtype == DType::tensor_list) {
    fail(ErrorCode::unimplemented, "constant of {}", DataType_Name(proto.dtype()));
  }
  Shape shape = shape_from_proto(proto.tensor_shape(), limits.max_rank);
  if (!shape.is_static()) {
    fail(ErrorCode::invalid_argument, "constant of shape {}", shape.to_string());
  }
  if (float8) return float8_from_proto(proto, std::move(shape), limits);
  const auto count = static_cast<std::uint64_t>(shape.num_elements());
  const std::string& content = proto.tensor_content();
  const std::uint64_t width = dtype == DType::string ? 1 : size_of(dtype);
  if (count > limits.max_total_bytes / width) {
    fail(ErrorCode::resource_exhausted, "constant of {} elements, above the limit of {} bytes",
         count, limits.max_total_bytes);
  }
  if (dtype == DType::string) {
    // Every string takes at least one byte of the file, unless the last one repeats.
    const std::uint64_t stored = content.empty() ? values_given(proto, dtype) : content.size();
    if (count > stored && count > kMaxRepeatedBytes / sizeof(std::string)) {
      fail(ErrorCode::resource_exhausted, "constant of {} strings from {} values", count, stored);
    }
    Tensor tensor(dtype, std::move(shape));
    content.empty() ? fill_typed(tensor, proto) : fill_strings(tensor, content);
    return tensor;
  }
  if (!content.empty()) {
    if (content.size() != count * width) {
      fail(ErrorCode::invalid_argument, "constant of {}{} holds {} bytes, not {}", name_of(dtype),
           shape.to_string(), content.size(), count * width);
    }
    if (content.size() >= kBorrowBytes && dtype != DType::boolean && owner != nullptr) {
      return Tensor::borrow(dtype, std::move(shape), content.data(), owner);
    }
    Tensor tensor(dtype, std::move(shape));
    std::memcpy(tensor.mutable_data(), content.data(), content.size());
    if (dtype == DType::boolean) {  // any other byte than 0 and 1 is no bool
      auto* bytes = static_cast<std::uint8_t*>(tensor.mutable_data());
      for (std::uint64_t i = 0; i < count; ++i) bytes[i] = bytes[i] != 0;
    }
    return tensor;
  }
  const auto given = static_cast<std::uint64_t>(values_given(proto, dtype));
  if (given < count && count * width > kMaxRepeatedBytes) {
    fail(ErrorCode::resource_exhausted, "constant of {} bytes from {} values", count * width,
         given);
  }
  Tensor tensor(dtype, std::move(shape));
  fill_typed(tensor, proto);
  return tensor;
}

}  // namespace thaw::tf
