#include <zlib.h>

#include "loaders/source/archive.h"
#include "tests/loaders/source/source_testing.h"

namespace thaw::testing {
namespace {

std::string gzip(const std::string& text) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string gunzip_text(const std::string& file, const Limits& limits = {}) {
  return std::string(gunzip(make_bytes(file, "test.gz"), limits).text());
}
ErrorCode code_of(const std::string& file, std::string* message = nullptr,
                  const Limits& limits = {}) {
  return error_of([&] { gunzip_text(file, limits); }, message);
}

TEST(Gzip, Contents) {
  std::string noise;
  for (unsigned i = 0, x = 1; i < 100000; ++i, x = x * 1664525 + 1013904223)
    noise += static_cast<char>(x >> 24);
  for (const std::string& text : {std::string(), std::string("a"), std::string(4096, 'x'),
                                  std::string(1000000, 'y'), noise}) {
    EXPECT_EQ(gunzip_text(gzip(text)), text);
  }
  EXPECT_EQ(gunzip(make_bytes(gzip("a"), "test.gz"), Limits{}).name, "test.gz");
}

TEST(Gzip, SeveralStreams) {
  const std::string large(300000, 'z');
  EXPECT_EQ(gunzip_text(gzip("one,") + gzip(large) + gzip("") + gzip(",three")),
            "one," + large + ",three");
}

TEST(Gzip, Limits) {
  std::string message;
  Limits limits;
  limits.max_file_bytes = 5000;
  EXPECT_EQ(gunzip_text(gzip(std::string(5000, 'x')), limits).size(), 5000u);
  EXPECT_EQ(code_of(gzip(std::string(5001, 'x')), &message, limits), ErrorCode::resource_exhausted);
  EXPECT_NE(message.find("decompress to more than 5000"), std::string::npos) << message;
  limits = Limits{};
  limits.max_inflate_ratio = 10;
  EXPECT_EQ(code_of(gzip(std::string(1000000, 'x')), nullptr, limits),
            ErrorCode::resource_exhausted);
  // A small file that claims to be large takes no memory for it.
  std::string lying = gzip("a");
  lying.replace(lying.size() - 4, 4, "\xff\xff\xff\xff");
  EXPECT_EQ(code_of(lying), ErrorCode::data_loss);
}

TEST(Gzip, Damaged) {
  const std::string good = gzip("some text, some text, some more text");
  std::string message;
  EXPECT_EQ(code_of(good.substr(0, good.size() - 1), &message), ErrorCode::data_loss);
  EXPECT_NE(message.find("ends early"), std::string::npos) << message;
  std::string wrong = good;
  wrong[good.size() - 8] ^= 1;  // the CRC
  EXPECT_EQ(code_of(wrong, &message), ErrorCode::data_loss);
  EXPECT_NE(message.find("damaged"), std::string::npos) << message;
  EXPECT_EQ(code_of(good + "x", &message), ErrorCode::data_loss);
  EXPECT_NE(message.find("1 bytes follow"), std::string::npos) << message;
  EXPECT_EQ(code_of(good + std::string("\x1f\x8b", 2)), ErrorCode::data_loss);
  EXPECT_EQ(code_of(""), ErrorCode::data_loss);
  EXPECT_EQ(code_of("no gzip at all"), ErrorCode::data_loss);
  const auto reader = [](const Bytes& bytes) { gunzip(bytes, Limits{}); };
  check_truncations(good, reader);
  check_flips(good, reader);
}

TEST(Gzip, MessagesOfTheRatio) {
  std::string message;
  Limits limits;
  limits.max_inflate_ratio = 10;
  EXPECT_EQ(code_of(gzip(std::string(1000000, 'x')), &message, limits),
            ErrorCode::resource_exhausted);
  EXPECT_NE(message.find("bytes decompress to more than"), std::string::npos) << message;
}

}  // namespace
}  // namespace thaw::testing
