// Serialized examples and records.
#include "kernels/host/example.h"

#include "kernels/host/families.h"

namespace thaw::host {

std::span<const HostKernel> example() {
  static constexpr HostKernel kKernels[] = {
      {"decode_compressed", decode_compressed}, {"decode_csv", decode_csv},
      {"decode_padded_raw", decode_padded_raw}, {"decode_raw", decode_raw},
      {"parse_example", parse_example},         {"parse_sequence_example", parse_sequence_example},
      {"parse_tensor", parse_tensor},           {"serialize_tensor", serialize_tensor},
  };
  return kKernels;
}

}  // namespace thaw::host
