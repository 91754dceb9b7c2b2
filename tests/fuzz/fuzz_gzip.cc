// Gzip files: all of what an accepted one decompresses to is read.
#include "loaders/source/archive.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace thaw;
  fuzz::attempt([&] {
    const Limits limits = fuzz::small_limits();
    const Bytes plain = gunzip(fuzz::copy(data, size), limits);
    if (plain.size() > limits.max_file_bytes) std::abort();
    fuzz::touch(plain.data.data(), plain.size());
  });
  return 0;
}
