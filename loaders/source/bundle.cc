#include "loaders/source/bundle.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <mutex>
#include <set>

#include "loaders/source/bundle_entry.h"
#include "loaders/source/bundle_slices.h"
#include "loaders/source/checkpoint_v1.h"
#include "loaders/source/mapped.h"
#include "loaders/source/wire.h"

namespace thaw {
namespace {

class Bundle final : public TensorBundle {
 public:
  Bundle(const FileTree& tree, const std::string& prefix, const Limits& limits)
      : tree_(tree), prefix_(prefix), limits_(limits) {
    const std::string index = prefix + ".index";
    const Bytes file = tree.read(index);
    auto records = read_sstable(file, limits);
    if (records.empty() || !records.front().first.empty()) {
      fail(ErrorCode::data_loss, "{}: has no header record", printable(file.name, 1024));
    }
    header_ = parse_bundle_header(records.front().second, file.name);
    for (std::size_t i = 1; i < records.size(); ++i) {
      const auto& [key, record] = records[i];
      entries_.emplace(key, parse_bundle_entry(record, file.name, key, limits));
    }
    hide_slices();
    check_shards();
    check_overlaps();
  }

  std::vector<std::string> keys() const override {
    std::vector<std::string> keys;
    for (const auto& [key, entry] : entries_) {
      if (slice_keys_.count(key) == 0) keys.push_back(key);
    }
    return keys;
  }
  bool contains(const std::string& key) const override {
    return entries_.count(key) != 0 && slice_keys_.count(key) == 0;
  }
  TensorType type(const std::string& key) const override {
    const BundleEntry& entry = find(key);
    return {entry.dtype, entry.shape};
  }
  Tensor read(const std::string& key) const override {
    const BundleEntry& entry = find(key);
    return entry.slices.empty() ? read_whole(key, entry) : read_slices(key, entry);
  }

 private:
  template <class... Args>
  [[noreturn]] void error(ErrorCode code, const std::string& key,
                          fmt::format_string<Args...> format, Args&&... args) const {
    fail(code, "{}.index: tensor '{}': {}", printable(prefix_, 1024), printable(key),
         fmt::format(format, std::forward<Args>(args)...));
  }
  const BundleEntry& find(const std::string& key) const;
  std::string shard_name(std::int64_t shard) const {
    return fmt::format("{}.data-{:05}-of-{:05}", prefix_, shard, header_.num_shards);
  }
  void hide_slices();
  void check_shards() const;
  void check_overlaps() const;
  Bytes data_of(const std::string& key, const BundleEntry& entry) const;
  Tensor read_whole(const std::string& key, const BundleEntry& entry) const;
  Tensor read_numbers(const std::string& key, const BundleEntry& entry, const Bytes& data) const;
  Tensor read_strings(const std::string& key, const BundleEntry& entry, const Bytes& data) const;
  Tensor read_slices(const std::string& key, const BundleEntry& entry) const;

