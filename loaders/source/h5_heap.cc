#include "loaders/source/h5_heap.h"

#include <bit>

namespace thaw::h5 {

std::span<const std::byte> local_heap(const Image& image, std::uint64_t address) {
  ByteReader reader = image.reader(address, "a local heap");
  reader.expect("HEAP");
  if (reader.u8() != 0) image.damaged("a local heap has an unknown version");
  reader.skip(3);
  const std::uint64_t size = image.length(reader);
  image.length(reader);
  return image.bytes(image.address(reader), size, "a local heap's data");
}

std::span<const std::byte> GlobalHeap::object(std::uint64_t address, std::uint32_t index) {
  const Collection& objects = collection(address);
  const auto it = objects.find(index);
  if (it == objects.end()) image_.damaged("the global heap at {} has no object {}", address, index);
  return it->second;
}

const GlobalHeap::Collection& GlobalHeap::collection(std::uint64_t address) {
  const auto known = collections_.find(address);
  if (known != collections_.end()) return known->second;
  ByteReader start = image_.reader(address, "a global heap");
  start.expect("GCOL");
  if (start.u8() != 1) image_.damaged("a global heap has an unknown version");
  start.skip(3);
  const std::uint64_t size = image_.length(start);
  const std::size_t header = start.position();
  if (size < header) image_.damaged("the global heap at {} is too small", address);
  total_ += size;  // collections that overlap would hold more than the file
  if (size > image_.size() || total_ > image_.size()) image_.damaged("global heaps overlap");

  Collection objects;
  ByteReader reader = image_.reader(address, size, "a global heap");
  reader.skip(header);
  while (reader.remaining() >= 8 + image_.length_size()) {
    const std::uint32_t index = reader.u16();
    reader.skip(6);
    const std::uint64_t object_size = image_.length(reader);
    if (index == 0) break;  // the free space at the end
    const auto body = reader.take(object_size);
    reader.skip(std::min<std::uint64_t>((8 - object_size % 8) % 8, reader.remaining()));
    if (!objects.emplace(index, body).second)
      image_.damaged("a global heap has object {} twice", index);
  }
  return collections_.emplace(address, std::move(objects)).first->second;
}

FractalHeap::FractalHeap(const Image& image, std::uint64_t address) : image_(image) {
  ByteReader reader = image.reader(address, "a fractal heap");
  reader.expect("FRHP");
  if (reader.u8() != 0) image.damaged("a fractal heap has an unknown version");
  id_size_ = reader.u16();
  const unsigned filters = reader.u16();
  checksums_ = (reader.u8() & 2) != 0;
  const std::uint64_t max_managed = reader.u32();
  image.length(reader);
  huge_tree_ = image.address(reader);
  image.length(reader);
  image.address(reader);
  for (int i = 0; i < 8; ++i) image.length(reader);  // space and object counts
  width_ = reader.u16();
  start_size_ = image.length(reader);
  max_direct_ = image.length(reader);
  const unsigned heap_bits = reader.u16();
  reader.skip(2);
  root_ = image.address(reader);
  root_rows_ = reader.u16();
  if (filters != 0) image.error(ErrorCode::unimplemented, "a compressed HDF5 fractal heap");
  reader.skip(4);
  image.check_sum(image.bytes(address, reader.position(), "a fractal heap"), "a fractal heap");

  const bool sane = std::has_single_bit(width_) && std::has_single_bit(start_size_) &&
                    std::has_single_bit(max_direct_) && start_size_ <= max_direct_ &&
                    max_direct_ <= (std::uint64_t{1} << 32) && heap_bits > 0 && heap_bits <= 64 &&
                    id_size_ >= 1 && id_size_ <= 4096 && max_managed > 0;
  if (!sane) image.damaged("a fractal heap's header is damaged");
  direct_rows_ =
      static_cast<unsigned>(std::bit_width(max_direct_) - std::bit_width(start_size_)) + 2;
  offset_bytes_ = (heap_bits + 7) / 8;
  const auto log2 = [](std::uint64_t x) { return static_cast<std::size_t>(std::bit_width(x)) - 1; };
  length_bytes_ = std::min((log2(max_direct_) + 7) / 8, log2(max_managed) / 8 + 1);
}

std::span<const std::byte> FractalHeap::object(std::span<const std::byte> id) {
  ByteReader reader = image_.reader(id, "a heap id");
  const unsigned first = reader.u8();
  if (first >> 6 != 0) image_.damaged("a heap id has an unknown version");
  switch ((first >> 4) & 3) {
    case 0: {
      const std::uint64_t offset = reader.uint(offset_bytes_);
      return managed(offset, reader.uint(length_bytes_));
    }
    case 1: {
      const std::size_t key_size = std::min<std::size_t>(8, id.size() - 1);
      return huge(reader.uint(key_size), key_size);
    }
    case 2: {  // tiny: in the id itself
      constexpr std::size_t kLongId = 18;
      std::size_t size = (first & 15) + 1;
      if (id.size() > kLongId) size = ((first & 15) << 8 | reader.u8()) + 1;
      return reader.take(size);
    }
    default: image_.damaged("a heap id of an unknown type");
  }
}

std::uint64_t FractalHeap::row_size(unsigned row) const {
  return row == 0 ? start_size_ : start_size_ << (row - 1);
}

// Entry `index` of an indirect block with `rows` rows.
std::uint64_t FractalHeap::child(std::uint64_t block, unsigned rows, unsigned index) {
  const std::size_t header = 4 + 1 + image_.offset_size() + offset_bytes_;
  const std::size_t entries = std::size_t{width_} * rows;
  const auto all =
      image_.bytes(block, header + entries * image_.offset_size() + 4, "a fractal heap block");
  if (as_text(all.first(4)) != "FHIB") image_.damaged("no fractal heap block at {}", block);
  if (checked_.insert(block).second) image_.check_sum(all, "a fractal heap block");
  ByteReader reader = image_.reader(all, "a fractal heap block");
  reader.skip(header + index * image_.offset_size());
  return image_.address(reader);
}

std::span<const std::byte> FractalHeap::direct_block(std::uint64_t address, std::uint64_t size) {
  const auto block = image_.bytes(address, size, "a fractal heap block");
  const std::size_t sum_at = 5 + image_.offset_size() + offset_bytes_;
  if (block.size() < sum_at + 4 || as_text(block.first(4)) != "FHDB") {
    image_.damaged("no fractal heap block at {}", address);
  }
  if (checksums_ && checked_.insert(address).second) {
    // The checksum is taken with its own field as zero.
    std::vector<std::byte> copy(block.begin(), block.end());
    std::fill_n(copy.begin() + static_cast<std::ptrdiff_t>(sum_at), 4, std::byte{0});
    if (lookup3(copy) != load_little(block.data() + sum_at, 4)) {
      image_.damaged("the checksum of a fractal heap block does not fit");
    }
  }
  return block;
}

std::span<const std::byte> FractalHeap::managed(std::uint64_t offset, std::uint64_t length) {
  std::uint64_t block = root_, block_size = start_size_;
  unsigned rows = root_rows_;
  // Each step goes down to a smaller block.
  while (rows > 0) {
    unsigned row = 0;
    std::uint64_t row_start = 0;
    while (row < rows && offset - row_start >= row_size(row) * width_) {
      row_start += row_size(row) * width_;
      if (++row >= rows || row > 40) image_.damaged("a heap offset lies outside its heap");
    }
    block_size = row_size(row);
    const std::uint64_t column = (offset - row_start) / block_size;
    block = child(block, rows, static_cast<unsigned>(row * width_ + column));
    offset -= row_start + column * block_size;
    if (row < direct_rows_) {
      rows = 0;
    } else {
      const auto log2 = [](std::uint64_t x) {
        return static_cast<unsigned>(std::bit_width(x)) - 1;
      };
      const unsigned next = log2(block_size) - log2(start_size_) - log2(width_) + 1;
      if (next == 0 || next >= rows) image_.damaged("a fractal heap's blocks do not nest");
      rows = next;
    }
  }
  const auto bytes = direct_block(block, block_size);
  if (offset > bytes.size() || length > bytes.size() - offset) {
    image_.damaged("a heap object leaves its block");
  }
  return bytes.subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(length));
}

std::span<const std::byte> FractalHeap::huge(std::uint64_t key, std::size_t key_size) {
  constexpr int kHugeIndirect = 1;
  std::span<const std::byte> found;
  bool is_found = false;
  if (huge_tree_ == kUndefined) image_.damaged("a fractal heap has no huge objects");
  walk_btree_2(image_, huge_tree_, kHugeIndirect, [&](std::span<const std::byte> record) {
    ByteReader reader = image_.reader(record, "a huge object");
    const std::uint64_t address = image_.address(reader), size = image_.length(reader);
    const std::uint64_t id = image_.length(reader);
    if (id != key || (key_size < 8 && id >> (8 * key_size) != 0)) return;
    found = image_.bytes(address, size, "a huge object");
    is_found = true;
  });
  if (!is_found) image_.damaged("a fractal heap has no huge object {}", key);
  return found;
}

}  // namespace thaw::h5
