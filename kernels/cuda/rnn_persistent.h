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

/// Whether the device can hold at once all blocks of `team` that wait for each other. The numbers
/// alone do not say: part of a GPU, or one with some multiprocessors switched off, may have the
/// blocks of a cluster, but not next to each other.
using TeamRoom = bool (*)(TeamCell cell, const TeamShape& team);
/// What the device's runtime says.
bool device_has_room(TeamCell cell, const TeamShape& team);

/// How to deal out a layer; false if its weights do not fit. `directions` run in one launch.
bool deal_out(const TeamLimits& limits, std::int64_t units, std::int64_t batch, int directions,
              const std::function<bool(const TeamShape&)>& has_room, TeamShape& team);

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
  const Device* device = nullptr;  // for packed weights; never null
  TeamRoom has_room = device_has_room;
};

/// Null for float64, functions that have no form in line, weights that 16 bits cannot hold, and
/// more units than fit, or than the device has room for at once.
KernelPtr prepare_rnn_persistent(const Site& site, const RnnTarget& target);

/// Both directions of a bidirectional layer: two sites of the same kind that read the same x, by a
/// kernel with the operands and results of the first and, behind them, of the second.
KernelPtr prepare_rnn_pair(const Site& first, const Site& second, const RnnTarget& target);

/// The code of one cell.
struct TeamCode {
  void (*launch)(const Queue& queue, const RnnLayer& layer);
  bool (*has_room)(const TeamShape& team);
};
TeamCode rnn_lstm_code();
TeamCode rnn_gru_code();
TeamCode rnn_gru_before_code();
TeamCode rnn_simple_code();

}  // namespace thaw::cuda
