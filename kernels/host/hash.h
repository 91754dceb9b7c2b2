// Hashes whose values are part of saved models.
#pragma once

#include <cstdint>
#include <string_view>

namespace thaw::host {

/// FarmHash's Fingerprint64.
std::uint64_t farm_fingerprint64(std::string_view bytes);
/// Two fingerprints as one, as TensorFlow joins those of crossed features.
std::uint64_t join_fingerprints(std::uint64_t first, std::uint64_t second);
/// SipHash-2-4 under the 128-bit key (low, high).
std::uint64_t sip_hash_2_4(std::string_view bytes, std::uint64_t low, std::uint64_t high);
/// MurmurHash64A with the seed of TensorFlow 1's string buckets.
std::uint64_t murmur_hash64(std::string_view bytes);

}  // namespace thaw::host
