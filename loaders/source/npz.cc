#include "loaders/source/npz.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "loaders/source/byte_reader.h"
#include "loaders/source/mapped.h"
#include "loaders/source/npy_header.h"
#include "loaders/source/zip.h"

namespace thaw {
namespace {

// Elements of a Fortran-ordered array in C order.
void transpose(const std::byte* in, std::byte* out, const Shape& shape, std::size_t width) {
  const int rank = shape.rank();
  std::vector<std::int64_t> index(static_cast<std::size_t>(rank), 0), stride(index.size(), 1);
  for (int axis = 1; axis < rank; ++axis) {
    stride[static_cast<std::size_t>(axis)] =
        stride[static_cast<std::size_t>(axis) - 1] * shape[axis - 1];
  }
  const std::int64_t count = shape.num_elements();
  std::int64_t from = 0;
  for (std::int64_t to = 0; to < count; ++to) {
    std::memcpy(out + static_cast<std::size_t>(to) * width,
                in + static_cast<std::size_t>(from) * width, width);
    for (int axis = rank - 1; axis >= 0; --axis) {
      const auto a = static_cast<std::size_t>(axis);
      from += stride[a];
      if (++index[a] < shape[axis]) break;
      from -= stride[a] * shape[axis];
      index[a] = 0;
    }
  }
}

void append_utf8(std::string& out, std::uint32_t code, const std::string& name) {
  if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) {
    fail(ErrorCode::invalid_argument, "{}: a string holds the code {:#x}, no character",
         printable(name, 1024), code);
  }
  const auto push = [&out](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) {
    push(code);
    return;
  }
  const int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  constexpr std::uint32_t leads[] = {0, 0xc0, 0xe0, 0xf0};
  push(leads[more] | code >> (6 * more));
  for (int i = more - 1; i >= 0; --i) push(0x80 | (code >> (6 * i) & 0x3f));
}

std::string decode_string(std::span<const std::byte> element, const NpyHeader& header,
                          const std::string& name) {
  if (header.kind == NpyKind::bytes) {
    std::string_view text = as_text(element);
    while (!text.empty() && text.back() == '\0') text.remove_suffix(1);
    return std::string(text);
  }
  std::vector<std::uint32_t> codes;
  for (std::size_t at = 0; at < element.size(); at += 4) {
    const auto code = static_cast<std::uint32_t>(load_little(element.data() + at, 4));
    codes.push_back(header.big_endian ? __builtin_bswap32(code) : code);
  }
  while (!codes.empty() && codes.back() == 0) codes.pop_back();
  std::string out;
  for (const std::uint32_t code : codes) append_utf8(out, code, name);
  return out;
}

Tensor read_strings(std::span<const std::byte> data, const NpyHeader& header, const Bytes& file,
                    const Limits& limits) {
  const Shape shape(header.shape);
  const std::int64_t count = shape.num_elements();
  // An element of no bytes costs a std::string all the same.
  if (static_cast<std::uint64_t>(count) > limits.max_total_bytes / sizeof(std::string) ||
      (header.width == 0 && static_cast<std::uint64_t>(count) > limits.max_entries)) {
    fail(ErrorCode::resource_exhausted, "{}: {} strings", printable(file.name, 1024), count);
  }
  std::vector<std::string> values;
  values.reserve(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    values.push_back(
        decode_string(data.subspan(i * header.width, header.width), header, file.name));
  }
  Tensor stored = Tensor::from(shape, values);
  if (!header.fortran_order || shape.rank() < 2) return stored;
  Tensor indices(DType::int64, shape), order(DType::int64, shape);
  for (std::int64_t i = 0; i < count; ++i) indices.mutable_data<std::int64_t>()[i] = i;
  transpose(static_cast<const std::byte*>(indices.data()),
            static_cast<std::byte*>(order.mutable_data()), shape, sizeof(std::int64_t));
  Tensor sorted(DType::string, shape);
  for (std::int64_t i = 0; i < count; ++i) {
    sorted.mutable_data<std::string>()[i] =
        stored.data<std::string>()[order.data<std::int64_t>()[i]];
  }
  return sorted;
}

Tensor read_numbers(std::span<const std::byte> data, const NpyHeader& header, const Bytes& file) {
  const Shape shape(header.shape);
  const bool is_native =
      header.big_endian == (std::endian::native == std::endian::big) || header.width == 1;
  const bool is_plain =
      is_native && (!header.fortran_order || shape.rank() < 2) && header.dtype != DType::boolean;
  if (is_plain && !data.empty()) {
    return tensor_of({data, file.owner, file.name, file.mapped}, header.dtype, shape);
  }
  const std::size_t part = is_complex(header.dtype) ? header.width / 2 : header.width;
  Tensor tensor(header.dtype, shape);
  if (data.empty()) return tensor;
  auto* out = static_cast<std::byte*>(tensor.mutable_data());
  if (header.fortran_order && shape.rank() >= 2) {
    transpose(data.data(), out, shape, header.width);
  } else {
    std::memcpy(out, data.data(), data.size());
  }
  if (!is_native) {
    for (std::size_t i = 0; i < data.size(); i += part) std::reverse(out + i, out + i + part);
  }
  if (header.dtype == DType::boolean) {  // numpy takes any other byte than 0 as true
    for (std::size_t i = 0; i < data.size(); ++i)
      out[i] = out[i] != std::byte{0} ? std::byte{1} : std::byte{0};
  }
  return tensor;
}

}  // namespace

