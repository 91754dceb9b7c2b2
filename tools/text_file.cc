#include "tools/text_file.h"

#include <fstream>
#include <sstream>

#include "runtime/base/check.h"

namespace thaw::tools {

void write_text(const std::string& path, const std::string& text) {
  std::ofstream out(path, std::ios::binary);
  out << text;
  if (!out.flush()) {
    fail(ErrorCode::failed_precondition, "{}: cannot be written", printable(path, 1024));
  }
}

std::string read_text(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) fail(ErrorCode::failed_precondition, "{}: cannot be read", printable(path, 1024));
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

}  // namespace thaw::tools
