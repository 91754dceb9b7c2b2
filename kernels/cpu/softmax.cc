// Softmax, log-softmax and normalisation over trailing axes, float32: one row at a time, in three
// passes over a row that stays in the cache. Parallel over rows.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/softmax.cc"
// clang-format off
#include "kernels/cpu/simd.h"
#include "hwy/foreach_target.h"
#include "kernels/cpu/math-inl.h"
// clang-format on

#include <cmath>

#include "kernels/cpu/kernels.h"
#include "kernels/cpu/rows.h"
#include "runtime/ir/ops.h"

#ifndef THAW_KERNELS_CPU_SOFTMAX_
#define THAW_KERNELS_CPU_SOFTMAX_
namespace thaw::cpu {

struct NormalizeRow {
  const float *scale, *offset;  // [count] or null
  float epsilon;
  bool centered;
};

}  // namespace thaw::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace thaw::cpu {
namespace HWY_NAMESPACE {

/// Calls body(vector index, loaded x, lanes that count) along a row.
template <class Body>
HWY_INLINE void Along(const float* x, std::int64_t count, const Body& body) {
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) body(i, hn::LoadU(f, x + i), kLanes);
  if (i < count) body(i, LoadPartial(x + i, count - i), count - i);
}

HWY_INLINE void StoreLanes(V v, float* p, std::int64_t lanes) {
  if (lanes == kLanes) {
    hn::StoreU(v, f, p);
  } else {
    StorePartial(v, p, lanes);
  }
}

HWY_INLINE V FirstLanes(V v, std::int64_t lanes) {
  return hn::IfThenElseZero(hn::FirstN(f, static_cast<std::size_t>(lanes)), v);
}

HWY_INLINE float Sum(V v) { return hn::GetLane(hn::SumOfLanes(f, v)); }

/// A NaN may win or not: it makes the sum NaN, and with it the whole row.
struct MaxOf {
  HWY_INLINE void operator()(std::int64_t, V v, std::int64_t lanes) const {
    const auto real = hn::FirstN(f, static_cast<std::size_t>(lanes));
    *best = hn::Max(*best, lanes == kLanes ? v : hn::IfThenElse(real, v, *best));
  }
  V* best;
};

struct ExpSum {
  HWY_INLINE void operator()(std::int64_t i, V v, std::int64_t lanes) const {
    const V e = Exp(hn::Sub(v, top));
    if (y != nullptr) StoreLanes(e, y + i, lanes);
    *sum = hn::Add(*sum, lanes == kLanes ? e : FirstLanes(e, lanes));
  }
  V top;
  V* sum;
  float* y;
};

/// y = x * factor
struct MultiplyBy {
  HWY_INLINE void operator()(std::int64_t i, V v, std::int64_t lanes) const {
    StoreLanes(hn::Mul(v, factor), y + i, lanes);
  }
  V factor;
  float* y;
};

/// y = x - shift
struct ShiftBy {
  HWY_INLINE void operator()(std::int64_t i, V v, std::int64_t lanes) const {
    StoreLanes(hn::Sub(v, shift), y + i, lanes);
  }
  V shift;
  float* y;
};

void SoftmaxRow(const float* x, float* y, std::int64_t count, bool log) {
  V best = Splat(-__builtin_inff()), sum = hn::Zero(f);
  Along(x, count, MaxOf{&best});
  const V top = hn::MaxOfLanes(f, best);
  Along(x, count, ExpSum{top, &sum, log ? nullptr : y});
  const float total = Sum(sum);
  if (log) {
    // Two subtractions: top + log(total) would lose what they differ by.
    const V log_total = Splat(std::log(total));
    Along(x, count, ShiftBy{top, y});
    Along(y, count, ShiftBy{log_total, y});
  } else {
    Along(y, count, MultiplyBy{Splat(1.0f / total), y});
  }
}

struct SumOf {
  HWY_INLINE void operator()(std::int64_t, V v, std::int64_t) const { *sum = hn::Add(*sum, v); }
  V* sum;
};

struct SquaresOf {
  HWY_INLINE void operator()(std::int64_t, V v, std::int64_t lanes) const {
    const V deviation = FirstLanes(hn::Sub(v, mean), lanes);
    *sum = hn::MulAdd(deviation, deviation, *sum);
  }
  V mean;
  V* sum;
};

struct ScaleAndOffset {
  HWY_INLINE V Load(const float* p, std::int64_t i, std::int64_t lanes) const {
    return lanes == kLanes ? hn::LoadU(f, p + i) : LoadPartial(p + i, lanes);
  }
  HWY_INLINE void operator()(std::int64_t i, V v, std::int64_t lanes) const {
    V value = hn::Mul(hn::Sub(v, mean), factor);
    if (row.scale != nullptr) value = hn::Mul(value, Load(row.scale, i, lanes));
    if (row.offset != nullptr) value = hn::Add(value, Load(row.offset, i, lanes));
    StoreLanes(value, y + i, lanes);
  }
  const NormalizeRow& row;
  V mean, factor;
  float* y;
};

