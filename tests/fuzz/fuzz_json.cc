// JSON text: what is accepted must print and read back as the same text.
#include "loaders/source/json.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace thaw;
  const Bytes input = fuzz::copy(data, size);
  fuzz::attempt([&] {
    const std::string text = parse_json(input.text(), "input", fuzz::small_limits()).dump();
    std::string again;
    const bool readable =
        fuzz::attempt([&] { again = parse_json(text, "again", fuzz::small_limits()).dump(); });
    if (!readable || again != text) std::abort();
  });
  return 0;
}
