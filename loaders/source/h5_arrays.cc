// The fixed and the extensible array: chunk indexes of datasets written with recent HDF5 versions.
#include <algorithm>
#include <bit>

#include "loaders/source/h5_data.h"

namespace thaw::h5 {
namespace {

constexpr std::size_t kSum = 4;

// Reads array elements: a chunk's address and, with filters, its size and mask.
class ElementReader {
 public:
  ElementReader(const Image& image, const Chunking& chunking, std::size_t element_size)
      : image_(image), chunking_(chunking), element_size_(element_size) {
    const std::size_t fixed = image.offset_size() + (chunking.is_filtered ? 4 : 0);
    if (element_size < fixed || element_size > fixed + 8 ||
        (!chunking.is_filtered && element_size != fixed)) {
      image.damaged("a chunk index has elements of {} bytes", element_size);
    }
  }
  std::size_t size() const { return element_size_; }
  Chunk read(ByteReader& reader) const {
    Chunk chunk;
    chunk.address = image_.address(reader);
    chunk.stored = chunking_.bytes;
    if (chunking_.is_filtered) {
      chunk.stored = reader.uint(element_size_ - image_.offset_size() - 4);
      chunk.mask = reader.u32();
    }
    return chunk;
  }

 private:
  const Image& image_;
  const Chunking& chunking_;
  std::size_t element_size_;
};

void check_client(const Image& image, const Chunking& chunking, ByteReader& reader) {
  const int version = reader.u8(), client = reader.u8();
  if (version != 0 || client != (chunking.is_filtered ? 1 : 0))
    image.damaged("a chunk index is damaged");
}

void read_elements(const ElementReader& elements, ByteReader& reader, std::uint64_t first,
                   std::uint64_t count, const ChunkVisitor& visit) {
  for (std::uint64_t i = 0; i < count; ++i) visit(first + i, elements.read(reader));
}

// Pages of `page` elements, each with a checksum; `written` has a bit for each page that exists.
void read_pages(const Image& image, const ElementReader& elements, std::uint64_t at,
                std::uint64_t first, std::uint64_t count, std::uint64_t page,
                std::span<const std::byte> written, const ChunkVisitor& visit) {
  for (std::uint64_t done = 0, number = 0; done < count; done += page, ++number) {
    const std::uint64_t now = std::min(page, count - done);
    const std::uint64_t size = now * elements.size() + kSum;
    if (((std::uint8_t(written[number / 8]) >> (7 - number % 8)) & 1) != 0) {
      const auto bytes = image.bytes(at, size, "a chunk index page");
      image.check_sum(bytes, "a chunk index page");
      ByteReader reader = image.reader(bytes, "a chunk index page");
      read_elements(elements, reader, first + done, now, visit);
    }
    at += size;
  }
}

class ExtensibleArray {
 public:
  ExtensibleArray(const Image& image, const Chunking& chunking, const ChunkVisitor& visit)
      : image_(image), chunking_(chunking), visit_(visit) {}
  void walk();

 private:
  struct SuperBlock {
    std::uint64_t blocks, elements_each, first;
  };
  void index_block(std::uint64_t address);
  void check_index_block(std::uint64_t address, std::size_t elements_end) const;
  void super_block(std::uint64_t address, const SuperBlock& layout);
  void data_block(std::uint64_t address, std::uint64_t count, std::uint64_t first,
                  std::span<const std::byte> written);

