// DTypePolicyMap: dtype policies of layers by their paths.
#pragma once

#include <string_view>

#include "loaders/keras/config.h"

namespace thaw::keras {

/// Puts in the place of every layer's DTypePolicyMap the one policy that it gives the layer. A map
/// stays as it is (and is refused with the layer) where it holds patterns beyond '.', ".*" and
/// ".+", where several of them fit, and where it gives the layers that a layer makes for itself (a
/// cell, the projections of an attention) another policy than the layer's own.
void resolve_policy_maps(ModelConfig& model);
/// Python's re.fullmatch for patterns of plain characters, '.', ".*" and ".+".
bool policy_pattern_fits(std::string_view pattern, std::string_view path);

}  // namespace thaw::keras
