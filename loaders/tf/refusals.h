// Ops that Thaw will not run, and why.
#pragma once

#include <string_view>

namespace thaw::tf {

/// The reason for an op that is known and refused, "unknown op" for any other.
std::string_view refusal_of(std::string_view op);

}  // namespace thaw::tf
