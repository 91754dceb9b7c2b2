// YAML text: what is accepted must print as JSON that reads back as the same text.
#include "loaders/source/yaml.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace thaw;
  const Bytes input = fuzz::copy(data, size);
  fuzz::attempt([&] {
    const std::string text = parse_yaml(input.text(), "input", fuzz::small_limits()).dump();
    std::string again;
    Limits limits = fuzz::small_limits();
    limits.max_message_bytes = std::uint64_t{1} << 30;  // aliases make more of the text
    const bool readable = fuzz::attempt([&] { again = parse_json(text, "again", limits).dump(); });
    if (!readable || again != text) std::abort();
  });
  return 0;
}
