// Per-op times as table, JSON and Chrome trace.
#pragma once

#include <cstddef>
#include <string>

#include "loaders/source/json.h"
#include "thaw/thaw.h"

namespace thaw::tools {

/// Nodes by their time, the slowest first; at most `max_rows` of them.
void print_profile(const Profile& profile, std::size_t max_rows);
Json profile_json(const Profile& profile);
/// Trace Event Format: what chrome://tracing and Perfetto open.
std::string chrome_trace(const Profile& profile);

}  // namespace thaw::tools
