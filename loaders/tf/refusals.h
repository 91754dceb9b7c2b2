// Ops that Thaw will not run, and why.
#pragma once

#include <string_view>

namespace thaw::tf {

/// The reason for an op that is known and refused, "unknown op" for any other.
std::string_view refusal_of(std::string_view op);
/// What an op does outside of the graph (files, Python, other machines); empty for all others, and
/// for those by which every model saves and restores its variables.
std::string_view outside_effect_of(std::string_view op);

}  // namespace thaw::tf
