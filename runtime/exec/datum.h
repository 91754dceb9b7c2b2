// What flows along a graph's edges when it is interpreted: tensors and tensor lists.
#pragma once

#include <memory>
#include <vector>

#include "thaw/tensor.h"

namespace thaw {

struct TensorList;

/// A value of a run. Its tensor's elements and its list are never changed while anyone else holds
/// them.
struct Datum {
  Tensor tensor;
  std::shared_ptr<TensorList> list;  // set if the value is a list
  /// The buffer may belong to something that outlives the run (a constant, an input, a variable) or
  /// to several values, so that it must be copied before it is handed out.
  bool shared = false;

  bool empty() const { return tensor.empty() && list == nullptr; }
};

struct TensorList {
  DType dtype = DType::invalid;
  Shape element_shape = Shape::unknown_rank();
  std::vector<Datum> items;  // empty where nothing has been set
};

}  // namespace thaw
