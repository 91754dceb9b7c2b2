#include <zlib.h>

#include <algorithm>

#include "loaders/source/archive.h"
#include "loaders/source/byte_reader.h"

namespace thaw {
namespace {

constexpr std::size_t kGzipStep = std::size_t{1} << 30;  // zlib counts in 32 bits
constexpr std::size_t kTrailer = 8;                      // CRC-32 and the size modulo 2^32

class GzipReader {
 public:
  GzipReader(const Bytes& file, const Limits& limits);
  ~GzipReader() { inflateEnd(&stream_); }
  GzipReader(const GzipReader&) = delete;
  GzipReader& operator=(const GzipReader&) = delete;

  Bytes read();

 private:
  bool at_end() const { return read_ == file_.size(); }
  void make_room();
  void step();

  const Bytes& file_;
  std::uint64_t limit_;
  z_stream stream_{};
  Buffer buffer_{0};
  std::size_t read_ = 0, written_ = 0;
  bool finished_ = false;  // at the end of a stream
};

GzipReader::GzipReader(const Bytes& file, const Limits& limits) : file_(file) {
  const std::uint64_t ratio = std::max<std::uint64_t>(limits.max_inflate_ratio, 1);
  const std::uint64_t most = file.size() > UINT64_MAX / ratio ? UINT64_MAX : file.size() * ratio;
  limit_ = std::min(limits.max_file_bytes, most);
  if (inflateInit2(&stream_, 16 + MAX_WBITS) != Z_OK) {
    fail(ErrorCode::resource_exhausted, "{}: no memory to decompress", printable(file.name, 1024));
  }
}

// The first buffer is as large as the trailer says, which is exact for one stream below 4 GiB.
void GzipReader::make_room() {
  if (written_ >= limit_) {
    fail(ErrorCode::resource_exhausted, "{}: {} bytes decompress to more than {}",
         printable(file_.name, 1024), file_.size(), limit_);
  }
  std::uint64_t size = 2 * static_cast<std::uint64_t>(buffer_.size);
  if (buffer_.size == 0) {
    size = file_.size() < kTrailer ? 0 : load_little(file_.data.last(4).data(), 4);
    size = std::max<std::uint64_t>(size, 4096);
  }
  Buffer larger(static_cast<std::size_t>(std::min(size, limit_)));
  std::copy_n(buffer_.data, written_, larger.data);
  buffer_ = std::move(larger);
}

void GzipReader::step() {
  const std::size_t in = std::min(file_.size() - read_, kGzipStep);
  const std::size_t out = std::min(buffer_.size - written_, kGzipStep);
  std::byte overflow{};  // shows whether the stream goes on behind a full buffer
  stream_.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(file_.data.data() + read_));
  stream_.avail_in = static_cast<uInt>(in);
  stream_.next_out = reinterpret_cast<Bytef*>(out > 0 ? buffer_.data + written_ : &overflow);
  stream_.avail_out = static_cast<uInt>(out > 0 ? out : 1);
  const int status = ::inflate(&stream_, Z_NO_FLUSH);
  const std::size_t made = (out > 0 ? out : 1) - stream_.avail_out;
  const std::size_t taken = in - stream_.avail_in;
  read_ += taken;
  if (out == 0 && made > 0) {
    make_room();
    buffer_.data[written_] = overflow;
  }
  written_ += made;
  finished_ = status == Z_STREAM_END;
  if (finished_) return;
  if (status == Z_DATA_ERROR || status == Z_NEED_DICT) {
    fail(ErrorCode::data_loss, "{}: the gzip data is damaged at byte {} of {}",
         printable(file_.name, 1024), read_, file_.size());
  }
  if (status == Z_MEM_ERROR) {
    fail(ErrorCode::resource_exhausted, "{}: no memory to decompress", printable(file_.name, 1024));
  }
  if (made == 0 && taken == 0) {
    fail(ErrorCode::data_loss, "{}: the gzip data ends early (truncated?)",
         printable(file_.name, 1024));
  }
}

Bytes GzipReader::read() {
  while (!finished_) step();
  while (!at_end()) {
    // Another stream may follow; anything else may not.
    if (!as_text(file_.data.subspan(read_)).starts_with("\x1f\x8b")) {
      fail(ErrorCode::data_loss, "{}: {} bytes follow the end of the gzip data",
           printable(file_.name, 1024), file_.size() - read_);
    }
    inflateReset(&stream_);
    finished_ = false;
    while (!finished_) step();
  }
  return {std::span<const std::byte>(buffer_.data, written_), buffer_.owner, file_.name};
}

}  // namespace

Bytes gunzip(const Bytes& file, const Limits& limits) { return GzipReader(file, limits).read(); }

}  // namespace thaw
