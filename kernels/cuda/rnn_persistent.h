// Recurrent layers that one launch takes through all steps, with their weights in registers.
#pragma once

#include <functional>

#include "kernels/cuda/narrow.h"
#include "kernels/cuda/product.h"
#include "kernels/cuda/rnn_team.cuh"

namespace thaw::cuda {

/// What a device has for teams of blocks.
struct TeamLimits {
  int blocks = 1;                        // at once, with all registers of a multiprocessor each
  std::size_t shared_bytes = 48 * 1024;  // of a block
  int cluster = 0;                       // blocks of a cluster; 0: no clusters
};

/// How to deal out a layer; false if its weights do not fit. `directions` run in one launch.
bool deal_out(const TeamLimits& limits, std::int64_t units, std::int64_t batch, int directions,
              TeamShape& team);

/// A product into float32, whatever the operands' type.
struct Projection {
  std::size_t workspace = 0;
  std::function<void(const Queue& queue, const void* a, const void* b, float* y,
                     std::byte* workspace)>
      enqueue;  // empty: there is none
};
using MakeProjection = Projection (*)(const Product& product, DType dtype);
/// By this room's own kernel.
Projection plain_projection(const Product& product, DType dtype);

/// What a layer's kernel is made for. With fp16 and bf16 the weights of float32 layers, and x where
/// it meets them, are 16 bits; sums and states stay float32.
struct RnnTarget {
  TeamLimits limits;
  MakeProjection projection = plain_projection;
  Precision precision = Precision::f32;
  const Device* device = nullptr;  // for weights in 16 bits
};

/// Null for float64, functions that have no form in line, weights that 16 bits cannot hold, and
/// more units than fit.
KernelPtr prepare_rnn_persistent(const Site& site, const RnnTarget& target);

/// Both directions of a bidirectional layer: two sites of the same kind that read the same x, by a
/// kernel with the operands and results of the first and, behind them, of the second.
KernelPtr prepare_rnn_pair(const Site& first, const Site& second, const RnnTarget& target);

void launch_rnn_lstm(const Queue& queue, const RnnLayer& layer);
void launch_rnn_gru(const Queue& queue, const RnnLayer& layer);
void launch_rnn_gru_before(const Queue& queue, const RnnLayer& layer);
void launch_rnn_simple(const Queue& queue, const RnnLayer& layer);

}  // namespace thaw::cuda
