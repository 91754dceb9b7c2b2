#include "tools/arrays.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <complex>
#include <cstdio>

#include "loaders/source/file_tree.h"
#include "loaders/source/json.h"
#include "loaders/source/npz.h"
#include "runtime/base/check.h"
#include "runtime/base/half.h"
#include "tools/json_arrays.h"

namespace thaw::tools {
namespace {

bool ends_with(const std::string& text, const char* end) {
  const std::string suffix(end);
  return text.size() >= suffix.size() &&
         text.compare(text.size() - suffix.size(), suffix.size(), suffix) == 0;
}

std::string signature_text(const std::vector<TensorSpec>& specs) {
  std::string text;
  for (const TensorSpec& spec : specs) {
    text += fmt::format("{}'{}' {}", text.empty() ? "" : ", ", printable(spec.name),
                        to_string(spec.type));
  }
  return text;
}

// Rows of numbers; a first line that is no numbers is a header.
Tensor parse_csv(std::string_view text, const std::string& path) {
  std::vector<double> values;
  std::int64_t rows = 0, columns = -1, line_number = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++line_number;
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line.find_first_not_of(" \t") == std::string_view::npos) continue;
    std::int64_t count = 0;
    const std::size_t before = values.size();
    bool numbers = true;
    while (true) {
      const std::size_t comma = std::min(line.find(','), line.size());
      std::string_view cell = line.substr(0, comma);
      while (!cell.empty() && cell.front() == ' ') cell.remove_prefix(1);
      while (!cell.empty() && cell.back() == ' ') cell.remove_suffix(1);
      double value = 0;
      const auto parsed = std::from_chars(cell.data(), cell.data() + cell.size(), value);
      numbers &= parsed.ec == std::errc() && parsed.ptr == cell.data() + cell.size();
      values.push_back(value);
      ++count;
      if (comma == line.size()) break;
      line.remove_prefix(comma + 1);
    }
    if (!numbers && rows == 0 && line_number == 1) {
      values.resize(before);
      continue;
    }
    if (!numbers || (columns >= 0 && count != columns)) {
      fail(ErrorCode::invalid_argument, "{}: line {}: {}", path, line_number,
           numbers ? fmt::format("{} cells, the lines above have {}", count, columns)
                   : "not a number");
    }
    columns = count;
    ++rows;
  }
  return Tensor::from(Shape{rows, std::max<std::int64_t>(columns, 0)}, values);
}

// Cells of texts: quoted ones may hold commas, line feeds and doubled quotes. A first line with
// nothing but the input's name is a heading.
Tensor parse_csv_texts(std::string_view text, const TensorSpec& spec, const std::string& path) {
  std::vector<std::string> cells;
  std::int64_t rows = 0, columns = -1, count = 0;
  const auto end_row = [&] {
    if (columns >= 0 && count != columns) {
      fail(ErrorCode::invalid_argument, "{}: row {}: {} cells, the rows above have {}", path,
           rows + 1, count, columns);
    }
    columns = count;
    count = 0;
    if (rows == 0 && cells.size() == 1 && cells[0] == spec.name) {
      cells.clear();
    } else {
      ++rows;
    }
  };
  while (!text.empty()) {
    std::string cell;
    if (text.front() == '"') {
      std::size_t at = 1;
      for (; at < text.size() && (text[at] != '"' || text.substr(at, 2) == "\"\""); ++at) {
        cell += text[at];
        if (text[at] == '"') ++at;
      }
      if (at >= text.size()) fail(ErrorCode::invalid_argument, "{}: a quote without end", path);
      text.remove_prefix(at + 1);
    } else {
      cell = std::string(text.substr(0, std::min(text.find_first_of(",\n"), text.size())));
      text.remove_prefix(cell.size());
      if (cell.ends_with('\r')) cell.pop_back();
    }
    cells.push_back(std::move(cell));
    ++count;
    if (text.starts_with('\r')) text.remove_prefix(1);
    const bool more = text.starts_with(',');
    if (!more && !text.empty() && text.front() != '\n') {
      fail(ErrorCode::invalid_argument, "{}: row {}: text behind a quote", path, rows + 1);
    }
    if (!more) end_row();
    if (!text.empty()) text.remove_prefix(1);
    if (more && text.empty()) {
      cells.emplace_back();
      ++count;
      end_row();
    }
  }
  return Tensor::from(Shape{rows, std::max<std::int64_t>(columns, 0)}, cells);
}

