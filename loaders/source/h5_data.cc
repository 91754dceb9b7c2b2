#include "loaders/source/h5_data.h"

#include <algorithm>
#include <cstring>

namespace thaw::h5 {
namespace {

enum LayoutClass : unsigned { kCompact = 0, kContiguous = 1, kChunked = 2, kVirtual = 3 };

struct Layout {
  unsigned layout_class = kContiguous;
  std::uint64_t address = kUndefined, size = 0;  // contiguous
  bool has_size = false;
  std::span<const std::byte> compact;
  Chunking chunking;
};

Layout read_layout_1(const Image& image, ByteReader& reader, std::uint64_t /*version*/) {
  Layout layout;
  const unsigned rank = reader.u8();
  layout.layout_class = reader.u8();
  reader.skip(5);
  if (layout.layout_class != kCompact) layout.address = image.address(reader);
  for (unsigned i = 0; i < rank; ++i) layout.chunking.dims.push_back(reader.u32());
  if (layout.layout_class == kChunked) {
    reader.skip(4);  // element size
    if (layout.chunking.dims.size() > 0) layout.chunking.dims.pop_back();
    layout.chunking.address = layout.address;
  }
  if (layout.layout_class == kCompact) layout.compact = reader.take(reader.u32());
  return layout;
}

void read_chunking_4(const Image& image, ByteReader& reader, Chunking& chunking) {
  constexpr unsigned kUnfilteredEdges = 1, kSingleFiltered = 2;
  const unsigned flags = reader.u8(), rank = reader.u8(), width = reader.u8();
  if (width < 1 || width > 8 || rank == 0) image.damaged("a chunked layout is damaged");
  for (unsigned i = 0; i < rank; ++i) chunking.dims.push_back(reader.uint(width));
  chunking.dims.pop_back();  // the element size
  chunking.unfiltered_edges = (flags & kUnfilteredEdges) != 0;
  const unsigned index = reader.u8();
  switch (index) {
    case 1:
      chunking.index = ChunkIndex::single;
      if (flags & kSingleFiltered) {
        chunking.single_size = image.length(reader);
        chunking.single_mask = reader.u32();
      }
      break;
    case 2: chunking.index = ChunkIndex::implicit; break;
    case 3:
      chunking.index = ChunkIndex::fixed_array;
      reader.skip(1);
      break;
    case 4:
      chunking.index = ChunkIndex::extensible_array;
      reader.skip(5);
      break;
    case 5:
      chunking.index = ChunkIndex::btree_2;
      reader.skip(6);
      break;
    default: image.damaged("a chunk index of type {}", index);
  }
  chunking.address = image.address(reader);
}

Layout read_layout(const Image& image, std::span<const std::byte> body) {
  ByteReader reader = image.reader(body, "a data layout");
  const unsigned version = reader.u8();
  if (version < 1 || version > 4) image.damaged("a data layout of version {}", version);
  if (version <= 2) return read_layout_1(image, reader, version);
  Layout layout;
  layout.layout_class = reader.u8();
  if (layout.layout_class == kCompact) {
    layout.compact = reader.take(reader.u16());
  } else if (layout.layout_class == kContiguous) {
    layout.address = image.address(reader);
    layout.size = image.length(reader);
    layout.has_size = true;
  } else if (layout.layout_class == kChunked && version == 3) {
    const unsigned rank = reader.u8();
    if (rank == 0) image.damaged("a chunked layout is damaged");
    layout.chunking.address = image.address(reader);
    for (unsigned i = 0; i + 1 < rank; ++i) layout.chunking.dims.push_back(reader.u32());
  } else if (layout.layout_class == kChunked) {
    read_chunking_4(image, reader, layout.chunking);
  }
  return layout;
}

void complete_chunking(const Image& image, const Type& type, const Space& space,
                       Chunking& chunking) {
  if (chunking.dims.size() != space.dims.size() || chunking.dims.empty()) {
    image.damaged("chunks of rank {} in a dataset of rank {}", chunking.dims.size(),
                  space.dims.size());
  }
  chunking.bytes = type.size;
  for (std::size_t axis = 0; axis < chunking.dims.size(); ++axis) {
    const std::uint64_t size = chunking.dims[axis];
    if (size == 0 || __builtin_mul_overflow(chunking.bytes, size, &chunking.bytes)) {
      image.damaged("a chunk dimension of {}", size);
    }
    const std::uint64_t blocks = space.dims[axis] / size + (space.dims[axis] % size != 0);
    chunking.grid.push_back(blocks);
    if (__builtin_mul_overflow(chunking.count, blocks, &chunking.count)) {
      image.error(ErrorCode::resource_exhausted, "a dataset of more than 2^64 chunks");
    }
  }
  if (chunking.bytes > 0xffffffff) image.damaged("a chunk of {} bytes", chunking.bytes);
}

// Copies the part of a decoded chunk that lies inside the dataset. `at`: the chunk's grid
// coordinates.
void place_chunk(std::span<const std::byte> chunk, const Chunking& chunking, const Space& space,
                 std::size_t element, const std::vector<std::uint64_t>& at, std::byte* out) {
  const std::size_t rank = chunking.dims.size();
  std::vector<std::uint64_t> inside(rank), position(rank, 0);
  for (std::size_t axis = 0; axis < rank; ++axis) {
    inside[axis] = std::min(chunking.dims[axis], space.dims[axis] - at[axis] * chunking.dims[axis]);
  }
  const std::uint64_t row_bytes = inside[rank - 1] * element;
  for (;;) {
    std::uint64_t from = 0, to = 0;
    for (std::size_t axis = 0; axis < rank; ++axis) {
      from = from * chunking.dims[axis] + position[axis];
      to = to * space.dims[axis] + at[axis] * chunking.dims[axis] + position[axis];
    }
    std::memcpy(out + to * element, chunk.data() + from * element, row_bytes);
    std::size_t axis = rank - 1;
    for (;;) {  // the next row
      if (axis == 0) return;
      --axis;
      if (++position[axis] < inside[axis]) break;
      position[axis] = 0;
    }
  }
}

RawData read_chunks(const Image& image, const Object& object, const Type& type, const Space& space,
                    std::uint64_t bytes, Chunking chunking) {
  std::vector<Filter> filters;
  if (const Message* message = object.find(kFilters)) filters = read_filters(image, *message);
  chunking.is_filtered = !filters.empty();
  complete_chunking(image, type, space, chunking);
  const std::vector<Chunk> chunks = list_chunks(image, chunking, space);
  std::uint64_t stored = 0;
  for (const Chunk& chunk : chunks) stored += chunk.stored;
  const std::uint64_t ratio =
      filters.empty() ? 1 : std::max<std::uint64_t>(image.limits().max_inflate_ratio, 1);
  if (bytes / ratio > stored) {
    image.error(ErrorCode::resource_exhausted, "{} stored bytes would become {}", stored, bytes);
  }
  Buffer buffer(static_cast<std::size_t>(bytes));
  std::vector<std::uint64_t> at(chunking.grid.size(), 0);
  for (const Chunk& chunk : chunks) {
    bool sticks_out = false;
    for (std::size_t axis = 0; axis < at.size(); ++axis) {
      sticks_out = sticks_out || (at[axis] + 1) * chunking.dims[axis] > space.dims[axis];
    }
    const std::uint32_t mask = sticks_out && chunking.unfiltered_edges ? ~0u : chunk.mask;
    const auto data = image.bytes(chunk.address, chunk.stored, "a chunk");
    place_chunk(undo_filters(image, filters, data, mask, chunking.bytes), chunking, space,
                type.size, at, buffer.data);
    for (std::size_t axis = at.size(); axis-- > 0;) {
      if (++at[axis] < chunking.grid[axis]) break;
      at[axis] = 0;
    }
  }
  return {buffer.span(), buffer.owner};
}

}  // namespace

RawData read_data(const Image& image, const Object& object, const Type& type, const Space& space) {
  if (object.find(kExternalFiles) != nullptr) {
    image.error(ErrorCode::permission_denied, "the data is stored in an external file");
  }
  const Message* message = object.find(kLayout);
  if (message == nullptr) image.damaged("a dataset without a data layout");
  if (message->is_shared()) image.error(ErrorCode::unimplemented, "a shared HDF5 layout message");
  const Layout layout = read_layout(image, message->body);
  if (layout.layout_class == kVirtual) {
    image.error(ErrorCode::permission_denied, "a virtual dataset, its data is in other files");
  }
  std::uint64_t bytes = 0;
  if (__builtin_mul_overflow(space.count, std::uint64_t{type.size}, &bytes) ||
      bytes > image.limits().max_total_bytes) {
    image.error(ErrorCode::resource_exhausted, "{} elements of {} bytes, the limit is {} bytes",
                space.count, type.size, image.limits().max_total_bytes);
  }
  if (bytes == 0) return {};
  if (layout.layout_class == kChunked)
    return read_chunks(image, object, type, space, bytes, layout.chunking);
  if (object.find(kFilters) != nullptr) image.damaged("filters on data that is not chunked");
  if (layout.layout_class == kCompact) {
    if (layout.compact.size() != bytes) {
      image.damaged("{} bytes of data, expected {}", layout.compact.size(), bytes);
    }
    return {layout.compact, nullptr};
  }
  if (layout.layout_class != kContiguous)
    image.damaged("a data layout of class {}", layout.layout_class);
  if (layout.address == kUndefined) image.damaged("the data was never written");
  if (layout.has_size && layout.size != bytes) {
    image.damaged("{} bytes of data, expected {}", layout.size, bytes);
  }
  return {image.bytes(layout.address, bytes, "the data"), nullptr};
}

}  // namespace thaw::h5
