// Strings: regular expressions, splitting, joining, numbers, hashes, Unicode.
#include "kernels/host/strings.h"

#include "kernels/host/families.h"

namespace thaw::host {

std::span<const HostKernel> strings() {
  static constexpr HostKernel kKernels[] = {
      {"as_string", as_string},
      {"decode_base64", decode_base64},
      {"encode_base64", encode_base64},
      {"fingerprint", fingerprint},
      {"hash_cross", hash_cross},
      {"reduce_join", reduce_join},
      {"regex_full_match", regex_full_match},
      {"regex_replace", regex_replace},
      {"string_case", string_case},
      {"string_format", string_format},
      {"string_hash", string_hash},
      {"string_join", string_join},
      {"string_length", string_length},
      {"string_ngrams", string_ngrams},
      {"string_normalize", string_normalize},
      {"string_split", string_split},
      {"string_split_set", string_split_set},
      {"string_strip", string_strip},
      {"string_to_number", string_to_number},
      {"substr", substr},
      {"unicode_decode", unicode_decode},
      {"unicode_encode", unicode_encode},
      {"unicode_script", unicode_script},
      {"unicode_transcode", unicode_transcode},
      {"unsorted_segment_join", unsorted_segment_join},
  };
  return kKernels;
}

void check_splits(const Tensor& splits, std::int64_t count) {
  const std::int64_t n = splits.num_elements();
  if (n == 0) return;
  if (index_at(splits, 0) != 0) {
    fail(ErrorCode::invalid_argument, "First split value must be 0, got {}", index_at(splits, 0));
  }
  for (std::int64_t i = 1; i < n; ++i) {
    const std::int64_t before = index_at(splits, i - 1), split = index_at(splits, i);
    if (split < before || split > count) {
      fail(ErrorCode::invalid_argument, "Invalid split value {}, must be in [{}, {}]", split,
           before, count);
    }
  }
  if (index_at(splits, n - 1) != count) {
    fail(ErrorCode::invalid_argument, "Last split value must be data size. Expected {}, got {}",
         count, index_at(splits, n - 1));
  }
}

}  // namespace thaw::host
