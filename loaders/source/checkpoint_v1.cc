// TensorFlow's checkpoint format V1: each shard is one table whose records hold the values
// themselves.
#include "loaders/source/checkpoint_v1.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "loaders/source/bundle.h"
#include "loaders/source/bundle_entry.h"
#include "loaders/source/bundle_slices.h"
#include "loaders/source/wire.h"

namespace thaw {
namespace {

// The field of a TensorProto that holds elements of this type, and how.
struct Stored {
  enum class Form { fixed, varints, strings };
  std::uint32_t field;
  Form form;
};

Stored stored_as(DType dtype) {
  using Form = Stored::Form;
  switch (dtype) {
    case DType::float32: return {5, Form::fixed};
    case DType::float64: return {6, Form::fixed};
    case DType::string: return {8, Form::strings};
    case DType::complex64: return {9, Form::fixed};
    case DType::int64: return {10, Form::varints};
    case DType::boolean: return {11, Form::varints};
    case DType::complex128: return {12, Form::fixed};
    case DType::float16:
    case DType::bfloat16: return {13, Form::varints};
    case DType::uint32: return {16, Form::varints};
    case DType::uint64: return {17, Form::varints};
    default: return {7, Form::varints};  // the smaller integers
  }
}

// "model.ckpt-00001-of-00003"
bool is_shard(std::string_view name, std::string_view prefix) {
  constexpr std::string_view kPattern = "-ddddd-of-ddddd";
  if (!name.starts_with(prefix) || name.size() != prefix.size() + kPattern.size()) return false;
  name.remove_prefix(prefix.size());
  for (std::size_t i = 0; i < name.size(); ++i) {
    const bool digit = name[i] >= '0' && name[i] <= '9';
    if (kPattern[i] == 'd' ? !digit : name[i] != kPattern[i]) return false;
  }
  return true;
}

class CheckpointV1 final : public TensorBundle {
 public:
  CheckpointV1(const FileTree& tree, const std::string& prefix, const Limits& limits)
      : prefix_(prefix), limits_(limits) {
    for (const std::string& file : checkpoint_v1_files(tree, prefix)) add_shard(tree.read(file));
  }

  std::vector<std::string> keys() const override {
    std::vector<std::string> keys;
    for (const auto& [key, entry] : entries_) keys.push_back(key);
    return keys;
  }
  bool contains(const std::string& key) const override { return entries_.contains(key); }
  TensorType type(const std::string& key) const override {
    const BundleEntry& entry = find(key);
    return {entry.dtype, entry.shape};
  }
  Tensor read(const std::string& key) const override;

 private:
  template <class... Args>
  [[noreturn]] void error(ErrorCode code, const std::string& key,
                          fmt::format_string<Args...> format, Args&&... args) const {
    fail(code, "{}: tensor '{}': {}", printable(prefix_, 1024), printable(key),
         fmt::format(format, std::forward<Args>(args)...));
  }
  const BundleEntry& find(const std::string& key) const;
  void add_shard(const Bytes& file);
  Tensor decode(const std::string& key, DType dtype, const Shape& shape,
                std::string_view record) const;
  Tensor decode_numbers(const std::string& key, DType dtype, const Shape& shape,
                        std::span<const std::byte> packed, bool varints) const;