  const Image& image_;
  const Chunking& chunking_;
  const ChunkVisitor& visit_;
  std::size_t element_size_ = 0, offset_bytes_ = 0;
  std::uint64_t index_elements_ = 0, page_elements_ = 0, used_ = 0;
  unsigned min_pointers_ = 0, super_block_count_ = 0;
  std::vector<SuperBlock> super_blocks_;
};

void ExtensibleArray::walk() {
  ByteReader reader = image_.reader(chunking_.address, "an extensible array");
  reader.expect("EAHD");
  check_client(image_, chunking_, reader);
  element_size_ = reader.u8();
  const unsigned max_bits = reader.u8();
  index_elements_ = reader.u8();
  const unsigned min_elements = reader.u8();
  min_pointers_ = reader.u8();
  const unsigned page_bits = reader.u8();
  for (int i = 0; i < 4; ++i) image_.length(reader);  // counts and sizes of blocks
  used_ = image_.length(reader);
  image_.length(reader);
  const std::uint64_t index = image_.address(reader);
  reader.skip(kSum);
  image_.check_sum(image_.bytes(chunking_.address, reader.position(), "an extensible array"),
                   "an extensible array");
  if (max_bits == 0 || max_bits > 64 || !std::has_single_bit(min_elements) ||
      !std::has_single_bit(min_pointers_) || page_bits > 32) {
    image_.damaged("an extensible array's header is damaged");
  }
  offset_bytes_ = (max_bits + 7) / 8;
  page_elements_ = std::uint64_t{1} << page_bits;
  const unsigned min_bits = static_cast<unsigned>(std::bit_width(min_elements)) - 1;
  if (min_bits > max_bits) image_.damaged("an extensible array's header is damaged");
  super_block_count_ = 1 + max_bits - min_bits;
  std::uint64_t first = index_elements_;
  for (unsigned i = 0; i < super_block_count_; ++i) {
    const unsigned blocks_bits = i / 2, element_bits = (i + 1) / 2 + min_bits;
    if (blocks_bits + element_bits > 40) break;  // more chunks than any limit allows
    const SuperBlock block{std::uint64_t{1} << blocks_bits, std::uint64_t{1} << element_bits,
                           first};
    super_blocks_.push_back(block);
    first += block.blocks * block.elements_each;
  }
  if (index != kUndefined) index_block(index);
}

void ExtensibleArray::index_block(std::uint64_t address) {
  const ElementReader elements(image_, chunking_, element_size_);
  ByteReader reader = image_.reader(address, "an extensible array's index");
  reader.expect("EAIB");
  check_client(image_, chunking_, reader);
  image_.address(reader);
  read_elements(elements, reader, 0, index_elements_, visit_);
  check_index_block(address, reader.position());
  // The first super blocks have no block of their own: their data blocks are listed here.
  const std::size_t direct = 2 * (static_cast<std::size_t>(std::bit_width(min_pointers_)) - 1);
  for (std::size_t i = 0; i < super_blocks_.size(); ++i) {
    const SuperBlock& layout = super_blocks_[i];
    if (layout.first >= used_) break;
    if (i >= direct) {
      super_block(image_.address(reader), layout);
      continue;
    }
    for (std::uint64_t block = 0; block < layout.blocks; ++block) {
      data_block(image_.address(reader), layout.elements_each,
                 layout.first + block * layout.elements_each, {});
    }
  }
}

// After its elements the block lists data blocks, then super blocks, then its checksum.
void ExtensibleArray::check_index_block(std::uint64_t address, std::size_t elements_end) const {
  const std::uint64_t direct = 2 * (static_cast<std::uint64_t>(std::bit_width(min_pointers_)) - 1);
  const std::uint64_t data_blocks = 2 * (std::uint64_t{min_pointers_} - 1);
  const std::uint64_t super_blocks = super_block_count_ > direct ? super_block_count_ - direct : 0;
  const std::uint64_t size =
      elements_end + (data_blocks + super_blocks) * image_.offset_size() + kSum;
  image_.check_sum(image_.bytes(address, size, "an extensible array's index"),
                   "an extensible array's index");
}

void ExtensibleArray::super_block(std::uint64_t address, const SuperBlock& layout) {
  if (address == kUndefined) return;
  ByteReader reader = image_.reader(address, "an extensible array's super block");
  reader.expect("EASB");
  check_client(image_, chunking_, reader);
  image_.address(reader);
  reader.skip(offset_bytes_);
  const std::uint64_t pages =
      layout.elements_each > page_elements_ ? layout.elements_each / page_elements_ : 0;
  const std::uint64_t mask_bytes = (pages + 7) / 8;
  std::span<const std::byte> masks;
  if (pages > 0) masks = reader.take(layout.blocks * mask_bytes);
  for (std::uint64_t block = 0; block < layout.blocks; ++block) {
    data_block(image_.address(reader), layout.elements_each,
               layout.first + block * layout.elements_each,
               pages > 0 ? masks.subspan(block * mask_bytes, mask_bytes) : masks);
  }
  reader.skip(kSum);
  image_.check_sum(image_.bytes(address, reader.position(), "a super block"), "a super block");
}

void ExtensibleArray::data_block(std::uint64_t address, std::uint64_t count, std::uint64_t first,
                                 std::span<const std::byte> written) {
  if (address == kUndefined) return;
  const ElementReader elements(image_, chunking_, element_size_);
  ByteReader reader = image_.reader(address, "an extensible array's data block");
  reader.expect("EADB");
  check_client(image_, chunking_, reader);
  image_.address(reader);
  reader.skip(offset_bytes_);
  if (count > page_elements_) {
    if (written.empty()) image_.damaged("an extensible array has pages where it may not");
    reader.skip(kSum);
    image_.check_sum(image_.bytes(address, reader.position(), "a data block"), "a data block");
    read_pages(image_, elements, address + reader.position(), first, count, page_elements_, written,
               visit_);
    return;
  }
  const auto all =
      image_.bytes(address, reader.position() + count * elements.size() + kSum, "a data block");
  image_.check_sum(all, "a data block");
  read_elements(elements, reader, first, count, visit_);
}

}  // namespace

void walk_fixed_array(const Image& image, const Chunking& chunking, const ChunkVisitor& visit) {
  ByteReader header = image.reader(chunking.address, "a fixed array");
  header.expect("FAHD");
  check_client(image, chunking, header);
  const std::size_t element_size = header.u8();
  const unsigned page_bits = header.u8();
  const std::uint64_t count = image.length(header), address = image.address(header);
  header.skip(kSum);
  image.check_sum(image.bytes(chunking.address, header.position(), "a fixed array"),
                  "a fixed array");
  if (address == kUndefined) return;
  const ElementReader elements(image, chunking, element_size);
  if (page_bits > 32 || count > image.size() / elements.size())
    image.damaged("a fixed array is damaged");

  ByteReader block = image.reader(address, "a fixed array's data");
  block.expect("FADB");
  check_client(image, chunking, block);
  image.address(block);
  const std::uint64_t page = std::uint64_t{1} << page_bits;
  if (count > page) {
    const std::uint64_t pages = (count + page - 1) / page;
    const auto written = block.take((pages + 7) / 8);
    block.skip(kSum);
    image.check_sum(image.bytes(address, block.position(), "a fixed array's data"),
                    "a fixed array's data");
    read_pages(image, elements, address + block.position(), 0, count, page, written, visit);
    return;
  }
  const auto all = image.bytes(address, block.position() + count * elements.size() + kSum,
                               "a fixed array's data");
  image.check_sum(all, "a fixed array's data");
  read_elements(elements, block, 0, count, visit);
}

void walk_extensible_array(const Image& image, const Chunking& chunking,
                           const ChunkVisitor& visit) {
  ExtensibleArray(image, chunking, visit).walk();
}

}  // namespace thaw::h5
