// Zip archives: every member of an accepted archive is read.
#include "loaders/source/byte_reader.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace thaw;
  fuzz::attempt([&] {
    const auto tree = open_zip(fuzz::copy(data, size), "input", fuzz::small_limits());
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
