#include "runtime/passes/merge_types.h"

#include "runtime/base/check.h"

namespace thaw {

TensorType merge_types(const TensorType& a, const TensorType& b) {
  if (a.dtype != b.dtype) {
    fail(ErrorCode::invalid_argument, "one side gives {}, the other {}", to_string(a),
         to_string(b));
  }
  if (!a.shape.has_rank() || !b.shape.has_rank() || a.shape.rank() != b.shape.rank()) {
    const bool same = a.shape == b.shape;
    return {a.dtype, same ? a.shape : Shape::unknown_rank()};
  }
  TensorType merged = a;
  for (int i = 0; i < a.shape.rank(); ++i) {
    if (a.shape[i] != b.shape[i]) merged.shape[i] = kUnknownDim;
  }
  return merged;
}

TensorType refine_type(TensorType type, const TensorType& other) {
  if (type.dtype != other.dtype || !other.shape.has_rank()) return type;
  if (!type.shape.has_rank()) {
    type.shape = other.shape;
  } else if (type.shape.rank() == other.shape.rank()) {
    for (int i = 0; i < type.shape.rank(); ++i) {
      if (type.shape[i] == kUnknownDim) type.shape[i] = other.shape[i];
    }
  }
  return type;
}

bool fits(const Shape& shape, const Shape& declared) {
  if (!shape.has_rank() || !declared.has_rank()) return true;
  if (shape.rank() != declared.rank()) return false;
  for (int i = 0; i < shape.rank(); ++i) {
    if (shape[i] != declared[i] && shape[i] != kUnknownDim && declared[i] != kUnknownDim)
      return false;
  }
  return true;
}

}  // namespace thaw
