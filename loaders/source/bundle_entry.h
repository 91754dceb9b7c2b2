// The records of a tensor bundle's index.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "loaders/source/file_tree.h"
#include "thaw/types.h"

namespace thaw {

struct BundleHeader {
  std::int64_t num_shards = 0;
  bool big_endian = false;
};

/// The part of a variable that one slice holds. Length -1: the whole axis.
struct BundleSlice {
  struct Extent {
    std::int64_t start = 0, length = -1;
  };
  std::vector<Extent> extents;
};

struct BundleEntry {
  int tf_dtype = 0;              // TensorFlow's number
  DType dtype = DType::invalid;  // invalid: not one of ours
  Shape shape;
  std::int64_t shard = 0;
  std::uint64_t offset = 0, size = 0;
  std::optional<std::uint32_t> crc;
  std::vector<BundleSlice> slices;  // not empty: a partitioned variable, without data of its own
};

/// `file` is for messages. Throw data_loss; failed_precondition for a version from the future.
BundleHeader parse_bundle_header(std::string_view record, const std::string& file);
BundleEntry parse_bundle_entry(std::string_view record, const std::string& file,
                               const std::string& key, const Limits& limits);
/// What a V1 checkpoint says of one tensor: name and entry, with slices and without a place.
std::pair<std::string, BundleEntry> parse_saved_slices(std::span<const std::byte> record,
                                                       const std::string& file,
                                                       const Limits& limits);
/// The key under which a slice of variable `name` is stored (TensorFlow's OrderedCode).
std::string slice_key(const std::string& name, const BundleSlice& slice);

}  // namespace thaw
