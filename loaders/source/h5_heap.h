// HDF5's indexes and heaps: B-trees of both versions, local, global and fractal heaps.
#pragma once

#include <functional>
#include <unordered_map>

#include "loaders/source/h5_image.h"

namespace thaw::h5 {

/// Walks a version 1 B-tree and gives each child of its leaves: `key` (before the child) and
/// address. `key_size` counts bytes; `type` is 0 for groups, 1 for chunks.
void walk_btree_1(
    const Image& image, std::uint64_t root, int type, std::size_t key_size,
    const std::function<void(std::span<const std::byte> key, std::uint64_t child)>& visit);

/// Walks all records of a version 2 B-tree of the given record type.
void walk_btree_2(const Image& image, std::uint64_t header, int type,
                  const std::function<void(std::span<const std::byte> record)>& visit);

/// The data segment of a local heap, where old groups keep their link names.
std::span<const std::byte> local_heap(const Image& image, std::uint64_t address);

/// Global heap collections: variable-length data. Remembers the collections that it has read.
class GlobalHeap {
 public:
  explicit GlobalHeap(const Image& image) : image_(image) {}
  /// Throws data_loss for a reference that leads nowhere.
  std::span<const std::byte> object(std::uint64_t collection, std::uint32_t index);

 private:
  using Collection = std::unordered_map<std::uint32_t, std::span<const std::byte>>;
  const Collection& collection(std::uint64_t address);

  const Image& image_;
  std::unordered_map<std::uint64_t, Collection> collections_;
  std::uint64_t total_ = 0;
};

/// A fractal heap: links and attributes of objects that have many.
class FractalHeap {
 public:
  FractalHeap(const Image& image, std::uint64_t address);
  std::size_t id_size() const { return id_size_; }
  std::span<const std::byte> object(std::span<const std::byte> id);

 private:
  std::span<const std::byte> managed(std::uint64_t offset, std::uint64_t length);
  std::span<const std::byte> huge(std::uint64_t key, std::size_t key_size);
  std::span<const std::byte> direct_block(std::uint64_t address, std::uint64_t size);
  std::uint64_t row_size(unsigned row) const;
  std::uint64_t child(std::uint64_t block, unsigned rows, unsigned index);

  const Image& image_;
  std::size_t id_size_ = 0, offset_bytes_ = 0, length_bytes_ = 0;
  bool checksums_ = false;
  std::uint64_t huge_tree_ = kUndefined, root_ = kUndefined, start_size_ = 0, max_direct_ = 0;
  unsigned width_ = 0, root_rows_ = 0, direct_rows_ = 0;
  std::unordered_set<std::uint64_t> checked_;
};

}  // namespace thaw::h5
