// Attention as two products by cuBLASLt, all heads of a batch or of all batches at once, with a
// softmax between them: the quicker way where heads are wide, or where 16 bits use the tensor
// cores. Heads that lie side by side ([B, T, heads x width]) have a stride within a batch, but none
// across batches: the library then has a pointer for each matrix, which a kernel in front writes.
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

/// Parts of the workspace behind the operands in 16 bits; bytes.
struct AttentionRoom {
  std::size_t scores = 0, weights = 0, pointers = 0, products = 0;
  std::size_t all() const { return scores + weights + pointers + products; }
};

struct LtAttention {
  ops::Attention op;
  AttentionShape s;
  DType dtype = DType::float32, storage = DType::float32;  // of the operands; as products read them
  bool has_mask = false;
  std::int64_t group = 1;  // batches in one launch
  std::int64_t pitch = 0;  // of a row of scores, aligned
  HeadPlaces rows;         // of scores and weights, within a group
  bool pointers = false;
  LtProduct scores, values;
  NarrowOperand narrow[3];
  AttentionRoom room;

  bool is_narrow() const { return storage != dtype; }
  std::size_t workspace() const {
    std::size_t bytes = room.all();
    for (const NarrowOperand& operand : narrow) bytes += is_narrow() ? operand.workspace() : 0;
    return bytes;
  }

  void enqueue(const Args& args, const Queue& queue) const {
    const std::byte* operands[3];
    std::byte* left = args.workspace;
    for (std::size_t i = 0; i < 3; ++i) {
      const void* data = args.in[i].data;
      if (is_narrow()) {
        data = narrow[i].bring(queue, data, left);
        left += narrow[i].workspace();
      }
      operands[i] = static_cast<const std::byte*>(data);
    }
    std::byte* score = left;
    std::byte* weights = room.weights == 0 ? score : score + room.scores;
    std::byte* pointer_room = score + room.scores + room.weights;
    std::byte* rest = pointer_room + room.pointers;
    const void* mask = has_mask ? args.in[3].data : nullptr;
    const auto element = static_cast<std::int64_t>(size_of(storage));
    auto* y = static_cast<std::byte*>(args.out[0].data);
    const HeadMatrices matrices[kHeadOperands] = {
        {operands[0], s.q, element},  {operands[1], s.k, element},
        {score, rows, sizeof(float)}, {weights, rows, element},
        {operands[2], s.v, element},  {y, s.y, static_cast<std::int64_t>(size_of(dtype))}};
    auto** pointer = reinterpret_cast<const void**>(pointer_room);
    if (pointers) enqueue_head_pointers(queue, matrices, s.batch, s.heads, pointer);
    for (std::int64_t b = 0; b < s.batch; b += group) {
      // Where the matrices of an operand begin, or their pointers.
      const auto at = [&](std::int64_t operand) {
        const HeadMatrices& from = matrices[operand];
        const bool own = operand == kScores || operand == kWeights;  // of the group
        const std::byte* first = from.base + from.places.at(own ? 0 : b, 0, 0) * from.element;
        const void* list = pointer + operand * s.batch * s.heads;
        return const_cast<void*>(pointers ? list : first);
      };
      scores.enqueue(queue, at(kQuery), at(kKey), nullptr, at(kScores), rest);
      enqueue_attention_weights(queue, op, s, {b, group}, pitch, dtype,
                                reinterpret_cast<const float*>(score), mask, storage, weights);
      values.enqueue(queue, at(kWeights), at(kValue), nullptr, at(kResult), rest);
    }
  }

 private:
  // Of kHeadOperands.
  static constexpr std::int64_t kQuery = 0, kKey = 1, kScores = 2, kWeights = 3, kValue = 4,
                                kResult = 5;
};

/// Every head of every batch begins where the library counts on operands to begin.
bool is_aligned(const HeadPlaces& places, DType dtype) {
  const auto bytes = static_cast<std::int64_t>(size_of(dtype));
  for (const std::int64_t offset : {places.start, places.batch, places.head, places.step}) {
    if (offset * bytes % static_cast<std::int64_t>(kAlignment) != 0) return false;
  }
  return true;
}

/// Elements between the heads of a group; false if no one number says it.
bool stride_of(const HeadPlaces& places, std::int64_t group, std::int64_t heads,
               std::int64_t& stride) {
  stride = heads == 1 ? places.batch : places.head;
  return group == 1 || heads == 1 || places.batch == heads * places.head;
}

/// Products of all heads of a group.
bool prepare_products(const CublasLt& lt, Precision precision, LtAttention& made) {
  const AttentionShape& s = made.s;
  Product p, v;
  const auto strided = [&](const HeadPlaces& places, std::int64_t& stride) {
    return stride_of(places, made.group, s.heads, stride);
  };
  const bool all = strided(s.q, p.a_stride) && strided(s.k, p.b_stride) &&
                   strided(s.v, v.b_stride) && strided(s.y, v.y_stride);
  made.pointers = !all;
  p.m = s.rows;
  p.n = s.steps;
  p.k = s.key_width;
  p.batches = made.group * s.heads;
  p.pointers = made.pointers;
  p.transpose_b = true;
  p.a_row = s.q.step;
  p.b_row = s.k.step;
  p.y_row = made.pitch;
  p.y_stride = made.rows.head;
  LtOptions options;
  options.precision = precision;
  options.into_float32 = true;
  if (!made.scores.prepare(lt, p, made.storage, options)) return false;
  v.m = s.rows;
  v.n = s.value_width;
  v.k = s.steps;
  v.batches = p.batches;
  v.pointers = p.pointers;
  v.a_stride = made.rows.head;
  v.a_row = made.pitch;
  v.b_row = s.v.step;
  v.y_row = s.y.step;
  options.into_float32 = made.dtype == DType::float32;
  return made.values.prepare(lt, v, made.storage, options);
}

}  // namespace

KernelPtr prepare_attention_cublaslt(const Site& site, const Device& device,
                                     std::int64_t most_score_bytes, Precision precision,
                                     LtBatches batches) {
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
  const bool together = batches == LtBatches::together;
  const bool each = s.heads_per_key == 1, one = s.heads_per_key == s.heads;
  made.group = together ? s.batch : 1;
  if (site.out[0].shape.num_elements() == 0 || s.steps == 0 || s.key_width == 0 ||
      (together ? s.batch == 1 : s.batch > kMostBatches) || !(each || one) ||
      made.group * s.heads * s.rows > most_score_bytes / 4 / made.pitch) {
    return nullptr;
  }
  if (one && s.heads > 1) s.k.head = s.v.head = 0;  // one key head for all
  made.rows = {0, s.heads * s.rows * made.pitch, s.rows * made.pitch, made.pitch};
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
  const auto count = static_cast<std::size_t>(made.group * made.rows.batch);
  made.room.scores = align_up(count * sizeof(float));
  // In place where the weights are float32, too: a row is read before it is written.
  const std::size_t element = size_of(made.storage);
  made.room.weights = element == sizeof(float) ? 0 : align_up(count * element);
  if (made.pointers) {
    made.room.pointers =
        align_up(static_cast<std::size_t>(kHeadOperands * s.batch * s.heads) * sizeof(void*));
  }
  made.room.products = std::max(made.scores.workspace(), made.values.workspace());
  traits.workspace = made.workspace();
  return make_kernel(traits, [made = std::move(made)](const Args& args, const Queue& queue) {
    made.enqueue(args, queue);
  });
}

}  // namespace thaw::cuda
