// Records: raw bytes and lines of comma-separated values.
#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>

#include "kernels/host/example.h"

namespace thaw::host {
namespace {

/// Bytes in the order of the file to elements of `size` bytes in the machine's.
void copy_elements(const char* from, std::byte* to, std::size_t bytes, std::size_t size,
                   bool little_endian, DType dtype) {
  std::memcpy(to, from, bytes);
  if (dtype == DType::boolean) {
    for (std::size_t i = 0; i < bytes; ++i) to[i] = static_cast<std::byte>(from[i] != 0 ? 1 : 0);
  }
  if (little_endian == (std::endian::native == std::endian::little)) return;
  for (std::size_t i = 0; i < bytes; i += size) std::reverse(to + i, to + i + size);
}

/// A complex number is two numbers, each in the order of its bytes.
std::size_t swapped_size(DType dtype) {
  return is_complex(dtype) ? size_of(dtype) / 2 : size_of(dtype);
}

std::string_view trimmed(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

/// The whole text as a number; false if it is none or does not fit.
template <class T>
bool parse(std::string_view text, T& value) {
  text = trimmed(text);
  if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (text.starts_with('-')) return false;
  }
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end != text.data() + text.size() || text.empty()) return false;
  if constexpr (std::is_floating_point_v<T>) {
    if (error == std::errc::result_out_of_range) {
      // As strtod does it: infinite or zero.
      const std::size_t exponent = text.find_first_of("eE");
      const bool tiny =
          exponent != std::string_view::npos && text.substr(exponent + 1).starts_with('-');
      value = tiny ? T(0) : std::numeric_limits<T>::infinity();
      if (text.starts_with('-')) value = -value;
      return true;
    }
  }
  return error == std::errc();
}

struct CsvFormat {
  char delimiter = ',';
  bool quotes = true;
  std::string missing;
  std::vector<std::int64_t> columns;  // ascending; none means all
};

/// Splits one line as RFC 4180 has it.
class CsvLine {
 public:
  CsvLine(std::string_view line, const CsvFormat& format) : line_(line), format_(format) {}

  std::vector<std::string> fields() {
    std::vector<std::string> chosen;
    std::int64_t number = 0;
    const auto wants = [&] {
      return format_.columns.empty() ||
             (chosen.size() < format_.columns.size() && format_.columns[chosen.size()] == number);
    };
    while (at_ < line_.size()) {
      if (line_[at_] == '\n' || line_[at_] == '\r') {
        ++at_;
        continue;
      }
      std::string field = format_.quotes && line_[at_] == '"' ? quoted() : plain();
      if (wants()) chosen.push_back(std::move(field));
      if (!format_.columns.empty() && chosen.size() == format_.columns.size()) return chosen;
      ++number;
    }
    if (!line_.empty() && line_.back() == format_.delimiter && wants()) chosen.emplace_back();
    return chosen;
  }

 private:
  std::string plain() {
    const std::size_t begin = at_;
    for (; at_ < line_.size() && line_[at_] != format_.delimiter; ++at_) {
      const char c = line_[at_];
      if ((format_.quotes && c == '"') || c == '\n' || c == '\r') {
        invalid("a field without quotes cannot hold quotes or line ends");
      }
    }
    return std::string(line_.substr(begin, at_++ - begin));
  }

  std::string quoted() {
    std::string field;
    ++at_;
    const auto ends = [&] {
      return line_[at_] == '"' && (at_ + 1 == line_.size() || line_[at_ + 1] == format_.delimiter);
    };
    while (at_ < line_.size() && !ends()) {
      if (line_[at_] != '"') {
        field += line_[at_++];
      } else if (at_ + 1 < line_.size() && line_[at_ + 1] == '"') {
        field += '"';
        at_ += 2;
      } else {
        invalid("a quote inside of a field has to be doubled");
      }
    }
    if (at_ >= line_.size()) invalid("a field in quotes has to end with a quote");
    at_ += 2;
    return field;
  }

