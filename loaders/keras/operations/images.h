// A batch of images as the operations on images see it.
#pragma once

#include "loaders/keras/operations/op_call.h"

namespace thaw::keras {

/// Channels last; what was a single image or channels first goes back so.
struct Images {
  Expr x;
  bool single = false, first = false;

  Expr back(Expr y) const;
};

/// The argument `images`.
Images images_of(OpCall& c);

}  // namespace thaw::keras
