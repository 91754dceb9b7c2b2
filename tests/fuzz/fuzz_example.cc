// tf.train.Example and SequenceExample: every feature is read as what it says it is.
#include "kernels/host/example_message.h"
#include "tests/fuzz/fuzz.h"

namespace {

void read_all(const thaw::host::Feature& feature) {
  std::vector<std::string> texts;
  std::vector<float> floats;
  std::vector<std::int64_t> integers;
  switch (feature.dtype()) {
    case thaw::DType::string: return feature.read(texts);
    case thaw::DType::float32: return feature.read(floats);
    case thaw::DType::int64: return feature.read(integers);
    default: return;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace thaw;
  const Bytes input = fuzz::copy(data, size);
  const std::string_view message = input.text();
  fuzz::attempt([&] {
    for (const auto& [key, feature] : host::read_example(message)) {
      fuzz::touch(key.data(), key.size());
      read_all(feature);
    }
  });
  fuzz::attempt([&] {
    const host::SequenceFeatures sequence = host::read_sequence_example(message);
    for (const auto& [key, feature] : sequence.context) read_all(feature);
    for (const auto& [key, steps] : sequence.lists) {
      for (const host::Feature& feature : steps) read_all(feature);
    }
  });
  return 0;
}
