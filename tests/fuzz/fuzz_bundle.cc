// Tensor bundles, and checkpoints of format V1. The input is the index, or the V1 file; checksums
// are made to fit first, because a mutation would else never get behind them. The shard is a fixed
// run of bytes.
#include <algorithm>
#include <cstring>

#include "loaders/source/bundle.h"
#include "loaders/source/byte_reader.h"
#include "loaders/source/checkpoint_v1.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace thaw;

class InputTree final : public FileTree {
 public:
  explicit InputTree(Bytes index) : index_(std::move(index)), shard_(Buffer(4096)) {
    for (std::size_t i = 0; i < shard_.size; ++i) shard_.data[i] = static_cast<std::byte>(i);
  }
  const std::string& path() const override { return path_; }
  bool contains(const std::string&) const override { return true; }
  std::vector<std::string> names() const override { return {}; }
  std::uint64_t size_of(const std::string& name) const override { return read(name).size(); }
  Bytes read(const std::string& name) const override {
    return name == "x.index" || name == "v1" ? index_ : Bytes{shard_.span(), shard_.owner, name};
  }

 private:
  Bytes index_;
  Buffer shard_;
  std::string path_ = "input";
};

// Puts a fitting checksum behind the block that a handle at `position` names.
void mend_block(std::vector<std::uint8_t>& file, std::size_t position, std::uint64_t* where) {
  std::uint64_t values[2] = {0, 0};
  for (std::uint64_t& value : values) {
    for (int shift = 0; shift < 64 && position < file.size(); shift += 7) {
      const std::uint8_t byte = file[position++];
      value |= std::uint64_t(byte & 127) << shift;
      if (byte < 128) break;
    }
  }
  *where = values[0];
  if (values[0] > file.size() || values[1] > file.size() || values[0] + values[1] + 5 > file.size())
    return;
  const std::span<const std::byte> block(
      reinterpret_cast<const std::byte*>(file.data()) + values[0], values[1] + 1);
  const std::uint32_t crc = mask_crc32c(crc32c(block));
  std::memcpy(file.data() + values[0] + values[1] + 1, &crc, 4);
}

void mend(std::vector<std::uint8_t>& file) {
  constexpr std::size_t kFooter = 48;
  if (file.size() < kFooter) return;
  std::memcpy(file.data() + file.size() - 8, "\x57\xfb\x80\x8b\x24\x75\x47\xdb", 8);
  std::size_t handle = file.size() - kFooter;
  for (int i = 0; i < 2; ++i) {  // the meta index's handle comes first
    while (handle < file.size() && file[handle] >= 128) ++handle;
    ++handle;
  }
  std::uint64_t index = 0;
  mend_block(file, handle, &index);
  // The first data block, named by the first entry of the index: three lengths, key, handle.
  if (index >= file.size() || file.size() - index < 4 || file[index + 1] >= 128) return;
  std::uint64_t first = 0;
  mend_block(file, index + 3 + file[index + 1], &first);
}

void read_all(const TensorBundle& bundle) {
  for (const std::string& key : bundle.keys()) {
    fuzz::attempt([&] { bundle.read(key); });
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::uint8_t> file(data, data + size);
  mend(file);
  const InputTree tree(fuzz::copy(file.data(), file.size()));
  fuzz::attempt([&] { read_all(*TensorBundle::open(tree, "x", fuzz::small_limits())); });
  fuzz::attempt([&] { read_all(*open_checkpoint_v1(tree, "v1", fuzz::small_limits())); });
  return 0;
}
