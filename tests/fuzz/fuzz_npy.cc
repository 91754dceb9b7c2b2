// .npy arrays: what is accepted must survive being written and read again.
#include "loaders/source/npz.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace thaw;
  fuzz::attempt([&] {
    const Tensor tensor = read_npy(fuzz::copy(data, size), fuzz::small_limits());
    if (tensor.dtype() != DType::string) fuzz::touch(tensor.data(), tensor.size_bytes());
    // Padding every string to the longest one may take far more memory than the input did.
    if (tensor.dtype() == DType::string && tensor.num_elements() > 1000) return;
    const std::string written = to_npy(tensor);
    const Tensor again =
        read_npy(fuzz::copy(reinterpret_cast<const std::uint8_t*>(written.data()), written.size()),
                 fuzz::small_limits());
    if (again.shape() != tensor.shape()) std::abort();
  });
  return 0;
}
