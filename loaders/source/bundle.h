// TensorFlow's checkpoint format V2 (tensor bundle): an index table and data shards.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "loaders/source/file_tree.h"
#include "thaw/tensor.h"

namespace thaw {

/// A LevelDB-format table ("sstable"): all entries, keys ascending. Checks every block's CRC.
/// Throws Error(data_loss).
std::vector<std::pair<std::string, std::string>> read_sstable(const Bytes& file,
                                                              const Limits& limits);

/// An open bundle. Tensors are read on demand; their CRC is checked.
class TensorBundle {
 public:
  /// `prefix` without ".index", e.g. "variables/variables", inside `tree` (kept by reference).
  /// Throws Error: not_found naming the missing file, data_loss, failed_precondition (newer
  /// version).
  static std::unique_ptr<TensorBundle> open(const FileTree& tree, const std::string& prefix,
                                            const Limits& limits);
  virtual ~TensorBundle() = default;

  virtual std::vector<std::string> keys() const = 0;
  virtual bool contains(const std::string& key) const = 0;
  virtual TensorType type(const std::string& key) const = 0;
  /// Joins slices of partitioned variables. Throws not_found / data_loss naming key and file.
  virtual Tensor read(const std::string& key) const = 0;
};

/// CRC-32C of `data`; `seed` is the CRC of what came before.
std::uint32_t crc32c(std::span<const std::byte> data, std::uint32_t seed = 0);
/// The same without the processor's instruction.
std::uint32_t crc32c_portable(std::span<const std::byte> data, std::uint32_t seed = 0);
/// CRCs are stored in this form, because a CRC of data that holds its own CRC is weak.
constexpr std::uint32_t mask_crc32c(std::uint32_t crc) {
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

}  // namespace thaw