  const FileTree& tree_;
  std::string prefix_;
  Limits limits_;
  BundleHeader header_;
  std::map<std::string, BundleEntry> entries_;
  std::set<std::string> slice_keys_;
  mutable std::mutex mutex_;  // guards shards_
  mutable std::map<std::int64_t, Bytes> shards_;
};

const BundleEntry& Bundle::find(const std::string& key) const {
  const auto it = entries_.find(key);
  if (it == entries_.end()) {
    fail(ErrorCode::not_found, "{}.index: there is no tensor '{}'", printable(prefix_, 1024),
         printable(key));
  }
  if (it->second.dtype == DType::invalid) {
    error(ErrorCode::unimplemented, key, "TensorFlow element type {}", it->second.tf_dtype);
  }
  return it->second;
}

// Slices have entries of their own, which are no tensors to the outside.
void Bundle::hide_slices() {
  for (const auto& [key, entry] : entries_) {
    for (const BundleSlice& slice : entry.slices) {
      const std::string part = slice_key(key, slice);
      const auto it = entries_.find(part);
      if (it == entries_.end()) error(ErrorCode::data_loss, key, "one of its slices is missing");
      if (!it->second.slices.empty()) error(ErrorCode::data_loss, key, "a slice is sliced itself");
      slice_keys_.insert(part);
    }
  }
}

void Bundle::check_shards() const {
  std::set<std::int64_t> used;
  for (const auto& [key, entry] : entries_) {
    if (entry.shard < 0 || entry.shard >= header_.num_shards) {
      error(ErrorCode::data_loss, key, "shard {} of {}", entry.shard, header_.num_shards);
    }
    if (entry.slices.empty()) used.insert(entry.shard);
  }
  for (const std::int64_t shard : used) {
    if (!tree_.contains(shard_name(shard))) {
      fail(ErrorCode::not_found, "{}: '{}' is missing", printable(tree_.path(), 1024),
           printable(shard_name(shard)));
    }
  }
}

void Bundle::check_overlaps() const {
  struct Range {
    std::int64_t shard;
    std::uint64_t begin, end;
    const std::string* key;
    bool operator<(const Range& other) const {
      return std::tie(shard, begin, end) < std::tie(other.shard, other.begin, other.end);
    }
  };
  std::vector<Range> ranges;
  for (const auto& [key, entry] : entries_) {
    if (entry.size == 0 || !entry.slices.empty()) continue;
    std::uint64_t end = 0;
    if (__builtin_add_overflow(entry.offset, entry.size, &end)) {
      error(ErrorCode::data_loss, key, "{} bytes at {}", entry.size, entry.offset);
    }
    ranges.push_back({entry.shard, entry.offset, end, &key});
  }
  std::sort(ranges.begin(), ranges.end());
  for (std::size_t i = 1; i < ranges.size(); ++i) {
    if (ranges[i].shard == ranges[i - 1].shard && ranges[i].begin < ranges[i - 1].end) {
      error(ErrorCode::data_loss, *ranges[i].key, "shares bytes with '{}'",
            printable(*ranges[i - 1].key));
    }
  }
}

Bytes Bundle::data_of(const std::string& key, const BundleEntry& entry) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  auto it = shards_.find(entry.shard);
  if (it == shards_.end())
    it = shards_.emplace(entry.shard, tree_.read(shard_name(entry.shard))).first;
  const Bytes& shard = it->second;
  if (entry.offset > shard.size() || entry.size > shard.size() - entry.offset) {
    error(ErrorCode::data_loss, key, "{} bytes at {} lie outside '{}' of {} bytes", entry.size,
          entry.offset, printable(shard.name), shard.size());
  }
  return {shard.data.subspan(static_cast<std::size_t>(entry.offset),
                             static_cast<std::size_t>(entry.size)),
          shard.owner, shard.name, shard.mapped};
}

Tensor Bundle::read_whole(const std::string& key, const BundleEntry& entry) const {
  if (!entry.crc) error(ErrorCode::data_loss, key, "has no checksum");
  if (entry.size > limits_.max_total_bytes) {
    error(ErrorCode::resource_exhausted, key, "{} bytes, the limit is {}", entry.size,
          limits_.max_total_bytes);
  }
  if (entry.dtype == DType::string) return read_strings(key, entry, data_of(key, entry));
  std::uint64_t expected = 0;
  if (__builtin_mul_overflow(static_cast<std::uint64_t>(entry.shape.num_elements()),
                             std::uint64_t{size_of(entry.dtype)}, &expected) ||
      expected != entry.size) {
    error(ErrorCode::data_loss, key, "{} is said to take {} bytes",
          to_string(TensorType{entry.dtype, entry.shape}), entry.size);
  }
  return read_numbers(key, entry, data_of(key, entry));
}

Tensor Bundle::read_numbers(const std::string& key, const BundleEntry& entry,
                            const Bytes& data) const {
  if (mask_crc32c(crc32c(data.data)) != *entry.crc) {
    error(ErrorCode::data_loss, key, "its checksum does not fit ('{}' is damaged)",
          printable(data.name));
  }
  if (entry.dtype == DType::boolean) {
    for (const std::byte value : data.data) {
      if (value > std::byte{1}) error(ErrorCode::data_loss, key, "a bool of value {}", int(value));
    }
  }
  const std::size_t width = size_of(entry.dtype);
  const std::size_t part = is_complex(entry.dtype) ? width / 2 : width;
  const bool is_native =
      part == 1 || header_.big_endian == (std::endian::native == std::endian::big);
  if (data.data.empty()) return Tensor(entry.dtype, entry.shape);
  if (is_native) {
    let_go(data);  // which the checksum went through
    return tensor_of(data, entry.dtype, entry.shape);
  }
  Tensor tensor(entry.dtype, entry.shape);
  auto* out = static_cast<std::byte*>(tensor.mutable_data());
  std::memcpy(out, data.data.data(), data.size());
  for (std::size_t i = 0; i < data.size(); i += part) std::reverse(out + i, out + i + part);
  return tensor;
}

// Lengths as varints, their checksum, the bytes. The checksums see each length as 4 bytes (8 if it
// needs them), not as the varint that is stored.
Tensor Bundle::read_strings(const std::string& key, const BundleEntry& entry,
                            const Bytes& data) const {
  const auto count = static_cast<std::uint64_t>(entry.shape.num_elements());
  if (count > data.size())
    error(ErrorCode::data_loss, key, "{} strings in {} bytes", count, data.size());
  ByteReader reader(data.data, data.name, "a string tensor");
  std::vector<std::uint64_t> lengths(static_cast<std::size_t>(count));
  std::uint32_t crc = 0;
  for (std::uint64_t& length : lengths) {
    length = read_varint(reader, data.name, "a string tensor");
    std::byte fixed[8];
    for (int i = 0; i < 8; ++i) fixed[i] = static_cast<std::byte>(length >> (8 * i));
    crc = crc32c({fixed, length > 0xffffffff ? 8u : 4u}, crc);
  }
  const auto stored = reader.take(4);
  if (mask_crc32c(crc) != load_little(stored.data(), 4)) {
    error(ErrorCode::data_loss, key, "the checksum of its string lengths does not fit");
  }
  crc = crc32c(stored, crc);
  Tensor tensor(DType::string, entry.shape);
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    const auto bytes = reader.take(lengths[i]);
    crc = crc32c(bytes, crc);
    tensor.mutable_data<std::string>()[i] = std::string(as_text(bytes));
  }
  if (reader.remaining() != 0) {
    error(ErrorCode::data_loss, key, "{} bytes follow its strings", reader.remaining());
  }
  if (mask_crc32c(crc) != *entry.crc) {
    error(ErrorCode::data_loss, key, "its checksum does not fit ('{}' is damaged)",
          printable(data.name));
  }
  return tensor;
}

