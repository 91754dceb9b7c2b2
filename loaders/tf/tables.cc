#include "loaders/tf/tables.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <unordered_map>

#include "loaders/source/archive.h"
#include "runtime/base/check.h"
#include "tf/proto/thaw_tf.pb.h"

namespace thaw::tf {
namespace {

constexpr std::int64_t kLineNumber = -1, kWholeLine = -2;

std::string element_bytes(const Tensor& tensor, std::int64_t i) {
  if (tensor.dtype() == DType::string) return tensor.data<std::string>()[i];
  const std::size_t width = size_of(tensor.dtype());
  const auto* data = static_cast<const char*>(tensor.data());
  return {data + static_cast<std::size_t>(i) * width, width};
}

// Some rows of a tensor.
Tensor picked_rows(const Tensor& tensor, const std::vector<std::int64_t>& rows) {
  std::vector<std::int64_t> dims = tensor.shape().dims();
  const std::int64_t width = dims[0] == 0 ? 0 : tensor.num_elements() / dims[0];
  dims[0] = static_cast<std::int64_t>(rows.size());
  Tensor kept(tensor.dtype(), Shape(dims));
  const std::size_t bytes = static_cast<std::size_t>(width) * size_of(tensor.dtype());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto from = rows[i] * width, to = static_cast<std::int64_t>(i) * width;
    if (tensor.dtype() == DType::string) {
      std::copy_n(tensor.data<std::string>() + from, width, kept.mutable_data<std::string>() + to);
    } else {
      std::memcpy(
          static_cast<char*>(kept.mutable_data()) + i * bytes,
          static_cast<const char*>(tensor.data()) + static_cast<std::size_t>(rows[i]) * bytes,
          bytes);
    }
  }
  return kept;
}

void drop_no_keys(Table& table) {
  if (table.no_keys.empty()) return;
  std::vector<std::int64_t> rows;
  for (std::int64_t i = 0; i < table.keys.num_elements(); ++i) {
    const std::string key = element_bytes(table.keys, i);
    const bool none = std::ranges::any_of(
        table.no_keys, [&](const Tensor& no_key) { return element_bytes(no_key, 0) == key; });
    if (!none) rows.push_back(i);
  }
  table.values = picked_rows(table.values, rows);
  table.keys = picked_rows(table.keys, rows);
}

void check_unique(const Table& table) {
  std::unordered_map<std::string, std::int64_t> rows;
  for (std::int64_t i = 0; i < table.keys.num_elements(); ++i) {
    const auto [known, is_new] = rows.emplace(element_bytes(table.keys, i), i);
    if (is_new) continue;
    if (element_bytes(table.values, i) != element_bytes(table.values, known->second)) {
      fail(ErrorCode::invalid_argument, "table '{}' has two values for one key",
           printable(table.name));
    }
  }
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.push_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

template <class T>
void parse_number(std::string_view token, Tensor& out, std::int64_t row, const std::string& file) {
  T value = 0;
  std::string_view digits = token;
  while (!digits.empty() && digits.front() == ' ') digits.remove_prefix(1);
  while (!digits.empty() && digits.back() == ' ') digits.remove_suffix(1);
  if (digits.starts_with('+')) digits.remove_prefix(1);
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, value);
  if (error != std::errc{} || stop != end || digits.empty()) {
    fail(ErrorCode::invalid_argument, "{}: field {} in line {} is not a valid {}", file,
         printable(token), row, name_of(out.dtype()));
  }
  out.mutable_data<T>()[row] = value;
}

// As TensorFlow's integers overflow.
std::int64_t wrapped_sum(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

/// What one side of a table takes from each line.
class Column {
 public:
  Column(std::int64_t index, DType dtype, std::int64_t rows, const TextColumns& columns)
      : index_(index), columns_(columns), values_(dtype, Shape{rows}) {
    if (index == kLineNumber && dtype != DType::int64) {
      fail(ErrorCode::invalid_argument, "a line number as {}", name_of(dtype));
    }
    if (index == kWholeLine && dtype != DType::string && !is_integer(dtype)) {
      fail(ErrorCode::invalid_argument, "a whole line as {}", name_of(dtype));
    }
    if (index < kWholeLine) fail(ErrorCode::invalid_argument, "column {}", index);
  }

  void read(std::string_view line, std::int64_t row, const std::string& file) {
    if (index_ == kLineNumber) {
      values_.mutable_data<std::int64_t>()[row] = wrapped_sum(row, columns_.offset);
      return;
    }
    const std::string_view token = index_ == kWholeLine ? line : field(line, row, file);
    switch (values_.dtype()) {
      case DType::string: values_.mutable_data<std::string>()[row] = std::string(token); break;
      case DType::int32: {
        parse_number<std::int32_t>(token, values_, row, file);
        // TensorFlow adds the offset to fields of this type alone.
        auto& value = values_.mutable_data<std::int32_t>()[row];
        value = static_cast<std::int32_t>(wrapped_sum(value, columns_.offset));
        break;
      }
      case DType::int64: parse_number<std::int64_t>(token, values_, row, file); break;
      case DType::float32: parse_number<float>(token, values_, row, file); break;
      case DType::float64: parse_number<double>(token, values_, row, file); break;
      default:
        fail(ErrorCode::unimplemented, "a table of {} in a text file", name_of(values_.dtype()));
    }
  }
  Tensor& values() { return values_; }

 private:
  std::string_view field(std::string_view line, std::int64_t row, const std::string& file) const {
    std::string_view rest = line;
    for (std::int64_t column = 0;; ++column) {
      const std::size_t end = std::min(rest.find(columns_.delimiter), rest.size());
      if (column == index_) return rest.substr(0, end);
      if (end == rest.size()) {
        fail(ErrorCode::invalid_argument,
             "{}: invalid number of columns in line {}: expected at least {}, got {}", file, row,
             index_ + 1, column + 1);
      }
      rest.remove_prefix(end + 1);
    }
  }

  std::int64_t index_;
  const TextColumns& columns_;
  Tensor values_;
};

}  // namespace

Tables::Tables(const MetaGraphDef& meta, const GraphView& top, const TensorBundle* bundle,
               const Limits& limits)
    : meta_(meta), top_(top), bundle_(bundle), limits_(limits) {}

int Tables::number(const std::string& name, DType key_dtype, DType value_dtype) {
  const auto [found, is_new] = numbers_.emplace(name, static_cast<int>(tables_.size()));
  if (is_new) {
    tables_.push_back({name, key_dtype, value_dtype, false, {}, {}});
  } else if (at(found->second).key_dtype != key_dtype ||
             at(found->second).value_dtype != value_dtype) {
    const Table& table = at(found->second);
    fail(ErrorCode::invalid_argument, "table '{}' maps {} to {} here and {} to {} elsewhere",
         printable(name), name_of(key_dtype), name_of(value_dtype), name_of(table.key_dtype),
         name_of(table.value_dtype));
  }
  return found->second;
}

void Tables::make_dense(int number, std::vector<Tensor> no_keys, Shape value_shape) {
  Table& table = tables_[static_cast<std::size_t>(number)];
  for (const Tensor& key : no_keys) {
    if (key.dtype() != table.key_dtype || key.num_elements() != 1) {
      fail(ErrorCode::unimplemented, "table '{}' with keys of more than one number",
           printable(table.name));
    }
  }
  if (!value_shape.is_static()) {
    fail(ErrorCode::unimplemented, "table '{}' with values of unknown shape",
         printable(table.name));
  }
  table.no_keys = std::move(no_keys);
  table.value_shape = std::move(value_shape);
}

void Tables::set_problem(int number, const Error& problem) {
  Table& table = tables_[static_cast<std::size_t>(number)];
  if (!table.problem.empty()) return;
  table.problem = problem.what();
  table.problem_code = problem.code();
}

void Tables::fill(int number, Tensor keys, Tensor values, bool unique) {
  Table& table = tables_[static_cast<std::size_t>(number)];
  if (table.value_shape) {
    std::vector<std::int64_t> dims = table.value_shape->dims();
    dims.insert(dims.begin(), keys.num_elements());
    keys = keys.reshaped(Shape{keys.num_elements()});
    values = values.reshaped(Shape(dims));
  }
  const bool fits = keys.dtype() == table.key_dtype && values.dtype() == table.value_dtype &&
                    keys.shape().rank() == 1 && values.shape().rank() >= 1 &&
                    keys.shape()[0] == values.shape()[0];
  if (!fits) {
    fail(ErrorCode::invalid_argument, "table '{}' of {} to {}: keys {}, values {}",
         printable(table.name), name_of(table.key_dtype), name_of(table.value_dtype),
         to_string(keys.type()), to_string(values.type()));
  }
  table.keys = keys;
  table.values = values;
  drop_no_keys(table);
  if (unique) check_unique(table);
  table.filled = true;
}

void Tables::fill_from_text(int number, const std::string& path, const TextColumns& columns) {
  check_member_name(files_ == nullptr ? "the graph" : files_->path(), path);
  if (files_ == nullptr || !files_->contains(path)) {
    fail(ErrorCode::not_found, "table '{}' is read from '{}', which is not among the assets",
         printable(at(number).name), printable(path));
  }
  const Bytes file = files_->read(path);
  std::vector<std::string_view> lines = lines_of(file.text());
  const auto wanted = static_cast<std::size_t>(std::max<std::int64_t>(columns.vocab_size, 0));
  if (columns.vocab_size != -1 && lines.size() < wanted) {
    fail(ErrorCode::invalid_argument, "{}: invalid vocab_size: expected {} but got {}", file.name,
         columns.vocab_size, lines.size());
  }
  if (columns.vocab_size != -1) lines.resize(wanted);  // what follows is ignored
  if (lines.size() > limits_.max_entries) {
    fail(ErrorCode::resource_exhausted, "{} has more than {} lines", file.name,
         limits_.max_entries);
  }
  const auto rows = static_cast<std::int64_t>(lines.size());
  Column keys(columns.key_index, at(number).key_dtype, rows, columns);
  Column values(columns.value_index, at(number).value_dtype, rows, columns);
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::string_view line = lines[static_cast<std::size_t>(row)];
    if (line.empty()) {
      fail(ErrorCode::invalid_argument, "{}: line {} is empty", file.name, row);
    }
    keys.read(line, row, file.name);
    values.read(line, row, file.name);
  }
  fill(number, keys.values(), values.values(), true);
}