  std::string prefix_;
  Limits limits_;
  std::map<std::string, BundleEntry> entries_;  // all with slices, most with one of everything
  std::map<std::string, std::string> records_;  // of slices, by their key
};

const BundleEntry& CheckpointV1::find(const std::string& key) const {
  const auto found = entries_.find(key);
  if (found == entries_.end()) {
    fail(ErrorCode::not_found, "{}: there is no tensor '{}'", printable(prefix_, 1024),
         printable(key));
  }
  if (found->second.dtype == DType::invalid) {
    error(ErrorCode::unimplemented, key, "TensorFlow element type {}", found->second.tf_dtype);
  }
  return found->second;
}

// SavedTensorSlices: 1 meta {1 tensor}, under the empty key; 2 data, under the others. A variable's
// slices may lie in several shards.
void CheckpointV1::add_shard(const Bytes& file) {
  auto records = read_sstable(file, limits_);
  if (records.empty() || !records.front().first.empty()) {
    fail(ErrorCode::data_loss, "{}: has no record of its tensors", printable(file.name, 1024));
  }
  WireReader slices(as_bytes(records.front().second), file.name, "the record of its tensors");
  while (slices.next()) {
    if (slices.field() != 1) continue;
    WireReader meta(slices.bytes(), file.name, "the record of its tensors");
    while (meta.next()) {
      if (meta.field() != 1) continue;
      auto [name, entry] = parse_saved_slices(meta.bytes(), file.name, limits_);
      const auto [found, is_new] = entries_.emplace(name, entry);
      if (is_new) continue;
      BundleEntry& known = found->second;
      if (known.shape != entry.shape || known.tf_dtype != entry.tf_dtype) {
        error(ErrorCode::data_loss, name, "is {} and {} in two shards", known.shape.to_string(),
              entry.shape.to_string());
      }
      known.slices.insert(known.slices.end(), entry.slices.begin(), entry.slices.end());
    }
  }
  for (std::size_t i = 1; i < records.size(); ++i) {
    if (!records_.emplace(std::move(records[i])).second) {
      fail(ErrorCode::data_loss, "{}: a slice that another shard holds too",
           printable(file.name, 1024));
    }
  }
}

Tensor CheckpointV1::read(const std::string& key) const {
  const BundleEntry& entry = find(key);
  const std::string place = prefix_ + ": tensor '" + printable(key) + "'";
  const std::vector<SliceBox> boxes = resolve_slices(entry, place);
  const auto record_of = [&](std::size_t i) -> const std::string& {
    const auto found = records_.find(slice_key(key, entry.slices[i]));
    if (found == records_.end()) error(ErrorCode::data_loss, key, "one of its slices is missing");
    return found->second;
  };
  if (boxes.size() == 1) return decode(key, entry.dtype, entry.shape, record_of(0));
  std::vector<Tensor> parts;  // their values bound the memory before the whole is taken
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    parts.push_back(decode(key, entry.dtype, boxes[i].shape(), record_of(i)));
  }
  Tensor whole(entry.dtype, entry.shape);
  for (std::size_t i = 0; i < boxes.size(); ++i) place_slice(parts[i], boxes[i], whole);
  return whole;
}

// SavedTensorSlices: 2 data {1 name; 2 slice; 3 TensorProto}. The values stand in the field of
// their type; dtype and shape are left out.
Tensor CheckpointV1::decode(const std::string& key, DType dtype, const Shape& shape,
                            std::string_view record) const {
  const Stored stored = stored_as(dtype);
  std::span<const std::byte> packed;
  std::vector<std::span<const std::byte>> strings;
  WireReader slices(as_bytes(record), prefix_, "a slice record");
  while (slices.next()) {
    if (slices.field() != 2) continue;
    WireReader data(slices.bytes(), prefix_, "a slice record");
    while (data.next()) {
      if (data.field() != 3) continue;
      WireReader tensor(data.bytes(), prefix_, "the values of a slice");
      while (tensor.next()) {
        if (tensor.field() != stored.field) continue;
        if (stored.form == Stored::Form::strings) {
          strings.push_back(tensor.bytes());
        } else {
          packed = tensor.bytes();
        }
      }
    }
  }
  if (stored.form != Stored::Form::strings) {
    return decode_numbers(key, dtype, shape, packed, stored.form == Stored::Form::varints);
  }
  if (static_cast<std::int64_t>(strings.size()) != shape.num_elements()) {
    error(ErrorCode::data_loss, key, "{} strings for {}", strings.size(), shape.to_string());
  }
  Tensor tensor(dtype, shape);
  for (std::size_t i = 0; i < strings.size(); ++i) {
    tensor.mutable_data<std::string>()[i] = std::string(as_text(strings[i]));
  }
  return tensor;
}

Tensor CheckpointV1::decode_numbers(const std::string& key, DType dtype, const Shape& shape,
                                    std::span<const std::byte> packed, bool varints) const {
  const std::size_t width = size_of(dtype);
  std::size_t count = packed.size() / width;
  if (varints) {
    count = static_cast<std::size_t>(std::ranges::count_if(
        packed, [](std::byte b) { return (b & std::byte{0x80}) == std::byte{0}; }));
  }
  if (static_cast<std::uint64_t>(shape.num_elements()) != count ||
      (!varints && packed.size() != count * width)) {
    error(ErrorCode::data_loss, key, "{} values for {}", count, shape.to_string());
  }
  Tensor tensor(dtype, shape);
  auto* out = static_cast<std::byte*>(tensor.mutable_data());
  if (!varints) {
    if (!packed.empty()) std::memcpy(out, packed.data(), packed.size());
    return tensor;
  }
  ByteReader reader(packed, prefix_, "the values of a slice");
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t value = read_varint(reader, prefix_, "the values of a slice");
    if (dtype == DType::boolean && value > 1)
      error(ErrorCode::data_loss, key, "a bool of {}", value);
    std::memcpy(out + i * width, &value, width);  // little-endian: the low bytes
  }
  return tensor;
}

}  // namespace

std::vector<std::string> checkpoint_v1_files(const FileTree& tree, const std::string& prefix) {
  if (tree.contains(prefix)) return {prefix};
  std::vector<std::string> files;
  for (const std::string& name : tree.names()) {
    if (is_shard(name, prefix)) files.push_back(name);
  }
  return files;
}

std::unique_ptr<TensorBundle> open_checkpoint_v1(const FileTree& tree, const std::string& prefix,
                                                 const Limits& limits) {
  return std::make_unique<CheckpointV1>(tree, prefix, limits);
}

}  // namespace thaw
