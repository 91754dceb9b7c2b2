// Tar archives: every member of an accepted archive is read. The checksums of headers are made to
// fit first, because a mutation would else never get behind them.
#include <cstdio>

#include "loaders/source/archive.h"
#include "tests/fuzz/fuzz.h"

namespace {

constexpr std::size_t kBlock = 512, kChecksum = 148;

void mend(std::vector<std::uint8_t>& file) {
  for (std::size_t at = 0; at + kBlock <= file.size(); at += kBlock) {
    std::uint8_t* header = file.data() + at;
    if (std::equal(header + 257, header + 262, "ustar")) {
      std::fill_n(header + kChecksum, 8, ' ');
      unsigned sum = 0;
      for (std::size_t i = 0; i < kBlock; ++i) sum += header[i];
      char digits[8];
      std::snprintf(digits, sizeof digits, "%06o", sum);
      std::copy_n(digits, 7, header + kChecksum);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace thaw;
  std::vector<std::uint8_t> file(data, data + size);
  mend(file);
  fuzz::attempt([&] {
    const auto tree = open_tar(fuzz::copy(file.data(), file.size()), "input", fuzz::small_limits());
    for (const std::string& name : tree->names()) {
      fuzz::attempt([&] {
        const Bytes member = tree->read(name);
        if (member.size() != tree->size_of(name)) std::abort();
        fuzz::touch(member.data.data(), member.size());
      });
    }
  });
  return 0;
}
