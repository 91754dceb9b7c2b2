#include "runtime/base/unicode_normal.h"

#include <utf8proc.h>

#include <cstdlib>
#include <memory>

#include "runtime/base/check.h"
#include "runtime/base/unicode.h"

namespace thaw::unicode {
namespace {

int options_of(NormalForm form) {
  const int stable = UTF8PROC_STABLE;
  switch (form) {
    case NormalForm::nfc: return stable | UTF8PROC_COMPOSE;
    case NormalForm::nfd: return stable | UTF8PROC_DECOMPOSE;
    case NormalForm::nfkc: return stable | UTF8PROC_COMPOSE | UTF8PROC_COMPAT;
    case NormalForm::nfkd: return stable | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT;
    case NormalForm::nfkc_case_folded: break;
  }
  return stable | UTF8PROC_COMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD | UTF8PROC_IGNORE;
}

}  // namespace

std::string normalize(std::string_view text, NormalForm form) {
  std::string clean;
  for (const char32_t character : characters(text)) append(clean, character);
  utf8proc_uint8_t* result = nullptr;
  const utf8proc_ssize_t size =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(clean.data()),
                   static_cast<utf8proc_ssize_t>(clean.size()), &result,
                   static_cast<utf8proc_option_t>(options_of(form)));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(result, &std::free);
  if (size < 0) {
    fail(ErrorCode::resource_exhausted, "text of {} bytes: {}", text.size(), utf8proc_errmsg(size));
  }
  return {reinterpret_cast<const char*>(result), static_cast<std::size_t>(size)};
}

}  // namespace thaw::unicode
