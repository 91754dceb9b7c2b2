#include <bit>

#include "loaders/source/h5_heap.h"

namespace thaw::h5 {
namespace {

constexpr unsigned kMaxDepth = 32;  // a full tree of this depth is larger than any file

struct PendingNode1 {
  std::uint64_t address;
  int level;  // -1: any (the root)
};

// A version 2 tree's header, and how wide its nodes' fields are at each depth.
struct Btree2 {
  std::size_t node_size = 0, record_size = 0, count_size = 0;
  unsigned depth = 0;
  std::uint64_t root = kUndefined, root_records = 0;
  std::vector<std::uint64_t> max_records;  // of one node, by depth
  std::vector<std::size_t> subtree_bytes;  // width of "records below" in a pointer to that depth
};

std::size_t bytes_to_hold(std::uint64_t value) {
  return value == 0 ? 1 : (static_cast<std::size_t>(std::bit_width(value)) - 1) / 8 + 1;
}

Btree2 read_header(const Image& image, std::uint64_t at, int type) {
  ByteReader reader = image.reader(at, "a version 2 B-tree");
  reader.expect("BTHD");
  const int version = reader.u8(), found = reader.u8();
  if (version != 0 || found != type)
    image.damaged("a B-tree of type {} where {} was expected", found, type);
  Btree2 tree;
  tree.node_size = reader.u32();
  tree.record_size = reader.u16();
  tree.depth = reader.u16();
  reader.skip(2);
  tree.root = image.address(reader);
  tree.root_records = reader.u16();
  image.length(reader);
  reader.skip(4);
  image.check_sum(image.bytes(at, reader.position(), "a B-tree"), "a B-tree header");

  constexpr std::size_t kNode = 10;  // signature, version, type, checksum
  if (tree.node_size <= kNode || tree.record_size == 0 || tree.depth > kMaxDepth) {
    image.damaged("a B-tree header is damaged");
  }
  tree.max_records = {(tree.node_size - kNode) / tree.record_size};
  tree.subtree_bytes = {0};
  tree.count_size = bytes_to_hold(tree.max_records[0]);
  std::uint64_t total = tree.max_records[0];
  for (unsigned depth = 1; depth <= tree.depth; ++depth) {
    const std::size_t pointer = image.offset_size() + tree.count_size + tree.subtree_bytes.back();
    if (tree.node_size < kNode + pointer) image.damaged("a B-tree node is too small");
    const std::uint64_t records = (tree.node_size - kNode - pointer) / (tree.record_size + pointer);
    tree.max_records.push_back(records);
    if (__builtin_mul_overflow(total, records + 1, &total) ||
        __builtin_add_overflow(total, records, &total)) {
      image.damaged("a B-tree is too deep");
    }
    tree.subtree_bytes.push_back(bytes_to_hold(total));
  }
  return tree;
}

struct PendingNode2 {
  std::uint64_t address, records;
  unsigned depth;
};

}  // namespace

void walk_btree_1(const Image& image, std::uint64_t root, int type, std::size_t key_size,
                  const std::function<void(std::span<const std::byte>, std::uint64_t)>& visit) {
  Visits visits(image);
  std::vector<PendingNode1> pending = {{root, -1}};
  while (!pending.empty()) {
    const PendingNode1 node = pending.back();
    pending.pop_back();
    visits.enter(node.address, "a B-tree node");
    ByteReader reader = image.reader(node.address, "a B-tree node");
    reader.expect("TREE");
    const int found = reader.u8(), level = reader.u8();
    if (found != type || (node.level >= 0 && level != node.level)) {
      image.damaged("the B-tree node at {} has type {} and level {}", node.address, found, level);
    }
    const unsigned entries = reader.u16();
    image.address(reader);
    image.address(reader);
    for (unsigned i = 0; i < entries; ++i) {
      const auto key = reader.take(key_size);
      const std::uint64_t child = image.address(reader);
      if (level == 0) {
        visit(key, child);
      } else {
        pending.push_back({child, level - 1});
      }
    }
  }
}

void walk_btree_2(const Image& image, std::uint64_t header, int type,
                  const std::function<void(std::span<const std::byte>)>& visit) {
  const Btree2 tree = read_header(image, header, type);
  if (tree.root == kUndefined) return;
  Visits visits(image);
  std::vector<PendingNode2> pending = {{tree.root, tree.root_records, tree.depth}};
  while (!pending.empty()) {
    const PendingNode2 node = pending.back();
    pending.pop_back();
    visits.enter(node.address, "a B-tree node");
    if (node.records > tree.max_records[node.depth])
      image.damaged("a B-tree node holds too many records");
    ByteReader reader = image.reader(node.address, "a B-tree node");
    reader.expect(node.depth == 0 ? "BTLF" : "BTIN");
    const int version = reader.u8(), found = reader.u8();
    if (version != 0 || found != type)
      image.damaged("the B-tree node at {} is damaged", node.address);
    const auto records = reader.take(node.records * tree.record_size);
    for (std::uint64_t i = 0; node.depth > 0 && i <= node.records; ++i) {
      PendingNode2 child{};
      child.address = image.address(reader);
      child.records = reader.uint(tree.count_size);
      reader.skip(tree.subtree_bytes[node.depth - 1]);
      child.depth = node.depth - 1;
      pending.push_back(child);
    }
    reader.skip(4);
    image.check_sum(image.bytes(node.address, reader.position(), "a B-tree node"), "a B-tree node");
    for (std::uint64_t i = 0; i < node.records; ++i) {
      visit(records.subspan(i * tree.record_size, tree.record_size));
    }
  }
}

}  // namespace thaw::h5
