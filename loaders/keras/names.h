// Every layer class that Keras 1, 2 and 3 have, and what becomes of it.
#pragma once

#include <string>
#include <vector>

namespace thaw::keras {

enum class LayerStatus : unsigned char {
  supported,
  inert,    // does nothing at inference
  refused,  // `note` says why
};

struct LayerName {
  std::string name;
  bool keras1, keras2, keras3;
  LayerStatus status;
  std::string note;
};

/// Sorted by name.
std::vector<LayerName> layer_names();

}  // namespace thaw::keras