// CSV gives [rows, columns]; an input of higher rank takes the columns as its flattened sample.
Tensor shape_csv(const Tensor& table, const TensorSpec& spec, const std::string& path) {
  const Shape& wanted = spec.type.shape;
  if (!wanted.has_rank() || wanted.rank() == 2) return table;
  std::vector<std::int64_t> dims = wanted.dims();
  if (dims.empty())
    fail(ErrorCode::invalid_argument, "{}: CSV for the scalar input '{}'", path, spec.name);
  dims[0] = table.shape()[0];
  if (std::count(dims.begin() + 1, dims.end(), kUnknownDim) == 1) {
    std::int64_t known = 1;
    for (std::size_t i = 1; i < dims.size(); ++i) known *= dims[i] < 0 ? 1 : dims[i];
    for (std::size_t i = 1; i < dims.size(); ++i) {
      if (dims[i] < 0 && known > 0) dims[i] = table.shape()[1] / known;
    }
  }
  return table.reshaped(Shape(std::move(dims)));
}

template <class T>
T* cast_target(Tensor& out) {
  return static_cast<T*>(out.mutable_data());
}

template <class From>
double widest(const void* data, std::int64_t i) {
  return static_cast<double>(static_cast<const From*>(data)[i]);
}

double number_at(const Tensor& value, std::int64_t i) {
  const void* data = value.data();
  switch (value.dtype()) {
    case DType::float16: return half_to_float(static_cast<const std::uint16_t*>(data)[i]);
    case DType::bfloat16: return bfloat_to_float(static_cast<const std::uint16_t*>(data)[i]);
    case DType::float32: return widest<float>(data, i);
    case DType::float64: return widest<double>(data, i);
    case DType::int8: return widest<std::int8_t>(data, i);
    case DType::int16: return widest<std::int16_t>(data, i);
    case DType::int32: return widest<std::int32_t>(data, i);
    case DType::int64: return widest<std::int64_t>(data, i);
    case DType::uint8: return widest<std::uint8_t>(data, i);
    case DType::uint16: return widest<std::uint16_t>(data, i);
    case DType::uint32: return widest<std::uint32_t>(data, i);
    case DType::uint64: return widest<std::uint64_t>(data, i);
    case DType::boolean: return widest<std::uint8_t>(data, i);
    default: fail(ErrorCode::invalid_argument, "{} holds no numbers", to_string(value.type()));
  }
}

// Stores `number`; false when an integer type cannot hold it exactly.
bool store(Tensor& out, std::int64_t i, double number) {
  const auto integer = [&]<class T>(T) {
    if (!(number >= -0x1p63 && number < 0x1p63) || number != std::floor(number)) return false;
    const auto wide = static_cast<std::int64_t>(number);
    const T value = static_cast<T>(wide);
    cast_target<T>(out)[i] = value;
    return static_cast<double>(value) == number;
  };
  switch (out.dtype()) {
    case DType::float16:
      cast_target<std::uint16_t>(out)[i] = float_to_half(static_cast<float>(number));
      return true;
    case DType::bfloat16:
      cast_target<std::uint16_t>(out)[i] = float_to_bfloat(static_cast<float>(number));
      return true;
    case DType::float32: cast_target<float>(out)[i] = static_cast<float>(number); return true;
    case DType::float64: cast_target<double>(out)[i] = number; return true;
    case DType::int8: return integer(std::int8_t{});
    case DType::int16: return integer(std::int16_t{});
    case DType::int32: return integer(std::int32_t{});
    case DType::int64: return integer(std::int64_t{});
    case DType::uint8: return integer(std::uint8_t{});
    case DType::uint16: return integer(std::uint16_t{});
    case DType::uint32: return integer(std::uint32_t{});
    case DType::uint64: return integer(std::uint64_t{});
    case DType::boolean:
      cast_target<std::uint8_t>(out)[i] = number != 0;
      return number == 0 || number == 1;
    default: return false;
  }
}

template <class From, class To>
Tensor complex_as(const Tensor& value, DType dtype) {
  Tensor out(dtype, value.shape());
  const auto* from = static_cast<const std::complex<From>*>(value.data());
  std::copy_n(from, value.num_elements(), cast_target<std::complex<To>>(out));
  return out;
}

// complex64 as complex128 and the other way round.
Tensor other_complex(const Tensor& value) {
  return value.dtype() == DType::complex64 ? complex_as<float, double>(value, DType::complex128)
                                           : complex_as<double, float>(value, DType::complex64);
}

}  // namespace

