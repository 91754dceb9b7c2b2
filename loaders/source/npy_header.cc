#include "loaders/source/npy_header.h"

#include <charconv>

#include "loaders/source/byte_reader.h"

namespace thaw {
namespace {

// A Python dict literal with the three keys 'descr', 'fortran_order' and 'shape'.
class HeaderParser {
 public:
  HeaderParser(std::string_view text, const std::string& name, const Limits& limits)
      : text_(text), name_(name), limits_(limits) {}

  NpyHeader parse();

 private:
  [[noreturn]] void error(const char* what) const {
    fail(ErrorCode::invalid_argument, "{}: .npy header at byte {}: {}", printable(name_, 1024),
         position_, what);
  }
  char peek() {
    while (position_ < text_.size() && (text_[position_] == ' ' || text_[position_] == '\n'))
      ++position_;
    return position_ < text_.size() ? text_[position_] : '\0';
  }
  bool accept(char c) {
    if (peek() != c) return false;
    ++position_;
    return true;
  }
  void expect(char c, const char* what) {
    if (!accept(c)) error(what);
  }
  std::string_view quoted();
  bool boolean();
  std::vector<std::int64_t> shape();
  void set_type(std::string_view descr, NpyHeader& header) const;
  void set_string_type(char kind, std::size_t count, NpyHeader& header) const;

  std::string_view text_;
  const std::string& name_;
  const Limits& limits_;
  std::size_t position_ = 0;
};

NpyHeader HeaderParser::parse() {
  NpyHeader header;
  bool has_type = false, has_order = false, has_shape = false;
  const auto once = [this](bool& seen) {
    if (seen) error("a key exists twice");
    seen = true;
  };
  expect('{', "expected '{'");
  while (!accept('}')) {
    const std::string_view key = quoted();
    expect(':', "expected ':'");
    if (key == "descr") {
      once(has_type);
      if (peek() == '[') {
        fail(ErrorCode::unimplemented, "{}: a structured numpy array", printable(name_, 1024));
      }
      set_type(quoted(), header);
    } else if (key == "fortran_order") {
      once(has_order);
      header.fortran_order = boolean();
    } else if (key == "shape") {
      once(has_shape);
      header.shape = shape();
    } else {
      error("an unknown key");
    }
    if (!accept(',') && peek() != '}') error("expected ',' or '}'");
  }
  if (peek() != '\0') error("more text after the dictionary");
  if (!has_type || !has_order || !has_shape) error("a key is missing");
  return header;
}

std::string_view HeaderParser::quoted() {
  const char quote = peek();
  if (quote != '\'' && quote != '"') error("expected a string");
  const std::size_t begin = ++position_;
  const std::size_t end = text_.find(quote, begin);
  if (end == std::string_view::npos) error("a string without end");
  position_ = end + 1;
  return text_.substr(begin, end - begin);
}

bool HeaderParser::boolean() {
  peek();
  for (const std::string_view word : {"True", "False"}) {
    if (text_.substr(position_, word.size()) == word) {
      position_ += word.size();
      return word == "True";
    }
  }
  error("expected True or False");
}

std::vector<std::int64_t> HeaderParser::shape() {
  std::vector<std::int64_t> dims;
  expect('(', "expected a tuple");
  while (!accept(')')) {
    peek();
    std::int64_t dim = 0;
    const auto result = std::from_chars(text_.data() + position_, text_.data() + text_.size(), dim);
    if (result.ec != std::errc() || dim < 0) error("expected a dimension");
    position_ = static_cast<std::size_t>(result.ptr - text_.data());
    accept('L');  // Python 2
    dims.push_back(dim);
    if (static_cast<int>(dims.size()) > limits_.max_rank) {
      fail(ErrorCode::resource_exhausted, "{}: rank above {}", printable(name_, 1024),
           limits_.max_rank);
    }
    if (!accept(',') && peek() != ')') error("expected ',' or ')'");
  }
  return dims;
}

void HeaderParser::set_string_type(char kind, std::size_t count, NpyHeader& header) const {
  constexpr std::size_t kMaxCharacters = std::size_t{1} << 30;
  if (count > kMaxCharacters) error("strings are too long");
  header.kind = kind == 'U' ? NpyKind::unicode : NpyKind::bytes;
  header.dtype = DType::string;
  header.width = kind == 'U' ? 4 * count : count;
}

// "<f4": byte order, kind, bytes.
void HeaderParser::set_type(std::string_view descr, NpyHeader& header) const {
  const auto unsupported = [&]() {
    fail(ErrorCode::unimplemented, "{}: numpy type '{}'{}", printable(name_, 1024),
         printable(descr),
         descr.find('O') != std::string_view::npos
             ? " (Python objects are pickles, which are never read)"
             : "");
  };
  if (descr == "bfloat16") descr = "<V2";
  std::string_view rest = descr;
  if (!rest.empty() && std::string_view("<>|=").find(rest.front()) != std::string_view::npos) {
    header.big_endian = rest.front() == '>';
    rest.remove_prefix(1);
  }
  if (rest.empty()) unsupported();
  const char kind = rest.front();
  std::size_t size = 0;
  const auto result = std::from_chars(rest.data() + 1, rest.data() + rest.size(), size);
  if (result.ec != std::errc() || result.ptr != rest.data() + rest.size()) unsupported();
  if (kind == 'S' || kind == 'a' || kind == 'U') {
    set_string_type(kind, size, header);
    return;
  }
  struct Row {
    char kind;
    std::size_t size;
    DType dtype;
  };
  constexpr Row rows[] = {{'f', 2, DType::float16},   {'f', 4, DType::float32},
                          {'f', 8, DType::float64},   {'i', 1, DType::int8},
                          {'i', 2, DType::int16},     {'i', 4, DType::int32},
                          {'i', 8, DType::int64},     {'u', 1, DType::uint8},
                          {'u', 2, DType::uint16},    {'u', 4, DType::uint32},
                          {'u', 8, DType::uint64},    {'b', 1, DType::boolean},
                          {'c', 8, DType::complex64}, {'c', 16, DType::complex128},
                          {'V', 2, DType::bfloat16}};  // how numpy writes the bfloat16 of ml_dtypes
  for (const Row& row : rows) {
    if (row.kind != kind || row.size != size) continue;
    header.dtype = row.dtype;
    header.width = size;
    return;
  }
  unsupported();
}

}  // namespace

NpyHeader read_npy_header(const Bytes& file, const Limits& limits) {
  constexpr std::string_view kMagic = "\x93NUMPY";
  if (!file.text().starts_with(kMagic)) {
    fail(file.size() < kMagic.size() ? ErrorCode::data_loss : ErrorCode::invalid_argument,
         "{}: is no .npy array but {}", printable(file.name, 1024), name_of(sniff(file.data)));
  }
  ByteReader reader(file.data, file.name, "the .npy header");
  reader.skip(kMagic.size());
  const int major = reader.u8(), minor = reader.u8();
  if (major < 1 || major > 3 || minor != 0) {
    fail(ErrorCode::unimplemented, "{}: .npy format {}.{}", printable(file.name, 1024), major,
         minor);
  }
  const std::uint64_t size = major == 1 ? reader.u16() : reader.u32();
  const std::string_view text = as_text(reader.take(size));
  NpyHeader header = HeaderParser(text, file.name, limits).parse();
  header.data_offset = reader.position();
  return header;
}

}  // namespace thaw
