// What the readers say when zlib has no memory left. This program's own inflate functions stand in
// front of zlib's and fail on demand.
#include <dlfcn.h>
#include <zlib.h>

#include "loaders/source/archive.h"
#include "loaders/source/byte_reader.h"
#include "tests/loaders/source/source_testing.h"

namespace {

enum class Shortage { none, at_start, within };
Shortage shortage = Shortage::none;

template <class Function>
Function* of_zlib(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" int inflateInit2_(z_streamp stream, int bits, const char* version, int size) {
  if (shortage == Shortage::at_start) return Z_MEM_ERROR;
  return of_zlib<int(z_streamp, int, const char*, int)>("inflateInit2_")(stream, bits, version,
                                                                         size);
}

extern "C" int inflate(z_streamp stream, int flush) {
  if (shortage == Shortage::within) return Z_MEM_ERROR;
  return of_zlib<int(z_streamp, int)>("inflate")(stream, flush);
}

namespace thaw::testing {
namespace {

// The message that `read` ends in while zlib is short of memory.
std::string message_in(Shortage kind, const std::function<void()>& read) {
  std::string message;
  shortage = kind;
  const ErrorCode code = error_of(read, &message);
  shortage = Shortage::none;
  EXPECT_EQ(code, ErrorCode::resource_exhausted) << message;
  return message;
}

// "a", as `gzip -n` writes it.
const std::string kGzip(
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x4b\x04\x00\x43\xbe\xb7\xe8\x01\x00\x00\x00", 21);

TEST(OutOfMemory, OfGzip) {
  const Bytes file = make_bytes(kGzip, "m.gz");
  const auto read = [&] { gunzip(file, Limits{}); };
  for (const Shortage kind : {Shortage::at_start, Shortage::within})
    EXPECT_EQ(message_in(kind, read), "m.gz: no memory to decompress");
  EXPECT_EQ(gunzip(file, Limits{}).text(), "a");
}

TEST(OutOfMemory, OfZipMembersAndChunks) {
  const Bytes deflated = make_bytes(kGzip.substr(10, 3));
  std::byte out[1];
  const auto read = [&] { inflate(deflated.data, out, /*raw=*/true, "m.keras"); };
  EXPECT_EQ(message_in(Shortage::at_start, read), "m.keras: no memory to decompress");
  read();
  EXPECT_EQ(out[0], std::byte{'a'});
}

}  // namespace
}  // namespace thaw::testing
