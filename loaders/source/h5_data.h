// A dataset's elements as they stand in the file: storage layouts, chunk indexes, filters.
#pragma once

#include "loaders/source/h5_type.h"

namespace thaw::h5 {

struct Filter {
  unsigned id = 0;
  bool optional = false;
  std::vector<std::uint32_t> values;
};

enum class ChunkIndex { btree_1, single, implicit, fixed_array, extensible_array, btree_2 };

/// How a chunked dataset is cut and where its chunks are listed.
struct Chunking {
  ChunkIndex index = ChunkIndex::btree_1;
  std::uint64_t address = kUndefined;
  std::vector<std::uint64_t> dims;  // of one chunk, in elements
  std::vector<std::uint64_t> grid;  // chunks along each axis
  std::uint64_t count = 1;          // chunks in all
  std::uint64_t bytes = 0;          // of one chunk, decoded
  bool is_filtered = false;
  bool unfiltered_edges = false;  // chunks that stick out are stored as they are
  std::uint64_t single_size = 0;  // stored bytes and filter mask of a single, filtered chunk
  std::uint32_t single_mask = 0;
};

struct Chunk {
  std::uint64_t address = kUndefined;
  std::uint64_t stored = 0;  // bytes in the file
  std::uint32_t mask = 0;    // filters that were left out
};

/// All chunks in row-major order of the grid. Throws data_loss when one is absent or out of place.
std::vector<Chunk> list_chunks(const Image& image, const Chunking& chunking, const Space& space);
/// The same for the array indexes: visit(linear index along the grid of `max_dims`, chunk).
using ChunkVisitor = std::function<void(std::uint64_t index, const Chunk& chunk)>;
void walk_fixed_array(const Image& image, const Chunking& chunking, const ChunkVisitor& visit);
void walk_extensible_array(const Image& image, const Chunking& chunking, const ChunkVisitor& visit);

/// Undoes the filters of one chunk, last filter first. The result has `size` bytes.
/// Throws unimplemented for an unknown filter, by its number.
std::vector<std::byte> undo_filters(const Image& image, const std::vector<Filter>& filters,
                                    std::span<const std::byte> stored, std::uint32_t mask,
                                    std::uint64_t size);
std::vector<Filter> read_filters(const Image& image, const Message& message);

/// A dataset's elements in file order and byte order: a view of the file, or memory of its own.
struct RawData {
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> owner;  // null: the file
};
/// Throws permission_denied for external and virtual storage, resource_exhausted, data_loss.
RawData read_data(const Image& image, const Object& object, const Type& type, const Space& space);

}  // namespace thaw::h5
