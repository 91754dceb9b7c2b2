#include "loaders/source/mapped.h"

#include <unistd.h>
#include <zlib.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "loaders/source/bundle.h"
#include "tests/loaders/source/source_testing.h"

namespace thaw::testing {
namespace {

class File {
 public:
  explicit File(const std::string& contents)
      : path_(::testing::TempDir() + "thaw_mapped_" + std::to_string(getpid())) {
    std::ofstream(path_, std::ios::binary) << contents;
  }
  ~File() { std::filesystem::remove(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::string noise(std::size_t size) {
  std::string text(size, 0);
  std::uint32_t state = 1;
  for (char& c : text) {
    state = state * 1664525 + 1013904223;
    c = static_cast<char>(state >> 24);
  }
  return text;
}

Limits unmapped() {
  Limits limits;
  limits.map_files = false;
  return limits;
}

TEST(Mapped, LargeFilesAreMappedIfTheyMay) {
  const std::string contents = noise(200'000);
  const File file(contents);
  const Bytes mapped = read_file(file.path(), {}), read = read_file(file.path(), unmapped());
  EXPECT_TRUE(mapped.mapped);
  EXPECT_FALSE(read.mapped);
  EXPECT_EQ(mapped.text(), contents);
  EXPECT_EQ(read.text(), contents);
  const File small("short");
  EXPECT_FALSE(read_file(small.path(), {}).mapped);
}

TEST(Mapped, BytesOutliveTheFile) {
  const std::string contents = noise(300'000);
  Bytes bytes;
  {
    const File file(contents);
    bytes = read_file(file.path(), {});
  }
  let_go(bytes);  // they come back from the file, which has no name any more
  EXPECT_EQ(bytes.text(), contents);
}

TEST(Mapped, TensorsAtAnyAddress) {
  const std::string contents = noise(200'000);
  const File file(contents);
  for (const Limits& limits : {Limits{}, unmapped()}) {
    const Bytes whole = read_file(file.path(), limits);
    for (const std::size_t offset : {0u, 1u, 2u, 3u, 4u, 4099u}) {
      for (const std::size_t count : {0u, 1u, 5000u, 40'000u}) {
        Bytes part = whole;
        part.data = whole.data.subspan(offset, count * 4);
        const Tensor tensor =
            tensor_of(part, DType::float32, Shape{static_cast<std::int64_t>(count)});
        EXPECT_EQ(tensor.stored() != nullptr, whole.mapped && count >= 5000);
        ASSERT_EQ(tensor.size_bytes(), count * 4);
        if (count == 0) continue;
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(tensor.data()) % 4, 0u);
        EXPECT_EQ(std::memcmp(tensor.data(), contents.data() + offset, count * 4), 0);
        const Tensor copy = tensor.clone();
        EXPECT_EQ(std::memcmp(copy.data(), contents.data() + offset, count * 4), 0);
      }
    }
  }
}

TEST(Mapped, ChecksumIsThatOfZlib) {
  const std::string contents = noise((17 << 20) + 12'345);  // beyond what stays in memory
  const File file(contents);
  for (const Limits& limits : {Limits{}, unmapped()}) {
    Bytes bytes = read_file(file.path(), limits);
    const auto of_zlib = [](const Bytes& part) {
      return crc32_z(0, reinterpret_cast<const Bytef*>(part.data.data()), part.size());
    };
    EXPECT_EQ(crc32_of(bytes), of_zlib(bytes));
    for (const std::size_t size : {0u, 1u, 63u, 4095u, 100'001u}) {
      Bytes part = bytes;
      part.data = bytes.data.subspan(4093, size);
      EXPECT_EQ(crc32_of(part), of_zlib(part)) << size;
    }
  }
}

TEST(Mapped, Crc32cInStreams) {
  const Bytes bytes = make_bytes(noise(50'000));
  for (const std::size_t size : {12'287u, 12'288u, 12'289u, 24'576u, 24'583u, 49'990u}) {
    const auto part = bytes.data.subspan(3, size);
    EXPECT_EQ(crc32c(part, 17), crc32c_portable(part, 17)) << size;
  }
}

}  // namespace
}  // namespace thaw::testing
