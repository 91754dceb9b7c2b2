// Checks that throw thaw::Error. fmt-style messages.
#pragma once

#include <fmt/format.h>

#include "thaw/error.h"

namespace thaw {

template <class... Args>
[[noreturn]] void fail(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  throw Error(code, fmt::format(format, std::forward<Args>(args)...));
}

/// `text` for a message: control characters and invalid UTF-8 escaped, cut after `max_bytes`.
std::string printable(std::string_view text, std::size_t max_bytes = 256);

}  // namespace thaw

/// An invariant of Thaw itself. Throws Error(internal) with the place.
#define THAW_CHECK(condition, ...)                                                    \
  do {                                                                                \
    if (!(condition)) {                                                               \
      ::thaw::fail(::thaw::ErrorCode::internal, "{}:{}: {}", __FILE_NAME__, __LINE__, \
                   ::fmt::format("" __VA_ARGS__));                                    \
    }                                                                                 \
  } while (false)
