// Hash buckets and fingerprints.
#include <cstring>

#include "kernels/host/hash.h"
#include "kernels/host/strings.h"

namespace thaw::host {

Results string_hash(const HostArgs& args) {
  const Attributes& attributes = args.call.attributes;
  const std::string& method = attributes.text("method");
  const auto buckets = static_cast<std::uint64_t>(attributes.integer("buckets"));
  std::uint64_t low = 0, high = 0;
  if (method == "sip") {
    low = static_cast<std::uint64_t>(attributes.ints("key")[0]);
    high = static_cast<std::uint64_t>(attributes.ints("key")[1]);
  }
  Tensor out(DType::int64, args.in[0].shape());
  for (std::int64_t i = 0; i < out.num_elements(); ++i) {
    const std::string& text = strings_of(args.in[0])[i];
    const std::uint64_t hash = method == "farm"  ? farm_fingerprint64(text)
                               : method == "sip" ? sip_hash_2_4(text, low, high)
                                                 : murmur_hash64(text);
    out.mutable_data<std::int64_t>()[i] = static_cast<std::int64_t>(hash % buckets);
  }
  return {out};
}

// Of the bytes of every row; of a row of several strings, the bytes are their fingerprints.
Results fingerprint(const HostArgs& args) {
  const Tensor& data = args.in[0];
  const std::int64_t rows = data.shape()[0], width = rows == 0 ? 0 : data.num_elements() / rows;
  Tensor out(DType::uint8, Shape{rows, 8});
  for (std::int64_t row = 0; row < rows; ++row) {
    std::uint64_t hash = 0;
    if (data.dtype() == DType::string) {
      std::string all;
      for (std::int64_t k = 0; k < width; ++k) {
        hash = farm_fingerprint64(strings_of(data)[row * width + k]);
        all.append(reinterpret_cast<const char*>(&hash), sizeof hash);
      }
      if (width != 1) hash = farm_fingerprint64(all);
    } else {
      const std::size_t bytes = static_cast<std::size_t>(width) * size_of(data.dtype());
      const auto* from = static_cast<const char*>(data.data());
      hash = farm_fingerprint64({from + static_cast<std::size_t>(row) * bytes, bytes});
    }
    std::memcpy(out.mutable_data<std::uint8_t>() + row * 8, &hash, sizeof hash);
  }
  return {out};
}

// Element by element over all operands: integers stand for themselves, strings for their hash.
Results hash_cross(const HostArgs& args) {
  // TensorFlow's default for crosses.
  const std::uint64_t key = args.call.attributes.has("key")
                                ? static_cast<std::uint64_t>(args.call.attributes.integer("key"))
                                : 0xDECAFCAFFE;
  const auto buckets = static_cast<std::uint64_t>(args.call.attributes.integer("buckets"));
  const auto hash_of = [&](const Tensor& column, std::int64_t i) {
    return column.dtype() == DType::string
               ? farm_fingerprint64(strings_of(column)[i])
               : static_cast<std::uint64_t>(column.data<std::int64_t>()[i]);
  };
  Tensor out(DType::int64, args.in[0].shape());
  for (std::int64_t i = 0; i < out.num_elements(); ++i) {
    std::uint64_t hash = key;
    for (const Tensor& column : args.in) hash = join_fingerprints(hash, hash_of(column, i));
    out.mutable_data<std::int64_t>()[i] = static_cast<std::int64_t>(hash % buckets);
  }
  return {out};
}

}  // namespace thaw::host
