#include <algorithm>

#include "loaders/source/h5_data.h"

namespace thaw::h5 {
namespace {

// Collects chunks by their place in the grid and checks that each place is filled once.
class ChunkList {
 public:
  ChunkList(const Image& image, const Chunking& chunking) : image_(image), chunking_(chunking) {
    if (chunking.count > image.limits().max_entries) {
      image.error(ErrorCode::resource_exhausted, "a dataset of {} chunks, the limit is {}",
                  chunking.count, image.limits().max_entries);
    }
    chunks_.resize(static_cast<std::size_t>(chunking.count));
  }

  void add(std::uint64_t index, const Chunk& chunk) {
    Chunk& slot = chunks_[static_cast<std::size_t>(index)];
    if (slot.address != kUndefined) image_.damaged("chunk {} exists twice", index);
    slot = chunk;
    stored_ += chunk.stored;  // chunks that overlap would hold more than the file
    if (chunk.stored > image_.size() || stored_ > image_.size()) {
      image_.damaged("the chunks of a dataset are larger than the file");
    }
  }
  /// The place of the chunk at grid coordinates `at`.
  std::uint64_t index_of(const std::vector<std::uint64_t>& at) const {
    std::uint64_t index = 0;
    for (std::size_t axis = 0; axis < at.size(); ++axis) {
      if (at[axis] >= chunking_.grid[axis]) image_.damaged("a chunk lies outside its dataset");
      index = index * chunking_.grid[axis] + at[axis];
    }
    return index;
  }
  std::vector<Chunk> finish() {
    for (std::size_t i = 0; i < chunks_.size(); ++i) {
      if (chunks_[i].address == kUndefined) {
        image_.damaged("chunk {} of {} was never written", i, chunks_.size());
      }
    }
    return std::move(chunks_);
  }

 private:
  const Image& image_;
  const Chunking& chunking_;
  std::vector<Chunk> chunks_;
  std::uint64_t stored_ = 0;
};

void list_btree_1(const Image& image, const Chunking& chunking, ChunkList& list) {
  constexpr int kChunkTree = 1;
  const std::size_t rank = chunking.dims.size();
  if (chunking.address == kUndefined) return;
  walk_btree_1(image, chunking.address, kChunkTree, 8 + 8 * (rank + 1),
               [&](std::span<const std::byte> key, std::uint64_t child) {
                 ByteReader reader = image.reader(key, "a chunk key");
                 Chunk chunk;
                 chunk.address = child;
                 chunk.stored = reader.u32();
                 chunk.mask = reader.u32();
                 std::vector<std::uint64_t> at(rank);
                 for (std::size_t axis = 0; axis < rank; ++axis) {
                   const std::uint64_t offset = reader.u64();
                   if (offset % chunking.dims[axis] != 0)
                     image.damaged("a chunk lies between its places");
                   at[axis] = offset / chunking.dims[axis];
                 }
                 list.add(list.index_of(at), chunk);
               });
}

std::size_t bytes_of_size(const Chunking& chunking) {
  std::size_t bits = 0;
  while (bits < 63 && chunking.bytes >> (bits + 1) != 0) ++bits;
  return std::min<std::size_t>(1 + (bits + 8) / 8, 8);
}

void list_btree_2(const Image& image, const Chunking& chunking, ChunkList& list) {
  constexpr int kUnfiltered = 10, kFiltered = 11;
  if (chunking.address == kUndefined) return;
  walk_btree_2(image, chunking.address, chunking.is_filtered ? kFiltered : kUnfiltered,
               [&](std::span<const std::byte> record) {
                 ByteReader reader = image.reader(record, "a chunk record");
                 Chunk chunk;
                 chunk.address = image.address(reader);
                 chunk.stored =
                     chunking.is_filtered ? reader.uint(bytes_of_size(chunking)) : chunking.bytes;
                 chunk.mask = chunking.is_filtered ? reader.u32() : 0;
                 std::vector<std::uint64_t> at(chunking.dims.size());
                 for (std::uint64_t& coordinate : at) coordinate = reader.u64();
                 list.add(list.index_of(at), chunk);
               });
}

// Array indexes count chunks in the grid of the maximal extent, an unlimited axis slowest.
class ArrayOrder {
 public:
  ArrayOrder(const Image& image, const Chunking& chunking, const Space& space) {
    const std::size_t rank = chunking.dims.size();
    for (std::size_t axis = 0; axis < rank; ++axis) {
      if (space.max_dims[axis] == kUndefined)
        axes_.insert(axes_.begin(), axis);
      else
        axes_.push_back(axis);
    }
    for (std::size_t i = 0; i < rank; ++i) {
      const std::size_t axis = axes_[i];
      const std::uint64_t max = space.max_dims[axis];
      if (max == kUndefined && i > 0) image.damaged("an array index over two unlimited dimensions");
      sizes_.push_back(max == kUndefined
                           ? kUndefined
                           : max / chunking.dims[axis] + (max % chunking.dims[axis] != 0));
    }
  }
  /// False when the chunk lies outside the present extent.
  bool coordinates(std::uint64_t index, const Chunking& chunking,
                   std::vector<std::uint64_t>& at) const {
    at.assign(axes_.size(), 0);
    for (std::size_t i = axes_.size(); i-- > 0;) {
      at[axes_[i]] = i == 0 ? index : index % sizes_[i];
      if (i > 0) index /= sizes_[i];
    }
    for (std::size_t axis = 0; axis < at.size(); ++axis) {
      if (at[axis] >= chunking.grid[axis]) return false;
    }
    return true;
  }

