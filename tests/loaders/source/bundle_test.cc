#include "loaders/source/bundle.h"

#include <cstring>
#include <map>

#include "loaders/source/bundle_entry.h"
#include "loaders/source/bundle_slices.h"
#include "loaders/source/wire.h"
#include "runtime/base/check.h"
#include "tests/loaders/source/source_testing.h"
#include "tests/loaders/source/table_builder.h"

namespace thaw::testing {
namespace {

// Files in memory, to damage them one at a time.
class MemoryTree final : public FileTree {
 public:
  std::map<std::string, std::string> files;

  explicit MemoryTree(const std::string& prefix, const std::vector<std::string>& parts) {
    for (const std::string& part : parts)
      files[prefix + part] = std::string(load("bundle/" + prefix + part).text());
  }
  const std::string& path() const override { return path_; }
  bool contains(const std::string& name) const override { return files.count(name) != 0; }
  std::vector<std::string> names() const override { return {}; }
  std::uint64_t size_of(const std::string& name) const override { return files.at(name).size(); }
  Bytes read(const std::string& name) const override { return make_bytes(files.at(name), name); }

 private:
  std::string path_ = "memory";
};

MemoryTree all_tree() { return MemoryTree("all", {".index", ".data-00000-of-00001"}); }
MemoryTree sharded_tree() {
  return MemoryTree("sharded", {".index", ".data-00000-of-00002", ".data-00001-of-00002"});
}

std::unique_ptr<TensorBundle> open_bundle(const FileTree& tree, const std::string& prefix) {
  return TensorBundle::open(tree, prefix, Limits{});
}

TEST(Bundle, EveryType) {
  const auto tree = open_directory(data_file("bundle"), Limits{});
  const auto bundle = open_bundle(*tree, "all");
  EXPECT_EQ(bundle->keys(), (std::vector<std::string>{"bfloat", "bool", "complex", "empty", "float",
                                                      "half", "int64", "int8", "no_strings",
                                                      "scalar", "strings", "uint16"}));
  const Tensor matrix = bundle->read("float");
  EXPECT_EQ(matrix.type(), (TensorType{DType::float32, {3, 4}}));
  for (int i = 0; i < 12; ++i) EXPECT_EQ(matrix.data<float>()[i], static_cast<float>(i));
  EXPECT_EQ(bundle->type("float"), matrix.type());
  EXPECT_EQ(bundle->read("scalar").data<double>()[0], 7.0);
  EXPECT_EQ(bundle->read("scalar").shape(), Shape{});
  EXPECT_EQ(values_of<std::int64_t>(bundle->read("int64")),
            (std::vector<std::int64_t>{0, 1, 2, 3, 4}));
  EXPECT_EQ(values_of<bool>(bundle->read("bool")), (std::vector<bool>{true, false}));
  EXPECT_EQ(to_float(bundle->read("half").data<float16>()[3]), 3.0f);
  EXPECT_EQ(to_float(bundle->read("bfloat").data<bfloat16>()[1]), -2.0f);
  EXPECT_EQ(bundle->read("empty").shape(), (Shape{0, 2}));
  EXPECT_EQ(values_of<std::int8_t>(bundle->read("int8")), (std::vector<std::int8_t>{0, 1, 2}));
  EXPECT_EQ(values_of<std::uint16_t>(bundle->read("uint16")),
            (std::vector<std::uint16_t>{0, 1, 2}));
  const Tensor complex = bundle->read("complex");
  EXPECT_EQ(complex.dtype(), DType::complex64);
  float parts[2];
  std::memcpy(parts, complex.data(), sizeof parts);
  EXPECT_EQ(parts[0], 1.0f);
  EXPECT_EQ(parts[1], 2.0f);
  const Tensor strings = bundle->read("strings");
  EXPECT_EQ(strings.shape(), (Shape{3, 1}));
  EXPECT_EQ(values_of<std::string>(strings),
            (std::vector<std::string>{"one", "", std::string(300, 'x')}));
  EXPECT_EQ(bundle->read("no_strings").num_elements(), 0);
}

TEST(Bundle, ShardsAndSlices) {
  const auto tree = open_directory(data_file("bundle"), Limits{});
  const auto bundle = open_bundle(*tree, "sharded");
  EXPECT_EQ(bundle->keys(), (std::vector<std::string>{"sliced", "whole0", "whole1"}));
  const Tensor joined = bundle->read("sliced");
  ASSERT_EQ(joined.type(), (TensorType{DType::float32, {5, 100}}));
  for (int i = 0; i < 500; ++i) ASSERT_EQ(joined.data<float>()[i], static_cast<float>(i));
  EXPECT_EQ(bundle->read("whole1").data<std::int32_t>()[0], 1);
  EXPECT_EQ(error_of([&] { bundle->read("absent"); }), ErrorCode::not_found);
  EXPECT_FALSE(bundle->contains("absent"));
}

TEST(Bundle, BigEndian) {
  const auto tree = open_directory(data_file("bundle"), Limits{});
  const auto bundle = open_bundle(*tree, "big");
  EXPECT_EQ(values_of<float>(bundle->read("f")), (std::vector<float>{0, 1, 2}));
  EXPECT_EQ(values_of<std::int16_t>(bundle->read("i")), (std::vector<std::int16_t>{0, 1}));
}

TEST(Bundle, NamesMissingFiles) {
  MemoryTree tree = sharded_tree();
  tree.files.erase("sharded.data-00001-of-00002");
  std::string message;
  EXPECT_EQ(error_of([&] { open_bundle(tree, "sharded"); }, &message), ErrorCode::not_found);
  EXPECT_NE(message.find("sharded.data-00001-of-00002"), std::string::npos) << message;
  const auto folder = open_directory(data_file("bundle"), Limits{});
  EXPECT_EQ(error_of([&] { open_bundle(*folder, "absent"); }, &message), ErrorCode::not_found);
  EXPECT_NE(message.find("absent.index"), std::string::npos) << message;
}

TEST(Bundle, DamagedShards) {
  MemoryTree tree = sharded_tree();
  std::swap(tree.files["sharded.data-00000-of-00002"], tree.files["sharded.data-00001-of-00002"]);
  EXPECT_EQ(error_of([&] { open_bundle(tree, "sharded")->read("sliced"); }), ErrorCode::data_loss);

  tree = all_tree();
  std::string& data = tree.files["all.data-00000-of-00001"];
  const std::string good = data;
  const auto read_all = [&] {
    const auto bundle = open_bundle(tree, "all");
    for (const std::string& key : bundle->keys()) bundle->read(key);
  };
  for (std::size_t i = 0; i < good.size(); ++i) {  // every byte is covered by a checksum
    data[i] = static_cast<char>(data[i] ^ (1 << (i % 8)));
    ASSERT_EQ(error_of(read_all), ErrorCode::data_loss) << "byte " << i;
    data = good;
    data.resize(i);
    ASSERT_EQ(error_of(read_all), ErrorCode::data_loss) << "cut after " << i;
    data = good;
  }
}

// Reads the whole bundle with `bytes` in the place of its index.
void read_with_index(MemoryTree& tree, const std::string& prefix, const Bytes& bytes) {
  tree.files[prefix + ".index"] = std::string(bytes.text());
  const auto bundle = open_bundle(tree, prefix);
  for (const std::string& key : bundle->keys()) bundle->read(key);
}

TEST(Bundle, DamagedIndex) {
  for (const std::string prefix : {"all", "sharded"}) {
    MemoryTree tree = prefix == "all" ? all_tree() : sharded_tree();
    const std::string index = tree.files[prefix + ".index"];
    const auto reader = [&](const Bytes& bytes) { read_with_index(tree, prefix, bytes); };
    check_truncations(index, reader);
    check_flips(index, reader);
  }
}

TEST(BundleEntry, SliceKeys) {
  BundleSlice slice;
  slice.extents = {{0, -1}, {64, 63}, {-64, 128}, {-65, 8192}};
  // 0 = 80, -1 = 7f, 64 = c0 40, 63 = bf, -64 = 40, 128 = c0 80, -65 = 3f bf, 8192 = e0 20 00.
  const std::string expected =
      std::string(
          "\0a\0\xff"
          "b\xff\0\0\1\1\4",
          11) +
      std::string("\x80\x7f\xc0\x40\xbf\x40\xc0\x80\x3f\xbf\xe0\x20\0", 13);
  EXPECT_EQ(slice_key(std::string("a\0b\xff", 4), slice), expected);
  slice.extents = {{INT64_MAX, INT64_MIN}};
  const std::string extreme = slice_key("", slice);
  EXPECT_EQ(extreme, std::string("\0\0\1\1\1", 5) + std::string("\xff\xc0\x7f", 3) +
                         std::string(7, '\xff') + std::string("\x00\x3f\x80", 3) +
                         std::string(7, '\0'));
}

// TensorSliceProto and friends by hand.
std::string field(int number, const std::string& bytes) {
  return TableBuilder::varint(static_cast<std::uint64_t>(number) << 3 | 2) +
         TableBuilder::varint(bytes.size()) + bytes;
}
std::string field(int number, std::uint64_t value) {
  return TableBuilder::varint(static_cast<std::uint64_t>(number) << 3) +
         TableBuilder::varint(value);
}
std::string dims(const std::vector<std::uint64_t>& sizes) {
  std::string out;
  for (const std::uint64_t size : sizes) out += field(2, field(1, size));
  return out;
}

// A bundle of one shard with the given records; data bytes are zeros with a fitting checksum.
ErrorCode bundle_error(const std::vector<std::pair<std::string, std::string>>& records,
                       std::string* message = nullptr) {
  std::string block;
  for (const auto& [key, value] : records) block += table_entry(0, key, value);
  MemoryTree tree("all", {});
  tree.files["x.index"] = TableBuilder(block + kOneRestart).build();
  tree.files["x.data-00000-of-00001"] = std::string(64, '\0');
  return error_of(
      [&] {
        const auto bundle = open_bundle(tree, "x");
        for (const std::string& key : bundle->keys()) bundle->read(key);
      },
      message);
}
const std::string kHeader = field(1, 1) + field(3, field(1, 1));

std::string zeros_crc(std::size_t size) {
  const std::string zeros(size, '\0');
  const auto crc = crc32c({reinterpret_cast<const std::byte*>(zeros.data()), zeros.size()});
  return "\x35" + TableBuilder::fixed32(mask_crc32c(crc));
}

TEST(Bundle, HostileRecords) {
  const auto entry = [](std::uint64_t dtype, const std::vector<std::uint64_t>& sizes,
                        std::uint64_t size) {
    return field(1, dtype) + field(2, dims(sizes)) + field(5, size);
  };
  EXPECT_EQ(bundle_error({{"a", entry(1, {2}, 8)}}), ErrorCode::data_loss);  // no header
  EXPECT_EQ(bundle_error({{"", field(1, 0)}}), ErrorCode::data_loss);        // shards
  EXPECT_EQ(bundle_error({{"", field(1, std::uint64_t{1} << 31)}}), ErrorCode::data_loss);
  EXPECT_EQ(bundle_error({{"", field(1, ~std::uint64_t{0})}}), ErrorCode::data_loss);
  EXPECT_EQ(bundle_error({{"", field(1, 1) + field(3, field(2, 2))}}),
            ErrorCode::failed_precondition);
  EXPECT_EQ(bundle_error({{"", kHeader}, {"a", entry(1, {2}, 8)}}),
            ErrorCode::data_loss);  // no checksum
  EXPECT_EQ(bundle_error({{"", kHeader}, {"a", entry(1, {3}, 8) + zeros_crc(8)}}),
            ErrorCode::data_loss);
  EXPECT_EQ(bundle_error({{"", kHeader}, {"a", entry(1, {100}, 400) + zeros_crc(400)}}),
            ErrorCode::data_loss);
  EXPECT_EQ(bundle_error({{"", kHeader}, {"a", entry(20, {1}, 8) + zeros_crc(8)}}),
            ErrorCode::unimplemented);
  EXPECT_EQ(bundle_error({{"", kHeader}, {"a", entry(1, {~std::uint64_t{0}}, 8)}}),
            ErrorCode::data_loss);
  EXPECT_EQ(bundle_error({{"", kHeader}, {"a", entry(1, {1u << 31, 1u << 31, 1u << 31}, 8)}}),
            ErrorCode::data_loss);
  EXPECT_EQ(bundle_error({{"", kHeader}, {"a", entry(1, {2}, 8) + field(3, 1) + zeros_crc(8)}}),
            ErrorCode::data_loss);
  EXPECT_EQ(bundle_error({{"", kHeader},
                          {"a", entry(1, {2}, 8) + field(4, ~std::uint64_t{0}) + zeros_crc(8)}}),
            ErrorCode::data_loss);
  EXPECT_EQ(bundle_error({{"", kHeader},
                          {"a", entry(1, {2}, 8) + zeros_crc(8)},
                          {"b", entry(1, {2}, 8) + field(4, 4) + zeros_crc(8)}}),
            ErrorCode::data_loss);  // they share bytes
  EXPECT_EQ(bundle_error({{"", kHeader}, {"a", entry(7, {1u << 30}, 8) + zeros_crc(8)}}),
            ErrorCode::data_loss);
  Limits limits;
  EXPECT_EQ(bundle_error({{"", kHeader},
                          {"a", entry(1, std::vector<std::uint64_t>(33, 1), 4) + zeros_crc(4)}}),
            ErrorCode::resource_exhausted);
}

TEST(Bundle, HostileSlices) {
  const auto slice = [](std::uint64_t start, std::uint64_t length) {
    return field(7, field(1, field(1, start) + field(2, length)));
  };
  // The slices' own entries; the keys sort before all plain names because they begin with a zero
  // byte.
  const auto part = [](std::int64_t start, std::int64_t length, std::uint64_t offset) {
    BundleSlice box;
    box.extents = {{start, length}};
    const auto size = static_cast<std::uint64_t>(length) * 4;
    return std::pair<std::string, std::string>{
        slice_key("v", box), field(1, 1) + field(2, dims({static_cast<std::uint64_t>(length)})) +
                                 field(4, offset) + field(5, size) + zeros_crc(size)};
  };
  const std::string type = field(1, 1) + field(2, dims({4}));
  const auto code = [&](const std::string& slices,
                        std::vector<std::pair<std::string, std::string>> parts) {
    parts.insert(parts.begin(), {"", kHeader});
    parts.emplace_back("v", type + slices);
    return bundle_error(parts);
  };
  EXPECT_EQ(code(slice(0, 2) + slice(2, 1), {part(0, 2, 0), part(2, 1, 8)}),
            ErrorCode::data_loss);  // gap
  EXPECT_EQ(code(slice(0, 2) + slice(1, 2), {part(0, 2, 0), part(1, 2, 8)}),
            ErrorCode::data_loss);                                                    // overlap
  EXPECT_EQ(code(slice(0, 2) + slice(2, 2), {part(0, 2, 0)}), ErrorCode::data_loss);  // missing
  EXPECT_EQ(code(slice(0, 2) + slice(3, 2), {part(0, 2, 0), part(3, 2, 8)}),
            ErrorCode::data_loss);                                         // outside
  EXPECT_EQ(code(slice(~std::uint64_t{0}, 2), {}), ErrorCode::data_loss);  // negative
  EXPECT_EQ(code(slice(0, INT64_MAX), {}), ErrorCode::data_loss);
}

TEST(Bundle, MessagesNameTheFileAndTheTensor) {
  using Records = std::vector<std::pair<std::string, std::string>>;
  const auto expect = [](const Records& records, const char* text) {
    std::string message;
    bundle_error(records, &message);
    EXPECT_EQ(message.find("x.index: "), 0u) << message;
    EXPECT_NE(message.find(text), std::string::npos) << message << "\n  lacks: " << text;
  };
  const auto with = [](const std::string& entry) { return Records{{"", kHeader}, {"a", entry}}; };
  const auto slice = [](std::uint64_t start, std::uint64_t length) {
    return field(7, field(1, field(1, start) + field(2, length)));
  };
  const std::string type = field(1, 1) + field(2, dims({4}));
  expect({{"a", type}}, "has no header record");
  expect({{"", field(1, 1) + field(2, 7)}}, "endianness 7");
  expect({{"", field(1, 0)}}, "0 shards");
  expect({{"", field(1, 1) + field(3, field(2, 2))}},
         "was written for a newer bundle format (consumer 2)");
  expect(with(field(1, 1) + field(2, field(3, 1))), "a stored tensor without rank");
  expect(with(field(1, 1) + field(2, dims(std::vector<std::uint64_t>(33, 1)))), "rank above 32");
  expect(with(type + slice(~std::uint64_t{0}, 2)), "a slice from -1 of length 2");
  // The slices' own entries, which sort before all plain names.
  const auto part = [](std::int64_t start, std::int64_t length, std::uint64_t offset) {
    BundleSlice box;
    box.extents = {{start, length}};
    const auto size = static_cast<std::uint64_t>(length) * 4;
    return std::pair<std::string, std::string>{
        slice_key("a", box), field(1, 1) + field(2, dims({static_cast<std::uint64_t>(length)})) +
                                 field(4, offset) + field(5, size) + zeros_crc(size)};
  };
  expect({{"", kHeader}, part(0, 2, 0), part(1, 3, 8), {"a", type + slice(0, 2) + slice(1, 3)}},
         "tensor 'a': its slices overlap");
  expect({{"", kHeader}, part(0, 2, 0), part(1, 2, 8), {"a", type + slice(0, 2) + slice(1, 2)}},
         "tensor 'a': its slices overlap");
  expect({{"", kHeader}, part(0, 2, 0), {"a", type + slice(0, 2)}},
         "tensor 'a': its slices hold 2 of 4 elements");
  expect(with(type + slice(0, 2)), "tensor 'a': one of its slices is missing");
  BundleEntry sliced;
  sliced.shape = {200000};
  sliced.slices.resize(20000);
  std::string limit;
  EXPECT_EQ(error_of([&] { resolve_slices(sliced, "x.index"); }, &limit),
            ErrorCode::resource_exhausted);
  EXPECT_NE(limit.find("x.index: 20000 slices, the limit is"), std::string::npos) << limit;
  const auto tree = open_directory(data_file("bundle"), Limits{});
  std::string message;
  error_of([&] { open_bundle(*tree, "all")->read("absent"); }, &message);
  EXPECT_NE(message.find("all.index: there is no tensor 'absent'"), std::string::npos) << message;
}

TEST(Wire, MessagesNameTheFileAndTheField) {
  const auto expect = [](const std::string& message_bytes, const char* text) {
    std::string message;
    const std::string name = "x.index";
    error_of(
        [&] {
          const std::span<const std::byte> bytes{
              reinterpret_cast<const std::byte*>(message_bytes.data()), message_bytes.size()};
          WireReader reader(bytes, name, "an entry");
          while (reader.next()) {
            if (reader.field() == 1) reader.varint();
          }
        },
        &message);
    EXPECT_EQ(message, text);
  };
  expect(std::string(10, '\xff') + "\x01", "x.index: an entry has a number of more than 64 bits");
  expect(std::string(1, '\0'), "x.index: an entry has field number 0");
  expect("\x0b", "x.index: an entry has wire type 3");
  expect(field(1, "text"), "x.index: an entry: field 1 has wire type 2, expected 0");
  expect(
      "\x0a\x05"
      "ab",
      "x.index: an entry is cut short: 5 bytes needed, 2 left");
}

}  // namespace
}  // namespace thaw::testing
