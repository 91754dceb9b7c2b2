// Attention as two products by cuBLASLt per batch, all heads at once, with a softmax between them:
// the quicker way where heads are wide, or where 16 bits use the tensor cores.
#include <algorithm>
#include <utility>

#include "kernels/cuda/attention.cuh"
#include "kernels/cuda/libraries.h"
#include "kernels/cuda/lt_product.h"
#include "kernels/cuda/narrow.h"
#include "runtime/base/memory.h"

namespace thaw::cuda {
namespace {

constexpr std::int64_t kPitch = 32;        // elements: 16-bit rows begin aligned
constexpr std::int64_t kMostBatches = 64;  // three launches each

struct LtAttention {
  ops::Attention op;
  AttentionShape s;
  DType dtype = DType::float32, storage = DType::float32;  // of the operands; as products read them
  bool has_mask = false;
  std::int64_t pitch = 0;  // of a row of scores, aligned
  LtProduct scores, values;
  NarrowOperand narrow[3];
  std::size_t score_bytes = 0, weight_bytes = 0, product_bytes = 0;

  bool is_narrow() const { return storage != dtype; }
  std::size_t workspace() const {
    std::size_t bytes = score_bytes + weight_bytes + product_bytes;
    for (const NarrowOperand& operand : narrow) bytes += is_narrow() ? operand.workspace() : 0;
    return bytes;
  }

  void enqueue(const Args& args, const Queue& queue) const {
    const std::byte* operands[3];
    std::byte* room = args.workspace;
    for (std::size_t i = 0; i < 3; ++i) {
      const void* data = args.in[i].data;
      if (is_narrow()) {
        data = narrow[i].bring(queue, data, room);
        room += narrow[i].workspace();
      }
      operands[i] = static_cast<const std::byte*>(data);
    }
    auto* score = reinterpret_cast<float*>(room);
    std::byte* weights = weight_bytes == 0 ? room : room + score_bytes;
    std::byte* rest = room + score_bytes + weight_bytes;
    const auto element = static_cast<std::int64_t>(size_of(storage));
    for (std::int64_t b = 0; b < s.batch; ++b) {
      const auto at = [&](std::size_t i, const HeadPlaces& places) {
        return operands[i] + places.at(b, 0, 0) * element;
      };
      scores.enqueue(queue, at(0, s.q), at(1, s.k), nullptr, score, rest);
      enqueue_attention_weights(queue, op, s, b, pitch, dtype, score,
                                has_mask ? args.in[3].data : nullptr, storage, weights);
      auto* y = static_cast<std::byte*>(args.out[0].data) +
                s.y.at(b, 0, 0) * static_cast<std::int64_t>(size_of(dtype));
      values.enqueue(queue, weights, at(2, s.v), nullptr, y, rest);
    }
  }
};

/// Every head of every batch begins where the library counts on operands to begin.
bool is_aligned(const HeadPlaces& places, DType dtype) {
  const auto bytes = static_cast<std::int64_t>(size_of(dtype));
  for (const std::int64_t offset : {places.start, places.batch, places.head, places.step}) {
    if (offset * bytes % static_cast<std::int64_t>(kAlignment) != 0) return false;
  }
  return true;
}

/// Products of all heads of one batch.
bool prepare_products(const CublasLt& lt, Precision precision, LtAttention& made) {
  const AttentionShape& s = made.s;
  const bool shared = s.heads_per_key == s.heads && s.heads > 1;  // one key head for all
  Product p;
  p.m = s.rows;
  p.n = s.steps;
  p.k = s.key_width;
  p.batches = s.heads;
  p.transpose_b = true;
  p.a_stride = s.q.head;
  p.b_stride = shared ? 0 : s.k.head;
  p.a_row = s.q.step;
  p.b_row = s.k.step;
  p.y_row = made.pitch;
  p.y_stride = s.rows * made.pitch;
  LtOptions options;
  options.precision = precision;
  options.into_float32 = true;
  if (!made.scores.prepare(lt, p, made.storage, options)) return false;
  Product v;
  v.m = s.rows;
  v.n = s.value_width;
  v.k = s.steps;
  v.batches = s.heads;
  v.a_stride = s.rows * made.pitch;
  v.a_row = made.pitch;
  v.b_stride = shared ? 0 : s.v.head;
  v.b_row = s.v.step;
  v.y_row = s.y.step;
  v.y_stride = s.y.head;
  options.into_float32 = made.dtype == DType::float32;
  return made.values.prepare(lt, v, made.storage, options);
}

}  // namespace

KernelPtr prepare_attention_cublaslt(const Site& site, const Device& device,
                                     std::int64_t most_score_bytes, Precision precision) {
  LtAttention made;
  AttentionShape& s = made.s;
  made.dtype = site.out[0].dtype;
  if (!is_floating(made.dtype) || made.dtype == DType::float64 || !attention_shape(site, s)) {
    return nullptr;
  }
  made.op = site.op_as<ops::Attention>();
  made.storage = storage_of(precision, made.dtype);
  made.has_mask = site.in.size() > 3;
  made.pitch = (s.steps + kPitch - 1) / kPitch * kPitch;
  const bool each = s.heads_per_key == 1, one = s.heads_per_key == s.heads;
  if (site.out[0].shape.num_elements() == 0 || s.steps == 0 || s.key_width == 0 ||
      s.batch > kMostBatches || !(each || one) ||
      s.heads * s.rows > most_score_bytes / 4 / made.pitch) {
    return nullptr;
  }
  if (!is_aligned(s.q, made.storage) || !is_aligned(s.k, made.storage) ||
      !is_aligned(s.v, made.storage) || !is_aligned(s.y, made.dtype)) {
    return nullptr;
  }
  const CublasLt* lt = cublaslt();
  if (lt == nullptr || !prepare_products(*lt, precision, made)) return nullptr;
  KernelTraits traits{made.is_narrow() ? "cublaslt attention, 16 bits" : "cublaslt attention"};
  for (std::size_t i = 0; made.is_narrow() && i < 3; ++i) {
    if (!made.narrow[i].set(site, i, made.storage, device)) return nullptr;
    if (made.narrow[i].constant()) traits.packed |= 1U << i;
  }
  const auto count = static_cast<std::size_t>(s.heads * s.rows * made.pitch);
  made.score_bytes = align_up(count * sizeof(float));
  // In place where the weights are float32, too: a row is read before it is written.
  const std::size_t element = size_of(made.storage);
  made.weight_bytes = element == sizeof(float) ? 0 : align_up(count * element);
  made.product_bytes = std::max(made.scores.workspace(), made.values.workspace());
  traits.workspace = made.workspace();
  return make_kernel(traits, [made = std::move(made)](const Args& args, const Queue& queue) {
    made.enqueue(args, queue);
  });
}

}  // namespace thaw::cuda
