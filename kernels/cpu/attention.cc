// Attention on float32: the scores of a block of query rows stay in the cache. Parallel over row
// blocks and heads.
#include "kernels/cpu/attention_block.h"
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/kernels.h"
#include "runtime/base/memory.h"

namespace thaw::cpu {

namespace {

/// Bytes of scores that a block may have: they stay in the second-level cache.
constexpr std::int64_t kScoreBytes = 1 << 18;

/// Where an operand's [batch][head][step] begins.
struct HeadPlaces {
  std::int64_t start = 0, batch = 0, head = 0, step = 0;

  HeadPlaces(const Shape& shape, std::int64_t width, std::int64_t column) {
    const std::int64_t rows = shape[shape.rank() - 2], columns = shape[shape.rank() - 1];
    step = columns;
    if (shape.rank() == 4) {
      head = rows * columns;
      batch = shape[1] * head;
    } else {
      start = column;
      head = width;
      batch = rows * columns;
    }
  }
  std::int64_t at(std::int64_t b, std::int64_t h, std::int64_t s) const {
    return start + b * batch + h * head + s * step;
  }
};

/// Strides of a mask along [B, heads, T, S].
struct MaskPlaces {
  std::int64_t strides[4] = {0, 0, 0, 0};

  explicit MaskPlaces(const Shape& shape) {
    std::int64_t stride = 1;
    for (int axis = shape.rank() - 1, to = 3; axis >= 0; --axis, --to) {
      if (shape[axis] != 1) strides[to] = stride;
      stride *= shape[axis];
    }
  }
  std::int64_t at(std::int64_t b, std::int64_t h, std::int64_t t) const {
    return b * strides[0] + h * strides[1] + t * strides[2];
  }
};

class AttentionKernel final : public Kernel {
 public:
  explicit AttentionKernel(const Site& site)
      : op_(site.op_as<ops::Attention>()),
        q_(site.in[0].shape, op_.key_width, op_.query_at),
        k_(site.in[1].shape, op_.key_width, op_.key_at),
        v_(site.in[2].shape, op_.value_width, op_.value_at),
        y_(site.out[0].shape, op_.value_width, 0),
        mask_(site.in.size() > 3 ? site.in[3].shape : Shape{}),
        batch_(site.out[0].shape[0]),
        rows_(site.out[0].shape[1]),
        steps_(site.in[1].shape[site.in[1].shape.rank() - 2]) {
    if (site.in.size() > 3) {
      boolean_ = site.in[3].dtype == DType::boolean;
      use_ = boolean_ && !op_.lowers ? MaskUse::replaced : MaskUse::added;
    }
    choose_block(site.threads);
    const std::int64_t tasks = batch_ * blocks_ * op_.heads;
    slots_ = site.threads <= 1 ? 1 : std::min<std::int64_t>(tasks, 4 * site.threads);
    const std::int64_t mask = use_ == MaskUse::none ? 0 : steps_ * (mask_per_row() ? block_ : 1);
    slot_floats_ = static_cast<std::int64_t>(
        align_up(static_cast<std::size_t>((op_.key_width + steps_ + 1) * block_ + mask) * 4) / 4);
    workspace_ = static_cast<std::size_t>(slots_ * slot_floats_) * 4;
  }

  const char* name() const override { return "cpu attention"; }

  void run(const Args& args) const override {
    const std::int64_t tasks = batch_ * blocks_ * op_.heads;
    const std::int64_t cost = steps_ * block_ * (op_.key_width + op_.value_width + 16) / 16;
    parallel(args, slots_, ceil_div(tasks, slots_) * cost,
             [&](std::int64_t begin, std::int64_t end) {
               for (std::int64_t slot = begin; slot < end; ++slot) {
                 run_slot(args, slot, slot * tasks / slots_, (slot + 1) * tasks / slots_);
               }
             });
  }

 private:
  /// Which rows of which head a task is; a block's heads follow each other.
  struct Task {
    std::int64_t batch, head, row, rows;
  };

  bool mask_per_row() const { return mask_.strides[2] != 0; }

  /// Rows of a block: four vectors, fewer where the scores would leave the cache or a thread would
  /// be left without.
  void choose_block(int threads) {
    const std::int64_t lanes = float_lanes();
    std::int64_t vectors = std::min<std::int64_t>(4, ceil_div(rows_, lanes));
    while (vectors > 1 && (steps_ * vectors * lanes * 4 > kScoreBytes ||
                           batch_ * op_.heads * ceil_div(rows_, vectors * lanes) < threads)) {
      --vectors;
    }
    block_ = vectors * lanes;
    blocks_ = ceil_div(rows_, block_);
  }

  Task task_of(std::int64_t index) const {
    const std::int64_t head = index % op_.heads, rest = index / op_.heads;
    const std::int64_t row = rest % blocks_ * block_;
    return {rest / blocks_, head, row, std::min(block_, rows_ - row)};
  }

