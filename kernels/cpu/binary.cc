// Binary on float32: rows of the broadcast loop, each operand a vector or a scalar along the row.
// Parallel over rows, or over the elements of a single row.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/binary.cc"
// clang-format off
#include "kernels/cpu/simd.h"
#include "hwy/foreach_target.h"
#include "kernels/cpu/math-inl.h"
// clang-format on

#include "kernels/cpu/broadcast.h"
#include "kernels/cpu/functions.h"
#include "kernels/cpu/kernels.h"
#include "runtime/ir/ops.h"

// clang-format off
#ifndef THAW_VECTOR_BINARY_KINDS
#define THAW_VECTOR_BINARY_KINDS(X)                                                       \
  X(add) X(sub) X(mul) X(div) X(div_no_nan) X(mul_no_nan) X(maximum) X(minimum)           \
  X(squared_difference)
#endif
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace thaw::cpu {
namespace HWY_NAMESPACE {

template <BinaryKind K>
HWY_INLINE V Combine(V x, V y) {
  if constexpr (K == BinaryKind::add) return hn::Add(x, y);
  if constexpr (K == BinaryKind::sub) return hn::Sub(x, y);
  if constexpr (K == BinaryKind::mul) return hn::Mul(x, y);
  if constexpr (K == BinaryKind::div) return hn::Div(x, y);
  if constexpr (K == BinaryKind::div_no_nan) {
    return hn::IfThenZeroElse(hn::Eq(y, hn::Zero(f)), hn::Div(x, y));
  }
  if constexpr (K == BinaryKind::mul_no_nan) {
    return hn::IfThenZeroElse(hn::Eq(y, hn::Zero(f)), hn::Mul(x, y));
  }
  if constexpr (K == BinaryKind::maximum) return Maximum(x, y);
  if constexpr (K == BinaryKind::minimum) return Minimum(x, y);
  if constexpr (K == BinaryKind::squared_difference) {
    const V difference = hn::Sub(x, y);
    return hn::Mul(difference, difference);
  }
}

/// One row; a stride of 0 is a scalar. z may be x or y.
template <BinaryKind K>
void Row(const float* x, std::int64_t x_stride, const float* y, std::int64_t y_stride, float* z,
         std::int64_t count) {
  const V x0 = Splat(*x), y0 = Splat(*y);
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    const V a = x_stride == 0 ? x0 : hn::LoadU(f, x + i);
    const V b = y_stride == 0 ? y0 : hn::LoadU(f, y + i);
    hn::StoreU(Combine<K>(a, b), f, z + i);
  }
  if (i < count) {
    const V a = x_stride == 0 ? x0 : LoadPartial(x + i, count - i);
    const V b = y_stride == 0 ? y0 : LoadPartial(y + i, count - i);
    StorePartial(Combine<K>(a, b), z + i, count - i);
  }
}

void BinaryRow(BinaryKind kind, const float* x, std::int64_t x_stride, const float* y,
               std::int64_t y_stride, float* z, std::int64_t count) {
  switch (kind) {
#define X(kind) \
  case BinaryKind::kind: return Row<BinaryKind::kind>(x, x_stride, y, y_stride, z, count);
    THAW_VECTOR_BINARY_KINDS(X)
#undef X
    default: return;
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace thaw::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace thaw::cpu {

HWY_EXPORT(BinaryRow);

bool has_vector_form(BinaryKind kind) {
  switch (kind) {
#define X(kind) case BinaryKind::kind:
    THAW_VECTOR_BINARY_KINDS(X)
#undef X
    return true;
    default: return false;
  }
}

void apply_row(BinaryKind kind, const float* x, std::int64_t x_stride, const float* y,
               std::int64_t y_stride, float* z, std::int64_t count) {
  if (count > 0) HWY_DYNAMIC_DISPATCH(BinaryRow)(kind, x, x_stride, y, y_stride, z, count);
}

namespace {

class BinaryKernel final : public Kernel {
 public:
  BinaryKernel(BinaryKind kind, Broadcast<2> loop, std::array<bool, 2> whole)
      : kind_(kind), loop_(std::move(loop)), whole_(whole) {}
  const char* name() const override { return "cpu binary"; }
  bool reads_rows(std::size_t operand, std::int64_t columns) const override {
    return columns >= kLeastRow && whole_[operand];
  }
  bool writes_rows(std::size_t, std::int64_t columns) const override {
    return columns >= kLeastRow;
  }

  void run(const Args& args) const override {
    const float* x = args.in[0].as<float>();
    const float* y = args.in[1].as<float>();
    float* z = args.out[0].as_mutable<float>();
    const auto& strides = loop_.row_strides();
    parallel_rows(args, loop_, 2,
                  [&](std::int64_t row, const auto& at, std::int64_t first, std::int64_t count) {
                    const std::int64_t begin = row * loop_.row_size() + first;
                    for_pieces(args, begin, count, [&](std::int64_t index, std::int64_t some) {
                      const auto offset = [&](std::size_t o) {
                        return args.in[o].offset_of(at[o] + (index - begin) * strides[o]);
                      };
                      apply_row(kind_, x + offset(0), strides[0], y + offset(1), strides[1],
                                z + args.out[0].offset_of(index), some);
                    });
                  });
  }

 private:
  BinaryKind kind_;
  Broadcast<2> loop_;
  std::array<bool, 2> whole_;  // per operand: as many elements as the result
};

}  // namespace

std::unique_ptr<Kernel> prepare_binary(const Site& site) {
  const BinaryKind kind = site.op_as<ops::Binary>().kind;
  if (!all_float32(site) || !has_vector_form(kind)) return nullptr;
  const Shape &x = site.in[0].shape, &y = site.in[1].shape, &z = site.out[0].shape;
  const std::array<bool, 2> whole = {x.num_elements() == z.num_elements(),
                                     y.num_elements() == z.num_elements()};
  return std::make_unique<BinaryKernel>(kind, Broadcast<2>(z, {&x, &y}), whole);
}

}  // namespace thaw::cpu
#endif
