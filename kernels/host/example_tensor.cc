// Tensors as TensorFlow's messages: raw contents, or typed fields whose last value repeats.
#include <cstring>

#include "kernels/host/by_type.h"
#include "kernels/host/example.h"
#include "kernels/host/example_message.h"

namespace thaw::host {
namespace {

struct WireType {
  DType dtype;
  std::uint64_t number;  // TensorFlow's
  std::uint64_t field;   // of single values
};

// The first row of a type is the one that is written; quantised types are read as their integers.
constexpr WireType kWireTypes[] = {
    {DType::float32, 1, 5},   {DType::float64, 2, 6},    {DType::int32, 3, 7},
    {DType::uint8, 4, 7},     {DType::int16, 5, 7},      {DType::int8, 6, 7},
    {DType::string, 7, 8},    {DType::complex64, 8, 9},  {DType::int64, 9, 10},
    {DType::boolean, 10, 11}, {DType::int8, 11, 7},      {DType::uint8, 12, 7},
    {DType::int32, 13, 7},    {DType::bfloat16, 14, 13}, {DType::int16, 15, 7},
    {DType::uint16, 17, 7},   {DType::uint16, 16, 7},    {DType::complex128, 18, 12},
    {DType::float16, 19, 13}, {DType::uint32, 22, 16},   {DType::uint64, 23, 17},
};

[[noreturn]] void damaged_tensor(const char* what) {
  invalid("Could not parse `serialized` as TensorProto: {}", what);
}

/// The parts of a message, as they stand in it.
struct TensorMessage {
  std::uint64_t type = 0;
  std::vector<std::int64_t> dims;
  std::string_view content;
  std::vector<std::string_view> strings;
  std::string values;  // of the type's own field, as elements
};

std::vector<std::int64_t> read_dims(std::string_view message) {
  constexpr std::size_t kMaxDims = 32;
  std::vector<std::int64_t> dims;
  for (WireReader shape(message); shape.next();) {
    if (shape.field() == 3 && shape.number() != 0) damaged_tensor("a shape of unknown rank");
    if (shape.field() != 2) continue;
    if (dims.size() == kMaxDims) damaged_tensor("too many dimensions");
    std::int64_t size = 0;
    for (WireReader dim(shape.message()); dim.next();) {
      if (dim.field() == 1) size = static_cast<std::int64_t>(dim.number());
    }
    if (size < 0) damaged_tensor("a negative dimension");
    dims.push_back(size);
  }
  return dims;
}

/// Appends a number of a field as an element; real parts of complex numbers are elements too.
void append_value(std::string& out, DType dtype, std::uint64_t value) {
  const std::size_t width = dtype == DType::boolean ? 1 : size_of(dtype);
  if (dtype == DType::boolean) value = value != 0 ? 1 : 0;
  out.append(reinterpret_cast<const char*>(&value), std::min(width, sizeof value));
}

/// Whether the field's values are bytes of elements (floats) rather than varints.
bool is_fixed(DType dtype) {
  return dtype == DType::float32 || dtype == DType::float64 || is_complex(dtype);
}

TensorMessage read_tensor(const std::string& bytes, DType dtype) {
  TensorMessage tensor;
  std::uint64_t field = 0;
  for (const WireType& row : kWireTypes) {
    if (row.dtype == dtype) field = row.field;
  }
  for (WireReader reader(bytes); reader.next();) {
    if (reader.field() == 1 && reader.type() == 0) tensor.type = reader.number();
    if (reader.field() == 2) tensor.dims = read_dims(reader.message());
    if (reader.field() == 4) tensor.content = reader.message();
    if (reader.field() != field) continue;
    if (dtype == DType::string) {
      tensor.strings.push_back(reader.message());
    } else if (reader.type() == 0 && !is_fixed(dtype)) {
      append_value(tensor.values, dtype, reader.number());
    } else if (is_fixed(dtype)) {  // packed or not, the bytes are those of elements
      tensor.values += reader.bytes();
    } else {
      for (std::string_view rest = reader.message(); !rest.empty();) {
        append_value(tensor.values, dtype, take_varint(rest));
      }
    }
  }
  return tensor;
}

void fill_strings_of(const TensorMessage& message, Tensor& y) {
  const std::int64_t count = y.num_elements();
  auto* out = y.mutable_data<std::string>();
  if (!message.content.empty()) {
    std::string_view rest = message.content;
    std::vector<std::uint64_t> lengths;
    for (std::int64_t i = 0; i < count; ++i) lengths.push_back(take_varint(rest));
    for (std::int64_t i = 0; i < count; ++i) {
      const std::uint64_t length = lengths[static_cast<std::size_t>(i)];
      if (length > rest.size()) damaged_tensor("strings end too early");
      out[i] = std::string(rest.substr(0, length));
      rest.remove_prefix(length);
    }
    return;
  }
  for (std::int64_t i = 0; i < count && !message.strings.empty(); ++i) {
    const auto at = std::min(static_cast<std::size_t>(i), message.strings.size() - 1);
    out[i] = std::string(message.strings[at]);
  }
}

void fill_elements(const TensorMessage& message, Tensor& y) {
  const std::size_t size = y.size_bytes(), width = size_of(y.dtype());
  auto* out = static_cast<char*>(y.mutable_data());
  if (!message.content.empty()) {
    if (message.content.size() != size) damaged_tensor("contents of another size than the shape's");
    std::memcpy(out, message.content.data(), size);
    return;
  }
  const std::size_t given = std::min(size, message.values.size() / width * width);
  if (given > 0) std::memcpy(out, message.values.data(), given);
  if (given == 0 && size > 0) std::memset(out, 0, size);
  for (std::size_t at = given; given > 0 && at < size; ++at) out[at] = out[at - width];
}

void put_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

void put_bytes(std::string& out, std::uint64_t field, std::string_view bytes) {
  put_varint(out, field << 3 | 2);
  put_varint(out, bytes.size());
  out += bytes;
}

}  // namespace

Tensor tensor_of_message(const std::string& bytes, DType dtype) {
  const TensorMessage message = read_tensor(bytes, dtype);
  DType found = DType::invalid;
  for (const WireType& row : kWireTypes) {
    if (row.number == message.type) found = row.dtype;
  }
  if (found != dtype) {
    invalid("Type mismatch between parsed tensor ({}) and dtype ({})", name_of(found),
            name_of(dtype));
  }
  // A value may repeat, but a few bytes must not claim all memory.
  constexpr std::uint64_t kMaxBytes = std::uint64_t{256} << 20;
  std::uint64_t size = dtype == DType::string ? sizeof(std::string) : size_of(dtype);
  for (const std::int64_t dim : message.dims) {
    if (__builtin_mul_overflow(size, static_cast<std::uint64_t>(dim), &size)) size = UINT64_MAX;
    if (dim == 0) size = 0;
  }
  if (size > kMaxBytes && message.content.size() < size / sizeof(std::string)) {
    fail(ErrorCode::resource_exhausted, "a tensor of {} bytes in a message of {}", size,
         bytes.size());
  }
  Tensor y = allocate(dtype, message.dims);
  if (dtype == DType::string) {
    fill_strings_of(message, y);
  } else {
    fill_elements(message, y);
  }
  return y;
}

std::string tensor_message(const Tensor& x, bool strings_as_content) {
  std::string out, shape;
  for (const WireType& row : kWireTypes) {
    if (row.dtype != x.dtype()) continue;
    put_varint(out, 1 << 3);
    put_varint(out, row.number);
    break;
  }
  for (const std::int64_t dim : x.shape().dims()) {
    std::string size;
    if (dim != 0) {
      put_varint(size, 1 << 3);
      put_varint(size, static_cast<std::uint64_t>(dim));
    }
    put_bytes(shape, 2, size);
  }
  put_bytes(out, 2, shape);
  const std::int64_t count = x.num_elements();
  if (x.dtype() == DType::string && strings_as_content) {
    std::string content;
    for (std::int64_t i = 0; i < count; ++i) put_varint(content, x.data<std::string>()[i].size());
    for (std::int64_t i = 0; i < count; ++i) content += x.data<std::string>()[i];
    if (!content.empty()) put_bytes(out, 4, content);
  } else if (x.dtype() == DType::string) {
    for (std::int64_t i = 0; i < count; ++i) put_bytes(out, 8, x.data<std::string>()[i]);
  } else if (x.size_bytes() > 0) {
    put_bytes(out, 4, {static_cast<const char*>(x.data()), x.size_bytes()});
  }
  return out;
}

// (serialized) -> (tensor)
std::vector<Tensor> parse_tensor(const HostArgs& args) {
  if (args.in[0].num_elements() != 1) {
    invalid("Expected `serialized` to be a scalar, got shape: {}", args.in[0].shape().to_string());
  }
  return {tensor_of_message(args.in[0].data<std::string>()[0], args.out[0].dtype)};
}

// (tensor) -> (serialized)
std::vector<Tensor> serialize_tensor(const HostArgs& args) {
  Tensor y(DType::string, Shape{});
  y.mutable_data<std::string>()[0] = tensor_message(args.in[0], false);
  return {std::move(y)};
}

}  // namespace thaw::host