Tensor Bundle::read_slices(const std::string& key, const BundleEntry& entry) const {
  const std::vector<SliceBox> boxes =
      resolve_slices(entry, prefix_ + ".index: tensor '" + printable(key) + "'");
  // The slices are stored in full, so that they bound the memory before it is taken.
  std::uint64_t stored = 0;
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    const BundleEntry& part = find(slice_key(key, entry.slices[i]));
    if (part.dtype != entry.dtype || part.shape != boxes[i].shape()) {
      error(ErrorCode::data_loss, key, "a slice of {} is stored as {}",
            to_string(TensorType{entry.dtype, boxes[i].shape()}),
            to_string(TensorType{part.dtype, part.shape}));
    }
    stored += std::min(part.size, limits_.max_total_bytes);
  }
  const auto elements = static_cast<std::uint64_t>(entry.shape.num_elements());
  const std::uint64_t smallest = entry.dtype == DType::string ? 1 : size_of(entry.dtype);
  if (elements > stored / smallest) error(ErrorCode::data_loss, key, "its slices are too short");
  Tensor whole(entry.dtype, entry.shape);
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    const std::string part_key = slice_key(key, entry.slices[i]);
    place_slice(read_whole(part_key, find(part_key)), boxes[i], whole);
  }
  return whole;
}

}  // namespace

std::unique_ptr<TensorBundle> TensorBundle::open(const FileTree& tree, const std::string& prefix,
                                                 const Limits& limits) {
  if (!tree.contains(prefix + ".index") && !checkpoint_v1_files(tree, prefix).empty()) {
    return open_checkpoint_v1(tree, prefix, limits);
  }
  return std::make_unique<Bundle>(tree, prefix, limits);
}

}  // namespace thaw
