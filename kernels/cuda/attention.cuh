// What an attention op asks for, in the form that the kernels of this room take it.
#pragma once

#include "kernels/cuda/dispatch.h"
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

/// weights [heads, T, S] of one batch = softmax(scale * scores, masked), as 16 bits or float32;
/// `pitch` elements lie between rows of both.
/// `dtype` is the op's, which is not float64; the mask may be null.
void enqueue_attention_weights(const Queue& queue, const ops::Attention& op,
                               const AttentionShape& shape, std::int64_t batch, std::int64_t pitch,
                               DType dtype, const float* scores, const void* mask, DType storage,
                               void* weights);

}  // namespace thaw::cuda
