// Select on 4-byte elements: rows of the broadcast loop; the compiler vectorises the choice.
#include <cstdint>

#include "kernels/cpu/broadcast.h"
#include "kernels/cpu/kernels.h"
#include "runtime/ir/ops.h"

namespace thaw::cpu {
namespace {

class SelectKernel final : public Kernel {
 public:
  explicit SelectKernel(Broadcast<3> loop) : loop_(std::move(loop)) {}
  const char* name() const override { return "cpu select"; }

  void run(const Args& args) const override {
    const bool* condition = args.in[0].as<bool>();
    const auto* x = args.in[1].as<std::uint32_t>();
    const auto* y = args.in[2].as<std::uint32_t>();
    auto* z = args.out[0].as_mutable<std::uint32_t>();
    parallel_rows(args, loop_, 2,
                  [&](std::int64_t row, const auto& at, std::int64_t first, std::int64_t count) {
                    choose(condition + at[0], x + at[1], y + at[2],
                           z + row * loop_.row_size() + first, count);
                  });
  }

 private:
  void choose(const bool* condition, const std::uint32_t* x, const std::uint32_t* y,
              std::uint32_t* z, std::int64_t count) const {
    const auto [dc, dx, dy] = loop_.row_strides();
    if (dc == 0) {  // a whole row from one side: the mask of a time step
      const std::uint32_t* from = *condition ? x : y;
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
  if (size_of(dtype) != 4 || dtype == DType::string || site.out[0].shape.num_elements() == 0) {
    return nullptr;
  }
  return std::make_unique<SelectKernel>(
      Broadcast<3>(site.out[0].shape, {&site.in[0].shape, &site.in[1].shape, &site.in[2].shape}));
}

}  // namespace thaw::cpu
