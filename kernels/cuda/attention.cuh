// What an attention op asks for, in the form that the kernels of this room take it.
#pragma once

#include <cstddef>

#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/element.cuh"
#include "kernels/cuda/strided.h"

namespace thaw::cuda {

/// Where [batch][head][step] of an operand begins, in elements.
struct HeadPlaces {
  std::int64_t start = 0, batch = 0, head = 0, step = 0;
  THAW_HOST_DEVICE std::int64_t at(std::int64_t b, std::int64_t h, std::int64_t t) const {
    return start + b * batch + h * head + t * step;
  }
};

struct AttentionShape {
  HeadPlaces q, k, v, y;
  std::int64_t mask[4] = {0, 0, 0, 0};  // strides along [B, heads, T, S]
  bool boolean = false, lowers = false;
  std::int64_t batch = 0, heads = 1, heads_per_key = 1, rows = 0, steps = 0;
  std::int64_t key_width = 1, value_width = 1;
  std::int64_t tiles = 1, parts = 1,
               part_columns = 0;  // how the rows and v's columns are dealt out

  THAW_HOST_DEVICE std::int64_t mask_at(std::int64_t b, std::int64_t h, std::int64_t t) const {
    return b * mask[0] + h * mask[1] + t * mask[2];
  }
};

/// False for types that are mixed.
bool attention_shape(const Site& site, AttentionShape& shape);

/// `score` as the mask, whose numbers are T, leaves it.
template <class T>
THAW_DEVICE Compute<T> masked_score(const AttentionShape& s, const void* mask, Compute<T> masked,
                                    Compute<T> score, std::int64_t at) {
  if (!s.boolean) return score + to_compute(static_cast<const T*>(mask)[at]);
  if (static_cast<const bool*>(mask)[at]) return score;
  return s.lowers ? score + masked : masked;
}

/// Batches [first, first + count).
struct BatchRange {
  std::int64_t first = 0, count = 1;
};

/// weights [batches, heads, T, S] = softmax(scale * scores, masked), as 16 bits or float32; `pitch`
/// elements lie between rows of both.
/// `dtype` is the op's, which is not float64; the mask may be null.
void enqueue_attention_weights(const Queue& queue, const ops::Attention& op,
                               const AttentionShape& shape, const BatchRange& batches,
                               std::int64_t pitch, DType dtype, const float* scores,
                               const void* mask, DType storage, void* weights);

/// Matrices [batch][head] that begin at `places` behind `base`.
struct HeadMatrices {
  const std::byte* base = nullptr;
  HeadPlaces places;
  std::int64_t element = 1;  // bytes
};
constexpr int kHeadOperands = 6;  // q, k, scores, weights, v, y
/// pointers [operand][batch, head], in the device's memory.
void enqueue_head_pointers(const Queue& queue, const HeadMatrices (&operands)[kHeadOperands],
                           std::int64_t batch, std::int64_t heads, const void** pointers);

}  // namespace thaw::cuda
