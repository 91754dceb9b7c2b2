#include <zlib.h>

#include <algorithm>

#include "loaders/source/byte_reader.h"

namespace thaw {
namespace {

class InflateStream {
 public:
  InflateStream(bool raw, const std::string& name) {
    if (inflateInit2(&stream_, raw ? -MAX_WBITS : MAX_WBITS) != Z_OK) {
      fail(ErrorCode::resource_exhausted, "{}: no memory to decompress", printable(name));
    }
  }
  ~InflateStream() { inflateEnd(&stream_); }
  InflateStream(const InflateStream&) = delete;
  InflateStream& operator=(const InflateStream&) = delete;
  z_stream* operator->() { return &stream_; }
  z_stream* get() { return &stream_; }

 private:
  z_stream stream_{};
};

constexpr std::size_t kStep = std::size_t{1} << 30;  // zlib counts in 32 bits

}  // namespace

void inflate(std::span<const std::byte> input, std::span<std::byte> output, bool raw,
             const std::string& name) {
  InflateStream stream(raw, name);
  std::size_t read = 0, written = 0;
  std::byte overflow;  // shows whether the stream goes on after the declared size
  for (;;) {
    const std::size_t in = std::min(input.size() - read, kStep);
    const std::size_t out = std::min(output.size() - written, kStep);
    stream->next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(input.data() + read));
    stream->avail_in = static_cast<uInt>(in);
    stream->next_out = reinterpret_cast<Bytef*>(out > 0 ? output.data() + written : &overflow);
    stream->avail_out = static_cast<uInt>(out > 0 ? out : 1);
    const int status = ::inflate(stream.get(), Z_NO_FLUSH);
    const std::size_t made = (out > 0 ? out : 1) - stream->avail_out;
    read += in - stream->avail_in;
    if (out == 0 && made > 0) {
      fail(ErrorCode::data_loss, "{}: decompresses to more than the declared {} bytes",
           printable(name), output.size());
    }
    written += made;
    if (status == Z_STREAM_END) break;
    if (status != Z_OK || (made == 0 && stream->avail_in == in)) {
      fail(ErrorCode::data_loss, "{}: the compressed data is damaged at byte {} of {}",
           printable(name), read, input.size());
    }
  }
  if (written != output.size()) {
    fail(ErrorCode::data_loss, "{}: decompresses to {} bytes, {} were declared", printable(name),
         written, output.size());
  }
  if (read != input.size()) {
    fail(ErrorCode::data_loss, "{}: {} bytes follow the end of the compressed data",
         printable(name), input.size() - read);
  }
}

}  // namespace thaw
