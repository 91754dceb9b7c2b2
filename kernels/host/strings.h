// The parts of the family `strings`: one function per host function, grouped by file.
#pragma once

#include <string>
#include <vector>

#include "kernels/host_call.h"
#include "runtime/base/check.h"

namespace thaw::host {

using Results = std::vector<Tensor>;

/// What one call may make of a small model file: beyond it resource_exhausted.
constexpr std::int64_t kMaxTextBytes = std::int64_t{1} << 31;

inline const std::string* strings_of(const Tensor& tensor) { return tensor.data<std::string>(); }
/// `map` of every element.
template <class Map>
Tensor map_strings(const Tensor& in, const Map& map) {
  Tensor out(DType::string, in.shape());
  std::string* to = out.mutable_data<std::string>();
  for (std::int64_t i = 0; i < in.num_elements(); ++i) to[i] = map(strings_of(in)[i]);
  return out;
}
/// Element `i` of an int32 or int64 tensor.
inline std::int64_t index_at(const Tensor& tensor, std::int64_t i) {
  return tensor.dtype() == DType::int32 ? tensor.data<std::int32_t>()[i]
                                        : tensor.data<std::int64_t>()[i];
}
inline void set_index(Tensor& tensor, std::int64_t i, std::int64_t value) {
  if (tensor.dtype() == DType::int32) {
    tensor.mutable_data<std::int32_t>()[i] = static_cast<std::int32_t>(value);
  } else {
    tensor.mutable_data<std::int64_t>()[i] = value;
  }
}
/// Row splits must start at 0, never fall, and end at `count`. Throws.
void check_splits(const Tensor& splits, std::int64_t count);

// strings_basic.cc
Results string_case(const HostArgs& args);
Results string_strip(const HostArgs& args);
Results string_normalize(const HostArgs& args);
Results string_length(const HostArgs& args);
Results substr(const HostArgs& args);
Results encode_base64(const HostArgs& args);
Results decode_base64(const HostArgs& args);
// strings_split.cc
Results string_split(const HostArgs& args);
Results string_split_set(const HostArgs& args);
Results string_ngrams(const HostArgs& args);
// strings_regex.cc
Results regex_replace(const HostArgs& args);
Results regex_full_match(const HostArgs& args);
// strings_join.cc
Results string_join(const HostArgs& args);
Results reduce_join(const HostArgs& args);
Results unsorted_segment_join(const HostArgs& args);
// strings_number.cc
Results string_to_number(const HostArgs& args);
Results as_string(const HostArgs& args);
// strings_format.cc
Results string_format(const HostArgs& args);
// strings_hash.cc
Results string_hash(const HostArgs& args);
Results fingerprint(const HostArgs& args);
Results hash_cross(const HostArgs& args);
// strings_unicode.cc
Results unicode_decode(const HostArgs& args);
Results unicode_encode(const HostArgs& args);
Results unicode_transcode(const HostArgs& args);
Results unicode_script(const HostArgs& args);

}  // namespace thaw::host
