// Embedding look-up in a table that is kept in a shorter form: rows become float32 as they are
// copied. Parallel over indices; rows ahead are prefetched.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/gather_compressed.cc"
// clang-format off
#include "kernels/cpu/simd.h"
#include "hwy/foreach_target.h"
#include "kernels/cpu/weights-inl.h"
// clang-format on

#include "kernels/cpu/common.h"
#include "kernels/cpu/kernels.h"
#include "kernels/cpu/packed.h"
#include "runtime/base/check.h"
#include "runtime/ir/ops.h"

HWY_BEFORE_NAMESPACE();
namespace thaw::cpu {
namespace HWY_NAMESPACE {

/// The elements behind the last whole vector go through one, so that their rounding is the same.
template <class T>
void ExpandAs(const T* from, float scale, float* to, std::int64_t count) {
  const V s = Splat(scale);
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    hn::StoreU(hn::Mul(LoadWeights(from + i), s), f, to + i);
  }
  if (i >= count) return;
  T rest[kLanes] = {};
  std::memcpy(rest, from + i, static_cast<std::size_t>(count - i) * sizeof(T));
  StorePartial(hn::Mul(LoadWeights(rest), s), to + i, count - i);
}

void ExpandRow(WeightStorage storage, const void* from, float scale, float* to,
               std::int64_t count) {
  switch (storage) {
    case WeightStorage::fp16: return ExpandAs(static_cast<const float16*>(from), 1, to, count);
    case WeightStorage::bf16: return ExpandAs(static_cast<const bfloat16*>(from), 1, to, count);
    case WeightStorage::int8:
      return ExpandAs(static_cast<const std::int8_t*>(from), scale, to, count);
    case WeightStorage::f32: break;
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace thaw::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace thaw::cpu {

HWY_EXPORT(ExpandRow);

namespace {

constexpr std::int64_t kRowsAhead = 8;

template <class Index>
class CompressedGatherKernel final : public Kernel {
 public:
  CompressedGatherKernel(std::shared_ptr<const PackedWeights> table, std::int64_t rows,
                         std::int64_t row, std::int64_t count, bool from_end)
      : table_(std::move(table)), rows_(rows), row_(row), count_(count), from_end_(from_end) {}
  const char* name() const override { return "cpu compressed gather"; }
  OperandUse use(std::size_t operand) const override {
    return operand == 0 ? OperandUse::nothing : OperandUse::elements;
  }

  void run(const Args& args) const override {
    const Index* indices = args.in[1].as<Index>();
    float* y = args.out[0].as_mutable<float>();
    parallel(args, count_, std::max<std::int64_t>(8, row_ / 2),
             [&](std::int64_t begin, std::int64_t end) {
               for (std::int64_t i = begin; i < end; ++i) {
                 if (i + kRowsAhead < end) prefetch(indices[i + kRowsAhead]);
                 look_up(static_cast<std::int64_t>(indices[i]), i, y + i * row_);
               }
             });
  }

 private:
  const void* address(std::int64_t index) const {
    return element_at(table_->data(), table_->storage, index * row_);
  }
  void prefetch(Index index) const {
    if (index < 0 || static_cast<std::int64_t>(index) >= rows_) return;
    __builtin_prefetch(address(static_cast<std::int64_t>(index)));
  }
  void look_up(std::int64_t given, std::int64_t at, float* y) const {
    const std::int64_t index = given < 0 && from_end_ ? given + rows_ : given;
    if (index < 0 || index >= rows_) {
      fail(ErrorCode::invalid_argument, "indices[{}] = {} is not in [{}, {})", at, given,
           from_end_ ? -rows_ : 0, rows_);
    }
    const float scale = table_->scales() == nullptr ? 1 : table_->scales()[index];
    HWY_DYNAMIC_DISPATCH(ExpandRow)(table_->storage, address(index), scale, y, row_);
  }

  std::shared_ptr<const PackedWeights> table_;
  std::int64_t rows_, row_, count_;
  bool from_end_;
};

}  // namespace

std::unique_ptr<Kernel> prepare_gather_compressed(const Site& site) {
  const auto& op = site.op_as<ops::Gather>();
  const Shape& params = site.in[0].shape;
  const bool rows_of_table = (op.axis == 0 || op.axis == -params.rank()) && op.batch_dims == 0;
  if (site.constants[0] == nullptr || site.in[0].dtype != DType::float32 || !rows_of_table ||
      site.out[0].shape.num_elements() == 0) {
    return nullptr;
  }
  const DType index = site.in[1].dtype;
  if (index != DType::int32 && index != DType::int64) return nullptr;
  const std::int64_t rows = params[0], row = product(params, 1, params.rank());
  const std::int64_t count = site.in[1].shape.num_elements();
  std::shared_ptr<const PackedWeights> table = packed_rows(site, 0, rows, row);
  if (table == nullptr) return nullptr;
  if (index == DType::int32) {
    return std::make_unique<CompressedGatherKernel<std::int32_t>>(std::move(table), rows, row,
                                                                  count, op.from_end);
  }
  return std::make_unique<CompressedGatherKernel<std::int64_t>>(std::move(table), rows, row, count,
                                                                op.from_end);
}

}  // namespace thaw::cpu
#endif
