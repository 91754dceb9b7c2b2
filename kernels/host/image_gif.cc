// GIF: all frames, each drawn over the one before.
#include <algorithm>

#include "kernels/host/image_file.h"
#include "runtime/base/check.h"

namespace thaw::host {
namespace {

[[noreturn]] void damaged(const char* why) {
  fail(ErrorCode::invalid_argument, "no valid GIF image: {}", why);
}

class Bytes {
 public:
  explicit Bytes(std::string_view file) : rest_(file) {}

  int byte() { return static_cast<unsigned char>(take(1)[0]); }
  int word() {
    const std::string_view two = take(2);
    return static_cast<unsigned char>(two[0]) | static_cast<unsigned char>(two[1]) << 8;
  }
  std::string_view take(std::size_t size) {
    if (rest_.size() < size) damaged("truncated");
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  /// Blocks with their length in front, up to an empty one.
  std::string blocks() {
    std::string all;
    while (const int size = byte()) all.append(take(static_cast<std::size_t>(size)));
    return all;
  }

 private:
  std::string_view rest_;
};

struct Frame {
  int left = 0, top = 0, width = 0, height = 0;
  int transparent = -1;
  std::string_view colours;  // three bytes each
  std::vector<std::uint8_t> indices;
};

/// Codes of growing length, the first bit in the lowest place.
class Codes {
 public:
  explicit Codes(const std::string& data) : data_(data) {}
  /// -1 at the end of the data.
  int next(int bits) {
    while (held_ < bits) {
      if (at_ == data_.size()) return -1;
      bits_ |= static_cast<std::uint32_t>(static_cast<unsigned char>(data_[at_++])) << held_;
      held_ += 8;
    }
    const int code = static_cast<int>(bits_ & ((1U << bits) - 1));
    bits_ >>= bits;
    held_ -= bits;
    return code;
  }

 private:
  const std::string& data_;
  std::size_t at_ = 0;
  std::uint32_t bits_ = 0;
  int held_ = 0;
};

/// Lempel, Ziv and Welch's dictionary: each string is an earlier one and a last symbol.
class Dictionary {
 public:
  static constexpr int kMost = 4096;
  explicit Dictionary(int symbol_bits) : clear_(1 << symbol_bits), symbol_bits_(symbol_bits) {
    for (int i = 0; i < clear_; ++i) {
      first_[i] = last_[i] = static_cast<std::uint8_t>(i);
      length_[i] = 1;
    }
    reset();
  }
  void reset() {
    size_ = clear_ + 2;
    bits_ = symbol_bits_ + 1;
  }
  int clear() const { return clear_; }
  int end() const { return clear_ + 1; }
  int bits() const { return bits_; }
  int size() const { return size_; }
  std::uint8_t first(int code) const { return first_[code]; }

  void add(int prefix, std::uint8_t symbol) {
    if (size_ == kMost) return;
    prefix_[size_] = prefix;
    first_[size_] = first_[prefix];
    last_[size_] = symbol;
    length_[size_] = length_[prefix] + 1;
    if (++size_ == 1 << bits_ && bits_ < 12) ++bits_;
  }
  void write(int code, std::vector<std::uint8_t>& out) const {
    std::size_t at = out.size() + static_cast<std::size_t>(length_[code]);
    out.resize(at);
    for (; length_[code] > 1; code = prefix_[code]) out[--at] = last_[code];
    out[--at] = last_[code];
  }