 private:
  std::vector<std::size_t> axes_;
  std::vector<std::uint64_t> sizes_;
};

void list_array(const Image& image, const Chunking& chunking, const Space& space, ChunkList& list) {
  if (chunking.address == kUndefined) return;
  const ArrayOrder order(image, chunking, space);
  std::vector<std::uint64_t> at;
  const auto visit = [&](std::uint64_t index, const Chunk& chunk) {
    if (chunk.address == kUndefined || !order.coordinates(index, chunking, at)) return;
    list.add(list.index_of(at), chunk);
  };
  if (chunking.index == ChunkIndex::extensible_array) {
    walk_extensible_array(image, chunking, visit);
  } else {
    walk_fixed_array(image, chunking, visit);
  }
}

// Chunks one after the other, without an index.
void list_implicit(const Image& image, const Chunking& chunking, const Space& space,
                   ChunkList& list) {
  if (chunking.address == kUndefined) return;
  const ArrayOrder order(image, chunking, space);
  const std::uint64_t fit =
      (image.size() - std::min(image.size(), chunking.address)) / chunking.bytes;
  std::vector<std::uint64_t> at;
  for (std::uint64_t index = 0, listed = 0; listed < chunking.count; ++index) {
    if (index >= fit) image.damaged("the chunks of a dataset are larger than the file");
    if (!order.coordinates(index, chunking, at)) continue;
    list.add(list.index_of(at), {chunking.address + index * chunking.bytes, chunking.bytes, 0});
    ++listed;
  }
}

}  // namespace

std::vector<Chunk> list_chunks(const Image& image, const Chunking& chunking, const Space& space) {
  ChunkList list(image, chunking);
  switch (chunking.index) {
    case ChunkIndex::btree_1: list_btree_1(image, chunking, list); break;
    case ChunkIndex::btree_2: list_btree_2(image, chunking, list); break;
    case ChunkIndex::implicit: list_implicit(image, chunking, space, list); break;
    case ChunkIndex::fixed_array:
    case ChunkIndex::extensible_array: list_array(image, chunking, space, list); break;
    case ChunkIndex::single:
      if (chunking.count != 1) image.damaged("a single chunk for a grid of {}", chunking.count);
      list.add(0, {chunking.address, chunking.is_filtered ? chunking.single_size : chunking.bytes,
                   chunking.single_mask});
      break;
  }
  return list.finish();
}

}  // namespace thaw::h5