std::map<std::pair<int, std::int64_t>, std::string> Tables::asset_names() const {
  std::map<std::pair<int, std::int64_t>, std::string> names;
  const auto add = [&](const AssetFileDef& asset) {
    const Ref ref = top_.resolve(asset.tensor_info().name(), "asset", ErrorCode::invalid_argument);
    names.emplace(std::pair{ref.node, ref.port}, "assets/" + asset.filename());
  };
  for (const AssetFileDef& asset : meta_.asset_file_def()) add(asset);
  for (const CollectionEntry& entry : meta_.collection_def()) {  // TensorFlow 1
    if (entry.key() != "saved_model_assets") continue;
    for (const auto& any : entry.value().any_list().value()) {
      AssetFileDef asset;
      if (!asset.ParseFromString(any.value())) {
        fail(ErrorCode::data_loss, "the collection 'saved_model_assets' is damaged");
      }
      add(asset);
    }
  }
  return names;
}

Tensor Tables::stored(const std::string& key) const {
  if (bundle_ == nullptr || !bundle_->contains(key)) {
    fail(ErrorCode::not_found, "the checkpoint has no entry '{}'", printable(key));
  }
  return bundle_->read(key);
}

int Tables::restore_node() const {
  const int node = top_.find(meta_.saver_def().restore_op_name());
  return node < 0 ? -1 : node;
}

}  // namespace thaw::tf