Tensor read_npy(const Bytes& file, const Limits& limits) {
  const NpyHeader header = read_npy_header(file, limits);
  const auto data = file.data.subspan(header.data_offset);
  const auto count = static_cast<std::uint64_t>(Shape(header.shape).num_elements());
  std::uint64_t bytes = 0;
  if (__builtin_mul_overflow(count, std::uint64_t{header.width}, &bytes) ||
      bytes > limits.max_total_bytes) {
    fail(ErrorCode::resource_exhausted, "{}: {} elements of {} bytes, the limit is {}",
         printable(file.name, 1024), count, header.width, limits.max_total_bytes);
  }
  if (bytes > data.size()) {
    fail(ErrorCode::data_loss, "{}: shape {} needs {} bytes, {} are there",
         printable(file.name, 1024), Shape(header.shape).to_string(), bytes, data.size());
  }
  if (bytes < data.size()) {
    fail(ErrorCode::invalid_argument, "{}: {} bytes follow the array", printable(file.name, 1024),
         data.size() - bytes);
  }
  return header.dtype == DType::string ? read_strings(data, header, file, limits)
                                       : read_numbers(data, header, file);
}

std::vector<std::pair<std::string, Tensor>> read_npz(const std::string& path,
                                                     const Limits& limits) {
  constexpr std::string_view kSuffix = ".npy";
  const Bytes archive = read_file(path, limits);
  if (sniff(archive.data) != FileKind::zip) {
    fail(archive.size() == 0 ? ErrorCode::data_loss : ErrorCode::invalid_argument,
         "{}: is no .npz but {}", printable(path, 1024), name_of(sniff(archive.data)));
  }
  std::vector<std::pair<std::string, Tensor>> arrays;
  std::uint64_t total = 0;
  for (const ZipMember& member : read_zip_members(archive, limits)) {
    std::string name = member.name;
    if (name.ends_with(kSuffix)) name.resize(name.size() - kSuffix.size());
    for (const auto& [known, tensor] : arrays) {
      if (known == name)
        fail(ErrorCode::invalid_argument, "{}: array '{}' exists twice", printable(path, 1024),
             printable(name));
    }
    Tensor tensor = read_npy(read_zip_member(archive, member, limits), limits);
    total += tensor.size_bytes();
    if (total > limits.max_total_bytes) {
      fail(ErrorCode::resource_exhausted, "{}: more than {} bytes", printable(path, 1024),
           limits.max_total_bytes);
    }
    arrays.emplace_back(std::move(name), std::move(tensor));
  }
  return arrays;
}

}  // namespace thaw
