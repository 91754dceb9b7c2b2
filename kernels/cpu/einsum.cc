// Einsum of two float32 operands by the packed GEMM: attention's scores and sums, projections over
// several axes. Axes are read where they lie; constant right operands are packed once. Parallel
// over row and column blocks of all products.
#include "kernels/cpu/einsum_plan.h"
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/kernels.h"
#include "runtime/base/memory.h"

namespace thaw::cpu {
namespace {

class EinsumKernel final : public Kernel {
 public:
  EinsumKernel(EinsumPlan plan, std::shared_ptr<const PackedWeights> packed)
      : plan_(std::move(plan)),
        weights_(std::move(packed)),
        packed_size_(packed_size(plan_.k, plan_.n)) {
    const auto reserve = [this](std::int64_t floats) {
      const std::size_t at = workspace_;
      workspace_ += align_up(static_cast<std::size_t>(floats) * sizeof(float));
      return at;
    };
    packed_at_ = reserve(weights_ ? 0 : packed_size_ * plan_.products);
    a_at_ = reserve(plan_.a.floats);
    b_at_ = reserve(weights_ ? 0 : plan_.b.floats);
    y_at_ = reserve(plan_.y.floats);
  }
  const char* name() const override { return "cpu einsum"; }
  OperandUse use(std::size_t operand) const override {
    return weights_ != nullptr && operand == plan_.b.operand ? OperandUse::nothing : OperandUse::elements;
  }

  void run(const Args& args) const override {
    const float* a = operand(args, plan_.a, a_at_);
    const void* packed = weights_ ? weights_->data() : pack(args);
    float* y = plan_.y.copy ? memory(args, y_at_) : args.out[0].as_mutable<float>();
    const std::int64_t tasks = gemm_tasks(plan_.m, plan_.n);
    parallel(args, plan_.products * tasks, gemm_cost(plan_.m, plan_.k),
             [&](std::int64_t begin, std::int64_t end) {
               while (begin < end) {
                 const std::int64_t index = begin / tasks, first = begin % tasks;
                 const std::int64_t last = std::min(tasks, first + end - begin);
                 gemm(product_of(index, a, packed, y), first, last);
                 begin += last - first;
               }
             });
    if (plan_.y.copy) plan_.y.copy->run(args, sizeof(float), y, args.out[0].data);
  }

 private:
  static float* memory(const Args& args, std::size_t at) {
    return reinterpret_cast<float*>(args.workspace + at);
  }

  static const float* operand(const Args& args, const EinsumPlan::Matrices& matrices,
                              std::size_t at) {
    const float* x = args.in[matrices.operand].as<float>();
    if (!matrices.copy) return x;
    matrices.copy->run(args, sizeof(float), x, memory(args, at));
    return memory(args, at);
  }

  const void* pack(const Args& args) const {
    const float* b = operand(args, plan_.b, b_at_);
    float* packed = memory(args, packed_at_);
    const std::int64_t blocks = ceil_div(plan_.n, gemm_columns());
    parallel(args, plan_.products * blocks, plan_.k * gemm_columns(),
             [&](std::int64_t begin, std::int64_t end) {
               for (std::int64_t i = begin; i < end; ++i) {
                 const std::int64_t product = i / blocks, block = i % blocks;
                 pack_matrix(b + plan_.b.offsets[static_cast<std::size_t>(product)], plan_.k,
                             plan_.n, plan_.b.row_stride, plan_.b.column_stride,
                             packed + product * packed_size_, block, block + 1);
               }
             });
    return packed;
  }

  Gemm product_of(std::int64_t index, const float* a, const void* packed, float* y) const {
    const auto at = static_cast<std::size_t>(index);
    Gemm g;
    g.a = a + plan_.a.offsets[at];
    g.inner_rows = plan_.m;
    g.row_stride = plan_.a.row_stride;
    g.segment_length = plan_.k;
    if (weights_) {
      g.storage = weights_->storage;
      if (weights_->scales() != nullptr) {
        g.scales = weights_->scales() + index * gemm_blocks(plan_.k, plan_.n).columns;
      }
    }
    g.packed = element_at(packed, g.storage, index * packed_size_);
    g.c = y + plan_.y.offsets[at];
    g.c_stride = plan_.y.row_stride;
    g.m = plan_.m;
    g.n = plan_.n;
    return g;
  }

  EinsumPlan plan_;
  std::shared_ptr<const PackedWeights> weights_;  // null: packed on each run
  std::int64_t packed_size_;
  std::size_t packed_at_ = 0, a_at_ = 0, b_at_ = 0, y_at_ = 0;
};

}  // namespace

std::unique_ptr<Kernel> prepare_einsum(const Site& site) {
  if (site.in.size() != 2 || !all_float32(site) || site.out[0].shape.num_elements() == 0 ||
      site.in[0].shape.num_elements() == 0) {
    return nullptr;
  }
  std::optional<EinsumPlan> plan = plan_einsum(site);
  if (!plan) return nullptr;
  std::shared_ptr<const PackedWeights> packed;
  const EinsumPlan::Matrices& b = plan->b;
  if (site.constants[b.operand] != nullptr && !b.copy) {
    const std::int64_t size = packed_size(plan->k, plan->n);
    const std::string layout =
        layout_name("einsum", {plan->k, plan->n, b.row_stride, b.column_stride, plan->products,
                               float_lanes()}) +
        site.op_as<ops::Einsum>().equation;
    const std::vector<PackedBlocks> parts(b.offsets.size(), gemm_blocks(plan->k, plan->n));
    packed = packed_matrix(
        site, static_cast<int>(b.operand), layout, parts, [&](const float* from, float* to) {
          for (const std::int64_t offset : b.offsets) {
            pack_matrix(from + offset, plan->k, plan->n, b.row_stride, b.column_stride, to, 0,
                        ceil_div(plan->n, gemm_columns()));
            to += size;
          }
        });
  }
  return std::make_unique<EinsumKernel>(std::move(*plan), std::move(packed));
}

}  // namespace thaw::cpu