  std::string_view line_;
  const CsvFormat& format_;
  std::size_t at_ = 0;
};

CsvFormat csv_format(const Attributes& attributes) {
  CsvFormat format;
  format.delimiter = attributes.text("delimiter")[0];
  format.quotes = attributes.flag("use_quote_delim");
  format.missing = attributes.text("na_value");
  format.columns = attributes.ints("select_cols");
  return format;
}

template <class T>
void write_field(const std::string& field, bool missing, const Tensor& fallback, T& to,
                 std::size_t column, std::int64_t record) {
  if (missing) {
    if (fallback.num_elements() != 1) {
      invalid("field {} is required but missing in record {}", column, record);
    }
    to = elements<T>(fallback)[0];
  } else if constexpr (std::is_same_v<T, std::string>) {
    to = field;
  } else if (!parse(field, to)) {
    invalid("field {} in record {} is not a valid {}: '{}'", column, record,
            name_of(Tensor::dtype_of<T>()), printable(field));
  }
}

void write_value(const std::string& field, bool missing, const Tensor& fallback, Tensor& column,
                 std::size_t number, std::int64_t record) {
  const auto write = [&](auto* to) {
    write_field(field, missing, fallback, to[record], number, record);
  };
  switch (column.dtype()) {
    case DType::int32: return write(mutable_elements<std::int32_t>(column));
    case DType::int64: return write(mutable_elements<std::int64_t>(column));
    case DType::float32: return write(mutable_elements<float>(column));
    case DType::float64: return write(mutable_elements<double>(column));
    case DType::string: return write(mutable_elements<std::string>(column));
    default: wrong_type(column.dtype());
  }
}

}  // namespace

// (strings [...]) -> (elements [..., n]): all strings have the same length.
std::vector<Tensor> decode_raw(const HostArgs& args) {
  const Tensor& in = args.in[0];
  const DType dtype = args.call.attributes.dtype("dtype");
  const std::size_t size = size_of(dtype);
  const std::string* strings = in.data<std::string>();
  const std::size_t length = in.num_elements() == 0 ? 0 : strings[0].size();
  if (length % size != 0) invalid("{} bytes are no whole number of {}", length, name_of(dtype));
  std::vector<std::int64_t> dims = in.shape().dims();
  dims.push_back(static_cast<std::int64_t>(length / size));
  Tensor out = allocate(dtype, dims);
  auto* to = static_cast<std::byte*>(out.mutable_data());
  const bool little = args.call.attributes.flag("little_endian");
  for (std::int64_t i = 0; i < in.num_elements(); ++i, to += length) {
    if (strings[i].size() != length) {
      invalid("strings of different sizes: {} and {} bytes", length, strings[i].size());
    }
    if (length != 0)
      copy_elements(strings[i].data(), to, length, swapped_size(dtype), little, dtype);
  }
  return {out};
}

// (strings [...], length in bytes) -> (elements [..., n]): cut or filled up with zeros.
std::vector<Tensor> decode_padded_raw(const HostArgs& args) {
  const Tensor& in = args.in[0];
  const DType dtype = args.call.attributes.dtype("dtype");
  const auto size = static_cast<std::int64_t>(size_of(dtype));
  const std::int64_t length = integer(args.in[1], "fixed_length");
  if (length <= 0 || length % size != 0) {
    invalid("fixed_length: expected a positive multiple of {}, found {}", size, length);
  }
  std::vector<std::int64_t> dims = in.shape().dims();
  dims.push_back(length / size);
  Tensor out = allocate(dtype, dims);
  auto* to = static_cast<std::byte*>(out.mutable_data());
  const bool little = args.call.attributes.flag("little_endian");
  std::string padded;
  for (std::int64_t i = 0; i < in.num_elements(); ++i, to += length) {
    padded = in.data<std::string>()[i];
    padded.resize(static_cast<std::size_t>(length), '\0');
    copy_elements(padded.data(), to, padded.size(), swapped_size(dtype), little, dtype);
  }
  return {out};
}

// (records [...], defaults...) -> (columns [...]...)
std::vector<Tensor> decode_csv(const HostArgs& args) {
  const Tensor& records = args.in[0];
  const CsvFormat format = csv_format(args.call.attributes);
  std::vector<Tensor> columns;
  for (const DType dtype : args.call.attributes.dtypes("types")) {
    columns.push_back(allocate(dtype, records.shape().dims()));
  }
  for (std::int64_t i = 0; i < records.num_elements(); ++i) {
    const std::vector<std::string> fields =
        CsvLine(records.data<std::string>()[i], format).fields();
    if (fields.size() != columns.size()) {
      invalid("expected {} fields, found {} in record {}", columns.size(), fields.size(), i);
    }
    for (std::size_t f = 0; f < fields.size(); ++f) {
      const bool missing = fields[f].empty() || fields[f] == format.missing;
      write_value(fields[f], missing, args.in[f + 1], columns[f], f, i);
    }
  }
  return columns;
}

}  // namespace thaw::host
