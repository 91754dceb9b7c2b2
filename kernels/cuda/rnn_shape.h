// What a recurrent op asks for, in the form that the kernels of this room take it.
#pragma once

#include "kernels/cuda/element.cuh"
#include "kernels/kernel.h"

namespace thaw::cuda {

struct RnnShape {
  CellKind cell = CellKind::lstm;
  bool reset_after = true, return_sequences = false, go_backwards = false;
  bool zero_output_for_mask = false;
  std::int64_t batch = 0, steps = 0, inputs = 0, units = 0, gates = 0;
  std::int64_t projected_batch = 0, projected_step = 0;  // strides of the projected input
  std::int64_t y_batch = 0, y_step = 0;                  // of y with return_sequences
  int bias = -1, mask = -1, h0 = -1, c0 = -1;            // operands

  THAW_HOST_DEVICE std::int64_t columns() const { return gates * units; }
  /// Of the projected input of all sequences and steps.
  std::int64_t projected_elements() const { return batch * steps * columns(); }
};

/// Of a site whose op is Rnn.
RnnShape rnn_shape_of(const Site& site);

}  // namespace thaw::cuda
