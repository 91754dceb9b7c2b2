#include "loaders/source/bundle.h"
#include "tests/loaders/source/source_testing.h"
#include "tests/loaders/source/table_builder.h"

namespace thaw::testing {
namespace {

TEST(Crc32c, KnownValues) {
  // RFC 3720, appendix B.4.
  const std::string zeros(32, '\0'), ones(32, '\xff');
  std::string ascending;
  for (int i = 0; i < 32; ++i) ascending += static_cast<char>(i);
  const auto crc = [](const std::string& text) {
    return crc32c({reinterpret_cast<const std::byte*>(text.data()), text.size()});
  };
  EXPECT_EQ(crc(zeros), 0x8a9136aau);
  EXPECT_EQ(crc(ones), 0x62a8ab43u);
  EXPECT_EQ(crc(ascending), 0x46dd794eu);
  EXPECT_EQ(crc(""), 0u);
}

TEST(Crc32c, InstructionAndTableAgree) {
  std::string text;
  for (int i = 0; i < 300; ++i) text += static_cast<char>(i * 37 + 11);
  const std::span<const std::byte> all{reinterpret_cast<const std::byte*>(text.data()),
                                       text.size()};
  for (std::size_t begin = 0; begin < 9; ++begin) {
    for (std::size_t size = 0; size < 40; ++size) {
      EXPECT_EQ(crc32c(all.subspan(begin, size)), crc32c_portable(all.subspan(begin, size)));
    }
    EXPECT_EQ(crc32c(all.subspan(begin), crc32c(all.first(begin))), crc32c_portable(all));
  }
}

TEST(Sstable, RefusesOtherFiles) {
  EXPECT_EQ(error_of([] { read_sstable(make_bytes(""), Limits{}); }), ErrorCode::data_loss);
  EXPECT_EQ(error_of([] { read_sstable(make_bytes(std::string(100, 'x')), Limits{}); }),
            ErrorCode::data_loss);
  Limits limits;
  limits.max_entries = 3;
  EXPECT_EQ(error_of([&] { read_sstable(load("bundle/all.index"), limits); }),
            ErrorCode::resource_exhausted);
}

ErrorCode table_error(const std::string& file) {
  return error_of([&] { read_sstable(make_bytes(file), Limits{}); });
}

TEST(Sstable, PrefixesAndSnappy) {
  const std::string block = table_entry(0, "abc", "1") + table_entry(2, "d", "22") + kOneRestart;
  const std::vector<std::pair<std::string, std::string>> expected = {{"abc", "1"}, {"abd", "22"}};
  EXPECT_EQ(read_sstable(make_bytes(TableBuilder(block).build()), Limits{}), expected);
  // A Snappy stream of one literal.
  std::string packed = TableBuilder::varint(block.size());
  packed += static_cast<char>((block.size() - 1) << 2);
  EXPECT_EQ(read_sstable(make_bytes(TableBuilder(packed + block, 1).build()), Limits{}), expected);
}

TEST(Sstable, HostileBlocks) {
  const std::string good = table_entry(0, "a", "1") + kOneRestart;
  EXPECT_EQ(table_error(TableBuilder(good, 2).build()), ErrorCode::data_loss);  // zstd
  EXPECT_EQ(
      table_error(
          TableBuilder(table_entry(0, "b", "") + table_entry(0, "a", "") + kOneRestart).build()),
      ErrorCode::data_loss);  // not ascending
  EXPECT_EQ(
      table_error(
          TableBuilder(table_entry(0, "a", "") + table_entry(0, "a", "") + kOneRestart).build()),
      ErrorCode::data_loss);  // twice
  EXPECT_EQ(table_error(TableBuilder(table_entry(5, "a", "") + kOneRestart).build()),
            ErrorCode::data_loss);
  EXPECT_EQ(
      table_error(
          TableBuilder(table_entry(0, "a", "") + table_entry(2, "b", "") + kOneRestart).build()),
      ErrorCode::data_loss);  // shares more than there is
  EXPECT_EQ(table_error(TableBuilder(TableBuilder::fixed32(0x7fffffff)).build()),
            ErrorCode::data_loss);
  EXPECT_EQ(table_error(TableBuilder("ab").build()), ErrorCode::data_loss);
  EXPECT_EQ(table_error(TableBuilder(good).build(3)),
            ErrorCode::data_loss);  // one block, three times
  for (const std::uint64_t size :
       {std::uint64_t{1} << 60, ~std::uint64_t{0}, ~std::uint64_t{0} - 4}) {
    TableBuilder builder(good);
    builder.set_handle(0, size);
    EXPECT_EQ(table_error(builder.build()), ErrorCode::data_loss);
    builder.set_handle(size, 10);
    EXPECT_EQ(table_error(builder.build()), ErrorCode::data_loss);
  }
}

TEST(Sstable, SnappyBombs) {
  for (const std::uint64_t size :
       {std::uint64_t{0xffffffff}, std::uint64_t{1} << 30, std::uint64_t{1000}}) {
    EXPECT_EQ(table_error(TableBuilder(TableBuilder::varint(size) + "\x01" + "abcd", 1).build()),
              ErrorCode::data_loss);
  }
}

TEST(Sstable, LongSharedKeysAreBounded) {
  std::string block = table_entry(0, std::string(50000, 'k'), "");
  for (int i = 1; i <= 20000; ++i) {
    block += table_entry(49999 + static_cast<std::uint64_t>(i), "x", "");
  }
  EXPECT_EQ(table_error(TableBuilder(block + kOneRestart).build()), ErrorCode::data_loss);
}

TEST(Sstable, MessagesSayWhatIsDamaged) {
  const auto expect = [](const std::string& file, const char* text) {
    std::string message;
    error_of([&] { read_sstable(make_bytes(file, "x.index"), Limits{}); }, &message);
    EXPECT_EQ(message.find("x.index: "), 0u) << message;
    EXPECT_NE(message.find(text), std::string::npos) << message << "\n  lacks: " << text;
  };
  const auto block = [](const std::string& text) { return TableBuilder(text).build(); };
  const std::string good = table_entry(0, "a", "1") + kOneRestart;
  expect(std::string(100, 'x'), "is not an sstable");
  expect(TableBuilder(good, 2).build(), "a block has compression type 2");
  expect(TableBuilder(TableBuilder::varint(1 << 30) + "\x01", 1).build(),
         "a compressed block of 6 bytes claims to hold 1073741824");
  expect(TableBuilder(TableBuilder::varint(20) + "\x01"
                                                 "abcd",
                      1)
             .build(),
         "a compressed block is damaged");
  expect(block("ab"), "a block is too short");
  expect(block(TableBuilder::fixed32(0x7fffffff)), "a block has 2147483647 restart points");
  expect(block(table_entry(0, "a", "1") + TableBuilder::fixed32(900) + TableBuilder::fixed32(1)),
         "a block has a restart point at 900");
  expect(block(table_entry(5, "a", "") + kOneRestart), "a key shares 5 bytes with the one before");
  expect(block(table_entry(0, "b", "") + table_entry(0, "a", "") + kOneRestart),
         "key 'a' follows 'b'");
  expect(TableBuilder(kOneRestart).build(8), "its blocks overlap");
  TableBuilder far(good);
  far.set_handle(std::uint64_t{1} << 40, 10);
  expect(far.build(), "a block of 10 bytes at 1099511627776 lies outside the file of");
  std::string flipped = block(good);
  flipped[0] ^= 1;
  expect(flipped, "the checksum of the block at 0 does not fit");
  std::string growing = table_entry(0, std::string(50000, 'k'), "");
  for (std::uint64_t i = 1; i <= 200; ++i) growing += table_entry(49999 + i, "x", "");
  expect(block(growing + kOneRestart), "the keys of a block are too long");
  // The index entry of the builder's block is 0xff.
  expect(block(table_entry(0, "\xff\xff", "") + kOneRestart), "lies behind its index entry");
  TableBuilder long_handle(good);
  long_handle.append_to_handle("x");
  expect(long_handle.build(), "an index entry is too long");
}

}  // namespace
}  // namespace thaw::testing
