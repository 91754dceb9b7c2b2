#include "thaw/error.h"

#include "runtime/base/check.h"

namespace thaw {

Error::~Error() = default;
UnsupportedError::~UnsupportedError() = default;

const char* name_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument: return "invalid argument";
    case ErrorCode::data_loss: return "data loss";
    case ErrorCode::not_found: return "not found";
    case ErrorCode::permission_denied: return "permission denied";
    case ErrorCode::resource_exhausted: return "resource exhausted";
    case ErrorCode::failed_precondition: return "failed precondition";
    case ErrorCode::unimplemented: return "unsupported";
    case ErrorCode::device: return "device error";
    case ErrorCode::internal: return "internal error";
  }
  return "?";
}

namespace {

std::string describe(const std::string& file, const std::vector<Unsupported>& items) {
  std::string text = fmt::format("{}: {} unsupported:", printable(file), items.size());
  for (const Unsupported& item : items) {
    text += fmt::format("\n  {} '{}': {}", printable(item.what), printable(item.where),
                        printable(item.why));
  }
  return text;
}

// Length of the valid UTF-8 sequence at text[i], 0 if there is none.
std::size_t utf8_length(std::string_view text, std::size_t i) {
  const auto byte = [&](std::size_t k) { return static_cast<unsigned char>(text[k]); };
  const unsigned char lead = byte(i);
  const std::size_t length = lead < 0x80    ? 1
                             : lead >= 0xf0 ? 4
                             : lead >= 0xe0 ? 3
                             : lead >= 0xc2 ? 2
                                            : 0;
  if (length == 0 || lead > 0xf4 || i + length > text.size()) return 0;
  for (std::size_t k = 1; k < length; ++k) {
    if ((byte(i + k) & 0xc0) != 0x80) return 0;
  }
  return length;
}

}  // namespace

UnsupportedError::UnsupportedError(const std::string& file, std::vector<Unsupported> items)
    : Error(ErrorCode::unimplemented, describe(file, items)), items_(std::move(items)) {}

std::string printable(std::string_view text, std::size_t max_bytes) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    if (out.size() >= max_bytes) return out + "...";
    const std::size_t length = utf8_length(text, i);
    const unsigned char byte = static_cast<unsigned char>(text[i]);
    if (length == 0 || byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
      ++i;
    } else {
      out.append(text.substr(i, length));
      i += length;
    }
  }
  return out;
}

}  // namespace thaw
