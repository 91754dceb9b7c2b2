// Reduce (sum, mean, max, min) on float32 over neighbouring axes: [outer, middle, inner] -> [outer,
// inner]. inner = 1: a row per result, four vectors wide; else columns along the lanes. Sums run
// over at most kRun terms before they are added up, so that long ones stay exact. Parallel over
// results only.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/reduce.cc"
// clang-format off
#include "kernels/cpu/simd.h"
#include "hwy/foreach_target.h"
#include "kernels/cpu/math-inl.h"
// clang-format on

#include "kernels/cpu/kernels.h"
#include "kernels/cpu/rows.h"
#include "runtime/ir/ops.h"

HWY_BEFORE_NAMESPACE();
namespace thaw::cpu {
namespace HWY_NAMESPACE {

constexpr std::int64_t kRun = 64;  // vectors

template <ReduceKind K>
HWY_INLINE V Join(V a, V b) {
  if constexpr (K == ReduceKind::max) return Maximum(a, b);
  if constexpr (K == ReduceKind::min) return Minimum(a, b);
  return hn::Add(a, b);
}

template <ReduceKind K>
HWY_INLINE V Start() {
  if constexpr (K == ReduceKind::max) return Splat(-__builtin_inff());
  if constexpr (K == ReduceKind::min) return Splat(__builtin_inff());
  return hn::Zero(f);
}

/// One row of `count` elements.
template <ReduceKind K>
float Row(const float* x, std::int64_t count) {
  V total = Start<K>();
  std::int64_t i = 0;
  while (i + kLanes <= count) {
    V part[4] = {Start<K>(), Start<K>(), Start<K>(), Start<K>()};
    std::int64_t run = 0;
    for (; run < kRun && i + 4 * kLanes <= count; ++run, i += 4 * kLanes) {
      HWY_UNROLL(4)
      for (int v = 0; v < 4; ++v) part[v] = Join<K>(part[v], hn::LoadU(f, x + i + v * kLanes));
    }
    if (run == 0) {
      part[0] = hn::LoadU(f, x + i);
      i += kLanes;
    }
    total = Join<K>(total, Join<K>(Join<K>(part[0], part[1]), Join<K>(part[2], part[3])));
  }
  if (i < count) {
    const auto real = hn::FirstN(f, static_cast<std::size_t>(count - i));
    total = Join<K>(total, hn::IfThenElse(real, LoadPartial(x + i, count - i), Start<K>()));
  }
  HWY_ALIGN float lanes[kLanes];
  hn::Store(total, f, lanes);
  for (std::int64_t half = kLanes / 2; half > 0; half /= 2) {
    for (std::int64_t l = 0; l < half; ++l) {
      const float a = lanes[l], b = lanes[l + half];
      if constexpr (K == ReduceKind::max) {
        lanes[l] = a > b || a != a ? a : b;
      } else if constexpr (K == ReduceKind::min) {
        lanes[l] = a < b || a != a ? a : b;
      } else {
        lanes[l] = a + b;
      }
    }
  }
  return lanes[0];
}

/// One vector of columns.
template <ReduceKind K>
HWY_INLINE V Column(const float* x, std::int64_t count, std::int64_t stride, std::int64_t lanes) {
  V total = Start<K>();
  for (std::int64_t i = 0; i < count;) {
    V part = Start<K>();
    for (const std::int64_t end = HWY_MIN(count, i + kRun); i < end; ++i) {
      part = Join<K>(part, lanes == kLanes ? hn::LoadU(f, x + i * stride)
                                           : LoadPartial(x + i * stride, lanes));
    }
    total = Join<K>(total, part);
  }
  return total;
}

template <ReduceKind K>
void Results(const Blocks& s, const float* x, float* y, std::int64_t begin, std::int64_t end) {
  const float divisor = static_cast<float>(s.middle);
  for (std::int64_t o = begin; o < end; ++o, x += s.middle * s.inner, y += s.inner) {
    if (s.inner == 1) {
      *y = Row<K>(x, s.middle);
      if (K == ReduceKind::mean) *y /= divisor;
      continue;
    }
    for (std::int64_t c = 0; c < s.inner; c += kLanes) {
      const std::int64_t lanes = HWY_MIN(kLanes, s.inner - c);
      V v = Column<K>(x + c, s.middle, s.inner, lanes);
      if (K == ReduceKind::mean) v = hn::Div(v, Splat(divisor));
      if (lanes == kLanes) {
        hn::StoreU(v, f, y + c);
      } else {
        StorePartial(v, y + c, lanes);
      }
    }
  }
}

void ReduceBlocks(ReduceKind kind, const Blocks& s, const float* x, float* y, std::int64_t begin,
                  std::int64_t end) {
  x += begin * s.middle * s.inner;
  y += begin * s.inner;
  switch (kind) {
    case ReduceKind::sum: return Results<ReduceKind::sum>(s, x, y, begin, end);
    case ReduceKind::mean: return Results<ReduceKind::mean>(s, x, y, begin, end);
    case ReduceKind::max: return Results<ReduceKind::max>(s, x, y, begin, end);
    default: return Results<ReduceKind::min>(s, x, y, begin, end);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace thaw::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace thaw::cpu {

HWY_EXPORT(ReduceBlocks);

namespace {

class ReduceKernel final : public Kernel {
 public:
  ReduceKernel(ReduceKind kind, const Blocks& blocks) : kind_(kind), s_(blocks) {}
  const char* name() const override { return "cpu reduce"; }

  void run(const Args& args) const override {
    parallel(args, s_.outer, s_.middle * s_.inner, [&](std::int64_t begin, std::int64_t end) {
      HWY_DYNAMIC_DISPATCH(ReduceBlocks)
      (kind_, s_, args.in[0].as<float>(), args.out[0].as_mutable<float>(), begin, end);
    });
  }

 private:
  ReduceKind kind_;
  Blocks s_;
};

}  // namespace

std::unique_ptr<Kernel> prepare_reduce(const Site& site) {
  const ReduceKind kind = site.op_as<ops::Reduce>().kind;
  const Shape& x = site.in[0].shape;
  if (site.in[0].dtype != DType::float32 || x.num_elements() == 0) return nullptr;
  if (kind != ReduceKind::sum && kind != ReduceKind::mean && kind != ReduceKind::max &&
      kind != ReduceKind::min) {
    return nullptr;
  }
  const auto blocks = blocks_of(x, site.ints(1));
  if (!blocks) return nullptr;
  return std::make_unique<ReduceKernel>(kind, *blocks);
}

}  // namespace thaw::cpu
#endif
