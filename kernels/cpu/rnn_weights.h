// Sizes of a recurrent layer and its weights as the steps read them.
#pragma once

#include <cstdint>
#include <memory>

#include "kernels/cpu/packed.h"
#include "kernels/kernel.h"
#include "runtime/ir/ops.h"

namespace thaw::cpu {

/// Sizes that follow from the site alone.
struct RnnShape {
  std::int64_t batch, steps, inputs, units, gates;
  std::int64_t lanes, blocks, state,
      columns;  // state, columns: padded floats of a row of h and of z

  RnnShape(const ops::Rnn& op, const Site& site);

  /// Source column of padded column j, or -1 for padding.
  std::int64_t source_column(std::int64_t j) const {
    const std::int64_t unit = j / (gates * lanes) * lanes + j % lanes;
    return unit < units ? j / lanes % gates * units + unit : -1;
  }
};

struct RnnWeights {
  std::shared_ptr<const PackedWeights> input;      // for gemm(): [inputs, columns]
  std::shared_ptr<const PackedWeights> recurrent;  // [block][k][gate][lane]; of a reset-before gru
                                                   // the first two gates, then the third
  bool paired = false;                             // recurrent: as in rnn_pairs.h
  std::shared_ptr<const float> bias;  // [columns], then for a reset-after gru [state]: the
                                      // recurrent bias of the h gate, which the reset gate
                                      // multiplies. Null: none.
};

RnnWeights pack_rnn_weights(const ops::Rnn& op, const RnnShape& shape, const Site& site);

}  // namespace thaw::cpu