NamedArrays read_arrays(const std::string& path, const std::vector<TensorSpec>& specs) {
  const Limits limits;
  const Bytes file = read_file(path, limits);
  const FileKind kind = sniff(file.data);
  if (kind == FileKind::zip) return read_npz(path, limits);
  if (file.text().substr(0, 6) == "\x93NUMPY") return {{"input_0", read_npy(file, limits)}};
  if (ends_with(path, ".json"))
    return arrays_from_json(parse_json(file.text(), path, limits), specs, path);
  if (ends_with(path, ".csv")) {
    const bool texts = specs.size() == 1 && specs[0].type.dtype == DType::string;
    const Tensor table =
        texts ? parse_csv_texts(file.text(), specs[0], path) : parse_csv(file.text(), path);
    return {{"input_0", specs.size() == 1 ? shape_csv(table, specs[0], path) : table}};
  }
  fail(ErrorCode::invalid_argument, "{}: expected .npz, .npy, .json or .csv, found {}", path,
       name_of(kind));
}

void write_arrays(const std::string& path, const NamedArrays& arrays) {
  if (path != "-" && !ends_with(path, ".json")) return write_npz(path, arrays);
  const std::string text = arrays_to_json(arrays).dump() + "\n";
  std::FILE* out = path == "-" ? stdout : std::fopen(path.c_str(), "wb");
  if (out == nullptr) fail(ErrorCode::permission_denied, "{}: cannot be written", path);
  const bool written = std::fwrite(text.data(), 1, text.size(), out) == text.size();
  const bool closed = out == stdout ? std::fflush(out) == 0 : std::fclose(out) == 0;
  if (!written || !closed) fail(ErrorCode::permission_denied, "{}: cannot be written", path);
}

std::vector<Tensor> match_arrays(const NamedArrays& arrays, const std::vector<TensorSpec>& specs,
                                 const std::string& kind, const std::string& file) {
  const auto named = [&](const std::string& name) {
    return std::find_if(arrays.begin(), arrays.end(),
                        [&](const auto& entry) { return entry.first == name; });
  };
  const auto position = [&](std::size_t i) { return fmt::format("{}_{}", kind, i); };
  // The model's own names win, since a model may call its second input "input_0". Where they are
  // not all there, a whole set of positions wins: Keras calls the first input "input_1".
  bool by_name = true, by_position = true;
  for (std::size_t i = 0; i < specs.size(); ++i) {
    by_name = by_name && named(specs[i].name) != arrays.end();
    by_position = by_position && named(position(i)) != arrays.end();
  }
  std::vector<Tensor> matched;
  std::vector<bool> used(arrays.size(), false);
  for (std::size_t i = 0; i < specs.size(); ++i) {
    auto found = !by_name && by_position ? arrays.end() : named(specs[i].name);
    if (found == arrays.end()) found = named(position(i));
    if (found == arrays.end()) {
      fail(ErrorCode::invalid_argument, "{}: no array '{}' or '{}'; the model's {}s: {}", file,
           printable(specs[i].name), position(i), kind, signature_text(specs));
    }
    used[static_cast<std::size_t>(found - arrays.begin())] = true;
    matched.push_back(found->second);
  }
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    if (!used[i]) {
      fail(ErrorCode::invalid_argument, "{}: array '{}' is no {} of the model: {}", file,
           printable(arrays[i].first), kind, signature_text(specs));
    }
  }
  return matched;
}

Tensor convert_to(const Tensor& value, DType dtype, const std::string& name, std::string& note) {
  if (value.dtype() == dtype) return value;
  note = fmt::format("input '{}': {} converted to {}", printable(name), name_of(value.dtype()),
                     name_of(dtype));
  if (is_complex(value.dtype()) && is_complex(dtype)) return other_complex(value);
  const bool numbers = value.dtype() != DType::string && !is_complex(value.dtype());
  const bool wanted_numbers = is_floating(dtype) || is_integer(dtype) || dtype == DType::boolean;
  if (!numbers || !wanted_numbers) {
    fail(ErrorCode::invalid_argument, "input '{}': expected {}, got {}", printable(name),
         name_of(dtype), name_of(value.dtype()));
  }
  Tensor out(dtype, value.shape());
  const bool rounds = is_floating(value.dtype()) && is_floating(dtype);
  for (std::int64_t i = 0; i < value.num_elements(); ++i) {
    const double number = number_at(value, i);
    const bool stored = store(out, i, number);
    if (!stored || (!rounds && number_at(out, i) != number)) {
      fail(ErrorCode::invalid_argument, "input '{}': expected {}, got {} with {} at position {}",
           printable(name), name_of(dtype), name_of(value.dtype()), number, i);
    }
  }
  return out;
}

std::vector<Tensor> model_inputs(const NamedArrays& arrays, const std::vector<TensorSpec>& specs,
                                 const std::string& file) {
  std::vector<Tensor> inputs = match_arrays(arrays, specs, "input", file);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    std::string note;
    inputs[i] = convert_to(inputs[i], specs[i].type.dtype, specs[i].name, note);
    if (!note.empty()) fmt::print(stderr, "note: {}\n", note);
  }
  return inputs;
}

}  // namespace thaw::tools
