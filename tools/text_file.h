// Small text files that a command reads or writes at once.
#pragma once

#include <string>

namespace thaw::tools {

/// Both throw Error(failed_precondition) naming the file.
void write_text(const std::string& path, const std::string& text);
std::string read_text(const std::string& path);

}  // namespace thaw::tools