 private:
  int clear_, symbol_bits_, size_ = 0, bits_ = 0;
  int prefix_[kMost] = {}, length_[kMost] = {};
  std::uint8_t first_[kMost] = {}, last_[kMost] = {};
};

std::vector<std::uint8_t> decompress(const std::string& data, int symbol_bits, std::size_t count) {
  if (symbol_bits < 1 || symbol_bits > 8) damaged("symbols of an odd size");
  Dictionary dictionary(symbol_bits);
  Codes codes(data);
  std::vector<std::uint8_t> out;
  int previous = -1;
  while (out.size() < count) {
    const int code = codes.next(dictionary.bits());
    if (code < 0 || code == dictionary.end()) damaged("too few pixels");
    if (code == dictionary.clear()) {
      dictionary.reset();
      previous = -1;
      continue;
    }
    // A code may name the string that it is about to define.
    const bool known = code < dictionary.size() && code != dictionary.end();
    if (!known && (previous < 0 || code != dictionary.size())) damaged("an unknown code");
    if (previous >= 0) dictionary.add(previous, dictionary.first(known ? code : previous));
    if (!known && code >= dictionary.size()) damaged("an unknown code");
    dictionary.write(code, out);
    previous = code;
  }
  out.resize(count);
  return out;
}

/// Interlaced rows come as every eighth, the eighths between, the fourths, the others.
std::vector<std::uint8_t> in_order(const std::vector<std::uint8_t>& rows, int width, int height) {
  std::vector<std::uint8_t> ordered(rows.size());
  constexpr int kStart[] = {0, 4, 2, 1}, kStep[] = {8, 8, 4, 2};
  auto from = rows.begin();
  for (int pass = 0; pass < 4; ++pass) {
    for (int y = kStart[pass]; y < height; y += kStep[pass], from += width) {
      std::copy(from, from + width, ordered.begin() + static_cast<std::ptrdiff_t>(y) * width);
    }
  }
  return ordered;
}

std::string_view colour_table(Bytes& bytes, int flags) {
  if ((flags & 0x80) == 0) return {};
  return bytes.take(std::size_t{3} << ((flags & 7) + 1));
}

Frame read_frame(Bytes& bytes, std::string_view colours, int transparent) {
  Frame frame;
  frame.left = bytes.word();
  frame.top = bytes.word();
  frame.width = bytes.word();
  frame.height = bytes.word();
  frame.transparent = transparent;
  const int flags = bytes.byte();
  const std::string_view own = colour_table(bytes, flags);
  frame.colours = own.empty() ? colours : own;
  if (frame.width == 0 || frame.height == 0) damaged("a frame without pixels");
  checked_pixels(frame.height, frame.width, 3, 1);
  const int symbol_bits = bytes.byte();
  const std::string data = bytes.blocks();
  // A code of at least two bits stands for at most 4095 pixels.
  const std::size_t count =
      static_cast<std::size_t>(frame.width) * static_cast<std::size_t>(frame.height);
  if (count / 4096 > data.size() * 4) damaged("too few pixels");
  frame.indices = decompress(data, symbol_bits, count);
  if ((flags & 0x40) != 0) frame.indices = in_order(frame.indices, frame.width, frame.height);
  return frame;
}

std::vector<Frame> read_frames(std::string_view file) {
  Bytes bytes(file);
  bytes.take(6);  // signature and version
  bytes.take(4);  // the screen's size, which the frames need not fill
  const int flags = bytes.byte();
  bytes.take(2);
  const std::string_view colours = colour_table(bytes, flags);
  std::vector<Frame> frames;
  int transparent = -1;
  std::int64_t total = 0;
  for (int kind = bytes.byte(); kind != 0x3B; kind = bytes.byte()) {
    if (kind == 0x21) {
      const int label = bytes.byte();
      const std::string body = bytes.blocks();
      if (label != 0xF9) continue;
      if (body.size() != 4) damaged("a control block of an odd size");
      transparent = (body[0] & 1) != 0 ? static_cast<unsigned char>(body[3]) : -1;
    } else if (kind == 0x2C) {
      frames.push_back(read_frame(bytes, colours, transparent));
      transparent = -1;
      total += static_cast<std::int64_t>(frames.back().indices.size());
      checked_pixels(total, 3, 1, 1);
    } else {
      damaged("an unknown block");
    }
  }
  if (frames.empty()) damaged("no frames");
  return frames;
}

/// Draws the frame over what `to` [height, width, 3] holds already.
void draw(const Frame& frame, std::int64_t height, std::int64_t width, std::uint8_t* to) {
  const std::int64_t right = std::min<std::int64_t>(frame.left + frame.width, width);
  const std::int64_t bottom = std::min<std::int64_t>(frame.top + frame.height, height);
  for (std::int64_t y = frame.top; y < bottom; ++y) {
    for (std::int64_t x = frame.left; x < right; ++x) {
      const int index =
          frame.indices[static_cast<std::size_t>((y - frame.top) * frame.width + x - frame.left)];
      if (index == frame.transparent) continue;
      const auto at = static_cast<std::size_t>(index) * 3;
      if (at + 3 > frame.colours.size()) damaged("a colour outside of the table");
      for (std::size_t c = 0; c < 3; ++c) {
        to[(y * width + x) * 3 + static_cast<std::int64_t>(c)] =
            static_cast<std::uint8_t>(frame.colours[at + c]);
      }
    }
  }
}

}  // namespace

// The canvas is as large as the largest frame, even if the first alone is asked for; what no frame
// has drawn is black.
Pixels decode_gif(std::string_view file, bool first_only, std::int64_t& count) {
  if (!file.starts_with("GIF8")) damaged("another signature");
  const std::vector<Frame> frames = read_frames(file);
  Pixels pixels;
  pixels.channels = 3;
  for (const Frame& frame : frames) {
    pixels.height = std::max<std::int64_t>(pixels.height, frame.height);
    pixels.width = std::max<std::int64_t>(pixels.width, frame.width);
  }
  count = first_only ? 1 : static_cast<std::int64_t>(frames.size());
  const std::int64_t size = checked_pixels(pixels.height, pixels.width, 3, 1);
  pixels.bytes.resize(static_cast<std::size_t>(checked_pixels(size, count, 1, 1)));
  for (std::int64_t k = 0; k < count; ++k) {
    std::uint8_t* to = pixels.bytes.data() + k * size;
    if (k > 0) std::copy(to - size, to, to);
    draw(frames[static_cast<std::size_t>(k)], pixels.height, pixels.width, to);
  }
  return pixels;
}

}  // namespace thaw::host
