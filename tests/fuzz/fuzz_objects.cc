// The object graph of a checkpoint: every child that is accepted exists.
#include "loaders/keras/checkpoint.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace thaw;
  const Bytes input = fuzz::copy(data, size);
  fuzz::attempt([&] {
    const auto objects = keras::parse_object_graph(input.text(), "input", fuzz::small_limits());
    for (const keras::CheckpointObject& object : objects) {
      for (const auto& [attribute, id] : object.children) {
        if (id >= objects.size()) std::abort();
      }
    }
  });
  return 0;
}
