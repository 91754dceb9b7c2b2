// The weights of a recurrent layer's state in the order in which the threads of a team read them
// (rnn_team.cuh): 16 bytes each, those of neighbouring threads side by side.
#pragma once

#include <memory>

#include "kernels/cuda/element.cuh"
#include "kernels/device.h"

namespace thaw::cuda {

constexpr int kTeamThreads = 256;  // of a block; every one may have 255 registers

THAW_HOST_DEVICE inline float load_float(const void* data, DType dtype, std::int64_t i) {
  switch (dtype) {
    case DType::float16: return to_compute(static_cast<const float16*>(data)[i]);
    case DType::bfloat16: return to_compute(static_cast<const bfloat16*>(data)[i]);
    default: return static_cast<const float*>(data)[i];
  }
}
THAW_HOST_DEVICE inline void store_float(void* data, DType dtype, std::int64_t i, float value) {
  switch (dtype) {
    case DType::float16: static_cast<float16*>(data)[i] = from_compute<float16>(value); break;
    case DType::bfloat16: static_cast<bfloat16*>(data)[i] = from_compute<bfloat16>(value); break;
    default: static_cast<float*>(data)[i] = value; break;
  }
}

/// What a thread reads at once of weights of type T.
template <class T>
struct alignas(16) WeightPiece {
  static constexpr int kElements = 16 / sizeof(T);
  std::uint32_t words[4];

  THAW_HOST_DEVICE float element(int i) const {
    if constexpr (sizeof(T) == sizeof(float)) {
      return bits_as<float>(words[i]);
    } else {
      return to_compute(T{static_cast<std::uint16_t>(words[i / 2] >> (i % 2 * 16))});
    }
  }
};

/// Which weight of [units, gates * units] lies where. A group of `lanes` threads has the columns of
/// one unit; a lane has `per_lane` rows of each gate. All threads' first pieces come first, then
/// all second ones; so block by block.
struct WeightOrder {
  int gates = 1, units = 0;
  int per_lane = 16, lanes = 1;

  THAW_HOST_DEVICE int own() const { return kTeamThreads / lanes; }  // units of a block
  THAW_HOST_DEVICE int of_thread() const { return gates * per_lane; }
  /// Only blocks that own a unit have a place.
  std::int64_t elements() const {
    return std::int64_t{(units + own() - 1) / own()} * kTeamThreads * of_thread();
  }
  /// The row that a lane has as its `j`-th: four in turn, as states are read.
  THAW_HOST_DEVICE int row(int j, int lane) const { return (j / 4 * lanes + lane) * 4 + j % 4; }
  /// The number of the piece, of `piece` elements, that begins with a thread's row `j` of a gate.
  THAW_HOST_DEVICE std::int64_t place(int block, int thread, int gate, int j, int piece) const {
    const int number = (gate * per_lane + j) / piece;
    return (std::int64_t{block} * (of_thread() / piece) + number) * kTeamThreads + thread;
  }
  /// The weight that lies at element `i` in pieces of `piece`; -1: none, it is zero.
  THAW_HOST_DEVICE std::int64_t source(std::int64_t i, int piece) const {
    const std::int64_t place = i / piece, number = place / kTeamThreads;
    const int thread = static_cast<int>(place % kTeamThreads), pieces = of_thread() / piece;
    const int element = static_cast<int>(number % pieces * piece + i % piece);
    const int unit = static_cast<int>(number / pieces) * own() + thread / lanes;
    const int k = row(element % per_lane, thread % lanes);
    if (unit >= units || k >= units) return -1;
    return (std::int64_t{k} * gates + element / per_lane) * units + unit;
  }
};

/// Operand 2 of a recurrent site in that order. A constant lies packed in the device's memory and
/// nowhere else there; what is computed is packed in each run.
class RecurrentWeights {
 public:
  /// False if a constant does not fit into `storage`, a float of 16 or 32 bits.
  bool set(const Site& site, const WeightOrder& order, DType storage, const Device& device);
  bool constant() const { return packed_ != nullptr; }
  /// Bytes of the workspace, aligned.
  std::size_t workspace() const;
  /// The packed weights, in `room` unless they are constant.
  const void* bring(const Queue& queue, const void* weights, std::byte* room) const;

 private:
  WeightOrder order_;
  DType from_ = DType::invalid, storage_ = DType::invalid;
  std::shared_ptr<const void> packed_;
};

}  // namespace thaw::cuda
