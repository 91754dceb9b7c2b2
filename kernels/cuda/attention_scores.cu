// What stands between the products of attention by a library: addresses of heads, and a softmax, a
// block per row of scores.
#include <cmath>

#include "kernels/cuda/attention.cuh"
#include "kernels/cuda/launch.cuh"

namespace thaw::cuda {
namespace {

/// A row of scores to weights. T: of the mask's numbers; W: of the weights.
template <class T, class W>
struct AttentionWeightsBody {
  AttentionShape s;
  std::int64_t first, pitch;  // the first batch
  float scale, masked;
  const float* scores;
  const void* mask;  // may be null
  W* weights;
  THAW_DEVICE void operator()(const Block& block, std::int64_t row) const {
    const std::int64_t matrix = row / s.rows;
    const std::int64_t start = s.mask_at(first + matrix / s.heads, matrix % s.heads, row % s.rows);
    const auto score = [&](std::int64_t i) {
      const float scaled = scores[row * pitch + i] * scale;
      if (mask == nullptr) return scaled;
      return masked_score<T>(s, mask, masked, scaled, start + i * s.mask[3]);
    };
    const float largest = block.reduce(s.steps, lowest<float>(), score,
                                       [](float a, float b) { return b > a || b != b ? b : a; });
    const auto weight = [&](std::int64_t i) { return std::exp(score(i) - largest); };
    const float sum = block.reduce(s.steps, 0.0f, weight, [](float a, float b) { return a + b; });
    block.each(s.steps, [&](std::int64_t i) {
      weights[row * pitch + i] = from_compute<W>(weight(i) / sum);
    });
  }
};

/// One thread for the matrices of a batch's head.
struct HeadPointersBody {
  HeadMatrices operands[kHeadOperands];
  std::int64_t heads, count;
  const void** pointers;
  THAW_DEVICE void operator()(std::int64_t i) const {
    THAW_UNROLL for (int operand = 0; operand < kHeadOperands; ++operand) {
      const HeadMatrices& from = operands[operand];
      pointers[operand * count + i] =
          from.base + from.places.at(i / heads, i % heads, 0) * from.element;
    }
  }
};

}  // namespace

void enqueue_attention_weights(const Queue& queue, const ops::Attention& op,
                               const AttentionShape& shape, const BatchRange& batches,
                               std::int64_t pitch, DType dtype, const float* scores,
                               const void* mask, DType storage, void* weights) {
  const auto launch = [&](auto number, auto weight) {
    using T = TypeOf<decltype(number)>;
    using W = TypeOf<decltype(weight)>;
    launch_blocks(queue, batches.count * shape.heads * shape.rows, 0,
                  AttentionWeightsBody<T, W>{
                      shape, batches.first, pitch, static_cast<float>(op.scale),
                      static_cast<float>(op.masked), scores, mask, static_cast<W*>(weights)});
  };
  if (dtype == DType::float16) return launch(Tag<float16>{}, Tag<float16>{});
  if (dtype == DType::bfloat16) return launch(Tag<bfloat16>{}, Tag<bfloat16>{});
  if (storage == DType::float16) return launch(Tag<float>{}, Tag<float16>{});
  if (storage == DType::bfloat16) return launch(Tag<float>{}, Tag<bfloat16>{});
  launch(Tag<float>{}, Tag<float>{});
}

void enqueue_head_pointers(const Queue& queue, const HeadMatrices (&operands)[kHeadOperands],
                           std::int64_t batch, std::int64_t heads, const void** pointers) {
  HeadPointersBody body{};
  for (int i = 0; i < kHeadOperands; ++i) body.operands[i] = operands[i];
  body.heads = heads;
  body.count = batch * heads;
  body.pointers = pointers;
  launch_each(queue, body.count, body);
}

}  // namespace thaw::cuda
