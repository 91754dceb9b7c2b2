// Attention on float32. The scores of a block of query rows lie transposed, [steps][rows]: a lane
// is a row, so that masks, maxima and sums need nothing across lanes, and k and v are read where
// they are: each element of k meets a vector of rows of q, each share of a row a vector of v.
// Parallel over row blocks and heads; what a row gives does not depend on its block.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/attention.cc"
// clang-format off
#include "kernels/cpu/simd.h"
#include "hwy/foreach_target.h"
#include "kernels/cpu/math-inl.h"
// clang-format on

#include "kernels/cpu/gemm.h"
#include "kernels/cpu/kernels.h"
#include "runtime/base/memory.h"

#ifndef THAW_KERNELS_CPU_ATTENTION_
#define THAW_KERNELS_CPU_ATTENTION_
namespace thaw::cpu {

/// rows x columns at `from` -> columns x `to_step`, times scale, zeros behind the rows.
struct TransposedRows {
  const float* from = nullptr;
  std::int64_t from_step = 0, rows = 0, columns = 0;
  float* to = nullptr;
  std::int64_t to_step = 0;
  float scale = 1;
};

enum class MaskUse : std::uint8_t { none, added, replaced };

/// The scores of one block and what is made of them.
struct AttentionBlock {
  std::int64_t rows = 0, padded = 0, steps = 0;  // padded: a multiple of the lanes
  float* scores = nullptr;                       // [steps][padded]
  float* inverse = nullptr;                      // [padded]: one over the sums of the shares
  MaskUse use = MaskUse::none;
  const float* mask = nullptr;  // [steps][padded] or [steps]; where replaced: zero takes the place
  bool mask_per_row = false;
  float masked = 0;
  const float* v = nullptr;
  std::int64_t v_step = 0, value_width = 0;
  float* y = nullptr;
  std::int64_t y_step = 0;
};

}  // namespace thaw::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace thaw::cpu {
namespace HWY_NAMESPACE {

#if HWY_TARGET != HWY_SCALAR
/// Four rows and columns.
HWY_INLINE void TransposeFour(const TransposedRows& t, std::int64_t row, std::int64_t column) {
  const hn::FixedTag<float, 4> four;
  const float* from = t.from + row * t.from_step + column;
  const auto scale = hn::Set(four, t.scale);
  const auto a = hn::Mul(hn::LoadU(four, from), scale);
  const auto b = hn::Mul(hn::LoadU(four, from + t.from_step), scale);
  const auto c = hn::Mul(hn::LoadU(four, from + 2 * t.from_step), scale);
  const auto d = hn::Mul(hn::LoadU(four, from + 3 * t.from_step), scale);
  const auto ab_low = hn::InterleaveLower(four, a, b), ab_high = hn::InterleaveUpper(four, a, b);
  const auto cd_low = hn::InterleaveLower(four, c, d), cd_high = hn::InterleaveUpper(four, c, d);
  float* to = t.to + column * t.to_step + row;
  hn::StoreU(hn::ConcatLowerLower(four, cd_low, ab_low), four, to);
  hn::StoreU(hn::ConcatUpperUpper(four, cd_low, ab_low), four, to + t.to_step);
  hn::StoreU(hn::ConcatLowerLower(four, cd_high, ab_high), four, to + 2 * t.to_step);
  hn::StoreU(hn::ConcatUpperUpper(four, cd_high, ab_high), four, to + 3 * t.to_step);
}
#endif

void TransposeRows(const TransposedRows& t) {
  std::int64_t fours = 0, columns = 0;
#if HWY_TARGET != HWY_SCALAR
  fours = t.rows / 4 * 4;
  columns = t.columns / 4 * 4;
  for (std::int64_t row = 0; row < fours; row += 4) {
    for (std::int64_t column = 0; column < columns; column += 4) TransposeFour(t, row, column);
  }
#endif
  for (std::int64_t column = 0; column < t.columns; ++column) {
    float* to = t.to + column * t.to_step;
    for (std::int64_t row = column < columns ? fours : 0; row < t.rows; ++row) {
      to[row] = t.from[row * t.from_step + column] * t.scale;
    }
    for (std::int64_t row = t.rows; row < t.to_step; ++row) to[row] = 0;
  }
}

/// A score of step s in vector n of the rows, masked.
template <MaskUse Use, bool PerRow>
HWY_INLINE V Masked(const AttentionBlock& b, V score, std::int64_t s, int n) {
  if constexpr (Use == MaskUse::none) return score;
  const V mask = PerRow ? hn::LoadU(f, b.mask + s * b.padded + n * kLanes) : Splat(b.mask[s]);
  if constexpr (Use == MaskUse::added) return hn::Add(score, mask);
  return hn::IfThenElse(hn::Eq(mask, hn::Zero(f)), Splat(b.masked), score);
}

/// e^x for x <= 0, without denormals.
HWY_INLINE V ShareOf(V x) {
  return hn::IfThenElseZero(hn::Not(hn::Lt(x, Splat(-87.0f))), ExpBounded(x));
}

constexpr std::int64_t kRun = 64;  // steps whose shares are summed apart

/// Scores become shares that are still to be divided by their sum. N vectors of rows from `first`.
template <MaskUse Use, bool PerRow, int N>
void SharesOf(const AttentionBlock& b, int first) {
  V best[N], sum[N];
  float* const scores = b.scores + first * kLanes;
  for (int n = 0; n < N; ++n) best[n] = Splat(-__builtin_inff()), sum[n] = hn::Zero(f);
  for (std::int64_t s = 0; s < b.steps; ++s) {
    HWY_UNROLL(4)
    for (int n = 0; n < N; ++n) {
      float* at = scores + s * b.padded + n * kLanes;
      const V score = Masked<Use, PerRow>(b, hn::LoadU(f, at), s, first + n);
      if (Use != MaskUse::none) hn::StoreU(score, f, at);
      best[n] = hn::Max(best[n], score);  // a NaN may win or not: it makes the sum NaN
    }
  }
  for (std::int64_t begin = 0; begin < b.steps; begin += kRun) {
    const std::int64_t end = HWY_MIN(b.steps, begin + kRun);
    V run[N];
    for (int n = 0; n < N; ++n) run[n] = hn::Zero(f);
    for (std::int64_t s = begin; s < end; ++s) {
      HWY_UNROLL(4)
      for (int n = 0; n < N; ++n) {
        float* at = scores + s * b.padded + n * kLanes;
        const V share = ShareOf(hn::Sub(hn::LoadU(f, at), best[n]));
        hn::StoreU(share, f, at);
        run[n] = hn::Add(run[n], share);
      }
    }
    for (int n = 0; n < N; ++n) sum[n] = hn::Add(sum[n], run[n]);
  }
  for (int n = 0; n < N; ++n) {
    hn::StoreU(hn::Div(Splat(1.0f), sum[n]), f, b.inverse + (first + n) * kLanes);
  }
}

template <MaskUse Use, bool PerRow>
void SharesOfVectors(const AttentionBlock& b) {
  const auto vectors = static_cast<int>(b.padded / kLanes);
  int first = 0;
  for (; first + 4 <= vectors; first += 4) SharesOf<Use, PerRow, 4>(b, first);
  for (; first + 2 <= vectors; first += 2) SharesOf<Use, PerRow, 2>(b, first);
  if (first < vectors) SharesOf<Use, PerRow, 1>(b, first);
}

void Shares(const AttentionBlock& b) {
  if (b.use == MaskUse::none) return SharesOfVectors<MaskUse::none, false>(b);
  if (b.use == MaskUse::added) {
    return b.mask_per_row ? SharesOfVectors<MaskUse::added, true>(b)
                          : SharesOfVectors<MaskUse::added, false>(b);
  }
  return b.mask_per_row ? SharesOfVectors<MaskUse::replaced, true>(b)
                        : SharesOfVectors<MaskUse::replaced, false>(b);
}

/// Rows of a tile with N vectors of v: what the register file holds, and no more than the padding.
template <int N>
constexpr int kTileRows = HWY_MIN(static_cast<int>(kLanes), (kLanes >= 16 ? 24 : 12) / N);
constexpr std::int64_t kSumRun = 384;  // steps whose products are summed apart

HWY_INLINE V LoadSome(const float* p, std::int64_t lanes) {
  return lanes >= kLanes ? hn::LoadU(f, p) : LoadPartial(p, lanes);
}

/// `Rows` rows from `row` on of N vectors of values from `column` on; stores those from `kept` on.
template <int Rows, int N, bool Whole>
void WeighTile(const AttentionBlock& b, std::int64_t row, std::int64_t column, std::int64_t end) {
  const std::int64_t last = b.value_width - column - (N - 1) * kLanes;  // lanes of the last vector
  for (std::int64_t begin = 0; begin == 0 || begin < b.steps; begin += kSumRun) {
    const std::int64_t stop = HWY_MIN(b.steps, begin + kSumRun);
    V sum[Rows][N];
    for (int r = 0; r < Rows; ++r) {
      for (int n = 0; n < N; ++n) sum[r][n] = hn::Zero(f);
    }
    const float* share = b.scores + begin * b.padded + row;
    const float* v = b.v + begin * b.v_step + column;
    for (std::int64_t s = begin; s < stop; ++s, share += b.padded, v += b.v_step) {
      V value[N];
      HWY_UNROLL(4)
      for (int n = 0; n < N; ++n) {
        value[n] =
            Whole || n < N - 1 ? hn::LoadU(f, v + n * kLanes) : LoadPartial(v + n * kLanes, last);
      }
      HWY_UNROLL(16)
      for (int r = 0; r < Rows; ++r) {
        const V weight = Splat(share[r]);
        HWY_UNROLL(4)
        for (int n = 0; n < N; ++n) sum[r][n] = hn::MulAdd(weight, value[n], sum[r][n]);
      }
    }
    for (int r = 0; r < Rows && row + r < end; ++r) {
      for (int n = 0; n < N; ++n) {
        float* y = b.y + (row + r) * b.y_step + column + n * kLanes;
        const std::int64_t lanes = Whole || n < N - 1 ? kLanes : last;
        V total = sum[r][n];
        if (begin > 0) total = hn::Add(total, LoadSome(y, lanes));
        if (stop == b.steps) total = hn::Mul(total, Splat(b.inverse[row + r]));
        if (lanes == kLanes) {
          hn::StoreU(total, f, y);
        } else {
          StorePartial(total, y, lanes);
        }
      }
    }
  }
}

template <int N, bool Whole>
void WeighColumns(const AttentionBlock& b, std::int64_t column) {
  constexpr int kRows = kTileRows<N>;
  if (b.rows == 1) return WeighTile<1, N, Whole>(b, 0, column, 1);
  for (std::int64_t row = 0; row < b.rows; row += kRows) {
    // The last tile begins early rather than to be narrow: what it computes again is the same.
    const std::int64_t from = HWY_MAX(std::int64_t{0}, HWY_MIN(row, b.rows - kRows));
    WeighTile<kRows, N, Whole>(b, from, column, b.rows);
  }
}

template <int N>
void WeighVectors(const AttentionBlock& b, std::int64_t column) {
  const bool whole = b.value_width - column >= N * kLanes;
  return whole ? WeighColumns<N, true>(b, column) : WeighColumns<N, false>(b, column);
}

/// y = shares times v over their sums.
void Weigh(const AttentionBlock& b) {
  for (std::int64_t column = 0; column < b.value_width; column += 4 * kLanes) {
    switch (ceil_div(HWY_MIN(b.value_width - column, 4 * kLanes), kLanes)) {
      case 1: WeighVectors<1>(b, column); break;
      case 2: WeighVectors<2>(b, column); break;
      case 3: WeighVectors<3>(b, column); break;
      default: WeighVectors<4>(b, column); break;
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace thaw::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace thaw::cpu {

HWY_EXPORT(TransposeRows);
HWY_EXPORT(Shares);
HWY_EXPORT(Weigh);

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
    HWY_DYNAMIC_DISPATCH(TransposeRows)
    ({q, q_.step, task.rows, op_.key_width, queries, block.padded, static_cast<float>(op_.scale)});
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
    HWY_DYNAMIC_DISPATCH(Shares)(block);
    block.v = args.in[2].as<float>() + v_.at(task.batch, from, 0);
    block.y = args.out[0].as_mutable<float>() + y_.at(task.batch, task.head, task.row);
    HWY_DYNAMIC_DISPATCH(Weigh)(block);
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
        HWY_DYNAMIC_DISPATCH(TransposeRows)({from, by_row, rows, steps_, to, padded, 1});
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
#endif
