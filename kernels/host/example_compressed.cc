// Strings that zlib has compressed.
#include <zlib.h>

#include "kernels/host/example.h"

namespace thaw::host {
namespace {

/// No string is larger than this once it is decompressed.
constexpr std::size_t kMostBytes = std::size_t{1} << 30;

/// zlib's state, freed in any case.
class Inflater {
 public:
  /// `window`: 15 for zlib's format, 31 for gzip's.
  Inflater(const std::string& data, int window) {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
    stream_.avail_in = static_cast<uInt>(data.size());
    if (inflateInit2(&stream_, window) != Z_OK) {
      fail(ErrorCode::resource_exhausted, "no memory to decompress a string");
    }
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  std::string run() {
    std::string out;
    char part[16384];
    for (int state = Z_OK; state != Z_STREAM_END;) {
      stream_.next_out = reinterpret_cast<Bytef*>(part);
      stream_.avail_out = sizeof part;
      state = inflate(&stream_, Z_NO_FLUSH);
      const std::size_t size = sizeof part - stream_.avail_out;
      if ((state != Z_OK && state != Z_STREAM_END) || (state == Z_OK && size == 0)) {
        invalid("a compressed string is damaged or truncated");
      }
      if (size > kMostBytes - out.size()) {
        fail(ErrorCode::resource_exhausted, "a compressed string of more than {} bytes",
             kMostBytes);
      }
      out.append(part, size);
    }
    return out;
  }

 private:
  z_stream stream_ = {};
};

}  // namespace

// (strings [...]) -> (strings [...])
std::vector<Tensor> decode_compressed(const HostArgs& args) {
  const Tensor& in = args.in[0];
  const std::string& kind = args.call.attributes.text("compression_type");
  if (kind.empty()) return {in};
  Tensor out = allocate(DType::string, in.shape().dims());
  for (std::int64_t i = 0; i < in.num_elements(); ++i) {
    const std::string& data = in.data<std::string>()[i];
    if (data.size() > kMostBytes) invalid("a compressed string of {} bytes", data.size());
    out.mutable_data<std::string>()[i] = Inflater(data, kind == "GZIP" ? 31 : 15).run();
  }
  return {out};
}

}  // namespace thaw::host