  void run_slot(const Args& args, std::int64_t slot, std::int64_t begin, std::int64_t end) const {
    float* const queries = reinterpret_cast<float*>(args.workspace) + slot * slot_floats_;
    AttentionBlock block;
    block.steps = steps_;
    block.scores = queries + op_.key_width * block_;
    block.inverse = block.scores + steps_ * block_;
    block.use = use_;
    block.mask = block.inverse + block_;
    block.mask_per_row = mask_per_row();
    block.masked = static_cast<float>(op_.masked);
    block.v_step = v_.step;
    block.value_width = op_.value_width;
    block.y_step = y_.step;
    std::int64_t mask_at = -1;  // what the mask's memory holds
    for (std::int64_t index = begin; index < end; ++index) {
      const Task task = task_of(index);
      block.rows = task.rows;
      block.padded = ceil_div(task.rows, float_lanes()) * float_lanes();
      if (use_ != MaskUse::none) {
        const std::int64_t at = mask_.at(task.batch, task.head, task.row);
        if (at != mask_at) fill_mask(args, at, block);
        mask_at = at;
      }
      run_task(args, task, queries, block);
    }
  }

  void run_task(const Args& args, const Task& task, float* queries, AttentionBlock& block) const {
    const std::int64_t from = task.head / (op_.heads / op_.key_heads);
    const float* q = args.in[0].as<float>() + q_.at(task.batch, task.head, task.row);
    transpose_rows({q, q_.step, task.rows, op_.key_width, queries, block.padded,
                    static_cast<float>(op_.scale)});
    Gemm g;
    g.a = args.in[1].as<float>() + k_.at(task.batch, from, 0);
    g.inner_rows = steps_;
    g.row_stride = k_.step;
    g.segment_length = op_.key_width;
    g.packed = queries;
    g.c = block.scores;
    g.c_stride = block.padded;
    g.m = steps_;
    g.n = block.padded;
    gemm(g, 0, gemm_tasks(g.m, g.n));
    attention_shares(block);
    block.v = args.in[2].as<float>() + v_.at(task.batch, from, 0);
    block.y = args.out[0].as_mutable<float>() + y_.at(task.batch, task.head, task.row);
    attention_values(block);
  }

  /// The mask of a block's rows from element `at` on: numbers to add, or zeros where it replaces.
  void fill_mask(const Args& args, std::int64_t at, const AttentionBlock& block) const {
    float* const to = const_cast<float*>(block.mask);
    const std::int64_t rows = mask_per_row() ? block.rows : 1;
    const std::int64_t padded = mask_per_row() ? block.padded : 1;
    const std::int64_t by_row = mask_.strides[2], by_step = mask_.strides[3];
    if (!boolean_) {
      const float* from = args.in[3].as<float>() + at;
      if (by_step == 1) {
        transpose_rows({from, by_row, rows, steps_, to, padded, 1});
        return;
      }
      for (std::int64_t s = 0; s < steps_; ++s) {
        for (std::int64_t r = 0; r < rows; ++r) to[s * padded + r] = from[r * by_row];
        std::fill(to + s * padded + rows, to + (s + 1) * padded, 0.0f);
      }
      return;
    }
    const bool* from = args.in[3].as<bool>() + at;
    const float keep = op_.lowers ? 0.0f : 1.0f;
    const float drop = op_.lowers ? static_cast<float>(op_.masked) : 0.0f;
    for (std::int64_t s = 0; s < steps_; ++s) {
      for (std::int64_t r = 0; r < rows; ++r)
        to[s * padded + r] = from[r * by_row + s * by_step] ? keep : drop;
      std::fill(to + s * padded + rows, to + (s + 1) * padded, keep);
    }
  }

  ops::Attention op_;
  HeadPlaces q_, k_, v_, y_;
  MaskPlaces mask_;
  std::int64_t batch_, rows_, steps_;
  MaskUse use_ = MaskUse::none;
  bool boolean_ = false;
  std::int64_t block_ = 0, blocks_ = 0;  // rows of a block, blocks of a head
  std::int64_t slots_ = 1, slot_floats_ = 0;
};

}  // namespace

std::unique_ptr<Kernel> prepare_attention(const Site& site) {
  const bool floats = all_float32({site.op, site.in.first(3), site.out, site.constants});
  if (!floats || site.out[0].shape.num_elements() == 0) return nullptr;
  if (site.in.size() > 3 && site.in[3].dtype != DType::boolean &&
      site.in[3].dtype != DType::float32) {
    return nullptr;
  }
  if (site.in[1].shape.num_elements() == 0) return nullptr;
  return std::make_unique<AttentionKernel>(site);
}

}  // namespace thaw::cpu
