#include "loaders/source/h5_node.h"

namespace thaw::h5 {
namespace {

using Links = std::map<std::string, std::uint64_t>;

class LinkReader {
 public:
  explicit LinkReader(const Image& image) : image_(image) {}
  Links read(const Object& group);

 private:
  void read_symbol_table(const Message& message);
  void read_symbol_node(std::uint64_t address, std::span<const std::byte> names);
  void read_link(std::span<const std::byte> body);
  void read_dense(const Message& info);
  void add(std::string_view name, std::uint64_t address);
  [[noreturn]] void refuse(const char* kind, std::string_view name) const {
    image_.error(ErrorCode::permission_denied, "'{}' is {} link; only hard links are read",
                 printable(name), kind);
  }

  const Image& image_;
  Links links_;
};

Links LinkReader::read(const Object& group) {
  for (const Message& message : group.messages) {
    if (message.type != kSymbolTable && message.type != kLink && message.type != kLinkInfo)
      continue;
    if (message.is_shared()) image_.error(ErrorCode::unimplemented, "shared HDF5 link messages");
    if (message.type == kSymbolTable) read_symbol_table(message);
    if (message.type == kLink) read_link(message.body);
    if (message.type == kLinkInfo) read_dense(message);
  }
  return std::move(links_);
}

void LinkReader::add(std::string_view name, std::uint64_t address) {
  if (name.empty() || name == "." || name == ".." || name.find('/') != std::string_view::npos ||
      name.find('\0') != std::string_view::npos) {
    image_.error(ErrorCode::invalid_argument, "a link has the name '{}'", printable(name));
  }
  if (address == kUndefined) image_.damaged("'{}' leads to no object", printable(name));
  if (!links_.emplace(name, address).second) {
    image_.error(ErrorCode::invalid_argument, "'{}' exists twice in one group", printable(name));
  }
  if (links_.size() > image_.limits().max_entries) {
    image_.error(ErrorCode::resource_exhausted, "a group of more than {} objects",
                 image_.limits().max_entries);
  }
}

// Groups of the old kind: a B-tree of symbol table nodes, names in a local heap.
void LinkReader::read_symbol_table(const Message& message) {
  constexpr int kGroupTree = 0;
  ByteReader reader = image_.reader(message.body, "a symbol table");
  const std::uint64_t tree = image_.address(reader);
  const auto names = local_heap(image_, image_.address(reader));
  Visits visits(image_);
  walk_btree_1(image_, tree, kGroupTree, image_.length_size(),
               [&](std::span<const std::byte>, std::uint64_t child) {
                 visits.enter(child, "a symbol table node");
                 read_symbol_node(child, names);
               });
}

void LinkReader::read_symbol_node(std::uint64_t address, std::span<const std::byte> names) {
  constexpr std::uint32_t kSoftLink = 2;
  ByteReader reader = image_.reader(address, "a symbol table node");
  reader.expect("SNOD");
  if (reader.u8() != 1) image_.damaged("a symbol table node has an unknown version");
  reader.skip(1);
  const unsigned count = reader.u16();
  for (unsigned i = 0; i < count; ++i) {
    const std::uint64_t name_at = image_.address(reader), object = image_.address(reader);
    const std::uint32_t cache = reader.u32();
    reader.skip(4 + 16);
    const std::string_view heap = as_text(names);
    const std::size_t end =
        name_at < heap.size() ? heap.find('\0', name_at) : std::string_view::npos;
    if (end == std::string_view::npos) image_.damaged("a link name lies outside its heap");
    const std::string_view name = heap.substr(name_at, end - name_at);
    if (cache == kSoftLink) refuse("a soft", name);
    add(name, object);
  }
}

void LinkReader::read_link(std::span<const std::byte> body) {
  constexpr unsigned kHard = 0, kSoft = 1, kExternal = 64;
  ByteReader reader = image_.reader(body, "a link");
  if (reader.u8() != 1) image_.damaged("a link message has an unknown version");
  const unsigned flags = reader.u8();
  const unsigned kind = (flags & 8) != 0 ? reader.u8() : kHard;
  if (flags & 4) reader.skip(8);   // creation order
  if (flags & 16) reader.skip(1);  // character set
  const std::uint64_t length = reader.uint(std::size_t{1} << (flags & 3));
  const std::string_view name = as_text(reader.take(length));
  if (kind == kSoft) refuse("a soft", name);
  if (kind == kExternal) refuse("an external", name);
  if (kind != kHard) refuse("a user-defined", name);
  add(name, image_.address(reader));
}

// Groups of the new kind with many links keep them in a fractal heap.
void LinkReader::read_dense(const Message& info) {
  constexpr int kByName = 5;
  ByteReader reader = image_.reader(info.body, "a link info message");
  if (reader.u8() != 0) image_.damaged("a link info message has an unknown version");
  if (reader.u8() & 1) reader.skip(8);
  const std::uint64_t heap_at = image_.address(reader), index = image_.address(reader);
  if (heap_at == kUndefined) return;
  FractalHeap heap(image_, heap_at);
  walk_btree_2(image_, index, kByName, [&](std::span<const std::byte> record) {
    ByteReader fields = image_.reader(record, "a link record");
    fields.skip(4);  // the name's hash
    read_link(heap.object(fields.take(heap.id_size())));
  });
}

}  // namespace

Links read_links(const Image& image, const Object& group) { return LinkReader(image).read(group); }

}  // namespace thaw::h5
