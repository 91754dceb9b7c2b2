// Gather of rows (embedding look-up) with 32- or 64-bit indices: a checked copy per index.
// Parallel over indices; rows ahead are prefetched, as they rarely are in a cache.
#include <cstring>

#include "kernels/cpu/common.h"
#include "kernels/cpu/kernels.h"
#include "runtime/base/check.h"

namespace thaw::cpu {
namespace {

constexpr std::int64_t kAhead = 8;

/// params [batch, outer, size, row], indices [batch, count] -> [batch, outer, count, row].
struct GatherShape {
  std::int64_t batch = 1, outer = 1, size = 1, count = 1;
  std::size_t row = 0;    // bytes
  bool from_end = false;  // indices below 0 count from it
};

template <class Index>
class GatherKernel final : public Kernel {
 public:
  explicit GatherKernel(const GatherShape& shape) : s_(shape) {}
  const char* name() const override { return "cpu gather"; }
  OperandUse use(std::size_t operand) const override {
    return operand == 0 ? OperandUse::bytes : OperandUse::elements;
  }

  void run(const Args& args) const override {
    const auto* params = static_cast<const std::byte*>(args.in[0].data);
    const auto* indices = static_cast<const Index*>(args.in[1].data);
    auto* y = static_cast<std::byte*>(args.out[0].data);
    const auto cost = std::max<std::int64_t>(8, static_cast<std::int64_t>(s_.row / 8));
    parallel(args, s_.batch * s_.outer * s_.count, cost, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t block = i / s_.count, within = i % s_.count;
        const Index* row = indices + block / s_.outer * s_.count;
        const std::byte* from = params + static_cast<std::size_t>(block * s_.size) * s_.row;
        if (within + kAhead < s_.count) prefetch(from, row[within + kAhead]);
        const auto given = static_cast<std::int64_t>(row[within]);
        const std::int64_t index = given < 0 && s_.from_end ? given + s_.size : given;
        if (index < 0 || index >= s_.size) {
          fail(ErrorCode::invalid_argument, "indices[{}] = {} is not in [{}, {})",
               block / s_.outer * s_.count + within, given, s_.from_end ? -s_.size : 0, s_.size);
        }
        std::memcpy(y + static_cast<std::size_t>(i) * s_.row,
                    from + static_cast<std::size_t>(index) * s_.row, s_.row);
      }
    });
  }

 private:
  void prefetch(const std::byte* from, Index index) const {
    if (index < 0 || static_cast<std::int64_t>(index) >= s_.size) return;
    const std::byte* row = from + static_cast<std::size_t>(index) * s_.row;
    __builtin_prefetch(row);
    if (s_.row > 64) __builtin_prefetch(row + 64);
  }

  GatherShape s_;
};

}  // namespace

std::unique_ptr<Kernel> prepare_gather(const Site& site) {
  const auto& op = site.op_as<ops::Gather>();
  const DType dtype = site.in[0].dtype, index = site.in[1].dtype;
  if (dtype == DType::string || size_of(dtype) == 0) return nullptr;
  const Shape &params = site.in[0].shape, &indices = site.in[1].shape;
  const int axis = static_cast<int>(op.axis < 0 ? op.axis + params.rank() : op.axis);
  const int batch =
      static_cast<int>(op.batch_dims < 0 ? op.batch_dims + indices.rank() : op.batch_dims);
  if (batch < 0 || batch > axis || batch > indices.rank() ||
      site.out[0].shape.num_elements() == 0) {
    return nullptr;
  }
  GatherShape s;
  s.batch = product(params, 0, batch);
  s.outer = product(params, batch, axis);
  s.size = params[axis];
  s.row = static_cast<std::size_t>(product(params, axis + 1, params.rank())) * size_of(dtype);
  s.count = product(indices, batch, indices.rank());
  s.from_end = op.from_end;
  if (index == DType::int32) return std::make_unique<GatherKernel<std::int32_t>>(s);
  if (index == DType::int64) return std::make_unique<GatherKernel<std::int64_t>>(s);
  return nullptr;
}

}  // namespace thaw::cpu