HWY_INLINE void NormalizeOne(const NormalizeRow& row, const float* x, float* y,
                             std::int64_t count) {
  const float n = static_cast<float>(count);
  V sum = hn::Zero(f);
  float mean = 0;
  if (row.centered) {
    Along(x, count, SumOf{&sum});
    mean = Sum(sum) / n;
    sum = hn::Zero(f);
  }
  Along(x, count, SquaresOf{Splat(mean), &sum});
  const float factor = 1.0f / std::sqrt(Sum(sum) / n + row.epsilon);
  Along(x, count, ScaleAndOffset{row, Splat(mean), Splat(factor), y});
}

/// The sums of one row take longer to add up than to compute: rows run into one another.
void NormalizeRows(const NormalizeRow& row, const float* x, float* y, std::int64_t count,
                   std::int64_t rows) {
  for (std::int64_t i = 0; i < rows; ++i) NormalizeOne(row, x + i * count, y + i * count, count);
}

}  // namespace HWY_NAMESPACE
}  // namespace thaw::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace thaw::cpu {

HWY_EXPORT(SoftmaxRow);
HWY_EXPORT(NormalizeRows);

namespace {

class SoftmaxKernel final : public Kernel {
 public:
  SoftmaxKernel(std::int64_t rows, std::int64_t count, bool log)
      : rows_(rows), count_(count), log_(log) {}
  const char* name() const override { return "cpu softmax"; }

  void run(const Args& args) const override {
    const float* x = args.in[0].as<float>();
    float* y = args.out[0].as_mutable<float>();
    parallel(args, rows_, count_ * 8, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        HWY_DYNAMIC_DISPATCH(SoftmaxRow)(x + row * count_, y + row * count_, count_, log_);
      }
    });
  }

 private:
  std::int64_t rows_, count_;
  bool log_;
};

class NormalizeKernel final : public Kernel {
 public:
  NormalizeKernel(const ops::Normalize& op, std::int64_t rows, std::int64_t count)
      : rows_(rows),
        count_(count),
        has_scale_(op.has_scale),
        has_offset_(op.has_offset),
        centered_(op.centered),
        epsilon_(static_cast<float>(op.epsilon)) {}
  const char* name() const override { return "cpu normalize"; }

  void run(const Args& args) const override {
    const NormalizeRow shared{has_scale_ ? args.in[1].as<float>() : nullptr,
                              has_offset_ ? args.in[has_scale_ ? 2 : 1].as<float>() : nullptr,
                              epsilon_, centered_};
    const float* x = args.in[0].as<float>();
    float* y = args.out[0].as_mutable<float>();
    parallel(args, rows_, count_ * 4, [&](std::int64_t begin, std::int64_t end) {
      HWY_DYNAMIC_DISPATCH(NormalizeRows)
      (shared, x + begin * count_, y + begin * count_, count_, end - begin);
    });
  }

 private:
  std::int64_t rows_, count_;
  bool has_scale_, has_offset_, centered_;
  float epsilon_;
};

/// The operand gives every row the same `count` elements.
bool is_row(const Shape& x, const Shape& operand, std::int64_t count) {
  if (operand.num_elements() != count) return false;
  for (int axis = operand.rank() - 1, own = x.rank() - 1; axis >= 0; --axis, --own) {
    if (operand[axis] != x[own]) return product(operand, 0, axis + 1) == 1;
    if (product(operand, axis, operand.rank()) == count) return product(operand, 0, axis) == 1;
  }
  return true;
}

}  // namespace

std::unique_ptr<Kernel> prepare_softmax(const Site& site) {
  const auto& op = site.op_as<ops::Softmax>();
  const Shape& x = site.in[0].shape;
  const auto blocks = blocks_of(x, op.axes);
  if (!all_float32(site) || !blocks || blocks->inner != 1 || x.num_elements() == 0) return nullptr;
  return std::make_unique<SoftmaxKernel>(blocks->outer, blocks->middle, op.log);
}

std::unique_ptr<Kernel> prepare_normalize(const Site& site) {
  const auto& op = site.op_as<ops::Normalize>();
  const Shape& x = site.in[0].shape;
  const auto blocks = blocks_of(x, op.axes);
  if (!all_float32(site) || !blocks || blocks->inner != 1 || x.num_elements() == 0) return nullptr;
  for (std::size_t i = 1; i < site.in.size(); ++i) {
    if (!is_row(x, site.in[i].shape, blocks->middle)) return nullptr;
  }
  return std::make_unique<NormalizeKernel>(op, blocks->outer, blocks->middle);
}

}  // namespace thaw::cpu
#endif
