// Select on elements of any size: rows of the broadcast loop; the compiler vectorises the choice.
#include <cstdint>

#include "kernels/cpu/broadcast.h"
#include "kernels/cpu/kernels.h"
#include "runtime/ir/ops.h"

namespace thaw::cpu {
namespace {

struct Sixteen {
  std::uint64_t halves[2];
};

template <class T>
class SelectKernel final : public Kernel {
 public:
  explicit SelectKernel(Broadcast<3> loop) : loop_(std::move(loop)) {}
  const char* name() const override { return "cpu select"; }

  void run(const Args& args) const override {
    const bool* condition = args.in[0].as<bool>();
    const auto* x = args.in[1].as<T>();
    const auto* y = args.in[2].as<T>();
    auto* z = args.out[0].as_mutable<T>();
    parallel_rows(args, loop_, 2,
                  [&](std::int64_t row, const auto& at, std::int64_t first, std::int64_t count) {
                    choose(condition + at[0], x + at[1], y + at[2],
                           z + row * loop_.row_size() + first, count);
                  });
  }

 private:
  void choose(const bool* condition, const T* x, const T* y, T* z, std::int64_t count) const {
    const auto [dc, dx, dy] = loop_.row_strides();
    if (dc == 0) {  // a whole row from one side: the mask of a time step
      const T* from = *condition ? x : y;
      const std::int64_t stride = *condition ? dx : dy;
      for (std::int64_t i = 0; i < count; ++i) z[i] = from[i * stride];
    } else if (dx == 1 && dy == 1) {
      for (std::int64_t i = 0; i < count; ++i) z[i] = condition[i] ? x[i] : y[i];
    } else {
      for (std::int64_t i = 0; i < count; ++i) z[i] = condition[i] ? x[i * dx] : y[i * dy];
    }
  }

  Broadcast<3> loop_;
};

}  // namespace

std::unique_ptr<Kernel> prepare_select(const Site& site) {
  const DType dtype = site.out[0].dtype;
  if (dtype == DType::string || site.out[0].shape.num_elements() == 0) return nullptr;
  Broadcast<3> loop(site.out[0].shape, {&site.in[0].shape, &site.in[1].shape, &site.in[2].shape});
  switch (size_of(dtype)) {
    case 1: return std::make_unique<SelectKernel<std::uint8_t>>(std::move(loop));
    case 2: return std::make_unique<SelectKernel<std::uint16_t>>(std::move(loop));
    case 4: return std::make_unique<SelectKernel<std::uint32_t>>(std::move(loop));
    case 8: return std::make_unique<SelectKernel<std::uint64_t>>(std::move(loop));
    case 16: return std::make_unique<SelectKernel<Sixteen>>(std::move(loop));
    default: return nullptr;
  }
}

}  // namespace thaw::cpu
