#include "tests/loaders/source/source_testing.h"

namespace thaw::testing {
namespace {

// True if the reader gave a value. Anything else than thaw::Error ends the test.
bool succeeds(const std::string& contents, const Reader& reader) {
  try {
    reader(make_bytes(contents));
    return true;
  } catch (const Error& error) {
    EXPECT_NE(error.code(), ErrorCode::internal) << error.what();
    EXPECT_LT(std::string(error.what()).size(), 2000u);
    return false;
  }
}

}  // namespace

void check_truncations(const std::string& contents, const Reader& reader, std::size_t step) {
  for (std::size_t size = 0; size < contents.size(); size += step) {
    ASSERT_FALSE(succeeds(contents.substr(0, size), reader)) << "cut after " << size << " bytes";
  }
}

void check_flips(const std::string& contents, const Reader& reader, std::size_t step) {
  std::size_t refused = 0;
  for (std::size_t i = 0; i < contents.size(); i += step) {
    for (const char mask : {static_cast<char>(1 << (i % 8)), '\xff'}) {
      std::string damaged = contents;
      damaged[i] = static_cast<char>(damaged[i] ^ mask);
      if (!succeeds(damaged, reader)) ++refused;
      if (::testing::Test::HasFailure()) FAIL() << "byte " << i;
    }
  }
  EXPECT_GT(refused, 0u);
}

}  // namespace thaw::testing
